"""JSON: one array, an item a line; values as in JSON Lines. It can be read once the crawl has ended or paused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

from acrawl.errors import EnvironmentProblem
from acrawl.results.base import Row, Unfit
from acrawl.results.feeds.jsonl import JsonLines


class JsonArray:
    """See `acrawl.results.feeds.base.Format`. With ``fields``, only these and in this order."""

    def __init__(self, fields: Sequence[str] = ()) -> None:
        self._lines = JsonLines(fields)
        self._between = b"\n"

    def begin(self, file: BinaryIO | None, *, resumed: bool) -> bytes:
        """Whatever is in a file of ours, there is an item in it. To another one nothing can be added."""
        if file is None:
            return b"["
        if not resumed:
            raise EnvironmentProblem("there is something in it, and nothing can be added to a JSON array")
        self._between = b",\n"
        return b""

    def encode(self, rows: Sequence[Row]) -> tuple[bytes, list[Unfit]]:
        """See `acrawl.results.feeds.base.Format.encode`. No value has a line break in it."""
        lines, unfit = self._lines.encode(rows)
        if not lines:
            return b"", unfit
        data = self._between + lines[:-1].replace(b"\n", b",\n")
        self._between = b",\n"
        return data, unfit

    def end(self) -> bytes:
        """The bracket."""
        return b"\n]\n"
