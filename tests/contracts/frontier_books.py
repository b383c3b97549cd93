"""Promises about what came of it: redirects, the outbox, the end, and what can be asked."""

from __future__ import annotations

import itertools

import pytest

from acrawl.outcome import FAILED, FETCHED, Outcome
from contracts.crawl import HOST, Crawl, OpenGate, item


class BookPromises:
    # -- redirects: the target comes in as a continuation, with the outcome of the request that redirected

    async def redirect(self, crawl: Crawl, source: str, target: str) -> None:
        got = await crawl.one()
        assert got.url == HOST + source
        await crawl.frontier.report(
            "w",
            crawl.epoch,
            [Outcome(got.token, FETCHED, "redirect", requests=[crawl.sealed(target, continuation=True)])],
        )

    async def test_a_redirect_queues_its_target(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/a")
        await self.redirect(crawl, "/a", "/b")
        assert [await crawl.state(path) for path in ("/a", "/b")] == ["fetched(redirect)", "queued"]
        assert (await crawl.story("/b")).found_on == f"{HOST}/a"

    async def test_a_redirect_to_what_is_known_is_a_duplicate(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/a", "/b")
        await self.redirect(crawl, "/a", "/b")
        assert await crawl.state("/a") == "fetched(redirect)"
        now = await crawl.snapshot()
        assert (now.discovered, now.duplicates) == (2, 1)
        assert await crawl.fetch_all() == [f"{HOST}/b"]

    async def test_a_redirect_to_itself_comes_in_again_once(self, crawl: Crawl):
        """It may have set a cookie; a second time it is a loop."""
        await crawl.open()
        await crawl.add("/a")
        await self.redirect(crawl, "/a", "/a")
        await self.redirect(crawl, "/a", "/a")
        assert await crawl.lease() == []
        assert (await crawl.snapshot()).reasons == {"failed(redirect-loop)": 1, "fetched(redirect)": 1}

    @pytest.mark.parametrize("between", [["/b"], ["/b", "/c", "/d"]])
    async def test_a_redirect_back_into_its_own_chain_is_a_loop(self, crawl: Crawl, between: list[str]):
        await crawl.open()
        await crawl.add("/a")
        chain = ["/a", *between, "/a"]
        for source, target in itertools.pairwise(chain):
            await self.redirect(crawl, source, target)
        assert await crawl.lease() == []
        assert await crawl.state(between[-1]) == "failed(redirect-loop)"
        assert f"{HOST}/a" in (await crawl.story(between[-1])).detail
        assert (await crawl.snapshot()).reasons == {"failed(redirect-loop)": 1, "fetched(redirect)": len(between)}

    async def test_a_link_to_the_page_before_is_no_loop(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/a")
        await crawl.report(await crawl.one(), links=["/b"])
        await self.redirect(crawl, "/b", "/a")
        assert await crawl.state("/b") == "fetched(redirect)"

    async def test_a_redirect_out_of_the_scope_is_excluded(self, crawl: Crawl):
        await crawl.open(gate=OpenGate(offsite=["http://b.test"]))
        await crawl.add("/a")
        await self.redirect(crawl, "/a", "http://b.test/")
        assert await crawl.state("http://b.test/") == "excluded(offsite)"

    # -- the outbox

    async def test_items_wait_in_order_until_they_are_delivered(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/1", "/2")
        first, second = await crawl.lease()
        await crawl.report(second, items=[item("2a"), item("2b")])
        await crawl.report(first, items=[item("1a")])
        assert await crawl.bodies(2) == ["2a", "2b"]
        deliveries = await crawl.outbox()
        assert [(one.item.body.decode(), one.url) for one in deliveries] == [
            ("2a", f"{HOST}/2"), ("2b", f"{HOST}/2"), ("1a", f"{HOST}/1")
        ]  # fmt: skip
        assert [one.id for one in deliveries] == sorted({one.id for one in deliveries})
        await crawl.frontier.done([deliveries[0].id])
        assert await crawl.bodies() == ["2b", "1a"]
        now = await crawl.snapshot()
        assert (now.undelivered, now.delivered) == (2, 1)

    async def test_item_ids_are_stable_and_ids_are_never_used_again(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/1", "/2")
        first, second = await crawl.lease()
        await crawl.report(first, items=[item("same"), item("same")])
        before = [(one.id, one.item_id) for one in await crawl.outbox()]
        assert len({item_id for _, item_id in before}) == 2
        await crawl.restart()
        assert [(one.id, one.item_id) for one in await crawl.outbox()] == before
        await crawl.frontier.done([number for number, _ in before])
        assert await crawl.outbox() == []
        await crawl.restart()
        await crawl.clock.advance(10)
        assert await crawl.report(second, epoch=1) is not None  # of a former life: nothing comes of it
        await crawl.report(await crawl.one(), items=[item("same")])
        (late,) = await crawl.outbox()
        assert late.id > max(number for number, _ in before)
        assert late.item_id not in {item_id for _, item_id in before}

    async def test_done_may_be_repeated(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/1")
        await crawl.frontier.seeds_exhausted()
        await crawl.report(await crawl.one(), items=[item("1"), item("2")])
        ids = [one.id for one in await crawl.outbox()]
        for _ in range(3):
            await crawl.frontier.done(ids[:1], {"feed": 10})
        assert await crawl.bodies() == ["2"]
        assert not (await crawl.snapshot()).finished
        for _ in range(2):
            await crawl.frontier.done(ids, {"feed": 20})
        now = await crawl.snapshot()
        assert (now.finished, now.undelivered, now.delivered) == (True, 0, 2)

    async def test_marks_are_kept_with_the_delivery(self, crawl: Crawl):
        await crawl.open()
        assert await crawl.frontier.marks() == {}
        await crawl.frontier.done([], {"a.jsonl": 100, "b.jsonl": 5})
        await crawl.frontier.done([], {"a.jsonl": 250})
        await crawl.restart()
        assert await crawl.frontier.marks() == {"a.jsonl": 250, "b.jsonl": 5}

    # -- the end

    async def test_finished_only_when_nothing_is_left_anywhere(self, crawl: Crawl):
        await crawl.open()
        assert not (await crawl.snapshot()).finished  # there may be more seeds
        await crawl.add("/1")
        await crawl.frontier.seeds_exhausted()
        assert not (await crawl.snapshot()).finished  # queued
        got = await crawl.one()
        assert not (await crawl.snapshot()).finished  # leased
        await crawl.report(got, items=[item("x")])
        assert not (await crawl.snapshot()).finished  # undelivered
        await crawl.restart()
        assert not (await crawl.snapshot()).finished
        await crawl.frontier.done([one.id for one in await crawl.outbox()])
        assert (await crawl.snapshot()).finished
        await crawl.restart()
        assert (await crawl.snapshot()).finished

    async def test_not_finished_while_robots_is_asked_for(self, crawl: Crawl):
        await crawl.open({"politeness.obey_robots": True})
        await crawl.add("/1")
        await crawl.frontier.seeds_exhausted()
        errand = await crawl.one()
        assert not (await crawl.snapshot()).finished
        await crawl.allow(errand)
        await crawl.fetch_all()
        assert (await crawl.snapshot()).finished

    async def test_not_finished_while_a_restarted_crawl_reads_its_queue(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/1")
        await crawl.frontier.seeds_exhausted()
        await crawl.restart()
        assert not (await crawl.snapshot()).finished

    # -- what can be asked

    async def test_the_story_of_a_url_in_every_state(self, crawl: Crawl):
        await crawl.open(gate=OpenGate(offsite=["http://b.test"]))
        assert await crawl.state("/a") == "unknown"
        await crawl.add("/a", "/bad", "http://b.test/")
        assert await crawl.state("/a") == "queued"
        first, second = await crawl.lease()
        assert await crawl.state("/a") == "leased"
        await crawl.report(first, http_status=200)
        await crawl.report(second, FAILED, reason="timeout", detail="180 s", http_status=0)
        story = await crawl.story("HTTP://A.test:80/a#part")
        assert (story.url, story.state, story.http_status) == (f"{HOST}/a", "fetched", 200)
        assert story.ended_at == crawl.clock.time()
        story = await crawl.story("/bad")
        assert (story.state, story.reason, story.detail, story.attempts) == ("failed", "timeout", "180 s", 1)
        assert await crawl.state("http://b.test/") == "excluded(offsite)"

    async def test_the_books_are_balanced_at_every_moment(self, crawl: Crawl):
        await crawl.open({"frontier.window": 4})
        await crawl.add(*(f"/{n}" for n in range(12)))
        held = await crawl.lease(n=4)
        steps = [
            crawl.report(held[0], links=["/x", "/y", "/1"], items=[item("i")]),
            crawl.report(held[1], "retry", delay=5.0),
            crawl.report(held[2], FAILED, reason="dns"),
            crawl.frontier.lost("w"),
            crawl.frontier.stop("limit"),
            crawl.add("/z"),
        ]
        for step in steps:
            await step
            books, now = await crawl.frontier.audit(), await crawl.snapshot()
            assert books.problems == []
            assert books.discovered == now.discovered == books.queued + books.done
            assert (books.queued, books.done) == (now.queued + now.leased, now.fetched + now.failed + now.excluded)

    async def test_counts_survive_a_restart(self, crawl: Crawl):
        await crawl.open(gate=OpenGate(offsite=["http://b.test"]))
        await crawl.add("/1", "/2", "/3", "http://b.test/")
        first, second, _ = await crawl.lease()
        await crawl.report(first, size=1000, items=[item("x")])
        await crawl.report(second, FAILED, reason="dns")
        before = await crawl.snapshot()
        await crawl.restart()
        after = await crawl.snapshot()
        kept = ("discovered", "fetched", "failed", "excluded", "quarantined", "undelivered", "bytes", "reasons")
        assert [getattr(after, name) for name in kept] == [getattr(before, name) for name in kept]
        assert (after.queued, after.leased) == (1, 0)

    async def test_a_failure_of_the_worst_kind_of_text_is_recorded(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/1")
        await crawl.report(await crawl.one(), FAILED, reason="callback", detail="NUL \0, emoji \U0001f600, \u202e")
        assert (await crawl.story("/1")).detail == "NUL \0, emoji \U0001f600, \u202e"
