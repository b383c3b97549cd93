"""Items that stay in the job: what was delivered, so that any feed can be made of it later.

``JOB/items.kept`` is one more exact feed, which the user does not name: it is appended to, cut back to its mark when a
crawl resumes, and compressed (Zstandard) in parts that end at the marks. Behind the compression, one entry follows the
other: its length (4 bytes, big-endian), and ``[item id, page, seconds since the Unix epoch, item]`` as MessagePack. An
item is what the pipelines made of it; what MessagePack has no number for is JSON in an extension type.

It can be read beside a crawl: what lies before the mark never changes. How long it was when each further visit began is
a mark, too, so that the items of each visit can be told apart.
"""

from __future__ import annotations

import io
import os
import pathlib
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import msgspec

from acrawl.clock import Clock, SystemClock
from acrawl.errors import EnvironmentProblem, FolderProblem
from acrawl.results.base import Row, Unfit
from acrawl.results.feeds.compression import BROKEN, CODECS
from acrawl.results.feeds.file import FileFeed, Layers, begin, lock

#: The mark that says how much of the file counts; the one that says that items before it, or between, were not kept.
KEPT, GAP = "kept", "kept:gap"
_NAME = "items.kept"
_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
_JSON = 1
_HEAD, _BLOCK = 4, 1 << 20


class _Entry(msgspec.Struct, frozen=True, array_like=True):
    id: str
    page: str
    at: float
    item: Any


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Entry)


class _Entries:
    """See `acrawl.results.feeds.base.Format`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def begin(self, file: BinaryIO | None, *, resumed: bool) -> bytes:
        """Nothing stands before an entry."""
        return b""

    def encode(self, rows: Sequence[Row]) -> tuple[bytes, list[Unfit]]:
        """See `acrawl.results.feeds.base.Format.encode`."""
        parts: list[bytes] = []
        unfit: list[Unfit] = []
        at = self._clock.time()
        for place, row in enumerate(rows):
            try:
                data = _encoded(row, at)
            except Exception as error:  # noqa: BLE001 - users' objects raise what they like: recorded as failed
                unfit.append((place, f"it cannot be kept in the job: {error}"))
                continue
            parts += len(data).to_bytes(_HEAD, "big"), data
        return b"".join(parts), unfit

    def end(self) -> bytes:
        """Nothing: a file of entries is whole at any mark."""
        return b""


class KeptFeed(FileFeed):
    """See `acrawl.results.base.Feed`. Exact."""

    def commit(self) -> dict[str, int]:
        """See `acrawl.results.base.Feed.commit`. The mark has no path in it: a job may be moved."""
        super().commit()
        return {KEPT: self.length}

    def finish(self) -> None:
        """Nothing: there is no end to write."""


def place(job: pathlib.Path) -> pathlib.Path:
    """Where a job keeps its items."""
    return job / _NAME


def keep(job: pathlib.Path, marks: Mapping[str, int], clock: Clock | None = None) -> KeptFeed:
    """Go on with, or begin, what the job keeps. Raises `EnvironmentProblem`."""
    path = str(place(job))
    layers = Layers(_Entries(clock or SystemClock()), CODECS[".zst"]())
    try:
        descriptor = os.open(path, _FLAGS, 0o600)
    except OSError as error:  # nothing has begun
        raise FolderProblem(f"{path}: items cannot be kept there: {error.strerror}") from None
    try:
        lock(descriptor, path)
        length, begun = begin(path, descriptor, layers, {path: marks.get(KEPT, 0)}, overwrite=False)
        return KeptFeed(path, descriptor, length, layers, begun)
    except BaseException:
        os.close(descriptor)
        raise


def kept_before(visit: int) -> str:
    """The mark that says how much was kept as a further visit began; the first of these is 1."""
    return f"{KEPT}:visit:{visit}"


def newest(job: pathlib.Path, begins: Sequence[int], length: int, gone: Container[str]) -> Iterator[list[Row]]:
    """Of each page what the last visit has brought that brought any; nothing of pages that are ``gone``.

    ``begins`` is how much was kept as each visit began. In memory are the pages that brought items in further visits.
    Raises as `kept` does.
    """
    last: dict[str, int] = {}
    parts = list(enumerate(zip(begins, [*begins[1:], length], strict=True)))
    for visit, (start, end) in parts[1:]:
        last.update((row.page, visit) for rows in kept(job, end, start) for row in rows)
    for visit, (start, end) in parts:
        for rows in kept(job, end, start):
            if some := [row for row in rows if last.get(row.page, 0) == visit and row.page not in gone]:
                yield some


def kept(job: pathlib.Path, length: int, start: int = 0) -> Iterator[list[Row]]:
    """What a job keeps from one mark to another, in the order of delivery; read as it is asked for, a megabyte at once.

    Raises `EnvironmentProblem` for a file that is missing, shorter than its mark, or damaged.
    """
    path = place(job)
    if length == start:  # nothing is no compressed file
        return
    try:
        with open(path, "rb", buffering=0) as file:
            if os.fstat(file.fileno()).st_size < length:
                raise EnvironmentProblem(f"{path}: is shorter than the {length} bytes that were written; put it back")
            with CODECS[".zst"]().reader(io.BufferedReader(_Between(file, start, length), _BLOCK)) as content:
                yield from _rows(content)
    except (OSError, msgspec.MsgspecError, *BROKEN) as error:  # what was read until then may be used already
        raise EnvironmentProblem(f"{path}: cannot be read: {error}") from error


def _encoded(row: Row, at: float) -> bytes:
    try:
        return _encoder.encode(_Entry(row.id, row.page, at, row.value))
    except OverflowError:  # JSON has such numbers
        return _encoder.encode(_Entry(row.id, row.page, at, msgspec.msgpack.Ext(_JSON, msgspec.json.encode(row.value))))


def _rows(content: BinaryIO) -> Iterator[list[Row]]:
    waiting = b""
    while block := content.read(_BLOCK):
        waiting += block
        rows: list[Row] = []
        start = 0
        while len(waiting) - start >= _HEAD:
            begins = start + _HEAD
            ends = begins + int.from_bytes(waiting[start:begins], "big")
            if ends > len(waiting):
                break
            entry = _decoder.decode(waiting[begins:ends])
            rows.append(Row(entry.id, _value(entry.item), entry.page))
            start = ends
        waiting = waiting[start:]
        if rows:
            yield rows
    if waiting:
        raise EOFError("it ends in the middle of an item")


def _value(item: Any) -> Any:
    if type(item) is msgspec.msgpack.Ext and item.code == _JSON:
        return msgspec.json.decode(item.data)
    return item


class _Between(io.RawIOBase):
    """The bytes of a file from one place to another, as a file of its own."""

    def __init__(self, file: io.FileIO, start: int, end: int) -> None:
        self._file = file
        self._start, self._end = start, end
        file.seek(start)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        room = memoryview(buffer)
        return self._file.readinto(room[: max(0, self._end - self._file.tell())]) or 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset + self._start * (whence == os.SEEK_SET), whence) - self._start

    def tell(self) -> int:
        return self._file.tell() - self._start
