"""A frontier against a model of it: whatever happens in whatever order, every request is in exactly one state."""

from __future__ import annotations

import asyncio
import pathlib
import shutil
import tempfile
from collections.abc import Coroutine
from typing import Any, ClassVar, TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from acrawl.frontier.sqlite import SqliteFrontier
from acrawl.outcome import FAILED, FETCHED, PART, QUARANTINED, RETRY, HostFacts, Receipt
from acrawl.settings import resolve
from contracts.crawl import Crawl, Got, item

T = TypeVar("T")

LIMIT = 3
DELAYS = {"http://fast.test": 0.0, "http://slow.test": 2.0} | {f"http://rare{number}.test": 0.0 for number in range(4)}
PAGES = [f"{host}/{number}" for number in range(12) for host in list(DELAYS)[: 2 if number % 4 else None]]
LINKS = st.sets(st.integers(0, len(PAGES) - 1))
WORKERS = st.sampled_from(["a", "b", "c"])
LEASE = 30.0
PATIENCE = 2 * LEASE  # how long a worker is emptied for a suspect
SWEEP = LEASE / 10  # how late a lease may be found to have expired


class Lease:
    """What the model knows of a lease. ``links`` and ``items`` have come in parts."""

    def __init__(self, got: Got, now: float) -> None:
        self.got = got
        self.since = now
        self.deadline = now + LEASE
        self.started = self.named = self.alone = False
        self.links: list[str] = []
        self.items: list[str] = []


async def opener(folder: pathlib.Path, overrides: Any, gate: Any, clock: Any) -> SqliteFrontier:
    return await SqliteFrontier.open(str(folder / "crawl.sqlite"), resolve(("test", overrides)), gate, clock)


