"""The stage ``body``: takes a body in, under its limits and its deadline, into memory or into a saved file."""

from __future__ import annotations

from acrawl.clock import Clock
from acrawl.errors import FetchError
from acrawl.fetch.base import Advance, Exchange, Send, Stream
from acrawl.fetch.deadlines import Deadlines
from acrawl.fetch.saving import Saving
from acrawl.request import Request
from acrawl.response import Response
from acrawl.settings import Fetch, Files

#: Bytes of an unwanted body that are read to keep the connection; a longer one costs the connection.
_MAX_UNWANTED = 1 << 16


class Receive:
    """Makes responses whole.

    With ``request.save`` and a sink, a 200 answer of a type that it wants goes to the sink (see `Saving`); one of
    another type stays in memory, and the bodies of other answers are left out. The time that the stages below take
    counts: connecting, sending and waiting.
    """

    def __init__(self, fetch: Fetch, files: Files, clock: Clock) -> None:
        self._fetch = fetch
        self._files = files
        self._now = clock.now
        self._deadlines = Deadlines()

    async def __call__(self, request: Request, send: Send) -> Response:
        """See `acrawl.fetch.base.Stage`."""
        began = self._now()
        exchange, fetch = send.exchange, self._fetch
        saving = (
            Saving(request, exchange, fetch, self._files, self._now)
            if request.save and exchange.sink is not None
            else None
        )
        try:
            asked = request if saving is None else await saving.asked()
            with self._deadlines.within(fetch.total_timeout if saving is None else fetch.file_timeout):
                response = await send(asked)
                if exchange.stream is not None:
                    await self._take(response, exchange, saving)
        except BaseException as error:
            # An error or a cancellation in the middle of a body: the connection is of no further use, and a part of a
            # file is no file, but may be the beginning of one.
            if exchange.stream is not None:
                exchange.stream.close()
                exchange.stream = None
            if saving is not None:
                await saving.cut()
            if isinstance(error, TimeoutError):
                limit = "fetch.total_timeout" if saving is None else "fetch.file_timeout"
                raise FetchError("timeout", limit) from error
            raise
        response.request = request
        response.seconds = self._now() - began
        return response

    async def _take(self, response: Response, exchange: Exchange, saving: Saving | None) -> None:
        fetch, stream, advance = self._fetch, exchange.stream, exchange.advance
        assert stream is not None
        if saving is None:
            limit = exchange.cut or fetch.max_body
            response.body = await _in_memory(stream, response, limit, bool(exchange.cut), advance)
        elif not await saving.take(response, stream):
            if response.status == 200:
                response.body = await _in_memory(stream, response, fetch.max_body, False, advance, saving.head)
            else:
                await _in_memory(stream, response, _MAX_UNWANTED, True, advance)
        exchange.stream = None


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


def _too_large(limit: int) -> FetchError:
    return FetchError("too-large", f"more than {limit} bytes")


def _check_announced(response: Response, limit: int) -> None:
    """Refuse a body that is too large by its own account before it is read."""
    if response.request.method == "HEAD":
        return
    length = response.headers.get("Content-Length")
    if length is not None and len(length) < 20 and int(length) > limit:
        raise FetchError("too-large", f"Content-Length {length}, more than {limit} bytes")
