"""Host clocks and shares: who may ask a host for something, how much at once, and when. Pure: time is an argument.

What always holds: the live shares of a host never sum above its concurrency, where a worker's live share is the
smaller of what it was granted and what it still holds; and a host with a delay serves one worker at a time, so that
the spacing of its starts is kept by one clock.
"""

from __future__ import annotations

import heapq
import itertools
import math
from bisect import insort
from collections import deque
from collections.abc import Callable

from acrawl.frontier.rows import Row
from acrawl.settings import Politeness

#: A ticket never reserves start times further ahead than this: seconds of work at a host that has a delay.
HORIZON = 10.0


class Host:
    """One host: its window of queued requests, its terms, and who holds how much of it.

    ``window`` is the sorted head of its queue; with ``more``, all behind ``high`` is on disk only. ``errand`` is True
    while its robots.txt is being fetched; ``rules_until`` is when its rules grow stale (0: never fetched). ``gone`` is
    how its requests end once it has been given up.
    """

    __slots__ = (
        "delay", "errand", "errands", "failing_since", "gone", "held", "high", "is_ready", "last_start", "late",
        "limit", "more", "name", "next_at", "paused_until", "pauses", "refilling", "rules", "rules_until", "shares",
        "wake_at", "window",
    )  # fmt: skip

    def __init__(self, name: str, limit: int, delay: float) -> None:
        self.name = name
        self.limit = limit
        self.delay = delay
        self.window: list[Row] = []
        self.more = False
        self.high: Row | None = None
        self.refilling = False
        self.late: list[Row] = []
        self.shares: dict[str, int] = {}
        self.held: dict[str, int] = {}
        self.next_at = 0.0
        self.last_start = -math.inf
        self.paused_until = 0.0
        self.pauses = 0
        self.failing_since = 0.0
        self.rules: bytes | None = None
        self.rules_until = 0.0
        self.errand = False
        self.errands = 0
        self.gone: tuple[str, str] | None = None
        self.is_ready = False
        self.wake_at: float | None = None

    @property
    def has_work(self) -> bool:
        """Whether anything is queued here, in memory or on disk."""
        return bool(self.window) or self.more

    @property
    def live(self) -> int:
        """The sum of the live shares."""
        return sum(min(self.shares[worker], held) for worker, held in self.held.items())

    def share_for(self, worker: str, workers: int) -> int:
        """How many requests this worker may have under way here; 0 means that it can be granted nothing now."""
        mine = self.held.get(worker, 0)
        if self.delay > 0:
            return 0 if len(self.held) > (mine > 0) else self.limit
        others = self.live - (min(self.shares[worker], mine) if mine else 0)
        share = min(math.ceil(self.limit / max(1, workers)), self.limit - others)
        # A share shrinks only once the worker holds no more than the smaller one: what it holds may all be under way.
        return 0 if mine > share and share < self.shares[worker] else max(0, share)

    def hold(self, worker: str, share: int, count: int) -> None:
        """Record a grant."""
        self.shares[worker] = share
        self.held[worker] = self.held.get(worker, 0) + count

    def free(self, worker: str) -> None:
        """Record the end of one lease."""
        left = self.held.get(worker, 0) - 1
        if left > 0:
            self.held[worker] = left
        else:
            self.held.pop(worker, None)
            self.shares.pop(worker, None)
        if not self.held:
            # Start times that were reserved but never used are free again.
            self.next_at = self.last_start + self.delay

    def rest_until(self, when: float) -> None:
        """Start nothing sooner, whatever was started before."""
        self.next_at = max(self.next_at, when)
        self.last_start = max(self.last_start, when - self.delay)

    def started(self, when: float) -> None:
        """Something was started here at that time, or may have been."""
        self.last_start = max(self.last_start, when)
        self.next_at = max(self.next_at, self.last_start + self.delay)

    def reserve(self, now: float, count: int) -> float:
        """Take ``count`` start times, the host's delay apart; returns the seconds until the first."""
        first = max(now, self.next_at)
        if self.delay > 0:
            self.next_at = first + count * self.delay
        return first - now

    def most(self, share: int) -> int:
        """How many requests one ticket may bring: enough to keep the share busy until the next one."""
        if self.delay > 0:
            return max(1, int(HORIZON / self.delay))
        return max(8, 2 * share)

    def put(self, row: Row, size: int) -> None:
        """Queue a row: into the window where it belongs there, else it is on disk.

        While the next rows are being read it waits in ``late``, so that neither overtakes the other.
        """
        window = self.window
        if self.refilling:
            self.late.append(row)
            return
        if self.more and (self.high is None or row[:3] > self.high[:3]):  # by place alone: it may be `high` come back
            return
        if window and row < window[-1]:
            insort(window, row)
        else:
            window.append(row)
        if len(window) > size + size // 2:
            del window[size:]
            self.high, self.more = window[-1], True

    def emptied(self) -> None:
        """All that was queued here, in memory and on disk, is being ended."""
        self.window.clear()
        self.late.clear()
        self.more = False

    def refilled(self, rows: list[Row], size: int, gone: Callable[[int], bool]) -> None:
        """Take what was read from disk behind the window; ``gone`` tells ids that are leased or done by now."""
        late, self.late = {row.id: row for row in self.late}, []
        self.refilling = False
        self.more = len(rows) >= size
        self.high = rows[-1] if rows else self.high
        self.window += [row for row in rows if row.id not in late and not gone(row.id)]
        inside = {row.id for row in self.window}
        for number, row in late.items():
            if number not in inside and not gone(number):
                self.put(row, size)


