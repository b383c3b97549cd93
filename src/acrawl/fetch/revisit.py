"""The stage ``revisit``: asks only for what has changed since the visit before."""

from __future__ import annotations

from acrawl.clock import Clock
from acrawl.fetch.base import Send
from acrawl.fetch.versions import conditions, speaks_of
from acrawl.outcome import FileFact
from acrawl.request import Request
from acrawl.response import Response
from acrawl.ticket import Version

#: Requests with these ask for something else than what has changed; they go by.
_OWN = frozenset({"range", "if-range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since"})
#: Answers to a condition that say nothing of it: the request is sent once more, without.
_MISTAKEN = frozenset({304, 412})


class Revisit:
    """Sends what the visit before has found as a condition (RFC 9110, 13.1), and says whether it still holds.

    Not for a saved file whose bytes are gone. It stands below the stage ``redirect``, so that no condition goes to
    where an answer leads; with the stage ``cache``, which has its own, there is none.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def __call__(self, request: Request, send: Send) -> Response:
        """See `acrawl.fetch.base.Stage`."""
        former = send.exchange.former
        if former is None or request.method != "GET" or any(name.lower() in _OWN for name in request.headers):
            return await send(request)
        return await self._asked(request, former, send)

    async def _asked(self, request: Request, former: Version, send: Send) -> Response:
        exchange, asked = send.exchange, conditions(former)
        if not asked or not await _is_kept(request, former, send):
            return await send(request)
        response = await send(request.replace(headers={**request.headers, **asked}))
        if response.status == 304 and speaks_of(former, response.headers):
            exchange.unchanged = True
        elif response.status in _MISTAKEN:
            if exchange.spacing:
                await self._clock.sleep(exchange.again())
            response = await send(request)
        response.request = request
        return response


async def _is_kept(request: Request, former: Version, send: Send) -> bool:
    """Whether the bytes of a saved file are still there; True of what is none."""
    sink = send.exchange.sink
    if not request.save or sink is None or len(former.digest) != 32:
        return True
    return await sink.kept(FileFact(request.url, former.digest.hex(), former.length)) is not None
