"""How many items a crawl has delivered and dropped in all its lives.

Kept among the marks of the frontier, and so in the transaction in which the outbox forgets these very items: a crash
counts none twice and loses none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Self

from acrawl.figures import DELIVERED, DROPPED


class Counted:
    """The counts so far, of all lives."""

    def __init__(self, delivered: int = 0, dropped: int = 0) -> None:
        self.delivered = delivered
        self.dropped = dropped

    @classmethod
    def of(cls, marks: Mapping[str, int]) -> Self:
        """Go on from the marks of the frontier."""
        return cls(marks.get(DELIVERED, 0), marks.get(DROPPED, 0))

    @property
    def marks(self) -> dict[str, int]:
        """What to record, by the names of the marks."""
        return {DELIVERED: self.delivered, DROPPED: self.dropped}

    def add(self, going: Iterable[bool]) -> dict[str, int]:
        """Count items, each of which goes on to the feeds or was dropped; returns the marks to record."""
        outcomes = list(going)
        self.delivered += sum(outcomes)
        self.dropped += len(outcomes) - sum(outcomes)
        return self.marks
