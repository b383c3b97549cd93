"""Items as formats without types of their own see them: plain dicts, lists, text, numbers, true, false and nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from acrawl.results.base import Row, Unfit

_encoder = msgspec.json.Encoder()
_MISSING = object()


def plain(value: Any, fields: Sequence[str] = ()) -> Any:
    """Return an item as JSON has it: ``bytes`` as base64 text, dates as ISO 8601, keys as text.

    With ``fields`` only these, as `picked` has them. Raises whatever users' objects raise.
    """
    found = msgspec.to_builtins(value, str_keys=True)
    return picked(found, fields) if fields and isinstance(found, dict) else found


def picked(item: Mapping[str, Any], fields: Sequence[str]) -> dict[str, Any]:
    """Return only these fields, in this order, as far as the item has them; ``price.amount`` is a part of a dict."""
    found = {}
    for field in fields:
        if field in item:
            found[field] = item[field]
        elif "." in field and (part := _part(item, field)) is not _MISSING:
            found[field] = part
    return found


def _part(item: Any, path: str) -> Any:
    for name in path.split("."):
        if not isinstance(item, dict) or name not in item:
            return _MISSING
        item = item[name]
    return item


def text(value: Any) -> str:
    """Return a plain value as text: none, and what is no number, as empty text; all others but text as JSON."""
    if isinstance(value, str):
        return value
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    return str(value) if type(value) is int else _encoder.encode(value).decode()


def one_by_one(rows: Sequence[Row], encode: Callable[[Any], Any], form: str) -> tuple[list[Any], list[Unfit]]:
    """Encode values each by itself; returns what came of them, and the rows of which nothing could come."""
    encoded: list[Any] = []
    unfit: list[Unfit] = []
    for place, row in enumerate(rows):
        try:
            encoded.append(encode(row.value))
        except Exception as error:  # noqa: BLE001 - users' objects raise what they like: the item is recorded as failed
            unfit.append((place, f"{form} cannot hold it: {error}"))
    return encoded, unfit
