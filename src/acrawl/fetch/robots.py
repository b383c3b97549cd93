"""Asking for a host's robots.txt, by RFC 9309, 2.3.1: what each answer means. Matching is ``parse/robots.py``."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from acrawl.errors import FetchError, IgnoreRequest
from acrawl.fetch.base import Send
from acrawl.fetch.redirect import target
from acrawl.fetch.retry import retry_after
from acrawl.parse.robots import ALLOW_ALL, MAX_BYTES, Rules, parse
from acrawl.request import Request

#: How much of a longer file is looked at (RFC 9309, 2.5).
MAX_SIZE = MAX_BYTES
#: Redirects that are followed (RFC 9309, 2.3.1.2).
MAX_REDIRECTS = 5


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


async def fetch_robots(url: str, send: Send, product: str, now: Callable[[], float] = time.time) -> RobotsAnswer:
    """Fetch ``url`` and say what it means for the robot called ``product``. Never raises `FetchError`.

    ``send`` returns bodies of at most `MAX_SIZE` bytes, cut there. 2xx is parsed; up to `MAX_REDIRECTS` redirects are
    followed, to other hosts too; 4xx, further redirects, those that lead nowhere and a stage's `IgnoreRequest` mean
    that there is no robots.txt, so all is allowed. 5xx, 429 and every failure to get an answer mean "not now".
    """
    request = Request(url)
    while True:
        try:
            response = await send(request)
        except FetchError as error:  # nothing is known about the rules: the caller asks again later
            return RobotsAnswer(None, error.reason, 0, error.detail)
        except IgnoreRequest as error:  # a stage of the user's keeps it out
            return RobotsAnswer(ALLOW_ALL, "", 0, str(error))
        status = response.status
        try:
            following = target(request, response, MAX_REDIRECTS)
        except FetchError as error:  # a redirect that cannot be followed: there is no robots.txt
            return RobotsAnswer(ALLOW_ALL, "", status, str(error))
        if following is None:
            break
        request = following
    if 200 <= status < 300:
        return RobotsAnswer(parse(response.body, product), "", status)
    if status >= 500 or status == 429:
        pause = retry_after(response.headers, now()) or 0.0
        return RobotsAnswer(None, f"http-{status}", status, f"{request.url} answered {status}", pause)
    return RobotsAnswer(ALLOW_ALL, "", status, f"{request.url} answered {status}")
