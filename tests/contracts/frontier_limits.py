"""Promises about order and limits: what goes first, and where it stops."""

from __future__ import annotations

import random

import pytest

from acrawl.outcome import EXCLUDED, FAILED, FETCHED, RETRY
from contracts.crawl import HOST, Crawl, Got, OpenGate


class LimitPromises:
    # -- order

    @pytest.mark.parametrize(
        ("order", "expected"),
        [
            ("found", ["/", "/a", "/b", "/deep", "/a/1", "/a/1/x"]),
            ("breadth", ["/", "/a", "/b", "/a/1", "/a/1/x", "/deep"]),
            ("depth", ["/deep", "/", "/a", "/a/1", "/a/1/x", "/b"]),
        ],
    )
    async def test_which_goes_first_at_a_host(self, crawl: Crawl, order: str, expected: list[str]):
        await crawl.open({"frontier.order": order})
        await crawl.add("/")
        if order != "found":
            await crawl.add("/deep", depth=9)
        links = {"/": ["/a", "/b", "/deep"], "/a": ["/a/1"], "/a/1": ["/a/1/x"]}
        got_order = []
        for _ in expected:
            got = await crawl.one()
            got_order.append(got.url.removeprefix(HOST))
            found = links.get(got_order[-1], [])
            depth = got_order[-1].rstrip("/").count("/") + 1
            requests = [crawl.sealed(link, depth=depth) for link in found]
            await crawl.report(got, requests=requests)
        assert got_order == expected

    @pytest.mark.parametrize("order", ["breadth", "depth"])
    async def test_a_priority_weighs_as_much_as_a_step_of_depth(self, crawl: Crawl, order: str):
        await crawl.open({"frontier.order": order})
        await crawl.add("/plain", depth=5)
        await crawl.add("/raised", depth=5, priority=1)
        await crawl.add("/deeper", depth=6)
        first, last = ("/raised", "/deeper") if order == "breadth" else ("/raised", "/plain")
        urls = await crawl.fetch_all(n=1)
        assert (urls[0], urls[-1]) == (HOST + first, HOST + last)

    @pytest.mark.parametrize("order", ["breadth", "depth"])
    async def test_the_order_holds_for_what_is_on_disk(self, crawl: Crawl, order: str):
        await crawl.open({"frontier.order": order, "frontier.window": 4, "frontier.rows": 8})
        chance = random.Random(order)
        depths = {f"{HOST}/{n}": chance.randrange(9) for n in range(60)}
        for url, depth in depths.items():
            await crawl.add(url, depth=depth)
        await crawl.restart()
        await crawl.clock.advance(2)
        urls = await crawl.fetch_all(n=3)
        assert [depths[url] for url in urls] == sorted(depths.values(), reverse=order == "depth")

    # -- limits of the crawl

    @pytest.mark.parametrize("seed", range(3))
    async def test_never_more_is_granted_than_may_still_be_fetched(self, crawl: Crawl, seed: int):
        await crawl.open({"limits.max_pages": 10, "politeness.obey_robots": bool(seed)})
        await crawl.add(*(f"http://h{n % 5}.test/{n}" for n in range(100)))
        chance, held, fetched = random.Random(seed), [], 0
        for turn in range(300):
            held += await crawl.lease(chance.choice("abc"), chance.randrange(1, 9))
            assert fetched + sum(not one.robots for one in held) <= 10
            for one in chance.sample(held, min(len(held), chance.randrange(3))):
                held.remove(one)
                if one.robots:
                    await crawl.allow(one)
                    continue
                status = chance.choice([FETCHED, FETCHED, FAILED, RETRY, EXCLUDED])
                await crawl.report(one, status)
                fetched += status == FETCHED
            if turn == 15:
                await crawl.restart()
                await crawl.clock.advance(2)
                held = []
            await crawl.frontier.marks()  # let the storage do what it has been asked for
        now = await crawl.snapshot()
        assert (now.fetched, fetched, now.leased) == (10, 10, 0)
        assert now.queued > 0

    async def test_a_crawl_counts_its_bytes_through_its_lives(self, crawl: Crawl):
        """``limits.max_bytes`` is for the master to see, by this count."""
        await crawl.open({"limits.max_bytes": 100})
        await crawl.add("/1", "/2", "/3")
        for _ in range(2):
            await crawl.report((await crawl.lease_until(1))[0], size=60)
            await crawl.restart()
            await crawl.clock.advance(2)
        assert (await crawl.snapshot()).bytes == 120

    # -- limits of a host

    async def spend(self, crawl: Crawl, limit: str, status: str, **facts: int) -> list[Got]:
        """Lease and report at two hosts until nothing is left at the first; returns what was granted there."""
        await crawl.open({limit: 5})
        await crawl.frontier.add([crawl.sealed(f"{host}/{n}") for n in range(30) for host in (HOST, "http://b.test")])
        await crawl.frontier.seeds_exhausted()
        granted, held = [], []
        for _ in range(200):
            got = await crawl.lease(n=3)
            held += got
            granted += [one for one in got if one.host == HOST]
            if not held:
                await crawl.clock.settle()
                if (await crawl.snapshot()).finished:
                    break
            for one in held[:2]:
                held.remove(one)
                if one.host == HOST:
                    await crawl.report(one, status, **facts)
                else:
                    await crawl.report(one, EXCLUDED, reason="filter")
        assert (await crawl.until_finished()).reasons["excluded(filter)"] == 30
        return granted

    async def test_host_pages_is_exact_and_the_rest_is_excluded(self, crawl: Crawl):
        granted = await self.spend(crawl, "limits.host_pages", FETCHED)
        assert len(granted) == 5
        now = await crawl.snapshot()
        assert (now.fetched, now.reasons["excluded(limit)"]) == (5, 25)
        await crawl.add("/new")
        assert await crawl.state("/new") == "excluded(limit)"

    @pytest.mark.parametrize(
        ("limit", "status", "facts"), [("limits.host_errors", FAILED, {}), ("limits.host_bytes", FETCHED, {"size": 1})]
    )
    async def test_a_host_at_its_limit_ends_and_what_was_under_way_counts(
        self, crawl: Crawl, limit: str, status: str, facts: dict[str, int]
    ):
        granted = await self.spend(crawl, limit, status, **facts)
        assert 5 <= len(granted) <= 5 + 8
        now = await crawl.snapshot()
        assert now.reasons["excluded(limit)"] == 30 - len(granted)
        assert now.reasons[status] == len(granted)

    async def test_what_does_not_count_leaves_room_under_host_pages(self, crawl: Crawl):
        await crawl.open({"limits.host_pages": 3})
        await crawl.add(*(f"/{n}" for n in range(9)))
        got = await crawl.lease()
        assert len(got) == 3
        assert await crawl.lease() == []  # all that it may still give is under way
        for one, status in zip(got, (FAILED, RETRY, EXCLUDED), strict=True):
            await crawl.report(one, status)
        assert len(await crawl.lease()) == 3

    async def test_a_limit_of_a_host_is_remembered_by_the_next_life(self, crawl: Crawl):
        await crawl.open({"limits.host_pages": 3})
        await crawl.add("/1", "/2")
        for one in await crawl.lease():
            await crawl.report(one)
        await crawl.restart()
        await crawl.clock.advance(2)
        await crawl.add("/3", "/4", "/5")
        (got,) = await crawl.lease()
        await crawl.report(got)
        await crawl.until_state("/5", "excluded(limit)")
        await crawl.restart()
        await crawl.add("/6")
        await crawl.until_state("/6", "excluded(limit)")
        await crawl.restart(limits__host_pages=99)
        await crawl.clock.advance(2)
        await crawl.add("/7")
        assert (await crawl.one()).url == f"{HOST}/7"

    async def test_a_limit_that_is_set_later_counts_what_was_fetched_before(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/1", "/2", "/3", "/4")
        for one in await crawl.lease(n=2):
            await crawl.report(one)
        await crawl.restart(limits__host_pages=3)
        await crawl.clock.advance(2)
        (got,) = await crawl.lease_until(1)
        assert await crawl.lease() == []
        await crawl.report(got)
        await crawl.until_state("/4", "excluded(limit)")

    async def test_a_redirect_loop_does_not_count_as_a_page(self, crawl: Crawl):
        await crawl.open({"limits.max_pages": 2, "politeness.concurrency": 1})
        await crawl.add("/a", "/c", "/d")
        first = await crawl.one()
        there = [crawl.sealed("/b", continuation=True, priority=9)]
        await crawl.report(first, reason="redirect", requests=there)
        back = [crawl.sealed("/a", continuation=True)]
        await crawl.report(await crawl.one(), reason="redirect", requests=back)
        assert await crawl.state("/b") == "failed(redirect-loop)"
        assert (await crawl.snapshot()).fetched == 1
        assert len(await crawl.lease()) == 1  # there is room for one more

    async def test_what_never_belonged_to_the_crawl_is_not_laid_to_the_limit(self, crawl: Crawl):
        await crawl.open(gate=OpenGate(offsite=["http://b.test"]))
        await crawl.add("/1")
        got = await crawl.one()
        await crawl.frontier.stop("limit")
        await crawl.report(got, links=["/late", "http://b.test/late"])
        assert await crawl.state("/late") == "excluded(limit)"
        assert await crawl.state("http://b.test/late") == "excluded(offsite)"

    async def test_after_stop_a_crawl_finishes_without_the_rest_of_its_seeds(self, crawl: Crawl):
        await crawl.open()
        await crawl.frontier.add([crawl.sealed("/1"), crawl.sealed("/2")], seeds=2)
        got = await crawl.one()
        await crawl.frontier.stop("limit")
        assert not (await crawl.snapshot()).finished
        await crawl.report(got)
        await crawl.until_finished()
        await crawl.restart()
        assert await crawl.frontier.seeds() == 2  # and a later life goes on with them

    async def test_why_a_callback_wants_the_end_is_known_until_somebody_goes_on(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/1")
        await crawl.report(await crawl.one(), close="seen enough")
        for _ in range(2):
            assert (await crawl.snapshot()).closing == "seen enough"
            await crawl.restart()
        await crawl.frontier.reopen()
        await crawl.restart()
        assert (await crawl.snapshot()).closing == ""
