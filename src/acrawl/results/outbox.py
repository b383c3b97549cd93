"""The outbox's way out: deliver what the frontier holds, durably, and only then let it forget.

The order of one batch is what makes delivery exactly once. Everything is written and made durable first: the catalog's
writes are idempotent, and a feed can be cut back to its mark. Then ``done(ids, marks)`` removes the batch and records
the new marks in one step. A crash before that step repeats the batch from the old marks; a crash after it repeats
nothing. Were the batch forgotten first, a crash would lose it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import msgspec

from acrawl.errors import AcrawlError, CrawlFailed
from acrawl.outcome import Captured, Delivery, FileFact, PageFile, Refused, Sightings, Tally
from acrawl.results.base import Feed, Outbox, Row, Writer
from acrawl.results.catalog import Catalog
from acrawl.results.committing import Committer
from acrawl.results.counted import Counted
from acrawl.results.listing import FailedItem, ImageFile, as_item
from acrawl.results.pipelines import Passage, Pipelines
from acrawl.results.warc.archive import Archive
from acrawl.ticket import Whole

log = logging.getLogger(__name__)

#: Entries of the outbox that are delivered in one transaction; of a long one up to so many times as many, while they
#: are no more bytes than these: a commit costs the same for all.
BATCH = 500
GROWTH, _BYTES = 8, 4 << 20
#: The mark that says which delivery is the last one of the batch that was begun last.
BEGUN = "outbox:begun"
_DECODERS: dict[str, Callable[[bytes], Any]] = {
    "item": msgspec.msgpack.Decoder().decode,
    "file": msgspec.msgpack.Decoder(FileFact).decode,
    "page": msgspec.msgpack.Decoder(PageFile).decode,
    "exchange": msgspec.msgpack.Decoder(Captured).decode,
    "sightings": msgspec.msgpack.Decoder(Sightings).decode,
    "refused": msgspec.msgpack.Decoder(Refused).decode,
    "dropped": msgspec.msgpack.Decoder(Whole).decode,
}
#: Fields that are remembered as warned of; more are not warned of.
_MOST_WARNED = 1000
_T = TypeVar("_T")


class _Entry:
    """One delivery while it is worked on: its value, and for an item what the pipelines made of it.

    ``kind`` is the item's, or ``failed`` once it is out of the way.
    """

    __slots__ = ("delivery", "failure", "kind", "passage", "value")

    def __init__(self, delivery: Delivery) -> None:
        self.delivery = delivery
        self.kind = delivery.item.kind
        self.passage: Passage | None = None
        self.value: Any = None
        self.failure: FailedItem | None = None
        decode = _DECODERS.get(self.kind)
        if decode is None:
            self.fail(f"unknown kind of item {self.kind!r}")
            return
        try:
            self.value = decode(delivery.item.body)
        except (
            msgspec.MsgspecError,
            UnicodeDecodeError,
            RecursionError,
        ) as error:  # recorded as failed; no retry helps
            self.fail(f"its bytes cannot be read: {error}")

    def fail(self, reason: str, detail: str = "") -> None:
        """Take the entry out of the way; it is recorded with what travelled."""
        delivery = self.delivery
        log.error("item %s of %s failed: %s%s", delivery.item_id, delivery.url, reason, f"\n{detail}" if detail else "")
        self._record(delivery.item.kind, reason, detail, delivery.item.body)

    def refuse(self, warned: set[str]) -> None:
        """Take an item out of the way that its worker refused; what is wrong with a field is warned of once."""
        refused = self.value
        if not refused.about:
            delivery = self.delivery
            log.error("item %s of %s failed: %s\n%s", delivery.item_id, delivery.url, refused.reason, refused.detail)
        elif refused.about not in warned and len(warned) < _MOST_WARNED:
            warned.add(refused.about)
            log.warning(
                "an item of %s failed: %s; others like it are only counted (acrawl audit --items lists them)",
                self.delivery.url,
                refused.reason,
            )
        self._record("item", refused.reason, refused.detail, refused.body)

    def _record(self, kind: str, reason: str, detail: str, body: bytes) -> None:
        self.failure = FailedItem(self.delivery.item_id, self.delivery.url, kind, reason, detail, body)
        self.kind = "failed"


class Drain:
    """Delivers the outbox of a frontier. Belongs to one event loop; its files and its database to one thread.

    With ``files_to_feeds`` every saved file is an item of the feeds too; ``archive`` takes what was captured, and
    ``counted`` goes on through every restart. It owns all that is written to, and the pipelines, from `open` to
    `close`. Anything that cannot be written ends it with `CrawlFailed`, and it delivers no more: how far its feeds got
    is known only to the marks, so they must be opened again.
    """

    def __init__(
        self,
        frontier: Outbox,
        feeds: Sequence[Feed],
        catalog: Catalog,
        pipelines: Pipelines,
        *,
        files_to_feeds: bool = True,
        archive: Archive | None = None,
        poll: float = 1.0,
        counted: Counted | None = None,
    ) -> None:
        self._frontier = frontier
        self._feeds = feeds
        self._archive = archive
        self._writers: list[Writer] = [*feeds, *([] if archive is None else [archive])]
        self._committer = Committer(self._writers)
        self._catalog = catalog
        self._pipelines = pipelines
        self._files_to_feeds = files_to_feeds
        self._poll = poll
        self._counted = counted
        self._thread = ThreadPoolExecutor(1, "acrawl-results")
        self._turn = asyncio.Lock()
        self._size = BATCH
        self._begun: int | None = None
        self._more = asyncio.Event()
        self._broken = ""
        self._closed = False
        self._warned: set[str] = set()
        self.tally = Tally()

    async def open(self, begun: int | None = None) -> None:
        """Open the pipelines and record where the feeds begin. Raises `SpiderError`. Call it before `run`.

        The first mark matters: a feed that is appended to and dies before its first commit is cut back to it.
        Where files take the names of others, a batch that was broken off has to come again as it was: ``begun`` is the
        mark `BEGUN`, 0 without one; None where that is not needed.
        """
        self._begun = begun
        await self._pipelines.open()
        await self._frontier.done([], await self.in_thread(self._committer.commit) | self._counts())

    async def run(self) -> None:
        """Deliver until cancelled or closed. A batch under way is finished first. Raises `CrawlFailed`."""
        while not self._closed:
            self._more.clear()
            wanted = self._size
            if await self._step() < wanted:
                with contextlib.suppress(TimeoutError):  # little to deliver and nobody called: let it gather
                    async with asyncio.timeout(self._poll):
                        await self._more.wait()

    def wake(self) -> None:
        """Say that there may be something in the outbox: `run` looks at once instead of at its next turn."""
        self._more.set()

    async def drain(self) -> Tally:
        """Deliver everything that is there now; returns what was delivered so far. Raises `CrawlFailed`."""
        while await self._step():
            pass
        return msgspec.structs.replace(self.tally)

    async def finish(self) -> None:
        """Make of the feeds what others can read. Raises `CrawlFailed`. Call it when nothing more is delivered."""
        await self.in_thread(_finish_all, self._writers)

    async def in_thread(self, function: Callable[..., _T], *arguments: Any) -> _T:
        """Run a blocking function on the thread of the catalog: nothing is delivered while it runs."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    async def close(self) -> None:
        """Close pipelines, feeds and catalog. Raises `CrawlFailed` when a pipeline could not be closed. Idempotent."""
        self._closed = True
        self._more.set()
        try:
            async with self._turn:
                await self._pipelines.close()
        finally:
            with contextlib.suppress(RuntimeError):  # closed before: the thread takes nothing any more
                await self.in_thread(self._close_all)
            self._thread.shutdown()

    # -- one batch

    async def _step(self) -> int:
        """Deliver one batch, whole even when the caller is cancelled meanwhile; returns how many entries it had."""
        step = asyncio.ensure_future(self._deliver_next())
        try:
            return await asyncio.shield(step)
        except asyncio.CancelledError:  # half a batch in a feed would be of no use: finish it, then go
            if not step.done():
                await asyncio.wait([step])
            if not step.cancelled():
                step.exception()
            raise

    async def _deliver_next(self) -> int:
        async with self._turn:
            if self._broken:
                raise CrawlFailed(f"nothing more can be delivered: {self._broken}")
            deliveries = await self._next()
            is_long = len(deliveries) == self._size and sum(len(one.item.body) for one in deliveries) <= _BYTES // 2
            self._size = min(2 * self._size, GROWTH * BATCH) if is_long else BATCH
            if not deliveries:
                return 0
            self._broken = "a delivery was broken off"
            try:
                await self._deliver([_Entry(delivery) for delivery in deliveries])
            except AcrawlError as error:  # all of the batch stays in the outbox
                self._broken = str(error)
                raise
            except Exception as error:  # a defect, ours or of a feed; as above
                self._broken = f"{type(error).__name__}: {error}"
                raise CrawlFailed(f"delivering the results failed: {self._broken}") from error
            self._broken = ""
            return len(deliveries)

    async def _next(self) -> Sequence[Delivery]:
        """The next batch: the one that was broken off, if there is such, else what is there."""
        if self._begun is None:
            return await self._frontier.outbox(self._size)
        if self._begun:
            last, self._begun, n = self._begun, 0, BATCH
            found = await self._frontier.outbox(n)
            while len(found) == n and found[-1].id < last:
                n *= 2
                found = await self._frontier.outbox(n)
            broken_off = [one for one in found if one.id <= last]
            if broken_off:
                return broken_off
        deliveries = await self._frontier.outbox(self._size)
        if deliveries:
            await self._frontier.done([], {BEGUN: deliveries[-1].id})
        return deliveries

    async def _deliver(self, entries: list[_Entry]) -> None:
        # 1. Pipelines, on the loop or in their own threads.
        items = [entry for entry in entries if entry.kind == "item"]
        passages = await self._pipelines.process([entry.value for entry in items])
        for entry, passage in zip(items, passages, strict=True):
            entry.passage = passage
            if passage.failed:
                entry.fail(passage.failed, passage.detail)
            elif passage.dropped is not None:
                log.debug("item %s of %s dropped: %s", entry.delivery.item_id, entry.delivery.url, passage.dropped)
        for entry in entries:
            if entry.kind == "refused":
                entry.refuse(self._warned)
        # 2. Catalog and feeds, made durable in the thread.
        marks = await self.in_thread(self._write, entries)
        self._count(entries)
        # 3. Only now may the frontier forget.
        await self._frontier.done([entry.delivery.id for entry in entries], marks | self._counts())
        if self._archive is not None and any(entry.kind == "exchange" for entry in entries):
            await self.in_thread(self._archive.forget)

    def _write(self, entries: list[_Entry]) -> dict[str, int]:
        """Blocking: all of a batch into the catalog and the feeds; returns the feeds' marks."""
        with self._catalog.batch():
            paths = self._add_files([entry for entry in entries if entry.kind == "file"])
            self._add_pages([entry for entry in entries if entry.kind == "page"])
            going: list[_Entry] = []
            rows: list[Row] = []
            for entry in entries:
                if entry.kind == "item" and entry.passage is not None and entry.passage.going:
                    going.append(entry)
                    rows.append(Row(entry.delivery.item_id, entry.passage.item, entry.delivery.url))
                elif entry.kind == "sightings":
                    self._catalog.add_sightings(entry.value)
                elif entry.kind == "file" and self._files_to_feeds:
                    going.append(entry)
                    rows.append(
                        Row(entry.delivery.item_id, self._as_item(entry.value, paths[entry]), entry.delivery.url)
                    )
            for feed in self._feeds:
                for place, reason in feed.write(rows) if rows else ():
                    going[place].fail(reason)
            self._add_exchanges([entry for entry in entries if entry.kind == "exchange"])
            marks = self._committer.commit()
            self._catalog.add_failed(entry.failure for entry in entries if entry.failure is not None)
        return marks

    def _add_files(self, entries: Sequence[_Entry]) -> dict[_Entry, str | None]:
        """Record saved files; returns their names. One whose bytes are gone, or whose fact is none, is failed."""
        paths: dict[_Entry, str | None] = {}
        for entry, path in zip(entries, self._catalog.add_files([entry.value for entry in entries]), strict=True):
            if isinstance(path, Exception):
                entry.fail(f"the saved file cannot be listed: {path}")
            else:
                paths[entry] = path
        return paths

    def _add_pages(self, entries: Sequence[_Entry]) -> None:
        """Record the texts of pages; one that cannot be listed is failed."""
        for entry, path in zip(entries, self._catalog.add_pages([entry.value for entry in entries]), strict=True):
            if isinstance(path, Exception):
                entry.fail(f"the text of the page cannot be listed: {path}")

    def _add_exchanges(self, entries: Sequence[_Entry]) -> None:
        """Write to the archive what was captured for it; what is not there, or not wanted any more, is failed."""
        for entry in entries:
            if self._archive is None:
                entry.fail("it was captured for a web archive, but there is no --warc")
                continue
            try:
                self._archive.write(entry.delivery.item_id, entry.value)
            except (FileNotFoundError, ValueError) as error:  # recorded as failed; no retry helps
                entry.fail(f"what was captured cannot be archived: {error}")

    def _as_item(self, fact: FileFact, path: str | None) -> dict[str, Any]:
        """A saved file as feeds show it; ``path`` is below the folder of files."""
        size = fact.size, fact.type, fact.width, fact.height
        made = self._catalog.looks.made_of(fact.sha256) if fact.derived else ()
        file = ImageFile(fact.url, path, fact.sha256, *size, fact.where)
        return as_item(file, [(one.kind, one.path) for one in made], fact.broken, fact.note)

    def _count(self, entries: list[_Entry]) -> None:
        tally = self.tally
        tally.delivered += len(entries)
        for entry in entries:
            if entry.failure is not None:
                tally.failed += 1
            elif entry.passage is not None:
                tally.items += entry.passage.going
                tally.dropped += not entry.passage.going
            elif entry.kind == "dropped":
                tally.dropped += entry.value
            elif entry.kind in {"file", "page"}:
                tally.files += 1
            elif entry.kind == "exchange":
                tally.exchanges += 1
            else:
                tally.sightings += 1

    def _counts(self) -> dict[str, int]:
        return self._counted.marks(self.tally) if self._counted is not None else {}

    def _close_all(self) -> None:
        self._committer.close()
        for writer in self._writers:
            writer.close()
        self._catalog.close()


def _finish_all(writers: Sequence[Writer]) -> None:
    for writer in writers:
        writer.finish()
