"""Lists that are filled when somebody looks into them."""

from __future__ import annotations

import functools
from typing import Any, TypeVar

L = TypeVar("L", bound=list[Any])

#: Every method of a list that looks into it or changes it.
_NAMES = (
    *("__len__", "__iter__", "__getitem__", "__setitem__", "__delitem__", "__contains__", "__reversed__", "__repr__"),
    *("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__add__", "__iadd__", "__mul__", "__rmul__"),
    *("__imul__", "__reduce_ex__", "append", "clear", "copy", "count", "extend", "index", "insert", "pop", "remove"),
    *("reverse", "sort"),
)


class _UnreadSelector:
    """What encoders in C, which ask no method, see of a list that is not filled yet: they refuse it, not skip it."""


UNREAD: Any = _UnreadSelector()


def filled_when_looked_into(cls: type[L]) -> type[L]:
    """Let all methods of a list class call ``fill()`` first, which must make the list one of another class.

    Such a list is made with `UNREAD` in it, which ``fill`` takes out.
    """
    for name in _NAMES:
        setattr(cls, name, _filling(getattr(cls, name)))
    # Not a list's: asked first by [...] + pending, which else reads the memory of the list that is empty still.
    cls.__radd__ = _added  # type: ignore[attr-defined]
    return cls


def _filling(method: Any) -> Any:
    @functools.wraps(method)
    def filled(pending: Any, *arguments: Any, **named: Any) -> Any:
        pending.fill()
        return method(pending, *arguments, **named)

    return filled


def _added(pending: Any, other: list[Any]) -> list[Any]:
    pending.fill()
    joined: list[Any] = other + pending
    return joined
