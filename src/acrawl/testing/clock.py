"""A clock that stands still until it is told to move.

`ManualClock` stands in for `acrawl.clock.SystemClock`: delays, leases and retries of hours are tested in milliseconds,
and never by waiting::

    clock = ManualClock()
    frontier = await SqliteFrontier.open(path, settings, gate, clock)
    ...
    await clock.advance(30.0)  # whatever sleeps until then wakes at its own time, one after the other
"""

from __future__ import annotations

import asyncio
import heapq
import itertools

#: How often the loop goes round before it counts as settled: longer than any chain of awakenings in acrawl.
ROUNDS = 30


class ManualClock:
    """A clock that moves only when it is told to (`acrawl.clock.Clock`); ``trio.testing.MockClock`` in spirit.

    ``now`` is its first reading and ``time`` the moment of the Unix epoch that belongs to it; both move together.
    It knows of nothing but its own sleepers: a thread, a socket or ``asyncio.sleep`` take their real time. For one
    event loop, in one thread.
    """

    def __init__(self, now: float = 1000.0, time: float = 1_750_000_000.0) -> None:
        self._now = now
        self._wall = time - now
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    @property
    def sleepers(self) -> int:
        """How many tasks are asleep."""
        return sum(not woken.done() for _, _, woken in self._sleepers)

    @property
    def next_wake(self) -> float | None:
        """When the first of them wakes, as a reading of `now`; None when nobody sleeps."""
        return min((at for at, _, woken in self._sleepers if not woken.done()), default=None)

    def now(self) -> float:
        """See `acrawl.clock.Clock.now`."""
        return self._now

    def time(self) -> float:
        """See `acrawl.clock.Clock.time`."""
        return self._wall + self._now

    async def sleep(self, seconds: float) -> None:
        """See `acrawl.clock.Clock.sleep`: returns when the clock has been advanced that far."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._order), woken))
        await woken

    async def advance(self, seconds: float) -> None:
        """Move on by so many seconds, and wake in order whoever sleeps until then.

        Each sleeper finds the clock at the very time it asked for, and before the next one wakes the loop settles, so
        that what it does in answer (more sleep, too) is done in time. Those who chose one time wake in the order in
        which they lay down. Raises ValueError for a negative number: time does not run backwards.
        """
        if seconds < 0:
            raise ValueError(f"advance({seconds!r}): time does not run backwards")
        end = self._now + seconds
        await self.settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            at, _, woken = heapq.heappop(self._sleepers)
            if woken.done():  # its task was cancelled while it slept: nobody is there to be woken
                continue
            self._now = max(self._now, at)
            woken.set_result(None)
            await self.settle()
        self._now = end
        await self.settle()

    async def settle(self) -> None:
        """Let every task that can run do so, as far as none waits for a thread or for I/O."""
        for _ in range(ROUNDS):
            await asyncio.sleep(0)
