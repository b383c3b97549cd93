"""A web archive as it grows: files of gzip members that are appended to, and cut back to their mark after a crash."""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import os
import pathlib
import re
import zlib
from base64 import b32encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import BinaryIO, Final

from acrawl.errors import CrawlFailed, EnvironmentProblem, FolderProblem
from acrawl.outcome import Captured
from acrawl.results.files.objects import object_path
from acrawl.results.warc.index import Index, Row
from acrawl.results.warc.records import (
    PACKED,
    WRAPPED,
    Fields,
    answer_fields,
    conversion_fields,
    date_of,
    info_id,
    member,
    request_fields,
    warcinfo,
)
from acrawl.results.warc.surt import surt
from acrawl.temporary import try_lock

#: The names of the marks: the number of the last file, and how long it is.
NUMBER, LENGTH = "--warc:file", "--warc"
#: Bytes that are read, packed and written at once.
_PIECE = 1 << 20
#: Bytes of a body from which on it is worth a look whether it is compressed already, and of the sample.
_SAMPLED, _SAMPLE = 1 << 14, 1 << 11
#: Bytes in which the header of the first record of a file is found.
_HEAD = 1 << 12
_NOTHING: Final = hashlib.sha256().hexdigest()


class Archive:
    """See the module; for one thread at a time. What it promises is that of `acrawl.results.base.Feed`.

    ``prefix`` is the path of its files up to their numbers; of them, what lies behind the ``marks`` is removed.
    ``stored`` is the folder of the exchanges that are too long for a report, ``content`` what the first record of each
    file says. Without marks nothing of an archive may be there, unless it may be overwritten. Raises
    `EnvironmentProblem`, `FolderProblem`.
    """

    def __init__(
        self,
        prefix: pathlib.Path,
        index: Index,
        marks: Mapping[str, int],
        stored: pathlib.Path,
        *,
        max_bytes: int,
        content: Sequence[tuple[str, str]] = (),
        overwrite: bool = False,
    ) -> None:
        self.name = f"--warc {prefix}"
        self._prefix = prefix
        self._index = index
        self._stored = stored
        self._max_bytes = max_bytes
        self._content = content
        self._number = marks.get(NUMBER, 0)
        self._length = marks.get(LENGTH, 0)
        self._info = ""
        self._descriptor = -1
        self._done: list[str] = []
        try:
            self._begin(known=NUMBER in marks, overwrite=overwrite)
        except OSError as error:  # nothing has begun: the user is told
            self.close()
            raise FolderProblem(f"{self.name}: cannot be written: {error.strerror or error}") from None
        except BaseException:  # as above; the index is let go of, too
            self.close()
            raise

    def write(self, item_id: str, it: Captured) -> None:
        """Append the records of one exchange, or what a callback made.

        Raises FileNotFoundError when its bytes are not where its worker said it put them, ValueError when they are not
        all there, and `CrawlFailed`.
        """
        with self._bytes_of(it) as source, self._failing():
            if self._length >= self._max_bytes:
                self._turn()
            if self._descriptor < 0:
                self._open(date_of(it.date))
            asked = source.read(it.request)
            if it.status:
                self._answer(item_id, it, source)
                if asked:
                    self._put(request_fields(it, item_id, self._info), asked)
            else:
                fields = [*conversion_fields(it, item_id, self._info), _block_digest(it.block)]
                self._append(fields, it.size, _pieces(source, it.size))
        if it.sha256:
            self._done.append(it.sha256)

    def commit(self) -> dict[str, int]:
        """See `acrawl.results.base.Feed.commit`."""
        with self._failing():
            if self._descriptor >= 0:
                os.fsync(self._descriptor)
        self._index.commit()
        return {NUMBER: self._number, LENGTH: self._length}

    def forget(self) -> None:
        """Remove the stored exchanges that are in the archive, now that the marks are recorded."""
        for sha256 in self._done:
            with contextlib.suppress(OSError):  # it is of no use, and goes when the crawl ends
                object_path(self._stored, sha256).unlink()
        self._done.clear()

    def finish(self) -> None:
        """Write the index beside the archive, by rename. Raises `CrawlFailed`. Idempotent."""
        path = self._index_path
        beside = path.with_name(f"{path.name}.new")
        with self._failing():
            with open(beside, "wb") as file:
                file.writelines(self._index.lines(lambda number: self._path(number).name))
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, path)
            _sync_folder(path.parent)

    def close(self) -> None:
        """See `acrawl.results.base.Feed.close`."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        self._index.close()

    # -- records

    def _answer(self, item_id: str, it: Captured, source: BinaryIO) -> None:
        head = source.read(it.head)
        key, date = surt(it.url), date_of(it.date)
        original, identity = None, ""
        if it.status == 304:
            original = self._index.latest(key, it.url)
        elif it.size > it.head and it.identity != _NOTHING and not it.truncated:
            original = self._index.original(it.identity)
            identity = "" if original else it.identity
        fields = answer_fields(it, item_id, self._info, original)
        revisits = original is not None or it.status == 304
        if revisits:
            start, length = self._put(fields, head)
        else:
            level = WRAPPED if _is_dense(source, it.size - it.head) else PACKED
            block = itertools.chain([head], _pieces(source, it.size - it.head))
            start, length = self._append([*fields, _block_digest(it.block)], it.size, block, level)
        kind = "warc/revisit" if revisits else it.type
        stamp = re.sub(r"\D", "", date)[:14]
        row = (self._number, start, length, key, stamp, it.url, date, kind, it.status, it.payload, identity)
        self._index.add(Row(*row))

    def _put(self, fields: Fields, block: bytes) -> tuple[int, int]:
        digest = b32encode(hashlib.sha1(block, usedforsecurity=False).digest()).decode()
        return self._append([*fields, _block_digest(digest)], len(block), [block])

    def _append(self, fields: Fields, length: int, block: Iterable[bytes], level: int = PACKED) -> tuple[int, int]:
        """Write a record; returns where it begins, and how long it is."""
        start = self._length
        waiting: list[bytes] = []
        size = 0
        for piece in member(fields, length, block, level):
            waiting.append(piece)
            size += len(piece)
            if size >= _PIECE:
                self._write(b"".join(waiting))
                waiting, size = [], 0
        self._write(b"".join(waiting))
        return start, self._length - start

    def _write(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            written = os.write(self._descriptor, left)
            self._length += written
            left = left[written:]

    # -- files

    def _begin(self, *, known: bool, overwrite: bool) -> None:
        """Make what is there what the marks say."""
        if self._prefix.is_dir():
            raise EnvironmentProblem(f"{self.name} is a folder: name the files in it, as in {self._prefix / 'site'}")
        self._prefix.parent.mkdir(parents=True, exist_ok=True)
        there = self._files()
        for path in there.values():
            with open(path, "rb") as file:
                self._claim(file.fileno(), path)
        if known:
            self._check_ours(there)
        elif not overwrite:
            for path in [*there.values(), self._index_path]:
                if path.is_file() and path.stat().st_size:  # an empty one may be what a crawl left that died
                    raise EnvironmentProblem(
                        f"{self.name}: {path} is there already: give another name, or --fresh to replace the archive"
                    )
        for number, path in there.items():
            if known and (number, 0) < (self._number, self._length):
                continue
            path.unlink()  # begun by a delivery that was broken off
        if self._length:
            os.truncate(there[self._number], self._length)
        self._index.cut(self._number, self._length)

    def _check_ours(self, there: Mapping[int, pathlib.Path]) -> None:
        """Refuse to cut what is another job's archive, and to go on with less than was delivered."""
        path = self._path(self._number)
        size = path.stat().st_size if self._number in there else 0
        if size < self._length:
            raise EnvironmentProblem(
                f"{self.name}: {path} has {size} bytes, but this job's archive has {self._length} there: give the "
                "--warc that it was begun with, put the file back, or begin anew with --fresh"
            )
        begun = self._index.begun()
        for number, path in there.items():
            if number < self._number or not path.stat().st_size:
                continue
            if number not in begun or _info_of(path) not in {"", begun[number]}:
                raise EnvironmentProblem(
                    f"{self.name}: {path} is not of this job: give the archive its own name, or begin anew with --fresh"
                )

    def _open(self, date: str) -> None:
        """Go on with the present file, or begin it, with the record that says what it is."""
        path = self._path(self._number)
        if self._length:
            self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
            self._claim(self._descriptor, path)
            self._info = _info_of(path)
            return
        self._info = info_id(path.name, date)
        self._index.begin(self._number, self._info)
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o666)
        self._claim(self._descriptor, path)
        _sync_folder(path.parent)
        fields, block = warcinfo(path.name, date, self._content)
        self._put(fields, block)

    def _claim(self, descriptor: int, path: pathlib.Path) -> None:
        """Keep other crawls out of a file as long as it is open."""
        if try_lock(descriptor) is False:
            raise EnvironmentProblem(f"{self.name}: another crawl writes to {path}")

    def _turn(self) -> None:
        """Begin the next file; the present one is whole."""
        if self._descriptor >= 0:
            os.fsync(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1
        self._number += 1
        self._length = 0

    @property
    def _index_path(self) -> pathlib.Path:
        return self._prefix.with_name(f"{self._prefix.name}.cdxj")

    def _path(self, number: int) -> pathlib.Path:
        return self._prefix.with_name(f"{self._prefix.name}-{number:05}.warc.gz")

    def _files(self) -> dict[int, pathlib.Path]:
        """The files of this archive that are there, by number."""
        name = re.compile(re.escape(self._prefix.name) + r"-(\d{5,})\.warc\.gz")
        matches = ((name.fullmatch(path.name), path) for path in self._prefix.parent.iterdir())
        return dict(sorted((int(match[1]), path) for match, path in matches if match is not None))

    @contextlib.contextmanager
    def _bytes_of(self, it: Captured) -> Iterator[BinaryIO]:
        """Raises ValueError where there are fewer than it says."""
        with open(object_path(self._stored, it.sha256), "rb") if it.sha256 else io.BytesIO(it.data) as file:
            there = os.fstat(file.fileno()).st_size if it.sha256 else len(it.data)
            if there < it.request + it.size or it.size < it.head:
                raise ValueError(f"of {it.request + max(it.head, it.size)} bytes {there} are there")
            yield file

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:  # the exchanges stay in the outbox, and a resumed crawl writes them again
            raise CrawlFailed(
                f"the archive {self.name} cannot be written: {error.strerror or error}; mend it and resume"
            ) from error


def _pieces(source: BinaryIO, size: int) -> Iterator[bytes]:
    """The next ``size`` bytes, which are there."""
    while size > 0:
        piece = source.read(min(size, _PIECE))
        size -= len(piece) or size
        yield piece


def _is_dense(source: BinaryIO, size: int) -> bool:
    """Whether the body that comes next is compressed already, by a sample from its middle."""
    if size < _SAMPLED:
        return False
    start = source.tell()
    source.seek(start + size // 2)
    sample = source.read(_SAMPLE)
    source.seek(start)
    return len(zlib.compress(sample, 1)) > 0.95 * len(sample)


def _info_of(path: pathlib.Path) -> str:
    """The id of the record at the beginning of a file; empty where none can be read."""
    with open(path, "rb") as file:
        beginning = file.read(_HEAD)
    try:
        head = zlib.decompressobj(wbits=31).decompress(beginning, _HEAD)
    except zlib.error:  # no file of ours, or torn: the caller knows whether it has begun one
        return ""
    found = re.search(rb"WARC-Record-ID: (\S+)\r\n", head)
    return found[1].decode("ascii", "replace") if found is not None else ""


def _block_digest(base32: str) -> tuple[str, str]:
    return "WARC-Block-Digest", f"sha1:{base32}"


def _sync_folder(folder: pathlib.Path) -> None:
    """Make new names in a folder durable. Windows opens no directories."""
    if os.name != "nt":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
