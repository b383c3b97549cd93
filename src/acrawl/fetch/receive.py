"""The stage ``body``: takes a body in, under its limits and its deadline: as a page, or into a saved file."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from acrawl.clock import Clock
from acrawl.errors import FetchError
from acrawl.fetch.base import Advance, Exchange, Send, Sink, Stream
from acrawl.fetch.deadlines import Deadlines
from acrawl.fetch.headers import file_name
from acrawl.fetch.limits import Bounded, check_announced, check_wanted, page_limit, too_large
from acrawl.fetch.spill import Room
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
    exchange fails; one of another type is a page, and the bodies of other answers are left out. A page of more than
    ``fetch.spill`` bytes goes to a temporary file. The time that the stages below take counts: connecting, sending and
    waiting. An async context manager, for the sake of the temporary files.
    """

    def __init__(self, fetch: Fetch, clock: Clock) -> None:
        self._fetch = fetch
        self._now = clock.now
        self._deadlines = Deadlines()
        self._room = Room()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._room.sweep)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self._room.close)

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
        stream, advance = exchange.stream, exchange.advance
        assert stream is not None
        if sink is None:
            await self._page(response, stream, exchange)
        elif response.status == 200:
            head = b"" if request.save is True else await _head(stream)
            if request.save is True or request.saves(_media_type(head, response.headers)):
                response.file = await _saved(stream, response, sink, self._fetch.max_file, head, advance)
            else:
                await self._page(response, stream, exchange, head)
        else:
            await _passed_over(stream, advance)
        exchange.stream = None

    async def _page(self, response: Response, stream: Stream, exchange: Exchange, head: bytes = b"") -> None:
        """Read a body for a callback, into memory as long as it is short. ``head`` is what has been read of it."""
        fetch, limit = self._fetch, exchange.cut
        if not limit:
            limit = page_limit(fetch, response)
            try:
                check_wanted(fetch, response)
            except FetchError:  # it ends as failed; what is short is read, for the sake of the connection
                if _is_short(response):
                    with contextlib.suppress(FetchError):  # then the connection is lost as well
                        await _passed_over(stream, exchange.advance)
                raise
            check_announced(response, limit)
        response.room = self._room.path
        body = Bounded(stream, limit, exchange.advance, cut=bool(exchange.cut), head=head)
        pieces, size = [], 0
        while piece := await body.read():
            pieces.append(piece)
            size += len(piece)
            if fetch.spill and size > fetch.spill:
                response.spilled(*await self._room.fill(pieces, body))
                break
        else:
            response.body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        stream.release()


def _is_short(response: Response) -> bool:
    """Whether it costs less to read this body than to make another connection."""
    length = response.headers.get("Content-Length", "")
    return length.isdecimal() and len(length) < 20 and int(length) <= _MAX_UNWANTED


async def _passed_over(stream: Stream, advance: Advance) -> None:
    """Read a body that nobody wants, and keep the connection if it was short."""
    body = Bounded(stream, _MAX_UNWANTED, advance, cut=True)
    while await body.read():
        pass
    stream.release()


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


async def _saved(stream: Stream, response: Response, sink: Sink, limit: int, head: bytes, advance: Advance) -> FileFact:
    """Stream a decoded body, of which ``head`` is read already, into the sink; finish it when all of it is there."""
    check_announced(response, limit)
    size = 0
    piece = head or await stream.read()
    while piece:
        size += len(piece)
        advance(len(piece))
        if size > limit:
            raise too_large(limit)
        await sink.write(piece)
        piece = await stream.read()
    stream.release()
    name = file_name(response.headers.get("Content-Disposition", ""))
    return await sink.finish(response.url, name, response.headers.get("Content-Type", ""))
