"""The last stage: a request goes out over HTTP, and the head of its answer comes back with a body that follows."""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Any, Self

from acrawl.clock import Clock
from acrawl.errors import FetchError
from acrawl.fetch.base import Send
from acrawl.fetch.connections import Connections, Resolver, origins
from acrawl.fetch.failures import BLOCKED, FOREIGN, translated
from acrawl.fetch.guard import refused_address
from acrawl.fetch.headers import defaults, head_of
from acrawl.request import Request
from acrawl.response import Response
from acrawl.settings import Fetch

#: Methods that may be sent twice when a kept connection turns out to be dead (RFC 9110, 9.2.2).
_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})


class Transport:
    """Connections to all hosts, kept alive between exchanges. Use it as an async context manager, in one event loop.

    ``resolver`` replaces the system's name resolution; what it answers is judged by the guard all the same, here, where
    no stage can lead around it.
    """

    def __init__(self, fetch: Fetch, clock: Clock, resolver: Resolver | None = None) -> None:
        self._fetch = fetch
        self._now = clock.now
        self._resolver = resolver
        self._usual = defaults(fetch.user_agent)
        self._origin_of = origins()
        # Two pools, so that no connection to a private address is ever reused for a request that may not have one.
        self._public: Connections
        self._private: Connections

    async def __aenter__(self) -> Self:
        self._public = Connections(self._fetch, _guarded_socket, self._resolver)
        self._private = Connections(self._fetch, _socket, self._resolver)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._public.close()
        await self._private.close()

    async def __call__(self, request: Request, send: Send) -> Response:
        """See `acrawl.fetch.base.Stage`. Redirects are answers like others. There is nothing further to send to."""
        began, exchange = self._now(), send.exchange
        exchange.untouched = False  # whatever a stage above has taken from elsewhere before: now something is sent
        try:
            origin = self._origin_of(request.url[: request.url.find("/", 8)])
            if origin.refused:
                raise FetchError("blocked", origin.refused)
            private = origin.key == exchange.private_host or self._fetch.allow_private
            method = request.method.upper()
            answer = await (self._private if private else self._public).ask(
                origin,
                head_of(request, origin.authority, self._usual, origin.authorization),
                request.body,
                bodiless=method == "HEAD",
                repeatable=method in _IDEMPOTENT and not exchange.spacing,
                trace=exchange.trace,
            )
        except FOREIGN as error:  # the request failed; the worker decides whether it is tried again
            raise translated(error) from error
        exchange.stream = answer
        return Response(
            request.url,
            status=answer.status,
            headers=answer.headers.copy(),
            request=request,
            latency=self._now() - began,
            ip_address=answer.address,
        )


def _guarded_socket(info: tuple[Any, ...]) -> socket.socket:
    """Make the socket for one address, or refuse to. aiohttp calls it for every address it is about to connect to."""
    if refused := refused_address(info[4][0]):
        raise OSError(BLOCKED, refused)
    return _socket(info)


def _socket(info: tuple[Any, ...]) -> socket.socket:
    family, kind, protocol, _, _ = info
    return socket.socket(family, kind, protocol)
