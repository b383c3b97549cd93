"""A regular file that is appended to: locked, cut back to its mark when a crawl resumes, fsynced at each commit.

Without a mark a file is appended to, and its length becomes the first mark.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence

from acrawl.errors import CrawlFailed, EnvironmentProblem
from acrawl.results.base import Row, Unfit
from acrawl.results.feeds.base import Format

if sys.platform != "win32":
    import fcntl


class FileFeed:
    """A file of which exactly the first ``length`` bytes count. See `acrawl.results.base.Feed`."""

    def __init__(self, path: str, descriptor: int, length: int, form: Format) -> None:
        self.name = path
        self._form = form
        self._descriptor = descriptor
        self._length = length

    def write(self, rows: Sequence[Row]) -> list[Unfit]:
        """See `acrawl.results.base.Feed.write`."""
        data, unfit = self._form.encode(rows)
        write_all(self.name, self._descriptor, data)
        self._length += len(data)
        return unfit

    def commit(self) -> dict[str, int]:
        """See `acrawl.results.base.Feed.commit`."""
        self._sync()
        return {self.name: self._length}

    def finish(self) -> None:
        """See `acrawl.results.base.Feed.finish`."""
        end = self._form.end()
        if end:
            with failing(self.name):
                os.ftruncate(self._descriptor, self._length)
                os.lseek(self._descriptor, 0, os.SEEK_END)
            write_all(self.name, self._descriptor, end)
            self._sync()

    def close(self) -> None:
        """Let go of the file and its lock. Idempotent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _sync(self) -> None:
        with failing(self.name):
            os.fsync(self._descriptor)


def opened(path: str, descriptor: int, form: Format, marks: Mapping[str, int], *, overwrite: bool) -> FileFeed:
    """Go on with, or begin, the file that has been opened; ``path`` is the whole one. Raises as `open_feed` does."""
    lock(descriptor, path)
    mark = marks.get(path)
    length = _cut(descriptor, path, 0 if mark is None and overwrite else mark)
    with open(descriptor, "rb", closefd=False) as file:
        begun = form.begin(file, length, resumed=mark is not None)
    os.lseek(descriptor, 0, os.SEEK_END)
    write_all(path, descriptor, begun)
    return FileFeed(path, descriptor, length + len(begun), form)


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
