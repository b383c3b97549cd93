"""What memory knows of a crawl: hosts, leases, and which requests have left the queue but not yet its table."""

from __future__ import annotations

from collections.abc import Callable

from acrawl.frontier.base import Gate
from acrawl.frontier.door import Door
from acrawl.frontier.hosts import Hosts
from acrawl.frontier.jars import Jars
from acrawl.frontier.leases import Leases
from acrawl.frontier.rows import Group
from acrawl.frontier.seen import Recent
from acrawl.frontier.tally import Tally
from acrawl.frontier.traps import Traps
from acrawl.settings import Settings


class State:
    """Shared by those who grant and those who settle. ``group`` gives the group that is collected now.

    ``leased`` and ``ending`` are ids whose rows are still in the queue's table: leased, or ended but not committed.
    ``closing`` is why a callback wants the crawl to end.
    """

    def __init__(self, settings: Settings, gate: Gate, wall: float, group: Callable[[], Group]) -> None:
        terms = settings.frontier
        self.group = group
        self.hosts = Hosts(settings.politeness, wall, gate.group, rows=terms.rows, idle=terms.idle_hosts)
        self.leases = Leases(terms.lease_seconds, terms.stall_seconds)
        self.tally = Tally()
        self.jars = Jars(settings.cookies.max_jars)
        self.recent = Recent(terms.recent)
        self.traps = Traps(settings.traps) if settings.traps.enabled else None
        self.door = Door(gate, self.hosts, self.recent, self.tally, terms.order, self.traps)
        self.leased: set[int] = set()
        self.ending: set[int] = set()
        self.closing = ""

    def taken(self, number: int) -> bool:
        """Whether a request that is still in the queue's table is leased or has ended."""
        return number in self.leased or number in self.ending

    @property
    def idle(self) -> bool:
        """Whether nothing is queued or leased, as far as memory knows."""
        return not len(self.leases) and not any(host.has_work or host.refilling for host in self.hosts.by_name.values())
