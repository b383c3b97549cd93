"""How many items a crawl has delivered and dropped in all its lives.

Kept among the marks of the frontier, and so in the transaction in which the outbox forgets these very items: a crash
counts none twice and loses none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from acrawl.figures import DELIVERED, DROPPED
from acrawl.outcome import Tally


class Counted:
    """What was counted in the lives before this one."""

    def __init__(self, delivered: int = 0, dropped: int = 0) -> None:
        self._delivered = delivered
        self._dropped = dropped

    @classmethod
    def of(cls, marks: Mapping[str, int]) -> Self:
        """Go on from the marks of the frontier."""
        return cls(marks.get(DELIVERED, 0), marks.get(DROPPED, 0))

    def marks(self, now: Tally) -> dict[str, int]:
        """What to record with what this life has delivered, by the names of the marks."""
        return {DELIVERED: self._delivered + now.items, DROPPED: self._dropped + now.dropped}
