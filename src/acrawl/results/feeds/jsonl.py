"""JSON Lines: one item a line, keys in their order, ``bytes`` as base64 text, dates as ISO 8601."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, BinaryIO

import msgspec

from acrawl.results.base import Row, Unfit
from acrawl.results.feeds.values import one_by_one, plain

_encoder = msgspec.json.Encoder()


class JsonLines:
    """See `acrawl.results.feeds.base.Format`. With ``fields``, only these and in this order."""

    def __init__(self, fields: Sequence[str] = ()) -> None:
        self._fields = fields

    def begin(self, file: BinaryIO | None, *, resumed: bool) -> bytes:
        """A line that somebody left open is closed."""
        if file is None or resumed:
            return b""
        file.seek(-1, os.SEEK_END)
        return b"" if file.read(1) == b"\n" else b"\n"

    def encode(self, rows: Sequence[Row]) -> tuple[bytes, list[Unfit]]:
        """Return the lines of all items that JSON can hold, and the others with the reason."""
        try:
            return _encoder.encode_lines([self._picked(row.value) for row in rows]), []
        except Exception:  # noqa: BLE001 - users' objects raise what they like: find out which; the rest is written
            lines, unfit = one_by_one(rows, lambda value: _encoder.encode(self._picked(value)), "JSON")
            return b"".join(line + b"\n" for line in lines), unfit

    def end(self) -> bytes:
        """Nothing: a file of lines is whole at any time."""
        return b""

    def _picked(self, value: Any) -> Any:
        return plain(value, self._fields) if self._fields else value
