"""A frontier against a model of it: whatever happens in whatever order, every request is in exactly one state."""

from __future__ import annotations

import asyncio
import pathlib
import shutil
import tempfile
from collections.abc import Coroutine
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from acrawl.frontier.sqlite import SqliteFrontier
from acrawl.outcome import FAILED, FETCHED, QUARANTINED, RETRY, HostFacts, Receipt
from acrawl.settings import resolve
from contracts.crawl import Crawl, Got, item

T = TypeVar("T")

LIMIT = 3
DELAYS = {"http://fast.test": 0.0, "http://slow.test": 2.0}
PAGES = [f"{host}/{number}" for number in range(12) for host in DELAYS]
WORKERS = st.sampled_from(["a", "b", "c"])
LEASE = 30.0
SWEEP = LEASE / 10  # how late a lease may be found to have expired


class Lease:
    """What the model knows of a lease."""

    def __init__(self, got: Got, deadline: float) -> None:
        self.got = got
        self.deadline = deadline
        self.started = False


async def opener(folder: pathlib.Path, overrides: Any, gate: Any, clock: Any) -> SqliteFrontier:
    return await SqliteFrontier.open(str(folder / "crawl.sqlite"), resolve(("test", overrides)), gate, clock)


class FrontierMachine(RuleBasedStateMachine):
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

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do one thing, and let the engine come to rest behind it: the same steps have the same end each time."""
        return self.loop.run_until_complete(self.and_rest(work))

    async def and_rest(self, work: Coroutine[Any, Any, T]) -> T:
        result = await work
        for _ in range(4):
            await self.crawl.clock.settle()
            await self.crawl.frontier.marks()  # stands behind whatever the storage has been asked for
        await self.crawl.clock.settle()
        return result

    @property
    def now(self) -> float:
        return self.crawl.clock.now()

    @initialize(n=st.integers(0, 6))
    def begin(self, n: int) -> None:
        limits = {"frontier.window": 4, "politeness.concurrency": LIMIT, "politeness.obey_robots": True}
        self.run(self.crawl.open(limits))
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
        for got in self.run(self.crawl.lease(worker, n)):
            self.keeps_its_distance(got)
            if got.robots:
                self.last_start[got.host] = max(self.last_start[got.host], got.start_at)
                facts = HostFacts(rules=b"R", crawl_delay=DELAYS[got.host])
                assert self.run(self.crawl.report(got, ago=0.0, host=facts)) == Receipt(1)
                continue
            assert got.url in self.queued
            assert got.rules == b"R"
            self.queued.discard(got.url)
            self.leased[got.token] = Lease(got, self.now + LEASE)
            self.shares[worker, got.host] = got.share

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
        self.losses[url] = self.losses.get(url, 0) + lease.started
        if self.losses[url] >= 3:
            self.done[url] = QUARANTINED
        else:
            self.queued.add(url)

    @precondition(lambda self: self.leased)
    @rule(data=st.data(), status=st.sampled_from([FETCHED, FETCHED, FAILED, RETRY]), links=st.sets(st.integers(0, 23)))
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
        made = [item(f"{got.url} {len(self.items)}")] if status == FETCHED else []
        facts = {"links": found, "items": made, "ago": self.now - start, "delay": 1.0}
        assert self.run(self.crawl.report(got, status, **facts)) == Receipt(1)
        self.last_start[got.host] = start
        self.end(lease)
        if status == RETRY:
            self.queued.add(got.url)
        else:
            self.done[got.url] = status
            self.items += [one.body.decode() for one in made]
            self.discover(found)

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
        tokens = dict.fromkeys([*mine, *strange], started)
        gone = self.run(self.crawl.frontier.renew(worker, self.crawl.epoch, tokens))
        assert sorted(gone) == sorted(strange)
        for lease in mine.values():
            lease.deadline = self.now + LEASE
            lease.started |= started

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
    @rule()
    def restart(self) -> None:
        for lease in list(self.leased.values()):
            self.end(lease)
            self.queued.add(lease.got.url)
        self.run(self.crawl.restart())
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


FrontierMachine.TestCase.settings = settings(
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
