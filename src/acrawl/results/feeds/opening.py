"""From what ``-o`` names to a feed; whatever is wrong is said before anything is changed."""

from __future__ import annotations

import contextlib
import os
import pathlib
import stat
import sys
from collections.abc import Callable, Iterable, Mapping

from acrawl.errors import EnvironmentProblem, FolderProblem, MissingExtra, UsageError
from acrawl.results.base import Feed
from acrawl.results.feeds.file import opened as opened_file
from acrawl.results.feeds.file import shortened
from acrawl.results.feeds.spec import FORMATS, Spec, parse, shown
from acrawl.results.feeds.stream import StreamFeed


def open_feed(typed: str, marks: Mapping[str, int], *, overwrite: bool = False) -> Feed:
    """Open what ``-o`` names; ``marks`` are the frontier's. Missing folders are made.

    Without a mark, ``overwrite`` empties a file that exists instead of appending to it. Raises `UsageError` for a
    format that is not known, `EnvironmentProblem` for a file that is shorter than its mark or in use by another crawl,
    `FolderProblem` for one that cannot be written.
    """
    spec = parse(typed)
    if spec.path == "-":
        return StreamFeed("-", sys.stdout.fileno(), FORMATS[spec.format]())
    if spec.format == "postgresql":
        return _postgresql(spec, marks)
    if spec.format == "webhook":
        return _webhook(spec)
    try:
        return _opened(spec, marks, overwrite)
    except OSError as error:  # nothing has begun: the user is told
        raise FolderProblem(f"-o {spec.path}: cannot be written: {error.strerror or error}") from None


def open_feeds(specs: Iterable[str], marks: Mapping[str, int], *, overwrite: bool = False) -> list[Feed]:
    """Open several feeds; when one cannot be opened, the others are closed again. See `open_feed`."""
    with contextlib.ExitStack() as opened:
        feeds: list[Feed] = []
        places: set[str] = set()
        for spec in specs:
            place = _transacted(parse(spec))
            if place in places:
                raise UsageError(f"-o {shown(spec)}: another -o writes to it, and each would wait for the other")
            places |= {place} - {""}
            feed = open_feed(spec, marks, overwrite=overwrite)
            opened.callback(feed.close)
            feeds.append(feed)
        opened.pop_all()
        return feeds


def _transacted(spec: Spec) -> str:
    """What has one transaction at a time: an SQLite file, a table of a server; else empty."""
    if spec.format == "sqlite":
        return os.path.realpath(spec.path)
    return f"{spec.path}#{spec.table}" if spec.format == "postgresql" else ""


def _sqlite(path: str, table: str, marks: Mapping[str, int], overwrite: bool) -> Feed:
    from acrawl.results.feeds.sqlite import opened

    return opened(path, table, marks, overwrite=overwrite)


def _postgresql(spec: Spec, marks: Mapping[str, int]) -> Feed:
    try:
        from acrawl.results.feeds.postgresql import opened
    except ImportError:  # nothing has begun
        raise MissingExtra("-o postgresql://...: needs psycopg: pip install 'acrawl[postgres]'") from None
    return opened(spec.path, spec.table, marks)


def _webhook(spec: Spec) -> Feed:
    from acrawl.results.feeds.webhook import opened

    return opened(spec.path)


def _parquet(path: str, _table: str, marks: Mapping[str, int], overwrite: bool) -> Feed:
    try:
        from acrawl.results.feeds.parquet import opened
    except ImportError:  # nothing has begun
        raise MissingExtra(f"-o {path}: needs pyarrow: pip install 'acrawl[parquet]'") from None
    return opened(pathlib.Path(path), marks, overwrite=overwrite)


#: What is made of a whole path, a table, the marks and ``overwrite``. Each is imported by those who use it.
_STORES: dict[str, Callable[[str, str, Mapping[str, int], bool], Feed]] = {"sqlite": _sqlite, "parquet": _parquet}


def _opened(spec: Spec, marks: Mapping[str, int], overwrite: bool) -> Feed:
    name = os.path.abspath(spec.path)
    if os.path.isdir(name):
        raise FolderProblem(f"-o {spec.path}: is a folder; name a file in it")
    if spec.format in _STORES:
        if os.path.exists(name) and not os.path.isfile(name):
            raise FolderProblem(f"-o {spec.path}: is no regular file, as {spec.format} needs; name another one")
        return _STORES[spec.format](name, spec.table, marks, overwrite)
    mark = marks.get(name)
    if mark and not os.path.exists(name):
        raise EnvironmentProblem(shortened(spec.path, 0, mark))
    os.makedirs(os.path.dirname(name), exist_ok=True)
    form = FORMATS[spec.format]()
    descriptor = os.open(name, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return StreamFeed(name, descriptor, form)
        return opened_file(name, descriptor, form, marks, overwrite=overwrite)
    except BaseException:
        os.close(descriptor)
        raise
