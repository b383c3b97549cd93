"""What all tables share: items as rows of fields, and the names that their columns get."""

from __future__ import annotations

import datetime
import decimal
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from acrawl.results.base import Row, Unfit
from acrawl.results.feeds.values import picked

#: The column that tells rows apart.
KEY = "item_id"
#: Columns that a table gets at most; databases have limits of about this size.
MAX_COLUMNS = 900
#: Values that stay as they are; everything else becomes dicts, lists and scalars.
_KEPT = (bytes, datetime.datetime, datetime.date, datetime.time, decimal.Decimal)


def fields_of(value: Any) -> dict[str, Any]:
    """Return the fields of an item by name. Raises ValueError for an item without fields."""
    if type(value) is not dict:
        try:
            value = msgspec.to_builtins(value, builtin_types=_KEPT, str_keys=True)
        except Exception as error:  # users' objects raise what they like; the caller hands the item back
            raise ValueError(f"a table cannot hold it: {error}") from error
    if not isinstance(value, dict):
        raise ValueError(f"a table holds items with fields, this is a {type(value).__name__}")
    if all(type(name) is str for name in value):
        return value
    return {str(name): field for name, field in value.items()}


def as_text(value: Any) -> str:
    """Return the text of any value: numbers and dates as they are written, bytes as base64, all else as JSON.

    Raises ValueError for what JSON cannot hold.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return str(value)
    text = json_text(value)
    return msgspec.json.decode(text, type=str) if isinstance(value, bytes) else text


def json_text(value: Any) -> str:
    """Return the JSON of a value. Raises ValueError for one that JSON cannot hold."""
    try:
        return msgspec.json.encode(value).decode()
    except Exception as error:  # users' objects raise what they like; the caller hands the item back
        raise ValueError(str(error)) from error


def quoted(name: str) -> str:
    """Return a name as SQL takes any: reserved words, spaces and quotes too."""
    return '"' + name.replace('"', '""') + '"'


class Columns:
    """Which column each field has. A field keeps its name where the database can tell it from all others.

    Databases fold case or cut long names, so what would fall together gets a number: ``Title`` beside ``title``
    becomes ``Title_2``. The same table always gives the same answers. ``limit`` is the length of a name in bytes,
    ``reserved`` are names that no field can have.
    """

    def __init__(self, *, folds: bool = False, limit: int = 1000, reserved: Iterable[str] = ()) -> None:
        self.of: dict[str, str] = {}
        self.chosen: Sequence[str] = ()
        self._folds = folds
        self._limit = limit
        self._exact: set[str] = set()
        self._reserved = frozenset(reserved)
        self._taken: set[str] = set(reserved)

    def know(self, existing: Iterable[str]) -> None:
        """Take note of columns that the table has."""
        new = set(existing) - self._exact - self._reserved
        self._exact |= new
        self._taken.update(map(self._folded, new))

    def choose(self, fields: Sequence[str]) -> None:
        """From now on only these fields count, in this order; without any, all do. Call it when `know` has been."""
        self.chosen = fields
        for field in fields:
            if field not in self.of:
                self.add(field)

    def add(self, field: str) -> bool:
        """Give a field its column; False when the table is full."""
        number, plain = 1, self._fit(field)
        column = plain
        while column not in self._exact and self._folded(column) in self._taken:
            number += 1
            column = self._fit(f"{plain}_{number}")
        if column not in self._exact and len(self._exact) >= MAX_COLUMNS:
            return False
        self.of[field] = column
        self.know([column])
        return True

    def _fit(self, name: str) -> str:
        """What a column may be called: not empty, no NUL or lone surrogate, not too long."""
        name = name.encode(errors="replace").decode().replace("\0", "\ufffd") or "_"
        if len(name.encode()) <= self._limit:
            return name
        digest = hashlib.sha256(name.encode()).hexdigest()[:8]
        return f"{name.encode()[: self._limit - 9].decode(errors='ignore')}_{digest}"

    def _folded(self, name: str) -> str:
        return name.lower() if self._folds else name


class Placed(NamedTuple):
    """An item that a table can hold: its place in the batch, its id, and its fields by name."""

    place: int
    id: str
    fields: Mapping[str, Any]


def place(rows: Sequence[Row], columns: Columns) -> tuple[list[Placed], list[Unfit]]:
    """Return all items that have fields, each field that is wanted with a column; and the others."""
    placed: list[Placed] = []
    unfit: list[Unfit] = []
    for number, row in enumerate(rows):
        try:
            fields = fields_of(row.value)
        except ValueError as error:  # this item is handed back and recorded as failed
            unfit.append((number, str(error)))
            continue
        if columns.chosen:
            fields = picked(fields, columns.chosen)
        new = () if fields.keys() <= columns.of.keys() else [field for field in fields if field not in columns.of]
        if full := [field for field in new if not columns.add(field)]:
            unfit.append((number, f"the table has {MAX_COLUMNS} columns, and none is left for {full[0]!r}"))
        else:
            placed.append(Placed(number, row.id, fields))
    return placed, unfit
