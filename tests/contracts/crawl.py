"""What the promises of a frontier are tested with: a crawl whose workers and web are played by the test."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from acrawl.clock import Clock
from acrawl.frontier.base import Delivery, Frontier, Gate
from acrawl.outcome import FETCHED, PART, HostFacts, Item, Outcome, Receipt, Snapshot, Story
from acrawl.request import Request, Sealed, seal, unseal
from acrawl.testing import ManualClock

#: ``(folder, {"section.key": value}, gate, clock)``: the same folder again is the next life of the same job.
Opener = Callable[[Path, Mapping[str, Any], Gate, Clock], Awaitable[Any]]

HOST = "http://a.test"
DEFAULTS: dict[str, Any] = {"frontier.commit_seconds": 0, "politeness.obey_robots": False}


class OpenGate:
    """Lets everything in but the hosts it is told to keep out."""

    def __init__(self, offsite: Iterable[str] = (), seeds: Iterable[str] = ()) -> None:
        self.offsite = set(offsite)
        self.seeds = set(seeds)

    def excludes(self, request: Sealed) -> str:
        return "offsite" if request.host in self.offsite else ""

    def strays(self, request: Sealed) -> str:
        return ""

    def opens(self, host: str) -> bool:
        return host in self.seeds

    def group(self, host: str) -> str:
        return host.rpartition(".")[2]


class Got(NamedTuple):
    """One lease as its worker sees it; ``start_at`` is the earliest moment it may be started, by the clock."""

    token: int
    url: str
    attempt: int
    robots: bool
    worker: str
    host: str
    share: int
    spacing: float
    start_at: float
    rules: bytes | None
    open: bool


def item(text: str) -> Item:
    return Item("item", text.encode())


class Crawl:
    """One job over any number of lives. `open` it first; what it opened is closed and audited after the test."""

    def __init__(self, opener: Opener, folder: Path) -> None:
        self.clock = ManualClock()
        self.frontier: Frontier
        self.lives = 0
        self._opener = opener
        self._folder = folder
        self._overrides: dict[str, Any] = {}
        self._gate: Gate = OpenGate()
        self._engine: Any = None
        self._parts: Counter[int] = Counter()

    async def open(self, overrides: Mapping[str, Any] | None = None, gate: Gate | None = None) -> None:
        self._overrides = DEFAULTS | dict(overrides or {})
        self._gate = gate or OpenGate()
        await self._open()

    async def _open(self) -> None:
        self.frontier = self._engine = await self._opener(self._folder, self._overrides, self._gate, self.clock)
        self.lives += 1

    async def restart(self, **changed: Any) -> None:
        """Close in good order and begin the next life; ``changed`` settings are written ``section__key``."""
        await self.close()
        self._overrides |= {name.replace("__", "."): value for name, value in changed.items()}
        await self._open()

    async def close(self) -> None:
        if self._engine is not None:
            await self._engine.close()
            self._engine = None

    def forget(self) -> None:
        """The engine is gone, without having been closed."""
        self._engine = None

    async def end(self) -> None:
        """The books must be balanced after every test."""
        if self._engine is not None:
            try:
                assert (await self.frontier.audit()).problems == []
            finally:
                await self.close()

    @property
    def epoch(self) -> int:
        return int(self._engine.epoch)

    # -- the web

    def sealed(self, what: str | Request, **facts: Any) -> Sealed:
        """Close a request; ``continuation`` and ``excluded`` are facts of the journey, the rest fields of it."""
        journey = {name: facts.pop(name) for name in ("continuation", "excluded") if name in facts}
        request = what if isinstance(what, Request) else Request(what if "://" in what else HOST + what, **facts)
        return seal(request, self._engine.secret, **journey)

    async def add(self, *what: str | Request, **facts: Any) -> None:
        await self.frontier.add([self.sealed(one, **facts) for one in what])

    # -- a worker

    async def lease(self, worker: str = "w", n: int = 100, wait: float = 0.0) -> list[Got]:
        batch = await self.frontier.lease(worker, n, wait)
        assert batch.epoch == self.epoch
        now, got = self.clock.now(), []
        for ticket in batch.tickets:
            for place, lease in enumerate(ticket.leases):
                start_at = now + ticket.start_in + place * ticket.spacing
                terms = (worker, ticket.host, ticket.share, ticket.spacing, start_at, ticket.rules, ticket.open)
                got.append(Got(lease.token, unseal(lease.url, lease.body).url, lease.attempt, lease.robots, *terms))
        assert len(got) <= n
        return got

    async def one(self, worker: str = "w") -> Got:
        (got,) = await self.lease_until(1, worker, 1)
        return got

    async def lease_until(self, count: int, worker: str = "w", n: int = 100) -> list[Got]:
        """Ask until there are so many leases: an engine may still be reading them from its storage."""
        got: list[Got] = []
        deadline = time.monotonic() + 10
        while len(got) < count:
            got += await self.lease(worker, min(n, count - len(got)))
            assert time.monotonic() < deadline, f"only {len(got)} of {count} leases came: {got}"
            await asyncio.sleep(0)
        return got

    async def report(self, got: Got, status: str = FETCHED, **facts: Any) -> Receipt:
        """Report one lease; ``worker`` and ``epoch`` may be false ones. Parts are counted here."""
        if status == PART:
            facts.setdefault("part", self._parts[got.token])
            self._parts[got.token] += 1
        worker, epoch = facts.pop("worker", got.worker), facts.pop("epoch", self.epoch)
        if "links" in facts:
            facts["requests"] = [self.sealed(link) for link in facts.pop("links")]
        return await self.frontier.report(worker, epoch, [Outcome(got.token, status, **facts)])

    async def allow(self, got: Got, rules: bytes = b"rules", crawl_delay: float | None = None, **facts: Any) -> None:
        """Report a host's robots.txt."""
        assert got.robots
        host = HostFacts(rules=rules, crawl_delay=crawl_delay)
        await self.report(got, **{"host": host, "ago": 0.0, **facts})

    async def fetch_all(self, worker: str = "w", n: int = 100) -> list[str]:
        """Lease and report until nothing is queued or leased; returns the URLs in the order they were handed out."""
        urls: list[str] = []
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            got = await self.lease(worker, n)
            urls += [one.url for one in got]
            outcomes = [Outcome(one.token, FETCHED) for one in got]
            if outcomes:
                assert await self.frontier.report(worker, self.epoch, outcomes) == Receipt(len(got))
            else:
                now = await self.snapshot()
                if not now.queued and not now.leased:
                    return urls
                await asyncio.sleep(0)
        raise AssertionError(f"still not done: {await self.snapshot()}")

    async def begin(self, *got: Got, progress: int = 1) -> None:
        """Their workers say that they have started these, and how far they are."""
        for one in got:
            assert await self.frontier.renew(one.worker, self.epoch, {one.token: progress}) == []

    # -- what is known

    async def snapshot(self) -> Snapshot:
        return await self.frontier.snapshot()

    async def story(self, url: str) -> Story:
        return await self.frontier.explain(url if "://" in url else HOST + url)

    async def state(self, url: str) -> str:
        """``queued``, ``leased`` ..., or how it ended with the reason: ``failed(dns)``."""
        story = await self.story(url)
        return f"{story.state}({story.reason})" if story.reason else story.state

    async def bodies(self, n: int = 1000) -> list[str]:
        return [delivery.item.body.decode() for delivery in await self.outbox(n)]

    async def outbox(self, n: int = 1000) -> Sequence[Delivery]:
        return await self.frontier.outbox(n)

    async def until_finished(self) -> Snapshot:
        """Wait for the end, by the real clock, while the crawl's own stands still."""
        deadline = time.monotonic() + 10
        while not (now := await self.snapshot()).finished:
            assert time.monotonic() < deadline, f"never finished: {now}"
            await asyncio.sleep(0)
        return now

    async def until_state(self, url: str, state: str) -> None:
        """Wait for something that the frontier does by itself in the background."""
        deadline = time.monotonic() + 10
        while (now := await self.state(url)) != state:
            assert time.monotonic() < deadline, f"{url} is {now}, not {state}"
            await asyncio.sleep(0.001)
