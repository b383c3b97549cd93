"""The folder of the cache: one file an entry, shared by all workers of a machine.

::

    FOLDER/ab/<what was asked>-<by whom>     an entry: a line that names the format, a checksum, msgpack
    FOLDER/new/                              entries being written
    FOLDER/lock                              held while somebody makes room

An entry is written whole and renamed, so whoever is killed leaves the old one or the new one. One that cannot be read
(torn by a crash of the machine, made by a newer acrawl, not ours) is none, and is said once.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import logging
import os
import pathlib
import re
import secrets
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

import aiofiles
import msgspec
from multidict import CIMultiDict

from acrawl.errors import FolderProblem
from acrawl.fetch.freshness import Kept
from acrawl.outcome import FileFact

if sys.platform != "win32":
    import fcntl

log = logging.getLogger(__name__)

#: The first line of an entry; the number grows with the format.
MAGIC = b"acrawl cache 1\n"
_CHECKSUM = 16
#: How far below the limit the folder is brought, and how much may be written in between.
ROOM = 1 / 16
#: Seconds after which a use is noted anew: when it was used last need not be known better.
_NOTED = 3600.0
#: Seconds after which a half-written entry has no writer any more.
_ABANDONED = 3600.0
# The folder is the user's to choose and may hold other things, so what is removed is known by its name.
_PLACE = re.compile(r"[0-9a-f]{2}").fullmatch
_ENTRY = re.compile(r"[0-9a-f]{32}-[0-9a-f]*").fullmatch
_UNDER_WAY = re.compile(r"\d+-[0-9a-f]{8}-\d+").fullmatch


class Key(NamedTuple):
    """What an entry is found by: digests of what was asked, and of who asked (empty: anybody)."""

    target: str
    who: str = ""


class Entry(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """A stored answer. Its body is decoded; of a saved file there are the facts alone, its bytes are in the file store.

    ``headers`` are as bytes, because those of a server need not be text. ``vary`` and ``cookies`` are digests of the
    request (see `freshness.selecting`), ``saved`` is its ``save`` where there was a file store. A body that was ended
    at ``cut`` bytes is not all there is.
    """

    url: str
    status: int
    headers: list[tuple[bytes, bytes]]
    asked_at: float
    came_at: float
    body: bytes = b""
    file: FileFact | None = None
    vary: str = ""
    cookies: str = ""
    cut: int = 0
    saved: bool | str = False

    @property
    def kept(self) -> Kept:
        """The head, as `acrawl.fetch.freshness` judges it."""
        pairs = [(name.decode("utf-8", _ANY), value.decode("utf-8", _ANY)) for name, value in self.headers]
        return Kept(self.status, CIMultiDict(pairs), self.asked_at, self.came_at)


_ANY = "surrogateescape"
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Entry).decode


def as_pairs(headers: CIMultiDict[str]) -> list[tuple[bytes, bytes]]:
    """Return headers as an `Entry` has them."""
    return [(name.encode("utf-8", _ANY), value.encode("utf-8", _ANY)) for name, value in headers.items()]


class CacheStore:
    """Entries in ``folder``. For one event loop; many processes may share the folder. `open` it, and `close` it.

    ``max_bytes`` (0: any number) is kept to roughly: each process looks after each sixteenth of it that it has written.
    """

    def __init__(self, folder: str | os.PathLike[str], max_bytes: int) -> None:
        self.folder = pathlib.Path(folder).absolute()
        self._max_bytes = max_bytes
        self._written = 0
        self._names = (f"{os.getpid()}-{secrets.token_hex(4)}-{number}" for number in itertools.count())
        self._sweeping: asyncio.Task[None] | None = None
        self._warned = False

    def open(self, *, make: bool = True) -> None:
        """Make the folder, or with ``make=False`` look whether there is one. Blocks. Raises `FolderProblem`."""
        try:
            if make:
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                (self.folder / "new").mkdir(mode=0o700, exist_ok=True)
                _tidy(self.folder / "new")
            elif not self.folder.is_dir():
                raise FolderProblem(f"cache.folder: {self.folder} is no folder: nothing was recorded there")
        except OSError as error:
            raise FolderProblem(f"cache.folder: {self.folder}: {error.strerror or error}") from None

    async def close(self) -> None:
        """Wait until room has been made for what was written."""
        if self._written:
            self._make_room()
        if self._sweeping is not None:
            await self._sweeping

    async def get(self, key: Key, url: str) -> Entry | None:
        """Read an entry; None without one that can be read and speaks of this URL."""
        path = self._path(key)
        try:
            # In one go: each step of its own in another thread costs as much CPU as a small fetch.
            entry = await asyncio.get_running_loop().run_in_executor(None, _load, path)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, msgspec.DecodeError) as error:  # as good as none: its server is asked
            self._warn(f"{path} cannot be used: {error}")
            return None
        return entry if entry.url == url else None

    async def put(self, key: Key, entry: Entry) -> None:
        """Write an entry in the place of the one before. A disk that refuses costs the entry, and is said once."""
        payload = _encode(entry)
        data = b"".join((MAGIC, hashlib.blake2b(payload, digest_size=_CHECKSUM).digest(), payload))
        path, temporary = self._path(key), os.path.join(self.folder, "new", next(self._names))
        try:
            async with aiofiles.open(temporary, "xb") as file:
                await file.write(data)
            try:
                os.replace(temporary, path)
            except FileNotFoundError:  # the first entry that begins so
                os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
                os.replace(temporary, path)
        except OSError as error:  # the answer is as good as it was, it is just not kept
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            self._warn(f"{path} cannot be written: {error.strerror or error}")
            return
        self._written += len(data)
        if self._written > self._max_bytes * ROOM:
            self._make_room()

    def drop(self, key: Key) -> None:
        """Forget one entry. Idempotent."""
        with contextlib.suppress(OSError):  # not there, or not ours to remove: it will be asked about again
            os.unlink(self._path(key))

    async def drop_all(self, target: str) -> None:
        """Forget what is stored for a target, whoever asked. Idempotent."""
        await asyncio.to_thread(self._drop_all, target)

    def _drop_all(self, target: str) -> None:
        with contextlib.suppress(OSError):  # nothing is stored that begins so
            for name in os.listdir(self.folder / target[:2]):
                if name.startswith(f"{target}-"):
                    self.drop(Key(target, name.partition("-")[2]))

    def _path(self, key: Key) -> str:
        return os.path.join(self.folder, key.target[:2], f"{key.target}-{key.who}")

    def _warn(self, text: str) -> None:
        if not self._warned:
            self._warned = True
            log.warning("the cache: %s (said once)", text)

    def _make_room(self) -> None:
        """Begin to make room, unless that is under way."""
        if self._max_bytes and (self._sweeping is None or self._sweeping.done()):
            self._written = 0
            self._sweeping = asyncio.create_task(asyncio.to_thread(self._sweep))

    def _sweep(self) -> None:
        """Remove what was used longest ago, until the folder is well below its limit."""
        try:
            with _lock(self.folder / "lock") as is_ours:
                if is_ours:
                    _tidy(self.folder / "new")
                    self._remove_oldest()
        except OSError as error:  # it stays larger than it should; the next sweep tries again
            self._warn(f"{self.folder} cannot be tidied: {error.strerror or error}")

    def _remove_oldest(self) -> None:
        entries = sorted(_entries(self.folder))
        total = sum(size for _, size, _ in entries)
        if total <= self._max_bytes:
            return
        for _, size, path in entries:
            if total <= self._max_bytes * (1 - ROOM):
                break
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            total -= size


def _load(path: str) -> Entry:
    """Read an entry from its file. Blocks."""
    with open(path, "rb", buffering=0) as file:
        data = file.read()
        _note_use(file.fileno())
    return _read(data)


def _read(data: bytes) -> Entry:
    """Read the bytes of an entry. Raises ValueError or `msgspec.DecodeError` for those that are none."""
    begin = len(MAGIC) + _CHECKSUM
    if data[: len(MAGIC)] != MAGIC:
        raise ValueError("it is no entry of this version")
    payload = memoryview(data)[begin:]
    if hashlib.blake2b(payload, digest_size=_CHECKSUM).digest() != data[len(MAGIC) : begin]:
        raise ValueError("its checksum does not hold")
    return _decode(payload)


def _note_use(descriptor: int) -> None:
    now = time.time()  # the file system's own clock, which no other would fit
    if os.fstat(descriptor).st_mtime < now - _NOTED:
        with contextlib.suppress(OSError):  # a folder that may only be read is replayed from, nothing goes from it
            os.utime(descriptor, (now, now))


def _entries(folder: pathlib.Path) -> Iterator[tuple[float, int, str]]:
    """Give (last use, size, path) of all entries."""
    for place in os.scandir(folder):
        if not place.is_dir(follow_symlinks=False) or not _PLACE(place.name):
            continue
        for file in os.scandir(place):
            if not _ENTRY(file.name):
                continue
            with contextlib.suppress(FileNotFoundError):  # dropped by somebody else meanwhile
                facts = file.stat(follow_symlinks=False)
                yield facts.st_mtime, facts.st_size, file.path


def _tidy(folder: pathlib.Path) -> None:
    """Remove the half-written entries that nobody is at any more."""
    oldest = time.time() - _ABANDONED
    for file in os.scandir(folder):
        if not _UNDER_WAY(file.name):
            continue
        with contextlib.suppress(OSError):  # renamed or removed meanwhile, or another user's to remove
            if file.stat(follow_symlinks=False).st_mtime < oldest:
                os.unlink(file.path)


@contextlib.contextmanager
def _lock(path: pathlib.Path) -> Iterator[bool]:
    """Hold a lock; gives whether it was free. Where there are no locks it always is: sweeping twice is harmless."""
    with path.open("ab") as file:
        if sys.platform != "win32":
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
        yield True
