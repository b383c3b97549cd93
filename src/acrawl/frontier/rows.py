"""The values that pass between the frontier's memory and its storage."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from acrawl.cookie import Cookie
from acrawl.outcome import EXCLUDED, Item
from acrawl.request import Sealed

#: What keys of the meta table begin with that hold the books of a host's traps.
TRAPS = "traps "
#: The key of the meta table that holds why a callback wants the crawl to end.
CLOSING = "closing"


class Row(NamedTuple):
    """A queued request. Rows of a host sort by their first three fields, which is the order they are fetched in.

    ``rank`` is the negated priority, moved by the order policy; ``attempt`` counts the tries so far, ``lost`` the
    workers it was lost with.
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
    """How a request ended, for the ledger. ``seconds`` is how long its last try took."""

    id: int
    status: str
    reason: str
    detail: str = ""
    http_status: int = 0
    size: int = 0
    seconds: float = 0.0
    attempts: int = 0


class Tried(NamedTuple):
    """A try that was not the last one; ``at`` is Unix time."""

    request: int
    at: float
    attempt: int
    reason: str
    detail: str = ""
    http_status: int = 0
    seconds: float = 0.0


class Admission(NamedTuple):
    """A discovered request on its way in: who found it, why it is kept out (empty when it is not), and its rank.

    ``status`` is how one that is kept out ends: as the others of its host, where that was given up; ``detail`` says
    more to people.
    """

    request: Sealed
    parent: int
    excluded: str
    rank: int
    status: str = EXCLUDED
    detail: str = ""


class Record(NamedTuple):
    """What the storage knows of a host; ``rules_at`` is Unix time, 0 without rules."""

    name: str
    rules: bytes | None = None
    crawl_delay: float = 0.0
    rules_at: float = 0.0
    address: str = ""
    fetched: int = 0
    failed: int = 0
    size: int = 0


class Rules(NamedTuple):
    """What a host's robots.txt says, encoded, and since when (Unix time)."""

    rules: bytes
    crawl_delay: float
    at: float


@dataclass
class Group:
    """What one transaction writes: all of it, or nothing."""

    admissions: list[Admission] = field(default_factory=list)
    met: set[str] = field(default_factory=set)
    """The hosts of the admissions, which memory must not forget before they have come in."""
    strangers: set[str] = field(default_factory=set)
    """Those of them that memory knows nothing of: their records are wanted with the result."""
    ends: list[End] = field(default_factory=list)
    requeued: list[Row] = field(default_factory=list)
    tried: list[Tried] = field(default_factory=list)
    items: list[tuple[int, int, Item]] = field(default_factory=list)
    """``(request id, ordinal, item)``"""
    strays: list[tuple[int, int, str, str, bytes]] = field(default_factory=list)
    """What the fetches of robots.txt made: ``(0, ordinal, url, kind, body)``, for there is no request in the books."""
    staged: list[tuple[int, int, bytes]] = field(default_factory=list)
    """``(request id, part, its admissions and items, encoded)``"""
    assembled: list[int] = field(default_factory=list)
    """Requests whose staged parts take effect now."""
    voided: list[int] = field(default_factory=list)
    """Requests whose staged parts are void; of those staged in this same group none is left in it."""
    delivered: list[int] = field(default_factory=list)
    marks: dict[str, int] = field(default_factory=dict)
    meta: dict[str, Any] = field(default_factory=dict)
    rules: dict[str, Rules] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    troubles: dict[str, str] = field(default_factory=dict)
    """Why the robots.txt of a host could not be had the last time."""
    cookies: dict[tuple[str, str], list[Cookie]] = field(default_factory=dict)
    """What changed in jars, by site and key, in the order of the changes."""
    forgotten: set[tuple[str, str]] = field(default_factory=set)
    """Jars that are dropped, before their changes are taken."""

    def __len__(self) -> int:
        """How many rows it writes, roughly: what a commit waits for."""
        return len(self.admissions) + len(self.ends) + len(self.items) + len(self.requeued) + len(self.delivered)

    def __bool__(self) -> bool:
        return bool(
            len(self) or self.staged or self.voided or self.marks or self.meta or self.rules or self.addresses
            or self.tried or self.cookies or self.forgotten or self.troubles or self.strays
        )  # fmt: skip


@dataclass
class Committed:
    """What a transaction made of a group."""

    rows: list[tuple[str, Row]] = field(default_factory=list)
    """``(host, row)`` of the requests that are now queued, as far as they are not told by ``overflown`` alone."""
    overflown: set[str] = field(default_factory=set)
    """Hosts that got more rows than are worth carrying: their windows have to be read again from the start."""
    records: list[Record] = field(default_factory=list)
    """What is known of the group's strangers, and of all hosts that came in parts."""
    keys: list[bytes] = field(default_factory=list)
    """The fingerprints that are now surely in the seen set."""
    duplicates: int = 0
    admitted: int = 0
    """How many requests got a number: queued, or excluded at the door."""
    queued: int = 0
    """How many rows entered the queue."""
    removed: int = 0
    """How many rows left it."""
    items: int = 0
    """How many items entered the outbox."""
    delivered: int = 0
    """How many left it."""
    hosts: int = 0
    """How many hosts were met for the first time."""
    loops: int = 0
    """How many requests that had been fetched turned out to be redirects into their own chain, and have failed."""
    ends: list[End] = field(default_factory=list)
    """As written: a redirect that came back to its own chain has become a failure, what the gate refused is added."""
