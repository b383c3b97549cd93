"""Counts for people.

Loaded from the tables at the start and moved by committed groups only. Nothing is decided by them but whether the
outbox is empty, and that count moves with each commit of the outbox itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from acrawl.frontier.rows import Committed, Group
from acrawl.outcome import EXCLUDED, FAILED, FETCHED, QUARANTINED, Snapshot


class Tally:
    """What the ledger holds, by how it ended."""

    def __init__(self) -> None:
        self.rows = 0
        self.discovered = 0
        self.undelivered = 0
        self.delivered = 0
        self.duplicates = 0
        self.retries = 0
        self.bytes = 0
        self._ends: Counter[tuple[str, str]] = Counter()

    def load(
        self, rows: int, undelivered: int, discovered: int, ends: Mapping[tuple[str, str], tuple[int, int]]
    ) -> None:
        """Begin with what the tables hold."""
        self.rows, self.undelivered, self.discovered = rows, undelivered, discovered
        for end, (count, size) in ends.items():
            self._ends[end] = count
            self.bytes += size

    def committed(self, group: Group, made: Committed) -> None:
        """Move by what one transaction wrote."""
        for end in made.ends:
            self._ends[end.status, end.reason] += 1
            self.bytes += end.size
        self.duplicates += made.duplicates
        self.discovered += made.admitted
        self.rows += len(made.rows) - made.removed
        self.undelivered += len(group.items) - made.delivered
        self.delivered += made.delivered

    def swept(self, end: tuple[str, str], count: int) -> None:
        """Move by queued requests that were ended in one statement."""
        self._ends[end] += count
        self.rows -= count

    def snapshot(self, *, leased: int, hosts: int, finished: bool) -> Snapshot:
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
            hosts=hosts,
            finished=finished,
            reasons={f"{s}({r})" if r else s: n for (s, r), n in sorted(self._ends.items()) if n},
        )
