"""Running a spider's callbacks: whatever shape they have, items and requests come out."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec

from acrawl.outcome import Item, Sightings
from acrawl.request import Request

_encode = msgspec.msgpack.Encoder().encode


async def produced(result: Any) -> AsyncIterator[Any]:
    """Iterate over what a callback gave: a generator of either kind, a coroutine, a list, one thing, or nothing."""
    if inspect.isawaitable(result):
        result = await result
    if result is None:
        return
    if hasattr(result, "__aiter__"):
        async for one in result:
            yield one
    elif isinstance(result, (Request, Mapping, msgspec.Struct)) or dataclasses.is_dataclass(result):
        yield result
    elif hasattr(result, "__iter__"):
        for one in result:
            yield one
    else:
        yield result


def as_item(made: Any) -> Item:
    """Close an item for the journey. Raises TypeError naming what cannot travel."""
    if isinstance(made, Sightings):
        return Item("sightings", _encode(made))
    if isinstance(made, Mapping) and not isinstance(made, dict):
        made = dict(made)
    plain = isinstance(made, (dict, msgspec.Struct)) or dataclasses.is_dataclass(made)
    if not plain and not hasattr(made, "__attrs_attrs__"):
        kind = type(made).__name__
        raise TypeError(f"a callback gave {kind} {str(made)[:80]!r}: give requests, dicts, dataclasses or Structs")
    try:
        return Item("item", _encode(made))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise TypeError(f"the item {str(made)[:200]!r} cannot travel: {error}") from None
