"""An event loop whose time passes only while nobody has anything to do: an hour's pause takes no time at all."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, TypeVarTuple

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")

#: Real seconds between two looks at whether executors are done; their end wakes the loop sooner.
GLANCE = 0.05
#: Seconds that one turn of the loop takes. Loops fire timers up to a nanosecond early: without this, one that looks at
#: the clock and sets itself anew would do so for ever.
TURN = 1e-6


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop that, where it would sleep until its next timer, moves its clock there instead.

    Work takes next to no time by this clock, and neither does a function in an executor: whoever is late is so by
    design and never because the machine is slow. Sockets are not waited for: what crawls in this loop must not use any.
    """

    def __init__(self) -> None:
        self._now = 1000.0
        self._threads = 0
        super().__init__(_Impatient(self))

    @property
    def threads(self) -> int:
        """How many functions run in executors."""
        return self._threads

    def time(self) -> float:
        """The loop's clock, in seconds."""
        return self._now

    def skip(self, seconds: float) -> None:
        """Move the clock on."""
        self._now += seconds

    def run_in_executor(self, executor: Any, func: Callable[[*_Ts], _T], *args: *_Ts) -> asyncio.Future[_T]:
        """See `asyncio.loop.run_in_executor`."""
        self._threads += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._returned)
        return future

    async def shutdown_default_executor(self, *timeout: float) -> None:
        """See `asyncio.loop.shutdown_default_executor`; its time limit (Python 3.12) is not skipped over."""
        self._threads += 1
        try:
            await super().shutdown_default_executor(*timeout)
        finally:
            self._threads -= 1

    def _returned(self, _: asyncio.Future[Any]) -> None:
        self._threads -= 1


class _Impatient(selectors.BaseSelector):
    """Looks at what is there, and skips the time it was asked to wait."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._real = selectors.DefaultSelector()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._loop.skip(TURN)
        if timeout is None or timeout <= 0:
            return self._real.select(timeout)
        if self._loop.threads:
            return self._real.select(min(timeout, GLANCE))
        found = self._real.select(0)
        if not found:
            self._loop.skip(timeout)
        return found

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.get_key(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()


class LoopClock:
    """The running loop's time as an `acrawl.clock.Clock`. ``time`` is the moment of the Unix epoch when it is made."""

    def __init__(self, time: float = 1_750_000_000.0) -> None:
        self._loop = asyncio.get_running_loop()
        self._wall = time - self._loop.time()

    def now(self) -> float:
        """See `Clock.now`."""
        return self._loop.time()

    def time(self) -> float:
        """See `Clock.time`."""
        return self._wall + self._loop.time()

    async def sleep(self, seconds: float) -> None:
        """See `Clock.sleep`."""
        await asyncio.sleep(max(0.0, seconds))
