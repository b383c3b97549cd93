"""What the head of a request says, and the file name in that of an answer. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.message import Message
from email.utils import collapse_rfc2231_value
from typing import Any

from acrawl.request import Request
from acrawl.url import host_of

#: Longer referrers are cut to their origin, as browsers do.
_MAX_REFERRER = 4096
#: Methods and header names (RFC 9110, 5.6.2).
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch
#: Headers that say where a message ends. Only who writes it knows.
_FRAMING = frozenset({"content-length", "transfer-encoding"})
#: Methods whose requests have no body unless they say so; the others announce an empty one (RFC 9110, 8.6).
_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


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


def head_of(request: Request, authority: str, usual: Mapping[str, str], authorization: str = "") -> bytes:
    """Return the head of a request to the server ``authority``, as it is sent (RFC 9112): one line for each header.

    It has the ``usual`` headers, Host and ``authorization`` unless it names them itself. Where its body ends is told by
    the body's length, whatever it says of that. Raises ValueError where the method or a header's name is none, or where
    a header could be taken for another one or for the end of the head.
    """
    url = request.url
    method = request.method if request.method == "GET" else _token(request.method).upper()
    lines = [f"{method} {url[url.find('/', 8) :]} HTTP/1.1"]
    own = headers_of(request)
    named = {_token(name).lower() for name in own} if own else frozenset()
    if "host" not in named:
        lines.append(f"Host: {authority}")
    lines += [f"{name}: {value}" for name, value in usual.items() if name.lower() not in named]
    if authorization and "authorization" not in named:
        lines.append(f"Authorization: {authorization}")
    if own:
        lines += [f"{name}: {value}" for name, value in own.items() if name.lower() not in _FRAMING]
    if request.body or method not in _WITHOUT_BODY:
        lines.append(f"Content-Length: {len(request.body)}")
        if request.body and "content-type" not in named:
            lines.append("Content-Type: application/octet-stream")
    head = "\r\n".join(lines) + "\r\n\r\n"
    ours = len(lines) + 1
    if head.count("\r") != ours or head.count("\n") != ours or "\0" in head:
        raise ValueError(f"a line break or NUL in the head of a request: {head!r}")
    return head.encode()


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


def _token(name: str) -> str:
    if not _TOKEN(name):
        raise ValueError(f"neither a method nor the name of a header: {name!r}")
    return name
