"""A whole crawl in one process, without sockets and in virtual time: the real frontier, worker and results."""

from __future__ import annotations

import asyncio
import functools
import math
import pathlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from multidict import CIMultiDict

from acrawl.errors import CrawlFailed, FetchError
from acrawl.fetch import Fetcher
from acrawl.fetch.base import Send
from acrawl.frontier.sqlite import SqliteFrontier
from acrawl.master.broker import CrawlBroker
from acrawl.master.seeds import gate_of, plant
from acrawl.outcome import PART, RELEASED, RETRY, Audit, Outcome, Receipt, Snapshot
from acrawl.queues.messages import Hello, Welcome
from acrawl.request import Request
from acrawl.response import Response
from acrawl.results.base import Row, Unfit
from acrawl.results.catalog import Catalog
from acrawl.results.files.folder import FolderStore
from acrawl.results.lineup import lineup
from acrawl.results.outbox import Drain
from acrawl.results.pipelines import Pipelines, running
from acrawl.settings import Settings, flatten, resolve
from acrawl.spider import Spider, login_of
from acrawl.testing.answers import Answer, Page, Pages, Visitor, Web
from acrawl.testing.hits import Hit
from acrawl.testing.server import PIECES
from acrawl.testing.virtual import LoopClock, VirtualLoop
from acrawl.ticket import Batch
from acrawl.url import host_of
from acrawl.worker.handler import Handler
from acrawl.worker.recent import RecentLinks
from acrawl.worker.worker import Worker

#: Virtual seconds between two looks at whether the crawl has ended.
TICK = 1.0


class Crawled(msgspec.Struct, frozen=True):
    """What a crawl left behind.

    ``items`` are what the pipelines let through, in order of delivery, as a feed would write them. ``hits`` are the
    requests, robots.txt included, by the virtual clock. ``ended`` says of every URL that was handed to a worker how it
    ended, in the ledger's words (``failed(callback)``), and ``details`` has the traceback or the network's text of
    those that have one. ``counts`` is the frontier's last word, ``audit`` its books, ``seconds`` how long the crawl
    took by the virtual clock.
    """

    items: list[Any]
    hits: list[Hit]
    ended: dict[str, str]
    details: dict[str, str]
    counts: Snapshot
    audit: Audit
    seconds: float


def crawl(
    spider: type[Spider],
    web: Web | Mapping[str, Page],
    settings: Mapping[str, Any] | None = None,
    *,
    arguments: Mapping[str, str] | None = None,
    workers: int = 1,
    most: int = 10_000,
) -> Crawled:
    """Crawl a made-up web to the end and say what came of it; see `acrawl.testing` for an example.

    ``web`` is a `FakeWeb`, anything else that answers, or what `Pages` are made of: ``{url: html}``. ``settings`` are
    ``{"section.key": value}`` and go before the spider's own; ``arguments`` are those of ``-a name=value``. As in
    reality each worker has a spider of its own, and the master another.

    Time is virtual: delays and pauses of hours take none. Not for use where an event loop runs in this thread already
    (`asyncio.to_thread` helps). What a spider saves (``save=True``) comes to its callback as a page: files need a real
    server. ``limits`` are the master's, and do not hold here. Raises what the beginning of a crawl raises, and
    `CrawlFailed` after more than ``most`` requests: such a spider does not end.
    """
    layers = [("custom_settings", flatten(spider.own_settings(), "custom_settings")), ("settings", settings or {})]
    resolved = resolve(*layers)
    with (
        tempfile.TemporaryDirectory(prefix="acrawl-", ignore_cleanup_errors=True) as folder,
        asyncio.Runner(loop_factory=VirtualLoop) as runner,
    ):
        made = [spider.made(arguments or {}, resolved) for _ in range(workers + 1)]
        answering: Web = Pages(web) if isinstance(web, Mapping) else web
        return runner.run(_Crawl(pathlib.Path(folder), made, answering, most).run())


class WebStage:
    """A stage that answers from a web and never sends anything: `acrawl.fetch.base.Stage`.

    It stands for the transport and fails as that does: broken connections, ``idle_timeout``, ``total_timeout``. Content
    codings and the limits of bodies are the business of the stages above it.
    ``sleep`` waits, ``now`` gives seconds; ``hits`` is what it was asked for.
    """

    def __init__(self, web: Web, settings: Settings, now: Callable[[], float], sleep: Any = asyncio.sleep) -> None:
        self.hits: list[Hit] = []
        self._visitor = Visitor(web, now)
        self._fetch = settings.fetch
        self._now = now
        self._sleep = sleep
        self._began = now()

    async def __call__(self, request: Request, send: Send) -> Response:
        """See `Stage.__call__`."""
        at, host = self._now(), host_of(request.url)
        send.exchange.sent = True
        answer = self._visitor.ask(request.url)
        status = 0 if answer.ending == "reset" else answer.status
        self.hits.append(Hit(at - self._began, host, request.url[len(host) :], status))
        await self._wait(answer)
        if answer.ending:
            raise FetchError(answer.ending, "the made-up server ended the connection")
        headers, seconds = CIMultiDict(answer.fields()), self._now() - at
        response = Response(request.url, status=answer.status, headers=headers, request=request, seconds=seconds)
        if request.save:  # there are no files: it comes as a page
            response.body = answer.body
        else:
            send.exchange.stream = _Whole(answer.body)
        return response

    async def _wait(self, answer: Answer) -> None:
        idle, total = (limit or math.inf for limit in (self._fetch.idle_timeout, self._fetch.total_timeout))
        takes = 0.0 if answer.ending == "reset" else answer.pace
        allowed = min(idle if max(answer.delay, takes / PIECES) > idle else math.inf, total)
        await self._sleep(min(answer.delay + takes, allowed))
        if answer.delay + takes > allowed:
            raise FetchError("timeout", "fetch.idle_timeout" if allowed == idle else "fetch.total_timeout")


