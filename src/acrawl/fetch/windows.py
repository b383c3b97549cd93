"""How much the windows of all bodies of one worker may hold at once.

A decoder of br or zstd keeps what it has decoded, up to its window, which the server chooses: up to 16 MiB and 8 MiB.
Sixty such bodies at once would take a gigabyte.
"""

from __future__ import annotations

import asyncio
from collections import deque


class Windows:
    """So many places for windows, given in the order in which they were asked for; for one event loop."""

    def __init__(self, places: int) -> None:
        self.free = places
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def take(self, places: int) -> None:
        """Wait until there are so many places, all at once, so that no two wait for each other's."""
        if not self._waiting and places <= self.free:
            self.free -= places
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((places, turn))
        try:
            await turn
        except asyncio.CancelledError:
            # The places may have been given just before; else somebody behind may have its turn now.
            self.give(places if not turn.cancelled() else 0)
            raise

    def give(self, places: int) -> None:
        """Give places back."""
        self.free += places
        while self._waiting and (self._waiting[0][1].cancelled() or self._waiting[0][0] <= self.free):
            wanted, turn = self._waiting.popleft()
            if not turn.cancelled():
                self.free -= wanted
                turn.set_result(None)
