"""Promises about robots.txt that leads to other hosts, or that cannot be had."""

from __future__ import annotations

import pytest

from acrawl.outcome import FAILED, FETCHED, RETRY, HostFacts, Item
from contracts.crawl import HOST, Crawl


class ErrandPromises:
    """See the module."""

    async def test_why_a_robots_txt_could_not_be_had_is_told_while_it_is_waited_for_and_after(self, crawl: Crawl):
        await crawl.open({"politeness.obey_robots": True, "politeness.max_pauses": 2})
        await crawl.add("/1")
        for number in (1, 2, 3):
            await crawl.report(await crawl.one(), RETRY, reason="http-503", detail=f"answer {number}", delay=10.0)
            if number == 1:
                waits = (await crawl.story("/1")).host_waits
                assert "robots.txt" in waits
                assert "in 10 s: http-503: answer 1" in waits
            await crawl.clock.advance(400)
        await crawl.until_state("/1", "excluded(robots-unreachable)")
        assert (await crawl.story("/1")).detail == "http-503: answer 3"
        await crawl.add("/2")
        assert (await crawl.story("/2")).detail == "http-503: answer 3"

    async def test_hosts_that_were_given_up_are_asked_again_in_the_next_life_and_then_nothing_is_told_of_before(
        self, crawl: Crawl
    ):
        await crawl.open({"politeness.obey_robots": True, "retry.times": 0})
        await crawl.add("/1")
        await crawl.report(await crawl.one(), FAILED, reason="dns", detail="no such name")
        await crawl.until_state("/1", "failed(dns)")
        assert (await crawl.story("/1")).detail == "dns: no such name"
        await crawl.restart()
        await crawl.clock.advance(2)
        await crawl.add("/2")
        await crawl.allow(await crawl.one())
        got = await crawl.one()
        assert got.url == f"{HOST}/2"
        assert (await crawl.story("/2")).host_waits == ""
        await crawl.report(got, FAILED, reason="http-404")
        assert (await crawl.story("/2")).detail == ""
        assert (await crawl.story("/1")).detail == ""

    async def test_what_the_fetch_of_a_robots_txt_made_is_delivered_once_whatever_came_of_it(self, crawl: Crawl):
        await crawl.open({"politeness.obey_robots": True})
        await crawl.add("/1")
        await crawl.report(await crawl.one(), RETRY, delay=1.0, items=[Item("exchange", b"1")])
        await crawl.clock.advance(10)
        await crawl.allow(await crawl.one(), items=[Item("exchange", b"2"), Item("exchange", b"3")])
        waiting = await crawl.frontier.outbox(10)
        assert [(one.url, one.item.body) for one in waiting] == [(f"{HOST}/robots.txt", b"%d" % n) for n in (1, 2, 3)]
        assert (await crawl.frontier.audit()).problems == []
        await crawl.restart()
        again = await crawl.frontier.outbox(10)
        assert [one.item_id for one in again] == [one.item_id for one in waiting]
        assert len({one.item_id for one in again}) == (await crawl.snapshot()).undelivered == 3
        await crawl.frontier.done([one.id for one in again])
        assert await crawl.frontier.outbox(10) == []

    async def test_a_robots_txt_at_another_host_is_asked_for_in_that_hosts_turn(self, crawl: Crawl):
        other = "http://b.test"
        await crawl.open({"politeness.obey_robots": True, "politeness.delay": 10.0})
        await crawl.add("/1", f"{other}/1")
        mine, theirs = sorted(await crawl.lease(), key=lambda got: got.host)
        await crawl.allow(theirs)
        # Given a robots.txt that leads to a host that was asked a moment ago,
        await crawl.report(mine, FETCHED, host=HostFacts(leads=f"{other}/robots.txt"), ago=0.0)
        # then that host's distance is kept, and nothing of the other host is fetched before the answer.
        started: dict[str, tuple[float, int]] = {}
        while len(started) < 3:
            for got in await crawl.lease():
                await crawl.clock.advance(max(0.0, got.start_at - crawl.clock.now()))
                started[got.url] = (crawl.clock.now(), got.attempt)
                facts = HostFacts(rules=b"R") if got.robots else None
                assert got.rules == (b"R" if got.host == HOST else got.rules)
                await crawl.report(got, FETCHED, host=facts, ago=0.0)
            await crawl.clock.advance(1.0)
        assert next(iter(started)) == f"{other}/robots.txt"
        assert started[f"{other}/robots.txt"][1] == 2
        assert started[f"{other}/1"][0] - started[f"{other}/robots.txt"][0] >= 10.0

    @pytest.mark.parametrize("way", ["release", "lost", "released", "failed"])
    async def test_an_errand_at_another_host_is_never_forgotten(self, crawl: Crawl, way: str):
        await crawl.open({"politeness.obey_robots": True, "politeness.max_pauses": 2, "frontier.idle_hosts": 1})
        await crawl.add("/1")
        await crawl.report(await crawl.one("a"), FETCHED, host=HostFacts(leads="http://b.test/r"))
        got = await crawl.one("a")
        assert (got.url, got.host) == ("http://b.test/r", "http://b.test")
        if way == "release":
            await crawl.frontier.release("a", crawl.epoch, [got.token])
        elif way == "lost":
            await crawl.frontier.lost("a")
        elif way == "released":
            await crawl.report(got, "released")
        else:
            await crawl.report(got, RETRY, reason="http-503", delay=10.0)
            assert await crawl.lease() == []
            await crawl.clock.advance(60)
        got = await crawl.one("c")
        if way in {"released", "failed"}:  # asked for anew, from its own host on
            assert got.url == f"{HOST}/robots.txt"
            await crawl.report(got, FETCHED, host=HostFacts(leads="http://b.test/r"))
            got = await crawl.one("c")
        assert (got.url, got.attempt) == ("http://b.test/r", 2)
        await crawl.report(got, FETCHED, host=HostFacts(rules=b"R"))
        assert (await crawl.one("c")).url == f"{HOST}/1"

    async def test_what_was_known_of_a_host_is_known_when_another_leads_there(self, crawl: Crawl):
        await crawl.open({"politeness.obey_robots": True, "limits.host_pages": 1})
        await crawl.add("http://b.test/1")
        await crawl.allow(await crawl.one())
        await crawl.report(await crawl.one())
        await crawl.restart()
        await crawl.add("/1")
        await crawl.clock.advance(2)
        await crawl.report(await crawl.one(), FETCHED, host=HostFacts(leads="http://b.test/r"))
        await crawl.allow(await crawl.one())
        await crawl.add("http://b.test/2")
        await crawl.until_state("http://b.test/2", "excluded(limit)")
        assert (await crawl.one()).url == f"{HOST}/1"

    async def test_robots_that_lead_on_and_on_and_back_end(self, crawl: Crawl):
        await crawl.open({"politeness.obey_robots": True, "politeness.max_pauses": 2})
        await crawl.add("/1")
        for _ in range(100):
            got = await crawl.lease()
            for one in got:
                there = HOST if one.host != HOST else "http://b.test"
                await crawl.report(one, FETCHED, host=HostFacts(leads=f"{there}/robots.txt"))
            await crawl.clock.advance(0 if got else 400)
        await crawl.until_state("/1", "excluded(robots-unreachable)")
