"""JSON Lines: one item a line, keys in their order, ``bytes`` as base64 text, dates as ISO 8601."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from acrawl.results.base import Unfit

_encoder = msgspec.json.Encoder()


def joint(tail: bytes) -> bytes:
    """What to write first after a file that ends with ``tail``: a line somebody left open is closed."""
    return b"" if not tail or tail == b"\n" else b"\n"


def encode(items: Sequence[Any]) -> tuple[bytes, list[Unfit]]:
    """Return the lines of all items that JSON can hold, and the others with the reason."""
    try:
        return _encoder.encode_lines(items), []
    except Exception:  # noqa: BLE001 - users' objects raise what they like: find out which; the rest is written
        return _one_by_one(items)


def _one_by_one(items: Sequence[Any]) -> tuple[bytes, list[Unfit]]:
    lines: list[bytes] = []
    unfit: list[Unfit] = []
    for place, item in enumerate(items):
        try:
            lines.append(_encoder.encode(item))
        except Exception as error:  # noqa: BLE001 - as above: this item is handed back and recorded as failed
            unfit.append((place, f"JSON cannot hold it: {error}"))
    return b"".join(line + b"\n" for line in lines), unfit
