"""One host: its clock, its shares, and the window over its queue. Pure: time is an argument.

What always holds: the live shares of a host never sum above its concurrency, where a worker's live share is the
smaller of what it was granted and what it still holds; and a host with a gap between starts serves one worker at a
time, so that the spacing is kept by one clock.
"""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Callable, Mapping
from types import MappingProxyType

from acrawl.frontier.budgets import Budget
from acrawl.frontier.pace import Pace
from acrawl.frontier.rows import Row

#: A ticket never reserves start times further ahead than this: seconds of work at a host that has a gap.
HORIZON = 10.0

_NOBODY: Mapping[str, int] = MappingProxyType({})


class Host:
    """One host: its window of queued requests, its terms, and who holds how much of it.

    ``window`` is the sorted head of its queue; with ``more``, all behind ``high`` is on disk only. ``errand`` is True
    while its robots.txt is being fetched; ``rules_until`` is when its rules grow stale (0: never fetched),
    ``trouble`` why they could not be had.
    ``parked``: nothing can be granted until a lease ends. Kept small, for there may be hundreds of thousands.
    """

    __slots__ = (
        "best", "budget", "delay", "errand", "errands", "failed", "failing_since", "fetched", "held",
        "high", "is_ready", "last_start", "late", "limit", "more", "name", "next_at", "pace", "parked",
        "paused_until", "pauses", "refilling", "rules", "rules_until", "shares", "size", "stale", "trouble", "wake_at",
        "window",
    )  # fmt: skip

    def __init__(self, name: str, limit: int, delay: float) -> None:
        self.name = name
        self.limit = limit
        self.delay = delay
        self.pace: Pace | None = None
        self.best = math.inf
        self.budget: Budget[Host] | None = None
        self.window: list[Row] = []
        self.more = False
        self.high: Row | None = None
        self.refilling = False
        self.stale = False
        self.late: list[Row] | None = None
        self.shares: Mapping[str, int] = _NOBODY
        self.held: Mapping[str, int] = _NOBODY
        self.next_at = 0.0
        self.last_start = -math.inf
        self.paused_until = 0.0
        self.pauses = 0
        self.failing_since = 0.0
        self.rules: bytes | None = None
        self.rules_until = 0.0
        self.errand = False
        self.errands = 0
        self.trouble = ""
        self.fetched = self.failed = self.size = 0
        self.is_ready = False
        self.parked = False
        self.wake_at: float | None = None

    @property
    def has_work(self) -> bool:
        """Whether anything is queued here, in memory or on disk."""
        return bool(self.window) or self.more

    # -- shares

    @property
    def gap(self) -> float:
        """Seconds between two starts: its delay, or what adaptation asks for."""
        return self.delay if self.pace is None else max(self.delay, self.pace.gap)

    @property
    def width(self) -> int:
        """How many requests may be under way at once: its concurrency, or what adaptation leaves of it."""
        return self.limit if self.pace is None else int(self.pace.width)

    @property
    def live(self) -> int:
        """The sum of the live shares."""
        return sum(min(self.shares[worker], held) for worker, held in self.held.items())

    def live_of(self, worker: str) -> int:
        """One worker's live share."""
        held = self.held.get(worker, 0)
        return min(self.shares[worker], held) if held else 0

    def share_for(self, worker: str, workers: int) -> int:
        """How many requests this worker may have under way here; 0 means that it can be granted nothing now."""
        mine = self.held.get(worker, 0)
        if self.gap > 0:
            share = 0 if len(self.held) > (mine > 0) else self.width
        else:
            others = self.live - self.live_of(worker)
            width = self.width
            share = min(math.ceil(width / max(1, workers)), width - others)
        if self.budget is not None:
            share = min(share, self.budget.room_for(self, worker))
        share = max(0, share)  # adaptation may have left less than the others have under way
        # A share shrinks only once the worker holds no more than the smaller one: what it holds may all be under way.
        return 0 if mine > share and share < self.shares[worker] else share

    @property
    def is_full(self) -> bool:
        """Whether nobody can be granted anything until a lease ends, here or at another host of its budget."""
        if self.held and (self.gap > 0 or self.live >= self.width):
            return True
        return self.budget is not None and self.budget.is_full

    def hold(self, worker: str, share: int, count: int) -> None:
        """Record a grant."""
        if self.held is _NOBODY:
            self.held, self.shares = {}, {}
        self.shares[worker] = share  # type: ignore[index]
        self.held[worker] = self.held.get(worker, 0) + count  # type: ignore[index]
        if self.budget is not None:
            self.budget.holders.add(self)

    def free(self, worker: str) -> None:
        """Record the end of one lease."""
        left = self.held.get(worker, 0) - 1
        if left > 0:
            self.held[worker] = left  # type: ignore[index]
        elif self.held:
            self.held.pop(worker, None)  # type: ignore[attr-defined]
            self.shares.pop(worker, None)  # type: ignore[attr-defined]
        if not self.held:
            self.held = self.shares = _NOBODY
            # Start times that were reserved but never used are free again.
            self.next_at = self.last_start + self.gap
        if self.budget is not None:
            self.budget.freed(self)

    # -- the clock

    def rest_until(self, when: float) -> None:
        """Start nothing sooner, whatever was started before."""
        self.next_at = max(self.next_at, when)
        self.last_start = max(self.last_start, when - self.gap)

    def started(self, when: float) -> None:
        """Something was started here at that time, or may have been."""
        self.last_start = max(self.last_start, when)
        self.next_at = max(self.next_at, self.last_start + self.gap)
        if self.budget is not None:
            self.budget.started(when)

    @property
    def spacing(self) -> float:
        """Seconds between two starts of one ticket: the host's own gap, or its budget's delay."""
        return self.gap if self.budget is None else max(self.gap, self.budget.delay)

    @property
    def opens_at(self) -> float:
        """When the next start may be, by the host's clock and its budget's."""
        return self.next_at if self.budget is None else max(self.next_at, self.budget.next_at)

    def reserve(self, now: float, count: int) -> float:
        """Take ``count`` start times, the spacing apart; returns the seconds until the first."""
        first = max(now, self.opens_at)
        spacing = self.spacing
        if spacing > 0:
            self.next_at = first + count * spacing
            if self.budget is not None and self.budget.delay > 0:
                self.budget.next_at = self.next_at
        return first - now

    def most(self, share: int) -> int:
        """How many requests one ticket may bring: enough to keep the share busy until the next one."""
        if self.spacing > 0:
            return max(1, int(HORIZON / self.spacing))
        return max(8, 2 * share)

    # -- the window

    def put(self, row: Row, size: int) -> int:
        """Queue a row: into the window where it belongs there, else it is on disk. Returns by how much memory grew.

        While the next rows are being read it waits in ``late``, so that neither overtakes the other. With a ``size``
        of 0 the window does not grow: what would fall behind its last row is left on disk.
        """
        if self.refilling:
            if self.late is None:
                self.late = []
            self.late.append(row)
            return 1
        if self.more and (self.high is None or row[:3] > self.high[:3]):  # by place alone: it may be `high` come back
            return 0
        window = self.window
        before = len(window)
        if not window or row > window[-1]:
            if not size:
                self.more, self.high = True, window[-1] if window else None
                return 0
            window.append(row)
        else:
            insort(window, row)
        if len(window) > size + size // 2:
            del window[size or before :]
            self.high, self.more = window[-1], True
        return len(window) - before

    def reread(self) -> int:
        """Forget the window: what is queued is read again from the start. Returns how many rows that were.

        What is just being read lies behind the window that is forgotten: it will not be taken.
        """
        dropped = len(self.window)
        self.stale = self.refilling
        self.window.clear()
        self.high, self.more = None, True
        return dropped

    def emptied(self) -> int:
        """All that was queued here, in memory and on disk, is being ended. Returns how many rows memory let go."""
        dropped = len(self.window) + len(self.late or ())
        self.window.clear()
        self.late = None
        self.more = False
        return dropped

    def refilled(self, rows: list[Row], size: int, gone: Callable[[int], bool]) -> None:
        """Take what was read from disk behind the window; ``gone`` tells ids that are leased or done by now."""
        late, self.late = {row.id: row for row in self.late or ()}, None
        self.refilling = False
        if self.stale:  # all of it is on disk, or will be before it is read again
            self.stale = False
            return
        self.more = len(rows) >= size
        self.high = rows[-1] if rows else self.high
        self.window += [row for row in rows if row.id not in late and not gone(row.id)]
        inside = {row.id for row in self.window}
        for number, row in late.items():
            if number not in inside and not gone(number):
                self.put(row, size)
