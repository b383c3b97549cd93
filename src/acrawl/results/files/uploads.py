"""Saved files that arrive over the wire, in pieces, from workers that do not see the folder; the master's side."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from typing import Protocol

from acrawl.errors import FetchError
from acrawl.results.files.folder import FolderStore
from acrawl.results.files.groups import write_all
from acrawl.results.files.objects import is_sha256

#: Uploads that may be open at once.
MAX_UPLOADS = 10_000


class Taking(Protocol):
    """What takes files in pieces: `Uploads`, `Sorted`, `acrawl.results.cloud.known.Known`."""

    async def put(self, upload: str, offset: int, data: bytes, sha256: str) -> bool:
        """See `Uploads.put`."""

    async def abandon(self, prefix: str) -> int:
        """See `Uploads.abandon`."""

    def close(self) -> None:
        """See `Uploads.close`."""


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


class Sorted:
    """Two places for uploads: those that a worker calls by a name that begins with ``mark`` go to ``marked``."""

    def __init__(self, others: Taking, mark: str, marked: Taking) -> None:
        self._others = others
        self._mark = mark
        self._marked = marked

    async def put(self, upload: str, offset: int, data: bytes, sha256: str = "") -> bool:
        """See `Uploads.put`."""
        is_marked = upload.rpartition("/")[2].startswith(self._mark)
        return await (self._marked if is_marked else self._others).put(upload, offset, data, sha256)

    async def abandon(self, prefix: str) -> int:
        """See `Uploads.abandon`."""
        return await self._others.abandon(prefix) + await self._marked.abandon(prefix)

    def close(self) -> None:
        """See `Uploads.close`."""
        self._others.close()
        self._marked.close()
