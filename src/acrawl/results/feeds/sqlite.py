"""A table of an SQLite database: one row an item, known by its id, so exact.

Columns are added as fields appear, and have no type: every value keeps its own (``"007"`` stays a text among numbers).
The journal stays as the file has it, for a new one the rollback journal: the results are one file at any time.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from acrawl.errors import CrawlFailed, EnvironmentProblem
from acrawl.results.base import Row, Unfit
from acrawl.results.feeds.table import KEY, Columns, Placed, as_text, place, quoted

log = logging.getLogger(__name__)

#: Seconds to wait for another process that writes to the same file.
PATIENCE = 60.0
_HEADER = b"SQLite format 3\0"
_PLAIN = frozenset({str, float, bytes, bool, type(None)})
#: What one item's values can bring about; the others can still be written.
_ITEMS_FAULT = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.InterfaceError, sqlite3.ProgrammingError, ValueError)


class SqliteFeed:
    """See `acrawl.results.base.Feed`. Exact: an item that comes again replaces its row. Several crawls may share it."""

    def __init__(self, path: str, table: str, connection: sqlite3.Connection, fields: Sequence[str] = ()) -> None:
        self.name = f"{path}#{table}"
        self._table = table
        self._connection = connection
        self._columns = Columns(folds=True, reserved=(KEY,))
        self._columns.know(_columns_of(connection, table))
        self._columns.choose(fields)

    def write(self, rows: Sequence[Row]) -> list[Unfit]:
        """See `acrawl.results.base.Feed.write`."""
        placed, unfit = place(rows, self._columns)
        with self._failing():
            if not self._connection.in_transaction:
                self._connection.execute("BEGIN IMMEDIATE")
            self._grow()
            return unfit + self._insert(placed)

    def commit(self) -> dict[str, int]:
        """See `acrawl.results.base.Feed.commit`. The mark only says that there is such a table."""
        with self._failing():
            if self._connection.in_transaction:
                self._connection.execute("COMMIT")
        return {self.name: 1}

    def finish(self) -> None:
        """Nothing: a database is whole at any time."""

    def close(self) -> None:
        """Let go of the database; what was not committed is undone. Idempotent."""
        self._connection.close()

    def _grow(self) -> None:
        """Add the columns that are missing; another crawl may have added them."""
        existing = _columns_of(self._connection, self._table)
        self._columns.know(existing)
        new = [column for column in dict.fromkeys(self._columns.of.values()) if column not in existing]
        for column in new:
            self._connection.execute(f"ALTER TABLE {quoted(self._table)} ADD COLUMN {quoted(column)}")
        if new and len(existing) > 1:
            log.info("%s: new columns, which are NULL in the rows before: %s", self.name, ", ".join(new))

    def _insert(self, placed: Sequence[Placed]) -> list[Unfit]:
        names = [quoted(column) for column in self._columns.of.values()]
        update = "UPDATE SET " + ", ".join(f"{name} = excluded.{name}" for name in names) if names else "NOTHING"
        statement = (
            f"INSERT INTO {quoted(self._table)}({', '.join([KEY, *names])}) VALUES(?{', ?' * len(names)})"
            f" ON CONFLICT({KEY}) DO {update}"
        )
        try:
            self._connection.executemany(statement, [self._values(item) for item in placed])
        except _ITEMS_FAULT:  # find out which; what was written already is written again
            return self._one_by_one(statement, placed)
        return []

    def _one_by_one(self, statement: str, placed: Sequence[Placed]) -> list[Unfit]:
        unfit: list[Unfit] = []
        for item in placed:
            try:
                self._connection.execute(statement, self._values(item))
            except _ITEMS_FAULT as error:  # handed back and recorded as failed
                unfit.append((item.place, f"SQLite cannot hold it: {error}"))
        return unfit

    def _values(self, item: Placed) -> list[Any]:
        get = item.fields.get
        return [item.id, *[_value(get(field)) for field in self._columns.of]]

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:  # the items stay in the outbox, and a resumed crawl writes them again
            raise CrawlFailed(f"the feed {self.name} cannot be written: {error}; mend it and resume") from error


def opened(
    path: str, table: str, marks: Mapping[str, int], fields: Sequence[str] = (), *, overwrite: bool
) -> SqliteFeed:
    """Open or make the database and its table; ``path`` is the whole one.

    Without a mark, ``overwrite`` empties the table, and leaves all others alone. Raises `EnvironmentProblem`, OSError.
    """
    marked = f"{path}#{table}" in marks
    _look(path, table, marked=marked)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    try:
        connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:  # nothing has begun
        raise EnvironmentProblem(f"-o {path}: cannot be opened: {error}") from None
    try:
        _prepare(connection, path, table, marked=marked, overwrite=overwrite)
        return SqliteFeed(path, table, connection, fields)
    except sqlite3.Error as error:  # nothing has begun, and nothing was committed
        connection.close()
        raise EnvironmentProblem(f"-o {path}: table {table!r} cannot be written: {error}") from None
    except BaseException:
        connection.close()
        raise


def _look(path: str, table: str, *, marked: bool) -> None:
    """Refuse what is no database before SQLite would make it one."""
    try:
        with open(path, "rb") as file:
            begins = file.read(len(_HEADER))
    except FileNotFoundError:  # it is made, unless it was there
        if marked:
            raise EnvironmentProblem(_lost(path, table)) from None
        return
    if begins and begins != _HEADER:
        raise EnvironmentProblem(f"-o {path}: is no SQLite database; name another file")


def _prepare(connection: sqlite3.Connection, path: str, table: str, *, marked: bool, overwrite: bool) -> None:
    connection.execute("BEGIN IMMEDIATE")
    query = "SELECT type FROM sqlite_master WHERE type IN ('table', 'view') AND lower(name) = lower(?)"
    found = connection.execute(query, (table,)).fetchone()
    if found is None:
        if marked:
            raise EnvironmentProblem(_lost(path, table))
        connection.execute(f"CREATE TABLE {quoted(table)}({KEY} TEXT PRIMARY KEY NOT NULL)")
    try:
        statement = f"EXPLAIN INSERT INTO {quoted(table)}({KEY}) VALUES('') ON CONFLICT({KEY}) DO NOTHING"
        connection.execute(statement).fetchall()
    except sqlite3.OperationalError as error:  # nothing has begun
        raise EnvironmentProblem(
            f"-o {path}: there is a {found[0] if found else 'table'} {table!r} that is none of items"
            f" ({KEY} TEXT PRIMARY KEY is missing: {error}); name another one as {path}#TABLE"
        ) from None
    if overwrite and not marked:
        connection.execute(f"DELETE FROM {quoted(table)}")
    connection.execute("COMMIT")


def _lost(path: str, table: str) -> str:
    return (
        f"-o {path}: has no table {table!r}, but items were delivered to it: put the file back, "
        "or begin anew with --fresh to crawl all of it again"
    )


def _columns_of(connection: sqlite3.Connection, table: str) -> list[str]:
    return [name for _, name, *_ in connection.execute(f"PRAGMA table_info({quoted(table)})")]


def _value(value: Any) -> Any:
    """Numbers, texts and bytes stay, nested values become JSON, and what is too large for a number a text."""
    kind = type(value)
    if kind in _PLAIN or (kind is int and -(1 << 63) <= value < 1 << 63):
        return value
    return as_text(value)
