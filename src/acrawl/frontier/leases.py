"""Leases: who works on what, and until when. Pure: time is an argument.

What always holds: a token belongs to one worker and ends once; whatever is done with another token changes nothing.
"""

from __future__ import annotations

import heapq
import itertools
import secrets
from collections.abc import Iterator, Mapping

from acrawl.frontier.host import Guest, Host
from acrawl.frontier.rows import Row


class Held:
    """One live lease. ``row`` is None for a host's robots.txt; ``start_at`` is when it may be started.

    ``progress`` is the last its worker said (``named``, if it has said anything), ``moved`` when it last grew.
    ``parts`` counts the parts of its outcome that have come, ``made`` the items in them. ``alone``: its worker was
    given nothing besides. ``guest``: it is for the robots.txt of another host.
    """

    __slots__ = (
        "alone", "deadline", "guest", "host", "made", "moved", "named", "parts", "progress", "row", "start_at", "token",
        "worker",
    )  # fmt: skip

    def __init__(self, token: int, worker: str, host: Host, row: Row | None, deadline: float) -> None:
        self.token = token
        self.worker = worker
        self.host = host
        self.row = row
        self.deadline = deadline
        self.start_at = 0.0
        self.named = False
        self.progress = 0
        self.moved = 0.0
        self.parts = 0
        self.made = 0
        self.alone = False
        self.guest: Guest | None = None

    def may_have_started(self, now: float) -> bool:
        """Whether it may be what its worker died of.

        Its worker said that it has begun; or has said nothing of it since it might: what kills at once leaves no time.
        """
        return self.progress > 0 or (not self.named and now >= self.start_at)


class Leases:
    """All live leases; one that is renewed for ``stall`` seconds without any progress is lost all the same."""

    def __init__(self, seconds: float, stall: float) -> None:
        self.seconds = seconds
        self._stall = stall
        #: What the workers have said of the bytes of all that is under way, roughly.
        self.coming = 0
        self._held: dict[int, Held] = {}
        self._of: dict[str, dict[int, None]] = {}
        self._deadlines: list[tuple[float, int, int]] = []
        self._order = itertools.count()
        self._seen: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[Held]:
        return iter(self._held.values())

    def grant(self, worker: str, host: Host, row: Row | None, now: float, start_in: float = 0.0) -> Held:
        """Begin a lease on what may be started in ``start_in`` seconds."""
        token = secrets.randbits(62)
        deadline = now + self.seconds
        held = self._held[token] = Held(token, worker, host, row, deadline)
        held.start_at = now + start_in
        self._of.setdefault(worker, {})[token] = None
        heapq.heappush(self._deadlines, (deadline, next(self._order), token))
        return held

    def get(self, worker: str, token: int) -> Held | None:
        """A lease; None when it is not, or no longer, this worker's."""
        held = self._held.get(token)
        return held if held is not None and held.worker == worker else None

    def end(self, worker: str, token: int) -> Held | None:
        """End a lease; None when it is not, or no longer, this worker's."""
        held = self.get(worker, token)
        return None if held is None else self._end(held)

    def renew(self, worker: str, tokens: Mapping[int, int], now: float) -> list[int]:
        """Prolong leases ``{token: progress}``; returns those that are not the worker's.

        A lease that has started and stands still is not prolonged: it runs out, however often it is named. A progress
        below 0 says nothing of whether it has started.
        """
        strange = []
        for token, progress in tokens.items():
            held = self.get(worker, token)
            if held is None:
                strange.append(token)
                continue
            held.named = held.named or progress >= 0
            if progress > held.progress:
                self.coming += progress - held.progress
                held.progress, held.moved = progress, now
            if not held.progress or now - held.moved < self._stall:
                held.deadline = now + self.seconds
        return strange

    def of(self, worker: str) -> list[Held]:
        """The leases a worker holds, in the order in which it got them."""
        return [self._held[token] for token in self._of.get(worker, ())]

    def count(self, worker: str) -> int:
        """How many leases a worker holds."""
        return len(self._of.get(worker, ()))

    def expired(self, now: float) -> list[Held]:
        """End and return the leases that were not renewed in time, those first whose time was over first."""
        gone = []
        while self._deadlines and self._deadlines[0][0] <= now:
            _, order, token = heapq.heappop(self._deadlines)
            held = self._held.get(token)
            if held is None:
                continue
            if held.deadline > now:
                heapq.heappush(self._deadlines, (held.deadline, order, token))
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

    def knows(self, worker: str) -> bool:
        """Whether the worker counts in the shares."""
        return worker in self._seen

    def _end(self, held: Held) -> Held:
        del self._held[held.token]
        self.coming -= held.progress
        tokens = self._of[held.worker]
        del tokens[held.token]
        if not tokens:
            del self._of[held.worker]
        held.host.free(held.worker)
        return held
