"""How saved files get into ``ROOT/.objects``: streamed by a worker that sees the folder, or in pieces over the wire."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import pathlib
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import aiofiles
import msgspec

from acrawl.errors import FetchError, FolderProblem
from acrawl.outcome import FileFact
from acrawl.parse.image import probe
from acrawl.results.groups import Groups, write_all
from acrawl.results.objects import Objects, is_sha256, object_path

__all__ = ["FolderSink", "FolderStore", "Uploads", "object_path"]

#: A file of up to so many bytes is kept in memory and written in one go (see `acrawl.results.groups`).
BLOCK = 1 << 20
#: As much of a file as its type and size in pixels are read from.
HEAD = 1 << 16
#: Large files that may be written at once.
THREADS = 4
#: Uploads that may be open at once.
MAX_UPLOADS = 10_000
_T = TypeVar("_T")


class FolderStore:
    """Keeps saved files in a folder. Satisfies ``acrawl.fetch.base.FileStore``; for one event loop.

    ``where`` names the worker when the folder is its own and not the master's (``--keep-here``).
    """

    def __init__(self, root: str | os.PathLike[str], where: str = "") -> None:
        self.objects = Objects(root)
        self.where = where
        self.groups = Groups(self.objects)
        self.threads = ThreadPoolExecutor(THREADS, "acrawl-files")

    def prepare(self) -> None:
        """Make the folder and write to it, so that a crawl does not begin in vain. Blocks. Raises `FolderProblem`."""
        try:
            probing = pathlib.Path(self.objects.temporary())
            probing.write_bytes(b"")
            probing.unlink()
        except OSError as error:
            raise FolderProblem(f"cannot keep files in {self.objects.root}: {error.strerror or error}") from None

    def sink(self) -> FolderSink:
        """A new, empty file. Nothing is on disk before its first `BLOCK` or its end."""
        return FolderSink(self)

    def sweep(self) -> int:
        """See `Objects.sweep`. Blocks; called when a master starts."""
        return self.objects.sweep()

    def close(self) -> None:
        """Wait for what is being written and remove the own temporary folder. Blocks; idempotent."""
        self.groups.close()
        self.threads.shutdown()
        self.objects.close()

    async def run(self, function: Callable[..., _T], *arguments: Any) -> _T:
        """Run a blocking function on one of the threads for files. Raises `FetchError` ("disk") for an OSError."""
        with _disk():
            return await asyncio.get_running_loop().run_in_executor(self.threads, function, *arguments)


@contextlib.contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:  # the caller is told
        raise _refused(error) from error


def _refused(error: OSError) -> FetchError:
    """Full, read-only, not ours: the request ends as failed(disk) and may be tried again."""
    return FetchError("disk", f"{error.strerror or error} ({error.filename or 'while writing'})")


class FolderSink:
    """One file on its way into a `FolderStore`; see ``acrawl.fetch.base.Sink``."""

    __slots__ = ("_file", "_hash", "_head", "_pending", "_pending_size", "_size", "_store", "_temporary")

    def __init__(self, store: FolderStore) -> None:
        self._store = store
        self._pending: list[bytes] = []
        self._pending_size = 0
        self._size = 0
        self._hash: Any = None
        self._head = b""
        self._file: Any = None
        self._temporary = ""

    async def write(self, chunk: bytes) -> None:
        """Append. Raises `FetchError` ("disk") when the bytes cannot be kept; nothing is left on disk then."""
        self._pending.append(chunk)
        self._pending_size += len(chunk)
        self._size += len(chunk)
        if self._pending_size >= BLOCK:
            await self._or_nothing(self._spill())

    async def finish(self, url: str, name: str, content_type: str) -> FileFact:
        """Put the file under its hash, whole and fsynced, and say what it is."""
        sha256 = await (self._or_nothing(self._finish_large()) if self._temporary else self._finish_small())
        media_type, width, height = probe(self._head)
        if not media_type:
            media_type = content_type.partition(";")[0].strip().lower()
        return FileFact(url, sha256, self._size, media_type, width, height, name, self._store.where)

    async def discard(self) -> None:
        """Forget the bytes. Idempotent; harmless after ``finish``."""
        self._pending.clear()
        self._pending_size = 0
        file, self._file = self._file, None
        temporary, self._temporary = self._temporary, ""
        if file is not None:
            with contextlib.suppress(OSError):  # a full disk may refuse the last flush; the file goes anyway
                await file.close()
        if temporary:
            with contextlib.suppress(OSError):  # what cannot be removed now is swept at the next start
                await asyncio.get_running_loop().run_in_executor(self._store.threads, os.unlink, temporary)

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

    async def _spill(self) -> None:
        data = b"".join(self._pending)
        self._pending.clear()
        self._pending_size = 0
        if not self._temporary:
            self._head = data[:HEAD]
            self._hash = hashlib.sha256()
            self._temporary = await self._store.run(self._store.objects.temporary)
        with _disk():
            if self._file is None:
                self._file = await aiofiles.open(self._temporary, "xb", executor=self._store.threads)
            await self._store.run(self._hash.update, data)
            await self._file.write(data)

    async def _finish_small(self) -> str:
        data = b"".join(self._pending)
        self._pending.clear()
        self._head = data[:HEAD]
        try:
            return await self._store.groups.keep(data)
        except OSError as error:  # the caller is told; nothing of it is on disk
            raise _refused(error) from error

    async def _finish_large(self) -> str:
        if self._pending:
            await self._spill()
        file = self._file
        sha256: str = self._hash.hexdigest()
        with _disk():
            await file.flush()
            await self._store.run(os.fsync, file.fileno())
            await file.close()
        self._file = None
        await self._store.run(self._store.objects.keep, self._temporary, sha256, self._size)
        self._temporary = ""
        return sha256


class _Upload:
    """A file of which the first ``length`` bytes have arrived."""

    __slots__ = ("hash", "length", "lock", "temporary")

    def __init__(self, temporary: str) -> None:
        self.temporary = temporary
        self.length = 0
        self.hash = hashlib.sha256()
        self.lock = asyncio.Lock()


class Uploads:
    """Takes files in pieces from workers that do not see the folder; the master's side, for one event loop.

    ``upload`` is any text that names one file of one worker. An upload does not outlive the master: the pieces that
    follow are refused, and the worker sends the file again or reports it as failed.
    """

    def __init__(self, root: str | os.PathLike[str], max_file: int = 1 << 30) -> None:
        self._store = FolderStore(root)
        self._max_file = max_file
        self._open: dict[str, _Upload] = {}

    async def put(self, upload: str, offset: int, data: bytes, sha256: str = "") -> bool:
        """Take a piece; the last one carries the ``sha256`` of the whole and may be empty.

        Idempotent: a repeated piece is ignored and True. False means that the file did not arrive as it was sent (a
        gap, too long, another hash) and that all of it is forgotten. Raises `FetchError` ("disk").
        """
        if sha256 and not is_sha256(sha256):
            return False
        state = self._open.get(upload)
        if state is None:
            if offset != 0:
                return await self._arrived(sha256)
            if len(self._open) >= MAX_UPLOADS:
                return False
            temporary = await self._store.run(self._store.objects.temporary)
            state = self._open.setdefault(upload, _Upload(temporary))
        async with state.lock:
            if self._open.get(upload) is not state:  # ended while this piece waited for its turn
                return await self._arrived(sha256)
            good = False
            try:
                good = await self._store.run(self._take, state, offset, data, sha256)
            finally:
                if not good:
                    await self._forget(upload, state)
        if sha256:
            self._open.pop(upload, None)
        return good

    async def _arrived(self, sha256: str) -> bool:
        """Say whether the answer to the last piece was only lost on the way; else its beginning is unknown here."""
        return bool(sha256) and await self._store.run(self._store.objects.has, sha256)

    async def abandon(self, prefix: str) -> int:
        """Forget all uploads whose name begins so (their worker is gone); returns how many. Idempotent."""
        uploads = [(upload, state) for upload, state in self._open.items() if upload.startswith(prefix)]
        for upload, state in uploads:
            async with state.lock:  # never under the hands of a thread that still writes to it
                await self._forget(upload, state)
        return len(uploads)

    def close(self) -> None:
        """Forget what is not complete. Blocks; idempotent."""
        self._open.clear()
        self._store.close()

    def _take(self, state: _Upload, offset: int, data: bytes, sha256: str) -> bool:
        if offset + len(data) > state.length:
            if offset != state.length or offset + len(data) > self._max_file:
                return False
            with open(state.temporary, "ab", buffering=0) as file:
                write_all(file.fileno(), data)
            state.hash.update(data)
            state.length += len(data)
        if not sha256:
            return True
        if offset + len(data) != state.length or state.hash.hexdigest() != sha256:
            return False
        with open(state.temporary, "ab") as file:  # also makes the file of an empty upload
            os.fsync(file.fileno())
        self._store.objects.keep(state.temporary, sha256, state.length)
        return True

    async def _forget(self, upload: str, state: _Upload) -> None:
        """Drop an upload; its lock is held."""
        self._open.pop(upload, None)
        with contextlib.suppress(FetchError):  # what cannot be removed now is swept at the next start
            await self._store.run(os.unlink, state.temporary)
