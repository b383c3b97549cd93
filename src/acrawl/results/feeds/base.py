"""The contract of a format: how items become the bytes of a file that grows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO, Protocol

from acrawl.results.base import Row, Unfit


class Format(Protocol):
    """The form of one file. Made anew for each; it need not be told twice what it has written."""

    def begin(self, file: BinaryIO, length: int, *, resumed: bool) -> bytes:
        """Return what to write first after the ``length`` bytes of a file; they may be read.

        ``resumed``: they are what this feed wrote before it was broken off, else somebody else's (or none). Raises
        `EnvironmentProblem` for a file that the form cannot go on with.
        """

    def encode(self, rows: Sequence[Row]) -> tuple[bytes, list[Unfit]]:
        """Return the bytes of all items that the form can hold, and the others."""

    def end(self) -> bytes:
        """Return what makes the file whole; it does not count, and is cut off when the crawl goes on. Idempotent."""
