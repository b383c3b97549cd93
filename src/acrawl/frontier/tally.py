"""Counts for people.

Loaded from the tables at the start and moved by committed groups only. Nothing is decided by them but whether the
outbox is empty, and that count moves with each commit of the outbox itself; and how many pages a limit leaves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from acrawl.frontier.rows import Committed, Group
from acrawl.outcome import EXCLUDED, FAILED, FETCHED, QUARANTINED, Earlier, Snapshot


class Counts(NamedTuple):
    """What the tables hold. ``ends`` is ``{(status, reason): (requests, bytes)}``."""

    queued: int
    undelivered: int
    discovered: int
    duplicates: int
    hosts: int
    ends: Mapping[tuple[str, str], tuple[int, int]]


class Tally:
    """What the ledger holds, by how it ended. ``pages`` are the fetched, those not yet committed among them.

    ``earlier`` stands of visits before this one.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.discovered = 0
        self.undelivered = 0
        self.delivered = 0
        self.duplicates = 0
        self.hosts = 0
        self.retries = 0
        self.bytes = 0
        self.pages = 0
        self.earlier = Earlier()
        self._ends: Counter[tuple[str, str]] = Counter()

    def load(self, counts: Counts) -> None:
        """Begin with what the tables hold."""
        self.rows, self.undelivered, self.discovered = counts.queued, counts.undelivered, counts.discovered
        self.duplicates, self.hosts = counts.duplicates, counts.hosts
        for end, (count, size) in counts.ends.items():
            self._ends[end] = count
            self.bytes += size
            self.pages += count if end[0] == FETCHED else 0

    def committed(self, group: Group, made: Committed) -> None:
        """Move by what one transaction wrote."""
        for end in made.ends:
            self._ends[end.status, end.reason] += 1
            self.bytes += end.size
        self.duplicates += made.duplicates
        self.discovered += made.admitted
        self.hosts += made.hosts
        self.rows += made.queued - made.removed
        self.undelivered += made.items - made.delivered
        self.delivered += made.delivered

    def swept(self, end: tuple[str, str], count: int) -> None:
        """Move by queued requests that were ended in one statement."""
        self._ends[end] += count
        self.rows -= count

    def snapshot(self, *, leased: int, coming: int, finished: bool, closing: str = "") -> Snapshot:
        """The counts as a snapshot."""
        by_status: Counter[str] = Counter()
        for (status, _), count in self._ends.items():
            by_status[status] += count
        return Snapshot(
            discovered=self.discovered,
            duplicates=self.duplicates,
            queued=self.rows - leased,
            leased=leased,
            fetched=by_status[FETCHED],
            failed=by_status[FAILED],
            excluded=by_status[EXCLUDED],
            quarantined=by_status[QUARANTINED],
            retries=self.retries,
            undelivered=self.undelivered,
            delivered=self.delivered,
            bytes=self.bytes,
            coming=coming,
            hosts=self.hosts,
            finished=finished,
            reasons={f"{s}({r})" if r else s: n for (s, r), n in sorted(self._ends.items()) if n},
            closing=closing,
            earlier=self.earlier,
        )
