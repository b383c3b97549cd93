"""What is in an archive: where each record lies, by which key it is found, and which contents are there already.

One SQLite file of its own, ``warc.db`` in the job's folder, because it is cut back together with the archive, and not
with the catalog::

    records   number, start, length     the file of the archive, and where in it
              key, stamp, line          of the index (CDXJ)
              url, date, status         for revisits; ``identity`` is the SHA-256 of a content, in its first record
    files     number, info              those that were begun, and the id of their first record
"""

from __future__ import annotations

import contextlib
import itertools
import os
import pathlib
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from acrawl.errors import CrawlFailed, FolderProblem

_SCHEMA = """
CREATE TABLE IF NOT EXISTS records(
    number INTEGER NOT NULL, start INTEGER NOT NULL, length INTEGER NOT NULL, key TEXT NOT NULL, stamp TEXT NOT NULL,
    url TEXT NOT NULL, date TEXT NOT NULL, type TEXT NOT NULL, status INTEGER NOT NULL, digest TEXT NOT NULL,
    identity TEXT NOT NULL, PRIMARY KEY(number, start)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS files(number INTEGER PRIMARY KEY, info TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS records_by_key ON records(key, stamp);
CREATE UNIQUE INDEX IF NOT EXISTS records_by_identity ON records(identity) WHERE identity != '';
"""


class Row(msgspec.Struct, frozen=True):
    """A record of the index. ``stamp`` is its time in 14 digits, ``digest`` the SHA-1 of its content in base32."""

    number: int
    start: int
    length: int
    key: str
    stamp: str
    url: str
    date: str
    type: str
    status: int
    digest: str
    identity: str = ""


class Index:
    """See the module. Blocking. Raises `FolderProblem` where it cannot be opened, later `CrawlFailed`."""

    def __init__(self, database: str | os.PathLike[str]) -> None:
        self._name = os.fspath(database)
        try:
            pathlib.Path(database).parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(database, isolation_level=None, check_same_thread=False, timeout=30)
            # FULL: the marks of the archive say that all before them is here.
            self._db.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; {_SCHEMA}")
        except (OSError, sqlite3.Error) as error:  # nothing has begun: the user is told
            raise FolderProblem(f"cannot open the index of the archive {self._name}: {error}") from None

    def cut(self, number: int, length: int) -> None:
        """Forget the records behind this place."""
        with self._told():
            self._db.execute("DELETE FROM records WHERE number > ?1 OR (number = ?1 AND start >= ?2)", (number, length))

    def begin(self, number: int, info: str) -> None:
        """Record, durably, that a file of the archive is about to be made: from then on it is ours to cut."""
        with self._told():
            self._db.execute("INSERT OR REPLACE INTO files VALUES(?, ?)", (number, info))
            self.commit()

    def begun(self) -> dict[int, str]:
        """The files that were begun, and the ids of their first records."""
        with self._told():
            return dict(self._db.execute("SELECT number, info FROM files"))

    def add(self, row: Row) -> None:
        """Record one; durable with the next `commit`."""
        with self._told():
            if not self._db.in_transaction:
                self._db.execute("BEGIN IMMEDIATE")
            self._db.execute(
                f"INSERT INTO records VALUES({', '.join('?' * len(row.__struct_fields__))})",
                msgspec.structs.astuple(row),
            )

    def commit(self) -> None:
        """Make durable what was added."""
        if self._db.in_transaction:
            with self._told():
                self._db.execute("COMMIT")

    def original(self, identity: str) -> tuple[str, str] | None:
        """URL and date of the record that has this content."""
        return self._found("SELECT url, date FROM records WHERE identity = ? AND identity != ''", identity)

    def latest(self, key: str, url: str) -> tuple[str, str] | None:
        """URL and date of the last answer with a content from there."""
        query = "SELECT url, date FROM records WHERE key = ? AND url = ? AND status = 200 ORDER BY stamp DESC LIMIT 1"
        return self._found(query, key, url)

    def lines(self, name_of: Callable[[int], str]) -> Iterator[bytes]:
        """The index, line by line in the order of bytes; ``name_of`` says what the file of a number is called."""
        query = (
            "SELECT key, stamp, url, type, status, digest, length, start, number FROM records"
            " ORDER BY key, stamp, number, start"
        )
        with self._told():
            for _, rows in itertools.groupby(self._db.execute(query), lambda row: (row[0], row[1])):
                yield from sorted(_line(row, name_of(row[-1])) for row in rows)

    def close(self) -> None:
        """Let go of the database. What was not committed is gone. Idempotent."""
        self._db.close()

    def _found(self, query: str, *values: str) -> tuple[str, str] | None:
        with self._told():
            row: tuple[str, str] | None = self._db.execute(query, values).fetchone()
            return row

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:  # nothing is lost: the batch is still in the outbox
            raise CrawlFailed(f"the index of the archive cannot go on: {error}; make room and resume") from error


def _line(row: tuple[Any, ...], filename: str) -> bytes:
    key, stamp, url, kind, status, digest, length, start, _ = row
    facts = {
        "url": url,
        "mime": kind or "unk",
        "status": str(status),
        "digest": digest,
        "length": str(length),
        "offset": str(start),
        "filename": filename,
    }
    return f"{key} {stamp} ".encode() + msgspec.json.encode(facts) + b"\n"
