"""Promises about outcomes that come in parts: staged, and taken with the last part in one step, or never."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from acrawl.outcome import EXCLUDED, FAILED, FETCHED, PART, RETRY, HostFacts, Outcome, Receipt
from contracts.crawl import HOST, Crawl, Got, OpenGate, item

LEASE = 30.0


class PartPromises:
    async def send(self, crawl: Crawl, got: Got, parts: int = 2, each: int = 3, status: str = FETCHED) -> None:
        """All of an outcome: ``parts`` parts and the last one, each with links and items."""
        for part in range(parts + 1):
            last = part == parts
            links = [f"/{part}/{n}" for n in range(each)]
            made = [item(f"{part}.{n}") for n in range(each)]
            assert await crawl.report(got, status if last else PART, links=links, items=made) == Receipt(1)

    async def assert_nothing_came(self, crawl: Crawl) -> None:
        assert [await crawl.state(f"/{part}/0") for part in range(2)] == ["unknown", "unknown"]
        assert await crawl.bodies() == []

    async def assert_all_came(self, crawl: Crawl, parts: int = 2, each: int = 3) -> None:
        texts = [f"{part}.{n}" for part in range(parts + 1) for n in range(each)]
        assert await crawl.bodies() == texts
        assert len({one.item_id for one in await crawl.outbox()}) == len(texts)
        for part in range(parts + 1):
            assert [await crawl.state(f"/{part}/{n}") for n in range(each)] == ["queued"] * each
            assert (await crawl.story(f"/{part}/0")).found_on == f"{HOST}/page"

    async def test_parts_take_effect_with_the_last_one(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/page")
        got = await crawl.one()
        before = await crawl.snapshot()
        for part in range(2):
            facts: dict[str, Any] = {"links": [f"/{part}/0", f"/{part}/1", f"/{part}/2"]}
            facts["items"] = [item(f"{part}.{n}") for n in range(3)]
            assert await crawl.report(got, PART, **facts) == Receipt(1)
            await self.assert_nothing_came(crawl)
            now = await crawl.snapshot()
            assert (now.discovered, now.leased, now.undelivered) == (before.discovered, 1, 0)
        assert (await crawl.lease("other")) == []
        await crawl.report(got, links=[f"/2/{n}" for n in range(3)], items=[item(f"2.{n}") for n in range(3)])
        await self.assert_all_came(crawl)
        assert await crawl.state("/page") == "fetched"

    @pytest.mark.parametrize("status", [FETCHED, FAILED, EXCLUDED])
    async def test_however_the_last_one_ends_it_all_parts_count(self, crawl: Crawl, status: str):
        await crawl.open()
        await crawl.add("/page")
        await self.send(crawl, await crawl.one(), status=status)
        await self.assert_all_came(crawl)

    async def test_parts_and_the_last_one_may_come_in_one_report(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/page")
        got = await crawl.one()
        outcomes = [
            Outcome(
                got.token, PART if part < 2 else FETCHED, requests=[crawl.sealed(f"/{part}/{n}") for n in range(3)],
                items=[item(f"{part}.{n}") for n in range(3)], part=part,
            )
            for part in range(3)
        ]  # fmt: skip
        assert await crawl.frontier.report("w", crawl.epoch, [*outcomes, outcomes[0]]) == Receipt(3, 1)
        await self.assert_all_came(crawl)

    async def test_a_part_that_is_sent_again_is_taken_once(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/page")
        got = await crawl.one()
        for part in (0, 0, 1, 0, 1):
            facts = {"links": [f"/{part}/{n}" for n in range(3)], "items": [item(f"{part}.{n}") for n in range(3)]}
            assert await crawl.report(got, PART, part=part, **facts) == Receipt(1)
        links = [f"/2/{n}" for n in range(3)]
        await crawl.report(got, links=links, items=[item(f"2.{n}") for n in range(3)])
        await self.assert_all_came(crawl)

    @pytest.mark.parametrize("way", ["lost", "expired", "released", "release", "retry", "restart"])
    async def test_of_what_did_not_end_nothing_is_seen_and_again_it_is_whole(self, crawl: Crawl, way: str):
        await crawl.open()
        await crawl.add("/page")
        got = await crawl.one()
        for part in range(2):
            links, made = [f"/{part}/0", "/void"], [item(f"{part}.0"), item("void")]
            await crawl.report(got, PART, links=links, items=made)
        if way == "lost":
            await crawl.frontier.lost("w")
        elif way == "expired":
            await crawl.clock.advance(LEASE * 1.2)
        elif way == "release":
            await crawl.frontier.release("w", crawl.epoch, [got.token])
        elif way == "restart":
            await crawl.restart()
            await crawl.clock.advance(10)
        else:
            await crawl.report(got, way, links=["/void"], items=[item("void")])
        await self.assert_nothing_came(crawl)
        assert await crawl.report(got, PART, links=["/void"], epoch=crawl.epoch) == Receipt(0, 1)
        await self.send(crawl, await crawl.one())
        await self.assert_all_came(crawl)
        assert await crawl.state("/void") == "unknown"
        await crawl.restart()
        await self.assert_all_came(crawl)

    @pytest.mark.parametrize("way", ["lost", "release"])
    async def test_parts_of_two_leases_that_are_committed_together_are_told_apart(self, crawl: Crawl, way: str):
        await crawl.open({"frontier.commit_seconds": 0.02})
        await crawl.add("/page")
        first = await crawl.one("a")
        parts = [
            Outcome(first.token, PART, requests=[crawl.sealed("/void")], items=[item("void")], part=n) for n in range(3)
        ]
        reports = [crawl.frontier.report("a", crawl.epoch, [part]) for part in parts]
        if way == "lost":
            reports.append(crawl.frontier.lost("a"))
        else:
            reports.append(crawl.frontier.release("a", crawl.epoch, [first.token]))
        await asyncio.gather(*reports)
        await self.send(crawl, await crawl.one("b"))
        await self.assert_all_came(crawl)
        assert await crawl.state("/void") == "unknown"

    async def test_what_is_found_in_parts_is_fetched_in_their_order(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/page")
        await self.send(crawl, await crawl.one())
        assert await crawl.fetch_all() == [f"{HOST}/{part}/{n}" for part in range(3) for n in range(3)]

    async def test_a_quarantined_request_leaves_no_parts(self, crawl: Crawl):
        await crawl.open({"frontier.max_lost": 1})
        await crawl.add("/page")
        got = await crawl.one()
        await crawl.begin(got)
        await crawl.report(got, PART, links=["/0/0"], items=[item("void")])
        await crawl.frontier.lost("w")
        await crawl.until_state("/page", "quarantined(worker-lost)")
        await self.assert_nothing_came(crawl)

    async def test_a_link_that_is_in_several_parts_comes_once(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/page", "/known")
        got = await crawl.one()
        for status in (PART, PART, FETCHED):
            await crawl.report(got, status, links=["/known", "/same", "/page"])
        now = await crawl.snapshot()
        assert (now.discovered, now.duplicates) == (3, 8)
        assert sorted(await crawl.fetch_all()) == [f"{HOST}/known", f"{HOST}/same"]

    async def test_what_the_gate_keeps_out_of_a_part_is_recorded(self, crawl: Crawl):
        await crawl.open(gate=OpenGate(offsite=["http://b.test"]))
        await crawl.add("/page")
        got = await crawl.one()
        await crawl.report(got, PART, links=["http://b.test/"])
        await crawl.report(got)
        assert await crawl.state("http://b.test/") == "excluded(offsite)"

    # -- what has changed since they were staged

    async def test_parts_that_take_effect_after_the_crawl_was_stopped_are_ended(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/page")
        await crawl.frontier.seeds_exhausted()
        got = await crawl.one()
        await crawl.report(got, PART, links=["/0/0", "http://b.test/"])
        await crawl.frontier.stop("limit")
        await crawl.report(got)
        assert await crawl.lease() == []
        await crawl.until_finished()
        assert (await crawl.snapshot()).reasons == {"excluded(limit)": 2, "fetched": 1}

    async def test_parts_that_take_effect_after_their_host_was_given_up_are_ended(self, crawl: Crawl):
        await crawl.open({"politeness.max_pauses": 1})
        await crawl.add("http://b.test/page")
        await crawl.frontier.seeds_exhausted()
        page = await crawl.one("w")
        await crawl.report(page, PART, links=["/2"])
        await crawl.add("/1")
        for _ in range(2):
            await crawl.report(await crawl.one("v"), RETRY, host=HostFacts(pause=5))
            await crawl.clock.advance(5)
        await crawl.until_state("/1", "failed(rate-limited)")
        await crawl.report(page)
        assert await crawl.lease() == []
        await crawl.until_finished()
        assert await crawl.state("/2") == "failed(rate-limited)"

    async def test_hosts_that_only_parts_name_keep_their_rules(self, crawl: Crawl):
        await crawl.open({"politeness.obey_robots": True})
        await crawl.add("/1")
        await crawl.allow(await crawl.one(), b"R", crawl_delay=3.0)
        await crawl.report(await crawl.one())
        await crawl.add("http://b.test/page")
        await crawl.restart()  # nothing is queued at the first host, so nothing is known of it
        await crawl.clock.advance(10)
        await crawl.allow(await crawl.one(), b"B")
        page = await crawl.one()
        await crawl.report(page, PART, links=["/2"])
        await crawl.report(page)
        got = await crawl.one()
        assert (got.url, got.rules, got.spacing) == (f"{HOST}/2", b"R", 3.0)

    async def test_limits_count_hosts_that_only_parts_name(self, crawl: Crawl):
        await crawl.open({"limits.host_pages": 1})
        await crawl.add("/1", "http://b.test/page")
        await crawl.report((await crawl.lease(n=1))[0])
        await crawl.restart()
        await crawl.clock.advance(10)
        page = await crawl.one()
        await crawl.report(page, PART, links=["/2"])
        await crawl.report(page)
        await crawl.until_state("/2", "excluded(limit)")

    # -- much of it

    async def test_very_many_links_that_come_after_the_stop_are_ended(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/page")
        await crawl.frontier.seeds_exhausted()
        got = await crawl.one()
        for start in range(0, 24_000, 8000):
            await crawl.report(got, PART, links=[f"http://b.test/{n}" for n in range(start, start + 8000)])
        await crawl.frontier.stop("limit")
        await crawl.report(got)
        assert (await crawl.until_finished()).reasons == {"excluded(limit)": 24_000, "fetched": 1}

    @pytest.mark.parametrize(("count", "hosts"), [(50_000, 1), (24_000, 40)])
    async def test_a_page_with_very_many_links_gives_each_exactly_once(self, crawl: Crawl, count: int, hosts: int):
        await crawl.open({"frontier.window": 64, "politeness.concurrency": 1000})
        await crawl.add("http://page.test/")
        got = await crawl.one()
        links = [f"http://b{n % hosts}.test/{n}" for n in range(count)]
        for start in range(0, count, 4000):
            await crawl.report(got, PART, links=links[start : start + 4000])
        await crawl.report(got, links=["/last"])
        assert (await crawl.snapshot()).queued == count + 1
        urls = await crawl.fetch_all(n=1000)
        assert len(urls) == count + 1
        assert set(urls) == {*links, f"{HOST}/last"}

    async def test_an_outcome_of_which_a_part_is_missing_is_not_believed(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/page", "/other")
        got, other = await crawl.lease()
        await crawl.report(got, PART, part=1, links=["/lost"])
        await crawl.report(other)
        assert await crawl.state("/page") == "failed(bad-report)"
        assert await crawl.state("/lost") == "unknown"
