"""The last stage: a request goes out over HTTP, and the head of its answer comes back with a body that follows."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from acrawl.clock import Clock
from acrawl.errors import FetchError, ProxyFailed
from acrawl.fetch.base import Send
from acrawl.fetch.connections import Connections, Resolver
from acrawl.fetch.failures import FOREIGN, translated
from acrawl.fetch.guard import refused_address
from acrawl.fetch.headers import defaults, head_of
from acrawl.fetch.names import Names, System
from acrawl.fetch.origin import origins
from acrawl.fetch.route import Proxy, named
from acrawl.fetch.tls import Trust
from acrawl.request import Request
from acrawl.response import Response
from acrawl.settings import Settings

#: Methods that may be sent twice when a kept connection turns out to be dead (RFC 9110, 9.2.2).
_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})


class Transport:
    """Connections to all hosts, kept alive between exchanges. Use it as an async context manager, in one event loop.

    ``resolver`` replaces the system's name resolution; what it answers is judged by the guard all the same, here, where
    no stage can lead around it.
    """

    def __init__(self, settings: Settings, clock: Clock, resolver: Resolver | None = None) -> None:
        self._settings = settings
        self._fetch = settings.fetch
        self._now = clock.now
        self._resolver = resolver
        self._usual = defaults(settings.fetch.user_agent)
        self._trust = Trust(settings.tls)
        self._origin_of = origins(self._trust)
        # Two pools, so that no connection to a private address is ever reused for a request that may not have one.
        self._public: Connections
        self._private: Connections
        self._names: Names

    async def __aenter__(self) -> Self:
        dns = self._settings.dns
        self._names = Names(self._resolver or System(), dns.ttl, dns.failure_ttl, self._now)
        self._public = Connections(self._fetch, self._trust, self._names, refused_address)
        self._private = Connections(self._fetch, self._trust, self._names, _unjudged)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._public.close()
        await self._private.close()
        await self._names.close()

    async def __call__(self, request: Request, send: Send) -> Response:
        """See `acrawl.fetch.base.Stage`. Redirects are answers like others. There is nothing further to send to."""
        began, exchange, via, tap = self._now(), send.exchange, None, None
        exchange.sent = True
        if exchange.stream is not None:  # a stage below the body asks again, and would wait for this connection
            exchange.stream.close()
            exchange.stream = None
        try:
            via = named(request.proxy) if request.proxy else exchange.proxy
            origin = self._origin_of(request.url[: request.url.find("/", 8)], via)
            private = origin.key == exchange.private_host or self._fetch.allow_private
            if refused := origin.refused or (origin.private if not private else ""):
                raise FetchError("blocked", refused)
            method = request.method.upper()
            given = exchange.authorization if exchange.authorized == origin.key else ""
            owner, cookies = exchange.dressed
            if owner and owner != origin.key:  # a stage above asks somebody else
                request = _without(request, cookies)
            head = head_of(request, origin.authority, self._usual, given or origin.authorization)
            if exchange.recorder is not None:  # what is meant for a proxy is none of the server's
                tap = exchange.recorder.begin(request.url, head, request.body)
            answer = await (self._private if private else self._public).ask(
                origin,
                head if via is None else origin.as_proxied(head),
                request.body,
                bodiless=method == "HEAD",
                repeatable=method in _IDEMPOTENT and not exchange.spacing,
                trace=exchange.trace,
                tap=tap,
            )
        except FOREIGN as error:  # the request failed; the worker decides whether it is tried again
            raise _told(request, via, translated(error)) from error
        if via is not None and origin.forwarded and answer.status == 407:
            answer.close()
            raise ProxyFailed(via.name, "407: it asks for other credentials", own=True)
        exchange.stream = answer
        if tap is not None:
            tap.answered(answer.status, answer.headers, direct=via is None)
            exchange.stream = tap.along(answer)
        return Response(
            request.url,
            status=answer.status,
            headers=answer.headers.copy(),
            request=request,
            latency=self._now() - began,
            ip_address=answer.address,
            proxy="" if via is None else via.name,
        )


def _told(request: Request, via: Proxy | None, failure: FetchError) -> FetchError:
    """Name the proxy that a failure came by.

    One that reads the requests itself answers for its servers (502); without an answer the failure is its own.
    """
    if via is None:
        return failure
    if failure.reason == "reset" and request.url.startswith("http:") and not via.is_socks:
        return ProxyFailed(via.name, failure.detail, own=True)
    return FetchError(failure.reason, f"through {via.name}: {failure.detail}")


def _without(request: Request, cookies: str) -> Request:
    """The request without the Cookie header that is meant for another server; one of the stage's own stays."""
    own = {name: value for name, value in request.headers.items() if name.lower() != "cookie" or value != cookies}
    return request.replace(headers=own)


def _unjudged(_: str) -> str:
    return ""
