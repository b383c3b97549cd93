"""Promises about the adaptive rate: a host in trouble is asked for less, and step by step for more again."""

from __future__ import annotations

from typing import Any

import pytest

from acrawl.outcome import FAILED, FETCHED, RETRY, HostFacts
from contracts.crawl import Crawl, Got

#: How a host shows that it is in trouble.
TROUBLES: list[tuple[str, dict[str, Any]]] = [
    (RETRY, {"reason": "http-429", "host": HostFacts(pause=1.0)}),
    (RETRY, {"reason": "http-503", "host": HostFacts(pause=1.0)}),
    (RETRY, {"reason": "timeout"}),
    (FAILED, {"reason": "timeout"}),
]


class PacePromises:
    async def ask(self, crawl: Crawl, status: str = FETCHED, **facts: Any) -> Got:
        """Fetch one request as soon as its host may be asked; returns what the ticket said."""
        while not (got := await crawl.lease(n=1)):
            await crawl.clock.advance(1.0)
        await crawl.clock.advance(max(0.0, got[0].start_at - crawl.clock.now()))
        await crawl.report(got[0], status, **{"ago": 0.0, **facts})
        return got[0]

    @pytest.mark.parametrize(("status", "facts"), TROUBLES)
    async def test_trouble_halves_the_share_then_makes_a_gap(self, crawl: Crawl, status: str, facts: dict[str, Any]):
        await crawl.open({"politeness.concurrency": 8})
        await crawl.add(*(f"/{n}" for n in range(20)))
        terms = [await self.ask(crawl, status, **facts) for _ in range(7)]
        assert [got.share for got in terms] == [8, 4, 2, 1, 1, 1, 1]
        assert [got.spacing for got in terms] == [0, 0, 0, 0, 0.25, 0.5, 1.0]

    async def test_a_large_file_that_takes_several_tries_is_no_trouble(self, crawl: Crawl):
        await crawl.open({"politeness.concurrency": 8})
        await crawl.add(*(f"/{n}" for n in range(20)))
        terms = [await self.ask(crawl, RETRY, reason="timeout", free=True) for _ in range(5)]
        assert {(got.share, got.spacing) for got in terms} == {(8, 0)}

    async def test_successes_bring_it_back(self, crawl: Crawl):
        await crawl.open({"politeness.concurrency": 8})
        await crawl.add(*(f"/{n}" for n in range(200)))
        for _ in range(6):
            await self.ask(crawl, FAILED, reason="timeout")
        terms = [await self.ask(crawl, latency=0.1) for _ in range(100)]
        shares, gaps = [got.share for got in terms], [got.spacing for got in terms]
        assert (shares[0], shares[-1], gaps[0], gaps[-1]) == (1, 8, 1.0, 0.0)
        assert shares == sorted(shares)
        assert set(shares) == set(range(1, 9))  # additive: no step is left out
        assert gaps == sorted(gaps, reverse=True)

    async def test_what_came_from_a_cache_says_nothing_of_the_host(self, crawl: Crawl):
        await crawl.open({"politeness.concurrency": 8})
        await crawl.add(*(f"/{n}" for n in range(40)))
        for _ in range(6):
            await self.ask(crawl, FAILED, reason="timeout")
        terms = [await self.ask(crawl, reason="cached", ago=-1.0) for _ in range(20)]
        assert {got.spacing for got in terms} == {1.0}

    async def test_starts_keep_the_gap_that_trouble_has_made(self, crawl: Crawl):
        await crawl.open({"politeness.concurrency": 2})
        await crawl.add(*(f"/{n}" for n in range(40)))
        for _ in range(4):
            await self.ask(crawl, FAILED, reason="timeout")
        got = await crawl.lease("w")
        starts = [one.start_at for one in got]
        assert {one.spacing for one in got} == {1.0}
        assert starts == [starts[0] + n for n in range(len(got))]
        assert await crawl.lease("other") == []  # one clock: one worker

    @pytest.mark.parametrize(("status", "facts"), TROUBLES)
    async def test_answers_under_way_at_a_cut_count_once(self, crawl: Crawl, status: str, facts: dict[str, Any]):
        await crawl.open({"politeness.concurrency": 8})
        await crawl.add(*(f"/{n}" for n in range(20)))
        got = await crawl.lease(n=8)
        for one in got:
            await crawl.clock.advance(0.1)
            await crawl.report(one, status, ago=5.0, **facts)
        await crawl.clock.advance(5.0)
        assert (await crawl.one()).share == 4

    async def test_growing_latency_narrows_it_but_never_below_one(self, crawl: Crawl):
        await crawl.open({"politeness.concurrency": 8})
        await crawl.add(*(f"/{n}" for n in range(100)))
        for _ in range(5):
            assert (await self.ask(crawl, latency=0.5)).share == 8
        terms = []
        for _ in range(40):
            await crawl.clock.advance(10.0)
            terms.append(await self.ask(crawl, latency=10.0))
        shares = [got.share for got in terms]
        assert shares == sorted(shares, reverse=True)
        assert (shares[-1], {got.spacing for got in terms}) == (1, {0.0})

    @pytest.mark.parametrize(("best", "latency"), [(0.01, 0.99), (2.0, 7.9)])
    async def test_latency_is_no_trouble_below_a_second_or_if_it_was_never_much_better(
        self, crawl: Crawl, best: float, latency: float
    ):
        await crawl.open({"politeness.concurrency": 8})
        await crawl.add(*(f"/{n}" for n in range(60)))
        for turn in range(40):
            await crawl.clock.advance(10.0)
            assert (await self.ask(crawl, latency=latency if turn else best)).share == 8

    async def test_other_failures_are_not_the_hosts_trouble(self, crawl: Crawl):
        await crawl.open({"politeness.concurrency": 8})
        await crawl.add(*(f"/{n}" for n in range(20)))
        for status, reason in [(FAILED, "http-404"), (FAILED, "callback"), (RETRY, "reset"), ("excluded", "filter")]:
            await self.ask(crawl, status, reason=reason)
        assert (await crawl.one()).share == 8

    @pytest.mark.parametrize(("status", "facts"), [*TROUBLES, (FETCHED, {"latency": 100.0})])
    async def test_nothing_is_adapted_where_it_is_not_wanted(self, crawl: Crawl, status: str, facts: dict[str, Any]):
        await crawl.open({"politeness.concurrency": 8, "politeness.adaptive": False, "politeness.max_pauses": 99})
        await crawl.add(*(f"/{n}" for n in range(20)))
        await self.ask(crawl, latency=0.1)
        for _ in range(8):
            got = await self.ask(crawl, status, **facts)
            assert (got.share, got.spacing) == (8, 0.0)

    async def test_one_hosts_trouble_is_not_anothers(self, crawl: Crawl):
        await crawl.open({"politeness.concurrency": 8})
        await crawl.add("/1", "/2", "http://b.test/1")
        first = await crawl.lease(n=3)
        await crawl.report(first[0], FAILED, reason="timeout")
        await crawl.add("/3", "http://b.test/2")
        await crawl.frontier.release("w", crawl.epoch, [one.token for one in first[1:]])
        assert {got.host: got.share for got in await crawl.lease()} == {"http://a.test": 4, "http://b.test": 8}
