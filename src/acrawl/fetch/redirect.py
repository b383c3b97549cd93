"""Where an answer sends us: one redirect, as browsers follow it. The target goes back to the frontier."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote_from_bytes

from acrawl.errors import FetchError
from acrawl.fetch.base import Send
from acrawl.request import Request
from acrawl.response import Response
from acrawl.url import host_of, join

STATUSES = frozenset({301, 302, 303, 307, 308})
#: Headers that speak of the body, which a redirect to GET leaves behind.
_OF_BODY = frozenset({"content-encoding", "content-language", "content-length", "content-location", "content-type"})
#: Headers that are meant for one server only.
_OF_SERVER = frozenset({"authorization", "cookie", "host", "origin", "proxy-authorization"})


class Redirect:
    """The stage ``redirect``: says of each response where it leads."""

    def __init__(self, max_redirects: int) -> None:
        self._max_redirects = max_redirects

    async def __call__(self, request: Request, send: Send) -> Response:
        """See `acrawl.fetch.base.Stage`. Raises `FetchError` as `target` does."""
        response = await send(request)
        if response.status in STATUSES and not request.dont_redirect and not request.wants(response.status):
            response.following = target(request, response, self._max_redirects)
        return response


def target(request: Request, response: Response, max_redirects: int) -> Request | None:
    """Return the request a response redirects to, or None when it does not redirect. Pure.

    Callback, ``cb_kwargs``, ``meta``, priority, depth and ``save`` are kept and ``hops`` grows by one. 303, and 301 and
    302 after a POST, turn into GET without body. Credentials and cookies do not go to another origin.
    Raises `FetchError`: ``too-many-redirects``, or ``redirect-refused`` where the target must not be requested.
    """
    location = response.headers.get("Location", "") if response.status in STATUSES else ""
    if not location:
        return None
    if request.hops >= max_redirects:
        raise FetchError("too-many-redirects", f"more than {max_redirects}; the next is {location[:200]}")
    url = join(response.url, _as_sent(location))
    if url is None:
        raise FetchError("redirect-refused", f"{response.status} to {location[:200]}, which is no http(s) URL")
    changes: dict[str, Any] = {"url": url, "hops": request.hops + 1, "not_before": 0.0}
    dropped: frozenset[str] = frozenset()
    if _becomes_get(response.status, request.method):
        changes |= {"method": "GET", "body": b""}
        dropped |= _OF_BODY
    if not _trusted(host_of(request.url), host_of(url)):
        changes["cookies"] = {}
        dropped |= _OF_SERVER
    if dropped and request.headers:
        changes["headers"] = {name: value for name, value in request.headers.items() if name.lower() not in dropped}
    return request.replace(**changes)


def _becomes_get(status: int, method: str) -> bool:
    method = method.upper()
    return (status == 303 and method not in {"GET", "HEAD"}) or (status in {301, 302} and method == "POST")


def _trusted(old: str, new: str) -> bool:
    """The same origin, or the usual step of one name from http to https, where nothing new can listen in."""
    return old == new or (old.startswith("http://") and new == "https://" + old[7:] and ":" not in new[8:])


def _as_sent(location: str) -> str:
    """Percent-encode the bytes of a Location that are not UTF-8 (kept as surrogates), as browsers do."""
    if location.isascii():
        return location
    raw = location.encode("utf-8", "surrogateescape")
    return quote_from_bytes(raw, safe="!\"#$%&'()*+,/:;<=>?@[\\]^`{|} ")
