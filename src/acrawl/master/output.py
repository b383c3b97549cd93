"""Where a crawl's results go: wires the outbox to the file store, the catalog, pipelines and feeds."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import pathlib
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping

from acrawl.clock import Clock
from acrawl.errors import SettingsError
from acrawl.figures import DELIVERED
from acrawl.frontier.base import Frontier
from acrawl.job import Job
from acrawl.master.plan import Plan
from acrawl.master.saved import InBucket, InFolder
from acrawl.outcome import Tally
from acrawl.queues.messages import EXCHANGE
from acrawl.results.catalog import Catalog
from acrawl.results.cloud.address import Address
from acrawl.results.counted import Counted
from acrawl.results.feeds import BEGAN, Crawl, open_feeds
from acrawl.results.files.objects import Objects
from acrawl.results.files.template import DEFAULT, NameTemplate
from acrawl.results.files.uploads import Sorted, Taking, Uploads
from acrawl.results.kept import GAP, KEPT, keep
from acrawl.results.outbox import BEGUN, Drain
from acrawl.results.pipelines import Pipelines
from acrawl.results.publish import PUBLISHERS, Crawled
from acrawl.results.warc import Archive, open_archive, stored_in
from acrawl.spelling import Spelling
from acrawl.spider import Spider

#: An exchange is at most so many times as long as its content: chunks of a few bytes.
_MOST_FRAMING = 4
#: The mark that says when the visit began, in milliseconds of Unix time.
SINCE = "files:since"
#: Redirects that are read from the frontier at once.
_REDIRECTS = 1000


def template_of(plan: Plan, spider: str = "", began: float = 0.0) -> NameTemplate:
    """Return what makes the names of saved files; see `NameTemplate`. Raises `SettingsError`."""
    text = plan.settings.files.name
    if text != DEFAULT and plan.publish and not PUBLISHERS[plan.publish].names:
        raise SettingsError(
            f"files.name = {text!r}: the names in a {plan.publish} are its own, for its pages lead from one to the "
            "other; leave the setting out"
        )
    return NameTemplate(text, spider=spider, began=began)


class Output:
    """The results of one crawl, from before it begins to what is made of the whole.

    ``uploads`` takes the files that workers send. ``exchanges`` is where workers put what they capture for a web
    archive; None where none is made.
    """

    def __init__(self, plan: Plan, job: Job, frontier: Frontier, spider: Spider, clock: Clock) -> None:
        self.uploads: Taking | None = None
        self.exchanges: pathlib.Path | None = None if plan.warc is None else stored_in(job.folder).resolve()
        self._plan = plan
        self._job = job
        self._frontier = frontier
        self._spider = spider
        self._clock = clock
        self._saved: InFolder | InBucket
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
            await asyncio.to_thread(output._saved.close)

    async def _open(self) -> None:
        saved = self._saved = await asyncio.to_thread(self._place)
        await asyncio.to_thread(saved.prepare)
        marks, fresh = await self._marks(), self._plan.fresh
        settings = self._plan.settings
        crawl = Crawl(settings.feeds, name_of(self._spider), self._job.folder, settings.cloud)
        feeds = await asyncio.to_thread(lambda: open_feeds(self._plan.feeds, marks, overwrite=fresh, crawl=crawl))
        if crawl.settings.keep:
            feeds.append(await asyncio.to_thread(lambda: keep(self._job.folder, marks, self._clock)))
        named = PUBLISHERS[self._plan.publish].names if self._plan.publish else True
        template = template_of(self._plan, crawl.name, marks.get(BEGAN, 0))
        database = self._job.folder / "results.db"
        since = marks[SINCE] / 1000
        self._catalog = await asyncio.to_thread(
            lambda: saved.catalog(database, named=named, template=template, since=since)
        )
        self.uploads = await asyncio.to_thread(self._take_uploads)
        self._drain = Drain(
            self._frontier,
            feeds,
            self._catalog,
            Pipelines.of(self._spider),
            files_to_feeds=self._plan.settings.feeds.files and not self._plan.publish,
            archive=await asyncio.to_thread(self._open_archive, marks),
            counted=await self._counted(marks),
        )
        await self._drain.open(marks.get(BEGUN, 0) if self._frontier.visit else None)

    async def _marks(self) -> dict[str, int]:
        """How far the feeds got, and when the visit began: recorded before any file has it in its name.

        Also whether some of the items are not kept.
        """
        marks = await self._frontier.marks()
        new: dict[str, int] = {} if SINCE in marks else {SINCE: int(self._clock.time() * 1000)}
        is_told = self._plan.feeds or self._plan.settings.feeds.keep or template_of(self._plan).dated
        if BEGAN not in marks and is_told:
            new[BEGAN] = int(self._clock.time())
        if GAP not in marks and await self._leaves_a_gap(KEPT in marks):
            new[GAP] = 1
        if new:
            await self._frontier.done([], new)
        return marks | new

    async def _leaves_a_gap(self, kept: bool) -> bool:
        """Whether items are delivered that the job does not keep, while it keeps others."""
        if not self._plan.settings.feeds.keep:
            return kept
        return not kept and await self._is_under_way()

    async def _counted(self, marks: Mapping[str, int]) -> Counted | None:
        """What was delivered before; None where an older acrawl has delivered without counting: the rest is no sum."""
        if DELIVERED not in marks and await self._is_under_way():
            return None
        return Counted.of(marks)

    async def _is_under_way(self) -> bool:
        return (await self._frontier.snapshot()).fetched > 0

    def _take_uploads(self) -> Taking | None:
        if self.exchanges is None or self._saved.uploads is None:
            return self._saved.uploads
        Objects(self.exchanges).sweep()
        largest = _MOST_FRAMING * self._plan.settings.fetch.max_file
        return Sorted(self._saved.uploads, EXCHANGE, Uploads(self.exchanges, largest))

    def _open_archive(self, marks: Mapping[str, int]) -> Archive | None:
        plan = self._plan
        if plan.warc is None:
            return None
        return open_archive(plan.warc, self._job.folder, marks, plan.settings, overwrite=plan.fresh)

    def _place(self) -> InFolder | InBucket:
        files = self._plan.files
        if isinstance(files, Address):
            return InBucket(files, self._plan, self._job)
        return InFolder(files or self._job.folder / "files", self._plan)

    @property
    def where(self) -> str:
        """Where workers find the place of saved files: a folder, or a URL below which they put them."""
        return self._saved.where

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
        await asyncio.to_thread(self._saved.sweep)
        await self._drain.finish()
        if self._plan.settings.images.near:
            await self._drain.in_thread(self._catalog.find_alike, self._plan.settings.images.near)
        if self.exchanges is not None:  # all of it is in the archive; the rest was never told of
            await asyncio.to_thread(shutil.rmtree, self.exchanges, ignore_errors=True)
        if self._plan.publish:
            await self._drain.in_thread(self._catalog.note_gone, await self._frontier.gone())
            redirects = self._redirects(asyncio.get_running_loop())
            spelling = Spelling(self._plan.settings.urls)
            crawled = Crawled(self._catalog, list(self._spider.start_urls), redirects, spelling)
            make = functools.partial(PUBLISHERS[self._plan.publish].make, crawled)
            await self._drain.in_thread(self._saved.publish, make)
        await self._drain.in_thread(self._catalog.forget_replaced)

    def _redirects(self, loop: asyncio.AbstractEventLoop) -> Iterator[tuple[str, str]]:
        """Every redirect of the crawl, for a thread other than the loop's; a part of them is in memory."""
        after = 0
        while found := asyncio.run_coroutine_threadsafe(self._frontier.redirects(after, _REDIRECTS), loop).result():
            after = found[-1].number
            yield from ((one.url, one.target) for one in found)


def name_of(spider: Spider) -> str:
    """What a spider is called in the names of files."""
    return spider.name or type(spider).__name__.lower()
