"""The stage ``cookies``, and the copies of the job's jars that a worker holds.

A jar belongs to the job (`acrawl.frontier.base.Leasing.jar`). A worker asks for one when a request needs it in a newer
version than the worker knows. What an answer sets holds in this worker at once, and elsewhere for all that is handed
out after its report. Until that is acknowledged nobody else may know of it: when a report is refused or a lease is
lost, the copies are forgotten, and asked for anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping

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


class Copy:
    """A jar as this worker knows it: of ``version`` (-1: to be asked for), with the worker's own changes on top.

    ``mine`` are those that have not been acknowledged, each with the version it was put upon.
    """

    __slots__ = ("asking", "jar", "mine", "version")

    def __init__(self, jar: Jar, version: int) -> None:
        self.jar = jar
        self.version = version
        self.mine: list[tuple[JarChange, int]] = []
        self.asking: asyncio.Lock | None = None


class Jars:
    """The copies of one worker; ``ask`` gets them. Without it they are all there is, and last as long as this."""

    def __init__(self, terms: Cookies, clock: Clock, ask: AskJar | None = None) -> None:
        self._terms = terms
        self._time = clock.time
        self._ask = ask
        self._copies: dict[tuple[str, str], Copy] = {}

    def __len__(self) -> int:
        return len(self._copies)

    def at_hand(self, site: str, key: str, version: int) -> Copy | None:
        """The jar of a site under a key, no older than ``version``; None when it has to be asked for.

        A site of version 0 has no cookies, as far as the job knows.
        """
        name = site, key
        copy = self._copies.pop(name, None)
        if copy is None:
            if len(self._copies) >= _MOST_COPIES:
                del self._copies[next(iter(self._copies))]
            copy = Copy(Jar(self._terms), -1 if version else 0)
        self._copies[name] = copy
        return copy if self._ask is None or copy.version >= version else None

    async def get(self, site: str, key: str, version: int) -> Copy:
        """The jar of a site under a key, no older than ``version``, asked for if need be. Raises what asking raises."""
        while (copy := self.at_hand(site, key, version)) is None:
            await self._renew((site, key), version)
        return copy

    async def _renew(self, name: tuple[str, str], version: int) -> None:
        """Ask for a jar; who needs the same one meanwhile waits for that."""
        copy = self._copies[name]
        assert self._ask is not None
        if copy.asking is None:
            copy.asking = asyncio.Lock()
        async with copy.asking:
            if copy.version >= version or self._copies.get(name) is not copy:
                return
            came = await self._ask(*name)
            if self._copies.get(name) is not copy:
                return  # forgotten meanwhile: what came may be of another life of the frontier
            copy.jar, copy.version = Jar(self._terms, came.cookies), came.version
            for change, _ in copy.mine:
                copy.jar.put(change.cookies, self._time())

    def acknowledged(self, changes: Iterable[JarChange]) -> None:
        """What was reported is in the job."""
        for change in changes:
            copy = self._copies.get((change.site, change.key))
            for place, (mine, version) in enumerate(copy.mine if copy is not None else ()):
                if copy is not None and mine is change:
                    del copy.mine[place]
                    if version != copy.version:  # it was put on a newer jar, in which others may have replaced it
                        copy.version = -1
                    break

    def forget(self) -> None:
        """What this worker has seen may not be what the job knows: every jar is asked for anew."""
        self._copies.clear()


class CookieStage:
    """Sends the cookies of a request's jar, and takes into it what the answer sets.

    A Cookie header of the request's own is sent as it is, and nothing of the jar beside it. The request's ``cookies``
    stand for those of the same name in the jar and are remembered there, as in Scrapy; where the answer leads to, the
    jar decides again. robots.txt is asked for without cookies, and its answer sets none.
    """

    def __init__(self, jars: Jars, clock: Clock) -> None:
        self.jars = jars
        self._time = clock.time

    async def __call__(self, request: Request, send: Send) -> Response:
        """See `acrawl.fetch.base.Stage`.

        Raises `FetchError` (``malformed``) for cookies of the request's that cannot be sent, and what asking the
        frontier for a jar raises.
        """
        exchange = send.exchange
        if exchange.anonymous or request.dont_merge_cookies:
            return await send(request)
        url, site, key, now = request.url, site_of(request.host), request.cookiejar, self._time()
        copy = self.jars.at_hand(site, key, exchange.jars) or await self.jars.get(site, key, exchange.jars)
        if request.cookies:
            _check(request.cookies)
            _note(copy, exchange, JarChange(site, key, copy.jar.given(url, request.cookies, now)))
        dressed = _dressed(request, copy.jar.pairs(url, now, request.cookies))
        response = await send(dressed)
        if lines := response.headers.getall("Set-Cookie", ()):  # into the jar as it is by now
            _note(copy, exchange, JarChange(site, key, copy.jar.answered(url, lines, self._time())))
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


def _note(copy: Copy, exchange: Exchange, change: JarChange) -> None:
    if change.cookies:
        copy.mine.append((change, copy.version))
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
