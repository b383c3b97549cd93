"""The contract of a format: how items become the bytes of a file that grows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import BinaryIO, Protocol, runtime_checkable

from acrawl.results.base import Row, Unfit


class Format(Protocol):
    """The form of one file. Made anew for each; it need not be told twice what it has written."""

    def begin(self, file: BinaryIO | None, *, resumed: bool) -> bytes:
        """Return what has to stand in an empty file before the first item, or before the end if none comes.

        In another file it is what has to stand before the next item: a line break at the most.

        ``file`` is what is there, not empty; None where there is nothing. ``resumed``: it is what this feed wrote
        before it was broken off, else somebody else's. Raises `EnvironmentProblem` for a file that the form cannot go
        on with.
        """

    def encode(self, rows: Sequence[Row]) -> tuple[bytes, list[Unfit]]:
        """Return the bytes of all items that the form can hold, and the others."""

    def end(self) -> bytes:
        """Return what makes the file whole; it does not count, and is cut off when the crawl goes on. Idempotent."""


@runtime_checkable
class Table(Format, Protocol):
    """A format whose every record has all columns, so that a new column changes all that was written before."""

    #: How many there are.
    columns: int
    #: The last `encode` added columns that what was written before does not have.
    outgrown: bool

    @property
    def full(self) -> bool:
        """Whether the last column takes all fields that have none of their own: there will be no further column."""

    def fix(self) -> None:
        """From now on a new field is left out, with a warning: what was written cannot be changed."""

    def gather(self) -> None:
        """The next column that is added is the last one: see `full`."""

    def columns_of(self, file: BinaryIO) -> int:
        """How many columns a file has that is not empty. Raises OSError or ValueError for none of this form."""

    def rewritten(self, file: BinaryIO) -> Iterator[bytes]:
        """Return the contents of a file with the columns of now, in parts."""
