"""A worker's loop against a master of a few lines: when things start, and what goes back."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from acrawl.clock import SystemClock
from acrawl.outcome import FETCHED, Outcome, Receipt
from acrawl.settings import Settings
from acrawl.testing import ManualClock
from acrawl.ticket import Batch, Lease, Ticket
from acrawl.worker.recent import RecentLinks
from acrawl.worker.worker import Worker


class Script:
    """A master that hands out ``batches`` one by one, then has nothing more."""

    def __init__(self, *batches: list[Ticket]) -> None:
        self.batches = list(batches)
        self.reported: list[int] = []
        self.released: list[int] = []
        self.left = asyncio.Event()

    async def lease(self, worker, n, wait):
        if not self.batches:
            await asyncio.Event().wait()
        return Batch(1, 30.0, self.batches.pop(0))

    async def report(self, worker, epoch, outcomes):
        assert not self.left.is_set()
        self.reported += [outcome.token for outcome in outcomes]
        return Receipt(len(outcomes))

    async def release(self, worker, epoch, tokens):
        assert not self.left.is_set()
        self.released += tokens

    async def renew(self, worker, epoch, held):
        return []

    async def listen(self, worker, known, heard, wait):
        await asyncio.Event().wait()

    async def bye(self, worker):
        self.left.set()


class Handler:
    """Answers at once, but for the tokens in ``stuck``, which it never ends."""

    def __init__(self, *stuck: int) -> None:
        self.recent = RecentLinks(10)
        self.began: list[int] = []
        self._stuck = {token: asyncio.Event() for token in stuck}

    def end(self, token: int) -> None:
        self._stuck[token].set()

    async def handle(self, work):
        self.began.append(work.lease.token)
        if work.lease.token in self._stuck:
            await self._stuck[work.lease.token].wait()
        return Outcome(work.lease.token, FETCHED, ago=0.0), []


def leases(*tokens: int) -> list[Lease]:
    return [Lease(token, "http://a/", b"") for token in tokens]


async def holds(condition):
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


def working(master: Script, handler: Handler, **settings: object) -> Worker:
    chosen = Settings()
    own = msgspec.structs.replace(chosen.worker, **settings)
    return Worker("w", master, handler, msgspec.structs.replace(chosen, worker=own), 1, SystemClock())


@pytest.mark.asyncio
async def test_a_ticket_that_may_start_soon_is_not_held_up_by_one_that_came_before():
    # Given a ticket that may start in a minute, and then one that may start in a moment,
    late, soon = Ticket("http://late", leases(1), start_in=60.0), Ticket("http://soon", leases(2), start_in=0.1)
    master, handler = Script([late], [soon]), Handler()
    worker = working(master, handler)
    task = asyncio.create_task(worker.run())
    # then the second one starts, though nothing else happens that would make the worker look.
    await holds(lambda: master.reported == [2])
    worker.stop()
    await task
    assert master.released == [1]


@pytest.mark.asyncio
async def test_what_is_cut_off_at_the_end_is_given_back_before_the_goodbye():
    # Given one request that never ends, one that waits for its slot, and one that has ended,
    master, handler = Script([Ticket("http://a", leases(1, 2), share=1), Ticket("http://b", leases(3))]), Handler(1)
    worker = working(master, handler, shutdown_seconds=0.1)
    task = asyncio.create_task(worker.run())
    await holds(lambda: master.reported == [3] and handler.began == [1, 3])
    # when the worker is asked to stop, then it gives back both others, and goes.
    worker.stop()
    await asyncio.wait_for(task, 10)
    assert sorted(master.released) == [1, 2]
    assert worker.held == []
    assert master.left.is_set()


async def at_work(*, spacing: float = 0.0) -> tuple[Worker, Handler, ManualClock, asyncio.Task[None]]:
    """A worker with one request under way that never ends, and one that waits behind it."""
    clock, handler = ManualClock(), Handler(1)
    master = Script([Ticket("http://a", leases(1, 2), share=1, spacing=spacing)])
    worker = Worker("w", master, handler, Settings(), 1, clock)
    task = asyncio.create_task(worker.run())
    await clock.settle()
    assert handler.began == [1]
    return worker, handler, clock, task


@pytest.mark.asyncio
async def test_what_a_broken_connection_leaves_in_hand_is_let_go_before_others_get_it():
    worker, handler, clock, task = await at_work()
    worker.detached()
    await clock.advance(Settings().queues.grace_seconds)
    assert worker.held == []
    assert handler.began == [1]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.asyncio
async def test_what_is_mended_in_time_goes_on_and_nothing_starts_meanwhile():
    worker, handler, clock, task = await at_work()
    worker.detached()
    handler.end(1)  # now its place is free
    await clock.advance(1.0)
    assert handler.began == [1]
    worker.attached(1, [], clock.now())
    await clock.settle()
    assert handler.began == [1, 2]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
