"""Promises about what memory need not hold: hosts without work come back as they were when there is work again."""

from __future__ import annotations

import pytest

from acrawl.outcome import FAILED, FETCHED, RETRY, HostFacts
from contracts.crawl import HOST, Crawl

FEW = {"frontier.idle_hosts": 1}
ROBOTS = {"politeness.obey_robots": True, "politeness.robots_ttl": 1000}


class MemoryPromises:
    async def crowd(self, crawl: Crawl, name: str = "crowd", count: int = 12) -> None:
        """Visit many other hosts, so that those which are idle are forgotten."""
        for number in range(count):
            await crawl.add(f"http://{name}{number}.other/")
        for _ in range(200):
            for got in await crawl.lease("crowd"):
                await crawl.report(got, ago=0.0, host=HostFacts(rules=b"crowd") if got.robots else None)
            now = await crawl.snapshot()
            if not now.queued and not now.leased:
                return
            await crawl.clock.settle()
        raise AssertionError(now)

    async def test_a_forgotten_host_comes_back_with_its_rules_and_delay(self, crawl: Crawl):
        await crawl.open(FEW | ROBOTS)
        await crawl.add("/1")
        await crawl.allow(await crawl.one(), b"R", crawl_delay=3.0)
        await crawl.report(await crawl.one(), ago=0.0)
        await crawl.clock.advance(20)
        await self.crowd(crawl)
        await crawl.add("/2", "/3")
        got = await crawl.lease_until(2)
        assert [(one.robots, one.rules, one.spacing) for one in got] == [(False, b"R", 3.0)] * 2

    async def test_a_forgotten_host_asks_for_robots_when_its_rules_are_stale(self, crawl: Crawl):
        await crawl.open(FEW | ROBOTS)
        await crawl.add("/1")
        await crawl.allow(await crawl.one(), b"R")
        await crawl.report(await crawl.one(), ago=0.0)
        await crawl.clock.advance(600)
        await self.crowd(crawl)
        await crawl.add("/2")
        got = await crawl.one()
        assert (got.robots, got.rules) == (False, b"R")
        await crawl.report(got)
        await crawl.clock.advance(401)
        await self.crowd(crawl, "more")
        await crawl.add("/3")
        assert (await crawl.one()).robots

    async def test_a_forgotten_host_comes_back_to_its_budget(self, crawl: Crawl):
        await crawl.open(FEW | {"politeness.budget_by": "address", "politeness.budget_concurrency": 1})
        for host in (HOST, "http://b.test"):
            await crawl.add(f"{host}/1")
            await crawl.report(await crawl.one(), host=HostFacts(address="192.0.2.1"))
        await self.crowd(crawl)
        await crawl.add("/2", "http://b.test/2")
        (got,) = await crawl.lease()
        assert got.share == 1

    @pytest.mark.parametrize(
        ("limit", "facts"),
        [
            ("limits.host_pages", {"status": FETCHED}),
            ("limits.host_errors", {"status": FAILED}),
            ("limits.host_bytes", {"status": FETCHED, "size": 1}),
        ],
    )
    async def test_a_forgotten_host_comes_back_with_its_counts(
        self, crawl: Crawl, limit: str, facts: dict[str, object]
    ):
        await crawl.open(FEW | {limit: 2})
        for number in range(2):
            await crawl.add(f"/{number}")
            await crawl.report(await crawl.one(), **facts)  # type: ignore[arg-type]
            await self.crowd(crawl, f"crowd{number}-", 6)
        await crawl.add("/2")
        await crawl.until_state("/2", "excluded(limit)")

    async def test_a_host_that_was_given_up_stays_so_when_it_is_forgotten(self, crawl: Crawl):
        await crawl.open(FEW | {"politeness.max_pauses": 1})
        await crawl.add("/1")
        for _ in range(2):
            await crawl.report(await crawl.one(), RETRY, host=HostFacts(pause=5))
            await crawl.clock.advance(5)
        await crawl.until_state("/1", "failed(rate-limited)")
        await self.crowd(crawl)
        await crawl.add("/2")
        assert await crawl.state("/2") == "failed(rate-limited)"

    async def test_a_host_is_not_forgotten_before_it_may_be_asked_again(self, crawl: Crawl):
        await crawl.open(FEW | {"politeness.delay": 7.0})
        await crawl.add("/1")
        got = await crawl.one()
        await crawl.report(got, ago=0.0)
        await self.crowd(crawl)
        await crawl.clock.advance(3.0)
        await crawl.add("/2")
        assert (await crawl.one()).start_at == got.start_at + 7.0

    async def test_a_pause_is_not_forgotten(self, crawl: Crawl):
        await crawl.open(FEW)
        await crawl.add("/1")
        await crawl.report(await crawl.one(), FAILED, host=HostFacts(pause=30))
        await self.crowd(crawl)
        await crawl.add("/2")
        assert await crawl.lease() == []
        await crawl.clock.advance(30)
        assert (await crawl.one()).url == f"{HOST}/2"

    async def test_pauses_without_success_are_counted_on(self, crawl: Crawl):
        await crawl.open(FEW | {"politeness.max_pauses": 2})
        for number in range(3):
            await crawl.add(f"/{number}")
            await crawl.report(await crawl.one(), FAILED, host=HostFacts(pause=5))
            await crawl.clock.advance(10)
            await self.crowd(crawl, f"crowd{number}-")
        await crawl.add("/last")
        assert await crawl.state("/last") == "failed(rate-limited)"

    @pytest.mark.parametrize("rows", [1, 7])
    @pytest.mark.parametrize("robots", [False, True])
    async def test_many_hosts_in_little_memory_are_all_fetched_once(self, crawl: Crawl, rows: int, robots: bool):
        """Links go back to hosts that have just been forgotten, and the crawl is restarted on the way."""
        await crawl.open(FEW | {"frontier.rows": rows, "frontier.window": 4, "politeness.obey_robots": robots})
        urls = [f"http://h{n % 30}.test/{n}" for n in range(300)]
        await crawl.add(*urls[:20])
        fetched, errands = [], 0
        for turn in range(3000):
            got = await crawl.lease(n=7)
            for one in got:
                if one.robots:
                    errands += 1
                    await crawl.allow(one)
                    continue
                fetched.append(one.url)
                place = urls.index(one.url)
                await crawl.report(one, links=[urls[(place + step) % 300] for step in (1, 20, 33, 150)])
            if turn == 40:
                await crawl.restart()
                await crawl.clock.advance(2.0)
            if not got:
                await crawl.clock.settle()
                now = await crawl.snapshot()
                if not now.queued and not now.leased:
                    break
        assert sorted(fetched) == sorted(urls)
        assert errands == (30 if robots else 0)
