"""What a worker holds, host by host, and which of it may start now. Pure: time is an argument.

What always holds: at one host no more requests are under way than its latest ticket allows, and no two start closer
together than its spacing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable

from acrawl.parse.robots import ALLOW_ALL, Rules, decode
from acrawl.ticket import Lease, Ticket

#: So many hosts are remembered before those are looked for that may be forgotten.
MANY_LANES = 1000


class Work:
    """One lease in this worker's hands.

    ``deadline`` is when it must not be worked on any more, ``slot`` the task that works on it. It is sent at
    ``started_at``, and for the last time at ``sent_at``.
    """

    __slots__ = ("_moved", "deadline", "lane", "lease", "sent_at", "slot", "started_at")

    def __init__(self, lease: Lease, lane: Lane, deadline: float) -> None:
        self.lease = lease
        self.lane = lane
        self.deadline = deadline
        self.started_at = self.sent_at = -1.0
        self.slot: asyncio.Task[None] | None = None
        self._moved = 0

    def advance(self, by: int) -> None:
        """It lives: so many bytes have come, or things been made, since it was last said."""
        self._moved += by

    @property
    def progress(self) -> int:
        """What renewals say of it (see `acrawl.frontier.base.Leasing.renew`)."""
        return 1 + self._moved if self.started else 0

    def again(self, now: float) -> float:
        """Take the next start of its host to be sent once more; returns the seconds until then."""
        lane = self.lane
        self.sent_at = max(now, lane.next_start)
        lane.next_start = self.sent_at + lane.spacing
        return self.sent_at - now

    def ago(self, now: float) -> float:
        """Seconds since it was sent for the last time."""
        return max(0.0, now - self.sent_at)

    @property
    def started(self) -> bool:
        """Whether its request has been sent, or may have been."""
        return self.started_at >= 0


class Lane:
    """One host's leases, in order, and its terms."""

    __slots__ = ("active", "host", "jars", "next_start", "open", "queue", "ready", "rules", "share", "spacing")

    def __init__(self, host: str) -> None:
        self.host = host
        self.queue: deque[Work] = deque()
        self.active = 0
        self.share = 1
        self.spacing = 0.0
        self.next_start = 0.0
        self.open = False
        self.jars = 0
        self.rules: Rules = ALLOW_ALL
        self.ready = False


