"""One exchange over HTTP: the only module of the room that knows aiohttp, and the border where its errors end.

Bodies are read piece by piece under a cap, decoded on the way, so neither a long body nor one that swells when it is
decompressed takes more memory than the cap and two buffers.
"""

from __future__ import annotations

import asyncio
import contextvars
import errno
import io
import socket
import ssl
from collections.abc import Callable, Mapping
from functools import partial
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp import client_exceptions, http_exceptions
from aiohttp.abc import AbstractResolver
from aiohttp.client_proto import ResponseHandler
from yarl import URL

from acrawl.clock import Clock, SystemClock
from acrawl.errors import FetchError
from acrawl.fetch.base import Sink
from acrawl.fetch.deadlines import Deadlines
from acrawl.fetch.guard import refused_address, refused_port
from acrawl.fetch.headers import defaults, file_name, headers_of
from acrawl.outcome import FileFact
from acrawl.parse.image import RECOGNISED, probe
from acrawl.request import Request
from acrawl.response import Response
from acrawl.settings import Fetch
from acrawl.url import host_of

#: Bytes that are read from a socket, or decoded, before the reader is asked to take them.
_BUFFER = 1 << 18
#: Bytes of one header line; policies and cookies of real sites are longer than aiohttp's 8190.
_MAX_HEADER = 1 << 16
#: Bytes of an unwanted body that are read to keep the connection; a longer one costs the connection.
_MAX_UNWANTED = 1 << 16
#: Bytes that tell the type of a body.
_MIN_HEAD = 512
#: Bytes of a request body above which aiohttp wants a stream.
_MAX_BYTES_BODY = 1 << 20
#: Methods that may be sent twice when a kept connection turns out to be dead (RFC 9110, 9.2.2).
_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
#: An errno of our own, for sockets that the guard does not make. The system's are positive.
_BLOCKED = -1

#: The reason for each kind of error, by the nearest class. A test fails when aiohttp has one that is not here.
REASONS: dict[type[BaseException], str] = {
    aiohttp.ClientError: "malformed",
    aiohttp.ClientConnectionError: "reset",
    aiohttp.ClientConnectionResetError: "reset",
    aiohttp.ClientOSError: "unreachable",
    aiohttp.ClientConnectorError: "unreachable",
    aiohttp.ClientConnectorDNSError: "dns",
    aiohttp.ClientProxyConnectionError: "unreachable",
    client_exceptions.UnixClientConnectorError: "unreachable",
    aiohttp.ClientSSLError: "tls",
    client_exceptions.ClientConnectorSSLError: "tls",
    aiohttp.ClientConnectorCertificateError: "tls",
    aiohttp.ServerFingerprintMismatch: "tls",
    aiohttp.ServerConnectionError: "reset",
    aiohttp.ServerDisconnectedError: "reset",
    aiohttp.ServerTimeoutError: "timeout",
    aiohttp.ConnectionTimeoutError: "timeout",
    aiohttp.SocketTimeoutError: "timeout",
    aiohttp.ClientResponseError: "malformed",
    aiohttp.ContentTypeError: "malformed",
    aiohttp.WSServerHandshakeError: "malformed",
    aiohttp.ClientHttpProxyError: "unreachable",
    aiohttp.TooManyRedirects: "malformed",
    aiohttp.ClientPayloadError: "truncated",
    aiohttp.UploadAbortedError: "reset",
    aiohttp.InvalidURL: "malformed",
    aiohttp.InvalidUrlClientError: "malformed",
    aiohttp.RedirectClientError: "malformed",
    aiohttp.NonHttpUrlClientError: "malformed",
    aiohttp.InvalidUrlRedirectClientError: "malformed",
    aiohttp.NonHttpUrlRedirectClientError: "malformed",
    http_exceptions.HttpProcessingError: "malformed",
    http_exceptions.TransferEncodingError: "truncated",
    http_exceptions.ContentLengthError: "truncated",
    http_exceptions.ContentEncodingError: "malformed",
    ssl.SSLError: "tls",
    TimeoutError: "timeout",
    ConnectionError: "reset",
    OSError: "unreachable",
    ValueError: "malformed",
    RuntimeError: "reset",  # uvloop's and aiohttp's word for a connection that closed under a call
}
#: What an errno says better than the class that carries it.
_ERRNOS = {
    _BLOCKED: "blocked",
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "reset",
    errno.ECONNABORTED: "reset",
    errno.EPIPE: "reset",
    errno.ESHUTDOWN: "reset",
    errno.ETIMEDOUT: "timeout",
}
#: The setting behind each kind of timeout; the rest is the total.
_LIMITS: dict[type[BaseException], str] = {
    aiohttp.ConnectionTimeoutError: "fetch.connect_timeout",
    aiohttp.SocketTimeoutError: "fetch.idle_timeout",
}
_TELLING = (
    http_exceptions.TransferEncodingError,
    http_exceptions.ContentLengthError,
    http_exceptions.ContentEncodingError,
)
#: What a hostile or broken peer can make aiohttp raise.
_FOREIGN = (aiohttp.ClientError, http_exceptions.HttpProcessingError, OSError, ValueError, RuntimeError)


