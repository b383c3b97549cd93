"""Dicts in items as columns of their own: ``{"price": {"amount": 5}}`` becomes a field ``price.amount``.

Lists stay what they are, and so does an empty dict. A field that is called so by itself goes before a part of a dict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from acrawl.results.base import Feed, Row, Unfit
from acrawl.results.feeds.table import fields_of


class FlatFeed:
    """See `acrawl.results.base.Feed`. A table whose items come flat; all else is as the table has it."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    @property
    def name(self) -> str:
        """See `acrawl.results.base.Feed.name`."""
        return self._feed.name

    def write(self, rows: Sequence[Row]) -> list[Unfit]:
        """See `acrawl.results.base.Feed.write`."""
        return self._feed.write([row._replace(value=flat(row.value)) for row in rows])

    def commit(self) -> Mapping[str, int]:
        """See `acrawl.results.base.Feed.commit`."""
        return self._feed.commit()

    def finish(self) -> None:
        """See `acrawl.results.base.Feed.finish`."""
        self._feed.finish()

    def close(self) -> None:
        """See `acrawl.results.base.Feed.close`."""
        self._feed.close()


def flat(value: Any) -> Any:
    """Return an item with the parts of its dicts as fields; what has no fields as it is."""
    try:
        return _flat(fields_of(value))
    except (ValueError, RecursionError):  # the table says what is wrong with it
        return value


def _flat(fields: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in fields.items():
        if type(value) is not dict or not value:
            found[name] = value
            continue
        for part, inner in _flat(value).items():
            found.setdefault(f"{name}.{part}", inner)
    return found | {name: fields[name] for name in fields if name in found}
