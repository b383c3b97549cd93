"""The stage ``body``: takes a body in, under its limits and its deadline, into memory or into a saved file."""

from __future__ import annotations

from collections.abc import Mapping

from acrawl.clock import Clock
from acrawl.errors import FetchError
from acrawl.fetch.base import Advance, Exchange, Send, Sink, Stream
from acrawl.fetch.deadlines import Deadlines
from acrawl.fetch.headers import file_name
from acrawl.outcome import FileFact
from acrawl.parse.image import RECOGNISED, probe
from acrawl.request import Request
from acrawl.response import Response
from acrawl.settings import Fetch

#: Bytes of an unwanted body that are read to keep the connection; a longer one costs the connection.
_MAX_UNWANTED = 1 << 16
#: Bytes that tell the type of a body.
_MIN_HEAD = 512


class Receive:
    """Makes responses whole.

    With ``request.save`` and a sink, a 200 answer of a type that it wants goes to the sink, which is discarded when the
    exchange fails; one of another type stays in memory, and the bodies of other answers are left out. The time that
    the stages below take counts: connecting, sending and waiting.
    """

    def __init__(self, fetch: Fetch, clock: Clock) -> None:
        self._fetch = fetch
        self._now = clock.now
        self._deadlines = Deadlines()

    async def __call__(self, request: Request, send: Send) -> Response:
        """See `acrawl.fetch.base.Stage`."""
        began = self._now()
        exchange, fetch = send.exchange, self._fetch
        sink = exchange.sink if request.save else None
        try:
            with self._deadlines.within(fetch.total_timeout if sink is None else fetch.file_timeout):
                response = await send(request)
                if exchange.stream is not None:
                    await self._take(request, response, exchange, sink)
        except BaseException as error:
            # An error or a cancellation in the middle of a body: the connection is of no further use, and a part of a
            # file is no file.
            if exchange.stream is not None:
                exchange.stream.close()
                exchange.stream = None
            if sink is not None:
                await sink.discard()
            if isinstance(error, TimeoutError):
                raise FetchError("timeout", "fetch.total_timeout" if sink is None else "fetch.file_timeout") from error
            raise
        response.seconds = self._now() - began
        return response

    async def _take(self, request: Request, response: Response, exchange: Exchange, sink: Sink | None) -> None:
        fetch, stream, advance = self._fetch, exchange.stream, exchange.advance
        assert stream is not None
        if sink is None:
            limit = exchange.cut or fetch.max_body
            response.body = await _in_memory(stream, response, limit, bool(exchange.cut), advance)
        elif response.status == 200:
            head = b"" if request.save is True else await _head(stream)
            if request.save is True or request.saves(_media_type(head, response.headers)):
                response.file = await _saved(stream, response, sink, fetch.max_file, head, advance)
            else:
                response.body = await _in_memory(stream, response, fetch.max_body, False, advance, head)
        else:
            await _in_memory(stream, response, _MAX_UNWANTED, True, advance)
        exchange.stream = None


async def _head(stream: Stream) -> bytes:
    """Read so much of a body that its type can be told from it."""
    head = await stream.read()
    while len(head) < _MIN_HEAD and (piece := await stream.read()):
        head += piece
    return head


def _media_type(head: bytes, fields: Mapping[str, str]) -> str:
    """What a body is by its first bytes; by its header only where these tell nothing and cannot contradict it."""
    sniffed, _, _ = probe(head)
    if sniffed or head.lstrip()[:1] in {b"", b"<"}:
        return sniffed
    declared = fields.get("Content-Type", "").partition(";")[0].strip().lower()
    return "" if declared in RECOGNISED else declared


async def _in_memory(
    stream: Stream, response: Response, limit: int, cut: bool, advance: Advance, head: bytes = b""
) -> bytes:
    """Read a decoded body of at most ``limit`` bytes; a longer one is cut there or fails as too-large.

    ``head`` is what has been read of it already.
    """
    if not cut:
        _check_announced(response, limit)
    pieces = []
    size = 0
    piece = head or await stream.read()
    while piece:
        size += len(piece)
        advance(len(piece))
        if size > limit:
            if not cut:
                raise _too_large(limit)
            pieces.append(piece[: len(piece) - (size - limit)])
            stream.close()  # the rest is not wanted
            return b"".join(pieces)
        pieces.append(piece)
        piece = await stream.read()
    stream.release()
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


async def _saved(stream: Stream, response: Response, sink: Sink, limit: int, head: bytes, advance: Advance) -> FileFact:
    """Stream a decoded body, of which ``head`` is read already, into the sink; finish it when all of it is there."""
    _check_announced(response, limit)
    size = 0
    piece = head or await stream.read()
    while piece:
        size += len(piece)
        advance(len(piece))
        if size > limit:
            raise _too_large(limit)
        await sink.write(piece)
        piece = await stream.read()
    stream.release()
    name = file_name(response.headers.get("Content-Disposition", ""))
    return await sink.finish(response.url, name, response.headers.get("Content-Type", ""))


def _too_large(limit: int) -> FetchError:
    return FetchError("too-large", f"more than {limit} bytes")


def _check_announced(response: Response, limit: int) -> None:
    """Refuse a body that is too large by its own account before it is read."""
    if response.request.method == "HEAD":
        return
    length = response.headers.get("Content-Length")
    if length is not None and len(length) < 20 and int(length) > limit:
        raise FetchError("too-large", f"Content-Length {length}, more than {limit} bytes")
