"""Small files, kept in groups: one thread writes what has gathered, syncs all of it, and wakes the loop once.

A thread for each file costs more than the file: every system call hands the interpreter's lock to and fro. And the
first fsync of a group lets the journal commit for all that was written before it, so the others find little to do.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor

from acrawl.results.files.objects import Objects

#: Files of one group: as many descriptors are open at once.
GROUP = 64
#: Bytes that are hashed at once: whole blocks of SHA-256, and few enough for hashlib to keep the interpreter's lock.
_SLICE = 1984
#: Bytes that are hashed in less time (50 us) than it takes to hand the lock to and fro and miss the caches.
_SMALL = 1 << 16
#: A file that is written but not yet synced: its path and its descriptor.
_Written = tuple[str, int]


class Groups:
    """Keeps whole files. For one event loop; `close` after the last `keep` has returned.

    Not ``synced`` they do not outlive a power failure.
    """

    def __init__(self, objects: Objects, *, synced: bool = True) -> None:
        self._keep_all = functools.partial(keep_all, objects, synced=synced)
        self._thread = ThreadPoolExecutor(1, "acrawl-small-files")
        self._waiting: list[tuple[bytes, asyncio.Future[str]]] = []
        self._worker: asyncio.Task[None] | None = None

    def keep(self, data: bytes) -> asyncio.Future[str]:
        """Put the bytes under their hash, whole and fsynced; the future is the hash, or raises OSError."""
        done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting.append((data, done))
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())
        return done

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            group, self._waiting = self._waiting[:GROUP], self._waiting[GROUP:]
            kept = await loop.run_in_executor(self._thread, self._keep_all, [data for data, _ in group])
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


def keep_all(objects: Objects, files: list[bytes], *, synced: bool = True) -> list[str | OSError]:
    """Store files in one go; what is stored already is not written again. One that fails does not harm the others."""
    kept: list[str | OSError] = []
    written: dict[str, _Written] = {}
    for data in files:
        sha256 = _sha256(data)
        kept.append(sha256)
        try:
            if sha256 not in written and not objects.has(sha256, len(data)):
                written[sha256] = _written(objects.temporary(), data)
        except OSError as error:  # told to the one who brought it
            kept[-1] = error
    failed: dict[str, OSError] = {}
    for sha256, (path, descriptor) in written.items():
        try:
            if synced:
                os.fsync(descriptor)
            objects.put(path, sha256)
        except OSError as error:  # told to all who brought these bytes
            failed[sha256] = error
            with contextlib.suppress(OSError):  # what cannot be removed now is swept at the next start
                os.unlink(path)
    _close_all([descriptor for _, descriptor in written.values()])
    return [failed.get(result, result) if isinstance(result, str) else result for result in kept] if failed else kept


def _sha256(data: bytes) -> str:
    """The hash in hexadecimal; that of a small file is taken without letting go of the interpreter's lock.

    hashlib lets go of it for 2048 bytes and more. To get it back from a busy loop costs more than hashing a small file.
    """
    if len(data) > _SMALL:
        return hashlib.sha256(data).hexdigest()
    digest = hashlib.sha256()
    view = memoryview(data)
    for start in range(0, len(data), _SLICE):
        digest.update(view[start : start + _SLICE])
    return digest.hexdigest()


def _written(path: str, data: bytes) -> _Written:
    """Write a new file and leave it open, to be synced. Raises OSError; no file is left then."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        write_all(descriptor, data)
    except OSError:  # it goes to the caller; half a file is of no use to anybody
        os.close(descriptor)
        with contextlib.suppress(OSError):  # as below: swept at the next start
            os.unlink(path)
        raise
    return path, descriptor


def _close_all(descriptors: list[int]) -> None:
    """Close many, with one call for each run of neighbours: each call hands the interpreter's lock over.

    What closing has to say is of no interest: the files have been synced.
    """
    descriptors.sort()
    start = 0
    for i, descriptor in enumerate(descriptors, 1):
        if i == len(descriptors) or descriptors[i] != descriptor + 1:
            os.closerange(descriptors[start], descriptor + 1)
            start = i


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of it, however much one call takes. Blocks. Raises OSError."""
    done = os.write(descriptor, data)
    while done < len(data):
        done += os.write(descriptor, memoryview(data)[done:])
