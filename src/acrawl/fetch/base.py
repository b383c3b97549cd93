"""The contracts of a fetch: a request becomes a response, or a `FetchError` with its reason.

A stage wraps the next one and cleans up after itself; the order is a list literal (``fetch/stages.py``). Down to the
stage ``body`` a response is whole; below it the body is a `Stream` in the exchange, which has only just begun to come.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from acrawl.cookie import JarChange
from acrawl.outcome import FileFact
from acrawl.parse.robots import ALLOW_ALL, Rules
from acrawl.request import Request
from acrawl.response import Response

#: Told of the bytes of a body as they come: how a watcher sees that a long exchange lives.
Advance = Callable[[int], None]


class Stage(Protocol):
    """One step of a fetch; users' downloader middleware has the same shape.

    A stage that is an async context manager is entered and left with the fetcher.
    """

    async def __call__(self, request: Request, send: Send, /) -> Response:
        """Do something before, ``await send(request)``, do something after.

        Raises `FetchError` for a failure that the ledger should name, `IgnoreRequest` to end it as excluded(filter),
        `Excluded` to end it as excluded with a word of its own.
        """


class Send:
    """The rest of the stages: ``await send(request)``, any number of times."""

    __slots__ = ("_at", "_stages", "exchange")

    def __init__(self, stages: Sequence[Stage], at: int, exchange: Exchange) -> None:
        self._stages = stages
        self._at = at
        self.exchange = exchange

    def __call__(self, request: Request) -> Awaitable[Response]:
        """Hand the request to the next stage."""
        return self._stages[self._at](request, Send(self._stages, self._at + 1, self.exchange))


class Exchange:
    """What the worker wants of one fetch, and what the stages tell each other about it. Made for one fetch.

    ``private_host`` is the politeness key that may have a private address. ``rules`` are its robots.txt's.
    With ``request.save``, a 200 answer of a type that it wants goes to ``sink``; without a sink every body stays in
    memory. A body longer than ``cut``, if that is given, ends there and is taken for whole. ``advance`` hears of the
    bytes. ``spacing`` is the distance in seconds between two starts at this host: where it is above 0 nothing is sent
    twice in haste, not even a request that its server most likely never saw.

    ``stream`` is the body below the stage ``body``: whoever replaces or ends it says so here, and what is left of it
    when the fetch ends is closed. ``untouched`` says that nothing was sent after all.

    ``jars`` is the version of the site's cookies (`acrawl.ticket.Ticket`), ``cookies`` collects what changed in them;
    ``anonymous`` asks without any, and without credentials.
    """

    __slots__ = (
        "advance", "anonymous", "cookies", "cut", "jars", "private_host", "rules", "sink", "spacing", "stream",
        "untouched",
    )  # fmt: skip

    def __init__(
        self,
        *,
        private_host: str = "",
        rules: Rules = ALLOW_ALL,
        sink: Sink | None = None,
        cut: int = 0,
        advance: Advance | None = None,
        spacing: float = 0.0,
        jars: int = 0,
        anonymous: bool = False,
    ) -> None:
        self.private_host = private_host
        self.rules = rules
        self.sink = sink
        self.cut = cut
        self.advance = advance or unheard
        self.spacing = spacing
        self.jars = jars
        self.anonymous = anonymous
        self.cookies: list[JarChange] = []
        self.stream: Stream | None = None
        self.untouched = False


class Stream(Protocol):
    """A body on its way. Ends with `release` or `close`."""

    async def read(self) -> bytes:
        """Wait for the next piece; empty when the body is over and whole. Raises `FetchError`."""

    def release(self) -> None:
        """Keep the connection for the next exchange, unless something is left of this one. Idempotent."""

    def close(self) -> None:
        """Close the connection. Idempotent; harmless after `release`."""


class Sink(Protocol):
    """Takes the bytes of one saved file. Use it once: ``write`` any number of times, then ``finish`` or ``discard``."""

    async def write(self, chunk: bytes) -> None:
        """Append. Raises `FetchError` ("disk") when the bytes cannot be kept."""

    async def finish(self, url: str, name: str, content_type: str) -> FileFact:
        """Put the file under its hash, whole and fsynced, and say what it is. ``name`` is the server's, or empty."""

    async def discard(self) -> None:
        """Forget the bytes. Idempotent; harmless after ``finish``."""


class FileStore(Protocol):
    """Where saved files go; wired by the worker."""

    def sink(self) -> Sink:
        """A new, empty file."""


def unheard(_: int) -> None:
    """Nobody watches."""
