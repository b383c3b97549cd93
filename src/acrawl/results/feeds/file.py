"""A regular file that is appended to: locked, cut back to its mark when a crawl resumes, fsynced at each commit.

Without a mark a file is appended to, and its length becomes the first mark. Nothing of ours is written before that.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from acrawl.errors import CrawlFailed, EnvironmentProblem
from acrawl.results.base import Row, Unfit
from acrawl.results.feeds.base import Format
from acrawl.results.feeds.compression import BROKEN, Codec

if sys.platform != "win32":
    import fcntl


class Layers(NamedTuple):
    """What lies between items and the bytes of a file."""

    form: Format
    codec: Codec


class FileFeed:
    """A file of which exactly the first ``length`` bytes count. See `acrawl.results.base.Feed`.

    ``begun`` has to stand before what is written first. Nothing is written before the first `write`, so that the first
    mark is recorded by then.
    """

    def __init__(self, path: str, descriptor: int, length: int, layers: Layers, begun: bytes) -> None:
        self.name = path
        self.length = length
        self._descriptor = descriptor
        self._form, self._codec = layers
        self._begun = begun
        self._ended = False
        self._synced = False

    def write(self, rows: Sequence[Row]) -> list[Unfit]:
        """See `acrawl.results.base.Feed.write`."""
        data, unfit = self._form.encode(rows)
        if data:
            self._reopen()
            self._put(self._codec.compress(self._begun + data))
            self._begun = b""
        return unfit

    def commit(self) -> dict[str, int]:
        """See `acrawl.results.base.Feed.commit`."""
        self._put(self._codec.flush())
        self._sync()
        return {self.name: self.length}

    def finish(self) -> None:
        """See `acrawl.results.base.Feed.finish`."""
        self._put(self._codec.flush())
        end = self._begun + self._form.end()
        if not self._ended and (end or not self.length):  # also where there is nothing a tool has to read a part
            self._ended, self._synced = True, False
            write_all(self.name, self._descriptor, self._codec.whole(end))
        self._sync()

    def close(self) -> None:
        """Let go of the file and its lock. Idempotent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _reopen(self) -> None:
        """Make the file ready for more: cut off the end that does not count."""
        if self._ended:
            self._ended = self._synced = False
            with failing(self.name):
                os.ftruncate(self._descriptor, self.length)
                os.lseek(self._descriptor, 0, os.SEEK_END)

    def _put(self, data: bytes) -> None:
        if data:
            self._synced = False
            write_all(self.name, self._descriptor, data)
            self.length += len(data)

    def _sync(self) -> None:
        if not self._synced:
            with failing(self.name):
                os.fsync(self._descriptor)
            self._synced = True


def begin(
    path: str, descriptor: int, layers: Layers, marks: Mapping[str, int], *, overwrite: bool
) -> tuple[int, bytes]:
    """Cut a locked file back to its mark and go to its end; returns its length and what its form begins with.

    Raises `EnvironmentProblem`, and OSError.
    """
    mark = marks.get(path)
    length = _cut(descriptor, path, 0 if mark is None and overwrite else mark)
    form, codec = layers
    try:
        with open(descriptor, "rb", closefd=False) as file:
            content = codec.reader(file)
            if length and not content.read(1):  # compressed, and nothing in it
                os.ftruncate(descriptor, 0)
                length = 0
            content.seek(0)
            begun = form.begin(content if length else None, resumed=mark is not None)
    except EnvironmentProblem as error:
        raise EnvironmentProblem(f"-o {path}: {error}; move it away, or overwrite it by --fresh") from None
    except BROKEN as error:
        raise EnvironmentProblem(f"-o {path}: cannot be decompressed: {error}; move it away") from None
    os.lseek(descriptor, 0, os.SEEK_END)
    if length and begun:  # somebody's last line is closed
        part = codec.whole(begun)
        write_all(path, descriptor, part)
        return length + len(part), b""
    return length, begun


def _cut(descriptor: int, path: str, mark: int | None) -> int:
    """Truncate to the mark, if there is one; returns the length."""
    length = os.fstat(descriptor).st_size
    if mark is not None:
        if length < mark:
            raise EnvironmentProblem(shortened(path, length, mark))
        if length > mark:
            os.ftruncate(descriptor, mark)
            length = mark
    return length


def shortened(path: str, length: int, mark: int) -> str:
    """What to say of a file that has lost something that was delivered to it."""
    return (
        f"-o {path}: has {length} bytes, but {mark} were delivered to it: put the file back, "
        "or begin anew with --fresh to crawl all of it again"
    )


def lock(descriptor: int, path: str) -> None:
    """Keep other crawls out of this file until it is closed. Raises `EnvironmentProblem`."""
    if sys.platform == "win32":  # two crawls into one file are not noticed there
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise EnvironmentProblem(f"-o {path}: another crawl, or another -o, writes to this file") from None
    except OSError:  # a filesystem without locks: two crawls into one file are not noticed there
        return


def write_all(name: str, descriptor: int, data: bytes) -> None:
    """Write all of it. Raises `CrawlFailed`."""
    left = memoryview(data)
    with failing(name):
        while left:
            left = left[os.write(descriptor, left) :]


@contextlib.contextmanager
def failing(name: str) -> Iterator[None]:
    """Within, an OSError is `CrawlFailed`: the items stay in the outbox, and a resumed crawl writes them again."""
    try:
        yield
    except OSError as error:
        place = "standard output" if name == "-" else name
        raise CrawlFailed(
            f"the feed {place} cannot be written: {error.strerror or error}; mend it and resume"
        ) from error
