"""The contracts of a fetch: a request becomes a response, or a `FetchError` with its reason.

A stage wraps the next one and cleans up after itself; the order is a list literal (``fetch/stages.py``). Down to the
stage ``body`` a response is whole; below it the body is a `Stream` in the exchange, which has only just begun to come.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from acrawl.cookie import JarChange
from acrawl.fetch.framing import Framing
from acrawl.fetch.route import Proxy
from acrawl.outcome import Beginning, FileFact
from acrawl.parse.robots import ALLOW_ALL, Rules
from acrawl.request import Request
from acrawl.response import Response
from acrawl.ticket import Version

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
        if self.exchange.trace is not None:
            stage, rest = self._stages[self._at], Send(self._stages, self._at + 1, self.exchange)
            return self.exchange.trace.through(stage, request, rest)
        return self._stages[self._at](request, Send(self._stages, self._at + 1, self.exchange))


class Exchange:
    """What the worker wants of one fetch, and what the stages tell each other about it. Made for one fetch.

    ``private_host`` is the politeness key that may have a private address. ``rules`` are its robots.txt's.
    With ``request.save``, a 200 answer of a type that it wants goes to ``sink``; without a sink every body stays in
    memory. A body longer than ``cut``, if that is given, ends there and is taken for whole. An image of fewer pixels
    than ``least``, in width or in height, is not kept. ``advance`` hears of the bytes. ``spacing`` is the distance in
    seconds between two starts at this host: where it is above 0 nothing is sent twice in haste, not even a request that
    its server most likely never saw. ``again`` is for who has to send once more: it takes the next start of the host,
    and says in how many seconds that is.

    ``forward`` says of a failed fetch that it has brought the next one nearer to its end: more of the file is there.

    ``stream`` is the body below the stage ``body``: whoever replaces or ends it says so here, and what is left of it
    when the fetch ends is closed. ``spared`` is said by a stage that refuses or answers instead of sending, ``sent`` by
    the transport. ``authorization`` is the value of that header for requests to the origin ``authorized``; it is kept
    out of the request so that it goes nowhere else. ``proxy`` is the way to take.
    ``trace`` watches all of it, for people; no crawl has one.

    ``former`` is what the visit before has found; ``unchanged`` is said by the stage that asked whether it still holds.

    ``dressed`` is a Cookie header that came from the jars, behind the origin it is for: another one does not get it.

    ``recorder`` captures what goes over the wire, where a web archive is made.

    ``jars`` is the version of the site's cookies (`acrawl.ticket.Ticket`), ``cookies`` collects what changed in them;
    ``anonymous`` asks without any.
    """

    __slots__ = (
        "advance",
        "again",
        "anonymous",
        "authorization",
        "authorized",
        "cookies",
        "cut",
        "dressed",
        "former",
        "forward",
        "jars",
        "least",
        "private_host",
        "proxy",
        "recorder",
        "rules",
        "sent",
        "sink",
        "spacing",
        "spared",
        "stream",
        "trace",
        "unchanged",
    )

    def __init__(  # noqa: PLR0913 - a noun: its fields, by name
        self,
        *,
        private_host: str = "",
        rules: Rules = ALLOW_ALL,
        sink: Sink | None = None,
        cut: int = 0,
        least: tuple[int, int] = (0, 0),
        advance: Advance | None = None,
        spacing: float = 0.0,
        again: Callable[[], float] | None = None,
        jars: int = 0,
        anonymous: bool = False,
        trace: Tracer | None = None,
        recorder: Recording | None = None,
        former: Version | None = None,
    ) -> None:
        self.private_host = private_host
        self.rules = rules
        self.sink = sink
        self.cut = cut
        self.least = least
        self.advance = advance or unheard
        self.spacing = spacing
        self.again = again or (lambda: spacing)
        self.jars = jars
        self.anonymous = anonymous
        self.cookies: list[JarChange] = []
        self.trace = trace
        self.recorder = recorder
        self.stream: Stream | None = None
        self.spared = False
        self.sent = False
        self.authorization = ""
        self.authorized = ""
        self.dressed = "", ""
        self.proxy: Proxy | None = None
        self.forward = False
        self.former = former
        self.unchanged = False

    @property
    def untouched(self) -> bool:
        """Whether nothing was sent: not by another request of this fetch either, as a challenge needs."""
        return self.spared and not self.sent


class Tracer(Protocol):
    """Watches one exchange: `acrawl.fetch.trace.Trace`."""

    async def through(self, stage: Stage, request: Request, send: Send) -> Response:
        """Let a request pass a stage, and note how long that takes."""

    def connected(self, wire: Any, head: bytes) -> None:
        """Note that there is a connection (`acrawl.fetch.trace.Wire`), and what is sent over it now."""


class Tap(Protocol):
    """Hears what comes over a connection during one exchange: `acrawl.fetch.capture.Capture`."""

    def __call__(self, data: bytes, /) -> None:
        """Take what came, before it is parsed."""

    def restart(self) -> None:
        """The request is sent once more, over another connection."""

    def headed(self, interim: int, framing: Framing, address: str, tls: Any) -> None:
        """The head of the answer is there, after so many ``interim`` ones. ``tls`` is what was agreed, or None."""

    def answered(self, status: int, headers: Mapping[str, str], *, direct: bool) -> None:
        """What that head says; behind a proxy (not ``direct``) the address is not the server's."""

    def along(self, stream: Stream) -> Stream:
        """The body of the answer, listened to as it is read."""