class Hosts:
    """All hosts: those that may be granted something now, in turn, and a heap of the others by their time."""

    def __init__(self, terms: Politeness, wall: float = 0.0) -> None:
        """``wall`` is what to add to a clock reading to get seconds since the epoch, as in ``Row.not_before``."""
        self.terms = terms
        self.wall = wall
        self.by_name: dict[str, Host] = {}
        #: Nothing is started sooner, at whatever host.
        self.resting_until = -math.inf
        self._ready: deque[Host] = deque()
        self._heap: list[tuple[float, int, Host]] = []
        self._order = itertools.count()

    def get(self, name: str) -> Host:
        """The host of that name; made with the default terms when it is new."""
        host = self.by_name.get(name)
        if host is None:
            host = self.by_name[name] = Host(name, self.terms.concurrency, self.terms.delay)
            host.rest_until(self.resting_until)
        return host

    def set_rules(self, host: Host, rules: bytes, crawl_delay: float | None, until: float) -> None:
        """Take what the host's robots.txt says."""
        host.rules = rules
        host.rules_until = until
        host.errands = 0
        host.delay = max(self.terms.delay, min(crawl_delay or 0.0, self.terms.max_crawl_delay))
        host.next_at = max(host.next_at, host.last_start + host.delay)  # robots.txt was a start, too

    def pause(self, host: Host, now: float, seconds: float) -> bool:
        """Start nothing at the host for a while. False when it has been pausing for so long that it is given up."""
        if not host.pauses:
            host.failing_since = now
        if now >= host.paused_until:  # answers that were under way when the pause began do not count again
            host.pauses += 1
        host.paused_until = max(host.paused_until, now + min(seconds, self.terms.max_pause))
        lasted = host.paused_until - host.failing_since
        return host.pauses <= self.terms.max_pauses and lasted <= self.terms.give_up_after

    def succeeded(self, host: Host) -> None:
        """The host answered as it should: earlier pauses no longer count."""
        host.pauses = 0

    def wake(self, host: Host, now: float) -> None:
        """Something about the host changed: put it where it belongs. Cheap to call too often."""
        if host.is_ready:
            return  # judged again when its turn comes
        at = self.ready_at(host, now)
        if at is None:
            return
        if at <= now:
            host.is_ready = True
            self._ready.append(host)
        elif host.wake_at is None or at < host.wake_at:
            host.wake_at = at
            heapq.heappush(self._heap, (at, next(self._order), host))

    def promote(self, now: float) -> int:
        """Make ready whose time has come; returns how many hosts are ready: so many `take` make one round."""
        heap = self._heap
        while heap and heap[0][0] <= now:
            at, _, host = heapq.heappop(heap)
            if host.wake_at == at:  # else an older entry: the host was put in again for an earlier time
                host.wake_at = None
                self.wake(host, now)
        return len(self._ready)

    def take(self, now: float) -> Host | None:
        """Take out the host that has been ready the longest; None if it is not any more. `wake` it after its turn."""
        host = self._ready.popleft()
        host.is_ready = False
        at = self.ready_at(host, now)
        if at is not None and at <= now:
            return host
        self.wake(host, now)
        return None

    def ready_at(self, host: Host, now: float) -> float | None:
        """When something may be granted to somebody, or None while only an event (a report, a refill) can tell."""
        if not host.has_work or host.errand:
            return None
        if self.needs_errand(host, now):
            return None if host.held else max(now, host.next_at, host.paused_until)
        if not host.window:
            return None
        # Start times may be reserved a little ahead, so that a ticket is there when its time comes.
        return max(now, host.next_at - HORIZON / 2, host.paused_until, host.window[0].not_before - self.wall)

    def needs_errand(self, host: Host, now: float) -> bool:
        """Whether robots.txt has to be fetched before anything else."""
        return self.terms.obey_robots and now >= host.rules_until

    def due_rows(self, host: Host, now: float, most: int) -> list[Row]:
        """Take at most ``most`` rows whose time has come out of the window."""
        window = host.window
        count = min(most, len(window))
        while count and window[count - 1].not_before - self.wall > now:  # as in ready_at, to the last bit
            count -= 1
        rows = window[:count]
        del window[:count]
        return rows

    def next_due(self) -> float | None:
        """When the next host becomes ready by itself; None when none waits for a time."""
        return self._heap[0][0] if self._heap else None
