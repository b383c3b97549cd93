"""Connections to servers, and single exchanges over them: the module of the room that drives aiohttp.

aiohttp finds the addresses, makes the connections, keeps them and parses what comes. Its session, request and response
objects are left out, because they cost three times as much CPU as all the rest of a small exchange.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import ssl
import time
from functools import partial
from typing import Any

import aiohttp
from aiohttp import http_exceptions
from aiohttp.abc import AbstractResolver
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http import RawResponseMessage
from aiohttp.streams import StreamReader
from multidict import CIMultiDictProxy

from acrawl.errors import FetchError
from acrawl.fetch.base import Tap, Tracer
from acrawl.fetch.deadlines import Silence
from acrawl.fetch.failures import FOREIGN, translated
from acrawl.fetch.framing import framing_of
from acrawl.fetch.headers import with_one_length
from acrawl.fetch.names import Names
from acrawl.fetch.origin import Origin
from acrawl.fetch.tls import Trust
from acrawl.fetch.tunnel import Connector, Judge
from acrawl.settings import Fetch

#: What answers with addresses for a name.
Resolver = AbstractResolver

#: Bytes that are read from a socket before the reader is asked to take them.
_BUFFER = 1 << 18
#: Bytes of a request that are written at once; of a longer one, so many whenever the server has taken the last.
_ONE_WRITE = 1 << 16
#: Interim answers (1xx) before the final one; real servers send one or two.
_MAX_INTERIM = 20
#: Where a head ends. The parser takes a line feed for a line break (RFC 9112, 2.2), so it is one here.
_BLANK_LINE = re.compile(rb"\n\r?\n")
#: How a kept connection fails that the server had closed before it could see the request.
_DEAD = (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)


class Answer:
    """The head of an answer, and its body as it comes: `acrawl.fetch.base.Stream`. ``address`` is the server's."""

    __slots__ = ("_connection", "_content", "_has_end", "_protocol", "address", "headers", "status")

    def __init__(self, connection: Connection, message: RawResponseMessage, content: StreamReader) -> None:
        protocol = connection.protocol
        assert isinstance(protocol, _Protocol)
        self._protocol = protocol
        self._connection: Connection | None = connection
        self.status: int = message.code
        self.headers: CIMultiDictProxy[str] = message.headers
        self._content = content
        self._has_end = message.chunked or "Content-Length" in message.headers
        self.address = protocol.address

    async def read(self) -> bytes:
        """See `Stream.read`."""
        content = self._content
        if not content.at_eof():
            try:
                piece = await content.readany()
            except FOREIGN as error:  # the exchange fails here; its stages close what is left of it
                raise translated(error) from error
            if piece:
                return piece
        self._check_whole()
        return b""

    def _check_whole(self) -> None:
        """Refuse a body that tells no end, if its connection did not end in order: nobody knows what is missing.

        aiohttp takes every end of such a connection for the end of the body; only its protocol knows how it ended.
        """
        if self._protocol.transport is not None or self._has_end:
            return
        if broken := self._protocol.broken:
            raise FetchError("truncated", f"the connection broke before the end of the body: {broken}")

    def release(self) -> None:
        """Keep the connection for the next exchange, unless something is left of this one. Idempotent."""
        if self._connection is not None:
            self._protocol.rest()
            self._connection.release()
            self._connection = None

    def close(self) -> None:
        """Close the connection. Idempotent; harmless after `release`."""
        if self._connection is not None:
            self._protocol.rest()
            self._connection.close()
            self._connection = None


