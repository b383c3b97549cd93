"""Leases: who works on what, and until when. Pure: time is an argument.

What always holds: a token belongs to one worker and ends once; whatever is done with another token changes nothing.
"""

from __future__ import annotations

import heapq
import secrets
from collections.abc import Iterator, Mapping

from acrawl.frontier.hosts import Host
from acrawl.frontier.rows import Row


class Held:
    """One live lease. ``row`` is None for a host's robots.txt; ``started``: its worker said that it has begun."""

    __slots__ = ("deadline", "host", "row", "started", "token", "worker")

    def __init__(self, token: int, worker: str, host: Host, row: Row | None, deadline: float) -> None:
        self.token = token
        self.worker = worker
        self.host = host
        self.row = row
        self.deadline = deadline
        self.started = False


class Leases:
    """All live leases."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._held: dict[int, Held] = {}
        self._of: dict[str, set[int]] = {}
        self._deadlines: list[tuple[float, int]] = []
        self._seen: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[Held]:
        return iter(self._held.values())

    def grant(self, worker: str, host: Host, row: Row | None, now: float) -> Held:
        """Begin a lease."""
        token = secrets.randbits(62)
        deadline = now + self.seconds
        held = self._held[token] = Held(token, worker, host, row, deadline)
        self._of.setdefault(worker, set()).add(token)
        heapq.heappush(self._deadlines, (deadline, token))
        return held

    def end(self, worker: str, token: int) -> Held | None:
        """End a lease; None when it is not, or no longer, this worker's."""
        held = self._held.get(token)
        if held is None or held.worker != worker:
            return None
        return self._end(held)

    def renew(self, worker: str, tokens: Mapping[int, bool], now: float) -> list[int]:
        """Prolong leases ``{token: started}``; returns those that are not the worker's."""
        strange = []
        for token, started in tokens.items():
            held = self._held.get(token)
            if held is None or held.worker != worker:
                strange.append(token)
                continue
            held.deadline = now + self.seconds
            held.started = held.started or started
        return strange

    def of(self, worker: str) -> list[Held]:
        """The leases a worker holds."""
        return [self._held[token] for token in self._of.get(worker, ())]

    def expired(self, now: float) -> list[Held]:
        """End and return the leases that were not renewed in time."""
        gone = []
        while self._deadlines and self._deadlines[0][0] <= now:
            _, token = heapq.heappop(self._deadlines)
            held = self._held.get(token)
            if held is None:
                continue
            if held.deadline > now:
                heapq.heappush(self._deadlines, (held.deadline, token))
            else:
                gone.append(self._end(held))
        return gone

    def met(self, worker: str, now: float) -> None:
        """A worker showed itself: it counts in the shares for one lease's time."""
        self._seen[worker] = now

    def forget(self, worker: str) -> None:
        """A worker has left: it no longer counts in the shares."""
        self._seen.pop(worker, None)

    def workers(self, now: float) -> int:
        """How many workers share the hosts."""
        for worker in [worker for worker, seen in self._seen.items() if now - seen > self.seconds]:
            del self._seen[worker]
        return len(self._seen)

    def _end(self, held: Held) -> Held:
        del self._held[held.token]
        tokens = self._of[held.worker]
        tokens.discard(held.token)
        if not tokens:
            del self._of[held.worker]
        held.host.free(held.worker)
        return held
