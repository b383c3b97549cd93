"""Many fsyncs at once: the disk takes them together, one after the other each of them waits for it.

Of eight or 64 new files of 20 kB, synced by eight threads instead of one, the last was durable after a fifth to a
fifteenth of the time, for no more CPU: the journal commits for all, and their flushes of the disk's cache become one.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

#: Threads that sync at once, the caller's among them.
_THREADS = 8


class Syncer:
    """Syncs what is open. Blocking; may be used by several threads. Its own threads are started at first need."""

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(_THREADS - 1, name)

    def sync(self, descriptors: Sequence[int]) -> list[OSError | None]:
        """Have all of them durable; returns what went wrong with each."""
        parts = max(1, min(_THREADS, len(descriptors)))
        given = [self._pool.submit(_synced, descriptors[part::parts]) for part in range(1, parts)]
        results: list[OSError | None] = [None] * len(descriptors)
        results[::parts] = _synced(descriptors[::parts])
        for part, future in enumerate(given, 1):
            results[part::parts] = future.result()
        return results

    def close(self) -> None:
        """End the threads. Idempotent."""
        self._pool.shutdown()


def _synced(descriptors: Sequence[int]) -> list[OSError | None]:
    return [_refusal(descriptor) for descriptor in descriptors]


def _refusal(descriptor: int) -> OSError | None:
    try:
        os.fsync(descriptor)
    except OSError as error:  # told to whoever brought these bytes; the others are not concerned
        return error
    return None
