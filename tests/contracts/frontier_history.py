"""Promises about what is kept of the past: tries, the way to a page, and times that a changed clock makes wrong."""

from __future__ import annotations

import pytest

from acrawl.outcome import FAILED, RETRY, HostFacts
from acrawl.testing import ManualClock
from contracts.crawl import HOST, Crawl

DAY = 86_400.0
#: So that days pass quickly: lost leases are looked for every 100 hours.
RARELY = {"frontier.lease_seconds": 3_600_000}


class HistoryPromises:
    async def test_every_try_is_told(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/1")
        begin = crawl.clock.time()
        await crawl.report(await crawl.one("a"), RETRY, reason="timeout", detail="30 s", seconds=30.5, delay=1.0)
        await crawl.clock.advance(10)
        got = await crawl.one("b")
        await crawl.begin(got)
        await crawl.frontier.lost("b")
        await crawl.clock.advance(10)
        await crawl.report(await crawl.one("c"), RETRY, reason="http-429", http_status=429, host=HostFacts(pause=5))
        await crawl.restart()
        await crawl.clock.advance(10)
        await crawl.report(await crawl.one("a"), FAILED, reason="http-404", http_status=404)
        story = await crawl.story("/1")
        assert [(one.attempt, one.at - begin, one.reason, one.http_status) for one in story.tries] == [
            (1, 0, "timeout", 0), (2, 10, "worker-lost", 0), (2, 20, "http-429", 429)
        ]  # fmt: skip
        assert (story.tries[0].detail, story.tries[0].seconds) == ("30 s", 30.5)
        assert story.tries[1].detail == "b"
        assert (story.state, story.reason, story.attempts) == ("failed", "http-404", 2)

    async def test_what_was_not_started_was_not_tried(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/1")
        got = await crawl.one("a")
        await crawl.frontier.renew("a", crawl.epoch, {got.token: 0})
        await crawl.frontier.lost("a")
        got = await crawl.one("b")
        await crawl.frontier.release("b", crawl.epoch, [got.token])
        await crawl.report(await crawl.one("c"), "released")
        await crawl.report(await crawl.one("d"))
        assert ((await crawl.story("/1")).tries, (await crawl.story("/1")).attempts) == ([], 1)

    async def test_the_way_to_a_page_is_told_from_the_seed_on(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/")
        for link in ("/a", "http://b.test/c", "/d"):
            await crawl.report(await crawl.one(), links=[link, "/"])
        for _ in range(2):
            story = await crawl.story("/d")
            assert story.path == [f"{HOST}/", f"{HOST}/a", "http://b.test/c"]
            assert (story.found_on, story.state) == ("http://b.test/c", "queued")
            assert (await crawl.story("/")).path == []
            await crawl.restart()

    async def test_a_waiting_retry_says_until_when(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/1")
        await crawl.report(await crawl.one(), RETRY, reason="reset", delay=60.0)
        assert (await crawl.story("/1")).not_before == crawl.clock.time() + 60.0

    # -- a clock that was wrong, or is

    async def set_back(self, crawl: Crawl, seconds: float) -> None:
        """The next life finds an earlier time of day than the former one left."""
        await crawl.close()
        crawl.clock = ManualClock(time=crawl.clock.time() - seconds)
        await crawl.restart()
        await crawl.clock.advance(2.0)

    @pytest.mark.parametrize("pause", [0.0, 1.0])
    async def test_a_retry_does_not_wait_until_a_clock_that_was_set_back_has_caught_up(
        self, crawl: Crawl, pause: float
    ):
        await crawl.open()
        await crawl.add("/1")
        await crawl.report(await crawl.one(), RETRY, reason="http-503", host=HostFacts(pause=pause))
        await self.set_back(crawl, 365 * DAY)
        assert (await crawl.one()).url == f"{HOST}/1"

    async def test_a_clock_that_was_set_back_a_little_postpones_a_retry_as_little(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/1")
        await crawl.report(await crawl.one(), RETRY, reason="reset", delay=10.0)
        await self.set_back(crawl, 3600.0)
        assert await crawl.lease() == []
        await crawl.clock.advance(3608.0)
        assert (await crawl.one()).url == f"{HOST}/1"

    @pytest.mark.parametrize("delay", [DAY, 10 * DAY, 1e300, float("inf")])
    async def test_no_retry_waits_for_more_than_a_day(self, crawl: Crawl, delay: float):
        await crawl.open(RARELY)
        await crawl.add("/1")
        await crawl.report(await crawl.one(), RETRY, reason="reset", delay=delay)
        for _ in range(2):
            await crawl.clock.advance(DAY / 2 - 60.0)
            assert await crawl.lease() == []
            await crawl.restart()
        await crawl.clock.advance(121.0)
        assert len(await crawl.lease_until(1)) == 1

    @pytest.mark.parametrize("delay", [-1e9, float("-inf"), float("nan")])
    async def test_a_strange_delay_means_at_once(self, crawl: Crawl, delay: float):
        await crawl.open()
        await crawl.add("/1")
        await crawl.report(await crawl.one(), RETRY, reason="reset", delay=delay)
        assert (await crawl.one()).attempt == 2

    async def test_what_the_user_asked_to_wait_for_may_be_further_away(self, crawl: Crawl):
        await crawl.open(RARELY)
        await crawl.add("/1", not_before=crawl.clock.time() + 3 * DAY)
        await crawl.clock.advance(2 * DAY)
        assert await crawl.lease() == []

    async def test_rules_from_the_future_are_not_believed(self, crawl: Crawl):
        await crawl.open({"politeness.obey_robots": True})
        await crawl.add("/1", "/2")
        await crawl.allow(await crawl.one(), b"R")
        await self.set_back(crawl, 10 * DAY)
        got = await crawl.one()
        assert got.robots
        await crawl.allow(got, b"new")
        assert (await crawl.one()).rules == b"new"

    async def test_a_paused_request_lets_others_go_first(self, crawl: Crawl):
        """Else one that is always refused would stand for its host until that is given up."""
        await crawl.open({"politeness.concurrency": 1, "politeness.max_pauses": 3})
        await crawl.add("/refused", "/1", "/2")
        order = []
        for _ in range(5):
            (got,) = await crawl.lease(n=1)
            order.append(got.url.removeprefix(HOST))
            if got.url.endswith("refused"):
                await crawl.report(got, RETRY, reason="http-429", host=HostFacts(pause=5))
                await crawl.clock.advance(5)
            else:
                await crawl.report(got)
        assert order == ["/refused", "/1", "/2", "/refused", "/refused"]
