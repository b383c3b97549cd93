"""Reading the queue behind the windows: hosts that run low are read for in groups, one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from acrawl.frontier.committer import Committer
from acrawl.frontier.host import Host
from acrawl.frontier.rows import Row
from acrawl.frontier.store import Store

#: Hosts that are read for at once: as long as the writer thread may be kept from committing.
GROUP = 256


class Reader:
    """Fills windows. ``on_read`` takes what was read for a host, and how much was asked for."""

    def __init__(self, store: Store, committer: Committer, on_read: Callable[[Host, list[Row], int], None]) -> None:
        self._store = store
        self._committer = committer
        self._on_read = on_read
        self._wanted: list[tuple[Host, int]] = []
        self._wake = asyncio.Event()

    def want(self, host: Host, size: int) -> None:
        """Read the next ``size`` rows of this host; its ``refilling`` is set until they have come."""
        self._wanted.append((host, size))
        self._wake.set()

    async def run(self) -> None:
        """Read until cancelled. Raises what the storage does."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._wanted:
                # What was requeued must be on disk at its new place before the file is asked what comes next.
                await self._committer.durable()
                group, self._wanted = self._wanted[:GROUP], self._wanted[GROUP:]
                windows = [(host.name, host.high, size) for host, size in group]
                found = await self._committer.run(self._store.refill, windows)
                for (host, size), rows in zip(group, found, strict=True):
                    self._on_read(host, rows, size)
