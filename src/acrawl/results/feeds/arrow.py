"""Items as Arrow tables: which type a field has, and what it becomes when tables of other types join.

Scalars keep their types, and lists of scalars are lists. All else is JSON text: the keys of dicts change from page to
page, and a struct would have to hold all of them. Whole numbers that meet fractions become ``double``; what has
nothing in common becomes text, in lists too.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from typing import Any

import pyarrow as pa
from pyarrow import types as is_type

from acrawl.results.feeds.table import as_text

_TEXT = pa.string()
_INTEGER = pa.int64()
_TYPES: dict[type, pa.DataType] = {
    type(None): pa.null(),
    bool: pa.bool_(),
    float: pa.float64(),
    str: _TEXT,
    bytes: pa.binary(),
    datetime.date: pa.date32(),
    datetime.time: pa.time64("us"),
}


def type_of(values: Sequence[Any]) -> pa.DataType:
    """Return the type of a column for these values."""
    return reduce(widened, (_type_of(kind, values) for kind in dict.fromkeys(map(type, values))), pa.null())


def _type_of(kind: type, values: Sequence[Any]) -> pa.DataType:
    """The same for those of the values that are of this Python type."""
    if kind is int:
        numbers = [value for value in values if type(value) is int]
        return _INTEGER if min(numbers) >= -(1 << 63) and max(numbers) < 1 << 63 else _TEXT
    if kind is datetime.datetime:
        zones = {value.tzinfo is None for value in values if type(value) is kind}
        return _TEXT if len(zones) > 1 else pa.timestamp("us", tz=None if True in zones else "UTC")
    if kind is list:
        inner = [one for value in values if type(value) is list for one in value]
        return _TEXT if any(type(one) in {list, dict} for one in inner) else pa.list_(type_of(inner))
    return _TYPES.get(kind, _TEXT)


def widened(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """Return a type that holds the values of both."""
    if one == other or is_type.is_null(other):
        return one
    if is_type.is_null(one):
        return other
    if is_type.is_list(one) and is_type.is_list(other):
        return pa.list_(widened(one.value_type, other.value_type))
    if is_type.is_integer(one) and is_type.is_integer(other):
        return _INTEGER
    if _is_number(one) and _is_number(other):
        return pa.float64()
    if is_type.is_timestamp(one) and is_type.is_timestamp(other) and bool(one.tz) == bool(other.tz):
        return one
    return _TEXT


def table_of(items: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> pa.Table:
    """Return a table of all items with a column for each field; ``names`` says how they are called.

    Raises ValueError when JSON or Arrow cannot hold a value, and for no field.
    """
    if not names:
        raise ValueError("no item of its batch has a field")
    columns = []
    for field in names:
        values = [item.get(field) for item in items]
        columns.append(_array(values, type_of(values)))
    return pa.Table.from_arrays(columns, names=list(names.values()))


def joined(schemas: Iterable[pa.Schema]) -> pa.Schema:
    """Return the schema that holds the rows of all."""
    types: dict[str, pa.DataType] = {}
    for schema in schemas:
        for field in schema:
            types[field.name] = widened(types.get(field.name, pa.null()), field.type)
    return pa.schema(list(types.items()))


def fitted(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return the table with the columns of the schema."""
    columns = []
    for field in schema:
        if field.name not in table.column_names:
            columns.append(pa.nulls(table.num_rows, field.type))
            continue
        column = table.column(field.name)
        if column.type != field.type:
            column = _cast(column, field.type)
        columns.append(column)
    return pa.Table.from_arrays(columns, schema=schema)


def _cast(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    inner = kind.value_type if is_type.is_list(kind) else kind
    if is_type.is_string(inner) and not is_type.is_null(column.type):
        return pa.chunked_array([_array(column.to_pylist(), kind)], type=kind)
    return column.cast(kind, safe=False)


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    if is_type.is_string(kind):
        values = [value if value is None or type(value) is str else as_text(value) for value in values]
    elif is_type.is_list(kind) and is_type.is_string(kind.value_type):
        values = [
            value if value is None else [one if one is None or type(one) is str else as_text(one) for one in value]
            for value in values
        ]
    try:
        return pa.array(values, type=kind)
    except (pa.ArrowException, OverflowError) as error:  # the caller finds out which item it is
        raise ValueError(str(error)) from error


def _is_number(kind: pa.DataType) -> bool:
    return bool(is_type.is_integer(kind) or is_type.is_floating(kind))
