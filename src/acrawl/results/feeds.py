"""Where items go: ``-o PATH[:format]``, or ``-`` for standard output.

A regular file is exact: it is locked, truncated to its mark when a crawl resumes, and fsynced at each commit. Without a
mark a file is appended to, and its length becomes the first mark. Standard output, pipes and devices are streams: an
item may be there twice after a crash.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import stat
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from acrawl.errors import CrawlFailed, EnvironmentProblem, FolderProblem, UsageError
from acrawl.results import jsonl
from acrawl.results.base import Feed, Unfit

if sys.platform != "win32":
    import fcntl


class Format(Protocol):
    """How items become bytes: a module with these two functions."""

    def joint(self, tail: bytes) -> bytes:
        """What to write first after a file whose last byte is ``tail`` (empty for an empty file)."""

    def encode(self, items: Sequence[Any]) -> tuple[bytes, list[Unfit]]:
        """Return the bytes of all items that the format can hold, and the others."""


FORMATS: dict[str, Format] = {"jsonl": jsonl}
SUFFIXES = {".jsonl": "jsonl", ".ndjson": "jsonl", ".jl": "jsonl"}


def open_feed(spec: str, marks: Mapping[str, int], *, overwrite: bool = False) -> Feed:
    """Open what ``-o`` names; ``marks`` are the frontier's. Missing folders are made.

    Without a mark, ``overwrite`` empties a file that exists instead of appending to it. Raises `UsageError` for a
    format that is not known, `EnvironmentProblem` for a file that is shorter than its mark or in use by another crawl,
    `FolderProblem` for one that cannot be written: all before anything is changed.
    """
    path, form = _parsed(spec)
    if path == "-":
        return StreamFeed("-", sys.stdout.fileno(), form)
    try:
        return _opened(path, form, marks, overwrite)
    except OSError as error:  # nothing has begun: the user is told
        raise FolderProblem(f"-o {path}: cannot be written: {error.strerror or error}") from None


def open_feeds(specs: Iterable[str], marks: Mapping[str, int], *, overwrite: bool = False) -> list[Feed]:
    """Open several feeds; when one cannot be opened, the others are closed again. See `open_feed`."""
    with contextlib.ExitStack() as opened:
        feeds = []
        for spec in specs:
            feed = open_feed(spec, marks, overwrite=overwrite)
            opened.callback(feed.close)
            feeds.append(feed)
        opened.pop_all()
        return feeds


class StreamFeed:
    """Standard output, a pipe or a device: what is written is gone, so nothing can be taken back."""

    exact = False

    def __init__(self, name: str, descriptor: int, form: Format) -> None:
        self.name = name
        self._form = form
        self._descriptor = descriptor

    def write(self, items: Sequence[Any]) -> list[Unfit]:
        """See `acrawl.results.base.Feed.write`."""
        data, unfit = self._form.encode(items)
        _write_all(self.name, self._descriptor, data)
        return unfit

    def commit(self) -> int:
        """Nothing to do: each write has left this process already."""
        return 0

    def close(self) -> None:
        """Close all but standard output. Idempotent."""
        if self.name != "-" and self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class FileFeed:
    """A regular file of which exactly the first ``length`` bytes count. See `acrawl.results.base.Feed`."""

    exact = True

    def __init__(self, path: str, descriptor: int, length: int, form: Format) -> None:
        self.name = path
        self._form = form
        self._descriptor = descriptor
        self._length = length

    def write(self, items: Sequence[Any]) -> list[Unfit]:
        """See `acrawl.results.base.Feed.write`."""
        data, unfit = self._form.encode(items)
        _write_all(self.name, self._descriptor, data)
        self._length += len(data)
        return unfit

    def commit(self) -> int:
        """See `acrawl.results.base.Feed.commit`."""
        try:
            os.fsync(self._descriptor)
        except OSError as error:  # the items stay in the outbox; the resumed crawl truncates and writes them again
            raise _failed(self.name, error) from error
        return self._length

    def close(self) -> None:
        """Let go of the file and its lock. Idempotent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _parsed(spec: str) -> tuple[str, Format]:
    path, colon, name = spec.rpartition(":")
    if not colon or not name.isalnum() or (len(path) == 1 and path != "-"):  # no format, or C: and a path
        path, name = spec, ""
    if not path:
        raise UsageError(f"-o {spec}: write -o PATH[:format], or -o - for standard output")
    if "://" in path:
        raise UsageError(f"-o {spec}: only files can be written to; {_known()}")
    name = name or ("jsonl" if path == "-" else SUFFIXES.get(pathlib.PurePath(path).suffix.lower(), ""))
    if name not in FORMATS:
        what = f"there is no format {name!r}" if name else "the name does not tell the format"
        raise UsageError(f"-o {spec}: {what}; {_known()}")
    return path, FORMATS[name]


def _known() -> str:
    return f"known formats: {', '.join(FORMATS)} (by suffix {' '.join(SUFFIXES)}, or as PATH:{next(iter(FORMATS))})"


def _opened(path: str, form: Format, marks: Mapping[str, int], overwrite: bool) -> Feed:
    name = os.path.abspath(path)
    if os.path.isdir(name):
        raise FolderProblem(f"-o {path}: is a folder; name a file in it")
    mark = marks.get(name)
    if mark and not os.path.exists(name):
        raise EnvironmentProblem(_shortened(path, 0, mark))
    os.makedirs(os.path.dirname(name), exist_ok=True)
    descriptor = os.open(name, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return StreamFeed(name, descriptor, form)
        _lock(descriptor, path)
        length = _cut(descriptor, path, 0 if mark is None and overwrite else mark)
        if mark is None and length:
            joint = form.joint(os.pread(descriptor, 1, length - 1))
            _write_all(path, descriptor, joint)
            length += len(joint)
    except BaseException:
        os.close(descriptor)
        raise
    return FileFeed(name, descriptor, length, form)


def _cut(descriptor: int, path: str, mark: int | None) -> int:
    """Truncate to the mark, if there is one, and stand at the end; returns the length."""
    length = os.fstat(descriptor).st_size
    if mark is not None:
        if length < mark:
            raise EnvironmentProblem(_shortened(path, length, mark))
        if length > mark:
            os.ftruncate(descriptor, mark)
    return os.lseek(descriptor, 0, os.SEEK_END)


def _shortened(path: str, length: int, mark: int) -> str:
    return (
        f"-o {path}: has {length} bytes, but {mark} were delivered to it: put the file back, "
        "or begin anew with --fresh to crawl all of it again"
    )


def _lock(descriptor: int, path: str) -> None:
    if sys.platform == "win32":  # two crawls into one file are not noticed there
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise EnvironmentProblem(f"-o {path}: another crawl, or another -o, writes to this file") from None
    except OSError:  # a filesystem without locks: two crawls into one file are not noticed there
        return


def _write_all(name: str, descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    try:
        while left:
            left = left[os.write(descriptor, left) :]
    except OSError as error:  # the items stay in the outbox; the resumed crawl truncates and writes them again
        raise _failed(name, error) from error


def _failed(name: str, error: OSError) -> CrawlFailed:
    place = "standard output" if name == "-" else name
    return CrawlFailed(f"the feed {place} cannot be written: {error.strerror or error}; mend it and resume")
