"""Obeying robots.txt, and asking for it by RFC 9309, 2.3.1: what each answer means. Matching is ``parse/robots.py``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from acrawl.clock import Clock
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
            send.exchange.spared = True
            raise Excluded("robots", rules.decisive(request.url))
        return await send(request)


def lasts(reason: str) -> bool:
    """Whether a robots.txt that cannot be had for this reason will hardly be there the next time."""
    return reason in _LASTING or reason.startswith("tls")


class RobotsAnswer(msgspec.Struct, frozen=True):
    """What a host's robots.txt says; ``rules`` is None when it could not be had now and must be asked for again.

    Until then nothing of the host may be fetched; ``reason`` is why, in the ledger's words, and ``pause`` the
    Retry-After of such an answer, in seconds; or it is to be had at another host, where ``leads`` says. ``since`` is
    how long ago the host was asked last, in seconds.
    """

    rules: Rules | None
    reason: str = ""
    http_status: int = 0
    detail: str = ""
    pause: float = 0.0
    since: float = 0.0
    leads: str = ""


async def fetch_robots(
    request: Request, send: Callable[[Request], Awaitable[Response]], product: str, clock: Clock, spacing: float = 0.0
) -> RobotsAnswer:
    """Fetch a robots.txt and say what it means for the robot called ``product``. Never raises `FetchError`.

    ``send`` returns bodies of at most `MAX_SIZE` bytes, cut there. 2xx is parsed; up to `MAX_REDIRECTS` redirects are
    followed (``request.hops`` counts earlier ones), within the host after ``spacing`` seconds by ``clock``, to another
    host by its frontier, in that host's turn. 4xx, further redirects, those that lead nowhere and a stage's
    `IgnoreRequest` mean that there is no robots.txt, so all is allowed. 5xx, 429 and every failure to get an answer
    mean "not now".
    """
    asked = clock.now()
    while True:
        try:
            response = await send(request)
        except FetchError as error:
            if error.reason in _NOWHERE:
                answer = RobotsAnswer(ALLOW_ALL, "", 0, str(error))
            else:  # nothing is known about the rules: the caller asks again later
                answer = RobotsAnswer(None, error.reason, 0, error.detail)
            break
        except IgnoreRequest as error:  # a stage of the user's keeps it out
            answer = RobotsAnswer(ALLOW_ALL, "", 0, str(error))
            break
        following = response.following
        if following is None or request.hops >= MAX_REDIRECTS:
            answer = _meaning(response, product, clock.time())
            break
        if following.host != request.host:
            answer = RobotsAnswer(None, "", response.status, leads=following.url)
            break
        request = following
        if spacing > 0:
            await clock.sleep(spacing)
        asked = clock.now()
    return msgspec.structs.replace(answer, since=clock.now() - asked)


def _meaning(response: Response, product: str, now: float) -> RobotsAnswer:
    """What the last answer says of the host."""
    status = response.status
    if 200 <= status < 300:
        return RobotsAnswer(parse(response.body, product), "", status)
    if status >= 500 or status == 429:
        pause = retry_after(response.headers, now) or 0.0
        return RobotsAnswer(None, f"http-{status}", status, f"{response.url} answered {status}", pause)
    return RobotsAnswer(ALLOW_ALL, "", status, f"{response.url} answered {status}")
