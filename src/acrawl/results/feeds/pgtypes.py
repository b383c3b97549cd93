"""PostgreSQL's types for the values of items: what a new column gets, and what it becomes when other values come.

A column is widened at most twice: integers that meet fractions become ``double precision``, and what has nothing in
common becomes ``text``. The types of columns that somebody else made are left alone, as are ``text`` and ``jsonb``,
which hold everything.
"""

from __future__ import annotations

import datetime
import decimal
from typing import Any

import msgspec

from acrawl.results.feeds.table import as_text, json_text

BIGINT, DOUBLE, NUMERIC, TEXT, JSONB, BYTEA = "bigint", "double precision", "numeric", "text", "jsonb", "bytea"
_MOMENT, _LOCAL = "timestamp with time zone", "timestamp without time zone"
_TYPES: dict[type, str] = {
    str: TEXT,
    float: DOUBLE,
    bool: "boolean",
    bytes: BYTEA,
    decimal.Decimal: NUMERIC,
    datetime.date: "date",
    datetime.time: "time without time zone",
}
_NUMBERS = {BIGINT: 0, DOUBLE: 1, NUMERIC: 2}
#: What this module gives to columns, and may therefore change.
_OURS = frozenset({*_TYPES.values(), BIGINT, _MOMENT, _LOCAL}) - {TEXT}


def type_of(value: Any) -> str:
    """Return the type of a column for this value, which is not None."""
    kind = type(value)
    if kind is int:
        return BIGINT if -(1 << 63) <= value < 1 << 63 else NUMERIC
    if kind is datetime.datetime:
        return _LOCAL if value.tzinfo is None else _MOMENT
    return _TYPES.get(kind, JSONB)


def widened(have: str, other: str) -> str:
    """Return the type of a column of type ``have`` that is to hold values of type ``other`` too."""
    if have == other or have not in _OURS:
        return have
    if have in _NUMBERS and other in _NUMBERS:
        return max(have, other, key=_NUMBERS.__getitem__)
    return TEXT


def using(column: str, have: str, wanted: str) -> str:
    """Return the expression for what stands in a column that is changed from one type to another."""
    return f"encode({column}, 'base64')" if have == BYTEA else f"{column}::{wanted}"


def literal(value: Any, column: str) -> str | None:
    """Return a value as the text that COPY takes for a column of this type; NUL, which no text holds, as U+FFFD.

    Raises ValueError for what JSON cannot hold.
    """
    if value is None:
        return None
    if column in {JSONB, "json"}:
        return _json(value)
    if type(value) is str:
        return value.replace("\0", "\ufffd") if "\0" in value else value
    if type(value) is float:
        return repr(value)
    if type(value) is bytes and column == BYTEA:
        return "\\x" + value.hex()
    return as_text(value) if not isinstance(value, dict | list) else _json(value)


def _json(value: Any) -> str:
    text = json_text(value)
    return msgspec.json.encode(_without_nul(msgspec.json.decode(text))).decode() if "\\u0000" in text else text


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "\ufffd")
    if isinstance(value, list):
        return [_without_nul(one) for one in value]
    if isinstance(value, dict):
        return {_without_nul(key): _without_nul(one) for key, one in value.items()}
    return value
