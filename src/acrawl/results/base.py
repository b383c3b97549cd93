"""The contracts of the results: what the outbox offers, and what a feed promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from acrawl.outcome import Delivery


class Outbox(Protocol):
    """The part of a frontier that delivers."""

    async def outbox(self, n: int) -> Sequence[Delivery]:
        """The next ``n`` undelivered items, oldest first; empty means none now. Does not remove them."""

    async def done(self, ids: Sequence[int], marks: Mapping[str, int] | None = None) -> None:
        """Remove delivered items and record each feed's committed length, in one step. Idempotent."""


#: An item that a feed cannot hold: its place in the sequence, and why.
Unfit = tuple[int, str]


class Feed(Protocol):
    """Where items go. Blocking; used by one thread at a time.

    With ``exact`` an item arrives exactly once: whoever writes records the length that `commit` returned together with
    the acknowledgement of the items, and opens the feed with it after a crash. Without, an item may arrive again.
    """

    @property
    def name(self) -> str:
        """The same through every restart; the key of the feed's mark."""

    @property
    def exact(self) -> bool:
        """Whether the feed has a length that can be taken back."""

    def write(self, items: Sequence[Any]) -> list[Unfit]:
        """Append all items that the format can hold; returns the others. Raises `CrawlFailed` for a full disk."""

    def commit(self) -> int:
        """Make durable what was written; returns the length up to here. Raises `CrawlFailed`."""

    def close(self) -> None:
        """Let go of the place. What was not committed may or may not stay. Idempotent."""
