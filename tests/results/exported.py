"""A process that has others export a job, and die at each point where that could hurt, one after another.

``python exported.py FOLDER SPEC STEP`` prints how many deaths there were, one at each STEP-th point; it fails at the
first one after which something torn has the name of the file, or another export does not bring every item once and in
order. The points are those of `drained`, and the moments around each write and commit of a feed. Every second export
replaces a file that is there.
SPEC may be the URL of a PostgreSQL server; a killed export may have filled a part of the table then.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pathlib
import shutil
import signal
import sqlite3
import sys
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

import psycopg
import pyarrow.parquet as pq
from psycopg.rows import dict_row

from acrawl.results import export as exporting
from acrawl.results.base import Feed, Row
from acrawl.results.feeds import Crawl
from acrawl.results.kept import keep, kept
from acrawl.settings import Feeds
from results.drained import Points, watch
from results.fed import around
from results.killed import ITEMS, LIMITS
from results.reading import records

SERVER = "postgresql:"
#: What lies there before: a whole file of another export.
BEFORE = ITEMS[:3]


def made(folder: pathlib.Path, items: list[dict[str, Any]]) -> int:
    """Keep items in a job, a few at a time; returns the mark."""
    feed = keep(folder, {})
    for start in range(0, len(items), 5):
        feed.write([Row(str(n), items[n]) for n in range(start, min(start + 5, len(items)))])
        feed.commit()
    feed.close()
    return feed.length


def export(job: pathlib.Path, mark: int, spec: str) -> None:
    def source() -> Any:
        for rows in kept(job, mark):  # in small parts, so that there are several writes
            yield from (rows[start : start + 7] for start in range(0, len(rows), 7))

    crawl = Crawl(LIMITS if "{batch}" in spec else Feeds())
    done = exporting.export([spec], source, {}, crawl, overwrite=True)
    assert done.unfit == 0


def lives(job: pathlib.Path, mark: int, spec: str, fatal: int) -> bool:
    """Whether a process that dies at a point got to the end before it."""
    child = os.fork()
    if not child:
        code = 1
        try:
            point = Points(fatal)
            watch(point)
            if SERVER in spec:
                for name in ("execute", "commit"):
                    around(point, psycopg.Connection, name)
            opening = exporting.open_spec

            def open_watched(*arguments: Any, **options: Any) -> Feed:
                feed = opening(*arguments, **options)
                for name in ("write", "commit", "finish", "close"):
                    around(point, feed, name)
                if "sqlite" in spec:
                    feed._connection.set_trace_callback(lambda _: point())  # type: ignore[attr-defined]
                return feed

            exporting.open_spec = open_watched
            point.armed = True
            export(job, mark, spec)
            point.armed = False
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL), f"{spec}: status {status} at point {fatal}"
    return status == 0


def read(path: pathlib.Path) -> list[dict[str, str]]:
    if path.suffix == ".parquet":
        found = pq.read_table(path, use_threads=False).to_pylist()
    elif path.suffix == ".sqlite":
        with contextlib.closing(sqlite3.connect(path)) as db:
            db.row_factory = sqlite3.Row
            found = [dict(row) for row in db.execute("SELECT * FROM items ORDER BY CAST(item_id AS INTEGER)")]
    else:
        return records(path)
    return texts(found)


def texts(found: list[dict[str, Any]]) -> list[dict[str, str]]:
    return [{key: str(one) for key, one in row.items() if one is not None and key != "item_id"} for row in found]


def rows_of(spec: str) -> list[dict[str, Any]]:
    with psycopg.connect(spec, row_factory=dict_row) as server:
        if server.execute("SELECT to_regclass('items')").fetchone() == {"to_regclass": None}:
            return []
        return server.execute("SELECT * FROM items ORDER BY item_id::integer").fetchall()


def there(folder: pathlib.Path, spec: str) -> list[dict[str, str]] | None:
    """Everything that has its name; None for nothing."""
    if SERVER in spec:
        return texts(rows_of(spec))
    before, _, after = spec.partition("{batch}")
    files = [path for path in folder.iterdir() if path.name.startswith(before) and path.name.endswith(after)]
    files.sort(key=lambda path: int("0" + path.name.removeprefix(before).removesuffix(after)))
    return [item for path in files for item in read(path)] if files else None


def as_text(items: list[dict[str, Any]]) -> list[dict[str, str]]:
    return [{key: str(value) for key, value in item.items()} for item in items]


def check(folder: pathlib.Path, spec: str, *, killed: bool, replaced: bool) -> None:
    found = there(folder, spec)
    if not killed:
        assert found == as_text(ITEMS)
        left = [path for path in folder.iterdir() if path.name.startswith(".")]
        # The folder of a process that died as it made or removed it is spared for a minute.
        assert not any((path / "lock").exists() for path in left), left
    elif SERVER in spec:
        assert found == as_text(ITEMS)[: len(found or ())]
    elif "{batch}" not in spec:  # files with numbers take their places one after the other
        assert found in ([as_text(BEFORE)] if replaced else [None]) + [as_text(ITEMS)]


def main(root: pathlib.Path, spec: str, step: int) -> int:
    logging.disable()
    job, small = root / "job", root / "small"
    job.mkdir()
    small.mkdir()
    mark, of_small = made(job, ITEMS), made(small, BEFORE)
    deaths, point = 0, 1
    while True:
        folder = root / str(point)
        folder.mkdir()
        replaced = deaths % 2 == 1 and not (SERVER in spec or "sqlite" in spec)  # tables are filled as a crawl does it
        target = spec if SERVER in spec else str(folder / spec)
        if SERVER in spec:
            with psycopg.connect(spec) as server:
                server.execute("DROP TABLE IF EXISTS items")
        if replaced:
            export(small, of_small, target)
        done = lives(job, mark, target, point)
        try:
            check(folder, spec, killed=not done, replaced=replaced)
            assert lives(job, mark, target, 0)
            check(folder, spec, killed=False, replaced=replaced)
        except Exception as error:
            error.add_note(f"{spec}: killed at point {point}, in {folder}")
            raise
        if done:
            return deaths
        shutil.rmtree(folder)
        deaths += 1
        point += step


if __name__ == "__main__":
    print(main(pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