class _Exchange:
    """Whether the exchange of this task, which a socket was made for, has a connection of its own."""

    __slots__ = ("fresh",)

    def __init__(self) -> None:
        self.fresh = False


_exchange: contextvars.ContextVar[_Exchange] = contextvars.ContextVar("acrawl_exchange")


class _Protocol(ResponseHandler):
    """aiohttp's connection, which tells a waiting reader of every end.

    When its parser gives up in the middle of a chunked body, aiohttp closes the connection and stops the clock of
    ``sock_read``, but says nothing to the reader of the body, who would wait until the total timeout.
    """

    def connection_lost(self, exc: BaseException | None) -> None:
        payload = self._payload
        super().connection_lost(exc)
        if payload is not None and not payload.is_eof() and payload.exception() is None:
            payload.set_exception(aiohttp.ClientPayloadError(f"the body broke off: {self.exception()}"))


class Transport:
    """Connections to all hosts, kept alive between exchanges. Use it as an async context manager, in one event loop.

    ``resolver`` replaces the system's name resolution; what it answers is judged by the guard all the same.
    """

    def __init__(self, fetch: Fetch, *, clock: Clock | None = None, resolver: AbstractResolver | None = None) -> None:
        self._fetch = fetch
        self._now = (clock or SystemClock()).now
        self._resolver = resolver
        # Two pools, so that no connection to a private address is ever reused for a request that may not have one.
        self._session: aiohttp.ClientSession
        self._private: aiohttp.ClientSession
        self._deadlines = Deadlines()

    async def __aenter__(self) -> Self:
        self._session = self._connected(_guarded_socket)
        self._private = self._connected(_socket)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()
        await self._private.close()

    def _connected(self, make_socket: Callable[[tuple[Any, ...]], socket.socket]) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=self._fetch.concurrency,
            ssl=self._fetch.verify_tls,
            # Named, because aiohttp takes c-ares for all names as soon as aiodns can be imported.
            resolver=self._resolver or aiohttp.ThreadedResolver(),
            ttl_dns_cache=300,
            socket_factory=make_socket,
        )
        protocol: Any = partial(_Protocol, loop=asyncio.get_running_loop())
        connector._factory = protocol
        session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=defaults(self._fetch.user_agent),
            timeout=aiohttp.ClientTimeout(
                total=None,
                connect=self._fetch.connect_timeout or None,
                sock_read=self._fetch.idle_timeout or None,
            ),
            read_bufsize=_BUFFER,
            max_line_size=_MAX_HEADER,
            max_field_size=_MAX_HEADER,
        )
        # aiohttp asks again after any lost connection. One lease is one request: `_ask` repeats it only where the
        # server cannot have seen it.
        session._retry_connection = False
        return session

    async def __call__(
        self, request: Request, *, private_host: str = "", sink: Sink | None = None, cut: int = 0
    ) -> Response:
        """Make one exchange; redirects are answers like others. Raises `FetchError` and nothing else of the network.

        ``private_host`` is the politeness key that may have a private address. With ``request.save``, a 200 answer of a
        type that it wants goes to ``sink``, which is discarded when the exchange fails; one of another type stays in
        memory, and the bodies of other answers are left out. Without a sink every body stays in memory. A body longer
        than ``cut``, if that is given, ends there and is taken for whole.
        """
        began = self._now()
        host = host_of(request.url)
        if refused := refused_port(host):
            raise FetchError("blocked", refused)
        session = self._private if host == private_host or self._fetch.allow_private else self._session
        saving = bool(request.save) and sink is not None
        body, file = b"", None
        fetch = self._fetch
        try:
            with self._deadlines.within(fetch.file_timeout if saving else fetch.total_timeout):
                answer = await self._ask(session, request)
                try:
                    if not saving:
                        body = await _body(answer, cut or fetch.max_body, bool(cut))
                    elif answer.status == 200 and sink is not None:
                        head = b"" if request.save is True else await _head(answer)
                        if request.save is True or request.saves(_media_type(head, answer.headers)):
                            file = await _saved(answer, request.url, sink, fetch.max_file, head)
                        else:
                            body = await _body(answer, fetch.max_body, cut=False, head=head)
                    else:
                        await _body(answer, _MAX_UNWANTED, cut=True)
                except BaseException:
                    # An error or a cancellation in the middle of a body: the connection is of no further use, and a
                    # part of a file is no file.
                    answer.close()
                    if sink is not None:
                        await sink.discard()
                    raise
        except _FOREIGN as error:  # the request failed; the worker decides whether it is tried again
            raise translated(error) from error
        return Response(
            request.url,
            status=answer.status,
            headers=answer.headers.copy(),
            body=body,
            request=request,
            seconds=self._now() - began,
            file=file,
        )

    async def _ask(self, session: aiohttp.ClientSession, request: Request) -> aiohttp.ClientResponse:
        """Send the request and read the head of the answer."""
        exchange = _Exchange()
        _exchange.set(exchange)
        options: dict[str, Any] = {"headers": headers_of(request), "allow_redirects": False}
        url = URL(request.url, encoded=True)
        for _ in range(2):
            if body := request.body:
                options["data"] = body if len(body) < _MAX_BYTES_BODY else io.BytesIO(body)
            try:
                return await session.request(request.method, url, **options)
            except aiohttp.ClientConnectorError:
                raise
            except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
                if exchange.fresh or request.method not in _IDEMPOTENT:
                    raise
                # The server closed a kept connection just as it was taken up again: asked once more.
                exchange.fresh = True
        raise AssertionError("unreachable: the second failure is raised")