class Recording(Protocol):
    """Keeps what goes over the wire: `acrawl.fetch.capture.Recorder`."""

    def begin(self, url: str, head: bytes, body: bytes) -> Tap:
        """Listen to one more exchange; ``head`` and ``body`` are what is sent to the server."""


class Stream(Protocol):
    """A body on its way. Ends with `release` or `close`."""

    async def read(self) -> bytes:
        """Wait for the next piece; empty when the body is over and whole. Raises `FetchError`."""

    def release(self) -> None:
        """Keep the connection for the next exchange, unless something is left of this one. Idempotent."""

    def close(self) -> None:
        """Close the connection. Idempotent; harmless after `release`."""


class Sink(Protocol):
    """Takes the bytes of one saved file: ``write`` any number of times, then one of ``finish``, ``leave``, ``discard``.

    Whoever made it ends it; after ``leave`` and ``discard`` it is empty and may be used again.
    """

    async def find(self, key: str) -> Beginning | None:
        """Take up what an earlier try has left under this key, for this sink alone; None without.

        To be asked for before anything is written, which then goes behind it. Raises `FetchError` ("disk").
        """

    def keep(self, key: str, url: str, beginning: Beginning) -> None:
        """What is written from now on may be left under this key. To be said before anything is written."""

    async def write(self, chunk: bytes) -> None:
        """Append. Raises `FetchError` ("disk") when the bytes cannot be kept."""

    async def digest(self, algorithm: str) -> bytes:
        """The digest of all bytes so far, by a name of `acrawl.parse.digest.ALGORITHMS`. Raises `FetchError`."""

    def probe(self) -> tuple[str, int, int]:
        """What the bytes so far are: the type and the pixels of an image, as `acrawl.parse.image.probe` has them."""

    async def finish(self, url: str, name: str, content_type: str) -> FileFact:
        """Put the file under its hash, whole and fsynced, and say what it is. ``name`` is the server's, or empty.

        A later ``leave`` or ``discard`` says that nobody reads it here any more.
        """

    async def leave(self) -> int:
        """Leave the bytes for a later `find` and return how many; 0 and forgotten where they cannot be left.

        Idempotent; harmless after ``finish``. Raises nothing.
        """

    async def discard(self) -> None:
        """Forget the bytes, those that were left included. Idempotent; harmless after ``finish``. Raises nothing."""

    async def kept(self, fact: FileFact) -> FileFact | None:
        """Say what ``finish`` would of a file that was finished before; None unless all its bytes are still there."""


class FileStore(Protocol):
    """Where saved files go; wired by the worker."""

    def sink(self, advance: Advance = ..., /) -> Sink:
        """A new, empty file. ``advance`` hears of the bytes that `Sink.find` finds, and of whatever else takes long."""

    def place(self, fact: FileFact, /) -> str:
        """Where a file that one of its sinks has finished may be read until that sink's end; empty where it cannot."""


def unheard(_: int) -> None:
    """Nobody watches."""
