"""The values that pass between the frontier's memory and its storage."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from acrawl.outcome import Item
from acrawl.request import Sealed


class Row(NamedTuple):
    """A queued request. Rows of a host sort by their first three fields, which is the order they are fetched in.

    ``rank`` is the negated priority; ``attempt`` counts the tries so far, ``lost`` the workers it was lost with.
    """

    not_before: float
    rank: int
    id: int
    attempt: int
    lost: int
    depth: int
    url: str
    body: bytes


class End(NamedTuple):
    """How a request ended, for the ledger. ``row`` is None for a request that was never queued."""

    id: int
    status: str
    reason: str
    detail: str = ""
    http_status: int = 0
    size: int = 0
    seconds: float = 0.0
    attempts: int = 0


class Admission(NamedTuple):
    """A discovered request on its way in: who found it, and why it is kept out (empty when it is not)."""

    request: Sealed
    parent: int
    excluded: str


@dataclass
class Group:
    """What one transaction writes: all of it, or nothing."""

    admissions: list[Admission] = field(default_factory=list)
    ends: list[End] = field(default_factory=list)
    requeued: list[Row] = field(default_factory=list)
    items: list[tuple[int, int, Item]] = field(default_factory=list)
    """``(request id, ordinal, item)``"""
    delivered: list[int] = field(default_factory=list)
    marks: dict[str, int] = field(default_factory=dict)
    meta: dict[str, Any] = field(default_factory=dict)
    rules: list[tuple[str, bytes, float, float]] = field(default_factory=list)
    """``(host, encoded rules, crawl delay, when)``"""

    def __len__(self) -> int:
        """How many rows it writes, roughly: what a commit waits for."""
        return len(self.admissions) + len(self.ends) + len(self.items) + len(self.requeued) + len(self.delivered)

    def __bool__(self) -> bool:
        return bool(len(self) or self.marks or self.meta or self.rules)


@dataclass
class Committed:
    """What a transaction made of a group."""

    rows: list[tuple[str, Row]] = field(default_factory=list)
    """``(host, row)`` of the requests that are now queued."""
    keys: list[bytes] = field(default_factory=list)
    """The fingerprints that are now surely in the seen set."""
    duplicates: int = 0
    admitted: int = 0
    """How many requests got a number: queued, or excluded at the door."""
    removed: int = 0
    """How many rows left the queue."""
    delivered: int = 0
    """How many items left the outbox."""
    ends: list[End] = field(default_factory=list)
    """As written: a redirect that came back to its own chain has become a failure, what the gate refused is added."""
