"""Who is granted what: hosts in turn, their requests to workers, in memory. Pure: time is an argument.

Whatever has to be durable goes into a `Group`, which the engine commits. A request that was leased leaves its state
only through here and `settling`, so these hold at every moment: a queued request is in its host's window or on disk
behind it; a leased one is in `State.leased`; an ended one is in `State.ending` until its transaction is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import msgspec

from acrawl.errors import RequestError
from acrawl.frontier.base import Gate
from acrawl.frontier.host import Guest, Host
from acrawl.frontier.isolation import Isolation
from acrawl.frontier.rows import Committed, End, Group, Record, Row
from acrawl.frontier.settling import Settling
from acrawl.frontier.state import State
from acrawl.frontier.traps import Traps
from acrawl.outcome import EXCLUDED
from acrawl.request import BARE_BODY, Sealed, unseal
from acrawl.settings import Settings
from acrawl.ticket import Lease, Ticket


@dataclass
class _Turn:
    """One worker's call for work: what it may still get, what it gets, and how many hosts were told to read."""

    worker: str
    left: int
    workers: int
    now: float
    tickets: dict[str, Ticket] = field(default_factory=dict)
    reads: int = 0


class Scheduler(Settling):
    """The decisions of a frontier.

    ``group`` gives the group that is collected now. ``on_low`` is told of a host whose window wants rows from disk,
    and how many; ``on_gone`` of one that has been given up and how its requests end.
    """

    def __init__(
        self,
        settings: Settings,
        gate: Gate,
        wall: float,
        group: Callable[[], Group],
        on_low: Callable[[Host, int], None],
        on_gone: Callable[[Host, tuple[str, str]], None],
    ) -> None:
        state = State(settings, gate, wall, group)
        super().__init__(state, settings, on_gone)
        self.state = state
        self.hosts = state.hosts
        self.leases = state.leases
        self.tally = state.tally
        terms = settings.frontier
        self._isolation = Isolation(self.leases, terms.max_lost, 2 * terms.lease_seconds)
        self._gate = gate
        self._on_low = on_low

    # -- discovery

    def admit(self, requests: Sequence[Sealed], parent: int) -> None:
        """Bring discovered requests to the door; the transaction tells the new ones from the duplicates."""
        self.state.door.admit(self.state.group(), requests, parent)

    def load(self, records: Iterable[Record], now: float) -> None:
        """Begin with the hosts that have something queued on disk."""
        for record in records:
            host = self.hosts.recall(record, now)
            host.more = True
            self.check_limits(host)
            self.hosts.wake(host, now)

    def committed(self, group: Group, made: Committed, now: float) -> None:
        """A transaction is done: what it admitted is queued, what it ended is over."""
        state = self.state
        state.recent.update(made.keys)
        state.ending.difference_update(end.id for end in group.ends)
        state.tally.committed(group, made)
        state.tally.pages -= made.loops
        for record in made.records:
            host = self.hosts.recall(record, now)
            self.check_limits(host)
            self.hosts.wake(host, now)  # if nothing comes in for it, it is idle
        self.queued(made.rows, now)
        for name in made.overflown:
            host = self.hosts.get(name)
            self.hosts.reread(host)
            self.hosts.wake(host, now)
            self._end_late(host)
        self.hosts.forget_idle(now, state.group().met)

    def queued(self, rows: Sequence[tuple[str, Row]], now: float) -> None:
        """Requests have come in durably."""
        hosts, window, late = self.hosts, self._window, set()
        for name, row in rows:
            host = hosts.by_name.get(name) or hosts.get(name)
            if self.state.door.stopped or name in hosts.gone:
                late.add(host)
            hosts.put(host, row, window)
            hosts.wake(host, now)
        for host in late:
            self._end_late(host)

    def _end_late(self, host: Host) -> None:
        """End what came in for a host that was given up, or after the crawl was stopped, while it was on its way."""
        end = self.hosts.gone.get(host.name)
        if end is None and self.state.door.stopped:
            end = (EXCLUDED, self.state.door.stopped)
        if end is not None:
            self._on_gone(host, end)

    # -- grants

    def grant(self, worker: str, n: int, now: float) -> list[Ticket]:
        """Lease at most ``n`` requests, round by round over the hosts that are ready."""
        self.hosts.promote(now)  # in any case: whoever gets nothing waits until the next time in the heap
        for host in self._isolation.released(worker, now):
            self.hosts.wake(host, now)
        turn = _Turn(worker, self._room(n), self.leases.workers(now), now)
        if turn.left <= 0 or self.state.door.stopped or self._isolation.refuses(worker, now):
            return []
        suspicious = self._isolation.claims(worker)
        if suspicious is not None:
            self._take_turn(suspicious, turn, alone=True)
        while turn.left > 0:
            before = turn.left
            for _ in range(self.hosts.promote(now)):
                ready = self.hosts.take(now)
                if ready is not None:
                    self._take_turn(ready, turn)
                if turn.left <= 0 or turn.reads >= self.hosts.worth_waiting_for(n):
                    break  # those that are being read will get a turn of their own
            if turn.left == before:
                break
        return list(turn.tickets.values())

    def _room(self, n: int) -> int:
        """How many requests may be granted, so that the crawl's limit of pages is never exceeded."""
        most = self._limits.max_pages
        return min(n, most - self.tally.pages + self.tally.earlier.fetched - len(self.leases)) if most else n

    def _take_turn(self, host: Host, turn: _Turn, *, alone: bool = False) -> None:
        """Grant what there is at a host, and put it where it belongs afterwards."""
        if host.name in self.hosts.gone and not host.guests:
            return  # what is queued there is about to be ended
        now = turn.now
        at = self.hosts.ready_at(host, now)
        share = host.share_for(turn.worker, turn.workers) if at is not None and at <= now else -1
        if share == 0 and host.is_full:
            self.hosts.park(host)
        elif share <= 0:
            self.hosts.wake(host, now)
        elif host.guests:
            guest, *others = host.guests
            host.guests = tuple(others)
            self._lease(host, [guest], share, turn)
            self.hosts.wake(host, now)
        elif self.hosts.needs_errand(host, now):
            host.errand = True
            self._lease(host, [None], 1, turn)
        elif host.window:
            self._grant_rows(host, share, turn, alone=alone)
        else:
            turn.reads += 1
            self.refill(host)

    def _grant_rows(self, host: Host, share: int, turn: _Turn, *, alone: bool) -> None:
        most = min(turn.left, host.most(share))
        if self._limits.host_pages:
            most = min(most, self._limits.host_pages - host.fetched - sum(host.held.values()))
            if most <= 0:  # all that it may still give is under way
                self.hosts.park(host)
                return
        if self.state.traps is not None and self._drop_traps(host, most, self.state.traps) and not host.window:
            self.refill(host)
            self.hosts.wake(host, turn.now)
            return
        suspect = self._isolation.suspects(host.window[0])
        if suspect and not alone and (turn.tickets or self.leases.count(turn.worker)):
            if self._isolation.empties(turn.worker, host, turn.now):
                turn.left = 0
            return
        rows = self.hosts.due_rows(host, turn.now, 1 if suspect else most, self._isolation.suspects)
        if rows:
            self._lease(host, rows, share, turn)
        if suspect and self.leases.count(turn.worker) == 1:
            self._isolation.began(self.leases.of(turn.worker)[0])
            turn.left = 0
        if not self.hosts.is_scarce:  # else it is read for when its turn has come again: there may be very many hosts
            self.refill(host)
        self.hosts.wake(host, turn.now)

    def _drop_traps(self, host: Host, most: int, traps: Traps) -> int:
        """End those of a host's next rows that are part of a trap by now; returns how many, ``most`` others at hand."""
        kept: list[Row] = []
        looked = 0
        for row in host.window:
            if len(kept) == most:
                break
            looked += 1
            # What was fetched before was within its family's budget then, and uses none of it now.
            detail = traps.verdict(host.name, row.url) if row.depth and row.former is None else ""
            if detail and not _is_exempt(row):
                self._end(End(row.id, EXCLUDED, "trap", detail, attempts=row.attempt))
            else:
                kept.append(row)
        if looked > len(kept):
            host.window[:looked] = kept
            self.hosts.rows -= looked - len(kept)
        return looked - len(kept)

    def _lease(self, host: Host, rows: Sequence[Row | Guest | None], share: int, turn: _Turn) -> None:
        worker, now = turn.worker, turn.now
        start_in = host.reserve(now, len(rows))
        host.hold(worker, share, len(rows))
        spacing = host.spacing
        leases = [self._leased(worker, host, row, now, start_in + place * spacing) for place, row in enumerate(rows)]
        turn.left -= len(rows)
        earlier = turn.tickets.get(host.name)
        if earlier is not None:
            earlier.leases.extend(leases)
        else:
            opened = self._gate.opens(host.name)
            jars = self.state.jars.version_of(host.name)
            turn.tickets[host.name] = Ticket(host.name, leases, share, spacing, start_in, host.rules, opened, jars)

    def _leased(self, worker: str, host: Host, row: Row | Guest | None, now: float, start_in: float) -> Lease:
        if isinstance(row, Guest):
            held = self.leases.grant(worker, host, None, now, start_in)
            held.guest = row
            return Lease(held.token, row.url, BARE_BODY, row.hops + 1, robots=True)
        held = self.leases.grant(worker, host, row, now, start_in)
        if row is None:
            return Lease(held.token, f"{host.name}/robots.txt", BARE_BODY, robots=True)
        self.state.leased.add(row.id)
        return Lease(held.token, row.url, row.body, row.attempt + 1, former=row.former)

    # -- windows

    def refill(self, host: Host) -> None:
        """Ask for the next rows of a host when its window runs low."""
        if host.more and not host.refilling and len(host.window) <= self._window // 4:
            host.refilling = True
            size = self.hosts.worth_reading(self._window)
            self.hosts.reading += size
            self._on_low(host, size)

    def refilled(self, host: Host, rows: list[Row], size: int, now: float) -> None:
        """The next rows of a host have been read; of one whose queue is being ended meanwhile nothing is kept."""
        self.hosts.reading -= size
        if self.state.door.stopped or host.name in self.hosts.gone:
            host.refilling = False
            self.hosts.emptied([host])
            return
        had_none = not host.window
        self.hosts.refilled(host, rows, size, self.state.taken)
        if not host.window:
            self.refill(host)  # what was read is all leased already
        self.hosts.wake(host, now, first=had_none)


def _is_exempt(row: Row) -> bool:
    """Whether a request is fetched whatever it looks like: the spider asked for just that one, or a redirect did."""
    try:
        request = unseal(row.url, row.body)
    except (msgspec.DecodeError, RequestError):  # no worker could read it either
        return False
    return request.dont_filter or request.hops > 0
