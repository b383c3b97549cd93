"""Adaptive rate: how much of its concurrency a host in trouble is asked for. Pure: time is an argument.

Additive increase, multiplicative decrease, as TCP does it (Chiu and Jain 1989; RFC 5681): trouble halves the width, and
below a width of one doubles a gap between starts; each success gives a little back. Trouble is an answer of 429 or 503,
a time-out, or answers that take much longer than this host's best and longer than a second: below that it may be our
own machine that is slow.
"""

from __future__ import annotations

#: Smoothed latencies below this are never trouble, seconds; nor are those below so many times the host's best.
SLOW = 1.0
GROWN = 4.0
#: How much of a new latency enters the smoothed one.
_WEIGHT = 0.2
#: The least and the largest gap that adaptation asks for, seconds.
LEAST_GAP = 0.25
MOST_GAP = 60.0
#: Starts a second that a success adds to the rate of a host with a gap.
_STEP = 0.1


class Pace:
    """The adaptive state of a host: ``width`` requests at once of its ``limit``, ``gap`` seconds between starts."""

    __slots__ = ("_cut_at", "_smooth", "gap", "limit", "width")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.width = float(limit)
        self.gap = 0.0
        self._smooth = 0.0
        self._cut_at = float("-inf")

    @property
    def whole(self) -> bool:
        """Whether the host is asked for all it may bear: nothing need be remembered."""
        return self.width >= self.limit and not self.gap and self._smooth < SLOW

    def trouble(self, now: float, started: float) -> None:
        """Ask for half as much. Of the requests that were under way at the last cut none counts again."""
        if started < self._cut_at:
            return
        self._cut_at = now
        if self.width > 1.0:
            self.width = max(1.0, self.width / 2)
        else:
            self.gap = min(MOST_GAP, max(LEAST_GAP, self.gap * 2))

    def success(self, now: float, started: float, latency: float, best: float) -> None:
        """Ask for a little more, unless answers have become slow. ``latency`` and ``best`` are seconds to the head.

        Slowness alone never makes a gap: a host that is slow whatever we do is asked for one thing after the other.
        """
        if latency > 0:
            self._smooth = latency if not self._smooth else self._smooth + _WEIGHT * (latency - self._smooth)
        if self.gap:
            gap = 1.0 / (1.0 / self.gap + _STEP)
            self.gap = gap if gap >= LEAST_GAP else 0.0
        elif self._smooth > SLOW and self._smooth > GROWN * best:
            if self.width > 1.0:
                self.trouble(now, started)
        elif self.width < self.limit:
            self.width = min(float(self.limit), self.width + 1.0 / self.width)
