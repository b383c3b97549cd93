"""Who is granted what, and what becomes of it: hosts, leases and the gate, in memory. Pure: time is an argument.

Whatever has to be durable goes into a `Group`, which the engine commits. A request that was leased leaves its state
only through here, so these hold at every moment: a queued request is in its host's window or on disk behind it; a
leased one is in `leased`; an ended one is in `ending` until its transaction is done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from acrawl.frontier.base import Gate
from acrawl.frontier.hosts import Host, Hosts
from acrawl.frontier.leases import Held, Leases
from acrawl.frontier.rows import Admission, End, Group, Row
from acrawl.frontier.seen import Recent
from acrawl.frontier.tally import Tally
from acrawl.outcome import EXCLUDED, FAILED, FETCHED, QUARANTINED, RELEASED, RETRY, Outcome
from acrawl.request import BARE_BODY, Sealed
from acrawl.settings import Settings
from acrawl.ticket import Lease, Ticket


class Scheduler:
    """The decisions of a frontier.

    ``group`` gives the group that is collected now. ``on_low`` is told of a host whose window wants rows from disk,
    ``on_gone`` of one that has been given up and how its requests end.
    """

    def __init__(
        self,
        settings: Settings,
        gate: Gate,
        wall: float,
        group: Callable[[], Group],
        on_low: Callable[[Host], None],
        on_gone: Callable[[Host, tuple[str, str]], None],
    ) -> None:
        self.hosts = Hosts(settings.politeness, wall)
        self.leases = Leases(settings.frontier.lease_seconds)
        self.recent = Recent(settings.frontier.recent)
        self.tally = Tally()
        self.leased: set[int] = set()
        self.ending: set[int] = set()
        self.stopped = ""
        self._window = settings.frontier.window
        self._max_lost = settings.frontier.max_lost
        self._retries = settings.fetch.retries
        self._gate = gate
        self._group = group
        self._on_low = on_low
        self._on_gone = on_gone

    @property
    def idle(self) -> bool:
        """Whether nothing is queued or leased, as far as memory knows."""
        return not len(self.leases) and not any(host.has_work or host.refilling for host in self.hosts.by_name.values())

    def taken(self, number: int) -> bool:
        """Whether a request that is still in the queue's table is leased or has ended."""
        return number in self.leased or number in self.ending

    # -- discovery

    def admit(self, requests: Sequence[Sealed], parent: int) -> None:
        """Bring discovered requests to the door; the transaction tells the new ones from the duplicates."""
        admissions = self._group().admissions
        for request in requests:
            if request.key in self.recent and not (request.dont_filter or request.continuation):
                self.tally.duplicates += 1
            else:
                admissions.append(Admission(request, parent, self._why_not(request)))

    def _why_not(self, request: Sealed) -> str:
        host = self.hosts.by_name.get(request.host)
        if host is not None and host.gone is not None:
            return host.gone[1]
        return self.stopped or request.excluded or self._gate.excludes(request)

    def queued(self, rows: Sequence[tuple[str, Row]], now: float) -> None:
        """Requests have come in durably."""
        late = set()
        for name, row in rows:
            host = self.hosts.get(name)
            if host.gone is not None:  # given up while they were on their way in
                late.add(host)
            host.put(row, self._window)
            self.hosts.wake(host, now)
        for host in late:
            self._on_gone(host, host.gone or (EXCLUDED, self.stopped))

    # -- grants

    def grant(self, worker: str, n: int, now: float) -> list[Ticket]:
        """Lease at most ``n`` requests, round by round over the hosts that are ready."""
        tickets: dict[str, Ticket] = {}
        workers = self.leases.workers(now)
        left = n
        while left > 0:
            before = left
            for _ in range(self.hosts.promote(now)):
                host = self.hosts.take(now)
                if host is None:
                    continue
                left -= self._grant_at(host, worker, (left, workers), now, tickets)
                self.hosts.wake(host, now)
                if left <= 0:
                    break
            if left == before:
                break
        return list(tickets.values())

    def _grant_at(self, host: Host, worker: str, room: tuple[int, int], now: float, tickets: dict[str, Ticket]) -> int:
        left, workers = room
        share = host.share_for(worker, workers)
        if share <= 0:
            return 0
        rows: list[Row | None]
        if self.hosts.needs_errand(host, now):
            host.errand, rows, share = True, [None], 1
        else:
            rows = list(self.hosts.due_rows(host, now, min(left, host.most(share))))
            self.refill(host)
        if not rows:
            return 0
        start_in = host.reserve(now, len(rows))
        host.hold(worker, share, len(rows))
        leases = [self._lease(worker, host, row, now) for row in rows]
        earlier = tickets.get(host.name)
        if earlier is not None:
            earlier.leases.extend(leases)
        else:
            opened = self._gate.opens(host.name)
            tickets[host.name] = Ticket(host.name, leases, share, host.delay, start_in, host.rules, opened)
        return len(rows)

    def _lease(self, worker: str, host: Host, row: Row | None, now: float) -> Lease:
        held = self.leases.grant(worker, host, row, now)
        if row is None:
            return Lease(held.token, f"{host.name}/robots.txt", BARE_BODY, robots=True)
        self.leased.add(row.id)
        return Lease(held.token, row.url, row.body, row.attempt + 1)

    def refill(self, host: Host) -> None:
        """Ask for the next rows of a host when its window runs low."""
        if host.more and not host.refilling and len(host.window) <= self._window // 4:
            host.refilling = True
            self._on_low(host)

    def refilled(self, host: Host, rows: list[Row], now: float) -> None:
        """The next rows of a host have been read; of one whose queue is being ended meanwhile nothing is kept."""
        if self.stopped or host.gone is not None:
            host.refilling = False
            host.emptied()
            return
        host.refilled(rows, self._window, self.taken)
        self.refill(host)  # what was read may all be leased already
        self.hosts.wake(host, now)

    # -- ends of leases

    def give_back(self, worker: str, tokens: Sequence[int], now: float) -> None:
        """Queue unfetched requests at their old place."""
        for token in tokens:
            held = self.leases.end(worker, token)
            if held is not None:
                self._give_back(held, now)

    def lose(self, gone: Sequence[Held], now: float) -> None:
        """Leases whose worker did not come back: each may have been started, and may be what killed the worker."""
        for held in gone:
            held.host.started(now)
            row = held.row
            if row is not None and held.started:
                row = held.row = row._replace(lost=row.lost + 1)
                if row.lost >= self._max_lost:
                    self.leased.discard(row.id)
                    self._end(End(row.id, QUARANTINED, "worker-lost", attempts=row.attempt))
                    self.hosts.wake(held.host, now)
                    continue
                self._group().requeued.append(row)
            self._give_back(held, now)

    def _give_back(self, held: Held, now: float) -> None:
        if held.row is None:
            held.host.errand = False
        else:
            self.leased.discard(held.row.id)
            self._requeue(held.host, held.row)
        self.hosts.wake(held.host, now)

    def _requeue(self, host: Host, row: Row) -> None:
        end = host.gone or ((EXCLUDED, self.stopped) if self.stopped else None)
        if end is not None:
            self._end(End(row.id, *end, attempts=row.attempt))
        else:
            host.put(row, self._window)

    def _end(self, end: End) -> None:
        self.ending.add(end.id)
        self._group().ends.append(end)

    # -- reports

    def settle(self, worker: str, outcomes: Sequence[Outcome], now: float) -> int:
        """Take what a worker reports; returns how many leases it ended."""
        accepted = 0
        for outcome in outcomes:
            held = self.leases.end(worker, outcome.token)
            if held is None:
                continue
            accepted += 1
            if outcome.ago >= 0:
                held.host.started(now - outcome.ago)
            if held.row is None:
                self._settle_errand(held.host, outcome, now)
            else:
                self._settle(held.host, held.row, outcome, now)
            self.hosts.wake(held.host, now)
        return accepted

    def _settle(self, host: Host, row: Row, outcome: Outcome, now: float) -> None:
        self.leased.discard(row.id)
        pause = outcome.host.pause if outcome.host is not None else 0.0
        if pause > 0 and not self.hosts.pause(host, now, pause):
            self._give_up(host, (FAILED, "rate-limited"))
        elif outcome.status == FETCHED:
            self.hosts.succeeded(host)
        if outcome.status == RELEASED:
            self._requeue(host, row)
        elif outcome.status == RETRY:
            self.tally.retries += 1
            # An answer that only asks us to wait does not use up a try.
            row = row._replace(not_before=now + self.hosts.wall + outcome.delay, attempt=row.attempt + (pause <= 0))
            self._group().requeued.append(row)
            self._requeue(host, row)
        else:
            self._finish(row, outcome)

    def _finish(self, row: Row, outcome: Outcome) -> None:
        facts = (outcome.status, outcome.reason, outcome.detail, outcome.http_status, outcome.size, outcome.seconds)
        self._end(End(row.id, *facts, attempts=row.attempt + 1))
        self.tally.duplicates += outcome.duplicates
        self.admit(outcome.requests, row.id)
        items = self._group().items
        for ordinal, item in enumerate(outcome.items):
            items.append((row.id, ordinal, item))

    def _settle_errand(self, host: Host, outcome: Outcome, now: float) -> None:
        """Take a host's robots.txt; while it cannot be had, nothing of the host is fetched (RFC 9309, 2.3.1.4)."""
        host.errand = False
        facts = outcome.host
        if facts is not None and facts.rules is not None:
            self.hosts.set_rules(host, facts.rules, facts.crawl_delay, now + self.hosts.terms.robots_ttl)
            self.hosts.succeeded(host)
            self._group().rules.append((host.name, facts.rules, facts.crawl_delay or 0.0, now + self.hosts.wall))
        elif outcome.status != RELEASED:
            host.errands += 1
            # A host that cannot be reached at all is asked again soon, one in trouble later and later.
            doubled = 2 ** min(host.errands - 1, 10) if outcome.status == RETRY else 1
            patient = self.hosts.pause(host, now, max(outcome.delay, 0.1) * doubled)
            if outcome.status == FAILED and host.errands > self._retries:
                self._give_up(host, (FAILED, outcome.reason))
            elif not patient:
                self._give_up(host, (EXCLUDED, "robots-unreachable"))

    def _give_up(self, host: Host, end: tuple[str, str]) -> None:
        if host.gone is None:  # else what was under way then has only said so again
            host.gone = end
            self._on_gone(host, end)
