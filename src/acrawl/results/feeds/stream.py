"""Standard output, pipes and devices: what is written is gone, so an item may be there twice after a crash."""

from __future__ import annotations

import os
from collections.abc import Sequence

from acrawl.results.base import Row, Unfit
from acrawl.results.feeds.base import Table
from acrawl.results.feeds.file import Layers, write_all


class StreamFeed:
    """See `acrawl.results.base.Feed`."""

    def __init__(self, name: str, descriptor: int, layers: Layers) -> None:
        self.name = name
        self._form, self._codec = layers
        self._descriptor = descriptor
        self._ended = False
        if isinstance(self._form, Table):
            self._form.fix()
        self._begun = self._form.begin(None, resumed=False)

    def write(self, rows: Sequence[Row]) -> list[Unfit]:
        """See `acrawl.results.base.Feed.write`."""
        data, unfit = self._form.encode(rows)
        if data:
            write_all(self.name, self._descriptor, self._codec.whole(self._begun + data))
            self._begun = b""
        return unfit

    def commit(self) -> dict[str, int]:
        """Nothing to do: each write has left this process already, and nothing can be taken back."""
        return {}

    def finish(self) -> None:
        """See `acrawl.results.base.Feed.finish`."""
        end = self._begun + self._form.end()
        if end and not self._ended:
            self._ended = True
            write_all(self.name, self._descriptor, self._codec.whole(end))

    def close(self) -> None:
        """Close all but standard output. Idempotent."""
        if self.name != "-" and self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
