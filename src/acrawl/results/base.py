"""The contracts of the results: what the outbox offers, and what a feed promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from acrawl.outcome import Delivery


class Outbox(Protocol):
    """The part of a frontier that delivers."""

    async def outbox(self, n: int) -> Sequence[Delivery]:
        """The next ``n`` undelivered items, oldest first; empty means none now. Does not remove them."""

    async def done(self, ids: Sequence[int], marks: Mapping[str, int] | None = None) -> None:
        """Remove delivered items and record the marks of feeds, in one step. Idempotent."""


class Row(NamedTuple):
    """An item on its way into feeds: its id, the same whenever it comes again, its value, and the page it is of."""

    id: str
    value: Any
    page: str = ""


#: An item that a feed cannot hold: its place in the sequence, and why.
Unfit = tuple[int, str]


class Writer(Protocol):
    """What the outbox is written to, durably: a feed, or a web archive. Blocking; used by one thread at a time."""

    def commit(self) -> Mapping[str, int]:
        """See `Feed.commit`."""

    def finish(self) -> None:
        """See `Feed.finish`."""

    def close(self) -> None:
        """See `Feed.close`."""


class Feed(Protocol):
    """Where items go. Blocking; used by one thread at a time.

    An *exact* feed has an item exactly once: it either commits marks, which are recorded together with the
    acknowledgement of the items and given to it when it is opened after a crash, or knows items by their ids. All
    others say in their docstring that an item may arrive again.
    """

    @property
    def name(self) -> str:
        """The same through every restart; for people."""

    def write(self, rows: Sequence[Row]) -> list[Unfit]:
        """Append all items that the format can hold; returns the others. Raises `CrawlFailed` for a full disk."""

    def commit(self) -> Mapping[str, int]:
        """Make durable what was written; returns the marks up to here, by name. Raises `CrawlFailed`.

        The next `write` or `finish` comes only when these marks are recorded.
        """

    def finish(self) -> None:
        """The crawl has come to an end, or pauses: make of it what others can read. Raises `CrawlFailed`. Idempotent.

        What that adds is not part of what counts: when the crawl goes on, the feed is as it was before.
        """

    def close(self) -> None:
        """Let go of the place. What was not committed may or may not stay. Idempotent."""
