"""A fetcher meets one behaviour: what it is called in the end, and what it cost. For the tests and for the tool."""

from __future__ import annotations

import asyncio
import pathlib
import time
import tracemalloc

import msgspec

from acrawl.errors import FetchError, IgnoreRequest
from acrawl.fetch import Fetcher, retry
from acrawl.fetch.base import Exchange
from acrawl.request import Request
from acrawl.settings import Fetch, Retry, Settings, Tls
from acrawl.url import host_of
from hostile.registry import Behaviour

#: Short times and small sizes, so that each limit is met.
LIMITS = {
    "connect_timeout": 1.0,
    "idle_timeout": 0.5,
    "total_timeout": 2.0,
    "max_body": 1 << 20,
    "max_url": 4000,
}
#: Seconds that one page may take: threefold the longest of the limits, and room for what a busy machine adds.
DEADLINE = 3 * LIMITS["total_timeout"]
#: Bytes of memory that one page may take.
MEMORY = 16 << 20


class Met(msgspec.Struct):
    """What came of it: the words for the pages, those for the ends of redirects, seconds of the longest, bytes.

    ``left`` is for who counts connections.
    """

    words: list[str] = []
    ends: list[str] = []
    details: list[str] = []
    seconds: float = 0.0
    peak: int = 0
    left: int = 0


def settings(authority: pathlib.Path | str = "") -> Settings:
    """The settings that all behaviours are met with. ``authority`` is a file of one that is trusted."""
    return Settings(fetch=Fetch(**LIMITS), retry=Retry(times=0), tls=Tls(ca_file=str(authority)))


async def meet(fetcher: Fetcher, behaviour: Behaviour, url: str) -> Met:
    """Fetch the pages of a behaviour one after the other; robots.txt first where that is what misbehaves."""
    met = Met()
    tracemalloc.start()
    try:
        if behaviour.robots:
            began = time.monotonic()
            await fetcher.fetch_robots(url + "/robots.txt", opened=True)
            met.seconds = time.monotonic() - began
        for n in range(1, behaviour.times + 1):
            await asyncio.sleep(behaviour.pause)
            began = time.monotonic()
            word, detail, following = await fetched(fetcher, Request(url + behaviour.path.format(n=n)), url)
            met.seconds = max(met.seconds, time.monotonic() - began)
            met.words.append(word)
            met.details.append(detail)
            if following is not None:
                met.ends.append(await _followed(fetcher, following, url))
        met.peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return met


async def fetched(fetcher: Fetcher, request: Request, opened: str) -> tuple[str, str, Request | None]:
    """Make one exchange: its word, what is said of it, and where it leads. ``opened`` may be a private address."""
    try:
        response = await fetcher.fetch(request, Exchange(private_host=host_of(opened)))
    except IgnoreRequest as error:
        return error.reason, str(error), None
    except FetchError as error:
        return error.reason, error.detail, None
    if response.following is not None:
        return "redirect", "", response.following
    return retry.decide(settings().retry, 1, response, time.time()).reason or "ok", "", None


async def _followed(fetcher: Fetcher, request: Request | None, opened: str) -> str:
    """Follow redirects as the frontier would: no URL twice."""
    seen: set[str] = set()
    word = ""
    while request is not None:
        if request.url in seen:
            return "redirect-loop"
        seen.add(request.url)
        word, _, request = await fetched(fetcher, request, opened)
    return word
