"""Promises about spider traps: what has no end and brings nothing new is stopped, and nothing else."""

from __future__ import annotations

import asyncio

import pytest

from acrawl.outcome import EXCLUDED, Outcome
from acrawl.parse.gist import gist
from acrawl.request import Request
from contracts.crawl import HOST, Crawl, Got

#: Budgets as small as a test; each page that is looked at stands for four.
SMALL = {"traps.session": 40, "traps.calendar": 40, "traps.query": 40, "traps.path": 40}


def text(words: str) -> bytes:
    return gist(f"<p>{words}</p>".encode(), markup=True)


def new(number: int) -> bytes:
    """What no other page has."""
    return text(f"What has happened {'abcdefghij'[number % 10] * (5 + number // 10)}")


EMPTY = text("There are no events on this day.")


class TrapPromises:
    async def visit(self, crawl: Crawl, got: Got, *links: str, words: bytes | None = EMPTY) -> None:
        """Report a page with what was read on it, and links to others."""
        requests = [crawl.sealed(link, depth=1) for link in links]
        outcome = Outcome(got.token, "fetched", requests=requests, gist=words)
        await crawl.frontier.report(got.worker, crawl.epoch, [outcome])

    async def walk(self, crawl: Crawl, start: int, most: int, path: str = "/day/2030-01-{}") -> int:
        """Follow a chain of pages that bring nothing new; returns how many were handed out."""
        for n in range(start, start + most):
            while not (got := await crawl.lease()):
                if not (await crawl.snapshot()).queued:
                    return n - start
                await asyncio.sleep(0)
            assert [one.url for one in got] == [HOST + path.format(n)]
            await self.visit(crawl, got[0], path.format(n + 1))
        return most

    # -- by what a URL looks like

    @pytest.mark.parametrize(
        ("url", "told"),
        [
            ("/a/b" * 6 + "/", "repeats: 'a/b' comes 6 times in its path (traps.repeats is 5)"),
            ("/x" * 6, "repeats: 'x' comes 6 times in its path (traps.repeats is 5)"),
            ("/" + "/".join(f"n{n}" for n in range(41)), "deep: 41 segments in its path (traps.path_depth is 40)"),
            ("/?" + "&".join(f"n{n}=1" for n in range(101)), "query: 101 parameters (traps.parameters is 100)"),
        ],
    )
    async def test_a_url_beyond_measure_is_kept_out_and_told_of(self, crawl: Crawl, url: str, told: str):
        await crawl.open()
        half = url[: len(url) * 3 // 4]
        await crawl.add(half, "/")
        for got in await crawl.lease_until(2):
            link = "/odd" * 50 if got.url == HOST + "/" else url
            await crawl.report(got, requests=[crawl.sealed(link, depth=1)])
        story = await crawl.story(url)
        assert (story.state, story.reason, story.detail) == (EXCLUDED, "trap", told)
        assert await crawl.state(half) == "fetched"
        assert await crawl.state("/odd" * 50) == "queued"  # what a usual page leads to is no trap by its looks

    @pytest.mark.parametrize(
        "url",
        [
            "/a/b" * 5 + "/",
            "/0/0/0/0/0/0/0/0/0.png",
            "/src/main/java/org/tool/tool/tool/Tool.java",
            "/node_modules/a/node_modules/b/node_modules/c/node_modules/d/node_modules/e/index.js",
            "/?" + "&".join(f"n{n}=" for n in range(100)),
        ],
    )
    async def test_what_real_sites_have_is_let_in(self, crawl: Crawl, url: str):
        await crawl.open()
        await crawl.add(url, depth=1)
        assert await crawl.state(url) == "queued"

    async def test_seeds_targets_of_redirects_and_what_the_spider_insists_on_are_let_in(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/a" * 9)
        await crawl.add("/b" * 9, depth=1, dont_filter=True)
        await crawl.add("/from", depth=1)
        for got in await crawl.lease():
            if got.url.endswith("/from"):
                moved = crawl.sealed("/c" * 9, depth=1, hops=1, continuation=True)
                outcome = Outcome(got.token, "fetched", "redirect", requests=[moved])
                await crawl.frontier.report("w", crawl.epoch, [outcome])
            else:
                await crawl.report(got)
        assert [one.url for one in await crawl.lease_until(1)] == [HOST + "/c" * 9]
        assert [await crawl.state(name * 9) for name in ("/a", "/b")] == ["fetched", "fetched"]

    # -- by what its pages bring

    async def test_a_chain_that_brings_nothing_new_ends_at_its_budget(self, crawl: Crawl):
        await crawl.open(SMALL)
        await crawl.add("/day/2030-01-0", depth=1)
        fetched = await self.walk(crawl, 0, 100)
        assert 40 <= fetched <= 60
        story = await crawl.story(f"/day/2030-01-{fetched}")
        assert (story.state, story.reason) == (EXCLUDED, "trap")
        assert story.detail == (
            "calendar: some 40 pages like /day/* brought nothing but more of them (traps.calendar is 40)"
        )

    async def test_what_was_queued_before_its_budget_was_spent_is_not_fetched_either(self, crawl: Crawl):
        await crawl.open(SMALL | {"frontier.window": 4, "frontier.rows": 8})
        await crawl.add("/", "/other")
        await self.visit(crawl, (await crawl.lease_until(2))[0], *(f"/x?a={n}&b=0" for n in range(3)))
        fetched, number = 0, 10
        while (await crawl.snapshot()).queued and fetched < 500:
            for one in await crawl.lease():
                fetched += 1
                links = [f"/x?a={number + n}&b=1" for n in range(9)]
                number += len(links)
                await self.visit(crawl, one, *links)
            await asyncio.sleep(0)
        now = await crawl.snapshot()
        assert (now.queued, now.leased) == (0, 1)
        assert fetched < 80
        assert now.reasons["excluded(trap)"] > 200

    async def test_pages_with_something_new_are_never_kept_out(self, crawl: Crawl):
        await crawl.open(SMALL)
        await crawl.add("/day/2030-01-0", depth=1)
        for n in range(300):
            (got,) = await crawl.lease()
            await self.visit(crawl, got, f"/day/2030-01-{n + 1}", words=new(n))
        assert "excluded(trap)" not in (await crawl.snapshot()).reasons

    async def test_pages_that_lead_nowhere_come_to_an_end_by_themselves_and_are_all_fetched(self, crawl: Crawl):
        await crawl.open(SMALL)
        await crawl.add(*(f"/item/{n}" for n in range(300)), depth=1)
        fetched = 0
        while got := await crawl.lease():
            for one in got:
                await self.visit(crawl, one)
                fetched += 1
        assert fetched == 300

    async def test_pages_that_lead_to_others_with_something_new_are_all_fetched(self, crawl: Crawl):
        await crawl.open(SMALL)
        await crawl.add("/list?page=0", depth=1)
        lists = 0
        while got := await crawl.lease():
            for one in got:
                number = int(one.url.rpartition("=")[2]) if "list" in one.url else -1
                if number < 0:
                    await self.visit(crawl, one, words=new(int(one.url[22:-5])))
                    continue
                lists += 1
                more = [f"/list?page={number + 1}"] if number < 199 else []
                await self.visit(crawl, one, *more, f"/article/{number}.html")
        assert lists == 200

    async def test_one_way_of_writing_a_query_does_not_take_another_with_it(self, crawl: Crawl):
        await crawl.open(SMALL)
        await crawl.add("/i.php?sort=0&by=0", depth=1)
        await self.walk(crawl, 0, 100, path="/i.php?sort={}&by=0")
        await crawl.add("/i.php?sort=999&by=0", "/i.php?topic=1&start=0", depth=1)
        assert await crawl.state("/i.php?sort=999&by=0") == "excluded(trap)"
        assert await crawl.state("/i.php?topic=1&start=0") == "queued"

    async def test_pages_that_nobody_looked_at_count_for_nothing(self, crawl: Crawl):
        await crawl.open(SMALL)
        await crawl.add("/day/2030-01-0", depth=1)
        for n in range(200):
            (got,) = await crawl.lease()
            await self.visit(crawl, got, f"/day/2030-01-{n + 1}", words=None)
        assert await crawl.state("/day/2030-01-200") == "queued"

    # -- over the lives of a job

    @pytest.mark.parametrize("each", [7, 23])
    async def test_a_budget_is_not_reset_by_restarts(self, crawl: Crawl, each: int):
        await crawl.open(SMALL | {"traps.calendar": 200})
        await crawl.add("/day/2030-01-0", depth=1)
        fetched = await self.walk(crawl, 0, 50)
        for _ in range(60):
            more = await self.walk(crawl, fetched, each)
            fetched += more
            if more < each:
                break
            await crawl.restart()
            await crawl.clock.advance(2)
        assert fetched < 150
        assert await crawl.state(f"/day/2030-01-{fetched}") == "excluded(trap)"

    async def test_a_spent_budget_stays_spent_until_it_is_raised(self, crawl: Crawl):
        await crawl.open(SMALL)
        await crawl.add("/day/2030-01-0", depth=1)
        await self.walk(crawl, 0, 100)
        await crawl.restart()
        await crawl.clock.advance(2)
        await crawl.add("/day/2030-01-500", depth=1)
        assert await crawl.state("/day/2030-01-500") == "excluded(trap)"
        await crawl.restart(traps__calendar=4000)
        await crawl.add("/day/2030-01-501", depth=1)
        assert await crawl.state("/day/2030-01-501") == "queued"

    async def test_who_looks_for_no_traps_finds_none(self, crawl: Crawl):
        await crawl.open(SMALL | {"traps.enabled": False})
        await crawl.add("/day/2030-01-0", depth=1)
        assert await self.walk(crawl, 0, 200) == 200
        await crawl.add("/a" * 50, depth=1)
        assert await crawl.state("/a" * 50) == "queued"

    @pytest.mark.parametrize("words", [b"", b"abc", b"\xff" * 4 * 1000])
    async def test_a_gist_that_is_none_does_no_harm(self, crawl: Crawl, words: bytes):
        await crawl.open(SMALL)
        await crawl.add("/day/2030-01-0", depth=1)
        (got,) = await crawl.lease()
        await self.visit(crawl, got, "/day/2030-01-1", words=words)
        assert await crawl.state("/day/2030-01-1") == "queued"

    async def test_another_request_of_the_same_url_is_let_in_when_it_insists(self, crawl: Crawl):
        await crawl.open(SMALL)
        await crawl.add("/day/2030-01-0", depth=1)
        await self.walk(crawl, 0, 100)
        await crawl.add(Request(f"{HOST}/day/2030-02-01", depth=1, dont_filter=True))
        assert [one.url for one in await crawl.lease_until(1)] == [f"{HOST}/day/2030-02-01"]
