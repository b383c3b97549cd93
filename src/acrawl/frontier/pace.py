"""Adaptive rate: how much of its concurrency a host in trouble is asked for. Pure: time is an argument.

Additive increase, multiplicative decrease, as TCP does it (Chiu and Jain 1989; RFC 5681): trouble halves the width, and
below a width of one doubles a gap between starts; each success gives a little back. Trouble is an answer of 429 or 503,
a time-out, or answers that take much longer than this host's best and longer than a second: below that it may be our
own machine that is slow.

A host that asks for less (429, 503) mostly counts requests by the second, which no width can tell a fast one: there the
rate is measured at which it asked, halved, and brought back more slowly near to it.
"""

from __future__ import annotations

import math

#: Smoothed latencies below this are never trouble, seconds; nor are those below so many times the host's best.
SLOW = 1.0
GROWN = 4.0
#: How much of a new latency enters the smoothed one.
_WEIGHT = 0.2
#: The least gap that trouble without a measured rate makes, and the largest of all, seconds.
LEAST_GAP = 0.25
MOST_GAP = 60.0
#: Starts a second that a success adds to the rate of a host with a gap.
_STEP = 0.1
#: Of which so much, from this part on of the rate at which the host asked for less.
_CAREFUL = 0.2
_NEAR = 0.8
#: Beyond so many times that rate it is forgotten.
_FORGOTTEN = 4.0
#: Successes since the last cut from which a rate is told, and from which the trouble is forgotten.
_TELLING = 4
_PROVED = 200


class Pace:
    """The adaptive state of a host: ``width`` requests at once of its ``limit``, ``gap`` seconds between starts.

    ``ceiling`` is the rate, in starts a second, at which the host asked for less; 0 if it never did.
    """

    __slots__ = ("_burst", "_count", "_cut_at", "_first", "_smooth", "_span", "ceiling", "gap", "limit", "width")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.width = float(limit)
        self.gap = 0.0
        self.ceiling = 0.0
        self._smooth = 0.0
        self._cut_at = -math.inf
        # Successes since the last cut and the start of the first of them; those before it, and how long they took.
        self._count = self._burst = 0
        self._first = self._span = 0.0

    @property
    def whole(self) -> bool:
        """Whether the host is asked for all it may bear, and not only since just now: nothing need be remembered."""
        has_proved = self._count >= _PROVED or self._cut_at == -math.inf
        return has_proved and self.width >= self.limit and not self.gap and self._smooth < SLOW

    def trouble(self, now: float, started: float, *, asked: bool = False) -> None:
        """Ask for half as much. Of the requests that were under way at the last cut none counts again.

        ``asked``: the host itself asked for it.
        """
        if started < self._cut_at:
            return
        self._cut_at = now
        count, self._count, self._burst = self._count, 0, 0
        if asked and self.gap:
            self._halve(1.0 / self.gap)
        elif asked and count >= _TELLING:
            self._burst, self._span = count, max(1.0, now - self._first)
            self._halve(count / self._span)
        elif self.width > 1.0:
            self.width = max(1.0, self.width / 2)
        else:
            self.gap = min(MOST_GAP, max(LEAST_GAP, self.gap * 2))

    def _halve(self, rate: float) -> None:
        self.ceiling = rate
        self.gap = min(MOST_GAP, 2.0 / rate)

    def success(self, now: float, started: float, latency: float, best: float) -> None:
        """Ask for a little more, unless answers have become slow. ``latency`` and ``best`` are seconds to the head.

        Slowness alone never makes a gap: a host that is slow whatever we do is asked for one thing after the other.
        """
        if started >= self._cut_at:
            self._first = self._first if self._count else started
            self._count += 1
        elif self._burst:  # reported after the cut: the host bears more than was known then
            self._burst += 1
            self._halve(self._burst / self._span)
            return
        if latency > 0:
            self._smooth = latency if not self._smooth else self._smooth + _WEIGHT * (latency - self._smooth)
        if self.gap:
            self._close()
        elif self._smooth > SLOW and self._smooth > GROWN * best:
            if self.width > 1.0:
                self.trouble(now, started)
        elif self.width < self.limit:
            self.width = min(float(self.limit), self.width + 1.0 / self.width)

    def _close(self) -> None:
        """Make the gap a little smaller, and none once it is small enough."""
        rate = 1.0 / self.gap
        near = self.ceiling and rate >= _NEAR * self.ceiling
        gap = 1.0 / (rate + _STEP * (_CAREFUL if near else 1.0))
        least = 1.0 / (_FORGOTTEN * self.ceiling) if self.ceiling else LEAST_GAP
        if gap < least:
            gap = self.ceiling = 0.0
        self.gap = gap
