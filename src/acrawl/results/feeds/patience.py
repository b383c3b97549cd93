"""How long a server that does not answer is waited for, and how often it is asked."""

from __future__ import annotations

import time
from collections.abc import Callable

from acrawl.settings import Feeds

_FIRST, _LONGEST = 0.1, 5.0


class Patience:
    """The waits of one outage: each twice as long as the one before, ``seconds`` in all. Blocking.

    When they are over the crawl ends, and its items stay in the outbox.
    """

    def __init__(
        self,
        seconds: float = Feeds().patience,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.seconds = seconds
        self._now = now
        self._sleep = sleep
        self._until: float | None = None
        self._next = _FIRST

    def wait(self, least: float = 0.0) -> bool:
        """Wait before the next attempt, ``least`` seconds at least; False, at once, when it has lasted too long."""
        now = self._now()
        if self._until is None:
            self._until = now + self.seconds
        pause = max(least, self._next)
        if now + pause > self._until:
            return False
        self._sleep(pause)
        self._next = min(2 * self._next, _LONGEST)
        return True

    def renew(self) -> None:
        """It answered: the next failure is the first of another outage."""
        self._until = None
        self._next = _FIRST
