"""Saved files of a worker that does not share the master's disk: kept until they are whole, then sent in pieces."""

from __future__ import annotations

import asyncio
import pathlib
import secrets
import tempfile
from collections.abc import Iterator
from typing import Protocol

import msgspec

from acrawl.errors import FetchError, WireError
from acrawl.fetch.base import Advance, Sink, unheard
from acrawl.outcome import Beginning, FileFact
from acrawl.results.files import FolderStore, object_path
from acrawl.temporary import OwnFolder

PIECE = 1 << 20
#: How the folders of workers are called, below the system's folder for temporary files (``TMPDIR`` says where).
PREFIX = "acrawl-upload-"
_LOST = "the file did not reach the master as it was sent"


class Courier(Protocol):
    """What carries the pieces: `acrawl.queues.client.QueueClient`."""

    async def chunk(self, worker: str, upload: str, offset: int, data: bytes, sha256: str) -> bool:
        """See `acrawl.queues.messages.Broker.chunk`."""


class UploadStore:
    """Satisfies `acrawl.fetch.base.FileStore`; `close` removes its temporary folder.

    What a cut download leaves is there for this worker only. Making one removes what workers that were killed left
    behind. Blocks.
    """

    def __init__(self, courier: Courier, worker: str, partial_bytes: int = 0) -> None:
        self._courier = courier
        self._worker = worker
        self._own = OwnFolder(tempfile.gettempdir(), PREFIX)
        self._own.sweep()
        self._folder = self._own.path()
        self._local = FolderStore(self._folder, partial_bytes=partial_bytes)

    def sink(self, advance: Advance = unheard, /) -> Sink:
        """A new, empty file."""
        return _UploadSink(self, self._local.sink(advance), advance)

    def close(self) -> None:
        """Forget what is here. Blocks; idempotent."""
        self._local.close()
        self._own.close()

    async def kept(self, fact: FileFact) -> FileFact | None:
        """Ask the master whether it has the bytes of a file that was sent before: as the last piece sent once more."""
        if not fact.size:  # such a piece would be a first one; fetching nothing again is as good
            return None
        try:
            is_there = await self._courier.chunk(self._worker, secrets.token_hex(8), fact.size, b"", fact.sha256)
        except WireError:  # the master cannot look: the file is fetched anew
            return None
        return msgspec.structs.replace(fact, where="") if is_there else None

    async def send(self, fact: FileFact, advance: Advance) -> None:
        """Send a whole file and forget it here; ``advance`` hears of it, for it may take longer than the download.

        It is forgotten in any case, because the next try fetches it anew. Raises `FetchError` ("disk") when it did not
        arrive as it was sent.
        """
        path = object_path(self._folder, fact.sha256)
        upload, offset = secrets.token_hex(8), 0
        pieces = _pieces(path)
        try:
            while piece := await asyncio.to_thread(next, pieces, b""):
                if not await self._courier.chunk(self._worker, upload, offset, piece, ""):
                    raise FetchError("disk", _LOST)
                offset += len(piece)
                advance(1)  # a sign of life; the bytes were counted as they came
            if not await self._courier.chunk(self._worker, upload, offset, b"", fact.sha256):
                raise FetchError("disk", _LOST)
        except WireError as error:  # the master could not write it
            raise FetchError("disk", str(error)) from error
        except OSError as error:  # another download of the same bytes has sent and removed them: try again later
            raise FetchError("disk", str(error)) from error
        finally:
            await asyncio.to_thread(path.unlink, missing_ok=True)


class _UploadSink:
    def __init__(self, store: UploadStore, sink: Sink, advance: Advance) -> None:
        self._store = store
        self._sink = sink
        self._advance = advance

    async def find(self, key: str) -> Beginning | None:
        return await self._sink.find(key)

    def keep(self, key: str, url: str, beginning: Beginning) -> None:
        self._sink.keep(key, url, beginning)

    async def write(self, chunk: bytes) -> None:
        await self._sink.write(chunk)

    async def digest(self, algorithm: str) -> bytes:
        return await self._sink.digest(algorithm)

    async def finish(self, url: str, name: str, content_type: str) -> FileFact:
        fact = await self._sink.finish(url, name, content_type)
        await self._store.send(fact, self._advance)
        return fact

    async def leave(self) -> int:
        return await self._sink.leave()

    async def discard(self) -> None:
        await self._sink.discard()

    async def kept(self, fact: FileFact) -> FileFact | None:
        return await self._store.kept(fact)


def _pieces(path: pathlib.Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece
