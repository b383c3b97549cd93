"""Connections to servers, and single exchanges over them: the module of the room that drives aiohttp.

aiohttp finds the addresses, makes the connections, keeps them and parses what comes. Its session, request and response
objects are left out, because they cost three times as much CPU as all the rest of a small exchange.
"""

from __future__ import annotations

import asyncio
from functools import partial

import aiohttp
from aiohttp import http_exceptions
from aiohttp.abc import AbstractResolver
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http import RawResponseMessage
from aiohttp.streams import StreamReader
from multidict import CIMultiDictProxy

from acrawl.errors import FetchError
from acrawl.fetch.deadlines import Silence
from acrawl.fetch.failures import FOREIGN, translated
from acrawl.fetch.names import Names
from acrawl.fetch.origin import Origin
from acrawl.fetch.tls import Trust
from acrawl.fetch.tunnel import Connector, Judge
from acrawl.settings import Fetch

#: What answers with addresses for a name.
Resolver = AbstractResolver

#: Bytes that are read from a socket before the reader is asked to take them.
_BUFFER = 1 << 18
#: Bytes of one header line; policies and cookies of real sites are longer than aiohttp's 8190.
_MAX_HEADER = 1 << 16
#: Bytes of a request that are written at once; of a longer one, so many whenever the server has taken the last.
_ONE_WRITE = 1 << 16
#: How a kept connection fails that the server had closed before it could see the request.
_DEAD = (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)


class Answer:
    """The head of an answer, and its body as it comes: `acrawl.fetch.base.Stream`. ``address`` is the server's."""

    __slots__ = ("_connection", "_content", "_protocol", "address", "headers", "status")

    def __init__(self, connection: Connection, message: RawResponseMessage, content: StreamReader) -> None:
        protocol = connection.protocol
        assert isinstance(protocol, _Protocol)
        self._protocol = protocol
        self._connection: Connection | None = connection
        self.status: int = message.code
        self.headers: CIMultiDictProxy[str] = message.headers
        self._content = content
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
        """Refuse a body without a declared length whose connection did not end in order: nobody knows what is missing.

        aiohttp takes every end of such a connection for the end of the body; only its protocol knows how it ended.
        """
        error = self._protocol.exception()
        if isinstance(error, OSError) and not self.headers.keys() & {"Content-Length", "Transfer-Encoding"}:
            raise FetchError("truncated", f"the connection broke before the end of the body: {error}")

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
        protocol = partial(_Protocol, asyncio.get_running_loop(), Silence(fetch.idle_timeout))
        self._connector = Connector(
            protocol, trust, names, limit=fetch.concurrency, patience=fetch.connect_timeout, judge=judge
        )
        self._timeout = aiohttp.ClientTimeout(total=None, connect=fetch.connect_timeout or None)
        self._no_timeout = aiohttp.ClientTimeout(total=None)

    async def close(self) -> None:
        """Close all connections."""
        await self._connector.close()

    async def ask(self, origin: Origin, head: bytes, body: bytes, *, bodiless: bool, repeatable: bool) -> Answer:
        """Send a request and return when the head of its answer is there. Raises aiohttp's errors.

        The answer to a ``bodiless`` request (HEAD) has no body. One that is ``repeatable`` is sent once more, where a
        kept connection turns out to be closed by the server just as it was taken up again.
        """
        while True:
            connection = await self._connected(origin)
            protocol = connection.protocol
            assert isinstance(protocol, _Protocol)
            kept = protocol.kept
            try:
                message, content = await protocol.ask(head, body, bodiless)
            except BaseException as error:
                protocol.rest()
                connection.close()
                if not (kept and repeatable and isinstance(error, _DEAD)):
                    raise
                repeatable = False
            else:
                return Answer(connection, message, content)

    async def _connected(self, origin: Origin) -> Connection:
        if origin.via is not None:  # the way through a proxy has a time for each of its parts
            return await self._connector.connect(origin, [], self._no_timeout)
        try:
            return await self._connector.connect(origin, [], self._timeout)
        except TimeoutError as error:
            raise aiohttp.ConnectionTimeoutError(f"Connection timeout to host {origin.key}") from error


class _Protocol(ResponseHandler):
    """One connection. ``kept`` says whether it has had an exchange; ``quiet`` is the watch's (see `Silence`).

    Between exchanges there is no parser, and a server that speaks then loses the connection: what nobody asked for must
    not answer the next request.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, silence: Silence) -> None:
        super().__init__(loop)
        self.kept = False
        self.address = ""
        self.quiet = 0
        self._silence = silence
        self._upload: asyncio.Task[None] | None = None

    async def ask(self, head: bytes, body: bytes, bodiless: bool) -> tuple[RawResponseMessage, StreamReader]:
        """Send a request and wait for the head of its answer; interim answers (1xx) are passed over."""
        transport = self.transport
        if transport is None:
            raise self.exception() or aiohttp.ServerDisconnectedError()
        self.set_response_params(
            skip_payload=bodiless,
            read_until_eof=True,
            auto_decompress=False,
            read_bufsize=_BUFFER,
            max_line_size=_MAX_HEADER,
            max_field_size=_MAX_HEADER,
        )
        if len(body) <= _ONE_WRITE:
            transport.write(head + body)
        else:
            transport.write(head)
            self._upload = self._loop.create_task(self._send(body))
        self._reschedule_timeout()
        while True:
            message, content = await self.read()
            if message.code >= 200 or message.code == 101:
                return message, content

    def rest(self) -> None:
        """End an exchange, well or not. Whether the connection can be kept is seen from ``should_close``."""
        self.kept = True
        if not self.should_close and self._has_begun_another():
            self.force_close()
        self._parser = None
        if self._upload is not None:
            if not self._upload.done():  # answered before the end of the question
                self._upload.cancel()
                self.force_close()
            self._upload = None

    def give_up(self) -> None:
        """Tell the reader that the server has been silent for too long. Called by `Silence`."""
        self._on_read_timeout()

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

    def data_received(self, data: bytes) -> None:
        """Parse what came; without a parser on a connection that was used, it came unasked."""
        if self._parser is None and self.kept:
            self.force_close()
            if self.transport is not None:
                self.transport.close()
            return
        super().data_received(data)

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Go on after a pause. aiohttp asks for it after each piece that is read, paused or not."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

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