class _Whole:
    """A body that is there already: `acrawl.fetch.base.Stream`."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def read(self) -> bytes:
        body, self._body = self._body, b""
        return body

    def release(self) -> None:
        return

    def close(self) -> None:
        return


class _Crawl:
    """One crawl: the wiring of `acrawl.master.master.Master` and `acrawl.worker.session`, without what is between."""

    def __init__(self, folder: pathlib.Path, spiders: list[Spider], web: Web, most: int) -> None:
        self._folder = folder
        self._spider, *self._workers_spiders = spiders
        self._lineup = lineup(self._spider)
        self._settings = self._spider.settings
        self._web = web
        self._most = most
        self._feed = _Memory()
        self._clock: LoopClock
        self._stage: WebStage

    async def run(self) -> Crawled:
        self._clock = clock = LoopClock()
        began = clock.now()
        self._stage = WebStage(self._web, self._settings, clock.now)
        gate = gate_of(self._spider)
        frontier = await SqliteFrontier.open(str(self._folder / "job.db"), self._settings, gate, clock)
        try:
            catalog = await asyncio.to_thread(Catalog, self._folder / "results.db", self._folder)
            drain = Drain(frontier, [self._feed], catalog, Pipelines.of(self._spider))
            broker = _Watching(frontier, Hello("", "", "", ""), Welcome(frontier.epoch, {}, {}, frontier.secret), 0.0)
            try:
                await drain.open()
                seeds = asyncio.create_task(plant(self._spider, frontier, gate, frontier.secret))
                await self._to_the_end(frontier, drain, broker, seeds)
            finally:
                await drain.close()
            audit, counts = await frontier.audit(), await frontier.snapshot()
        finally:
            await frontier.close()
        self._spider.closed(counts.closing or "finished")
        return Crawled(
            self._feed.items, self._stage.hits, broker.ended, broker.details, counts, audit, clock.now() - began
        )

    async def _to_the_end(
        self, frontier: SqliteFrontier, drain: Drain, broker: _Watching, seeds: asyncio.Task[None]
    ) -> None:
        places = enumerate(self._workers_spiders)
        workers = [asyncio.create_task(self._work(frontier, f"w{n}", broker, spider)) for n, spider in places]
        parts = [seeds, asyncio.create_task(drain.run()), *workers]
        closing = False
        try:
            while not (now := await frontier.snapshot()).finished:
                if now.closing and not closing:  # a callback has seen enough
                    closing = True
                    seeds.cancel()
                    await asyncio.gather(seeds, return_exceptions=True)
                    await frontier.stop("closed")
                for part in parts:
                    if part.done() and not part.cancelled():
                        part.result()  # raises what ended it
                if len(self._stage.hits) > self._most:
                    raise CrawlFailed(f"more than most={self._most} requests were made, and there is no end of it")
                await self._clock.sleep(TICK)
            broker.set_state("stop")
            await asyncio.gather(*workers)
        finally:
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)

    async def _work(self, frontier: SqliteFrontier, name: str, broker: _Watching, spider: Spider) -> None:
        settings, clock = self._settings, self._clock
        store = FolderStore(self._folder / "files")
        try:
            async with (
                Fetcher(
                    settings,
                    spider.stages,
                    clock=clock,
                    transport=self._stage,
                    login=login_of(spider),
                    ask_jar=functools.partial(broker.jar, name),
                ) as fetcher,
                running(spider, len(self._lineup.worker)) as pipelines,
            ):
                recent = RecentLinks(settings.worker.recent)
                handler = Handler(spider, fetcher, store, frontier.secret, clock, recent, pipelines)
                worker = Worker(name, broker, handler, settings, frontier.epoch, clock)
                await broker.hello(Hello(name, "", "", ""))
                await worker.run()
        finally:
            await asyncio.to_thread(store.close)


class _Watching(CrawlBroker):
    """Notes what workers report on its way to the frontier."""

    def __init__(self, frontier: SqliteFrontier, expected: Hello, welcome: Welcome, grace: float) -> None:
        super().__init__(frontier, expected, welcome, grace)
        self.ended: dict[str, str] = {}
        self.details: dict[str, str] = {}
        self._urls: dict[int, str] = {}

    async def lease(self, worker: str, n: int, wait: float) -> Batch:
        batch = await super().lease(worker, n, wait)
        for ticket in batch.tickets:
            self._urls.update((lease.token, lease.url) for lease in ticket.leases if not lease.robots)
        return batch

    async def renew(self, worker: str, epoch: int, held: Mapping[int, int]) -> list[int]:
        return await super().renew(worker, epoch, dict(held))

    async def report(self, worker: str, epoch: int, outcomes: Sequence[Outcome]) -> Receipt:
        for outcome in outcomes:
            url = self._urls.get(outcome.token, "")
            if url and outcome.status not in {PART, RETRY, RELEASED}:
                self.ended[url] = f"{outcome.status}({outcome.reason})" if outcome.reason else outcome.status
                if outcome.detail:
                    self.details[url] = outcome.detail
        return await super().report(worker, epoch, outcomes)


class _Memory:
    """A feed into a list."""

    name = "memory"

    def __init__(self) -> None:
        self.items: list[Any] = []

    def write(self, rows: Sequence[Row]) -> list[Unfit]:
        self.items += [row.value for row in rows]
        return []

    def commit(self) -> dict[str, int]:
        return {}

    def finish(self) -> None:
        return

    def close(self) -> None:
        return
