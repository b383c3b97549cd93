"""A request and those that it leads to, made as a worker makes them, robots.txt first."""

from __future__ import annotations

from collections.abc import AsyncIterator

from acrawl.cli.hop import Hop
from acrawl.errors import Excluded, FetchError, IgnoreRequest
from acrawl.fetch import Fetcher
from acrawl.fetch.base import Exchange
from acrawl.fetch.robots import RobotsAnswer, lasts
from acrawl.fetch.trace import Trace
from acrawl.request import Request
from acrawl.response import Response
from acrawl.settings import Settings
from acrawl.url import host_of


class Chain:
    """Makes requests, one chain after the other. What each robots.txt says is remembered."""

    def __init__(self, fetcher: Fetcher, settings: Settings) -> None:
        self._fetcher = fetcher
        self._obeys = settings.politeness.obey_robots
        self._robots: dict[str, RobotsAnswer] = {}

    async def hops(self, request: Request, *, follow: bool) -> AsyncIterator[Hop]:
        """Make a request and, to ``follow``, those of its redirects. Its host is a seed's: it may be a private one."""
        seed = request.host
        following: Request | None = request
        while following is not None:
            hop = await self._hop(following, seed)
            yield hop
            following = hop.came.following if follow and isinstance(hop.came, Response) else None

    async def _hop(self, request: Request, seed: str) -> Hop:
        """Ask robots.txt of a host that was not asked yet, then make the request. Raises nothing."""
        hop = Hop(request, Trace())
        exchange = Exchange(private_host=seed, trace=hop.trace)
        if self._obeys:
            if request.host not in self._robots:
                hop.asked = Trace()
                self._robots[request.host] = await self._robots_of(request.host, seed, hop.asked)
            hop.robots = answer = self._robots[request.host]
            if answer.rules is None:  # nothing of the host may be asked for
                for_good = lasts(answer.reason)
                hop.came = FetchError(answer.reason, answer.detail) if for_good else Excluded("robots-unreachable")
                return hop
            exchange.rules = answer.rules
        try:
            hop.came = await self._fetcher.fetch(request, exchange)
        except (FetchError, IgnoreRequest) as error:  # it is what there is to tell
            hop.came = error
        return hop

    async def _robots_of(self, host: str, seed: str, trace: Trace) -> RobotsAnswer:
        """Fetch a robots.txt, also where it leads to other hosts: in a crawl the frontier does that."""
        url, hops = f"{host}/robots.txt", 0
        while True:
            answer = await self._fetcher.fetch_robots(url, opened=host_of(url) == seed, hops=hops, trace=trace)
            if not answer.leads:
                return answer
            url, hops = answer.leads, hops + 1
