"""What one exchange did and how long each part took, for people (``acrawl fetch``). No crawl makes one.

Between stages the times are taken in ``Send``; below them aiohttp's connector tells of names and connections.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from acrawl.errors import FetchError, IgnoreRequest
from acrawl.fetch.base import Send, Stage
from acrawl.request import Request
from acrawl.response import Response


class Wire(Protocol):
    """A connection: when its socket was connected, whether it had served before, what has come over it so far."""

    made_at: float
    kept: bool
    address: str
    received: int
    transport: Any


class Step(msgspec.Struct):
    """A request's way through one stage, from ``began`` to ``ended``; ``inner`` are the ways through the rest.

    ``end`` is the status that came back, or why none did.
    """

    name: str
    depth: int
    began: float
    ended: float = 0.0
    end: str = ""
    inner: list[Step] = []

    @property
    def down(self) -> float:
        """Seconds on the way down; for a stage that sent nothing on, all of them."""
        return (self.inner[0].began if self.inner else self.ended) - self.began

    @property
    def up(self) -> float:
        """Seconds on the way up, and between several ways through the rest."""
        if not self.inner:
            return 0.0
        return self.ended - self.began - self.down - sum(step.ended - step.began for step in self.inner)


class Tls(msgspec.Struct, frozen=True):
    """What was agreed with a server; ``issuer`` and ``until`` are empty where the certificate was not verified."""

    version: str
    cipher: str
    issuer: str = ""
    until: str = ""


class Connected(msgspec.Struct):
    """How a request got its connection, in seconds; None for what did not happen.

    ``dns`` is the time for the name's addresses (0.0 if they were known), ``queued`` that for a free place, ``connect``
    that until a socket was connected, several addresses included, ``handshake`` that of TLS, ``wait`` that from sending
    the request to the head of its answer, or to the end of the connection. ``head`` is that of the request.
    """

    wire: Wire
    head: bytes
    before: int
    at: float
    wait: float | None = None
    dns: float | None = None
    queued: float | None = None
    connect: float | None = None
    handshake: float | None = None
    tls: Tls | None = None


class Trace:
    """Watches one exchange: `acrawl.fetch.base.Tracer`, and what aiohttp's connector calls of a trace of its own.

    ``steps`` are all ways through stages, in the order of their beginnings; ``connections`` the connections that were
    used, in their order: when one turns out to be dead there is another. It may watch several exchanges, one by one.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self.steps: list[Step] = []
        self.connections: list[Connected] = []
        self._open: list[Step] = []
        self._marks: dict[str, float] = {}

    @property
    def seconds(self) -> float:
        """How long all of it took."""
        return sum(step.ended - step.began for step in self.steps if not step.depth)

    @property
    def received(self) -> int:
        """Bytes that came over the connections, heads included."""
        return sum(each.wire.received - each.before for each in self.connections)

    async def through(self, stage: Stage, request: Request, send: Send) -> Response:
        """See `acrawl.fetch.base.Tracer.through`."""
        step = Step(named(stage), len(self._open), self._now(), inner=[])
        if self._open:
            self._open[-1].inner.append(step)
        self.steps.append(step)
        self._open.append(step)
        try:
            response = await stage(request, send)
        except (FetchError, IgnoreRequest) as error:
            step.end = getattr(error, "reason", "")
            raise
        else:
            step.end = str(response.status)
            return response
        finally:
            step.ended = self._now()
            self._open.remove(step)
            self._over(step.ended)

    def connected(self, wire: Wire, head: bytes) -> None:
        """See `acrawl.fetch.base.Tracer.connected`."""
        now, marks = self._now(), self._marks
        self._over(now)
        found = Connected(wire, head, wire.received, now)
        if "queued" in marks:
            found.queued = marks.get("free", now) - marks["queued"]
        if "create" in marks:
            found.tls = _tls(wire)
            begun = marks["create"]
            if "dns" in marks:
                found.dns = marks.get("addresses", begun) - marks["dns"]
                begun = marks.get("addresses", begun)
            elif "known" in marks:
                found.dns = 0.0
            made = wire.made_at if found.tls is not None else now
            found.connect, found.handshake = made - begun, now - made if found.tls is not None else None
        self._marks = {}
        self.connections.append(found)

    # -- what aiohttp calls -------------------------------------------------------------------------------------

    async def send_connection_queued_start(self) -> None:
        """All connections are in use."""
        self._mark("queued")

    async def send_connection_queued_end(self) -> None:
        """One has become free."""
        self._mark("free")

    async def send_connection_create_start(self) -> None:
        """A connection is made."""
        self._mark("create")

    async def send_connection_create_end(self) -> None:
        """It is there; `connected` is told at once."""

    async def send_connection_reuseconn(self) -> None:
        """A kept one is taken; `connected` is told at once."""

    async def send_dns_resolvehost_start(self, host: str) -> None:
        """A name is looked up."""
        self._mark("dns")

    async def send_dns_resolvehost_end(self, host: str) -> None:
        """Its addresses are there."""
        self._mark("addresses")

    async def send_dns_cache_hit(self, host: str) -> None:
        """Its addresses are known."""
        self._mark("known")

    async def send_dns_cache_miss(self, host: str) -> None:
        """They are not; it is looked up."""

    def _over(self, now: float) -> None:
        """Note that nobody waits for the head of an answer any more."""
        if self.connections and self.connections[-1].wait is None:
            self.connections[-1].wait = now - self.connections[-1].at

    def _mark(self, what: str) -> None:
        self._marks[what] = self._now()


def named(stage: Stage) -> str:
    """What a stage is called in ``fetch.stages``, or its class or function."""
    if type(stage).__module__.startswith("acrawl.fetch."):
        module = type(stage).__module__.rpartition(".")[2]
        return "body" if module == "receive" else module
    return str(getattr(stage, "__qualname__", type(stage).__qualname__))


def _tls(wire: Wire) -> Tls | None:
    agreed = wire.transport.get_extra_info("ssl_object") if wire.transport is not None else None
    if agreed is None:
        return None
    certificate = agreed.getpeercert() or {}
    issuer = {name: value for part in certificate.get("issuer", ()) for name, value in part}
    by = issuer.get("organizationName") or issuer.get("commonName") or ""
    return Tls(agreed.version() or "", agreed.cipher()[0], by, certificate.get("notAfter", ""))
