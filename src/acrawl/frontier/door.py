"""The way in: what becomes of a discovered request before the transaction tells the new ones from the duplicates."""

from __future__ import annotations

from collections.abc import Sequence

from acrawl.frontier.base import Gate
from acrawl.frontier.hosts import Hosts
from acrawl.frontier.rows import Admission, Group
from acrawl.frontier.seen import Recent
from acrawl.frontier.tally import Tally
from acrawl.request import Sealed

#: The integers of SQLite; a priority beyond them goes first or last all the same.
_RANKS = (1 << 63) - 1
#: What one step of depth adds to the rank (lower ranks go first).
_STEPS = {"found": 0, "breadth": 1, "depth": -1}


class Door:
    """Judges discovered requests. ``stopped`` is why nothing comes in any more; empty while the crawl goes on."""

    def __init__(self, gate: Gate, hosts: Hosts, recent: Recent, tally: Tally, order: str) -> None:
        self.stopped = ""
        self._gate = gate
        self._hosts = hosts
        self._recent = recent
        self._tally = tally
        self._step = _STEPS[order]

    def admit(self, group: Group, requests: Sequence[Sealed], parent: int) -> None:
        """Bring requests into a group. Those seen a moment ago are counted and left out."""
        met, known = group.met, self._hosts.by_name
        admissions = self.judged(requests, parent)
        for admission in admissions:
            host = admission.request.host
            if host not in met:
                met.add(host)
                if host not in known:
                    group.strangers.add(host)
        group.admissions += admissions

    def judged(self, requests: Sequence[Sealed], parent: int) -> list[Admission]:
        """The requests that were not seen a moment ago, each with why it is kept out, and its rank."""
        recent, step, gone, excludes = self._recent, self._step, self._hosts.gone, self._gate.excludes
        found, met = [], 0
        for request in requests:
            if request.key in recent and not (request.dont_filter or request.continuation):
                met += 1
                continue
            excluded = self.stopped or request.excluded or excludes(request)
            if gone and request.host in gone:
                excluded = gone[request.host][1]
            rank = 0
            if request.priority or step:
                rank = max(-_RANKS, min(step * request.depth - request.priority, _RANKS))
            found.append(Admission(request, parent, excluded, rank))
        self._tally.duplicates += met
        return found
