"""Files one after the other: ``{batch}`` in the path is 1, 2, 3 ..., and each file is whole by itself.

The marks say which file is the last one that counts, how many items are in it, and how long it is. Those before it are
whole and stay; those behind it were begun by a delivery that was broken off, and are removed.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence

from acrawl.errors import EnvironmentProblem
from acrawl.results.base import Row, Unfit
from acrawl.results.feeds.file import FileFeed, failing, lock
from acrawl.results.feeds.growing import TableFeed, beside
from acrawl.results.feeds.template import Template

#: What the marks of a file are called after its path: see `FileFeed` and `TableFeed`.
_OF_FILES = ("", ":columns")
#: Items that are written before the size of a file is looked at again.
_STEP = 20


class RotatingFeed:
    """See `acrawl.results.base.Feed`.

    ``name`` is the path as it was typed. A file is ended by the first item that comes after it has ``limits[0]`` items
    or ``limits[1]`` bytes; zero is no limit. ``make`` opens a file with its marks, and empties it where it has none.
    """

    def __init__(
        self,
        name: str,
        template: Template,
        limits: tuple[int, int],
        make: Callable[[str, Mapping[str, int]], FileFeed],
        marks: Mapping[str, int],
    ) -> None:
        self.name = name
        self._template = template
        self._items_limit, self._size_limit = limits
        self._make = make
        self._batch = marks.get(f"{name}:batch", 1)
        self._items = marks.get(f"{name}:items", 0)
        path = template.path(self._batch)
        self._file = make(path, {path + what: marks[name + what] for what in _OF_FILES if name + what in marks})

    def write(self, rows: Sequence[Row]) -> list[Unfit]:
        """See `acrawl.results.base.Feed.write`."""
        unfit: list[Unfit] = []
        start = 0
        while start < len(rows):
            if self._is_full():
                self._turn()
            part = rows[start : start + self._room()]
            refused = self._file.write(part)
            unfit += [(start + place, reason) for place, reason in refused]
            self._items += len(part) - len(refused)
            start += len(part)
        return unfit

    def commit(self) -> dict[str, int]:
        """See `acrawl.results.base.Feed.commit`."""
        marks = {self.name + name.removeprefix(self._file.name): mark for name, mark in self._file.commit().items()}
        return marks | {f"{self.name}:batch": self._batch, f"{self.name}:items": self._items}

    def finish(self) -> None:
        """See `acrawl.results.base.Feed.finish`."""
        self._file.finish()

    def close(self) -> None:
        """See `acrawl.results.base.Feed.close`."""
        self._file.close()

    def _is_full(self) -> bool:
        if isinstance(self._file, TableFeed) and self._file.moving:  # it can be ended once its marks are recorded
            return False
        return 0 < self._items_limit <= self._items or 0 < self._size_limit <= self._file.length

    def _room(self) -> int:
        """How many items may be written before it is asked again whether the file is full."""
        left = self._items_limit - self._items
        if self._items_limit and left > 0:
            return min(left, _STEP) if self._size_limit else left
        return _STEP

    def _turn(self) -> None:
        self._file.commit()
        self._file.finish()
        self._file.close()
        self._batch += 1
        self._items = 0
        path = self._template.path(self._batch)
        with failing(path):
            self._file = self._make(path, {})


def clear(name: str, template: Template, marks: Mapping[str, int], *, overwrite: bool) -> None:
    """Make room for the files that come: remove what lies behind the marks.

    Without marks nothing there is ours: it is removed if it may be overwritten, else refused by `EnvironmentProblem`.
    Raises OSError.
    """
    last = marks.get(f"{name}:batch", 0)
    there = sorted(template.behind(last))
    filled = [path for path in there if os.path.getsize(path)]
    if filled and not last and not overwrite:  # an empty one may be what a crawl left that died as it began
        raise EnvironmentProblem(
            f"-o {name}: {filled[0]} is there already: move it away, write {{time}} into the name, or give --fresh"
        )
    for path in filled:
        _check_unused(path)
    for path in there:
        for left in (path, beside(path), beside(path) + "~"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(left)


def _check_unused(path: str) -> None:
    """Raise `EnvironmentProblem` for a file that another crawl writes to."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        lock(descriptor, path)
    finally:
        os.close(descriptor)
