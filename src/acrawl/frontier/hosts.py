"""All hosts: those that may be granted something now, in turn, and a heap of the others by their time.

A host is in one of these places: *ready* (in turn), *waiting* for a time (in the heap), *parked* (all its shares are
taken; a lease that ends brings it back), *reading* its queue, on an *errand* (robots.txt), or *idle*. Idle ones are
forgotten once there are many; what must outlast that stands in their records on disk. Pure: time is an argument.
"""

from __future__ import annotations

import heapq
import itertools
import math
import weakref
from collections import deque
from collections.abc import Callable, Container, Iterable

from acrawl.frontier.budgets import Budget
from acrawl.frontier.host import HORIZON, Host
from acrawl.frontier.pace import SLOW, Pace
from acrawl.frontier.rows import Record, Row
from acrawl.settings import Politeness
from acrawl.url import host_of

#: The longest a retry waits; one that seems to be due later was written by a clock that has been set back: it is due.
MOST_RETRY_DELAY = 86_400.0
#: Rows that are read for a host while memory holds as many as it should.
_SCARCE = 16


class Hosts:
    """Every host with work, and those without that were met lately.

    ``wall`` is what to add to a clock reading to get seconds since the epoch, as in ``Row.not_before``. ``group_of``
    names the second budget of a host (empty: none). ``rows`` is how many queued requests memory should hold, ``idle``
    how many hosts without work.
    """

    def __init__(
        self,
        terms: Politeness,
        wall: float = 0.0,
        group_of: Callable[[str], str] = lambda _: "",
        *,
        rows: int = 100_000,
        idle: int = 20_000,
    ) -> None:
        self.terms = terms
        self.wall = wall
        self.by_name: dict[str, Host] = {}
        #: How the requests of hosts that were given up end.
        self.gone: dict[str, tuple[str, str]] = {}
        #: Nothing is started sooner, at whatever host.
        self.resting_until = -math.inf
        self._least_rest = 0.0
        #: How many rows all windows hold.
        self.rows = 0
        #: How many are being read, at most.
        self.reading = 0
        self._most_rows = rows
        self._most_idle = idle
        self._group_of = group_of
        #: Kept by their hosts: a budget is forgotten with the last of them.
        self._budgets: weakref.WeakValueDictionary[str, Budget[Host]] = weakref.WeakValueDictionary()
        self._ready: deque[Host] = deque()
        self._heap: list[tuple[float, int, Host]] = []
        self._idle: dict[Host, None] = {}
        self._order = itertools.count()

    # -- who is known

    def get(self, name: str) -> Host:
        """The host of that name; made with the default terms when it is new."""
        host = self.by_name.get(name)
        if host is None:
            host = self.by_name[name] = Host(name, self.terms.concurrency, self.terms.delay)
            host.rest_until(self.resting_until)
            if self.terms.budget_by in {"domain", "spider"}:
                self.join(host, self._group_of(name))
        return host

    def rest_all(self, now: float, least: float) -> None:
        """A restart: no host is asked sooner than its delay, for what was started last is not known to the second."""
        delays = (self.terms.delay, self.terms.budget_delay if self.terms.budget_by != "none" else 0.0, least)
        self.resting_until = now + max(delays)
        self._least_rest = least

    def recall(self, record: Record, now: float) -> Host:
        """The host of a record; what memory knows already counts more, if it knows more than the name."""
        host = self.get(record.name)
        if host.fetched or host.failed or host.rules is not None:
            return host
        host.fetched, host.failed, host.size = record.fetched, record.failed, record.size
        age = now + self.wall - record.rules_at
        if record.rules is not None and self.terms.obey_robots and 0 <= age < self.terms.robots_ttl:
            self.set_rules(host, record.rules, record.crawl_delay, now + self.terms.robots_ttl - age)
            if now < self.resting_until and host.delay > self._least_rest:
                host.rest_until(now + host.delay)
        if record.address and self.terms.budget_by == "address":
            self.join(host, record.address, now)
        return host

    def join(self, host: Host, key: str, now: float = 0.0) -> None:
        """Put a host under the budget of that key (empty: under none). What it holds and has started moves with it."""
        if (host.budget.key if host.budget is not None else "") == key:
            return
        if host.budget is not None:
            host.budget.holders.discard(host)
            host.budget.parked.pop(host, None)
            self._unpark(host.budget, now)  # no lease of this host will end for them any more
        if not key:
            host.budget = None
            return
        budget = self._budgets.get(key)
        if budget is None:
            budget = self._budgets[key] = Budget(key, self.terms.budget_concurrency, self.terms.budget_delay)
        host.budget = budget
        budget.started(min(host.last_start, now))
        if host.held:
            budget.holders.add(host)

    def forget_idle(self, now: float, spare: Container[str]) -> None:
        """Forget the hosts that have been idle the longest, as far as nothing about them is needed any more.

        ``spare`` are names of hosts that are about to get work.
        """
        for host in list(itertools.islice(self._idle, 2 * max(0, len(self._idle) - self._most_idle))):
            del self._idle[host]
            if self._is_idle(host):
                if host.name in spare or self._matters(host, now):
                    self._idle[host] = None
                elif self.by_name.get(host.name) is host:  # else it was forgotten before, and met again
                    del self.by_name[host.name]

    def _matters(self, host: Host, now: float) -> bool:
        """Whether more has to be remembered of an idle host than its record holds; not once it has been given up."""
        if host.name in self.gone:
            return False
        return host.opens_at > now or host.paused_until > now or host.pauses > 0 or host.errands > 0

    def _is_idle(self, host: Host) -> bool:
        return not (host.has_work or host.held or host.refilling or host.errand or host.guests)

    # -- its terms

    def set_rules(self, host: Host, rules: bytes, crawl_delay: float | None, until: float) -> None:
        """Take what the host's robots.txt says."""
        host.rules = rules
        host.rules_until = until
        host.errands = 0
        host.trouble = ""
        host.delay = max(self.terms.delay, min(crawl_delay or 0.0, self.terms.max_crawl_delay))
        host.next_at = max(host.next_at, host.last_start + host.gap)  # robots.txt was a start, too

    def pause(self, host: Host, now: float, seconds: float) -> bool:
        """Start nothing at the host for a while. False when it has been pausing for so long that it is given up."""
        if not host.pauses:
            host.failing_since = now
        if now >= host.paused_until:  # answers that were under way when the pause began do not count again
            host.pauses += 1
        # Who asks again and again without one success between, for however short a time, rests 1, 2, 4 ... seconds.
        least = 2.0 ** min(host.pauses - 2, 20) if host.pauses > 1 else 0.0
        host.paused_until = max(host.paused_until, now + min(max(seconds, least), self.terms.max_pause))
        lasted = host.paused_until - host.failing_since
        return host.pauses <= self.terms.max_pauses and lasted <= self.terms.give_up_after

    def succeeded(self, host: Host, now: float, started: float, latency: float = 0.0) -> None:
        """The host answered as it should, ``latency`` seconds after ``started``: earlier pauses no longer count."""
        host.pauses = 0
        if not self.terms.adaptive:
            return
        if latency > 0:
            host.best = min(host.best, latency)
        if host.pace is None:
            if latency < SLOW:
                return
            host.pace = Pace(host.limit)
        host.pace.success(now, started, latency, host.best)
        if host.pace.whole:
            host.pace = None

    def struggled(self, host: Host, now: float, started: float, *, asked: bool = False) -> None:
        """The host asked for less (``asked``), or did not answer in time.

        What started in a rest, by a worker that had not heard of it yet, has nothing new to say.
        """
        if self.terms.adaptive and started >= host.paused_until:
            if host.pace is None:
                host.pace = Pace(host.limit)
            host.pace.trouble(now, started, asked=asked)

    def waits(self, url: str, now: float) -> str:
        """What keeps a queued URL waiting, in words."""
        host = self.by_name.get(host_of(url))
        if host is None:
            return ""
        if host.errand:
            return "its host's robots.txt is being fetched"
        if host.trouble:
            later = max(0.0, host.paused_until - now)
            return f"its host's robots.txt could not be had, and is asked for again in {later:.0f} s: {host.trouble}"
        if host.paused_until > now:
            return f"its host asked to be left alone for {host.paused_until - now:.0f} s more"
        if host.opens_at > now:
            return f"its host is asked every {host.spacing:g} s, the next time in {host.opens_at - now:.1f} s"
        if host.parked:
            return f"its host is being asked for {sum(host.held.values())} other requests"
        return "its turn at its host has not come"

    # -- turns

    def wake(self, host: Host, now: float, *, first: bool = False) -> None:
        """Something about the host changed: put it where it belongs. Cheap to call too often.

        ``first``: its turn had come before, and could not be used.
        """
        if host.is_ready or host.parked:
            return  # judged again when its turn comes, or a lease ends
        at = self.ready_at(host, now)
        if at is None:
            if self._is_idle(host):
                self._idle[host] = None
            return
        if at <= now:
            host.is_ready = True
            if first:
                self._ready.appendleft(host)
            else:
                self._ready.append(host)
        elif host.wake_at is None or at < host.wake_at:
            host.wake_at = at
            heapq.heappush(self._heap, (at, next(self._order), host))

    def park(self, host: Host) -> None:
        """Nothing can be granted here to anybody: wait for a lease to end, here or at another host of its budget."""
        host.parked = True
        if host.budget is not None and host.budget.is_full:
            host.budget.parked[host] = None

    def freed(self, host: Host, now: float) -> None:
        """A lease has ended here: whoever waited for that gets a turn, those who waited for the budget before it."""
        host.parked = False
        if host.budget is not None and host.budget.parked:
            host.budget.parked.pop(host, None)
            self._unpark(host.budget, now)
        self.wake(host, now)

    def _unpark(self, budget: Budget[Host], now: float) -> None:
        """One that can use it; all of them once nobody is left whose next end could wake the others."""
        while budget.parked:
            other, _ = budget.parked.popitem(last=False)
            other.parked = False
            self.wake(other, now)
            if other.is_ready and budget.holders:
                return

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
        if host.guests:
            return max(now, host.opens_at, host.paused_until)
        if not host.has_work or host.errand:
            return None
        if self.needs_errand(host, now):
            return None if host.held else max(now, host.opens_at, host.paused_until)
        if not host.window and host.refilling:
            return None
        # Start times may be reserved a little ahead, so that a ticket is there when its time comes.
        opens = max(now, host.opens_at - HORIZON / 2, host.paused_until)
        return max(opens, self.due_at(host.window[0], now)) if host.window else opens

    def due_at(self, row: Row, now: float) -> float:
        """When a row may be fetched, as a reading of the clock."""
        at = row.not_before - self.wall
        return now if row.attempt and at > now + MOST_RETRY_DELAY + 1.0 else at

    def needs_errand(self, host: Host, now: float) -> bool:
        """Whether robots.txt has to be fetched before anything else."""
        return self.terms.obey_robots and now >= host.rules_until

    def next_due(self) -> float | None:
        """When the next host becomes ready by itself; None when none waits for a time."""
        return self._heap[0][0] if self._heap else None

    # -- windows

    def due_rows(self, host: Host, now: float, most: int, apart: Callable[[Row], bool] = lambda _: False) -> list[Row]:
        """Take at most ``most`` rows whose time has come out of the window; one that stands ``apart`` comes alone."""
        window = host.window
        count = min(most, len(window))
        while count and self.due_at(window[count - 1], now) > now:  # as in ready_at, to the last bit
            count -= 1
        for place in range(1, count):
            if window[place].lost and apart(window[place]):
                count = place
                break
        rows = window[:count]
        del window[:count]
        self.rows -= count
        return rows

    def worth_waiting_for(self, n: int) -> int:
        """For how many hosts to read at once when ``n`` rows are wanted."""
        return max(1, n // _SCARCE) if self.is_scarce else n

    def put(self, host: Host, row: Row, window: int) -> None:
        """Queue a row at its host; while memory holds enough rows, it is left on disk."""
        self.rows += host.put(row, window if self.rows < self._most_rows else 0)

    @property
    def is_scarce(self) -> bool:
        """Whether memory holds as many rows as it should, or soon will."""
        return self.rows + self.reading >= self._most_rows

    def worth_reading(self, window: int) -> int:
        """How many rows to read for a host whose window is low."""
        return min(window, _SCARCE) if self.is_scarce else window

    def refilled(self, host: Host, rows: list[Row], size: int, gone: Callable[[int], bool]) -> None:
        """Take what was read for a host; see `Host.refilled`."""
        before = len(host.window) + len(host.late or ())
        host.refilled(rows, size, gone)
        self.rows += len(host.window) - before

    def reread(self, host: Host) -> None:
        """See `Host.reread`."""
        self.rows -= host.reread()

    def emptied(self, hosts: Iterable[Host]) -> None:
        """See `Host.emptied`."""
        for host in hosts:
            self.rows -= host.emptied()
