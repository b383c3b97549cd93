"""The stage ``cookies``, and the copies of the job's jars that a worker holds.

A jar belongs to the job (`acrawl.frontier.base.Leasing.jar`). A worker asks for one when a request needs it in a newer
version than the worker knows. What an answer sets holds in this worker at once, and elsewhere for all that is handed
out after its report. Should that never arrive, the worker has sent a cookie that the job never had, and no more: what
the job has in a newer version goes before what was set here, and what is set again is reported again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from acrawl.clock import Clock
from acrawl.cookie import JarChange, JarCopy
from acrawl.errors import FetchError
from acrawl.fetch.base import Exchange, Send
from acrawl.fetch.jar import Jar
from acrawl.request import Request
from acrawl.response import Response
from acrawl.settings import Cookies, Settings
from acrawl.url import site_of

#: Asks for the jar of a site under a key.
AskJar = Callable[[str, str], Awaitable[JarCopy]]

#: Copies that are kept.
_MOST_COPIES = 1000


def keeps_cookies(settings: Settings) -> bool:
    """Whether the crawl has cookies; a broad one only where it is told to."""
    enabled = settings.cookies.enabled
    return settings.scope.within != "any" if isinstance(enabled, str) else enabled


class _Copy:
    """A jar as this worker knows it: of ``version`` (-1: to be asked for), with what was set here on top."""

    __slots__ = ("asking", "jar", "version")

    def __init__(self, jar: Jar, version: int) -> None:
        self.jar = jar
        self.version = version
        self.asking: asyncio.Lock | None = None


class Jars:
    """The copies of one worker; ``ask`` gets them. Without it they are all there is, and last as long as this."""

    def __init__(self, terms: Cookies, clock: Clock, ask: AskJar | None = None) -> None:
        self._terms = terms
        self._time = clock.time
        self._ask = ask
        self._copies: dict[tuple[str, str], _Copy] = {}

    def __len__(self) -> int:
        return len(self._copies)

    def at_hand(self, site: str, key: str, version: int) -> Jar | None:
        """The jar of a site under a key, no older than ``version``; None when it has to be asked for.

        A site of version 0 has no cookies, as far as the job knows.
        """
        copy = self._copy(site, key, version)
        return copy.jar if self._ask is None or copy.version >= version else None

    async def get(self, site: str, key: str, version: int) -> Jar:
        """The jar of a site under a key, no older than ``version``, asked for if need be. Raises what asking raises.

        Who needs the same one meanwhile waits for that.
        """
        copy = self._copy(site, key, version)
        if copy.asking is None:
            copy.asking = asyncio.Lock()
        async with copy.asking:
            if self._ask is not None and copy.version < version:
                came = await self._ask(site, key)
                copy.jar.renew(came.cookies, self._time())
                copy.version = came.version
        return copy.jar

    def _copy(self, site: str, key: str, version: int) -> _Copy:
        name = site, key
        copy = self._copies.pop(name, None)
        if copy is None:
            if len(self._copies) >= _MOST_COPIES:
                del self._copies[next(iter(self._copies))]
            copy = _Copy(Jar(self._terms), -1 if version else 0)
        self._copies[name] = copy
        return copy


class CookieStage:
    """Sends the cookies of a request's jar, and takes into it what the answer sets.

    A Cookie header of the request's own is sent as it is, and nothing of the jar beside it. The request's ``cookies``
    stand for those of the same name in the jar and are remembered there, as in Scrapy; where the answer leads to, the
    jar decides again. robots.txt is asked for without cookies, and its answer sets none.
    """

    def __init__(self, jars: Jars, clock: Clock) -> None:
        self._jars = jars
        self._time = clock.time

    async def __call__(self, request: Request, send: Send) -> Response:
        """See `acrawl.fetch.base.Stage`.

        Raises `FetchError` (``malformed``) for cookies of the request's that cannot be sent, and what asking the
        frontier for a jar raises.
        """
        exchange = send.exchange
        exchange.dressed = "", ""
        if exchange.anonymous or request.dont_merge_cookies:
            return await send(request)
        url, site, key, now = request.url, site_of(request.host), request.cookiejar, self._time()
        jar = self._jars.at_hand(site, key, exchange.jars)
        if jar is None:
            jar = await self._jars.get(site, key, exchange.jars)
        if request.cookies:
            _check(request.cookies)
            _note(exchange, JarChange(site, key, jar.given(url, request.cookies, now)))
        dressed = _dressed(request, jar.pairs(url, now, request.cookies))
        if dressed is not request:
            exchange.dressed = request.host, dressed.headers["Cookie"]
        response = await send(dressed)
        if lines := response.headers.getall("Set-Cookie", ()):
            _note(exchange, JarChange(site, key, jar.answered(url, lines, self._time())))
        if dressed is not request:
            response.request = request
            if response.following is not None:
                response.following = _undressed(response.following)
        return response


def _check(cookies: Mapping[str, str]) -> None:
    """Refuse what could be taken for another header, or for the end of the head."""
    for name, value in cookies.items():
        if not {*"\r\n\0"}.isdisjoint(name + value):
            raise FetchError("malformed", f"a line break or NUL in the cookie {name!r} of the request")


def _note(exchange: Exchange, change: JarChange) -> None:
    if change.cookies:
        exchange.cookies.append(change)


def _dressed(request: Request, pairs: list[str]) -> Request:
    """The request with a Cookie header: its own cookies, and those of the jar."""
    if not (pairs or request.cookies) or any(name.lower() == "cookie" for name in request.headers):
        return request
    pairs += [f"{name}={value}" for name, value in request.cookies.items()]
    return request.replace(headers={**request.headers, "Cookie": "; ".join(pairs)}, cookies={})


def _undressed(request: Request) -> Request:
    headers = {name: value for name, value in request.headers.items() if name.lower() != "cookie"}
    return request.replace(headers=headers, cookies={})
