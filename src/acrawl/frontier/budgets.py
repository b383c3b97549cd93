"""A second budget, shared by several hosts: those of one server address, one registrable domain, or one user's key.

What always holds: the live shares of its hosts never sum above its concurrency; and with a delay it serves one worker
at one host at a time, so that the spacing of all starts is kept by one clock. Pure: time is an argument.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from typing import Generic, Protocol, TypeVar


class Member(Hashable, Protocol):
    """A host, as its budget sees it."""

    @property
    def held(self) -> Mapping[str, int]:
        """How many leases each worker holds there."""

    @property
    def live(self) -> int:
        """The sum of the live shares."""

    def live_of(self, worker: str) -> int:
        """One worker's live share."""


Host = TypeVar("Host", bound=Member)


class Budget(Generic[Host]):
    """What the hosts of one key may be asked for together. ``holders`` are those with requests under way."""

    __slots__ = ("__weakref__", "delay", "holders", "key", "last_start", "limit", "next_at", "parked")

    def __init__(self, key: str, limit: int, delay: float) -> None:
        self.key = key
        self.limit = limit
        self.delay = delay
        self.holders: set[Host] = set()
        #: Hosts that could be granted nothing because of the others, in the order of their turns.
        self.parked: OrderedDict[Host, None] = OrderedDict()
        self.next_at = 0.0
        self.last_start = -math.inf

    @property
    def is_full(self) -> bool:
        """Whether nothing can be granted at any of its hosts but by the one worker that a delay binds it to."""
        return bool(self.holders) and (self.delay > 0 or sum(holder.live for holder in self.holders) >= self.limit)

    def room_for(self, host: Host, worker: str) -> int:
        """How large this worker's share at this host may be, as far as the budget is concerned.

        While others wait for a full budget, who holds some of it gets nothing more: else its turn would never end.
        """
        if self.parked and self.is_full:
            return 0
        if self.delay > 0:
            alone = self.holders <= {host} and not set(host.held) - {worker}
            return self.limit if alone else 0
        live = sum(holder.live for holder in self.holders)
        return self.limit - (live - host.live_of(worker))

    def started(self, when: float) -> None:
        """Something was started at one of its hosts, or may have been."""
        self.last_start = max(self.last_start, when)
        self.next_at = max(self.next_at, self.last_start + self.delay)

    def freed(self, host: Host) -> None:
        """A lease at this host has ended."""
        if not host.held:
            self.holders.discard(host)
        if not self.holders:
            self.next_at = self.last_start + self.delay
