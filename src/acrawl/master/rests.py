"""What one worker has to hear of hosts that rest: those at which it holds leases of its own. Time is an argument."""

from __future__ import annotations

import asyncio

#: Hosts that wait to be told; beyond that the oldest are left out, whose rests its own answers will teach the worker.
MOST = 1000


class Rests:
    """Rests by host, each with the number under which it was told; ``stir`` is set when there are more.

    What was told stays until the worker says that it has heard of it: an answer may be lost on its way.
    """

    def __init__(self) -> None:
        self.number = 0
        self.stir = asyncio.Event()
        self._until: dict[str, tuple[int, float]] = {}

    def add(self, host: str, until: float) -> None:
        """Nothing may start at the host before that time."""
        self.number += 1
        self._until.pop(host, None)
        if len(self._until) >= MOST:
            del self._until[next(iter(self._until))]
        self._until[host] = (self.number, until)
        self.stir.set()

    def untold(self, heard: int, now: float) -> dict[str, float]:
        """The rests behind the number that the worker has heard of, in seconds from now; the others are forgotten.

        A number that was never reached is one of a former master's.
        """
        since = heard if heard <= self.number else 0
        self._until = {host: rest for host, rest in self._until.items() if rest[0] > since and rest[1] > now}
        return {host: until - now for host, (_, until) in self._until.items()}
