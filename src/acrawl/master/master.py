"""A crawl from its plan to its end: frontier, queues, local workers, results and monitor, and when all of it ends.

It ends in one of these ways: *finished* (nothing is left anywhere), a *limit* was hit (the rest is recorded as
excluded), *interrupted* (what is under way is finished, the rest is kept for the next start), or a part it cannot do
without has failed. In each, workers leave before the queues close, and the queues close before the frontier does.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator

import msgspec

from acrawl.clock import SystemClock
from acrawl.cluster import Cluster
from acrawl.errors import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_LIMIT,
    EXIT_OK,
    EXIT_USAGE,
    AcrawlError,
    CrawlFailed,
    EnvironmentProblem,
    UsageError,
)
from acrawl.frontier.database import Database
from acrawl.frontier.gate import ScopeGate
from acrawl.frontier.revisit import open_visit
from acrawl.frontier.sqlite import SqliteFrontier
from acrawl.job import Identity, Job
from acrawl.master.broker import CrawlBroker
from acrawl.master.output import SINCE, Output, name_of, template_of
from acrawl.master.plan import Plan
from acrawl.master.seeds import extent, gate_of, plant
from acrawl.master.serving import serve
from acrawl.monitor.progress import Progress
from acrawl.outcome import Snapshot
from acrawl.queues.messages import Hello, Welcome
from acrawl.queues.server import QueueManager
from acrawl.results.feeds import BEGAN
from acrawl.results.feeds.spec import parse, shown
from acrawl.results.imaging.making import check_extra, making_of
from acrawl.results.kept import KEPT, kept_before
from acrawl.results.lineup import Lineup, lineup
from acrawl.settings import Settings
from acrawl.spider import Spider, login_of
from acrawl.version import VERSION

log = logging.getLogger(__name__)

#: How often the master looks whether the crawl has ended.
TICK = 0.1
#: How long workers have to say goodbye once there is nothing left to do.
GOODBYE = 5.0
#: The sections that stages are made from.
_OF_STAGES = ("fetch", "auth", "proxy", "tls", "cache")


class Master:
    """One life of a crawl. `run` returns the exit code."""

    def __init__(self, plan: Plan, progress: Progress) -> None:
        self._plan = plan
        self._progress = progress
        self._interrupted = asyncio.Event()
        self._reason = ""
        self._spider: Spider
        self._lineup: Lineup
        self._frontier: SqliteFrontier
        self._broker: CrawlBroker
        self._cluster: Cluster
        self._output: Output
        self._seeding: asyncio.Task[None]

    async def run(self) -> int:
        """Crawl. Raises `AcrawlError` for what stands in the way of a beginning or broke it off."""
        plan = self._plan
        spider = self._spider = plan.source.make(plan.arguments, plan.settings)
        await _check_stages(plan, spider)
        template_of(plan)
        if making_of(plan.settings.images) is not None and plan.workers:  # others have packages of their own
            check_extra()
        self._lineup = lineup(spider)
        gate = gate_of(spider)
        arguments = {key: str(value) for key, value in plan.arguments.items()}
        identity = Identity(
            plan.source.identity, plan.source.sha256, arguments, extent(spider),
            command=_unsecret(plan), cwd=os.getcwd(), lives=[SystemClock().time()], files=plan.place,
            name=name_of(spider),
        )  # fmt: skip
        for feed in plan.feeds:
            Job(plan.job).check_place(parse(feed).path)
        with Job(plan.job) as job:  # only now, so that a mistake of the user's leaves no folder behind
            if plan.again:
                await asyncio.to_thread(_begin_visit, job, identity, resume=plan.resume)
                going_on = True
            else:
                going_on = job.begin(identity, resume=plan.resume, fresh=plan.fresh, anew=plan.check)
            self._frontier = await SqliteFrontier.open(job.database, plan.settings, gate, SystemClock())
            refused = False
            try:
                if going_on:
                    log.info("going on with the crawl in %s, visit %d", plan.job, self._frontier.visit + 1)
                if plan.resume:
                    await self._frontier.reopen()
                code = await self._crawl(job, gate)
            except (UsageError, EnvironmentProblem):
                now = await self._frontier.snapshot()
                refused = not (going_on or now.fetched or now.failed or now.excluded or now.quarantined)
                raise
            finally:
                await self._frontier.close()
                if refused:  # nothing was fetched: with the mistake mended it is another crawl, and need not be told so
                    job.forget()
            if code == EXIT_OK and not plan.check:
                job.finish()
            return code

    async def _crawl(self, job: Job, gate: ScopeGate) -> int:
        plan, frontier, spider = self._plan, self._frontier, self._spider
        async with self._signals(), Output.open(plan, job, frontier, spider, SystemClock()) as self._output:
            nonce_file, nonce = job.nonce()
            welcome = Welcome(
                frontier.epoch,
                msgspec.to_builtins(plan.settings),
                {key: str(value) for key, value in plan.arguments.items()},
                frontier.secret,
                files=self._output.where,
                nonce_file=nonce_file,
                nonce=nonce,
                worker_pipelines=len(self._lineup.worker),
                exchanges=str(self._output.exchanges or ""),
            )
            expected = Hello("", VERSION, plan.source.identity, plan.source.sha256)
            grace = plan.settings.queues.grace_seconds
            self._broker = CrawlBroker(frontier, expected, welcome, grace, self._output.uploads)
            async with serve(plan, job, self._broker) as queues, self._workers(job):
                self._invite(queues, job)
                try:
                    code = await self._until_the_end(gate)
                except AcrawlError:  # the crawl is over, and can be resumed; the workers need not look for us
                    self._broker.set_state("stop")
                    await self._broker.empty(GOODBYE)
                    raise
                await self._farewell(queues, code)
            end, changes = await frontier.snapshot(), await frontier.changes()
            await self._output.publish()
        try:
            spider.closed(self._reason)
        except Exception as error:  # the user's code after the end: everything is safe, and the end stands
            name, what = type(spider).__name__, f"{type(error).__name__}: {error}"
            log.warning("%s.closed() failed, and the crawl has ended all the same: %s", name, what, exc_info=True)
        self._progress.summary(end, self._reason, self._output.tally, changes, job=plan.job)
        return code

    def _invite(self, queues: QueueManager, job: Job) -> None:
        """Tell how workers of other machines join; the key itself is never shown."""
        if self._plan.listen is not None:
            host, port = queues.address
            self._progress.note(
                f"listening on {host}:{port}; copy {job.join_file.resolve()} to other machines, and there"
            )
            self._progress.note(f"  python -m acrawl work --join {job.join_file.name} {self._plan.spec}")

    # -- how it ends

    async def _until_the_end(self, gate: ScopeGate) -> int:
        """Wait for the end and say which; what is still under way then is the workers' to finish."""
        again = self._frontier.visit > 0
        seeds = plant(self._spider, self._frontier, gate, self._frontier.secret, again=again)
        self._seeding = asyncio.create_task(seeds)
        parts: dict[asyncio.Task[object], str] = {
            self._seeding: "seeds",
            asyncio.create_task(self._output.deliver()): "results",
            asyncio.create_task(self._look()): "look",
            asyncio.create_task(self._interrupted.wait()): "signal",
        }
        if self._plan.workers:
            parts[asyncio.create_task(self._cluster.failed())] = "workers"
        pending = set(parts)
        try:
            while True:
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for part in done:
                    code = self._part_ended(parts[part], part)
                    if code is not None:
                        return code
        finally:
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)

    def _part_ended(self, name: str, part: asyncio.Task[object]) -> int | None:
        if part.cancelled():  # the seeds, at a limit
            return None
        error = part.exception()
        if isinstance(error, AcrawlError):
            raise error
        if error is not None:  # a defect of ours: the crawl ends, its state is whole on disk and can be resumed
            raise CrawlFailed(f"{name} died: {type(error).__name__}: {error}") from error
        if name == "signal":
            self._reason = "stopped"
            return EXIT_INTERRUPTED
        if name == "workers":
            if self._plan.listen is None:
                if part.result() == EXIT_USAGE:
                    raise UsageError("no worker can begin; what is wrong stands above")
                raise CrawlFailed("all local workers have died; their messages stand above")
            return None
        if name == "look":
            code = part.result()
            return code if isinstance(code, int) else EXIT_FAILED
        return None

    async def _look(self) -> int:
        """Watch the crawl; returns its exit code when it ends by itself, by a limit or by a command."""
        clock = asyncio.get_running_loop().time
        began, limited, closed = clock(), False, False
        while True:
            now = await self._frontier.snapshot()
            self._progress.show(now, len(self._broker.workers), self._broker.state)
            if self._broker.full:
                raise CrawlFailed(f"{self._broker.full} and run the same command again")
            if now.finished:
                self._reason = self._reason or now.closing or "finished"
                return EXIT_LIMIT if limited else EXIT_OK
            if now.undelivered and not now.queued and not now.leased:
                self._output.hurry()
            limit = "" if limited else self._limit_hit(now, clock() - began)
            if limit:
                limited, self._reason = True, limit
                log.info("%s was hit; the rest is recorded as excluded(limit)", limit)
                await self._stop("limit")
            elif now.closing and not (limited or closed):
                closed, self._reason = True, now.closing
                log.info("the spider asked to end (%s); the rest is recorded as excluded(closed)", self._reason)
                await self._stop("closed")
            if self._broker.commands:
                self._reason = "stopped"
                return EXIT_INTERRUPTED
            await asyncio.sleep(TICK)

    async def _stop(self, reason: str) -> None:
        """Begin nothing more; what is queued ends as excluded for this reason."""
        self._seeding.cancel()  # there may be a billion more; a resumed crawl goes on with them
        await asyncio.gather(self._seeding, return_exceptions=True)
        await self._frontier.stop(reason)

    def _limit_hit(self, now: Snapshot, seconds: float) -> str:
        limits, earlier = self._plan.settings.limits, now.earlier
        hit = {
            "max_pages": 0 < limits.max_pages <= now.fetched - earlier.fetched,
            "max_bytes": 0 < limits.max_bytes <= now.bytes - earlier.bytes,
            "max_seconds": 0 < limits.max_seconds <= seconds,
            "max_errors": 0 < limits.max_errors <= now.failed - earlier.failed,
        }
        return next((f"limits.{name}" for name, is_hit in hit.items() if is_hit), "")

    async def _farewell(self, queues: QueueManager, code: int) -> None:
        """Let the workers leave, then close the queues; at an interruption they first finish what is under way."""
        drain = code == EXIT_INTERRUPTED
        self._broker.set_state("drain" if drain else "stop")
        seconds = self._plan.settings.worker.shutdown_seconds + GOODBYE if drain else GOODBYE
        await self._broker.empty(seconds)
        await self._cluster.wait(GOODBYE)
        await queues.stop()
        await self._output.drain()

    # -- around it

    @contextlib.asynccontextmanager
    async def _workers(self, job: Job) -> AsyncIterator[None]:
        join = str(job.local_join_file)
        quiet = ["--quiet"] if self._plan.quiet else []
        command = [sys.executable, "-m", "acrawl", "work", "--join", join, *quiet, self._plan.spec]
        self._cluster = Cluster(command, self._plan.workers, {EXIT_USAGE})
        self._cluster.start()
        try:
            yield
        finally:
            await self._cluster.stop(GOODBYE)

    @contextlib.asynccontextmanager
    async def _signals(self) -> AsyncIterator[None]:
        """The first Ctrl-C or SIGTERM ends the crawl in good order, the second at once."""
        loop = asyncio.get_running_loop()

        def hit() -> None:
            if self._interrupted.is_set():
                os._exit(EXIT_INTERRUPTED)
            log.warning("stopping: finishing what is under way; once more to stop at once")
            self._interrupted.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, hit)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)


