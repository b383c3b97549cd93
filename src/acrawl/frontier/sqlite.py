"""The embedded engine: decisions in memory, everything durable in one SQLite file.

Leases are never written. A request's row stays in the queue until the transaction of its report moves it to the
ledger, so that after a crash "everything in the queue is to be fetched" is the whole recovery. All state in memory
belongs to the event loop; one writer thread owns the file, and its results are taken in the order in which it worked,
so that memory and file never disagree about a host's window.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import logging
import secrets
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

import msgspec

from acrawl.clock import Clock
from acrawl.cookie import JarCopy
from acrawl.errors import CrawlFailed
from acrawl.frontier import books, changes, jars, revisit, stories
from acrawl.frontier.base import Gate
from acrawl.frontier.committer import Committer
from acrawl.frontier.host import Host
from acrawl.frontier.reader import Reader
from acrawl.frontier.rows import CLOSING, TRAPS, Committed, Group, Row
from acrawl.frontier.scheduler import Scheduler
from acrawl.frontier.store import Delivered, Store
from acrawl.outcome import EXCLUDED, Audit, Outcome, Receipt, Redirected, Snapshot, Story
from acrawl.request import Sealed
from acrawl.settings import Settings
from acrawl.ticket import Batch
from acrawl.url import canonical

log = logging.getLogger(__name__)

#: After a restart no host is asked sooner: what the former life started is not known to the second.
RESTART_PAUSE = 1.0


class SqliteFrontier:
    """See `acrawl.frontier.base.Frontier`; made by `open`. ``epoch``, ``secret`` and ``visit`` are the job's."""

    def __init__(self, store: Store, settings: Settings, gate: Gate, clock: Clock) -> None:
        self.epoch = 0
        self.secret = b""
        self.visit = 0
        self._settings = settings.frontier
        self._urls = msgspec.json.encode(settings.urls)
        self._clock = clock
        self._store = store
        self._stir = asyncio.Event()
        self._failures: list[BaseException] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._seeds = 0
        self._exhausted = False
        self._sweeps = 0
        pace, rows = self._settings.commit_seconds, self._settings.commit_rows
        self._committer = Committer(store, clock, self._apply, pace=pace, rows=rows)
        self._reader = Reader(store, self._committer, self._on_read)
        wall = clock.time() - clock.now()
        self._plan = Scheduler(settings, gate, wall, lambda: self._committer.group, self._reader.want, self._on_gone)

    @classmethod
    async def open(cls, path: str, settings: Settings, gate: Gate, clock: Clock) -> SqliteFrontier:
        """Open or make the job's database; a new epoch begins. Raises `JobConflict`, `EnvironmentProblem`."""
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            loop = asyncio.get_running_loop()
            limits = settings.limits
            counting = bool(limits.host_pages or limits.host_bytes or limits.host_errors)
            make = functools.partial(
                Store, path, durable=settings.frontier.durable, counting=counting, terms=settings.cookies
            )
            store = await loop.run_in_executor(pool, make)
        frontier = cls(store, settings, gate, clock)
        try:
            await frontier._load()
        except BaseException:
            await frontier.close()
            raise
        frontier._spawn(frontier._reader.run())
        frontier._spawn(frontier._sweep())
        return frontier

    async def _load(self) -> None:
        run, meta = self._committer.run, self._store.database.meta
        self.secret = await run(meta, "secret") or secrets.token_bytes(16)
        self.epoch = int(await run(meta, "epoch") or 0) + 1
        self.visit = await run(revisit.visit, self._store.database)
        self._seeds = await run(meta, "seeds") or 0
        self._exhausted = bool(await run(meta, "exhausted"))
        self._plan.state.closing = await run(meta, CLOSING) or ""
        self._plan.tally.load(await run(books.counts, self._store.database))
        self._plan.tally.earlier = await run(revisit.earlier, self._store.database)
        if self.epoch > 1:
            self._plan.hosts.rest_all(self._clock.now(), RESTART_PAUSE)
        self._plan.load(await run(self._store.load), self._clock.now())
        if self._plan.state.traps is not None:
            self._plan.state.traps.load(await run(self._store.database.metas, TRAPS))
        known = await run(jars.known, self._store.database)
        self._plan.state.jars.load(known, self.epoch, self._committer.group)
        self._committer.group.meta.update(secret=self.secret, epoch=self.epoch, urls=self._urls)
        await self._committer.durable()

    # -- what workers ask

    async def lease(self, worker: str, n: int, wait: float) -> Batch:
        """See `Leasing.lease`."""
        self._committer.check()
        now = self._clock.now()
        until = now + wait
        while True:
            self._plan.leases.met(worker, now)
            tickets = self._plan.grant(worker, n, now)
            if self._plan.state.ending:  # what has become part of a trap since it was queued
                self._committer.nudge()
            if tickets or now >= until:
                return Batch(self.epoch, self._settings.lease_seconds, tickets)
            due = self._plan.hosts.next_due()
            await self._stirred((until if due is None else min(until, due)) - now)
            now = self._clock.now()

    async def renew(self, worker: str, epoch: int, held: Mapping[int, int]) -> list[int]:
        """See `Leasing.renew`."""
        now = self._clock.now()
        self._plan.leases.met(worker, now)
        return list(held) if epoch != self.epoch else self._plan.leases.renew(worker, held, now)

    async def report(self, worker: str, epoch: int, outcomes: Sequence[Outcome]) -> Receipt:
        """See `Leasing.report`."""
        if epoch != self.epoch:
            return Receipt(0, len(outcomes))
        now = self._clock.now()
        self._plan.leases.met(worker, now)
        accepted = self._plan.settle(worker, outcomes, now)
        self._committer.group.meta["duplicates"] = self._plan.tally.duplicates
        self._stir_up()
        await self._committer.durable()
        return Receipt(accepted, len(outcomes) - accepted)

    async def release(self, worker: str, epoch: int, tokens: Sequence[int]) -> None:
        """See `Leasing.release`."""
        if epoch == self.epoch:
            self._plan.give_back(worker, tokens, self._clock.now())
            self._committer.nudge()
            self._stir_up()

    async def jar(self, worker: str, site: str, key: str) -> JarCopy:
        """See `Leasing.jar`."""
        self._plan.leases.met(worker, self._clock.now())
        version = self._plan.state.jars.version  # what is reported while the file is read is of a later one
        if (site, key) in self._committer.group.cookies:
            await self._committer.durable()
        return JarCopy(version, await self._committer.run(jars.read, self._store.database, site, key))

    # -- what the master asks

    async def add(self, requests: Sequence[Sealed], *, seeds: int | None = None) -> None:
        """See `Frontier.add`."""
        self._plan.admit(requests, 0)
        if seeds is not None:
            self._seeds = self._committer.group.meta["seeds"] = seeds
        await self._committer.durable()

    async def adopt(self, worker: str, epoch: int, tokens: Sequence[int]) -> list[int]:
        """See `Frontier.adopt`."""
        return await self.renew(worker, epoch, dict.fromkeys(tokens, -1))

    async def left(self, worker: str) -> int:
        """See `Frontier.left`."""
        leases = self._plan.leases
        leases.forget(worker)
        tokens = [held.token for held in leases.of(worker)]
        self._plan.give_back(worker, tokens, self._clock.now())
        self._committer.nudge()
        self._stir_up()
        return len(tokens)

    async def lost(self, worker: str) -> int:
        """See `Frontier.lost`."""
        leases = self._plan.leases
        leases.forget(worker)
        gone = [held for held in leases.of(worker) if leases.end(worker, held.token)]
        self._plan.lose(gone, self._clock.now())
        self._committer.nudge()
        self._stir_up()
        return len(gone)

    async def outbox(self, n: int) -> list[Delivered]:
        """See `Frontier.outbox`."""
        return await self._committer.run(self._store.outbox, n, self.secret) if self._plan.tally.undelivered else []

    async def done(self, ids: Sequence[int], marks: Mapping[str, int] | None = None) -> None:
        """See `Frontier.done`."""
        self._committer.group.delivered += ids
        self._committer.group.marks.update(marks or {})
        await self._committer.durable()

    async def marks(self) -> dict[str, int]:
        """See `Frontier.marks`."""
        return await self._committer.run(self._store.marks)

    async def seeds(self) -> int | None:
        """See `Frontier.seeds`."""
        return None if self._exhausted else self._seeds

    async def seeds_exhausted(self) -> None:
        """See `Frontier.seeds_exhausted`."""
        self._committer.group.meta["exhausted"] = 1
        await self._committer.durable()
        self._exhausted = True

    async def reopen(self) -> None:
        """See `Frontier.reopen`."""
        self._plan.state.closing = self._committer.group.meta[CLOSING] = ""
        await self._committer.durable()

    async def stop(self, reason: str) -> int:
        """See `Frontier.stop`."""
        self._plan.state.door.stopped = reason
        return await self._end_queued(list(self._plan.hosts.by_name.values()), (EXCLUDED, reason), None)

    def on_pause(self, tell: Callable[[str, float, Sequence[str]], None]) -> None:
        """See `Frontier.on_pause`."""
        self._plan.on_pause = tell

    async def snapshot(self) -> Snapshot:
        """See `Frontier.snapshot`."""
        if self._failures:
            raise CrawlFailed(f"the frontier failed: {self._failures[0]}") from self._failures[0]
        self._committer.check()
        plan = self._plan
        at_rest = self._committer.idle and not self._sweeps
        finished = (
            bool(self._exhausted or plan.state.door.stopped)
            and at_rest
            and plan.state.idle
            and not plan.tally.undelivered
        )
        leased, coming, closing = len(plan.state.leased), plan.leases.coming, plan.state.closing
        return plan.tally.snapshot(leased=leased, coming=coming, finished=finished, closing=closing)

    async def explain(self, url: str) -> Story:
        """See `Frontier.explain`."""
        url = canonical(url)
        story = await self._committer.run(stories.story, self._store.database, url)
        if story.state != "queued":
            return story
        if any(held.row is not None and held.row.url == url for held in self._plan.leases):
            return msgspec.structs.replace(story, state="leased")
        return msgspec.structs.replace(story, host_waits=self._plan.hosts.waits(url, self._clock.now()))

    async def redirects(self, after: int, n: int) -> list[Redirected]:
        """See `Frontier.redirects`."""
        await self._committer.durable()
        return await self._committer.run(lambda: list(books.redirects(self._store.database, after, n)))

    async def changes(self) -> dict[str, int]:
        """See `Frontier.changes`."""
        await self._committer.durable()
        return await self._committer.run(changes.counts, self._store.database)

    async def gone(self) -> list[str]:
        """See `Frontier.gone`."""
        await self._committer.durable()
        return await self._committer.run(lambda: list(changes.gone(self._store.database)))

    async def audit(self) -> Audit:
        """See `Frontier.audit`."""
        await self._committer.durable()
        return await self._committer.run(books.audit, self._store.database)

    async def close(self) -> None:
        """See `Frontier.close`."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._committer.close()
        self._store.close()

    # -- the engine room

    def _apply(self, group: Group, made: Committed) -> None:
        """Take over into memory what a transaction has made durable."""
        self._plan.committed(group, made, self._clock.now())
        if made.rows or made.overflown:
            self._stir_up()

    def _on_read(self, host: Host, rows: list[Row], size: int) -> None:
        self._plan.refilled(host, rows, size, self._clock.now())
        self._stir_up()

    def _on_gone(self, host: Host, end: tuple[str, str]) -> None:
        if host.name in self._plan.hosts.gone:
            log.warning("giving up %s: %s", host.name, end[1])
        self._spawn(self._give_up(host, end))

    async def _give_up(self, host: Host, end: tuple[str, str]) -> None:
        await self._end_queued([host], end, host.name)
        self._plan.hosts.wake(host, self._clock.now())  # it is idle now
        self._stir_up()

    async def _end_queued(self, hosts: Sequence[Host], end: tuple[str, str], name: str | None) -> int:
        """End all that is queued (at one host, where a name is given) but not leased; returns how many there were."""
        self._sweeps += 1  # until it is on disk, the crawl is not finished
        try:
            await self._committer.durable()
            self._plan.hosts.emptied(hosts)
            spare = [*self._plan.state.leased, *self._plan.state.ending]
            count = await self._committer.run(self._store.sweep, end, spare, self._clock.time(), name)
            self._plan.tally.swept(end, count)
        finally:
            self._sweeps -= 1
        return count

    async def _sweep(self) -> None:
        """Queue lost leases again; runs for as long as the frontier is open."""
        while True:
            await self._clock.sleep(self._settings.lease_seconds / 10)
            now = self._clock.now()
            expired = self._plan.leases.expired(now)
            if expired:
                log.warning("%d leases were not renewed in time and are queued again", len(expired))
                self._plan.lose(expired, now)
                self._committer.nudge()
                self._stir_up()

    def _stir_up(self) -> None:
        """Wake everybody who waits for work."""
        self._stir.set()
        self._stir = asyncio.Event()

    async def _stirred(self, seconds: float) -> None:
        stir = asyncio.create_task(self._stir.wait())
        pause = asyncio.create_task(self._clock.sleep(seconds))
        try:
            await asyncio.wait((stir, pause), return_when=asyncio.FIRST_COMPLETED)
        finally:
            stir.cancel()
            pause.cancel()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (failure := task.exception()) is not None:
            self._failures.append(failure)  # the next snapshot ends the crawl with it
