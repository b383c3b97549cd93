"""The contract of a frontier: what to fetch next, and when.

A request is in exactly one state: *queued*, *leased*, or *done* with one recorded outcome. One suite
(``tests/contracts/frontier.py``) holds every engine to what is written here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from acrawl.cookie import JarCopy
from acrawl.outcome import Audit, Delivery, Outcome, Receipt, Redirected, Snapshot, Story
from acrawl.request import Sealed
from acrawl.ticket import Batch


class Gate(Protocol):
    """Decides what belongs to the crawl. Pure: the same answer for the same request, without waiting."""

    def excludes(self, request: Sealed) -> str:
        """Why a discovered request does not belong to it (one word: offsite, depth ...); empty when it does."""

    def strays(self, request: Sealed) -> str:
        """Of where a seed leads by a redirect: what would take it in, in words; empty where it belongs to the crawl."""

    def opens(self, host: str) -> bool:
        """Whether the user named this host, so that it may have a private address."""

    def group(self, host: str) -> str:
        """The key of the second budget this host shares with others; empty for none."""


class Leasing(Protocol):
    """The part of a frontier that workers see, directly or over the queues. All calls are batched."""

    async def lease(self, worker: str, n: int, wait: float) -> Batch:
        """Hand out at most ``n`` leases, each to be started no earlier than its ticket says.

        Waits up to ``wait`` seconds until something may start; an empty batch means nothing may. A lease lives for
        ``Batch.seconds`` and is lost unless renewed; a lost request is queued again. Not idempotent: an answer that
        never arrives is a set of leases that will be lost.
        """

    async def renew(self, worker: str, epoch: int, held: Mapping[int, int]) -> list[int]:
        """Prolong leases: ``{token: progress}``. Returns the tokens that are no longer the worker's.

        ``progress`` is 0 until the request has started, then a number from 1 on that grows with every sign of life
        (bytes received, things made). What has started and stands still for ``stall_seconds`` is not prolonged.
        Does not wait; idempotent. Nothing is prolonged under a wrong epoch: then all tokens come back.
        """

    async def report(self, worker: str, epoch: int, outcomes: Sequence[Outcome]) -> Receipt:
        """End leases and take what came of them, each outcome in one atomic step; returns once it is durable.

        What it says of cookies holds for all that it causes: no later ticket of the site has an older version.
        An outcome of status ``part`` ends nothing: it is staged, durably, and takes effect with the last one of its
        token, or never. Idempotent: a repeated report, a late one and one of another epoch change nothing and are
        counted as stale.
        A slot at the host is free as soon as the outcome arrives, before the commit.
        """

    async def release(self, worker: str, epoch: int, tokens: Sequence[int]) -> None:
        """Give leases back unfetched; they are queued at once, at their old place. Idempotent."""

    async def jar(self, worker: str, site: str, key: str) -> JarCopy:
        """The cookies of a site (a registrable domain) under a spider's key; empty when there are none.

        Holds all that was reported before the call, durably, and may wait for that. Its version is at least that of
        every ticket handed out before the call, in this life and in earlier ones. Idempotent.
        """


class Frontier(Leasing, Protocol):
    """The whole contract, as the master sees it. ``visit`` is how often the crawl had finished before it began anew."""

    visit: int

    async def add(self, requests: Sequence[Sealed], *, seeds: int | None = None) -> None:
        """Admit discovered requests. Durable when it returns; idempotent by fingerprint.

        ``seeds`` commits, in the same step, how many seeds have been taken from the spider so far.
        Those the gate keeps out are recorded as excluded.
        """

    async def adopt(self, worker: str, epoch: int, tokens: Sequence[int]) -> list[int]:
        """A worker has come back: bind the leases it still holds to it again; returns the tokens it must drop."""

    async def left(self, worker: str) -> int:
        """A worker has said goodbye: what it never heard of is queued again, without blame; returns how much."""

    async def lost(self, worker: str) -> int:
        """A worker is gone for good: queue its leases again; returns how many."""

    async def outbox(self, n: int) -> Sequence[Delivery]:
        """The next ``n`` undelivered items, oldest first; empty means none now. Does not remove them; idempotent."""

    async def done(self, ids: Sequence[int], marks: Mapping[str, int] | None = None) -> None:
        """Remove delivered items and record each feed's committed length, in one step. Idempotent."""

    async def marks(self) -> dict[str, int]:
        """The committed length of each feed."""

    async def seeds(self) -> int | None:
        """How many seeds have been taken from the spider; None once they are exhausted."""

    async def seeds_exhausted(self) -> None:
        """The spider has no more seeds. Durable; idempotent."""

    async def reopen(self) -> None:
        """Forget that a callback wanted the crawl to end: it is to go on. Durable; idempotent."""

    async def stop(self, reason: str) -> int:
        """Record everything still queued as ``excluded(reason)`` in one step; leases go on. Returns how many.

        Until the frontier is opened again nothing comes in any more, and it finishes without the rest of the seeds.
        """

    def on_pause(self, tell: Callable[[str, float, Sequence[str]], None]) -> None:
        """Call ``tell(host, seconds, workers)`` whenever a host begins to rest at which ``workers`` still hold leases.

        Called at once, in the loop, before the report that says so is durable.
        """

    async def snapshot(self) -> Snapshot:
        """Where the crawl stands, read from the structures in one step."""

    async def redirects(self, after: int, n: int) -> Sequence[Redirected]:
        """The next ``n`` requests that ended as redirects, in the order of their numbers, behind that number."""

    async def changes(self) -> dict[str, int]:
        """How many URLs this visit found to be each of `acrawl.outcome.CHANGES`; empty in the first visit."""

    async def gone(self) -> Sequence[str]:
        """The URLs of which their servers say that there is nothing (404, 410); empty in the first visit."""

    async def explain(self, url: str) -> Story:
        """All that is known about a URL; state ``unknown`` if it was never discovered."""

    async def audit(self) -> Audit:
        """Count the books from the storage itself, not from any counter."""

    async def close(self) -> None:
        """Commit what is pending and let go of the storage; leases are forgotten and queued again at the next start."""
