"""How saved files get into ``ROOT/.objects``: in memory, into a file of its own, or behind what was left of it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import math
import os
import pathlib
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import aiofiles
import msgspec
from aiofiles.threadpool import wrap

from acrawl.errors import FetchError, FolderProblem, disk_refused
from acrawl.outcome import Beginning, FileFact
from acrawl.parse.digest import ALGORITHMS
from acrawl.parse.encoding import charset
from acrawl.parse.image import probe
from acrawl.results.files.groups import Groups
from acrawl.results.files.objects import Objects, object_name, object_path
from acrawl.results.files.partials import Partial, Partials

__all__ = ["FolderSink", "FolderStore", "object_path"]

#: A file of up to so many bytes is kept in memory and written in one go (see `acrawl.results.files.groups`).
BLOCK = 1 << 20
#: As much of a file as its type and size in pixels are read from.
HEAD = 1 << 16
#: Large files that may be written at once.
THREADS = 4
#: Bytes of an unfinished file after which it is synced once more: so much may have to be fetched again after a power
#: failure, or on another machine.
VOUCH = 64 << 20
#: Bytes that are read at once to hash them again.
_PIECE = 4 << 20
#: Seconds for which a list of what cut downloads have left is believed: most files are small and new, and looking for
#: each of them would cost more than the rest of it. A retry comes later than that.
_FRESH = 0.25
_T = TypeVar("_T")


def _unheard(_: int) -> None:
    """Nobody watches."""


class FolderStore:
    """Keeps saved files in a folder. Satisfies ``acrawl.fetch.base.FileStore``; for one event loop.

    ``where`` names the worker when the folder is its own and not the master's (``--keep-here``). ``partial_bytes`` is
    how much cut downloads may leave for later tries (0: as much as they like). Not ``synced`` are files that somebody
    takes elsewhere at once, and that a power failure may lose.
    """

    def __init__(
        self, root: str | os.PathLike[str], where: str = "", partial_bytes: int = 0, *, synced: bool = True
    ) -> None:
        self.objects = Objects(root)
        self.partials = Partials(root, partial_bytes)
        self.where = where
        self.synced = synced
        self.groups = Groups(self.objects, synced=synced)
        self.threads = ThreadPoolExecutor(THREADS, "acrawl-files")
        self._left: set[str] = set()
        self._listed_until = -math.inf

    def prepare(self) -> None:
        """Make the folder and write to it, so that a crawl does not begin in vain. Blocks. Raises `FolderProblem`."""
        try:
            probing = pathlib.Path(self.objects.temporary())
            probing.write_bytes(b"")
            probing.unlink()
        except OSError as error:
            raise FolderProblem(f"cannot keep files in {self.objects.root}: {error.strerror or error}") from None

    def sink(self, advance: Callable[[int], None] = _unheard, /) -> FolderSink:
        """A new, empty file. Nothing is on disk before its first `BLOCK` or its end."""
        return FolderSink(self, advance)

    def place(self, fact: FileFact, /) -> str:
        """Where a saved file's bytes are. Looks at nothing."""
        return object_name(os.fspath(self.objects.root), fact.sha256)

    async def has_left(self, key: str) -> bool:
        """Whether a cut download had left something under this key a moment ago. Raises `FetchError` ("disk")."""
        now = asyncio.get_running_loop().time()
        if now >= self._listed_until:
            self._listed_until = now + _FRESH
            self._left = await self.run(self.partials.keys)
        return key in self._left

    def left(self, key: str) -> None:
        """Something was left under this key just now."""
        self._left.add(key)

    def sweep(self) -> int:
        """See `Objects.sweep` and `Partials.sweep`. Blocks; called by whoever owns the folder when it starts."""
        return self.objects.sweep() + self.partials.sweep()

    def close(self) -> None:
        """Wait for what is being written and remove the own temporary folder. Blocks; idempotent."""
        self.groups.close()
        self.threads.shutdown()
        self.objects.close()

    async def run(self, function: Callable[..., _T], *arguments: Any) -> _T:
        """Run a blocking function on one of the threads for files. An OSError is raised as `disk` has it."""
        with self.disk():
            return await asyncio.get_running_loop().run_in_executor(self.threads, function, *arguments)

    @contextlib.contextmanager
    def disk(self) -> Iterator[None]:
        """Within, an OSError becomes the `FetchError` that the request ends with: "disk-full" or "disk"."""
        try:
            yield
        except OSError as error:  # the caller is told
            raise self.refused(error) from error

    def refused(self, error: OSError) -> FetchError:
        """What an error of the disk is for a request."""
        return disk_refused(error, f"no file can be kept in {self.objects.root}")


