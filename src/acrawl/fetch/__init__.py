"""A request becomes a response: stages around one transport (runs in the worker).

``Fetcher.fetch`` makes one exchange. What follows from it is decided outside, by pure functions: `redirect.target` says
where an answer leads, `retry.decide` whether to try again; both give the frontier something to queue and never fetch.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from functools import partial
from types import TracebackType
from typing import Self

from acrawl.clock import Clock, SystemClock
from acrawl.errors import FetchError, IgnoreRequest
from acrawl.fetch.base import Advance, Send, Sink, Stage
from acrawl.fetch.robots import MAX_SIZE, RobotsAnswer, fetch_robots
from acrawl.fetch.transport import Transport
from acrawl.request import Request
from acrawl.response import Response
from acrawl.settings import Settings
from acrawl.url import host_of


class Fetcher:
    """What a worker fetches with. Use it as an async context manager; `fetch` may run many times at once."""

    def __init__(self, settings: Settings, stages: Sequence[Stage] = (), *, clock: Clock | None = None) -> None:
        fetch, clock = settings.fetch, clock or SystemClock()
        self._time = clock.time
        self._product = fetch.user_agent.partition("/")[0]
        # Outermost first: a request goes down this list and its response comes up again. The transport is below, with
        # the guard, so no stage can lead around it.
        self._stages: list[Stage] = [
            *stages,
        ]
        self._transport = Transport(fetch, clock=clock)

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.__aexit__(kind, error, trace)

    async def fetch(
        self,
        request: Request,
        *,
        opened: bool = False,
        sink: Sink | None = None,
        cut: int = 0,
        advance: Advance | None = None,
        once: bool = False,
    ) -> Response:
        """Make one exchange through all stages. Raises `FetchError`, or `IgnoreRequest` where a stage does.

        Anything else that a stage raises becomes a `FetchError` with the reason ``stage`` and the traceback.

        ``opened`` (`Ticket.open`) lets this request's host have a private address, and no other a stage may turn to.
        See `Transport.__call__` for ``sink``, ``cut``, ``advance`` and ``once``.
        """
        private_host = host_of(request.url) if opened else ""
        send: Send = partial(self._transport, private_host=private_host, sink=sink, cut=cut, advance=advance, once=once)
        if not self._stages:
            return await send(request)
        for stage in reversed(self._stages):
            send = _wrapped(stage, send)
        try:
            return await send(request)
        except (FetchError, IgnoreRequest):
            raise
        except Exception as error:  # the user's code: this request ends as failed(stage), the crawl goes on
            raise FetchError("stage", traceback.format_exc()) from error

    async def fetch_robots(self, url: str, *, opened: bool = False) -> RobotsAnswer:
        """Fetch a robots.txt, redirects included, and say what it means: see `robots.fetch_robots`. Raises nothing."""
        host = host_of(url)

        async def send(request: Request) -> Response:
            return await self.fetch(request, opened=opened and request.host == host, cut=MAX_SIZE)

        return await fetch_robots(url, send, self._product, self._time)


def _wrapped(stage: Stage, send: Send) -> Send:
    return lambda request: stage(request, send)