class FrontierMachine(RuleBasedStateMachine):
    #: Hardly any memory: a window of four rows, three in all, and one host without work.
    terms: ClassVar[dict[str, Any]] = {"frontier.window": 4, "frontier.rows": 3, "frontier.idle_hosts": 1}

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.crawl = Crawl(opener, self.folder)
        self.queued: set[str] = set()
        self.leased: dict[int, Lease] = {}
        self.done: dict[str, str] = {}
        self.losses: dict[str, int] = {}
        self.items: list[str] = []
        self.former: list[tuple[int, Got]] = []
        self.shares: dict[tuple[str, str], int] = {}
        self.last_start = dict.fromkeys(DELAYS, float("-inf"))
        self.ruled: set[str] = set()
        self.made = self.progress = 0

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do one thing, and let the engine come to rest behind it: the same steps have the same end each time."""
        return self.loop.run_until_complete(self.and_rest(work))

    async def and_rest(self, work: Coroutine[Any, Any, T]) -> T:
        result = await work
        engine: Any = self.crawl.frontier
        while True:
            await self.crawl.clock.settle()
            if engine._committer.idle and not engine._plan.hosts.reading:
                return result
            await engine.marks()  # stands behind whatever the storage has been asked for

    @property
    def now(self) -> float:
        return self.crawl.clock.now()

    @initialize(n=st.integers(0, 6))
    def begin(self, n: int) -> None:
        limits = {"politeness.concurrency": LIMIT, "politeness.obey_robots": True}
        self.run(self.crawl.open(limits | self.terms))
        self.add(PAGES[:8], 0)
        self.grant("a", 2)  # both robots.txt
        self.grant("a", n)

    # -- what is discovered and handed out

    @rule(pages=st.lists(st.sampled_from(PAGES), max_size=8), priority=st.integers(-1, 1))
    def more(self, pages: list[str], priority: int) -> None:
        self.add(pages, priority)

    def add(self, pages: list[str], priority: int) -> None:
        self.run(self.crawl.add(*pages, priority=priority))
        self.discover(pages)

    def discover(self, pages: list[str]) -> None:
        known = self.queued | self.done.keys() | {lease.got.url for lease in self.leased.values()}
        self.queued |= set(pages) - known

    @rule(worker=WORKERS, n=st.integers(1, 8))
    def lease(self, worker: str, n: int) -> None:
        self.grant(worker, n)

    def grant(self, worker: str, n: int) -> None:
        before = [lease for lease in self.leased.values() if lease.got.worker == worker]
        batch = self.run(self.crawl.lease(worker, n))
        for got in batch:
            self.keeps_its_distance(got)
            if got.robots:
                assert got.host not in self.ruled  # whatever was forgotten meanwhile
                self.ruled.add(got.host)
                self.last_start[got.host] = max(self.last_start[got.host], got.start_at)
                facts = HostFacts(rules=b"R", crawl_delay=DELAYS[got.host])
                assert self.run(self.crawl.report(got, ago=0.0, host=facts)) == Receipt(1)
                continue
            assert got.url in self.queued
            assert got.rules == b"R"
            self.queued.discard(got.url)
            self.leased[got.token] = Lease(got, self.now)
            self.shares[worker, got.host] = got.share
        self.suspects_are_alone(before, batch)

    def suspects_are_alone(self, before: list[Lease], batch: list[Got]) -> None:
        assert not (batch and any(lease.alone for lease in before))
        for got in batch:
            if self.losses.get(got.url, 0) >= 2:
                self.leased[got.token].alone = len(batch) == 1 and not before
                # Else its worker has not become empty for so long that it got it among the others.
                assert self.leased[got.token].alone or before
                assert all(self.now - lease.since >= PATIENCE for lease in before)

    def keeps_its_distance(self, got: Got) -> None:
        delay = DELAYS[got.host]
        assert got.start_at >= self.last_start[got.host] + delay - 1e-9
        if delay:
            for other in self.leased.values():
                if other.got.host == got.host:
                    assert other.got.worker == got.worker
                    assert got.start_at >= other.got.start_at + delay - 1e-9

    # -- how leases end

    def some(self, data: st.DataObject) -> Lease:
        return data.draw(st.sampled_from(list(self.leased.values())))

    def end(self, lease: Lease) -> None:
        del self.leased[lease.got.token]
        self.former.append((self.crawl.epoch, lease.got))

    def came_back(self, lease: Lease, when: float) -> None:
        """A lease was lost: its request is queued again, unless it has been lost too often after it began."""
        url = lease.got.url
        self.end(lease)
        self.last_start[lease.got.host] = max(self.last_start[lease.got.host], when)
        blamed = lease.started or (not lease.named and when >= lease.got.start_at)
        self.losses[url] = self.losses.get(url, 0) + blamed
        if blamed and self.losses[url] >= (3 if lease.alone else 6):
            self.done[url] = QUARANTINED
        else:
            self.queued.add(url)

    @precondition(lambda self: self.leased)
    @rule(data=st.data(), links=LINKS)
    def part(self, data: st.DataObject, links: set[int]) -> None:
        lease = self.some(data)
        found, made = [PAGES[number] for number in sorted(links)], [self.name(lease.got)]
        facts = {"links": found, "items": [item(name) for name in made]}
        assert self.run(self.crawl.report(lease.got, PART, **facts)) == Receipt(1)
        lease.links += found
        lease.items += made

    def name(self, got: Got) -> str:
        self.made += 1
        return f"{got.url} {self.made}"

    @precondition(lambda self: self.leased)
    @rule(data=st.data(), status=st.sampled_from([FETCHED, FETCHED, FAILED, RETRY]), links=LINKS)
    def report(self, data: st.DataObject, status: str, links: set[int]) -> None:
        lease = self.some(data)
        got = lease.got
        start = max(got.start_at, self.last_start[got.host] + DELAYS[got.host])
        if start > self.now:  # a polite worker has not begun yet
            self.run(self.crawl.frontier.release(got.worker, self.crawl.epoch, [got.token]))
            self.end(lease)
            self.queued.add(got.url)
            return
        found = [PAGES[number] for number in sorted(links)] if status == FETCHED else []
        made = [self.name(got)] if status == FETCHED else []
        facts = {"links": found, "items": [item(name) for name in made], "ago": self.now - start, "delay": 1.0}
        assert self.run(self.crawl.report(got, status, **facts)) == Receipt(1)
        self.last_start[got.host] = start
        self.end(lease)
        if status == RETRY:
            self.queued.add(got.url)
        else:
            self.took_effect(lease, status, found, made)

    def took_effect(self, lease: Lease, status: str, links: list[str], items: list[str]) -> None:
        self.done[lease.got.url] = status
        self.items += lease.items + items
        self.discover(lease.links + links)

    @precondition(lambda self: self.former)
    @rule(data=st.data(), pause=st.sampled_from([0.0, 60.0]))
    def late_report(self, data: st.DataObject, pause: float) -> None:
        epoch, got = data.draw(st.sampled_from(self.former))
        facts = {"links": PAGES, "items": [item("late")], "host": HostFacts(pause=pause), "ago": 0.0}
        assert self.run(self.crawl.report(got, epoch=epoch, **facts)) == Receipt(0, 1)

    @precondition(lambda self: self.leased)
    @rule(data=st.data())
    def false_report(self, data: st.DataObject) -> None:
        got = self.some(data).got
        stranger = data.draw(WORKERS.filter(lambda name: name != got.worker))
        assert self.run(self.crawl.report(got, worker=stranger, links=PAGES)) == Receipt(0, 1)

    @precondition(lambda self: self.leased)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        lease = self.some(data)
        for _ in range(2):
            self.run(self.crawl.frontier.release(lease.got.worker, self.crawl.epoch, [lease.got.token]))
        self.end(lease)
        self.queued.add(lease.got.url)

    @precondition(lambda self: self.leased)
    @rule(worker=WORKERS, started=st.sampled_from([True, True, False]))
    def renew(self, worker: str, started: bool) -> None:
        mine = {token: lease for token, lease in self.leased.items() if lease.got.worker == worker}
        strange = [got.token for _, got in self.former]
        self.progress += 1
        tokens = dict.fromkeys([*mine, *strange], self.progress * started)
        gone = self.run(self.crawl.frontier.renew(worker, self.crawl.epoch, tokens))
        assert sorted(gone) == sorted(strange)
        for lease in mine.values():
            lease.deadline = self.now + LEASE
            lease.started |= started
            lease.named = True

    @precondition(lambda self: self.leased)
    @rule(data=st.data(), times=st.integers(1, 3), n=st.integers(1, 8))
    def dies(self, data: st.DataObject, times: int, n: int) -> None:
        """A worker is lost after it has begun all it held, and comes back for more."""
        worker = self.some(data).got.worker
        for _ in range(times):
            self.renew(worker, True)
            self.lost(worker)
            self.grant(worker, n)

    @precondition(lambda self: self.leased)
    @rule(worker=WORKERS)
    def lost(self, worker: str) -> None:
        mine = [lease for lease in self.leased.values() if lease.got.worker == worker]
        assert self.run(self.crawl.frontier.lost(worker)) == len(mine)
        for lease in mine:
            self.came_back(lease, self.now)

    @rule(seconds=st.sampled_from([0.5, 2.0, 12.0, 31.0, 40.0]))
    def time_passes(self, seconds: float) -> None:
        self.run(self.crawl.clock.advance(seconds))
        for lease in list(self.leased.values()):
            if lease.deadline <= self.now - SWEEP or (
                lease.deadline <= self.now and self.run(self.crawl.state(lease.got.url)) != "leased"
            ):
                self.came_back(lease, lease.deadline)

    @precondition(lambda self: self.former)
    @rule(crashes=st.booleans())
    def restart(self, crashes: bool) -> None:
        for lease in list(self.leased.values()):
            self.end(lease)
            self.queued.add(lease.got.url)
        if crashes:
            self.loop.run_until_complete(self.crash())
        self.run(self.crawl.restart())
        self.rest()

    @precondition(lambda self: self.leased)
    @rule(data=st.data(), written=st.booleans(), links=LINKS)
    def crash_during_a_report(self, data: st.DataObject, written: bool, links: set[int]) -> None:
        """It was not acknowledged: all of it is there afterwards, or nothing."""
        reported = self.some(data)
        found, made = [PAGES[number] for number in sorted(links)], [self.name(reported.got)]
        work = self.crawl.report(reported.got, links=found, items=[item(name) for name in made])
        self.loop.run_until_complete(self.crash(work, written))
        self.run(self.crawl.restart())
        for lease in list(self.leased.values()):
            self.end(lease)
            self.queued.add(lease.got.url)
        if written:
            self.queued.discard(reported.got.url)
            self.took_effect(reported, FETCHED, found, made)
        self.rest()

    async def crash(self, work: Coroutine[Any, Any, Any] | None = None, written: bool = False) -> None:
        """Let go of everything as it is in the middle of this, before or after it was written: nobody is told."""
        engine: Any = self.crawl.frontier
        tasks = [*engine._tasks, engine._committer._task]
        for task in tasks:
            task.cancel()
        if work is not None:
            tasks.append(asyncio.create_task(work))
            await self.crawl.clock.settle()
        if written:
            await engine._committer.run(engine._store.commit, engine._committer.group, self.crawl.clock.time())
        tasks[-1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(engine._committer._pool.shutdown)
        engine._store.close()
        self.crawl.forget()

    def rest(self) -> None:
        for host, delay in DELAYS.items():  # nothing sooner than max(delay, 1 s) from now on
            self.last_start[host] = max(self.last_start[host], self.now + max(delay, 1.0) - delay)

    # -- what always holds

    @invariant()
    def every_request_is_in_one_state(self) -> None:
        if not self.crawl.lives:
            return
        now = self.run(self.crawl.snapshot())
        assert (now.queued, now.leased) == (len(self.queued), len(self.leased))
        assert now.discovered == now.queued + now.leased + len(self.done)
        ends = list(self.done.values())
        counts = (ends.count(FETCHED), ends.count(FAILED), ends.count(QUARANTINED))
        assert (now.fetched, now.failed, now.quarantined) == counts
        assert now.undelivered == len(self.items)

    @invariant()
    def no_host_bears_more_than_its_share(self) -> None:
        held: dict[tuple[str, str], int] = {}
        for lease in self.leased.values():
            key = lease.got.worker, lease.got.host
            held[key] = held.get(key, 0) + 1
        for host in DELAYS:
            live = [min(self.shares[key], count) for key, count in held.items() if key[1] == host]
            assert sum(live) <= LIMIT
        live = [min(self.shares[key], count) for key, count in held.items()]
        assert sum(live) <= self.terms.get("politeness.budget_concurrency", LIMIT * len(DELAYS))

    def teardown(self) -> None:
        try:
            if self.crawl.lives:
                self.loop.run_until_complete(self.finish())
        finally:
            self.loop.run_until_complete(self.crawl.close())
            self.loop.close()
            shutil.rmtree(self.folder)

    async def finish(self) -> None:
        """Whatever has happened, the crawl comes to its end, and everything was there once."""
        assert await self.crawl.bodies() == self.items
        for url in self.queued:
            assert await self.crawl.state(url) == "queued"
        for url, status in self.done.items():
            assert (await self.crawl.story(url)).state == status
        for worker in "abc":
            await self.crawl.frontier.lost(worker)
        await self.crawl.frontier.seeds_exhausted()
        await self.crawl.frontier.done([one.id for one in await self.crawl.outbox()])
        for _ in range(2000):
            for got in await self.crawl.lease("z", 50):
                assert await self.crawl.report(got, host=HostFacts(rules=b"R") if got.robots else None) == Receipt(1)
            if (await self.crawl.snapshot()).finished:
                break
            await self.crawl.clock.advance(1.0)
        now = await self.crawl.snapshot()
        assert now.finished
        books = await self.crawl.frontier.audit()
        assert (books.problems, books.queued, books.done) == ([], 0, now.discovered)


class BudgetMachine(FrontierMachine):
    """The same, where all hosts share a second budget and memory is no matter."""

    terms: ClassVar[dict[str, Any]] = {"politeness.budget_by": "domain", "politeness.budget_concurrency": 2}


FrontierMachine.TestCase.settings = BudgetMachine.TestCase.settings = settings(
    max_examples=20,
    stateful_step_count=40,
    deadline=None,
    database=None,
    phases=[
        Phase.generate
    ],  # a failure is shown as it was found; with Phase.shrink, minutes later, as short as it gets
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestFrontier = FrontierMachine.TestCase
TestBudgets = BudgetMachine.TestCase
