"""Promises about what is queued, in which order it is handed out, and what is kept out."""

from __future__ import annotations

import asyncio
import random

import pytest

from acrawl.outcome import FETCHED, RELEASED, RETRY
from contracts.crawl import HOST, Crawl, Got, OpenGate

#: More than any of these tests has (`frontier.rows`).
PLENTY = 100_000


class QueuePromises:
    async def test_adding_again_changes_nothing(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/a", "/b", "/a")
        await crawl.add("/b")
        assert sorted(await crawl.fetch_all()) == [f"{HOST}/a", f"{HOST}/b"]
        await crawl.add("/a")
        assert await crawl.lease() == []
        now = await crawl.snapshot()
        assert (now.discovered, now.duplicates, now.fetched) == (2, 3, 2)

    async def test_method_and_body_make_another_request(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/a")
        await crawl.add("/a", method="POST", body=b"1")
        await crawl.add("/a", method="POST", body=b"2")
        assert len(await crawl.lease()) == 3

    async def test_what_was_seen_is_known_in_the_next_life(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/a")
        await crawl.fetch_all()
        await crawl.restart()
        await crawl.add("/a")
        assert (await crawl.snapshot()).queued == 0

    async def test_dont_filter_comes_in_again(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/a")
        await crawl.add("/a", "/a", dont_filter=True)
        await crawl.add("/a")
        assert await crawl.fetch_all() == [f"{HOST}/a"] * 3

    async def test_higher_priority_goes_first_and_equals_go_in_the_order_of_discovery(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/1", "/2")
        await crawl.add("/3", "/4", priority=10)
        await crawl.add("/5", priority=-1)
        await crawl.add("/6", priority=11)
        assert await crawl.fetch_all(n=1) == [f"{HOST}/{n}" for n in (6, 3, 4, 1, 2, 5)]

    async def test_a_site_is_taken_level_by_level(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/")
        links = {"/": ["/a", "/b"], "/a": ["/a/1", "/a/2"], "/b": ["/b/1"]}
        order = []
        for _ in range(6):
            got = await crawl.one()
            order.append(got.url.removeprefix(HOST))
            await crawl.report(got, links=links.get(order[-1], []))
        assert order == ["/", "/a", "/b", "/a/1", "/a/2", "/b/1"]

    @pytest.mark.parametrize("priority", [2**63 - 1, 2**63, -(2**63), -(2**63) + 1, 2**64 - 1])
    async def test_any_priority_that_travels_is_taken(self, crawl: Crawl, priority: int):
        await crawl.open()
        await crawl.add("/middle")
        await crawl.add("/extreme", priority=priority)
        await crawl.restart()
        await crawl.clock.advance(10)
        order = ["/extreme", "/middle"] if priority > 0 else ["/middle", "/extreme"]
        assert await crawl.fetch_all(n=1) == [HOST + path for path in order]

    async def test_not_before_is_waited_for(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/later", not_before=crawl.clock.time() + 60, priority=100)
        await crawl.add("/now")
        (now,) = await crawl.lease()
        assert now.url == f"{HOST}/now"
        await crawl.report(now)
        await crawl.clock.advance(59.5)
        assert await crawl.lease() == []
        await crawl.clock.advance(0.5)
        assert [got.url for got in await crawl.lease()] == [f"{HOST}/later"]

    @pytest.mark.parametrize("moment", [-5.0, float("-inf"), float("nan")])
    async def test_a_strange_not_before_means_at_once(self, crawl: Crawl, moment: float):
        await crawl.open()
        await crawl.add("/a", not_before=moment)
        await crawl.restart()
        await crawl.clock.advance(10)
        assert await crawl.fetch_all() == [f"{HOST}/a"]

    async def test_what_the_gate_keeps_out_is_recorded(self, crawl: Crawl):
        await crawl.open(gate=OpenGate(offsite=["http://b.test"]))
        await crawl.add("/a", "http://b.test/x", "http://b.test/x")
        await crawl.frontier.add([crawl.sealed("/trap", excluded="trap")])
        assert await crawl.state("http://b.test/x") == "excluded(offsite)"
        assert await crawl.state("/trap") == "excluded(trap)"
        assert [got.url for got in await crawl.lease()] == [f"{HOST}/a"]
        now = await crawl.snapshot()
        assert (now.discovered, now.excluded) == (3, 2)

    @pytest.mark.parametrize("reason", ["nofollow", "noimageindex"])
    async def test_what_only_one_page_kept_out_comes_in_from_another(self, crawl: Crawl, reason: str):
        await crawl.open()
        shy, free = crawl.sealed("/a", excluded=reason), crawl.sealed("/a")
        await crawl.frontier.add([shy])
        await crawl.frontier.add([shy])
        assert await crawl.state("/a") == f"excluded({reason})"
        await crawl.restart()
        await crawl.clock.advance(2)
        await crawl.frontier.add([free, shy, free])
        assert await crawl.fetch_all() == [f"{HOST}/a"]
        await crawl.frontier.add([free, shy])
        assert await crawl.state("/a") == "fetched"
        await crawl.frontier.add(
            [crawl.sealed("/b", excluded=reason), crawl.sealed("/b"), crawl.sealed("/b", excluded=reason)]
        )
        assert await crawl.fetch_all() == [f"{HOST}/b"]
        now = await crawl.snapshot()
        assert (now.discovered, now.excluded, now.fetched) == (4, 2, 2)
        assert (await crawl.frontier.audit()).problems == []

    async def test_where_a_request_does_not_belong_counts_more_than_what_a_page_asked(self, crawl: Crawl):
        await crawl.open(gate=OpenGate(offsite=["http://b.test"]))
        await crawl.frontier.add([crawl.sealed("http://b.test/x", excluded="nofollow")])
        assert await crawl.state("http://b.test/x") == "excluded(offsite)"

    async def test_a_ticket_says_whether_the_user_named_the_host(self, crawl: Crawl):
        await crawl.open(gate=OpenGate(seeds=[HOST]))
        await crawl.add("/a", "http://b.test/")
        assert {got.host: got.open for got in await crawl.lease()} == {HOST: True, "http://b.test": False}

    async def test_seeds_are_committed_with_their_ordinal(self, crawl: Crawl):
        await crawl.open()
        assert await crawl.frontier.seeds() == 0
        await crawl.frontier.add([crawl.sealed("/1"), crawl.sealed("/2")], seeds=2)
        await crawl.restart()
        assert await crawl.frontier.seeds() == 2
        await crawl.frontier.add([], seeds=5)
        await crawl.restart()
        assert await crawl.frontier.seeds() == 5
        await crawl.frontier.seeds_exhausted()
        await crawl.frontier.seeds_exhausted()
        assert await crawl.frontier.seeds() is None
        await crawl.restart()
        assert await crawl.frontier.seeds() is None

    # -- more than memory holds

    @pytest.mark.parametrize("n", [1, 3, 100])
    @pytest.mark.parametrize(("window", "rows"), [(8, PLENTY), (8, 1), (8, 5), (1, 3), (1, PLENTY)])
    async def test_a_long_queue_comes_out_once_and_in_order(self, crawl: Crawl, n: int, window: int, rows: int):
        await crawl.open({"frontier.window": window, "frontier.rows": rows})
        chance = random.Random(n)
        priorities = {f"/{number}": chance.randrange(5) for number in range(70)}
        for path, priority in priorities.items():
            await crawl.add(path, priority=priority)
        expected = [HOST + path for path in sorted(priorities, key=lambda path: -priorities[path])]
        assert await crawl.fetch_all(n=n) == expected

    @pytest.mark.parametrize("seed", range(3))
    @pytest.mark.parametrize("rows", [PLENTY, 5, 1])
    async def test_nothing_is_lost_or_doubled_while_a_long_queue_is_read(self, crawl: Crawl, seed: int, rows: int):
        """Rows are added, retried, released and lost at whatever moment the next part of the queue arrives."""
        await crawl.open({"frontier.window": 8, "frontier.rows": rows, "frontier.max_lost": 1000})
        chance = random.Random(seed)
        await crawl.frontier.add([crawl.sealed(f"/{n}", priority=chance.randrange(4)) for n in range(60)])
        planned, fetched, tasks = {f"{HOST}/{n}" for n in range(60)}, [], []

        async def end(one: Got, status: str, delay: float = 0.0) -> None:
            receipt = await crawl.report(one, status, delay=delay)
            if status == FETCHED and receipt.accepted:
                fetched.append(one.url)

        for step in range(4000):
            for _ in range(chance.randrange(4)):
                await asyncio.sleep(0)
            got = await crawl.lease(n=chance.randrange(1, 6))
            for one in got:
                fate = chance.random() if step < 200 else 0.0
                if fate < 0.5:
                    tasks.append(asyncio.create_task(end(one, FETCHED)))
                elif fate < 0.7:
                    tasks.append(asyncio.create_task(end(one, RETRY, chance.choice([0.0, 0.0, 5.0]))))
                elif fate < 0.8:
                    tasks.append(asyncio.create_task(end(one, RELEASED)))
                elif fate < 0.9:
                    await crawl.frontier.release("w", crawl.epoch, [one.token])
                else:  # and with it whatever has not been reported yet
                    await crawl.frontier.lost("w")
            if len(planned) < 120 and chance.random() < 0.5:
                planned.add(f"{HOST}/x{len(planned)}")
                sealed = crawl.sealed(f"/x{len(planned) - 1}", priority=chance.randrange(6))
                tasks.append(asyncio.create_task(crawl.frontier.add([sealed])))
            if not got and step > 200:
                await asyncio.gather(*tasks)
                await crawl.clock.advance(6)
                now = await crawl.snapshot()
                if not now.queued and not now.leased:
                    break
        assert sorted(fetched) == sorted(planned)
        assert (await crawl.snapshot()).fetched == len(planned)

    @pytest.mark.parametrize("turns", range(8))
    @pytest.mark.parametrize("rows", [PLENTY, 4])
    async def test_what_ends_while_the_queue_is_read_is_not_handed_out_again(self, crawl: Crawl, turns: int, rows: int):
        await crawl.open({"frontier.window": 8, "frontier.rows": rows})
        await crawl.add(*(f"/{n}" for n in range(8)))
        held = await crawl.lease(n=8)
        await crawl.frontier.add([crawl.sealed(f"/first/{n}", priority=1) for n in range(14)])
        urls = [one.url for one in held]
        for _ in range(3):  # what is leased stands behind the new ones now, just where is read on
            got = await crawl.lease(n=4)
            urls += [one.url for one in got]
            for _ in range(turns):
                await asyncio.sleep(0)
            ends, held = [*got, *held[:3]], held[3:]
            await asyncio.gather(*(crawl.report(one) for one in ends))
        for one in held:
            await crawl.report(one)
        urls += await crawl.fetch_all()
        assert sorted(urls) == sorted([f"{HOST}/{n}" for n in range(8)] + [f"{HOST}/first/{n}" for n in range(14)])

    @pytest.mark.parametrize("turns", range(8))
    @pytest.mark.parametrize("rows", [PLENTY, 4])
    async def test_a_retry_is_not_lost_in_what_is_being_read(self, crawl: Crawl, turns: int, rows: int):
        await crawl.open({"frontier.window": 8, "frontier.rows": rows})
        begin = crawl.clock.time()
        await crawl.frontier.add([crawl.sealed(f"/{n}", not_before=begin + 10 * n) for n in range(40)])
        await crawl.clock.advance(75)
        first, *others = await crawl.lease_until(8)
        for _ in range(turns):
            await asyncio.sleep(0)
        await crawl.report(first, RETRY, delay=30.0)  # its new place is among those that are being read
        for one in others:
            await crawl.report(one)
        await crawl.clock.advance(400)
        urls = [one.url for one in others] + await crawl.fetch_all()
        assert urls == [f"{HOST}/{n}" for n in (*range(1, 11), 0, *range(11, 40))]

    @pytest.mark.parametrize("rows", [PLENTY, 9, 2])
    async def test_a_lost_request_at_the_edge_of_the_window_is_not_forgotten(self, crawl: Crawl, rows: int):
        await crawl.open({"frontier.window": 8, "frontier.rows": rows})
        await crawl.add(*(f"/{n}" for n in range(40)))
        await crawl.restart()  # all of it is read from storage now, in parts of eight
        await crawl.clock.advance(10)
        got = await crawl.lease_until(8)
        await crawl.frontier.renew("w", crawl.epoch, dict.fromkeys([one.token for one in got], True))
        assert await crawl.frontier.lost("w") == 8
        assert len(set(await crawl.fetch_all())) == 40

    # -- the end of it

    async def test_stop_ends_what_is_queued_and_lets_what_is_leased_finish(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/1", "/2", "/3", "/4", "http://b.test/")
        got = await crawl.one()
        assert await crawl.frontier.stop("limit") == 4
        assert await crawl.state("http://b.test/") == "excluded(limit)"
        assert await crawl.lease() == []
        await crawl.report(got, links=["/new"], items=[])
        assert await crawl.state(got.url) == "fetched"
        assert await crawl.state("/new") == "excluded(limit)"
        await crawl.add("/seed")
        assert await crawl.state("/seed") == "excluded(limit)"
        assert (await crawl.snapshot()).reasons == {"excluded(limit)": 6, "fetched": 1}

    @pytest.mark.parametrize("way", ["retry", "released", "release", "lost", "expired"])
    async def test_what_comes_back_after_stop_is_ended_too_and_the_crawl_finishes(self, crawl: Crawl, way: str):
        await crawl.open()
        await crawl.add("/1")
        await crawl.frontier.seeds_exhausted()
        got = await crawl.one()
        assert await crawl.frontier.stop("limit") == 0
        if way == "release":
            await crawl.frontier.release("w", crawl.epoch, [got.token])
        elif way == "lost":
            await crawl.frontier.lost("w")
        elif way == "expired":
            await crawl.clock.advance(40)
        else:
            await crawl.report(got, way)
        now = await crawl.until_finished()
        assert (now.excluded, now.queued) == (1, 0)
        assert await crawl.state("/1") == "excluded(limit)"

    @pytest.mark.parametrize("turns", range(6))
    @pytest.mark.parametrize("rows", [PLENTY, 3])
    async def test_stop_ends_what_is_just_being_read(self, crawl: Crawl, turns: int, rows: int):
        await crawl.open({"frontier.window": 8, "frontier.rows": rows})
        await crawl.add(*(f"/{n}" for n in range(40)))
        got = await crawl.lease_until(7)
        for _ in range(turns):
            await asyncio.sleep(0)
        await crawl.frontier.stop("limit")
        for _ in range(50):
            assert await crawl.lease() == []
            await asyncio.sleep(0)
        for one in got:
            await crawl.report(one)
        assert (await crawl.snapshot()).reasons == {"excluded(limit)": 33, "fetched": 7}
