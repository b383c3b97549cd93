"""Workers that are lost, report late or twice, and a frontier that dies: what a request was caused by, it sees."""

from __future__ import annotations

import functools
import pathlib
import random
from typing import Any

import pytest

from acrawl.cookie import JarChange
from acrawl.fetch.cookies import Jars
from acrawl.frontier.sqlite import SqliteFrontier
from acrawl.outcome import FETCHED, RETRY, Outcome
from acrawl.request import Request, seal, unseal
from acrawl.settings import resolve
from acrawl.testing import ManualClock
from contracts.crawl import DEFAULTS, OpenGate

SITE = "http://a.test"
SESSIONS = ("", "anna", "bert")
STEPS = 12
SETTINGS = resolve(("test", DEFAULTS | {"politeness.concurrency": 50, "frontier.max_lost": 1000}))


class Life:
    """One frontier and its workers. A session goes from ``/0`` to ``/STEPS``; each answer sets ``step`` to the next.

    ``done`` are the answers that the frontier has taken: ``{(session, step): how many}``.
    """

    def __init__(self, frontier: SqliteFrontier, clock: ManualClock, chance: random.Random, done: Any) -> None:
        self.frontier = frontier
        self._clock = clock
        self._chance = chance
        self._done = done
        names = ("w0", "w1", "w2")
        self._jars = {name: Jars(SETTINGS.cookies, clock, functools.partial(frontier.jar, name)) for name in names}
        self._held: dict[str, list[tuple[Outcome, tuple[str, int]]]] = {name: [] for name in names}

    async def act(self) -> None:
        worker = self._chance.choice(sorted(self._jars))
        what = self._chance.random()
        if what < 0.5:
            await self._fetch(worker)
        elif what < 0.9:
            await self._report(worker)
        elif what < 0.95:  # its leases go to others; it may still report them, in vain
            await self.frontier.lost(worker)
        else:
            await self._clock.advance(5)

    async def _fetch(self, worker: str) -> None:
        batch = await self.frontier.lease(worker, self._chance.randrange(1, 4), 0.0)
        for ticket in batch.tickets:
            for lease in ticket.leases:
                request = unseal(lease.url, lease.body)
                session, step = request.cookiejar, int(lease.url.rpartition("/")[2])
                jar = await self._jars[worker].get("a.test", session, ticket.jars)
                sent = dict(pair.split("=") for pair in jar.pairs(lease.url, self._clock.time()))
                least = step + bool(self._done.get((session, step)))  # a retry has had an answer
                assert int(sent.get("step", "0")) >= least, (worker, session, step, sent)
                assert sent.get("who", session) == session
                lines = [f"step={step + 1}; Path=/", f"who={session}; Path=/"]
                change = JarChange("a.test", session, jar.answered(lease.url, lines, self._clock.time()))
                follows = Request(f"{SITE}/{step + 1}", cookiejar=session)
                again = self._chance.random() < 0.2
                outcome = Outcome(
                    lease.token,
                    RETRY if again else FETCHED,
                    requests=[] if again or step == STEPS else [seal(follows, self.frontier.secret)],
                    cookies=[change],
                )
                self._held[worker].append((outcome, (session, step)))

    async def _report(self, worker: str) -> None:
        held = self._held[worker]
        self._chance.shuffle(held)
        for _ in range(self._chance.randrange(1, 3)):
            if held:
                outcome, what = held.pop()
                receipt = await self.frontier.report(worker, self.frontier.epoch, [outcome])
                if receipt.accepted:
                    self._done[what] = self._done.get(what, 0) + 1
                if self._chance.random() < 0.2:  # sent again, because the answer was lost
                    assert (await self.frontier.report(worker, self.frontier.epoch, [outcome])).stale


@pytest.mark.asyncio
@pytest.mark.parametrize("seed", range(25))
async def test_whatever_happens_a_request_sees_the_cookies_of_what_caused_it(tmp_path: pathlib.Path, seed: int):
    chance, clock, done = random.Random(seed), ManualClock(), {}
    for life in range(6):
        frontier = await SqliteFrontier.open(str(tmp_path / "job.db"), SETTINGS, OpenGate(), clock)
        try:
            if not life:
                starts = [Request(f"{SITE}/0", cookiejar=session) for session in SESSIONS]
                await frontier.add([seal(request, frontier.secret) for request in starts])
            await clock.advance(2)
            workers = Life(frontier, clock, chance, done)
            for _ in range(10_000 if life == 5 else 25):
                await workers.act()
                now = await frontier.snapshot()
                if not now.queued and not now.leased:
                    break
            assert life < 5 or not (now.queued or now.leased)
        finally:
            await frontier.close()
    assert {what for what, _ in done.items()} == {(session, step) for session in SESSIONS for step in range(STEPS + 1)}
