"""Fields that were chosen for a feed and that no item has: most likely a name is misspelled, which nobody would see."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from acrawl.results.base import Feed, Row, Unfit
from acrawl.results.feeds.values import picked

log = logging.getLogger(__name__)


class ChosenFeed:
    """See `acrawl.results.base.Feed`. A feed as it is; its end says which of the ``fields`` never came."""

    def __init__(self, feed: Feed, typed: str, fields: Sequence[str]) -> None:
        self._feed = feed
        self._typed = typed
        self._missing = list(fields)
        self._rows = 0

    @property
    def name(self) -> str:
        """See `acrawl.results.base.Feed.name`."""
        return self._feed.name

    def write(self, rows: Sequence[Row]) -> list[Unfit]:
        """See `acrawl.results.base.Feed.write`."""
        self._rows += len(rows)
        for row in rows if self._missing else ():
            if isinstance(row.value, dict) and (found := picked(row.value, self._missing)):
                self._missing = [field for field in self._missing if field not in found]
        return self._feed.write(rows)

    def commit(self) -> Mapping[str, int]:
        """See `acrawl.results.base.Feed.commit`."""
        return self._feed.commit()

    def finish(self) -> None:
        """See `acrawl.results.base.Feed.finish`."""
        self._feed.finish()
        if self._rows and self._missing:
            log.warning("-o %s: none of %d items has the field %s", self._typed, self._rows, ", ".join(self._missing))
            self._missing = []  # once

    def close(self) -> None:
        """See `acrawl.results.base.Feed.close`."""
        self._feed.close()