def translated(error: BaseException) -> FetchError:
    """Say a foreign error in the ledger's words: the reason, and the original text for people."""
    text = str(error) or type(error).__name__
    judged = error
    if isinstance(error, aiohttp.ClientConnectorError) and error.errno is None:
        judged = error.os_error  # a handshake that broke off, or several addresses that failed in several ways
        text = f"{text}: {judged}"
    code = getattr(judged, "errno", None)
    reason = None if isinstance(judged, ssl.SSLError) or not code else _ERRNOS.get(code)
    if reason is None:
        reason = next((REASONS[kind] for kind in type(_cause(judged)).__mro__ if kind in REASONS), "malformed")
    if reason == "blocked" and isinstance(judged, OSError):
        text = judged.strerror or text
    elif isinstance(error, TimeoutError) and code is None:
        text = f"{_LIMITS.get(type(error), 'fetch.total_timeout')}: {error}".rstrip(": ")
    return FetchError(reason, text)


def _cause(error: BaseException) -> BaseException:
    """Find what is wrong with a message below the wrappings, which depend on how far the message had come."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, _TELLING):
            return found
        if isinstance(found, http_exceptions.BadHttpMessage) and "chunk size" in str(found):
            return http_exceptions.TransferEncodingError(str(found))  # the C parser has no class for it
        found = found.__cause__
    return error


def _guarded_socket(info: tuple[Any, ...]) -> socket.socket:
    """Make the socket for one address, or refuse to. aiohttp calls it for every address it is about to connect to."""
    if refused := refused_address(info[4][0]):
        raise OSError(_BLOCKED, refused)
    return _socket(info)


def _socket(info: tuple[Any, ...]) -> socket.socket:
    _exchange.get().fresh = True
    family, kind, protocol, _, _ = info
    return socket.socket(family, kind, protocol)


async def _head(answer: aiohttp.ClientResponse) -> bytes:
    """Read so much of a body that its type can be told from it."""
    head = await answer.content.readany()
    while len(head) < _MIN_HEAD and (piece := await answer.content.readany()):
        head += piece
    return head


def _media_type(head: bytes, fields: Mapping[str, str]) -> str:
    """What a body is by its first bytes; by its header only where these tell nothing and cannot contradict it."""
    sniffed, _, _ = probe(head)
    if sniffed or head.lstrip()[:1] in {b"", b"<"}:
        return sniffed
    declared = fields.get("Content-Type", "").partition(";")[0].strip().lower()
    return "" if declared in RECOGNISED else declared


async def _body(answer: aiohttp.ClientResponse, limit: int, cut: bool, head: bytes = b"") -> bytes:
    """Read a decoded body of at most ``limit`` bytes; a longer one is cut there or fails as too-large.

    ``head`` is what has been read of it already.
    """
    if not cut:
        _check_announced(answer, limit)
    content = answer.content
    pieces = []
    size = 0
    piece = head or await content.readany()
    while piece:
        size += len(piece)
        if size > limit:
            if not cut:
                raise _too_large(limit)
            pieces.append(piece[: len(piece) - (size - limit)])
            answer.close()  # the rest is not wanted
            return b"".join(pieces)
        pieces.append(piece)
        piece = await content.readany()
    _check_whole(answer)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


async def _saved(answer: aiohttp.ClientResponse, url: str, sink: Sink, limit: int, head: bytes) -> FileFact:
    """Stream a decoded body, of which ``head`` is read already, into the sink; finish it when all of it is there."""
    _check_announced(answer, limit)
    content = answer.content
    size = 0
    piece = head or await content.readany()
    while piece:
        size += len(piece)
        if size > limit:
            raise _too_large(limit)
        await sink.write(piece)
        piece = await content.readany()
    _check_whole(answer)
    name = file_name(answer.headers.get("Content-Disposition", ""))
    return await sink.finish(url, name, answer.headers.get("Content-Type", ""))


def _too_large(limit: int) -> FetchError:
    return FetchError("too-large", f"more than {limit} bytes")


def _check_announced(answer: aiohttp.ClientResponse, limit: int) -> None:
    """Refuse a body that is too large by its own account before it is read."""
    length = answer.headers.get("Content-Length")
    if length is not None and len(length) < 20 and int(length) > limit and not answer.content.is_eof():
        raise FetchError("too-large", f"Content-Length {length}, more than {limit} bytes")


def _check_whole(answer: aiohttp.ClientResponse) -> None:
    """Refuse a body without a declared length whose connection did not end in order: nobody knows what is missing.

    aiohttp takes every end of such a connection for the end of the body; only its protocol knows how it ended.
    """
    protocol = answer._protocol
    error = protocol.exception() if protocol is not None else None
    if isinstance(error, OSError) and not answer.headers.keys() & {"Content-Length", "Transfer-Encoding"}:
        raise FetchError("truncated", f"the connection broke before the end of the body: {error}")
