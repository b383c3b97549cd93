"""What the headers of a request say, and the file name in those of an answer. Pure."""

from __future__ import annotations

from email.message import Message
from email.utils import collapse_rfc2231_value
from typing import Any

from acrawl.request import Request
from acrawl.url import host_of

#: Longer referrers are cut to their origin, as browsers do.
_MAX_REFERRER = 4096


def defaults(user_agent: str) -> dict[str, str]:
    """Return what every request says unless it says otherwise itself.

    ``Accept`` names no image format: a server that converts on demand then sends its original.
    """
    return {
        "User-Agent": user_agent,
        "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "Accept-Language": "en,*;q=0.5",
        "Accept-Encoding": "gzip, deflate, br, zstd",
    }


def headers_of(request: Request) -> dict[str, str] | None:
    """Return the headers of one request besides the defaults: its own, Referer and Cookie; None if there are none.

    A Referer that the request names itself wins; its Cookie header and its ``cookies`` are joined.
    """
    referrer = referrer_for(request.url, request.referrer) if request.referrer else ""
    headers = request.headers
    if not request.cookies:
        return {"Referer": referrer, **headers} if referrer else headers or None
    pairs = [f"{name}={value}" for name, value in request.cookies.items()]
    pairs += [value for name, value in headers.items() if name.lower() == "cookie"]
    found = {"Referer": referrer} if referrer else {}
    found |= {name: value for name, value in headers.items() if name.lower() != "cookie"}
    found["Cookie"] = "; ".join(pairs)
    return found


def referrer_for(url: str, referrer: str) -> str:
    """Return what may be told about the page that led to ``url``: the policy strict-origin-when-cross-origin.

    All of it within one origin, the origin across origins, nothing from https to http.
    """
    if not referrer.startswith(("http://", "https://")):
        return ""
    origin = host_of(referrer)
    if host_of(url) == origin and len(referrer) <= _MAX_REFERRER:
        whole = referrer.partition("#")[0]
        return whole if whole.startswith(origin) else _without_user(whole)
    if referrer.startswith("https://") and url.startswith("http://"):
        return ""
    return origin + "/"


def file_name(disposition: str) -> str:
    """Return the file name in a Content-Disposition header (RFC 6266), empty without one. A claim, not a path."""
    if not disposition:
        return ""
    message = Message()
    message["Content-Disposition"] = disposition.encode("utf-8", "replace").decode().replace("\r", "").replace("\n", "")
    parameters = message.get_params([], "Content-Disposition")
    names: list[Any] = [value for name, value in parameters if name.lower() == "filename"]
    encoded = [value for value in names if isinstance(value, tuple)]  # filename*, which wins (RFC 6266, 4.3)
    return collapse_rfc2231_value((encoded or names or [""])[0])


def _without_user(url: str) -> str:
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"