class Lanes:
    """All lanes; those from which something may start wait in turn."""

    def __init__(self, margin: float) -> None:
        """``margin`` seconds before its deadline nothing is started any more."""
        self.held: dict[int, Work] = {}
        self._margin = margin
        self._lanes: dict[str, Lane] = {}
        self._ready: deque[Lane] = deque()
        self._rules: dict[bytes, Rules] = {}
        self._queued = 0
        self._active = 0
        self._room = MANY_LANES

    @property
    def unfinished(self) -> int:
        """How many leases are still to be worked on, or are under way."""
        return self._queued + self._active

    @property
    def active(self) -> int:
        """How many are under way."""
        return self._active

    def add(self, ticket: Ticket, now: float, deadline: float) -> None:
        """Take a ticket; its terms replace the lane's."""
        lane = self._lanes.get(ticket.host)
        if lane is None:
            if len(self._lanes) >= self._room:
                self._forget(now)
            lane = self._lanes[ticket.host] = Lane(ticket.host)
        lane.share, lane.spacing, lane.open, lane.jars = ticket.share, ticket.spacing, ticket.open, ticket.jars
        lane.next_start = max(lane.next_start, now + ticket.start_in)
        lane.rules = self._decoded(ticket.rules)
        for lease in ticket.leases:
            work = self.held[lease.token] = Work(lease, lane, deadline)
            lane.queue.append(work)
        self._queued += len(ticket.leases)
        self._offer(lane)

    def _forget(self, now: float) -> None:
        """Forget hosts of which nothing is held, once their next start may be at any time.

        Not as soon as nothing is held: the frontier learns of a start, or of a pause, only from the report. Until then
        it may grant more, and nobody but the lane knows what distance to keep.
        """
        lanes = self._lanes.items()
        self._lanes = {host: lane for host, lane in lanes if lane.queue or lane.active or lane.next_start > now}
        self._room = max(MANY_LANES, 2 * len(self._lanes))

    def _decoded(self, rules: bytes | None) -> Rules:
        if rules is None:
            return ALLOW_ALL
        known = self._rules.get(rules)
        if known is None:
            if len(self._rules) > 10_000:
                self._rules.clear()
            known = self._rules[rules] = decode(rules)
        return known

    def _offer(self, lane: Lane) -> None:
        if not lane.ready and lane.queue and lane.active < lane.share:
            lane.ready = True
            self._ready.append(lane)

    def take(self, now: float) -> tuple[Work | None, float | None]:
        """The next request that may start, or None and the time when one may (None: only after an event).

        What is too close to its deadline is passed over: the frontier will hand it out again.
        """
        soonest: float | None = None
        for _ in range(len(self._ready)):
            lane = self._ready.popleft()
            lane.ready = False
            if not lane.queue or lane.active >= lane.share:
                continue
            if lane.next_start > now:
                soonest = lane.next_start if soonest is None else min(soonest, lane.next_start)
                self._offer(lane)
                continue
            work = lane.queue.popleft()
            self._queued -= 1
            if work.deadline - self._margin <= now:
                self.held.pop(work.lease.token, None)
                self._offer(lane)
                continue
            lane.active += 1
            self._active += 1
            lane.next_start = now + lane.spacing
            work.started_at = work.sent_at = now
            self._offer(lane)
            return work, None
        return None, soonest

    def rest(self, host: str, until: float) -> None:
        """The host asked to be left alone: nothing of it starts before that time, not even what is still to come."""
        lane = self._lanes.get(host)
        if lane is None:
            lane = self._lanes[host] = Lane(host)
        lane.next_start = max(lane.next_start, until)

    def clear(self, host: str) -> list[int]:
        """Forget what has not started at a host; returns its tokens, which are to be given back."""
        lane = self._lanes.get(host)
        if lane is None:
            return []
        tokens = [work.lease.token for work in lane.queue]
        for token in tokens:
            del self.held[token]
        self._queued -= len(tokens)
        lane.queue.clear()
        return tokens

    def spare(self, work: Work) -> None:
        """Nothing was sent after all: the next request need not keep its distance from this one."""
        if work.lane.next_start == work.started_at + work.lane.spacing:  # else another has started, or a rest begun
            work.lane.next_start = work.started_at

    def over(self, work: Work) -> None:
        """The request is no longer under way; its lease may still be held until the report is acknowledged."""
        lane = work.lane
        lane.active -= 1
        self._active -= 1
        self._offer(lane)

    def drop(self, tokens: list[int]) -> list[Work]:
        """Forget leases; returns those that are under way, which the caller has to stop."""
        running = []
        for token in tokens:
            work = self.held.pop(token, None)
            if work is None:
                continue
            if work.started:
                running.append(work)
            else:
                work.lane.queue.remove(work)
                self._queued -= 1
        return running

    def waiting(self) -> list[int]:
        """The tokens of what has not started."""
        return [token for token, work in self.held.items() if not work.started]

    def prolong(self, tokens: Iterable[int], deadline: float) -> None:
        """Leases have been renewed: those that are still held may be worked on until then."""
        for token in tokens:
            work = self.held.get(token)
            if work is not None:
                work.deadline = deadline

    def hasten(self, deadline: float) -> None:
        """Nothing may be worked on for longer than until then."""
        for work in self.held.values():
            work.deadline = min(work.deadline, deadline)

    def overdue(self, now: float) -> list[int]:
        """The tokens whose deadline has passed: somebody else may have them by now."""
        return [token for token, work in self.held.items() if work.deadline <= now]