#: The marks of several files that have the time in their names, and therefore others in each visit.
_DATED = "*{time}*"


def _begin_visit(job: Job, identity: Identity, *, resume: bool) -> None:
    """Visit a finished crawl again. Blocks.

    Feeds with the time in their names get others in each visit, and the job knows which of its items are of which.
    """

    def begin(finished: int) -> int:
        with Database(job.database, durable=True) as db:  # the job says so next, and no power failure may part them
            return open_visit(db, finished, marks=[BEGAN, SINCE, _DATED], noted={kept_before(finished + 1): KEPT})

    job.begin_visit(identity, begin, resume=resume)


async def _check_stages(plan: Plan, spider: Spider) -> None:
    """Make the stages as workers will, so that what is wrong with them is told before these start.

    The usual ones are right, and without them a tenth of a second of imports is saved. Raises `SettingsError`.
    """
    usual, login = Settings(), login_of(spider)
    is_usual = all(getattr(plan.settings, name) == getattr(usual, name) for name in _OF_STAGES)
    if is_usual and not (spider.stages or any(login) or any(name.lower().endswith("_proxy") for name in os.environ)):
        return
    from acrawl.fetch import Fetcher

    fetcher = Fetcher(plan.settings, spider.stages, login=login)
    if plan.workers:  # those of other machines have secrets of their own
        await asyncio.to_thread(fetcher.check_secrets)


def _unsecret(plan: Plan) -> list[str]:
    """What was typed, as it may be kept: where items go may hold passwords."""
    typed = list(plan.typed)
    for feed in plan.feeds:
        typed = [word.replace(feed, shown(feed)) for word in typed]
    return typed
