"""Promises about what kills workers: suspects are granted alone, and only what was alone is quarantined."""

from __future__ import annotations

import random

import pytest

from acrawl.outcome import FAILED, FETCHED, RETRY, Outcome
from contracts.crawl import HOST, Crawl, Got

LEASE = 30.0  # seconds
PATIENCE = 2 * LEASE


class SuspectPromises:
    async def accuse(self, crawl: Crawl, *paths: str, times: int = 2) -> None:
        """Lose these requests, started together, so often that the next loss would be the last."""
        for number in range(times):
            got = await crawl.lease_until(len(paths), f"dead{number}")
            assert sorted(one.url for one in got) == sorted(HOST + path for path in paths)
            await crawl.begin(*got)
            await crawl.frontier.lost(f"dead{number}")

    async def suspect_comes(self, crawl: Crawl, worker: str) -> bool:
        """Whether the worker is given the suspect alone, if it finishes what else it is given."""
        for _ in range(4):
            got = await crawl.lease(worker)
            if [one.url for one in got] == [f"{HOST}/suspect"]:
                return True
            for one in got:
                await crawl.report(one)
        return False

    async def accused(self, crawl: Crawl, path: str = "/suspect") -> None:
        await crawl.open()
        await crawl.add(path)
        await self.accuse(crawl, path)

    @pytest.mark.parametrize("way", ["lost", "expired"])
    async def test_what_was_lost_three_times_after_its_start_is_quarantined(self, crawl: Crawl, way: str):
        await crawl.open()
        await crawl.add("/bomb")
        await crawl.frontier.seeds_exhausted()
        for worker in "abc":
            got = await crawl.one(worker)
            await crawl.frontier.renew(worker, crawl.epoch, {got.token: True})
            await crawl.frontier.renew(worker, crawl.epoch, {got.token: False})  # once started, always started
            if way == "lost":
                await crawl.frontier.lost(worker)
            else:
                await crawl.clock.advance(40)
        await crawl.until_state("/bomb", "quarantined(worker-lost)")
        assert await crawl.lease() == []
        assert (await crawl.until_finished()).quarantined == 1

    async def test_losses_are_remembered_by_the_next_life(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/bomb")
        for worker in "abc":
            got = await crawl.one(worker)
            await crawl.frontier.renew(worker, crawl.epoch, {got.token: True})
            await crawl.frontier.lost(worker)
            await crawl.restart()
            await crawl.clock.advance(10)
        assert await crawl.state("/bomb") == "quarantined(worker-lost)"

    async def test_what_was_never_started_is_never_quarantined(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/innocent")
        for number in range(8):
            got = await crawl.one(f"w{number}")
            await crawl.frontier.renew(f"w{number}", crawl.epoch, {got.token: 0})
            await crawl.frontier.lost(f"w{number}")
        assert await crawl.state("/innocent") == "queued"

    async def test_quarantine_at_a_host_with_stale_rules_lets_the_rest_go_on(self, crawl: Crawl):
        limits = {"politeness.obey_robots": True, "politeness.robots_ttl": 60, "frontier.max_lost": 1}
        await crawl.open(limits)
        await crawl.add("/bomb", "/2")
        await crawl.allow(await crawl.one())
        (got,) = await crawl.lease(n=1)
        for _ in range(4):
            await crawl.frontier.renew("w", crawl.epoch, {got.token: True})
            await crawl.clock.advance(20)
        assert await crawl.lease() == []  # the rules are stale, and the errand waits for what is under way
        await crawl.frontier.lost("w")
        assert (await crawl.one("v")).robots

    async def test_a_suspect_is_granted_alone(self, crawl: Crawl):
        await self.accused(crawl)
        await crawl.add(*(f"/{n}" for n in range(5)), "http://b.test/1")
        got = await crawl.lease("w")
        assert [one.url for one in got] == [f"{HOST}/suspect"]
        assert await crawl.lease("w") == []  # and nothing besides until it ends
        await crawl.report(got[0])
        assert len(await crawl.lease("w")) == 6

    @pytest.mark.parametrize("end", ["report", "retry", "release", "expired", "left"])
    async def test_however_it_ends_its_worker_gets_work_again(self, crawl: Crawl, end: str):
        await self.accused(crawl)
        await crawl.add("/2", "http://b.test/1")
        got = await crawl.one()
        if end == "report":
            await crawl.report(got)
        elif end == "retry":
            await crawl.report(got, RETRY, reason="reset")
        elif end == "release":
            await crawl.frontier.release("w", crawl.epoch, [got.token])
        elif end == "expired":
            await crawl.clock.advance(LEASE * 1.2)
        else:
            await crawl.frontier.lost("w")
        assert {f"{HOST}/2", "http://b.test/1"} <= set(await crawl.fetch_all("w"))

    async def test_a_worker_that_holds_something_is_emptied_first(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("http://b.test/1", "http://b.test/2")
        held = await crawl.lease("w")
        await crawl.add("/suspect")
        await self.accuse(crawl, "/suspect")
        await crawl.add("http://c.test/1")
        await crawl.report(held[0])
        assert await crawl.lease("w") == []
        assert await crawl.lease("w") == []
        await crawl.report(held[1])
        assert [one.url for one in await crawl.lease("w")] == [f"{HOST}/suspect"]

    async def test_what_its_worker_got_in_the_same_batch_keeps_it_from_being_alone(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/suspect")
        await self.accuse(crawl, "/suspect")
        suspect = await crawl.one("other")
        await crawl.add("http://b.test/1", "http://c.test/1")
        await crawl.frontier.release("other", crawl.epoch, [suspect.token])  # its host comes last in turn now
        got = await crawl.lease("w")
        assert f"{HOST}/suspect" not in {one.url for one in got} or len(got) == 1

    async def test_others_go_on_meanwhile(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("http://b.test/1")
        await crawl.lease("w")
        await crawl.add("/suspect")
        await self.accuse(crawl, "/suspect")
        assert await crawl.lease("w") == []  # it is being emptied
        for turn in range(3):
            await crawl.add(*(f"http://c.test/{turn}/{n}" for n in range(5)))
            got = [one for one in await crawl.lease("v") if one.url != f"{HOST}/suspect"]
            if not got:  # it held nothing, so it was given the suspect: the third one goes on
                got = await crawl.lease("u")
            assert len(got) == 5
            for one in got:
                await crawl.report(one)

    @pytest.mark.parametrize("way", ["lost", "silent", "renewing"])
    async def test_a_worker_that_leaves_while_it_is_emptied_blocks_nobody(self, crawl: Crawl, way: str):
        await crawl.open()
        await crawl.add("http://b.test/1", "http://b.test/2")
        (mine,) = await crawl.lease("w", 1)
        (theirs,) = await crawl.lease("v", 1)
        await crawl.add("/suspect")
        await self.accuse(crawl, "/suspect")
        assert await crawl.lease("w") == await crawl.lease("v") == []  # one is emptied, for the other there is nothing
        if way == "lost":
            await crawl.frontier.lost("w")
        for turn in range(1, 20):
            if way == "renewing":  # it works on, but wants no more
                await crawl.begin(mine, progress=turn)
            await crawl.begin(theirs, progress=turn)
            await crawl.clock.advance(PATIENCE / 6)
        await crawl.report(theirs)
        assert await self.suspect_comes(crawl, "v")

    async def test_a_worker_that_does_not_get_empty_gets_the_suspect_among_the_others_at_last(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("http://b.test/huge")
        (huge,) = await crawl.lease("w")
        await crawl.add("/suspect")
        await self.accuse(crawl, "/suspect")
        for turn in range(1, 7):
            assert await crawl.lease("w") == []
            await crawl.begin(huge, progress=turn)
            await crawl.clock.advance(PATIENCE / 6)
        assert [one.url for one in await crawl.lease("w")] == [f"{HOST}/suspect"]

    async def test_what_was_lost_among_others_is_not_quarantined_for_it(self, crawl: Crawl):
        """It was granted among others, for they did not end; now it is one of two that may have done it."""
        await crawl.open()
        await crawl.add("http://b.test/huge")
        (huge,) = await crawl.lease("w")
        await crawl.add("/suspect")
        await self.accuse(crawl, "/suspect")
        for turn in range(1, 7):
            await crawl.lease("w")
            await crawl.begin(huge, progress=turn)
            await crawl.clock.advance(PATIENCE / 6)
        (suspect,) = await crawl.lease("w")
        await crawl.begin(suspect)
        await crawl.frontier.lost("w")
        assert await crawl.state("/suspect") == "queued"
        again = next(one for one in [await crawl.one("x"), await crawl.one("y")] if one.url == f"{HOST}/suspect")
        await crawl.begin(again)
        await crawl.frontier.lost(again.worker)  # alone, this time
        await crawl.until_state("/suspect", "quarantined(worker-lost)")

    async def test_an_innocent_request_that_was_always_beside_the_poison_comes_through(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/innocent", "/poison")
        await self.accuse(crawl, "/innocent", "/poison")
        for _ in range(2):
            got = await crawl.one()
            await crawl.begin(got)
            if got.url.endswith("poison"):
                await crawl.frontier.lost("w")
            else:
                await crawl.report(got)
        await crawl.until_state("/poison", "quarantined(worker-lost)")
        assert await crawl.state("/innocent") == "fetched"

    async def test_suspicion_outlives_a_restart(self, crawl: Crawl):
        await self.accused(crawl)
        await crawl.add("/1")
        await crawl.restart()
        await crawl.clock.advance(10)
        assert [one.url for one in await crawl.lease_until(1)] == [f"{HOST}/suspect"]

    async def test_a_suspect_in_the_middle_of_a_queue_is_not_granted_with_those_before_it(self, crawl: Crawl):
        await self.accused(crawl)
        await crawl.add("/first", priority=1)
        await crawl.add("/last")
        assert [one.url for one in await crawl.lease("w")] == [f"{HOST}/first"]
        assert [one.url for one in await crawl.lease("v")] == [f"{HOST}/suspect"]

    async def test_a_limit_that_leaves_nothing_for_the_moment_does_not_lose_a_suspect(self, crawl: Crawl):
        await crawl.open({"limits.max_pages": 3})
        await crawl.add("http://b.test/1", "http://c.test/1")
        (mine,) = await crawl.lease("w", 1)
        (_,) = await crawl.lease("v", 1)
        await crawl.add("/suspect")
        await self.accuse(crawl, "/suspect")
        await crawl.add("http://d.test/1")
        assert await crawl.lease("w", 1) == []  # it is emptied
        (theirs,) = await crawl.lease("v", 1)
        await crawl.report(mine)
        assert await crawl.lease("w") == []  # one is fetched, two are under way
        await crawl.report(theirs, FAILED, reason="http-404")
        assert [one.url for one in await crawl.lease("w")] == [f"{HOST}/suspect"]

    @pytest.mark.parametrize("seed", range(4))
    async def test_a_crawl_with_one_poison_quarantines_exactly_that(self, crawl: Crawl, seed: int):
        """Three workers that die whenever they begin the poison, and come back under another name."""
        await crawl.open({"politeness.concurrency": 16})
        hosts = [f"http://{letter}.test" for letter in "abcd"]
        innocent = [f"{hosts[n % 4]}/{n}" for n in range(50)]
        poison = f"{hosts[seed % 4]}/poison"
        chance = random.Random(seed)
        await crawl.add(*chance.sample([*innocent, poison], 51))
        await crawl.frontier.seeds_exhausted()
        names = [f"w{n}" for n in range(3)]
        held: dict[str, list[Got]] = {name: [] for name in names}
        deaths = 0
        for _ in range(2000):
            name = chance.choice(names)
            held[name] += await crawl.lease(name, chance.randrange(1, 8))
            await crawl.begin(*held[name])
            if any(one.url == poison for one in held[name]):
                deaths += 1
                await crawl.frontier.lost(name)
                names[names.index(name)] = fresh = f"w{deaths + 3}"
                held[fresh] = []
                held[name].clear()
                continue
            done = [held[name].pop(0) for _ in range(min(len(held[name]), chance.randrange(3)))]
            await crawl.frontier.report(name, crawl.epoch, [Outcome(one.token, FETCHED) for one in done])
            if (now := await crawl.snapshot()).finished:
                break
        assert (now.finished, now.fetched, now.quarantined, deaths) == (True, 50, 1, 3)
        await crawl.until_state(poison, "quarantined(worker-lost)")

    async def test_what_a_worker_never_heard_of_comes_back_without_blame_when_it_leaves(self, crawl: Crawl):
        await crawl.open()
        await crawl.add("/1", "/2")
        for worker in "abcdef":
            assert len(await crawl.lease(worker)) == 2
            assert await crawl.frontier.left(worker) == 2
            assert await crawl.frontier.left(worker) == 0
        assert (await crawl.story("/1")).tries == []
        assert len(await crawl.lease("z")) == 2
