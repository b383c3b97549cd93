"""The longest an exchange may take, and the longest its server may be silent.

One timer watches all exchanges, because one for each costs a tenth of a small page.
"""

from __future__ import annotations

import asyncio
import math
from types import TracebackType
from typing import Protocol

#: How much later than its limit an exchange ends: this part of what it was given, and never more than a second.
_PRECISION = 1 / 8


class Deadlines:
    """The exchanges under way in one event loop. `within` gives each of them its time."""

    def __init__(self) -> None:
        self._open: set[Deadline] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._tick = 1.0

    def within(self, seconds: float) -> Deadline:
        """Return a context that raises TimeoutError in the task inside it after so many seconds; 0 means never."""
        return Deadline(self, seconds)

    def enter(self, deadline: Deadline, seconds: float) -> None:
        """Watch one more. Called by the context."""
        self._open.add(deadline)
        tick = min(1.0, seconds * _PRECISION)
        if self._timer is not None and tick < self._tick:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._tick = tick
            self._timer = asyncio.get_running_loop().call_later(tick, self._look)

    def leave(self, deadline: Deadline) -> None:
        """Forget one. Called by the context; idempotent."""
        self._open.discard(deadline)

    def _look(self) -> None:
        """End what is late; look again as long as there is anything to look at."""
        self._timer = None
        if not self._open:
            return
        loop = asyncio.get_running_loop()
        now = loop.time()
        for deadline in [one for one in self._open if one.at <= now]:
            self._open.discard(deadline)
            deadline.expire()
        self._timer = loop.call_later(self._tick, self._look)


class Deadline:
    """One use of `Deadlines.within`."""

    __slots__ = ("_all", "_cancelling", "_late", "_seconds", "_task", "at")

    def __init__(self, all_of_them: Deadlines, seconds: float) -> None:
        self._all = all_of_them
        self._seconds = seconds
        self._late = False

    def __enter__(self) -> None:
        if not self._seconds:
            return
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._cancelling = task.cancelling()
        self.at = asyncio.get_running_loop().time() + self._seconds
        self._all.enter(self, self._seconds)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._all.leave(self)
        # Only our own cancellation becomes a timeout; if somebody else cancelled the task as well, theirs goes on.
        if self._late and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def expire(self) -> None:
        """Interrupt the task. Called by `Deadlines`."""
        self._late = True
        self._task.cancel()


class Peer(Protocol):
    """Who may be silent for some time only."""

    #: Looks since it was heard; whoever hears it sets this to 0.
    quiet: int

    def give_up(self) -> None:
        """It was silent for too long."""


class Silence:
    """The peers that something is expected of, each of which may be silent for ``seconds``; 0 means for ever.

    Looks are counted and not seconds, so that a loop which was held up does not blame its peers.
    """

    def __init__(self, seconds: float) -> None:
        self._tick = min(1.0, seconds * _PRECISION)
        self._looks = math.ceil(seconds / self._tick) if seconds else 0
        self._peers: set[Peer] = set()
        self._timer: asyncio.TimerHandle | None = None

    def listen(self, peer: Peer) -> None:
        """Expect something of a peer. Idempotent."""
        if self._looks:
            self._peers.add(peer)
            if self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(self._tick, self._look)

    def leave(self, peer: Peer) -> None:
        """Expect nothing of it any more. Idempotent."""
        self._peers.discard(peer)

    def _look(self) -> None:
        """Give up those that are silent for too long; look again as long as there is anybody to look at."""
        self._timer = None
        for peer in list(self._peers):
            peer.quiet += 1
            if peer.quiet > self._looks:
                self._peers.discard(peer)
                peer.give_up()
        if self._peers:
            self._timer = asyncio.get_running_loop().call_later(self._tick, self._look)
