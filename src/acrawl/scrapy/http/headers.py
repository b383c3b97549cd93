"""The headers of a response as Scrapy gives them: bytes, looked up by a name of either kind in any case."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any, overload

Text = str | bytes


class Headers(MutableMapping[Text, Any]):
    """Header fields. ``headers["Name"]`` is the last value of several, in bytes; `getlist` has them all."""

    def __init__(self, given: Mapping[Any, Any] | Iterable[tuple[Any, Any]] = ()) -> None:
        self._values: dict[bytes, list[bytes]] = {}
        for name, value in given.items() if isinstance(given, Mapping) else given:
            self._values.setdefault(_name(name), []).extend(_values(value))

    def __repr__(self) -> str:
        return repr(self._values)

    def __getitem__(self, name: Text) -> bytes | None:
        """The last value; None for a name without any."""
        values = self._values[_name(name)]
        return values[-1] if values else None

    def __setitem__(self, name: Text, value: Any) -> None:
        """Have this value, or these, in the place of what there is."""
        self._values[_name(name)] = _values(value)

    def __delitem__(self, name: Text) -> None:
        """Have it no more."""
        del self._values[_name(name)]

    def __iter__(self) -> Iterator[Text]:
        """The names, in bytes."""
        return iter(self._values)

    def __len__(self) -> int:
        """How many names."""
        return len(self._values)

    @overload
    def get(self, name: Text, default: None = None) -> bytes | None: ...
    @overload
    def get(self, name: Text, default: Any) -> Any: ...
    def get(self, name: Text, default: Any = None) -> Any:
        """The last value, or ``default``; a default in text becomes bytes, as values are."""
        if _name(name) in self._values:
            return self[name]
        return default.encode() if isinstance(default, str) else default

    def getlist(self, name: Text, default: Any = None) -> list[bytes]:
        """All values of a name."""
        return list(self._values.get(_name(name), _values(default)))

    def to_unicode_dict(self) -> dict[str, str]:
        """The headers as text, several values of one name joined by commas."""
        return {name.decode("latin-1"): b",".join(values).decode("latin-1") for name, values in self._values.items()}


def _name(name: Text) -> bytes:
    return (name if isinstance(name, bytes) else name.encode("latin-1")).title()


def _values(value: Any) -> list[bytes]:
    values = [] if value is None else value if isinstance(value, list | tuple) else [value]
    return [each if isinstance(each, bytes) else str(each).encode("utf-8", "surrogateescape") for each in values]