class Connections:
    """A pool of connections in the event loop that runs; ``judge`` refuses addresses of servers. `close` it."""

    def __init__(self, fetch: Fetch, trust: Trust, names: Names, judge: Judge) -> None:
        protocol = partial(_Protocol, asyncio.get_running_loop(), fetch, Silence(fetch.idle_timeout))
        self._connector = Connector(
            protocol, trust, names, limit=fetch.concurrency, patience=fetch.connect_timeout, judge=judge
        )
        self._timeout = aiohttp.ClientTimeout(total=None, connect=fetch.connect_timeout or None)
        self._no_timeout = aiohttp.ClientTimeout(total=None)

    async def close(self) -> None:
        """Close all connections."""
        await self._connector.close()

    async def ask(
        self,
        origin: Origin,
        head: bytes,
        body: bytes,
        *,
        bodiless: bool,
        repeatable: bool,
        trace: Tracer | None = None,
        tap: Tap | None = None,
    ) -> Answer:
        """Send a request and return when the head of its answer is there. Raises aiohttp's errors.

        The answer to a ``bodiless`` request (HEAD) has no body. One that is ``repeatable`` is sent once more, where a
        kept connection turns out to be closed by the server just as it was taken up again, over a new connection: the
        others that are kept may be dead for the same reason. ``tap`` hears what comes.
        """
        while True:
            connection = await self._connected(origin, head, trace)
            protocol = connection.protocol
            assert isinstance(protocol, _Protocol)
            kept = protocol.kept
            try:
                message, content = await protocol.ask(head, body, bodiless, tap)
            except BaseException as error:
                protocol.rest()
                connection.close()
                if not (kept and repeatable and isinstance(error, _DEAD)):
                    raise
                repeatable = False
                self._let_go(origin)
                if tap is not None:
                    tap.restart()
            else:
                return Answer(connection, message, content)

    def _let_go(self, origin: Origin) -> None:
        """Close the connections to a server that are kept and idle."""
        for protocol, _ in self._connector._conns.pop(origin.connection_key, ()):
            protocol.close()

    async def _connected(self, origin: Origin, head: bytes, trace: Tracer | None) -> Connection:
        # The way through a proxy has a time for each of its parts.
        timeout = self._timeout if origin.via is None else self._no_timeout
        try:
            if trace is None:
                return await self._connector.connect(origin, [], timeout)
            watching: Any = [trace]  # it answers to what aiohttp's connector calls of its own traces
            connection = await self._connector.connect(origin, watching, timeout)
            trace.connected(connection.protocol, head)
            return connection
        except TimeoutError as error:
            if origin.via is not None:  # it says itself what took too long
                raise
            raise aiohttp.ConnectionTimeoutError(f"Connection timeout to host {origin.key}") from error


