"""Promises about leases: renewed, lost, given back, reported once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from acrawl.outcome import FAILED, PART, RETRY, HostFacts, Outcome, Receipt
from contracts.crawl import HOST, Crawl, item


class LeasePromises:
    async def test_an_empty_answer_comes_after_the_wait(self, crawl: Crawl):
        await crawl.open()
        waiting = asyncio.create_task(crawl.lease(wait=5.0))
        await crawl.clock.advance(4.9)
        assert not waiting.done()
        await crawl.clock.advance(0.2)
        assert await waiting == []

    async def test_a_waiting_worker_is_woken_by_new_work(self, crawl: Crawl):
        await crawl.open()
        waiting = asyncio.create_task(crawl.lease(wait=5.0))
        await crawl.clock.settle()
        await crawl.add("/1")
        assert [got.url for got in await waiting] == [f"{HOST}/1"]

    async def test_a_waiting_worker_is_woken_when_a_host_may_be_asked_again(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/1")
        await crawl.report(await crawl.one(), RETRY, delay=3.0)
        waiting = asyncio.create_task(crawl.lease(wait=5.0))
        await crawl.clock.advance(2.9)
        assert not waiting.done()
        await crawl.clock.advance(0.1)
        assert [got.attempt for got in await waiting] == [2]

    async def test_a_waiting_worker_is_woken_when_another_gives_back(self, crawl: Crawl):
        await crawl.open({"politeness.concurrency": 1})
        await crawl.add("/1")
        got = await crawl.one("a")
        waiting = asyncio.create_task(crawl.lease("b", wait=5.0))
        await crawl.clock.settle()
        await crawl.frontier.release("a", crawl.epoch, [got.token])
        assert [one.url for one in await waiting] == [f"{HOST}/1"]

    @pytest.mark.parametrize("why", ["limit", "suspect"])
    async def test_a_worker_that_gets_nothing_sleeps_although_a_host_is_due(self, crawl: Crawl, why: str):
        await crawl.open({"limits.max_pages": 1 if why == "limit" else 0, "frontier.max_lost": 2})
        await crawl.add("http://b.test/1")
        await crawl.report(await crawl.one(), RETRY, delay=3.0)  # due while the worker waits
        await crawl.add("/1")
        got = await crawl.one()
        if why == "suspect":
            await crawl.begin(got)
            await crawl.frontier.lost("w")
            got = await crawl.one()
        asleep = crawl.clock.sleepers
        waiting = asyncio.create_task(crawl.lease(wait=5.0))
        for _ in range(4):
            await crawl.clock.advance(1.0)
            assert crawl.clock.sleepers == asleep + 1
        await crawl.clock.advance(1.0)
        assert await waiting == []
        await crawl.report(got, FAILED)

    @pytest.mark.parametrize("progress", [0, 1])
    async def test_a_started_lease_without_progress_runs_out_although_it_is_renewed(self, crawl: Crawl, progress: int):
        await crawl.open({"frontier.stall_seconds": 100})
        await crawl.add("/1")
        got = await crawl.one()
        await crawl.begin(got, progress=7)
        for _ in range(9):
            await crawl.clock.advance(10)
            assert await crawl.frontier.renew("w", crawl.epoch, {got.token: progress}) == []
        for _ in range(6):
            await crawl.clock.advance(10)
            gone = await crawl.frontier.renew("w", crawl.epoch, {got.token: progress})
        assert gone == [got.token]
        assert await crawl.state("/1") == "queued"
        assert await crawl.report(got) == Receipt(0, 1)

    async def test_a_lease_that_makes_progress_lives_for_hours(self, crawl: Crawl):
        await crawl.open({"frontier.stall_seconds": 100})
        await crawl.add("/1")
        got = await crawl.one()
        for turn in range(1, 721):
            await crawl.begin(got, progress=turn // 8 + 1)  # a sign of life every 80 seconds
            await crawl.clock.advance(10)
        assert await crawl.report(got) == Receipt(1)

    async def test_what_is_under_way_is_told_until_it_ends(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/1", "/2")
        one, two = await crawl.lease()
        for progress, coming in ((5_000, 5_000), (9_000, 9_000), (8_000, 9_000)):
            await crawl.begin(one, progress=progress)
            assert (await crawl.frontier.snapshot()).coming == coming
        await crawl.begin(two, progress=500)
        assert (await crawl.frontier.snapshot()).coming == 9_500
        await crawl.report(one, size=10_000)
        assert (await crawl.frontier.snapshot()).coming == 500
        await crawl.frontier.lost("w")
        assert (await crawl.frontier.snapshot()).coming == 0

    async def test_what_has_not_started_does_not_stand_still(self, crawl: Crawl):
        """It waits in its worker for its turn at the host."""
        await crawl.open({"frontier.stall_seconds": 100})
        await crawl.add("/1")
        got = await crawl.one()
        for _ in range(30):
            await crawl.begin(got, progress=0)
            await crawl.clock.advance(10)
        assert await crawl.report(got) == Receipt(1)

    async def test_a_stalled_request_counts_as_lost(self, crawl: Crawl):
        await crawl.open({"frontier.stall_seconds": 100, "frontier.max_lost": 1})
        await crawl.add("/1")
        got = await crawl.one()
        for _ in range(20):
            await crawl.frontier.renew("w", crawl.epoch, {got.token: 1})
            await crawl.clock.advance(10)
        await crawl.until_state("/1", "quarantined(worker-lost)")

    async def test_a_lease_lives_as_long_as_it_is_renewed_and_is_queued_again_when_not(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/1")
        got = await crawl.one("a")
        for _ in range(5):
            await crawl.clock.advance(20)
            assert await crawl.frontier.renew("a", crawl.epoch, {got.token: True}) == []
            assert await crawl.lease("b") == []
        assert await crawl.state("/1") == "leased"
        await crawl.clock.advance(35)
        assert await crawl.state("/1") == "queued"
        assert await crawl.frontier.renew("a", crawl.epoch, {got.token: True}) == [got.token]
        assert (await crawl.one("b")).url == got.url
        assert await crawl.report(got) == Receipt(0, 1)

    async def test_renewal_names_what_is_not_the_workers(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/1", "/2")
        first, second = await crawl.lease("a")
        await crawl.report(second)
        tokens = dict.fromkeys([first.token, second.token, 12345], True)
        assert sorted(await crawl.frontier.renew("a", crawl.epoch, tokens)) == sorted([second.token, 12345])
        assert sorted(await crawl.frontier.renew("b", crawl.epoch, {first.token: True})) == [first.token]
        assert await crawl.frontier.renew("a", crawl.epoch + 1, {first.token: True}) == [first.token]

    @pytest.mark.parametrize(("stranger", "ahead"), [("b", 0), ("a", 1), ("a", -1)])
    async def test_a_false_worker_or_epoch_prolongs_nothing(self, crawl: Crawl, stranger: str, ahead: int):
        await crawl.open()
        await crawl.add("/1")
        got = await crawl.one("a")
        await crawl.clock.advance(25)
        assert await crawl.frontier.renew(stranger, crawl.epoch + ahead, {got.token: True}) == [got.token]
        await crawl.clock.advance(10)
        assert await crawl.state("/1") == "queued"

    @pytest.mark.parametrize(("stranger", "ahead", "bit"), [("b", 0, 0), ("a", 1, 0), ("a", -1, 0), ("a", 0, 1)])
    async def test_a_stale_report_changes_nothing(self, crawl: Crawl, stranger: str, ahead: int, bit: int):
        await crawl.open({"politeness.delay": 2.0})
        await crawl.add("/1", "/2")
        got, _ = await crawl.lease("a")
        before = await crawl.snapshot()
        outcome = Outcome(
            got.token ^ bit,
            FAILED,
            "forged",
            ago=0.0,
            requests=[crawl.sealed("/forged")],
            items=[item("forged")],
            host=HostFacts(pause=100.0, rules=b"forged", crawl_delay=50.0),
        )
        assert await crawl.frontier.report(stranger, crawl.epoch + ahead, [outcome]) == Receipt(0, 1)
        assert await crawl.snapshot() == before
        assert [await crawl.state(path) for path in ("/1", "/forged")] == ["leased", "unknown"]
        assert await crawl.bodies() == []
        await crawl.frontier.release(stranger, crawl.epoch + ahead, [got.token ^ bit])
        assert await crawl.state("/1") == "leased"
        await crawl.frontier.lost("a")  # the host's clock knows nothing of the forged start, pause and delay
        (first, second) = await crawl.lease("c")
        assert [one.start_at - crawl.clock.now() for one in (first, second)] == [2.0, 4.0]

    async def test_a_report_is_one_step(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/1")
        facts = {"http_status": 200, "size": 1234, "seconds": 0.5}
        made = {"links": ["/2", "/3", "/1"], "items": [item("x"), item("y")]}
        assert await crawl.report(await crawl.one(), **facts, **made) == Receipt(1)
        await crawl.restart()
        assert [await crawl.state(f"/{n}") for n in (1, 2, 3)] == ["fetched", "queued", "queued"]
        assert await crawl.bodies() == ["x", "y"]
        story = await crawl.story("/1")
        assert (story.http_status, story.size, story.seconds, story.attempts) == (200, 1234, 0.5, 1)
        assert (await crawl.story("/2")).found_on == f"{HOST}/1"

    async def test_a_repeated_report_is_stale_and_changes_nothing(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/1")
        got = await crawl.one()
        assert await crawl.report(got, items=[item("x")]) == Receipt(1)
        before = await crawl.snapshot()
        assert await crawl.report(got, items=[item("x")], links=["/2"]) == Receipt(0, 1)
        assert await crawl.snapshot() == before

    async def test_one_report_may_hold_good_and_stale_outcomes(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/1", "/2")
        first, second = await crawl.lease()
        outcomes = [Outcome(token, "fetched") for token in (first.token, 1, second.token, first.token)]
        assert await crawl.frontier.report("w", crawl.epoch, outcomes) == Receipt(2, 2)

    async def test_reports_at_the_same_time_are_all_taken(self, crawl: Crawl):
        await crawl.open()
        await crawl.add(*(f"/{n}" for n in range(40)))
        got = await crawl.lease()
        receipts = await asyncio.gather(*(crawl.report(one, items=[item(one.url)]) for one in got))
        assert receipts == [Receipt(1)] * 40
        assert sorted(await crawl.bodies()) == sorted(one.url for one in got)

    async def test_release_queues_again_at_the_old_place(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/1", "/2", "/3")
        first, second = await crawl.lease(n=2)
        await crawl.frontier.release("w", crawl.epoch, [first.token, second.token])
        await crawl.frontier.release("w", crawl.epoch, [first.token, second.token])
        await crawl.add("/4")
        got = await crawl.lease()
        assert [(one.url.removeprefix(HOST), one.attempt) for one in got] == [
            ("/1", 1), ("/2", 1), ("/3", 1), ("/4", 1)
        ]  # fmt: skip

    async def test_what_is_given_back_after_it_began_has_been_a_start(self, crawl: Crawl):
        await crawl.open({"politeness.delay": 2.0})
        await crawl.add("/1", "/2")
        first, second = await crawl.lease()
        await crawl.begin(first)
        await crawl.frontier.release("w", crawl.epoch, [first.token, second.token])
        assert (await crawl.one()).start_at == crawl.clock.now() + 2.0

    @pytest.mark.parametrize("status", ["", "quarantined", "FETCHED", "done", "\0"])
    async def test_an_unknown_status_fails_the_request_and_nothing_else_of_it_counts(self, crawl: Crawl, status: str):
        await crawl.open()
        await crawl.add("/1", "/2")
        got, other = await crawl.lease()
        await crawl.report(got, PART, links=["/part"], items=[item("part")])
        facts = {"links": ["/3"], "items": [item("x")], "host": HostFacts(pause=100.0)}
        assert await crawl.report(got, status, **facts) == Receipt(1)
        await crawl.report(other)
        story = await crawl.story("/1")
        assert (story.state, story.reason, repr(status) in story.detail) == ("failed", "bad-report", True)
        now = await crawl.snapshot()
        assert (now.discovered, now.fetched, now.failed, now.undelivered, now.queued) == (2, 1, 1, 0, 0)
        assert await crawl.bodies() == []
        await crawl.add("/4")
        assert len(await crawl.lease()) == 1

    @pytest.mark.parametrize(
        "facts",
        [
            {"size": 1 << 63}, {"size": -1}, {"seconds": float("nan")}, {"seconds": float("inf")},
            {"ago": float("nan")}, {"http_status": 1 << 63}, {"latency": float("nan")}, {"duplicates": -5},
            {"host": HostFacts(pause=float("nan"))}, {"host": HostFacts(rules=b"", crawl_delay=float("nan"))},
        ],
        ids=str,
    )  # fmt: skip
    async def test_numbers_that_cannot_be_fail_the_request_alone(self, crawl: Crawl, facts: dict[str, Any]):
        await crawl.open()
        await crawl.add("/1", "/2")
        got, other = await crawl.lease()
        assert await crawl.report(got, links=["/3"], **facts) == Receipt(1)
        assert await crawl.report(other) == Receipt(1)
        assert [await crawl.state(path) for path in ("/1", "/2", "/3")] == ["failed(bad-report)", "fetched", "unknown"]

    async def test_robots_of_an_unknown_status_have_not_come(self, crawl: Crawl):
        await crawl.open({"politeness.obey_robots": True, "retry.times": 1})
        await crawl.add("/1")
        await crawl.report(await crawl.one(), "what", host=HostFacts(rules=b"R"))
        await crawl.clock.advance(400)
        got = await crawl.one()
        assert got.robots
        await crawl.allow(got)
        assert (await crawl.one()).url == f"{HOST}/1"

    async def test_a_retry_waits_and_counts(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/1")
        for attempt in (1, 2, 3):
            got = await crawl.one()
            assert got.attempt == attempt
            await crawl.report(got, RETRY, reason="timeout", delay=10.0)
            await crawl.clock.advance(9.9)
            assert await crawl.lease() == []
            await crawl.clock.advance(0.1)
        await crawl.restart()
        await crawl.clock.advance(10)
        got = await crawl.one()
        assert got.attempt == 4
        await crawl.report(got, FAILED, reason="timeout")
        assert ((await crawl.story("/1")).attempts, (await crawl.snapshot()).retries) == (4, 0)

    async def test_retries_are_counted(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/1")
        await crawl.report(await crawl.one(), RETRY)
        assert (await crawl.snapshot()).retries == 1

    # -- lost workers

    async def test_a_lost_worker_gives_back_all_it_held_and_nothing_else(self, crawl: Crawl):
        await crawl.open({"politeness.concurrency": 2})
        await crawl.add("/1", "http://b.test/1")
        await crawl.add("http://c.test/1")
        mine = await crawl.lease("a", 2)
        (other,) = await crawl.lease("b", 2)
        assert await crawl.frontier.lost("a") == 2
        assert await crawl.frontier.lost("a") == 0
        assert {await crawl.state(one.url) for one in mine} == {"queued"}
        assert await crawl.state(other.url) == "leased"
        assert await crawl.report(mine[0]) == Receipt(0, 1)

    async def test_what_could_not_have_been_started_yet_is_never_quarantined(self, crawl: Crawl):
        await crawl.open({"politeness.delay": 5.0})
        await crawl.add("/first", "/second")
        for worker in "abc":
            await crawl.lease(worker, 2)
            await crawl.frontier.lost(worker)
            await crawl.clock.advance(5)
        assert await crawl.state("/second") == "queued"
        assert await crawl.state("/first") == "quarantined(worker-lost)"

    async def test_coming_back_does_not_say_that_nothing_has_started(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/bomb")
        for worker in "abc":
            got = await crawl.one(worker)
            assert await crawl.frontier.adopt(worker, crawl.epoch, [got.token]) == []
            await crawl.frontier.lost(worker)
        await crawl.until_state("/bomb", "quarantined(worker-lost)")

    async def test_what_kills_before_any_heartbeat_is_quarantined(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/bomb")
        for worker in "abc":
            await crawl.one(worker)
            await crawl.frontier.lost(worker)
        await crawl.until_state("/bomb", "quarantined(worker-lost)")

    async def test_a_worker_that_came_back_keeps_its_leases(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/1", "/2")
        first, second = await crawl.lease()
        await crawl.frontier.release("w", crawl.epoch, [second.token])
        await crawl.clock.advance(25)
        assert await crawl.frontier.adopt("w", crawl.epoch, [first.token, second.token]) == [second.token]
        await crawl.clock.advance(20)
        assert await crawl.report(first) == Receipt(1)

    async def test_a_worker_of_the_former_life_drops_everything(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/1")
        got = await crawl.one()
        epoch = crawl.epoch
        await crawl.restart()
        assert crawl.epoch > epoch
        assert await crawl.frontier.adopt("w", epoch, [got.token]) == [got.token]
        assert await crawl.report(got, epoch=epoch) == Receipt(0, 1)
        assert await crawl.state("/1") == "queued"

    async def test_a_restart_loses_nothing_and_doubles_nothing(self, crawl: Crawl):
        await crawl.open()
        await crawl.add(*(f"/{n}" for n in range(30)))
        done = []
        for _ in range(3):
            await crawl.clock.advance(10)
            got = await crawl.lease_until(10)
            for one in got[:5]:
                await crawl.report(one)
                done.append(one.url)
            await crawl.restart()
        await crawl.clock.advance(10)
        done += await crawl.fetch_all()
        assert sorted(done) == sorted(f"{HOST}/{n}" for n in range(30))

    @pytest.mark.parametrize(("delay", "pause"), [(0.0, 1.0), (0.2, 1.0), (4.0, 4.0)])
    async def test_after_a_restart_a_host_waits(self, crawl: Crawl, delay: float, pause: float):
        await crawl.open({"politeness.delay": delay})
        await crawl.add("/1", "/2", "http://b.test/")
        (got,) = await crawl.lease(n=1)
        await crawl.report(got, ago=0.0)
        await crawl.restart()
        opened = crawl.clock.now()
        assert [(await crawl.one()).start_at - opened for _ in range(2)] == [pause, pause]

    async def test_after_a_restart_a_host_whose_queue_was_empty_waits_too(self, crawl: Crawl):
        await crawl.open({"politeness.delay": 4.0})
        await crawl.add("/1")
        await crawl.report(await crawl.one(), ago=0.0)
        await crawl.restart()
        opened = crawl.clock.now()
        await crawl.add("/2")
        assert (await crawl.one()).start_at - opened == 4.0
