"""One exchange over HTTP: a request goes out, a response or a `FetchError` comes back.

Bodies are read piece by piece under a cap, decoded on the way, so neither a long body nor one that swells when it is
decompressed takes more memory than the cap and two buffers.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from acrawl.clock import Clock, SystemClock
from acrawl.errors import FetchError
from acrawl.fetch.base import Advance, Sink
from acrawl.fetch.connections import Answer, Connections, Origin, Resolver, origins
from acrawl.fetch.deadlines import Deadlines
from acrawl.fetch.failures import BLOCKED, FOREIGN, translated
from acrawl.fetch.guard import refused_address
from acrawl.fetch.headers import defaults, file_name, head_of
from acrawl.outcome import FileFact
from acrawl.parse.image import RECOGNISED, probe
from acrawl.request import Request
from acrawl.response import Response
from acrawl.settings import Fetch

#: Bytes of an unwanted body that are read to keep the connection; a longer one costs the connection.
_MAX_UNWANTED = 1 << 16
#: Bytes that tell the type of a body.
_MIN_HEAD = 512
#: Methods that may be sent twice when a kept connection turns out to be dead (RFC 9110, 9.2.2).
_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})


class Transport:
    """Connections to all hosts, kept alive between exchanges. Use it as an async context manager, in one event loop.

    ``resolver`` replaces the system's name resolution; what it answers is judged by the guard all the same.
    """

    def __init__(self, fetch: Fetch, *, clock: Clock | None = None, resolver: Resolver | None = None) -> None:
        self._fetch = fetch
        self._now = (clock or SystemClock()).now
        self._resolver = resolver
        self._usual = defaults(fetch.user_agent)
        self._origin_of = origins()
        # Two pools, so that no connection to a private address is ever reused for a request that may not have one.
        self._public: Connections
        self._private: Connections
        self._deadlines = Deadlines()

    async def __aenter__(self) -> Self:
        self._public = Connections(self._fetch, _guarded_socket, self._resolver)
        self._private = Connections(self._fetch, _socket, self._resolver)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._public.close()
        await self._private.close()

    async def __call__(
        self,
        request: Request,
        *,
        private_host: str = "",
        sink: Sink | None = None,
        cut: int = 0,
        advance: Advance | None = None,
        once: bool = False,
    ) -> Response:
        """Make one exchange; redirects are answers like others. Raises `FetchError` and nothing else of the network.

        ``private_host`` is the politeness key that may have a private address. With ``request.save``, a 200 answer of a
        type that it wants goes to ``sink``, which is discarded when the exchange fails; one of another type stays in
        memory, and the bodies of other answers are left out. Without a sink every body stays in memory. A body longer
        than ``cut``, if that is given, ends there and is taken for whole. ``advance`` hears of the bytes.
        ``once``: not even a request that a server most likely never saw is sent again, for starts keep a distance here.
        """
        began = self._now()
        fetch = self._fetch
        saving = bool(request.save) and sink is not None
        body, file = b"", None
        try:
            origin = self._origin_of(request.url[: request.url.find("/", 8)])
            if origin.refused:
                raise FetchError("blocked", origin.refused)
            with self._deadlines.within(fetch.file_timeout if saving else fetch.total_timeout):
                private = origin.key == private_host or fetch.allow_private
                answer = await self._ask(origin, request, private=private, once=once)
                latency = self._now() - began
                if advance is not None:
                    answer.advance = advance
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
        except FOREIGN as error:  # the request failed; the worker decides whether it is tried again
            raise translated(error) from error
        return Response(
            request.url,
            status=answer.status,
            headers=answer.headers.copy(),
            body=body,
            request=request,
            seconds=self._now() - began,
            latency=latency,
            ip_address=answer.address,
            file=file,
        )

    async def _ask(self, origin: Origin, request: Request, *, private: bool, once: bool) -> Answer:
        """Send the request and read the head of the answer."""
        method = request.method.upper()
        return await (self._private if private else self._public).ask(
            origin,
            head_of(request, origin.authority, self._usual, origin.authorization),
            request.body,
            bodiless=method == "HEAD",
            repeatable=method in _IDEMPOTENT and not once,
        )


def _guarded_socket(info: tuple[Any, ...]) -> socket.socket:
    """Make the socket for one address, or refuse to. aiohttp calls it for every address it is about to connect to."""
    if refused := refused_address(info[4][0]):
        raise OSError(BLOCKED, refused)
    return _socket(info)


def _socket(info: tuple[Any, ...]) -> socket.socket:
    family, kind, protocol, _, _ = info
    return socket.socket(family, kind, protocol)


async def _head(answer: Answer) -> bytes:
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


async def _body(answer: Answer, limit: int, cut: bool, head: bytes = b"") -> bytes:
    """Read a decoded body of at most ``limit`` bytes; a longer one is cut there or fails as too-large.

    ``head`` is what has been read of it already.
    """
    if not cut:
        _check_announced(answer, limit)
    content, advance = answer.content, answer.advance
    pieces = []
    size = 0
    piece = head or await content.readany()
    while piece:
        size += len(piece)
        advance(len(piece))
        if size > limit:
            if not cut:
                raise _too_large(limit)
            pieces.append(piece[: len(piece) - (size - limit)])
            answer.close()  # the rest is not wanted
            return b"".join(pieces)
        pieces.append(piece)
        piece = b"" if content.at_eof() else await content.readany()
    _check_whole(answer)
    answer.release()
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


async def _saved(answer: Answer, url: str, sink: Sink, limit: int, head: bytes) -> FileFact:
    """Stream a decoded body, of which ``head`` is read already, into the sink; finish it when all of it is there."""
    _check_announced(answer, limit)
    content, advance = answer.content, answer.advance
    size = 0
    piece = head or await content.readany()
    while piece:
        size += len(piece)
        advance(len(piece))
        if size > limit:
            raise _too_large(limit)
        await sink.write(piece)
        piece = b"" if content.at_eof() else await content.readany()
    _check_whole(answer)
    answer.release()
    name = file_name(answer.headers.get("Content-Disposition", ""))
    return await sink.finish(url, name, answer.headers.get("Content-Type", ""))


def _too_large(limit: int) -> FetchError:
    return FetchError("too-large", f"more than {limit} bytes")


def _check_announced(answer: Answer, limit: int) -> None:
    """Refuse a body that is too large by its own account before it is read."""
    if answer.content.is_eof():
        return
    length = answer.headers.get("Content-Length")
    if length is not None and len(length) < 20 and int(length) > limit:
        raise FetchError("too-large", f"Content-Length {length}, more than {limit} bytes")


def _check_whole(answer: Answer) -> None:
    """Refuse a body without a declared length whose connection did not end in order: nobody knows what is missing.

    aiohttp takes every end of such a connection for the end of the body; only its protocol knows how it ended.
    """
    error = answer.broken
    if isinstance(error, OSError) and not answer.headers.keys() & {"Content-Length", "Transfer-Encoding"}:
        raise FetchError("truncated", f"the connection broke before the end of the body: {error}")
