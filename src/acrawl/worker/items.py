"""Items on their way out of the worker: checked against their classes, and closed for the journey."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from acrawl.outcome import Item, Refused, Sightings
from acrawl.worker import models
from acrawl.worker.invalid import is_model, kind_of, portable, refusal, shown, stranded, unlike
from acrawl.worker.shapes import decoder_of

#: Bytes that are kept of an item which could not leave; a larger one is kept as a line.
_MOST_KEPT = 256 * 1024
_decode = msgspec.msgpack.Decoder().decode
#: Classes whose checks are remembered.
_MOST_CLASSES = 1000
#: How the bare value of a derived class is had, whatever that makes of ``str(value)``.
_EXACT: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (str, str.__str__),
    (int, int.__int__),
    (float, float.__float__),
    (bytes, lambda value: bytes(memoryview(value))),
)
#: How the items of a class are closed.
_ways: dict[type, Callable[[Any], Item]] = {}


def is_item(made: Any) -> bool:
    """Whether it is one of the things that are items."""
    return (
        isinstance(made, Mapping | msgspec.Struct)
        or dataclasses.is_dataclass(made)
        or hasattr(made, "__attrs_attrs__")
        or is_model(made)
    )


def as_item(made: Any) -> Item:
    """Close an item for the journey.

    Raises `InvalidItem` for one that is not as its class says or has something in it that cannot travel; TypeError for
    what is no item at all.
    """
    way = _ways.get(type(made))
    if way is None:
        if len(_ways) >= _MOST_CLASSES:  # made anew by each callback, perhaps
            _ways.clear()
        way = _ways[type(made)] = _way_of(made)
    return way(made)


def _way_of(made: Any) -> Callable[[Any], Item]:
    if isinstance(made, Sightings):
        return lambda made: Item("sightings", _encode(made))
    if isinstance(made, type) or not is_item(made):
        raise TypeError(
            f"a callback gave {kind_of(made)} {shown(made)}: give requests, or items: dicts, dataclasses, Structs "
            "and the like (docs/items.md)"
        )
    if isinstance(made, Mapping):
        return lambda made: Item("item", _closed(made))
    if is_model(made):
        return _close_model
    check = decoder_of(type(made))
    return functools.partial(_close_checked, check) if check else lambda made: Item("item", _closed(made))


def _close_model(made: Any) -> Item:
    dumped = models.dumped(made)
    try:
        return Item("item", _encode(dumped))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        return Item("item", _encode(models.mended(made, dumped, _encode, error)))


def _close_checked(check: Callable[[bytes], Any], made: Any) -> Item:
    body = _closed(made)
    try:
        check(body)
    except msgspec.MsgspecError as error:
        raise unlike(made, _decode(body), error, lambda plain: _fails(check, plain)) from None
    return Item("item", body)


def _fails(check: Callable[[bytes], Any], plain: Any) -> bool:
    try:
        check(_encode(plain))
    except msgspec.MsgspecError:  # it still does: what was taken out was not at fault
        return True
    return False


def refused(made: Any, about: str, reason: str, detail: str = "") -> Item:
    """What travels in the place of an item that cannot go on, with as much of it as can."""
    return Item("refused", _encode(Refused(about, portable(reason), portable(detail), _as_far_as_possible(made))))


def _closed(made: Any) -> bytes:
    try:
        return _encode(made)
    except Exception as error:  # noqa: BLE001 - users' objects raise what they like: the item is refused
        raise stranded(made, _encode, error) from None


def _as_far_as_possible(made: Any) -> bytes:
    try:
        body = _encode_all(made)
    except Exception:  # noqa: BLE001 - half a character, or a number that is too large: a line says what it was
        body = b""
    return body if body and len(body) <= _MOST_KEPT else _encode(portable(shown(made)))


def _hook(value: Any) -> Any:
    """What travels in the place of an object that msgspec does not know. Raises TypeError."""
    if is_model(value):
        dumped = models.dumped(value)
        error = refusal(dumped, _encode)
        return dumped if error is None else models.mended(value, dumped, _encode, error)
    if isinstance(value, Mapping):
        return dict(value)
    for base, exact in _EXACT:  # the text of a parser, say, which is more than a text
        if isinstance(value, base):
            return exact(value)
    raise TypeError(f"Encoding objects of type {kind_of(value)} is unsupported")


def _hook_for_all(value: Any) -> Any:
    try:
        return _hook(value)
    except Exception:  # noqa: BLE001 - it is this, perhaps, why the item cannot go on: shown instead
        return vars(value) if is_model(value) else shown(value)


_encode = msgspec.msgpack.Encoder(enc_hook=_hook).encode
_encode_all = msgspec.msgpack.Encoder(enc_hook=_hook_for_all).encode
