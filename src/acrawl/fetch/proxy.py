"""Which proxy a request takes: fair turns among those that work, and rest for those that fail.

Each worker has a health record of its own. Where a proxy is taken, names are its own to resolve: the guard judges
literal addresses, and names of no public server, before it is asked (`acrawl.fetch.guard.refused_behind`).
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from types import TracebackType
from typing import Self

from acrawl.clock import Clock
from acrawl.errors import MissingExtra, ProxyFailed, SettingsError
from acrawl.fetch.base import Send
from acrawl.fetch.reveal import revealed
from acrawl.fetch.route import Bypass, Proxy, environment, named
from acrawl.fetch.tunnel import socks
from acrawl.request import Request
from acrawl.response import Response
from acrawl.settings import Proxy as Section
from acrawl.settings.masks import ELSEWHERE

log = logging.getLogger(__name__)

#: No proxy rests longer than this, in seconds.
MOST_REST = 600.0
_MOST_DOUBLINGS = 16


class Health:
    """How one proxy does."""

    __slots__ = ("failed_at", "failures", "proxy", "until")

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self.failures = 0
        self.failed_at = float("-inf")
        self.until = float("-inf")


class Pool:
    """Proxies that take turns. Pure but for the clock ``now``.

    A failure lets a proxy rest for ``rest`` seconds, each further one in a row for twice as long, up to `MOST_REST`; a
    success heals it. Where all of them rest, the one whose rest ends first is taken: there is always one.
    """

    def __init__(self, proxies: Iterable[Proxy], rest: float, now: Callable[[], float]) -> None:
        self._turns = deque(Health(proxy) for proxy in proxies)
        self._rest = rest
        self._now = now

    def next(self) -> Health:
        """The one that has waited for its turn longest."""
        now = self._now()
        chosen = next((one for one in self._turns if one.until <= now), None) or self._first_back()
        self._turns.remove(chosen)
        self._turns.append(chosen)
        return chosen

    def for_host(self, host: str) -> Health:
        """The same one for a host as long as it works, in every worker; hosts are spread evenly (highest hash wins)."""
        now = self._now()
        working = [one for one in self._turns if one.until <= now]
        return max(working, key=lambda one: _weight(host, one.proxy)) if working else self._first_back()

    def failed(self, one: Health, began: float) -> float:
        """Let it rest, and return how long. 0 for a use that had begun before it was sent to rest: no news."""
        if began < one.failed_at:
            return 0.0
        rest: float = min(self._rest * 2 ** min(one.failures, _MOST_DOUBLINGS), MOST_REST)
        one.failed_at = self._now()
        one.until = one.failed_at + rest
        one.failures += 1
        return rest

    def worked(self, one: Health) -> None:
        """Forget its failures."""
        if one.failures:
            one.failures = 0
            one.until = float("-inf")

    def _first_back(self) -> Health:
        return min(self._turns, key=lambda one: one.until)


class Proxies:
    """The stage ``proxy``. Make it with `proxies`; an entry's secret that is missing is told when it is entered."""

    def __init__(self, settings: Section, found: Mapping[str, str], bypass: list[Bypass], clock: Clock) -> None:
        self._settings = settings
        self._found = found
        self._bypass = bypass
        self._clock = clock
        self._pools: dict[str, Pool] = {}

    async def __aenter__(self) -> Self:
        now, rest = self._clock.now, self._settings.rest
        if self._settings.urls:
            pool = Pool(await asyncio.to_thread(self.reveal), rest, now)
            self._pools = {"http": pool, "https": pool}
        else:
            self._pools = {scheme: Pool([_known(url, scheme)], rest, now) for scheme, url in self._found.items()}
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is open."""

    def reveal(self) -> list[Proxy]:
        """Read the proxies of the settings, those too that stand elsewhere. Blocks. Raises `SettingsError`."""
        return _listed(self._settings.urls) if self._settings.urls else []

    async def __call__(self, request: Request, send: Send) -> Response:
        """See `acrawl.fetch.base.Stage`. What the request itself asks for wins; the transport looks at that."""
        send.exchange.proxy = None
        host = request.host
        pool = self._pools.get(host.partition("://")[0])
        if request.proxy or pool is None or any(host in bypass for bypass in self._bypass):
            return await send(request)
        one = pool.for_host(host) if self._settings.rotate == "host" else pool.next()
        began = self._clock.now()
        send.exchange.proxy = one.proxy
        try:
            response = await send(request)
        except ProxyFailed as error:
            if error.own and (rest := pool.failed(one, began)):
                log.warning("a proxy rests for %.0f s: %s", rest, error.detail)
            raise
        pool.worked(one)
        return response


def proxies(settings: Section, clock: Clock, environ: Mapping[str, str] = os.environ) -> Proxies | None:
    """Make the stage; None where no proxy is named. Raises `SettingsError`, and `MissingExtra` for a SOCKS proxy."""
    bypass = [Bypass(settings.bypass, "proxy.bypass")]
    found: dict[str, str] = {}
    if settings.urls:
        for url in settings.urls:
            if not url.startswith(ELSEWHERE):
                _known(url, "proxy.urls")
    elif settings.from_environment:
        found, without = environment(environ)
        without_it = "proxy.from_environment=false leaves the environment alone"
        try:
            for scheme, url in found.items():
                _known(url, f"the environment's proxy for {scheme}")
            if found:
                bypass.append(Bypass(without, "no_proxy in the environment", loopback=True))
        except (SettingsError, MissingExtra) as error:  # nothing has begun, nothing is lost
            raise type(error)(f"{error}; {without_it}") from None
    return Proxies(settings, found, bypass, clock) if settings.urls or found else None


def _listed(urls: Iterable[str]) -> list[Proxy]:
    """Read the proxies, those too that stand elsewhere, one a line; a line may be empty or a comment."""
    found: dict[Proxy, None] = {}
    for url in urls:
        where = f"proxy.urls: {url}" if url.startswith(ELSEWHERE) else "proxy.urls"
        for line in revealed(url, where).splitlines():
            if line.strip() and not line.startswith("#"):
                found[_known(line.strip(), where)] = None
    if not found:
        raise SettingsError("proxy.urls: there is no proxy in what it names")
    return list(found)


def _known(url: str, where: str) -> Proxy:
    try:
        proxy = named(url)
    except ValueError as error:
        raise SettingsError(f"{where}: {error}") from None
    if proxy is None:
        raise SettingsError(f"{where}: {url!r} is for single requests; proxy.bypass lets hosts go without a proxy")
    if proxy.is_socks:
        socks()
    return proxy


def _weight(host: str, proxy: Proxy) -> bytes:
    return blake2b(f"{host} {proxy.name}".encode(), digest_size=8).digest()
