"""Obeying robots.txt, and asking for it by RFC 9309, 2.3.1: what each answer means. Matching is ``parse/robots.py``."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import msgspec

from acrawl.errors import Excluded, FetchError, IgnoreRequest
from acrawl.fetch.base import Send
from acrawl.fetch.retry import retry_after
from acrawl.parse.robots import ALLOW_ALL, MAX_BYTES, Rules, parse
from acrawl.request import Request
from acrawl.response import Response

#: How much of a longer file is looked at (RFC 9309, 2.5).
MAX_SIZE = MAX_BYTES
#: Redirects that are followed (RFC 9309, 2.3.1.2).
MAX_REDIRECTS = 5


#: Redirects that cannot be followed: there is no robots.txt then.
_NOWHERE = frozenset({"redirect-refused", "too-many-redirects"})
_LASTING = frozenset({"dns", "refused", "blocked", "not-cached", "stage"})


class Robots:
    """The stage ``robots``: keeps out what the rules in the exchange forbid. They came with the lease."""

    async def __call__(self, request: Request, send: Send) -> Response:
        """See `acrawl.fetch.base.Stage`. Raises `Excluded` (``robots``) with the rule that decided."""
        rules = send.exchange.rules
        if not rules.allowed(request.url):
            send.exchange.untouched = True
            raise Excluded("robots", rules.decisive(request.url))
        return await send(request)


def lasts(reason: str) -> bool:
    """Whether a robots.txt that cannot be had for this reason will hardly be there the next time."""
    return reason in _LASTING or reason.startswith("tls")


class RobotsAnswer(msgspec.Struct, frozen=True):
    """What a host's robots.txt says; ``rules`` is None when it could not be had now and must be asked for again.

    Until then nothing of the host may be fetched; ``reason`` is why, in the ledger's words, and ``pause`` the
    Retry-After of such an answer, in seconds.
    """

    rules: Rules | None
    reason: str = ""
    http_status: int = 0
    detail: str = ""
    pause: float = 0.0


async def fetch_robots(
    url: str, send: Callable[[Request], Awaitable[Response]], product: str, now: Callable[[], float] = time.time
) -> RobotsAnswer:
    """Fetch ``url`` and say what it means for the robot called ``product``. Never raises `FetchError`.

    ``send`` returns bodies of at most `MAX_SIZE` bytes, cut there. 2xx is parsed; up to `MAX_REDIRECTS` redirects are
    followed, to other hosts too; 4xx, further redirects, those that lead nowhere and a stage's `IgnoreRequest` mean
    that there is no robots.txt, so all is allowed. 5xx, 429 and every failure to get an answer mean "not now".
    """
    request = Request(url)
    while True:
        try:
            response = await send(request)
        except FetchError as error:
            if error.reason in _NOWHERE:
                return RobotsAnswer(ALLOW_ALL, "", 0, str(error))
            # nothing is known about the rules: the caller asks again later
            return RobotsAnswer(None, error.reason, 0, error.detail)
        except IgnoreRequest as error:  # a stage of the user's keeps it out
            return RobotsAnswer(ALLOW_ALL, "", 0, str(error))
        status = response.status
        if response.following is None or request.hops >= MAX_REDIRECTS:
            break
        request = response.following
    if 200 <= status < 300:
        return RobotsAnswer(parse(response.body, product), "", status)
    if status >= 500 or status == 429:
        pause = retry_after(response.headers, now()) or 0.0
        return RobotsAnswer(None, f"http-{status}", status, f"{request.url} answered {status}", pause)
    return RobotsAnswer(ALLOW_ALL, "", status, f"{request.url} answered {status}")
