"""The figures of what a crawl saved, read from its catalog. Reads only, beside a crawl perhaps. Blocks."""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import sqlite3
from collections.abc import Iterator

from acrawl.errors import FolderProblem
from acrawl.figures import FailedItems, FileType, Saved, Slot

#: Sizes in bytes at which the slots of the histogram end.
_SLOTS = (1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000)
#: Types, and reasons, that are told one by one.
_MOST = 40
#: How the reason of an invalid item begins: a class, its field, and what is in that.
_FIELD = re.compile(r"([A-Za-z_]\w{0,99}(?:\.[^.\[:]{1,99}|\[[^\]]{0,99}\]))[^:]{0,300}: ")


@contextlib.contextmanager
def opened(database: pathlib.Path) -> Iterator[sqlite3.Connection]:
    """A catalog's database for reading, all of one moment. Raises `FolderProblem` where that cannot be."""
    # A reader makes the index of the journal where it is missing. In a folder that cannot be written that fails, and
    # needs not be: without a journal nobody is writing.
    alone = not os.access(database.parent, os.W_OK) and not database.with_name(f"{database.name}-wal").exists()
    address = f"{database.resolve().as_uri()}?mode=ro{'&immutable=1' if alone else ''}"
    try:
        with contextlib.closing(sqlite3.connect(address, uri=True, isolation_level=None)) as db:
            db.execute("begin")
            yield db
    except sqlite3.Error as error:  # nothing to tell: the user is told why
        raise FolderProblem(f"{database}: cannot be read: {error}") from None


def survey(database: pathlib.Path) -> Saved:
    """Count what the catalog holds; nothing where a crawl has none. Raises `FolderProblem`."""
    if not database.exists():
        return Saved()
    with opened(database) as db:
        files, size, images, elsewhere = db.execute(
            "SELECT count(*), coalesce(sum(size), 0), count(*) FILTER (WHERE type LIKE 'image/%'),"
            " count(*) FILTER (WHERE sha256 IN (SELECT sha256 FROM files WHERE place != '')) FROM objects"
        ).fetchone()
        return Saved(
            urls=_count(db, "files"),
            files=files,
            bytes=size,
            images=images,
            pages=_count(db, "pages"),
            elsewhere=elsewhere,
            types=_types(db),
            sizes=_sizes(db),
            failed=_count(db, "failed_items"),
            failures=_failures(db),
        )


def _count(db: sqlite3.Connection, table: str) -> int:
    """How many rows a table has; those of later versions may be missing."""
    if not db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone():
        return 0
    return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def _types(db: sqlite3.Connection) -> list[FileType]:
    rows = db.execute(
        "SELECT type, count(*), sum(size), max(size) FROM objects GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ?", (_MOST,)
    )
    return [FileType(*row) for row in rows]


def _sizes(db: sqlite3.Connection) -> list[Slot]:
    cases = " ".join(f"WHEN size <= {upto} THEN {n}" for n, upto in enumerate(_SLOTS))
    counted = dict(db.execute(f"SELECT CASE {cases} ELSE {len(_SLOTS)} END, count(*) FROM objects GROUP BY 1"))
    ends: list[float | None] = [*_SLOTS, None]
    return [Slot(ends[n], counted.get(n, 0)) for n in range(max(counted, default=-1) + 1)]


def _failures(db: sqlite3.Connection) -> list[FailedItems]:
    db.create_function("about", 1, _about, deterministic=True)
    # The bare columns are of the row that has the least URL.
    rows = db.execute(
        "SELECT about(reason), count(*), min(url), reason FROM failed_items GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ?",
        (_MOST,),
    )
    return [FailedItems(about, items, url, reason if reason != about else "") for about, items, url, reason in rows]


def _about(reason: str) -> str:
    """The field that an invalid item is about; of others the reason itself."""
    field = _FIELD.match(reason)
    return field[1] if field else reason


def archived(database: pathlib.Path) -> int:
    """How many records the index of a web archive has. Raises `FolderProblem`."""
    if not database.exists():
        return 0
    with opened(database) as db:
        return _count(db, "records")
