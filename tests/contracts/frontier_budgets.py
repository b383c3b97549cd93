"""Promises about second budgets: hosts of one address, domain or key share what they may be asked for together."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from typing import Any

import pytest

from acrawl.outcome import RETRY, HostFacts
from contracts.crawl import Crawl, Got

HOSTS = ["http://a.one", "http://b.one", "http://c.one"]  # `OpenGate.group` is the last part of the name
OTHER = "http://d.two"


class Load:
    """What workers may have under way at all hosts of one budget, by the tickets they hold."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.shares: dict[tuple[str, str], int] = {}
        self.held: list[Got] = []

    def take(self, got: list[Got]) -> None:
        for one in got:
            self.shares[one.worker, one.host] = one.share
            self.held.append(one)
        assert self.live <= self.limit, (self.live, self.held)

    @property
    def live(self) -> int:
        held = Counter((one.worker, one.host) for one in self.held)
        return sum(min(self.shares[key], count) for key, count in held.items())


async def plant(crawl: Crawl, count: int, hosts: list[str] = HOSTS) -> None:
    await crawl.frontier.add([crawl.sealed(f"{host}/{n}") for n in range(count) for host in hosts])


class BudgetPromises:
    @pytest.mark.parametrize("by", ["domain", "spider"])
    @pytest.mark.parametrize("limit", [1, 3, 5])
    async def test_shares_of_all_hosts_never_sum_above_the_budget(self, crawl: Crawl, by: str, limit: int):
        await crawl.open({
            "politeness.budget_by": by, "politeness.budget_concurrency": limit, "politeness.concurrency": 4
        })  # fmt: skip
        await plant(crawl, 40)
        load, chance, most = Load(limit), random.Random(limit), 0
        for _ in range(200):
            load.take(await crawl.lease(chance.choice("abc"), chance.randrange(1, 6)))
            most = max(most, load.live)
            for one in chance.sample(load.held, min(len(load.held), chance.randrange(4))):
                load.held.remove(one)
                await crawl.report(one)
        assert most == limit  # all of it is used
        assert (await crawl.snapshot()).fetched > 60

    async def test_other_keys_have_budgets_of_their_own(self, crawl: Crawl):
        await crawl.open({"politeness.budget_by": "domain", "politeness.budget_concurrency": 1})
        await plant(crawl, 3, [*HOSTS, OTHER])
        assert {got.host: got.share for got in await crawl.lease()} == {HOSTS[0]: 1, OTHER: 1}

    async def test_without_a_second_budget_hosts_are_on_their_own(self, crawl: Crawl):
        await crawl.open({"politeness.budget_concurrency": 1, "politeness.budget_delay": 9.0})
        await plant(crawl, 1)
        assert {(got.host, got.share, got.spacing) for got in await crawl.lease()} == {(host, 8, 0.0) for host in HOSTS}

    @pytest.mark.parametrize("delay", [0.0, 2.0])
    async def test_starts_of_all_hosts_keep_the_budgets_distance_and_one_worker(self, crawl: Crawl, delay: float):
        await crawl.open({
            "politeness.budget_by": "domain", "politeness.budget_delay": 3.0, "politeness.delay": delay
        })  # fmt: skip
        await plant(crawl, 8)
        held: list[Got] = []
        starts: list[float] = []
        hosts: list[str] = []
        for turn in range(400):
            got = await crawl.lease("ab"[turn % 2], 3)
            held += got
            hosts += [one.host for one in got]
            starts += [one.start_at for one in got]
            assert len({(one.worker, one.host) for one in held}) <= 1
            while held and held[0].start_at <= crawl.clock.now():
                one = held.pop(0)
                await crawl.report(one, ago=crawl.clock.now() - one.start_at)
            await crawl.clock.advance(0.5)
        assert sorted(Counter(hosts).values()) == [8, 8, 8]
        assert all(later - earlier >= 3.0 for earlier, later in itertools.pairwise(starts))
        assert starts[-1] - starts[0] < 24 * 3.0 + 10  # and they are not much further apart

    @pytest.mark.parametrize("delay", [0.0, 1.0])
    @pytest.mark.parametrize("eager", [True, False])
    async def test_who_waits_for_the_budget_gets_its_turn(self, crawl: Crawl, delay: float, eager: bool):
        """A host with much to fetch does not keep the others out, even if its worker always asks before it is done."""
        await crawl.open({
            "politeness.budget_by": "domain", "politeness.budget_concurrency": 1, "politeness.budget_delay": delay
        })  # fmt: skip
        await plant(crawl, 200, HOSTS[:1])
        await plant(crawl, 2, HOSTS[1:])
        fetched: list[str] = []
        held: list[Got] = []
        for _ in range(300):
            held += await crawl.lease(n=4)
            for one in held[: 1 if eager else None]:
                held.remove(one)
                await crawl.clock.advance(max(0.0, one.start_at - crawl.clock.now()))
                await crawl.report(one, ago=0.0)
                fetched.append(one.host)
        places = [place for place, host in enumerate(fetched) if host != HOSTS[0]]
        assert len(places) == 4
        assert max(places) < 60

    @pytest.mark.parametrize("delay", [0.0, 2.0])
    @pytest.mark.parametrize("limit", [1, 2, 4])
    @pytest.mark.parametrize("seed", range(4))
    async def test_whatever_happens_everything_is_fetched_once(self, crawl: Crawl, seed: int, limit: int, delay: float):
        await crawl.open({
            "politeness.budget_by": "domain", "politeness.budget_concurrency": limit, "politeness.budget_delay": delay,
            "politeness.concurrency": 2, "frontier.window": 4, "frontier.rows": 6,
        })  # fmt: skip
        await plant(crawl, 9)
        chance, load, done = random.Random(seed), Load(limit), []
        for _ in range(4000):
            load.take(await crawl.lease(chance.choice("ab"), chance.randrange(1, 5)))
            fate = chance.random()
            if fate < 0.5 and load.held:
                one = load.held.pop(chance.randrange(len(load.held)))
                if chance.random() < 0.2:
                    await crawl.report(one, RETRY, reason="reset", delay=chance.choice([0.0, 3.0]), ago=0.0)
                else:
                    await crawl.report(one, ago=0.0)
                    done.append(one.url)
            elif fate < 0.6 and load.held:
                one = load.held.pop()
                await crawl.frontier.release(one.worker, crawl.epoch, [one.token])
            elif fate < 0.65:
                gone = chance.choice("ab")
                await crawl.frontier.lost(gone)
                load.held = [one for one in load.held if one.worker != gone]
            elif not load.held:
                await crawl.clock.advance(1.0)
                now = await crawl.snapshot()
                if not now.queued and not now.leased:
                    break
        assert sorted(done) == sorted(f"{host}/{n}" for n in range(9) for host in HOSTS)

    # -- by address, which is learned

    async def learn(self, crawl: Crawl, addresses: dict[str, str], **facts: Any) -> None:
        """Fetch one request of each of these hosts, whose servers have these addresses."""
        for host, address in addresses.items():
            await crawl.add(f"{host}/first")
            await crawl.report(await crawl.one(), host=HostFacts(address=address), **facts)

    async def test_addresses_are_learned_and_known_in_the_next_life(self, crawl: Crawl):
        await crawl.open({"politeness.budget_by": "address", "politeness.budget_concurrency": 2})
        await self.learn(crawl, {HOSTS[0]: "192.0.2.1", HOSTS[1]: "192.0.2.1", HOSTS[2]: "192.0.2.2"})
        await plant(crawl, 4)
        for _ in range(2):
            load = Load(2)
            got = await crawl.lease_until(8)
            load.take([one for one in got if one.host != HOSTS[2]])
            hosts = {one.host for one in got}
            assert (len(hosts), HOSTS[2] in hosts, {one.share for one in got}) == (2, True, {2})
            await crawl.restart()
            await crawl.clock.advance(10)

    async def test_a_host_that_moves_to_another_address_keeps_nobody_waiting(self, crawl: Crawl):
        """The last lease that the others waited for ends under another budget than it began."""
        await crawl.open({"politeness.budget_by": "address", "politeness.budget_concurrency": 1})
        await self.learn(crawl, {HOSTS[0]: "192.0.2.1", HOSTS[1]: "192.0.2.1"})
        await crawl.add(f"{HOSTS[0]}/2")
        got = await crawl.one()
        await crawl.add(f"{HOSTS[1]}/2")
        assert await crawl.lease() == []
        await crawl.report(got, host=HostFacts(address="192.0.2.9"))
        assert [one.host for one in await crawl.lease()] == [HOSTS[1]]

    async def test_what_was_started_before_the_address_was_known_counts(self, crawl: Crawl):
        await crawl.open({"politeness.budget_by": "address", "politeness.budget_delay": 4.0})
        await self.learn(crawl, dict.fromkeys(HOSTS, "192.0.2.1"), ago=1.0)
        await plant(crawl, 1)
        got = await crawl.one()
        assert got.start_at == crawl.clock.now() + 3.0

    async def test_an_address_does_not_matter_where_budgets_are_of_another_kind(self, crawl: Crawl):
        await crawl.open({"politeness.budget_concurrency": 1})
        await self.learn(crawl, dict.fromkeys(HOSTS, "192.0.2.1"))
        await plant(crawl, 1)
        assert {got.host for got in await crawl.lease()} == set(HOSTS)

    async def test_after_a_restart_the_budget_rests_for_its_delay(self, crawl: Crawl):
        await crawl.open({"politeness.budget_by": "domain", "politeness.budget_delay": 7.0})
        await plant(crawl, 2)
        await crawl.report(await crawl.one(), ago=0.0)
        await crawl.restart()
        opened = crawl.clock.now()
        await crawl.clock.advance(2.5)
        assert (await crawl.one()).start_at == opened + 7.0
