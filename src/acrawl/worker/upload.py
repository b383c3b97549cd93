"""Saved files of a worker that does not share the master's disk: kept until they are whole, then brought away.

They go to the master in pieces (`ToMaster`), or into a bucket (`ToBucket`).
"""

from __future__ import annotations

import asyncio
import contextlib
import pathlib
import secrets
import tempfile
from collections import Counter
from collections.abc import Iterator
from typing import Protocol

import msgspec

from acrawl.errors import BUCKET_GONE, DISK_FULL, CrawlFailed, FetchError, WireError, disk_refused
from acrawl.fetch.base import Advance, Sink, unheard
from acrawl.outcome import Beginning, FileFact
from acrawl.results.cloud.bucket import PART, Bucket
from acrawl.results.files.folder import FolderStore, object_path
from acrawl.temporary import OwnFolder

PIECE = 1 << 20
#: How the folders of workers are called, below the system's folder for temporary files (``TMPDIR`` says where).
PREFIX = "acrawl-upload-"
_LOST = "the file did not reach the master as it was sent"


class Courier(Protocol):
    """What carries the pieces: `acrawl.queues.client.QueueClient`."""

    async def chunk(self, worker: str, upload: str, offset: int, data: bytes, sha256: str) -> bool:
        """See `acrawl.queues.messages.Broker.chunk`."""


class Carrier(Protocol):
    """Where whole files are brought."""

    async def has(self, fact: FileFact) -> bool:
        """Whether the bytes of a file are there already. Raises nothing."""

    async def bring(self, path: pathlib.Path, fact: FileFact, advance: Advance) -> None:
        """Bring a file there; ``advance`` hears of it, for it may take longer than the download.

        Raises `FetchError` when it did not arrive as it was sent: the next try fetches it anew.
        """

    def close(self) -> None:
        """Let go of the way. Blocks; idempotent."""


class UploadStore:
    """Satisfies `acrawl.fetch.base.FileStore`; `close` removes its temporary folder.

    A file that was sent stays until its callback has had it. What a cut download leaves is there for this worker only.
    ``mark`` is what the names of its uploads begin with: it says to the master what they are. Making one removes what
    workers that were killed left behind. Blocks.
    """

    def __init__(self, carrier: Carrier, partial_bytes: int = 0) -> None:
        self._carrier = carrier
        self._own = OwnFolder(tempfile.gettempdir(), PREFIX)
        self._own.sweep()
        self._folder = self._own.path()
        self._local = FolderStore(self._folder, partial_bytes=partial_bytes, synced=False)
        self._held: Counter[str] = Counter()

    def sink(self, advance: Advance = unheard, /) -> Sink:
        """A new, empty file."""
        return _UploadSink(self, self._local.sink(advance), advance)

    def place(self, fact: FileFact, /) -> str:
        """Where a file may be read that has just been sent."""
        return str(object_path(self._folder, fact.sha256)) if self._held[fact.sha256] else ""

    def hold(self, sha256: str) -> None:
        """Keep a file until as many have let go of it as have held it."""
        self._held[sha256] += 1

    async def let_go(self, sha256: str) -> None:
        """Forget a file that nobody holds any more. What cannot be removed now goes with the folder."""
        self._held[sha256] -= 1
        if self._held[sha256] > 0:
            return
        del self._held[sha256]
        with contextlib.suppress(OSError):
            await asyncio.to_thread(object_path(self._folder, sha256).unlink, missing_ok=True)

    def close(self) -> None:
        """Forget what is here. Blocks; idempotent."""
        self._local.close()
        self._own.close()
        self._carrier.close()

    async def kept(self, fact: FileFact) -> FileFact | None:
        """Say whether the bytes of a file that was brought away before are still there."""
        return msgspec.structs.replace(fact, where="") if await self._carrier.has(fact) else None

    async def send(self, fact: FileFact, advance: Advance) -> None:
        """Bring away a whole file that is held. See `Carrier.bring`."""
        await self._carrier.bring(object_path(self._folder, fact.sha256), fact, advance)


