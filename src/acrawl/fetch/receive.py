"""The stage ``body``: takes a body in, under its limits and its deadline: as a page, or into a saved file."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import Self

from acrawl.clock import Clock
from acrawl.errors import FetchError
from acrawl.fetch.base import Advance, Exchange, Send, Stream
from acrawl.fetch.deadlines import Deadlines
from acrawl.fetch.limits import Bounded, check_announced, check_wanted, page_limit, too_large
from acrawl.fetch.saving import Saving
from acrawl.fetch.spill import Room
from acrawl.request import Request
from acrawl.response import Response
from acrawl.settings import Fetch, Files

#: Bytes of an unwanted body that are read to keep the connection; a longer one costs the connection.
_MAX_UNWANTED = 1 << 16


class Receive:
    """Makes responses whole.

    With ``request.save`` and a sink, a 200 answer of a type that it wants goes to the sink (see `Saving`); one of
    another type is a page, and the bodies of other answers are left out. A page of more than
    ``fetch.spill`` bytes goes to a temporary file. The time that the stages below take counts: connecting, sending and
    waiting. An async context manager, for the sake of the temporary files.
    """

    def __init__(self, fetch: Fetch, files: Files, clock: Clock) -> None:
        self._fetch = fetch
        self._files = files
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
        saving = Saving(request, exchange, fetch, self._files, self._now) if request.save and exchange.sink else None
        try:
            asked = request if saving is None else await saving.asked()
            usual = fetch.total_timeout if saving is None else fetch.file_timeout
            with self._deadlines.within(request.download_timeout or usual):
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
                limit = "the request's download_timeout" if request.download_timeout else limit
                raise FetchError("timeout", limit) from error
            raise
        response.request = request
        response.seconds = self._now() - began
        return response

    async def _take(self, response: Response, exchange: Exchange, saving: Saving | None) -> None:
        stream = exchange.stream
        assert stream is not None
        if saving is None:
            await self._page(response, stream, exchange)
        elif not await saving.take(response, stream):
            if response.status == 200:
                await self._page(response, stream, exchange, saving.head)
            else:
                await _passed_over(stream, exchange.advance)
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
        response.content.room = self._room.path
        most = min(limit, fetch.spill or limit)
        pieces, size, advance = [], 0, exchange.advance
        piece = head or await stream.read()
        while piece:
            pieces.append(piece)
            size += len(piece)
            advance(len(piece))
            if size > most:
                break
            piece = await stream.read()
        if size > limit:
            if not exchange.cut:
                raise too_large(limit)
            stream.close()  # the rest is not wanted
            pieces[-1] = piece[: limit - size]
        elif size > most:
            rest = Bounded(stream, limit, advance, cut=bool(exchange.cut), taken=size)
            response.content.spill(*await self._room.fill(pieces, rest))
            stream.release()
            return
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
