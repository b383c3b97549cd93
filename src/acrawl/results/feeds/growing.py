"""A file whose form is a table: a new column is added to all of it, by rewriting it beside itself.

The marks say how long the file is and how many columns it has. A rewritten file is appended to under a name of its own
until its marks are recorded; only then does it take the place of the old one, which has not been touched meanwhile. So
there always is a file that has what the recorded marks say, under one name or the other.

A large file is rewritten only so often, the last time for a column that takes all further fields.
"""

from __future__ import annotations

import contextlib
import logging
import os
import stat
from collections.abc import Mapping, Sequence

from acrawl.errors import EnvironmentProblem
from acrawl.results.base import Row, Unfit
from acrawl.results.feeds.base import Table
from acrawl.results.feeds.compression import BROKEN, Codec
from acrawl.results.feeds.file import FileFeed, Layers, failing, lock, write_all

log = logging.getLogger(__name__)

#: Bytes up to which a file is rewritten whenever there is a new field, and how often a larger one is in one life.
SMALL, REWRITES = 1 << 20, 20
_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)


class TableFeed(FileFeed):
    """See `acrawl.results.base.Feed`."""

    def __init__(self, path: str, descriptor: int, length: int, layers: Layers, begun: bytes) -> None:
        super().__init__(path, descriptor, length, layers, begun)
        assert isinstance(layers.form, Table)
        self._table: Table = layers.form
        self._old: int | None = None
        self._committed = False
        self._rewrites = 0

    @property
    def moving(self) -> bool:
        """Whether what counts is not yet under the name of the file."""
        return self._old is not None

    def write(self, rows: Sequence[Row]) -> list[Unfit]:
        """See `acrawl.results.base.Feed.write`."""
        self._settle()
        return super().write(rows)

    def commit(self) -> dict[str, int]:
        """See `acrawl.results.base.Feed.commit`."""
        marks = super().commit()
        self._committed = self.moving
        return marks | {columns_mark(self.name): self._table.columns if self.length else 0}

    def finish(self) -> None:
        """See `acrawl.results.base.Feed.finish`."""
        self._settle()
        super().finish()

    def close(self) -> None:
        """See `acrawl.results.base.Feed.close`. Which file has what counts is found out by the marks."""
        super().close()
        if self._old is not None:
            os.close(self._old)
            self._old = None

    def _reopen(self) -> None:
        super()._reopen()
        if self._table.outgrown:
            self._widen()

    def _widen(self) -> None:
        self._put(self._codec.flush())
        self._rewrites += self.length > SMALL
        if self._rewrites >= REWRITES - 1:
            self._table.gather()
        with failing(self.name):
            descriptor, self.length = self._rewritten()
        if self._old is None:
            self._old = self._descriptor
        else:
            os.close(self._descriptor)
        self._descriptor = descriptor
        self._committed = False
        log.warning(
            "-o %s: items with new fields have come: the file was rewritten with %d columns, of which the new ones are "
            "empty above; %s", self.name, self._table.columns,
            "the last one takes all further fields, as JSON" if self._table.full
            else "feeds.fields can name all of them from the start",
        )  # fmt: skip

    def _rewritten(self) -> tuple[int, int]:
        """Write all of it anew, fsynced and locked; returns the descriptor and the length."""
        made = beside(self.name) + "~"
        descriptor = os.open(made, _FLAGS | os.O_TRUNC, 0o600)
        try:
            os.fchmod(descriptor, stat.S_IMODE(os.fstat(self._descriptor).st_mode))
            lock(descriptor, made)
            with open(self._descriptor, "rb", closefd=False) as file:
                for part in self._table.rewritten(self._codec.reader(file)):
                    write_all(self.name, descriptor, self._codec.compress(part))
            write_all(self.name, descriptor, self._codec.flush())
            os.fsync(descriptor)
            os.replace(made, beside(self.name))
            return descriptor, os.lseek(descriptor, 0, os.SEEK_CUR)
        except BaseException:
            os.close(descriptor)
            with contextlib.suppress(OSError):  # a full disk should not stay full of it
                os.unlink(made)
            raise

    def _settle(self) -> None:
        """Let the rewritten file take its place once its marks are recorded: nothing is written before they are."""
        if self._old is not None and self._committed:
            with failing(self.name):
                os.replace(beside(self.name), os.path.realpath(self.name))
            os.close(self._old)
            self._old = None


def columns_mark(path: str) -> str:
    """The name of the mark that says how many columns a file has."""
    return f"{path}:columns"


def beside(path: str) -> str:
    """Where a file is rewritten; a link to it stays one."""
    return f"{os.path.realpath(path)}.rewritten"


def settle(path: str, descriptor: int, layers: Layers, marks: Mapping[str, int]) -> bool:
    """Before a locked file is opened: see whether the rewritten one has what counts, and put it into its place.

    Returns whether the descriptor has become that of a file without a name. Raises `EnvironmentProblem`, and OSError.
    """
    columns = marks.get(columns_mark(path), 0)
    form, codec = layers
    assert isinstance(form, Table)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(beside(path) + "~")
    if columns_mark(path) not in marks:
        return False
    if not columns or columns == _columns(form, codec, descriptor):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside(path))
        return False
    with contextlib.suppress(FileNotFoundError), open(beside(path), "rb") as other:
        if columns == _columns(form, codec, other.fileno()):
            os.replace(beside(path), os.path.realpath(path))
            return True
    raise EnvironmentProblem(
        f"-o {path}: its header does not have the {columns} columns that were delivered to it: put the file back, "
        "or begin anew with --fresh to crawl all of it again"
    )


def _columns(form: Table, codec: Codec, descriptor: int) -> int:
    try:
        with open(descriptor, "rb", closefd=False) as file:
            return form.columns_of(codec.reader(file))
    except (*BROKEN, OSError, ValueError, StopIteration):  # not of this form, or empty: not what was delivered
        return 0
