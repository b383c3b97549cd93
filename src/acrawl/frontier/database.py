"""A connection to a job's database; sqlite3's errors end here.

They become `EnvironmentProblem` (a full or failing disk, a damaged file), which ends the crawl: nothing that was not
committed is acknowledged.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self, TypeVar

from acrawl.errors import EnvironmentProblem
from acrawl.frontier import schema
from acrawl.request import shortened
from acrawl.url import host_of

T = TypeVar("T")

#: One statement holds the GIL from start to end; one per row would hand it to a busy event loop each time.
_CHUNK = 64
#: What migrations call.
_FUNCTIONS: dict[str, Callable[..., str | bytes]] = {"host_of": host_of, "shortened": shortened}


class Database:
    """Blocks. Not thread-safe: one thread at a time."""

    def __init__(self, path: str, *, durable: bool = False, reading: bool = False) -> None:
        """Open the file, or make it; ``reading`` neither makes nor changes anything, and works beside a crawl.

        Raises `EnvironmentProblem`, `JobConflict`.
        """
        self.path = path
        with self._translated():
            if reading:
                self.connection = sqlite3.connect(
                    _address(path), uri=True, isolation_level=None, check_same_thread=False
                )
            else:
                self.connection = sqlite3.connect(
                    path, isolation_level=None, check_same_thread=False, cached_statements=256
                )
        try:
            with self._translated():
                if reading:
                    schema.check(self.connection, path, exact=True)
                else:
                    schema.prepare(self.connection, path, _FUNCTIONS, durable=durable)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file. Idempotent."""
        self.connection.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written in the block, or nothing."""
        with self._translated():
            self.connection.execute("begin immediate")
            try:
                yield
                self.connection.execute("commit")
            except BaseException:
                with contextlib.suppress(
                    sqlite3.Error
                ):  # a full disk has rolled back by itself; the first error counts
                    self.connection.execute("rollback")
                raise

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """All that is read in the block is of one moment, whatever a crawl writes meanwhile. May be nested."""
        if self.connection.in_transaction:
            yield
            return
        with self._translated():
            self.connection.execute("begin")
        try:
            yield
        finally:
            with contextlib.suppress(sqlite3.Error):  # nothing was written; a damaged file has ended it by itself
                self.connection.execute("commit")

    def run(self, statement: str, *values: Any) -> int:
        """Execute a statement; returns how many rows it changed."""
        with self._translated():
            return self.connection.execute(statement, values).rowcount

    def all(self, statement: str, *values: Any) -> list[Any]:
        """All rows of a query."""
        with self._translated():
            return self.connection.execute(statement, values).fetchall()

    def each(self, statement: str, *values: Any) -> Iterator[Any]:
        """The rows of a query, read while they are asked for: there may be millions."""
        with self._translated():
            yield from self.connection.execute(statement, values)

    def one(self, statement: str, *values: Any) -> Any:
        """The first row of a query; None when there is none."""
        with self._translated():
            return self.connection.execute(statement, values).fetchone()

    def value(self, statement: str, *values: Any) -> Any:
        """The first value of the first row; None when there is none."""
        row = self.one(statement, *values)
        return row[0] if row else None

    def bulk(self, head: str, cell: str, rows: Sequence[tuple[Any, ...]], tail: str = "") -> None:
        """Execute ``head (cell),(cell)... tail`` over all rows, in few statements."""
        for part in chunks(rows, _CHUNK):
            self.run(head + ",".join([cell] * len(part)) + tail, *[value for row in part for value in row])

    def delete(self, table: str, ids: Sequence[int], column: str = "id") -> int:
        """Delete rows by number; returns how many there were."""
        if not ids:
            return 0
        return self.run(f"delete from {table} where {column} in (select value from json_each(?))", as_json(ids))

    def meta(self, key: str) -> Any:
        """One value of the meta table; None when it was never set."""
        return self.value("select value from meta where key = ?", key)

    def metas(self, prefix: str) -> dict[str, Any]:
        """All values whose keys begin with a prefix, by what follows it."""
        rows = self.all("select key, value from meta where key >= ?1 and substr(key, 1, length(?1)) = ?1", prefix)
        return {key[len(prefix) :]: value for key, value in rows}

    def set_meta(self, key: str, value: Any) -> None:
        """Set one value of the meta table."""
        self.run("insert or replace into meta values(?, ?)", key, value)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise EnvironmentProblem(f"{self.path}: {_in_words(error)}") from error


def _address(path: str) -> str:
    """The URI that reads a file, and changes nothing.

    A reader shares the writers' index of the journal and makes it where it is missing. In a folder that cannot be
    written that fails, and needs not be: without a journal nobody is writing, and the file is all there is.
    """
    file = pathlib.Path(path).resolve()
    alone = not os.access(file.parent, os.W_OK) and not file.with_name(file.name + "-wal").exists()
    return f"{file.as_uri()}?mode=ro{'&immutable=1' if alone else ''}"


def _in_words(error: sqlite3.Error) -> str:
    text = str(error)
    hints = {
        "full": "the disk is full, or its limit is reached; make room and run the same command again",
        "disk I/O error": "the disk, or a limit of the size of files, refuses; mend it and run the same command again",
        "malformed": "the database is damaged; put a copy of it back, or begin anew with --fresh",
        "not a database": "it is damaged, or another program's; move it away, or begin anew with --fresh",
        "user-defined": "some of it cannot be read by this acrawl; use the one that made it, or begin by --fresh",
        "readonly": "the file cannot be written; make it and its folder writable",
        "unable to open": "the file cannot be opened; does its folder exist, and may it be read and written?",
    }
    hint = next((hint for word, hint in hints.items() if word in text), "")
    return f"{text} ({hint})" if hint else text


def as_json(ids: Sequence[int]) -> str:
    """Numbers as a parameter for ``json_each``."""
    return json.dumps(sorted(ids))


def chunks(rows: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Parts of ``size``, then of falling powers of two: few distinct statements, so that they stay prepared."""
    start = 0
    while start < len(rows):
        while size > len(rows) - start:
            size //= 2
        yield rows[start : start + size]
        start += size
