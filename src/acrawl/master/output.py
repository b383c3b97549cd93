"""Where a crawl's results go: wires the outbox to the file store, the catalog, pipelines and feeds."""

from __future__ import annotations

import asyncio
import contextlib
import pathlib
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping

from acrawl.clock import Clock
from acrawl.frontier.base import Frontier
from acrawl.job import Job
from acrawl.master.plan import Plan
from acrawl.outcome import Tally
from acrawl.queues.messages import EXCHANGE
from acrawl.results.catalog import Catalog
from acrawl.results.counted import Counted
from acrawl.results.feeds import BEGAN, Crawl, open_feeds
from acrawl.results.files.folder import FolderStore
from acrawl.results.files.objects import Objects
from acrawl.results.files.partials import Partials
from acrawl.results.files.uploads import Sorted, Uploads
from acrawl.results.outbox import Drain
from acrawl.results.pipelines import Pipelines
from acrawl.results.publish import PUBLISHERS, Crawled
from acrawl.results.warc import Archive, open_archive, stored_in
from acrawl.spelling import Spelling
from acrawl.spider import Spider

#: An exchange is at most so many times as long as its content: chunks of a few bytes.
_MOST_FRAMING = 4
#: Redirects that are read from the frontier at once.
_REDIRECTS = 1000


class Output:
    """The results of one crawl. ``folder`` is where saved files go, ``uploads`` takes those sent by workers.

    ``exchanges`` is where workers put what they capture for a web archive; None where none is made.
    """

    def __init__(self, plan: Plan, job: Job, frontier: Frontier, spider: Spider, clock: Clock) -> None:
        self.folder: pathlib.Path = plan.folder.resolve()
        self.uploads: Uploads | Sorted | None = None
        self.exchanges: pathlib.Path | None = None if plan.warc is None else stored_in(job.folder).resolve()
        self._plan = plan
        self._job = job
        self._frontier = frontier
        self._spider = spider
        self._clock = clock
        self._drain: Drain
        self._catalog: Catalog

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls, plan: Plan, job: Job, frontier: Frontier, spider: Spider, clock: Clock
    ) -> AsyncIterator[Output]:
        """Open everything, before the crawl begins; raises what stands in the way of writing any of it."""
        output = cls(plan, job, frontier, spider, clock)
        await output._open()
        try:
            yield output
        finally:
            await output._drain.close()
            if output.uploads is not None:
                await asyncio.to_thread(output.uploads.close)

    async def _open(self) -> None:
        if self._plan.files is not None:
            await asyncio.to_thread(self._prepare)
        await asyncio.to_thread(self._sweep)
        self.uploads = self._take_uploads()
        marks, fresh = await self._marks(), self._plan.fresh
        crawl = Crawl(self._plan.settings.feeds, self._spider.name or type(self._spider).__name__.lower())
        feeds = await asyncio.to_thread(lambda: open_feeds(self._plan.feeds, marks, overwrite=fresh, crawl=crawl))
        named = PUBLISHERS[self._plan.publish].names if self._plan.publish else True
        database = self._job.folder / "results.db"
        self._catalog = await asyncio.to_thread(lambda: Catalog(database, self.folder, named=named))
        self._drain = Drain(
            self._frontier,
            feeds,
            self._catalog,
            Pipelines.of(self._spider),
            files_to_feeds=not self._plan.publish,
            archive=await asyncio.to_thread(self._open_archive, marks),
            counted=Counted.of(marks),
        )
        await self._drain.open()

    async def _marks(self) -> dict[str, int]:
        """How far the feeds got, and when the crawl began: recorded before any file has it in its name."""
        marks = await self._frontier.marks()
        if self._plan.feeds and BEGAN not in marks:
            marks[BEGAN] = int(self._clock.time())
            await self._frontier.done([], {BEGAN: marks[BEGAN]})
        return marks

    def _take_uploads(self) -> Uploads | Sorted:
        largest = self._plan.settings.fetch.max_file
        uploads = Uploads(self.folder, largest)
        if self.exchanges is None:
            return uploads
        return Sorted(uploads, EXCHANGE, Uploads(self.exchanges, _MOST_FRAMING * largest))

    def _open_archive(self, marks: Mapping[str, int]) -> Archive | None:
        plan = self._plan
        if plan.warc is None:
            return None
        return open_archive(plan.warc, self._job.folder, marks, plan.settings, overwrite=plan.fresh)

    def _prepare(self) -> None:
        store = FolderStore(self.folder)
        try:
            store.prepare()
        finally:
            store.close()

    def _sweep(self) -> None:
        """Clear away what killed workers left half-written, and cut downloads that nobody went on with."""
        for folder in (self.folder, self.exchanges):
            if folder is not None:
                Objects(folder).sweep()
        Partials(self.folder).sweep()

    async def deliver(self) -> None:
        """Deliver until cancelled. Raises `CrawlFailed` when something cannot be written."""
        await self._drain.run()

    def hurry(self) -> None:
        """Deliver what is there without waiting for more: the crawl waits for nothing else."""
        self._drain.wake()

    async def drain(self) -> None:
        """Deliver all that is there now."""
        await self._drain.drain()

    @property
    def tally(self) -> Tally:
        """What was delivered since the beginning, or since the crawl goes on."""
        return self._drain.tally

    async def publish(self) -> None:
        """Sweep, make the feeds whole, and render what is made of all of it."""
        await asyncio.to_thread(self._sweep)
        await self._drain.finish()
        if self._plan.settings.images.near:
            await self._drain.in_thread(self._catalog.find_alike, self._plan.settings.images.near)
        if self.exchanges is not None:  # all of it is in the archive; the rest was never told of
            await asyncio.to_thread(shutil.rmtree, self.exchanges, ignore_errors=True)
        if self._plan.publish:
            redirects = self._redirects(asyncio.get_running_loop())
            spelling = Spelling(self._plan.settings.urls)
            crawled = Crawled(self._catalog, list(self._spider.start_urls), redirects, spelling)
            await self._drain.in_thread(PUBLISHERS[self._plan.publish].make, crawled)

    def _redirects(self, loop: asyncio.AbstractEventLoop) -> Iterator[tuple[str, str]]:
        """Every redirect of the crawl, for a thread other than the loop's; a part of them is in memory."""
        after = 0
        while found := asyncio.run_coroutine_threadsafe(self._frontier.redirects(after, _REDIRECTS), loop).result():
            after = found[-1].number
            yield from ((one.url, one.target) for one in found)
