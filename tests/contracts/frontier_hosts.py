"""Promises about politeness: what a host may be asked to bear, over all workers, and its robots.txt."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter

import pytest

from acrawl.outcome import FAILED, RETRY, HostFacts
from contracts.crawl import HOST, Crawl, Got


class Load:
    """What the workers may have under way at one host by the tickets they hold; never more than ``limit``."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.shares: dict[str, int] = {}
        self.held: dict[str, list[Got]] = {}

    def take(self, got: list[Got]) -> None:
        for one in got:
            self.shares[one.worker] = one.share
            self.held.setdefault(one.worker, []).append(one)
        assert sum(self.live.values()) <= self.limit, self.live

    @property
    def live(self) -> dict[str, int]:
        return {worker: min(self.shares[worker], len(held)) for worker, held in self.held.items() if held}


class HostPromises:
    @pytest.mark.parametrize(("limit", "workers"), [(1, 3), (2, 3), (8, 3), (8, 1), (5, 4)])
    async def test_shares_never_sum_above_the_concurrency(self, crawl: Crawl, limit: int, workers: int):
        await crawl.open({"politeness.concurrency": limit})
        await crawl.add(*(f"/{n}" for n in range(120)))
        load, names = Load(limit), [f"w{n}" for n in range(workers)]
        for turn in range(60):
            name = names[turn * 7 % workers]
            load.take(await crawl.lease(name, 3))
            for one in load.held.get(names[turn % workers], [])[: 1 + turn % 4]:
                load.held[one.worker].remove(one)
                await crawl.report(one)
        assert (await crawl.snapshot()).fetched > 40

    async def test_workers_that_come_together_share_fairly(self, crawl: Crawl):
        await crawl.open({"politeness.concurrency": 9})
        await crawl.add(*(f"/{n}" for n in range(300)))
        load, names = Load(9), ["a", "b", "c"]
        for name in names:
            load.take(await crawl.lease(name, 3))
        for _ in range(12):  # every worker keeps itself supplied and finishes at the same pace
            for name in names:
                load.take(await crawl.lease(name, 4))
                for one in load.held[name][:3]:
                    load.held[name].remove(one)
                    await crawl.report(one)
        for name in names:
            load.take(await crawl.lease(name, 4))
        assert load.live == {"a": 3, "b": 3, "c": 3}

    async def test_a_late_joiner_gets_its_share_of_a_single_host(self, crawl: Crawl):
        await crawl.open({"politeness.concurrency": 8})
        await crawl.add(*(f"/{n}" for n in range(400)))
        load = Load(8)
        load.take(await crawl.lease("old", 50))
        assert load.live == {"old": 8}
        assert await crawl.lease("new", 50) == []  # all of it may be under way at the old one
        for _ in range(20):
            for one in load.held["old"][:4] + load.held.get("new", [])[:3]:
                load.held[one.worker].remove(one)
                await crawl.report(one)
            load.take(await crawl.lease("old", 4))
            load.take(await crawl.lease("new", 4))
        assert load.live == {"old": 4, "new": 4}

    async def test_a_share_grows_when_others_leave(self, crawl: Crawl):
        await crawl.open({"politeness.concurrency": 8})
        await crawl.add(*(f"/{n}" for n in range(100)))
        await crawl.lease("a", 4)
        await crawl.lease("b", 4)
        assert {got.share for got in await crawl.lease("a", 4)} == {4}
        await crawl.frontier.lost("b")
        assert {got.share for got in await crawl.lease("a", 4)} == {8}

    async def test_hosts_take_turns(self, crawl: Crawl):
        await crawl.open({"politeness.concurrency": 2})
        for host in "abc":
            await crawl.add(*(f"http://{host}.test/{n}" for n in range(50)))
        assert Counter(got.host for got in await crawl.lease(n=24)) == {f"http://{host}.test": 8 for host in "abc"}

    async def test_starts_at_one_host_keep_their_distance(self, crawl: Crawl):
        await crawl.open({"politeness.delay": 2.0})
        await crawl.add(*(f"/{n}" for n in range(40)))
        starts, held = [], []
        for turn in range(60):
            held += (got := await crawl.lease())
            starts += [one.start_at for one in got]
            while held and held[0].start_at <= crawl.clock.now():
                one = held.pop(0)
                await crawl.report(one, ago=crawl.clock.now() - one.start_at)
            await crawl.clock.advance(1 + turn % 3)
        assert len(starts) >= 39
        assert all(later - earlier >= 2.0 for earlier, later in itertools.pairwise(starts))

    async def test_a_host_with_a_delay_serves_one_worker_at_a_time(self, crawl: Crawl):
        await crawl.open({"politeness.delay": 2.0})
        await crawl.add(*(f"/{n}" for n in range(40)))
        got = await crawl.lease("a")
        assert 1 <= len(got) <= 5
        await crawl.clock.advance(20)
        assert await crawl.lease("b") == []
        for one in got[:-1]:
            await crawl.report(one, ago=0.5)
        assert await crawl.lease("b") == []
        await crawl.report(got[-1], ago=0.5)
        (first, *_) = await crawl.lease("b")
        assert first.start_at == pytest.approx(crawl.clock.now() + 1.5)

    async def test_start_times_that_were_not_used_are_free_again(self, crawl: Crawl):
        await crawl.open({"politeness.delay": 2.0})
        await crawl.add(*(f"/{n}" for n in range(9)))
        got = await crawl.lease("a")
        await crawl.frontier.release("a", crawl.epoch, [one.token for one in got])
        (first, *_) = await crawl.lease("b")
        assert first.start_at == crawl.clock.now()

    async def test_a_lost_worker_may_have_started_just_now(self, crawl: Crawl):
        await crawl.open({"politeness.delay": 2.0})
        await crawl.add("/1", "/2")
        await crawl.lease("a")
        await crawl.frontier.lost("a")
        (first, *_) = await crawl.lease("b")
        assert first.start_at == crawl.clock.now() + 2.0

    # -- robots.txt

    async def test_robots_goes_first_and_the_rest_of_the_host_waits(self, crawl: Crawl):
        await crawl.open({"politeness.obey_robots": True})
        await crawl.add("/1", "/2", "http://b.test/1")
        errands = await crawl.lease()
        assert [(one.url, one.robots) for one in errands] == [
            (f"{HOST}/robots.txt", True), ("http://b.test/robots.txt", True)
        ]  # fmt: skip
        assert await crawl.lease() == await crawl.lease("other") == []
        await crawl.allow(errands[0], b"our rules")
        got = await crawl.lease("other")
        assert [one.url for one in got] == [f"{HOST}/1", f"{HOST}/2"]
        assert {one.rules for one in got} == {b"our rules"}
        assert not any(one.robots for one in got)
        assert await crawl.state(f"{HOST}/robots.txt") == "unknown"
        assert (await crawl.snapshot()).discovered == 3

    async def test_without_robots_no_rules_travel(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/1")
        (got,) = await crawl.lease()
        assert (got.rules, got.robots) == (None, False)

    async def test_rules_survive_a_restart_until_they_are_stale(self, crawl: Crawl):
        await crawl.open({"politeness.obey_robots": True, "politeness.robots_ttl": 100})
        await crawl.add("/1", "/2")
        await crawl.allow(await crawl.one(), b"R", crawl_delay=3.0)
        await crawl.restart()
        await crawl.clock.advance(10)
        (got,) = await crawl.lease_until(1)
        assert (got.robots, got.rules, got.spacing) == (False, b"R", 3.0)
        await crawl.report(got)
        await crawl.clock.advance(91)
        assert (await crawl.one()).robots

    async def test_rules_are_forgotten_where_robots_is_no_longer_obeyed(self, crawl: Crawl):
        await crawl.open({"politeness.obey_robots": True})
        await crawl.add("/1")
        await crawl.allow(await crawl.one(), b"R", crawl_delay=3.0)
        await crawl.restart(politeness__obey_robots=False)
        await crawl.clock.advance(10)
        got = await crawl.one()
        assert (got.rules, got.spacing) == (None, 0.0)

    async def test_stale_rules_are_fetched_again_once_nothing_is_under_way(self, crawl: Crawl):
        await crawl.open({"politeness.obey_robots": True, "politeness.robots_ttl": 100})
        await crawl.add(*(f"/{n}" for n in range(30)))
        await crawl.allow(await crawl.one())
        got = await crawl.lease(n=2)
        await crawl.clock.advance(29)
        await crawl.frontier.renew("w", crawl.epoch, {one.token: True for one in got})
        for _ in range(3):
            await crawl.clock.advance(25)
            await crawl.frontier.renew("w", crawl.epoch, {one.token: True for one in got})
        assert await crawl.lease() == []
        await crawl.report(got[0])
        assert await crawl.lease() == []
        await crawl.report(got[1])
        assert [one.robots for one in await crawl.lease()] == [True]

    async def test_crawl_delay_is_kept_from_robots_on_and_capped(self, crawl: Crawl):
        await crawl.open({"politeness.obey_robots": True, "politeness.max_crawl_delay": 5})
        await crawl.add("/1", "/2", "http://b.test/1")
        first, second = await crawl.lease()
        await crawl.clock.advance(1)
        await crawl.allow(first, crawl_delay=4.0, ago=1.0)
        await crawl.allow(second, crawl_delay=1000.0, ago=1.0)
        got = await crawl.lease()
        assert [one.spacing for one in got] == [4.0, 4.0, 5.0]
        assert [one.start_at - crawl.clock.now() for one in got] == [3.0, 7.0, 4.0]

    async def test_a_host_whose_robots_cannot_be_had_is_asked_again_and_given_up_at_last(self, crawl: Crawl):
        await crawl.open({"politeness.obey_robots": True, "politeness.max_pauses": 3})
        await crawl.add("/1", "/2")
        for _ in range(4):
            got = await crawl.one()
            assert got.robots
            await crawl.report(got, RETRY, reason="http-503", delay=10.0)
            assert await crawl.lease() == []
            if waits := (await crawl.frontier.explain(f"{HOST}/1")).host_waits:
                assert waits.startswith("its host's robots.txt could not be had, and is asked for again in ")
                assert waits.endswith(" s: http-503")
            await crawl.clock.advance(400)
        await crawl.until_state("/1", "excluded(robots-unreachable)")
        assert await crawl.state("/2") == "excluded(robots-unreachable)"
        await crawl.add("/3")
        assert await crawl.state("/3") == "excluded(robots-unreachable)"
        await crawl.frontier.seeds_exhausted()
        await crawl.until_finished()

    async def test_a_host_without_address_fails_with_that_reason(self, crawl: Crawl):
        await crawl.open({"politeness.obey_robots": True, "retry.times": 1})
        await crawl.add("/1", "/2")
        for _ in range(2):
            await crawl.report(await crawl.one(), FAILED, reason="dns", delay=1.0)
            await crawl.clock.advance(400)
        await crawl.until_state("/1", "failed(dns)")
        assert await crawl.state("/2") == "failed(dns)"

    @pytest.mark.parametrize("way", ["release", "lost", "released"])
    async def test_a_robots_errand_that_came_to_nothing_is_given_to_the_next(self, crawl: Crawl, way: str):
        await crawl.open({"politeness.obey_robots": True})
        await crawl.add("/1")
        got = await crawl.one("a")
        if way == "release":
            await crawl.frontier.release("a", crawl.epoch, [got.token])
        elif way == "lost":
            await crawl.frontier.lost("a")
        else:
            await crawl.report(got, "released")
        assert (await crawl.one("b")).robots

    # -- pauses

    async def test_a_pause_holds_the_whole_host_and_burns_no_attempt(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/1", "/2", "http://b.test/1")
        got = await crawl.lease(n=1)
        await crawl.report(got[0], RETRY, reason="http-429", host=HostFacts(pause=30))
        (other,) = await crawl.lease()
        assert other.host == "http://b.test"
        await crawl.report(other)
        await crawl.clock.advance(29.9)
        assert await crawl.lease() == []
        await crawl.clock.advance(0.1)
        again = await crawl.lease()
        assert {one.url: one.attempt for one in again} == {f"{HOST}/1": 1, f"{HOST}/2": 1}

    async def test_a_free_retry_waits_its_time_and_burns_no_attempt(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/1")
        for free, attempt in ((True, 1), (True, 1), (False, 2), (True, 2)):
            await crawl.report(await crawl.one(), RETRY, reason="truncated", delay=3.0, free=free)
            assert await crawl.lease() == []
            await crawl.clock.advance(3.0)
            got = await crawl.one()
            assert got.attempt == attempt
            await crawl.frontier.release("w", crawl.epoch, [got.token])
        assert (await crawl.frontier.snapshot()).retries == 4

    async def test_a_pause_is_no_longer_than_the_setting(self, crawl: Crawl):
        await crawl.open({"politeness.max_pause": 10})
        await crawl.add("/1")
        await crawl.report(await crawl.one(), RETRY, host=HostFacts(pause=1e9))
        await crawl.clock.advance(10)
        assert len(await crawl.lease()) == 1

    async def test_a_host_that_always_pauses_is_given_up(self, crawl: Crawl):
        await crawl.open({"politeness.max_pauses": 3})
        await crawl.add("/1", "/2")
        for _ in range(4):
            await crawl.report(await crawl.one(), RETRY, host=HostFacts(pause=30))
            await crawl.clock.advance(30)
        await crawl.until_state("/2", "failed(rate-limited)")
        assert await crawl.state("/1") == "failed(rate-limited)"
        await crawl.frontier.seeds_exhausted()
        assert (await crawl.until_finished()).failed == 2

    async def test_a_host_that_pauses_too_long_is_given_up(self, crawl: Crawl):
        await crawl.open({"politeness.give_up_after": 50})
        await crawl.add("/1")
        for _ in range(2):
            await crawl.report(await crawl.one(), RETRY, host=HostFacts(pause=30))
            await crawl.clock.advance(30)
        await crawl.until_state("/1", "failed(rate-limited)")

    async def test_pauses_are_forgiven_by_a_success_and_answers_under_way_count_once(self, crawl: Crawl):
        await crawl.open({"politeness.max_pauses": 2, "politeness.adaptive": False})
        await crawl.add(*(f"/{n}" for n in range(40)))
        for _ in range(5):
            got = await crawl.lease(n=5)
            for one in got[:3]:  # three answers of one moment are one pause
                await crawl.report(one, RETRY, host=HostFacts(pause=5))
            await crawl.clock.advance(5)
            for one in got[3:]:
                await crawl.report(one, ago=0.0)
        assert (await crawl.snapshot()).failed == 0
        assert len(await crawl.lease_until(1)) == 1

    async def test_a_robots_that_came_at_last_is_a_success(self, crawl: Crawl):
        await crawl.open({"politeness.obey_robots": True, "politeness.max_pauses": 2})
        await crawl.add("/1")
        for _ in range(2):
            await crawl.report(await crawl.one(), RETRY, delay=1.0)
            await crawl.clock.advance(400)
        await crawl.allow(await crawl.one())
        await crawl.report(await crawl.one(), RETRY, host=HostFacts(pause=5))
        await crawl.clock.advance(5)
        assert (await crawl.one()).url == f"{HOST}/1"

    async def test_what_is_under_way_at_a_host_given_up_ends_by_itself(self, crawl: Crawl):
        await crawl.open({"politeness.max_pauses": 1, "frontier.window": 8})
        await crawl.add(*(f"/{n}" for n in range(30)))
        for _ in range(2):
            one, *others = await crawl.lease_until(4, n=4)
            await crawl.report(one, RETRY, host=HostFacts(pause=5))
            await crawl.clock.advance(5)
            if others and _ == 0:
                await crawl.frontier.release("w", crawl.epoch, [other.token for other in others])
        await crawl.report(others[0], links=["/new"])
        await crawl.report(others[1], RETRY)
        await crawl.frontier.release("w", crawl.epoch, [others[2].token])
        await crawl.frontier.seeds_exhausted()
        await crawl.until_finished()
        assert (await crawl.snapshot()).reasons == {
            "fetched": 1, "failed(rate-limited)": 30
        }  # fmt: skip
        assert await crawl.lease() == []

    @pytest.mark.parametrize("turns", range(6))
    async def test_giving_up_ends_what_is_just_being_read(self, crawl: Crawl, turns: int):
        await crawl.open({"politeness.max_pauses": 1, "frontier.window": 8})
        await crawl.add(*(f"/{n}" for n in range(40)))
        await crawl.frontier.seeds_exhausted()
        await crawl.report(await crawl.one(), RETRY, host=HostFacts(pause=5))
        await crawl.clock.advance(5)
        first, *others = await crawl.lease(n=6)  # now the window is low
        for _ in range(turns):
            await asyncio.sleep(0)
        await asyncio.gather(
            crawl.report(first, RETRY, host=HostFacts(pause=5)), *(crawl.report(one) for one in others)
        )
        assert (await crawl.until_finished()).reasons == {"failed(rate-limited)": 35, "fetched": 5}
        await crawl.clock.advance(5)
        assert await crawl.lease() == []