class ToMaster:
    """Over the connection, in pieces, under names that begin with ``mark``. See `Carrier`."""

    def __init__(self, courier: Courier, worker: str, mark: str = "") -> None:
        self._courier = courier
        self._worker = worker
        self._mark = mark

    async def has(self, fact: FileFact) -> bool:
        """Ask the master: by the last piece sent once more."""
        if not fact.size:  # such a piece would be a first one; fetching nothing again is as good
            return False
        return await _asked(self._courier, self._worker, fact, self._mark)

    async def bring(self, path: pathlib.Path, fact: FileFact, advance: Advance) -> None:
        """See `Carrier.bring`. Raises `FetchError` ("disk")."""
        upload, offset = self._mark + secrets.token_hex(8), 0
        pieces = _pieces(path)
        try:
            while piece := await asyncio.to_thread(next, pieces, b""):
                if not await self._courier.chunk(self._worker, upload, offset, piece, ""):
                    raise FetchError("disk", _LOST)
                offset += len(piece)
                advance(1)  # a sign of life; the bytes were counted as they came
            if not await self._courier.chunk(self._worker, upload, offset, b"", fact.sha256):
                raise FetchError("disk", _LOST)
        except WireError as error:  # the master could not write it, and its words say why
            _, full, why = str(error).partition(f"{DISK_FULL}: ")
            raise (FetchError(DISK_FULL, why) if full else FetchError("disk", str(error))) from error
        except OSError as error:  # another download of the same bytes has just removed them: try again later
            raise disk_refused(error, "a saved file cannot be sent") from error

    def close(self) -> None:
        """Nothing: the connection is its owner's."""


class ToBucket:
    """Into a bucket, under its hash, unless the master has a name for these bytes already. See `Carrier`.

    ``bucket`` is where the job's workers put what they save, and is closed with this.
    """

    def __init__(self, courier: Courier, worker: str, bucket: Bucket) -> None:
        self._courier = courier
        self._worker = worker
        self._bucket = bucket

    async def has(self, fact: FileFact) -> bool:
        """Ask the master, whose catalog knows."""
        return await _asked(self._courier, self._worker, fact)

    async def bring(self, path: pathlib.Path, fact: FileFact, advance: Advance) -> None:
        """See `Carrier.bring`. Raises `FetchError` ("bucket-gone", "bucket")."""
        if await self.has(fact):
            return
        loop = asyncio.get_running_loop()

        def alive(_: int) -> None:  # the bytes were counted as they came
            loop.call_soon_threadsafe(advance, 1)

        try:
            await loop.run_in_executor(self._bucket.threads, self._put, path, fact, alive)
        except CrawlFailed as error:  # no other file would fare better: the crawl ends, and this one waits for the next
            raise FetchError(BUCKET_GONE, str(error)) from None
        except OSError as error:  # tried again as the retry table says
            raise FetchError("bucket", str(error)) from None

    def close(self) -> None:
        """See `Carrier.close`."""
        self._bucket.close()

    def _put(self, path: pathlib.Path, fact: FileFact, advance: Advance) -> None:
        """What stands under a hash is whole: only one that is not there is sent."""
        if fact.size <= PART:
            self._bucket.create(fact.sha256, path.read_bytes(), fact.type)
        elif self._bucket.head(fact.sha256) != fact.size:
            self._bucket.put(fact.sha256, path, fact.type, advance)


async def _asked(courier: Courier, worker: str, fact: FileFact, mark: str = "") -> bool:
    """Whether the master has the bytes of a file."""
    try:
        return await courier.chunk(worker, mark + secrets.token_hex(8), fact.size, b"", fact.sha256)
    except WireError:  # the master cannot look: the file is brought once more
        return False


class _UploadSink:
    def __init__(self, store: UploadStore, sink: Sink, advance: Advance) -> None:
        self._store = store
        self._sink = sink
        self._advance = advance
        self._sent = ""

    async def find(self, key: str) -> Beginning | None:
        return await self._sink.find(key)

    def keep(self, key: str, url: str, beginning: Beginning) -> None:
        self._sink.keep(key, url, beginning)

    async def write(self, chunk: bytes) -> None:
        await self._sink.write(chunk)

    async def digest(self, algorithm: str) -> bytes:
        return await self._sink.digest(algorithm)

    def probe(self) -> tuple[str, int, int]:
        return self._sink.probe()

    async def finish(self, url: str, name: str, content_type: str) -> FileFact:
        fact = await self._sink.finish(url, name, content_type)
        self._sent = fact.sha256
        self._store.hold(self._sent)
        try:
            await self._store.send(fact, self._advance)
        except BaseException:  # told to the caller; the next try fetches it anew
            await self._let_go()
            raise
        return fact

    async def leave(self) -> int:
        await self._let_go()
        return await self._sink.leave()

    async def discard(self) -> None:
        await self._let_go()
        await self._sink.discard()

    async def _let_go(self) -> None:
        sent, self._sent = self._sent, ""
        if sent:
            await self._store.let_go(sent)

    async def kept(self, fact: FileFact) -> FileFact | None:
        return await self._store.kept(fact)


def _pieces(path: pathlib.Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece
