"""A request becomes a response: stages around one transport (runs in the worker).

``Fetcher.fetch`` makes one exchange through the stages of ``fetch/stages.py``. What follows from it is decided outside,
by pure functions: ``response.following`` says where an answer leads, `retry.decide` whether to try again; both give the
frontier something to queue and never fetch. The room::

    base  stages                                    the contracts, and the list in its order
    guard  robots  cookies, jar  auth, digest, reveal  redirect
    cache, freshness, cache_store  proxy, route     a stage each, its pure rules, its storage
    receive, limits, spill, saving, resume          the stage "body": memory, temporary file or saved file
    decode, windows  transport, headers             below it: a body on its way
    connections, origin, tunnel, names, tls         below the transport: aiohttp's connector and parser
    capture, framing                                what goes over the wire, byte for byte, for a web archive
    deadlines  failures  retry  trace               time; where foreign errors end; what follows; who watches
"""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from acrawl.clock import Clock, SystemClock
from acrawl.errors import AcrawlError, FetchError, IgnoreRequest, SpiderError
from acrawl.fetch.auth import Auth
from acrawl.fetch.base import Exchange, Recording, Send, Stage, Tracer
from acrawl.fetch.connections import Resolver
from acrawl.fetch.cookies import AskJar
from acrawl.fetch.proxy import Proxies
from acrawl.fetch.robots import MAX_SIZE, RobotsAnswer, fetch_robots
from acrawl.fetch.stages import Ground, stages
from acrawl.request import Request
from acrawl.response import Response
from acrawl.settings import Settings
from acrawl.url import host_of


class Fetcher:
    """What a worker fetches with. Use it as an async context manager; `fetch` may run many times at once.

    ``own`` are stages of the spider's, as they are or by name. ``transport`` stands for the real one where nothing is
    to be sent; ``resolver`` replaces the system's; ``login`` is `acrawl.spider.login_of`. ``ask_jar`` gets the job's
    cookie jars; without it cookies last as long as the fetcher. Raises `SettingsError` for stages that cannot be made.
    """

    def __init__(
        self,
        settings: Settings,
        own: Sequence[Stage | str] = (),
        *,
        clock: Clock | None = None,
        transport: Stage | None = None,
        resolver: Resolver | None = None,
        login: tuple[str, str, str] = ("", "", ""),
        ask_jar: AskJar | None = None,
    ) -> None:
        clock = clock or SystemClock()
        self._clock = clock
        self._bounds = settings.parse
        self._product = settings.fetch.user_agent.partition("/")[0]
        self._stages = stages(Ground(settings, clock, transport, resolver, login, ask_jar), own)
        self._is_ours = all(type(stage).__module__.startswith(__name__) for stage in self._stages)
        self._open = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as opening:
            for stage in self._stages:
                if isinstance(stage, contextlib.AbstractAsyncContextManager):
                    await self._enter(opening, stage)
            self._open = opening.pop_all()
        return self

    async def _enter(self, opening: contextlib.AsyncExitStack, stage: Any) -> None:
        try:
            await opening.enter_async_context(stage)
        except AcrawlError:
            raise
        except Exception as error:  # whatever a user's stage raises: no worker can begin with it
            if type(stage).__module__.startswith(__name__):
                raise
            name = type(stage).__qualname__
            raise SpiderError(f"the stage {name} cannot begin: {type(error).__name__}: {error}") from error

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()

    def check_secrets(self) -> None:
        """Look for what the settings name in the environment and in files, as each worker will when it starts.

        Blocks. Raises `SettingsError`, and `MissingExtra`.
        """
        for stage in self._stages:
            if isinstance(stage, Auth | Proxies):
                stage.reveal()

    async def fetch(self, request: Request, exchange: Exchange | None = None) -> Response:
        """Make one exchange through all stages. Raises `FetchError`, or `IgnoreRequest` where a stage does.

        Anything else that a stage of the user's raises becomes a `FetchError` with the reason ``stage`` and the
        traceback.
        """
        exchange = exchange or Exchange()
        try:
            response = await Send(self._stages, 0, exchange)(request)
        except (FetchError, IgnoreRequest):
            raise
        except Exception as error:  # the user's code: this request ends as failed(stage), the crawl goes on
            if self._is_ours:
                raise
            raise FetchError("stage", traceback.format_exc()) from error
        finally:
            if exchange.stream is not None:
                exchange.stream.close()
        if not isinstance(response, Response):
            raise FetchError("stage", f"a stage returned {response!r:.100} instead of a response")
        response.bounds = self._bounds
        return response

    async def fetch_robots(
        self,
        url: str,
        *,
        opened: bool = False,
        spacing: float = 0.0,
        hops: int = 0,
        trace: Tracer | None = None,
        recorder: Recording | None = None,
    ) -> RobotsAnswer:
        """Fetch a robots.txt, redirects included, and say what it means: see `robots.fetch_robots`. Raises nothing.

        ``opened`` (`Ticket.open`) lets this URL's host have a private address. ``hops`` redirects have led here.
        """
        private_host = host_of(url) if opened else ""

        async def send(request: Request) -> Response:
            exchange = Exchange(private_host=private_host, cut=MAX_SIZE, anonymous=True, trace=trace, recorder=recorder)
            return await self.fetch(request, exchange)

        return await fetch_robots(Request(url, hops=hops), send, self._product, self._clock, spacing)
