"""All that a batch is written to, committed at once: each waits for a disk or a server, and these wait together."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait

from acrawl.results.base import Writer

#: Writers that commit at once, the caller's among them.
_THREADS = 8


class Committer:
    """Commits writers together. Blocking, for one thread; its own threads are started at first need."""

    def __init__(self, writers: Sequence[Writer]) -> None:
        self._writers = writers
        self._pool = ThreadPoolExecutor(_THREADS - 1, "acrawl-commits")

    def commit(self) -> dict[str, int]:
        """Commit all; returns their marks. Raises what the first of them raises that cannot, when all have ended."""
        given = [self._pool.submit(writer.commit) for writer in self._writers[1:]]
        try:
            marks = [writer.commit() for writer in self._writers[:1]]
        finally:  # whoever closes them next must be alone with them
            wait(given)
        marks += [future.result() for future in given]
        return {name: mark for one in marks for name, mark in one.items()}

    def close(self) -> None:
        """End the threads. Idempotent."""
        self._pool.shutdown()
