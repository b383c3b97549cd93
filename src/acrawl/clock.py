"""Time, injected: politeness, leases and retries are tested without sleeping."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

_SINCE_BOOT = getattr(time, "CLOCK_BOOTTIME", None)


class Clock(Protocol):
    """What every room that waits or measures takes instead of the ``time`` module."""

    def now(self) -> float:
        """Seconds that only grow, time asleep included: for intervals and deadlines."""

    def time(self) -> float:
        """Seconds since the Unix epoch: for records, never for intervals."""

    async def sleep(self, seconds: float) -> None:
        """Wait; returns at once for zero or less."""


class SystemClock:
    """The machine's clock. ``now`` counts suspended time, so a lease ends while a laptop sleeps."""

    def now(self) -> float:
        """See `Clock.now`."""
        return time.clock_gettime(_SINCE_BOOT) if _SINCE_BOOT is not None else time.monotonic()

    def time(self) -> float:
        """See `Clock.time`."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """See `Clock.sleep`."""
        await asyncio.sleep(max(0.0, seconds))
