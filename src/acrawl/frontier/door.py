"""The way in: what becomes of a discovered request before the transaction tells the new ones from the duplicates."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from acrawl.frontier.base import Gate
from acrawl.frontier.hosts import Hosts
from acrawl.frontier.rows import Admission, Group
from acrawl.frontier.seen import Recent
from acrawl.frontier.tally import Tally
from acrawl.frontier.traps import Traps
from acrawl.outcome import EXCLUDED
from acrawl.request import Sealed

log = logging.getLogger(__name__)

#: Seeds that lead out of the crawl and are told of, one by one.
_STRAYS = 20
#: The integers of SQLite; a priority beyond them goes first or last all the same.
_RANKS = (1 << 63) - 1
#: What one step of depth adds to the rank (lower ranks go first).
_STEPS = {"found": 0, "breadth": 1, "depth": -1}


class Door:
    """Judges discovered requests. ``stopped`` is why nothing comes in any more; empty while the crawl goes on."""

    def __init__(
        self, gate: Gate, hosts: Hosts, recent: Recent, tally: Tally, order: str, traps: Traps | None = None
    ) -> None:
        self.stopped = ""
        self._gate = gate
        self._hosts = hosts
        self._recent = recent
        self._tally = tally
        self._step = _STEPS[order]
        self._traps = traps
        self._strays = 0

    def admit(self, group: Group, requests: Sequence[Sealed], parent: int, found_on: str = "") -> list[Admission]:
        """Bring requests into a group; returns them but for those seen a moment ago, which are counted and left out."""
        met, known = group.met, self._hosts.by_name
        admissions = self.judged(requests, parent, found_on)
        for admission in admissions:
            host = admission.request.host
            if host not in met:
                met.add(host)
                if host not in known:
                    group.strangers.add(host)
        group.admissions += admissions
        return admissions

    def judged(self, requests: Sequence[Sealed], parent: int, found_on: str = "") -> list[Admission]:
        """The requests that were not seen a moment ago, each with why it is kept out, and its rank.

        ``parent`` is the number of the request that led to them, and ``found_on`` its URL; 0 and empty for seeds.
        """
        fresh = [request for request in requests if request.key not in self._recent or _comes_again(request)]
        self._tally.duplicates += len(requests) - len(fresh)
        gone, excludes, ranked, traps = self._hosts.gone, self._gate.excludes, self._step != 0, self._traps
        found = []
        for request in fresh:
            excluded, status, detail = excludes(request) or request.excluded, EXCLUDED, ""
            if not excluded and traps is not None and request.depth and not _comes_again(request):
                detail = traps.verdict(request.host, request.url, found_on)
                excluded = "trap" if detail else ""
            if not excluded:  # what never belonged to the crawl is told so, whatever ends the rest: it may be undone
                excluded = self.stopped
                if gone and request.host in gone:
                    status, excluded = gone[request.host]
            if request.continuation and not (request.depth or excluded):
                self._tell_stray(request, found_on)
            rank = self._rank(request) if ranked or request.priority else 0
            found.append(Admission(request, parent, excluded, rank, status, detail))
        return found

    def _tell_stray(self, request: Sealed, seed: str) -> None:
        """Warn of a seed that leads out of the crawl: all that its page links to will be kept out."""
        cure = self._gate.strays(request) if self._strays < _STRAYS else ""
        if cure:
            self._strays += 1
            outside = "which lies outside the scope of the crawl, as does what that links to there"
            log.warning("%s leads to %s, %s; %s", seed, request.url, outside, cure)

    def _rank(self, request: Sealed) -> int:
        return max(-_RANKS, min(self._step * request.depth - request.priority, _RANKS))


def _comes_again(request: Sealed) -> bool:
    """Whether a request may come in although it is known: that is for the transaction to tell."""
    return request.dont_filter or request.continuation
