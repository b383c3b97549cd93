"""Small files, kept in groups: one thread writes what has gathered, syncs all of it, and wakes the loop once.

A thread for each file costs more than the file: every system call hands the interpreter's lock to and fro. And the
first fsync of a group lets the journal commit for all that was written before it, so the others find little to do.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor

from acrawl.results.objects import Objects

#: Files of one group: as many descriptors are open at once.
GROUP = 64


class Groups:
    """Keeps whole files. For one event loop; `close` after the last `keep` has returned."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._thread = ThreadPoolExecutor(1, "acrawl-small-files")
        self._waiting: list[tuple[bytes, asyncio.Future[str]]] = []
        self._worker: asyncio.Task[None] | None = None

    async def keep(self, data: bytes) -> str:
        """Put the bytes under their hash, whole and fsynced; returns the hash. Raises OSError."""
        done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting.append((data, done))
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())
        return await done

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            group, self._waiting = self._waiting[:GROUP], self._waiting[GROUP:]
            kept = await loop.run_in_executor(self._thread, keep_all, self._objects, [data for data, _ in group])
            for (_, done), result in zip(group, kept, strict=True):
                if done.done():  # its request was cancelled; the bytes are kept all the same
                    continue
                if isinstance(result, str):
                    done.set_result(result)
                else:
                    done.set_exception(result)
        self._worker = None

    def close(self) -> None:
        """Wait for what is being written. Blocks; idempotent."""
        self._thread.shutdown()


def keep_all(objects: Objects, files: list[bytes]) -> list[str | OSError]:
    """Store files in one go; what is stored already is not written again. One that fails does not harm the others."""
    kept: list[str | OSError] = []
    written: list[tuple[int, str, int, int]] = []
    for data in files:
        sha256 = hashlib.sha256(data).hexdigest()
        kept.append(sha256)
        try:
            if not objects.has(sha256, len(data)):
                path = os.fspath(objects.temporary())
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
                written.append((len(kept) - 1, path, descriptor, len(data)))
                write_all(descriptor, data)
        except OSError as error:  # told to the one who brought it
            kept[-1] = error
    for place, path, descriptor, size in written:
        sha256_or_error = kept[place]
        try:
            try:
                if isinstance(sha256_or_error, str):
                    os.fsync(descriptor)
            finally:
                os.close(descriptor)
            if isinstance(sha256_or_error, str):
                objects.keep(path, sha256_or_error, size)
                continue
        except OSError as error:  # as above
            kept[place] = error
        with contextlib.suppress(OSError):  # what cannot be removed now is swept at the next start
            os.unlink(path)
    return kept


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of it, however much one call takes. Blocks. Raises OSError."""
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]