class FolderSink:
    """One file on its way into a `FolderStore`; see ``acrawl.fetch.base.Sink``."""

    __slots__ = (
        "_advance", "_block", "_file", "_hash", "_head", "_kept", "_left", "_partial", "_pending", "_pending_size",
        "_size", "_store", "_temporary", "_vouched",
    )  # fmt: skip

    def __init__(self, store: FolderStore, advance: Callable[[int], None]) -> None:
        self._store = store
        self._advance = advance
        self._left = ""
        self._begin()

    def _begin(self) -> None:
        self._pending: list[bytes] = []
        self._pending_size = 0
        self._block = bytearray()
        self._size = 0
        self._vouched = 0
        self._hash: Any = None
        self._head = b""
        self._file: Any = None
        self._temporary = ""
        self._partial: Partial | None = None
        self._kept: tuple[str, str, Beginning] | None = None

    async def find(self, key: str) -> Beginning | None:
        """Take up what an earlier try left under this key, hashed anew; None without."""
        found = await self._store.has_left(key)
        partial = await self._taken(self._store.partials.take, key) if found else None
        if partial is None:
            return None
        self._use(partial, key)
        size = partial.beginning.size
        while self._size < size:
            piece = await self._or_nothing(self._store.run(partial.read, self._size, min(_PIECE, size - self._size)))
            if not piece:  # shortened under us
                await self.discard()
                return None
            self._head = self._head or piece[:HEAD]
            await self._store.run(self._hash.update, piece)
            self._size += len(piece)
            self._advance(len(piece))
        self._vouched = size
        return partial.beginning

    async def _taken(self, function: Callable[..., Partial | None], *arguments: Any) -> Partial | None:
        """Call it on a thread; what it brings for somebody who has been cancelled is closed, so that its lock ends."""
        taking = asyncio.ensure_future(self._store.run(function, *arguments))
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:
            taking.add_done_callback(_let_go)
            raise

    def _use(self, partial: Partial, key: str) -> None:
        self._partial, self._left, self._temporary = partial, key, partial.path
        self._file = wrap(partial.file, executor=self._store.threads)
        self._hash = hashlib.sha256()

    def keep(self, key: str, url: str, beginning: Beginning) -> None:
        """What is written from now on may be left under this key."""
        self._kept = (key, url, beginning)

    async def write(self, chunk: bytes) -> None:
        """Append. Raises `FetchError` ("disk") when the bytes cannot be kept; nothing is left on disk then."""
        if self._temporary:
            await self._or_nothing(self._gather(chunk))
            return
        self._pending.append(chunk)
        self._pending_size += len(chunk)
        if self._pending_size >= BLOCK:
            await self._or_nothing(self._spill())

    async def digest(self, algorithm: str) -> bytes:
        """The digest of all that was written, by a name of `acrawl.parse.digest.ALGORITHMS`."""
        if not self._temporary:
            return hashlib.new(ALGORITHMS[algorithm][0], b"".join(self._pending), usedforsecurity=False).digest()
        await self._or_nothing(self._spill())
        if algorithm == "sha-256":
            found: bytes = self._hash.digest()
            return found
        with self._store.disk():
            await self._file.flush()
        return await self._store.run(_hashed, self._temporary, algorithm)

    def probe(self) -> tuple[str, int, int]:
        """See ``acrawl.fetch.base.Sink``."""
        head = self._head
        if len(head) < HEAD and self._pending_size:
            head = (head + b"".join(self._pending) + self._block[: self._pending_size])[:HEAD]
        return probe(head)

    async def finish(self, url: str, name: str, content_type: str) -> FileFact:
        """Put the file under its hash, whole and fsynced, and say what it is."""
        sha256 = await (self._or_nothing(self._finish_large()) if self._temporary else self._finish_small())
        media_type, width, height = probe(self._head)
        if not media_type:
            media_type = content_type.partition(";")[0].strip().lower()
        said = charset(content_type)
        fact = FileFact(url, sha256, self._size, media_type, width, height, name, self._store.where, said)
        self._left = ""
        self._begin()
        return fact

    async def leave(self) -> int:
        """Leave the bytes for a later try, where they are worth it; returns how many. Idempotent."""
        partial, size = self._partial, 0
        if partial is not None:
            with contextlib.suppress(FetchError):  # the disk refuses: there is nothing that could be left
                await self._spill()
                size = await self._store.run(self._vouched_for, partial)
        if not size:
            if partial is not None or not self._left:  # else it was left before
                await self.discard()
            return 0
        with contextlib.suppress(OSError):  # all of it is synced already
            await self._file.close()
        self._store.left(self._left)
        self._begin()
        return size

    def _vouched_for(self, partial: Partial) -> int:
        return partial.vouch() if self._store.partials.has_room() else 0

    async def discard(self) -> None:
        """Forget the bytes, and those that this sink has left. Idempotent; harmless after ``finish``."""
        file, temporary, partial, left = self._file, self._temporary, self._partial, self._left
        self._left = ""
        self._begin()
        run = asyncio.get_running_loop().run_in_executor
        if partial is not None:
            await run(self._store.threads, partial.remove)
            return
        if left:
            await run(self._store.threads, self._store.partials.remove, left)
        if file is not None:
            with contextlib.suppress(OSError):  # a full disk may refuse the last flush; the file goes anyway
                await file.close()
        if temporary:
            with contextlib.suppress(OSError):  # what cannot be removed now is swept at the next start
                await run(self._store.threads, os.unlink, temporary)

    async def kept(self, fact: FileFact) -> FileFact | None:
        """See ``acrawl.fetch.base.Sink``. Raises `FetchError` ("disk") when the folder cannot be looked into."""
        if await self._store.run(self._store.objects.has, fact.sha256, fact.size):
            return msgspec.structs.replace(fact, where=self._store.where)
        return None

    async def _or_nothing(self, step: Awaitable[_T]) -> _T:
        try:
            return await step
        except FetchError:  # the disk refused: what was written of this file is of no use to anybody
            await self.discard()
            raise

    async def _gather(self, chunk: bytes) -> None:
        """Append to a large file, in the same memory each time: fresh memory costs a page fault for each 4 KiB."""
        if self._pending_size + len(chunk) > BLOCK:
            await self._spill()
        if len(chunk) >= BLOCK:
            await self._put(chunk)
            return
        self._block = self._block or bytearray(BLOCK)
        self._block[self._pending_size : self._pending_size + len(chunk)] = chunk
        self._pending_size += len(chunk)

    async def _spill(self) -> None:
        if not self._pending_size:
            return
        data: bytes | memoryview
        if self._temporary:
            data = memoryview(self._block)[: self._pending_size]
        else:
            await self._open()
            data = b"".join(self._pending)
            self._pending.clear()
        self._pending_size = 0
        await self._put(data)

    async def _put(self, data: bytes | memoryview) -> None:
        """Write it. Were that cancelled, a thread might still read: this sink gets nothing more, or another block."""
        if self._size < HEAD:
            self._head += data[: HEAD - self._size]
        await self._store.run(self._hash.update, data)
        with self._store.disk():
            await self._file.write(data)
        self._size += len(data)
        if self._partial is not None and self._size - self._vouched >= VOUCH:
            await self._store.run(self._partial.vouch)
            self._vouched = self._size

    async def _open(self) -> None:
        """Make the file: one that may be left, where that was asked for and nobody else is at it."""
        if self._kept is not None:
            partial = await self._taken(self._store.partials.create, *self._kept)
            if partial is not None:
                self._use(partial, self._kept[0])
                return
        self._hash = hashlib.sha256()
        self._temporary = await self._store.run(self._store.objects.temporary)
        with self._store.disk():
            self._file = await aiofiles.open(self._temporary, "xb", executor=self._store.threads)

    async def _finish_small(self) -> str:
        data = b"".join(self._pending)
        self._size = len(data)
        self._pending.clear()
        self._head = data[:HEAD]
        try:
            return await self._store.groups.keep(data)
        except OSError as error:  # the caller is told; nothing of it is on disk
            raise self._store.refused(error) from error

    async def _finish_large(self) -> str:
        await self._spill()
        file = self._file
        sha256: str = self._hash.hexdigest()
        with self._store.disk():
            await file.flush()
            if self._store.synced:
                await self._store.run(os.fsync, file.fileno())
        if self._partial is not None:
            await self._store.run(self._partial.forget)
        await self._store.run(self._store.objects.keep, self._temporary, sha256, self._size)
        with contextlib.suppress(OSError):  # all of it is synced already
            await file.close()
        if self._partial is None and self._kept is not None:  # another was at it, who may have lost its lease since
            await self._store.run(self._store.partials.remove, self._kept[0])
        return sha256


def _let_go(taking: asyncio.Future[Partial | None]) -> None:
    if not taking.cancelled() and taking.exception() is None and (partial := taking.result()) is not None:
        partial.file.close()


def _hashed(path: str, algorithm: str) -> bytes:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.new(ALGORITHMS[algorithm][0], usedforsecurity=False)).digest()
