"""JSON Lines: one item a line, keys in their order, ``bytes`` as base64 text, dates as ISO 8601."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

import msgspec

from acrawl.results.base import Row, Unfit

_encoder = msgspec.json.Encoder()


class JsonLines:
    """See `acrawl.results.feeds.base.Format`."""

    def begin(self, file: BinaryIO, length: int, *, resumed: bool) -> bytes:
        """A line that somebody left open is closed."""
        if not length or resumed:
            return b""
        file.seek(length - 1)
        return b"" if file.read(1) == b"\n" else b"\n"

    def encode(self, rows: Sequence[Row]) -> tuple[bytes, list[Unfit]]:
        """Return the lines of all items that JSON can hold, and the others with the reason."""
        try:
            return _encoder.encode_lines([row.value for row in rows]), []
        except Exception:  # noqa: BLE001 - users' objects raise what they like: find out which; the rest is written
            return _one_by_one(rows)

    def end(self) -> bytes:
        """Nothing: a file of lines is whole at any time."""
        return b""


def _one_by_one(rows: Sequence[Row]) -> tuple[bytes, list[Unfit]]:
    lines: list[bytes] = []
    unfit: list[Unfit] = []
    for place, row in enumerate(rows):
        try:
            lines.append(_encoder.encode(row.value))
        except Exception as error:  # noqa: BLE001 - as above: this item is handed back and recorded as failed
            unfit.append((place, f"JSON cannot hold it: {error}"))
    return b"".join(line + b"\n" for line in lines), unfit