class _Protocol(ResponseHandler):
    """One connection: `acrawl.fetch.trace.Wire`.

    ``kept`` says whether it has had an exchange; ``quiet`` is the watch's (see `Silence`). ``made_at`` is when its
    socket was connected, before TLS, by the monotonic clock; ``received`` counts the bytes that came.

    Between exchanges there is no parser, and a server that speaks then loses the connection: what nobody asked for must
    not answer the next request. The limits of heads are those of ``fetch``.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, fetch: Fetch, silence: Silence) -> None:
        super().__init__(loop)
        self._limits = fetch
        self._bodiless = False
        # What came of an answer before its head was read, interim answers included; None from then on.
        self._heads: list[bytes] | None = None
        self._tls: Any = None
        self._goodbye = False
        self._tap: Tap | None = None
        self._head_size = 0
        self.kept = False
        self.address = ""
        self.made_at = time.monotonic()
        self.received = 0
        self.quiet = 0
        self._silence = silence
        self._upload: asyncio.Task[None] | None = None

    async def ask(
        self, head: bytes, body: bytes, bodiless: bool, tap: Tap | None = None
    ) -> tuple[RawResponseMessage, StreamReader]:
        """Send a request and wait for the head of its answer; interim answers (1xx) are passed over.

        Raises aiohttp's errors; BadHttpMessage also for a storm of interim answers, and for another protocol (101).
        """
        transport = self.transport
        if transport is None:
            raise self.exception() or aiohttp.ServerDisconnectedError()
        self._bodiless, self._tap = bodiless, tap
        self._heads = []
        self._head_size = 0
        self._parse_anew()
        if len(body) <= _ONE_WRITE:
            transport.write(head + body)
        else:
            transport.write(head)
            self._upload = self._loop.create_task(self._send(body))
        self._reschedule_timeout()
        for interim in range(_MAX_INTERIM + 1):
            message, content = await self.read()
            if message.code >= 200:
                self._heads = None
                if tap is not None:
                    tap.headed(interim, framing_of(message, bodiless=bodiless), self.address, self._tls)
                return message, content
            if message.code == 101 or message.code < 100:
                raise http_exceptions.BadHttpMessage(f"the status {message.code:03}, which answers nothing")
        raise http_exceptions.BadHttpMessage(f"more than {_MAX_INTERIM} interim answers (1xx)")

    def rest(self) -> None:
        """End an exchange, well or not. Whether the connection can be kept is seen from ``should_close``."""
        self.kept, self._tap = True, None
        if not self.should_close and self._has_begun_another():
            self.force_close()
        self._parser = None
        if self._upload is not None:
            if not self._upload.done():  # answered before the end of the question
                self._upload.cancel()
                self.force_close()
            self._upload = None

    @property
    def broken(self) -> str:
        """How the connection ended, if not in order: without TLS's goodbye anybody on the way may have ended it."""
        if isinstance(self._exception, OSError):
            return str(self._exception)
        return "" if self._tls is None or self._goodbye else "TLS ended without a goodbye (RFC 8446, 6.1)"

    def give_up(self) -> None:
        """Tell the reader that the server has been silent for too long. Called by `Silence`."""
        self._on_read_timeout()

    def _parse_anew(self) -> None:
        self.set_response_params(
            skip_payload=self._bodiless,
            read_until_eof=True,
            auto_decompress=False,
            read_bufsize=_BUFFER,
            max_line_size=self._limits.max_header,
            max_field_size=self._limits.max_header,
            max_headers=self._limits.max_headers,
        )

    def _parse_apart(self, came: bytes) -> None:
        """Parse ``came`` once more, each head by itself and with what can be mended mended.

        The parser keeps nothing of what came in one piece with an error, not even a good answer before it.
        """
        self._buffer.clear()
        self._parse_anew()
        at = 0
        for end in itertools.islice(_BLANK_LINE.finditer(came), _MAX_INTERIM + 1):
            super().data_received(with_one_length(came[at : end.end()]))
            at = end.end()
            if self._is_head_there() or self._exception is not None:
                break
        if at < len(came) and self._exception is None:
            super().data_received(came[at:])

    def _check_head(self) -> None:
        """Refuse heads that are too large together, once it is known that what came is head."""
        size = self._head_size
        if self._is_head_there():
            fields = self._buffer[-1][0][0].raw_headers
            size = sum(len(name) + len(value) + 4 for name, value in fields)
        if size > self._limits.max_head and self._exception is None:
            self._buffer.clear()
            self._heads = None
            self.set_exception(http_exceptions.BadHttpMessage(f"a head of more than {self._limits.max_head} bytes"))
            if self.transport is not None:
                self.transport.close()

    def _is_head_there(self) -> bool:
        return bool(self._buffer) and self._buffer[-1][0][0].code >= 200

    def _has_begun_another(self) -> bool:
        """Whether the beginning of another answer came with the end of this one."""
        try:
            return self._parser is not None and self._parser.feed_eof() is not None
        except http_exceptions.HttpProcessingError:  # it has, and a bad one
            return True

    async def _send(self, body: bytes) -> None:
        """Write a long body as fast as it is taken. The answer may come before its end: a server need not read it."""
        for start in range(0, len(body), _ONE_WRITE):
            if self.transport is None:
                return
            self.transport.write(body[start : start + _ONE_WRITE])
            self._reschedule_timeout()
            try:
                await self._drain_helper()
            except (aiohttp.ClientError, OSError):  # the connection is lost; whoever waits for the answer is told
                return

    # -- what aiohttp calls -------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note who is at the other end."""
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        self.address = peer[0] if isinstance(peer, tuple) else ""
        self._tls = transport.get_extra_info("ssl_object")

    def data_received(self, data: bytes) -> None:
        """Parse what came; without a parser on a connection that was used, it came unasked."""
        self.received += len(data)
        if self._tap is not None:
            self._tap(data)
        if self._parser is None and self.kept:
            self.force_close()
            if self.transport is not None:
                self.transport.close()
            return
        if self._heads is None:
            super().data_received(data)
            return
        self._heads.append(data)
        self._head_size += len(data)
        super().data_received(data)
        if self._head_size > self._limits.max_head:
            self._check_head()

    def set_exception(self, exc: BaseException, exc_cause: BaseException | None = None) -> None:
        """Give the exchange up; where it is the parser that gives up, let it first try the head by itself.

        Browsers take an answer that is whole, whatever follows it.
        """
        if self._heads and isinstance(exc, http_exceptions.HttpProcessingError) and not self._is_head_there():
            came, self._heads = b"".join(self._heads), None
            if _BLANK_LINE.search(came):
                self._parse_apart(came)
                if self._is_head_there() or self._exception is not None:
                    return
        if exc_cause is None:
            super().set_exception(exc)
        else:
            super().set_exception(exc, exc_cause)

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Go on after a pause. aiohttp asks for it after each piece that is read, paused or not."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def eof_received(self) -> None:
        """Note whether TLS said goodbye. asyncio calls this at every end, uvloop only after a goodbye."""
        super().eof_received()
        if self._tls is not None:
            try:
                self._goodbye = not self._tls.read(1)
            except ssl.SSLError as error:  # TLS waits for more, unless our own goodbye was sent before its
                self._goodbye = isinstance(error, ssl.SSLZeroReturnError)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Tell a waiting reader of every end.

        When its parser gives up in the middle of a chunked body, aiohttp closes the connection and stops the clock of
        ``sock_read``, but says nothing to the reader of the body, who would wait until the total timeout.
        """
        payload = self._payload
        super().connection_lost(exc)
        if payload is not None and not payload.is_eof() and payload.exception() is None:
            payload.set_exception(aiohttp.ClientPayloadError(f"the body broke off: {self.exception()}"))

    def _reschedule_timeout(self) -> None:
        """Note that the server lives, where aiohttp would start its timer anew: one timer watches all of them."""
        self.quiet = 0
        self._silence.listen(self)

    def _drop_timeout(self) -> None:
        self._silence.leave(self)
