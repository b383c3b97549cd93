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
#: Characters of a Content-Disposition that are looked at: the parser's time grows with the square of them.
_MOST_DISPOSITION = 2048
#: A Content-Length, its line's end included, in the head of an answer. One part takes the white space, not two: what
#: two may share is tried in all ways.
_LENGTHS = re.compile(rb"^Content-Length:([0-9, \t]*)\r?\n", re.IGNORECASE | re.MULTILINE)
#: Methods whose requests have no body unless they say so; the others announce an empty one (RFC 9110, 8.6).
_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


def defaults(user_agent: str) -> dict[str, str]:
    """Return what every request says unless it says otherwise itself: whole lines by their names in lower case.

    ``Accept`` names no image format: a server that converts on demand then sends its original.
    """
    usual = {
        "User-Agent": user_agent,
        "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "Accept-Language": "en,*;q=0.5",
        "Accept-Encoding": "gzip, deflate, br, zstd",
    }
    return {name.lower(): f"{name}: {value}" for name, value in usual.items()}


def head_of(request: Request, authority: str, usual: Mapping[str, str], authorization: str = "") -> bytes:
    """Return the head of a request to the server ``authority``, as it is sent (RFC 9112): one line for each header.

    It has Host, the ``usual`` headers (see `defaults`) and ``authorization`` unless it names them itself. Where its
    body ends is told by the length of the body, whatever its headers say. Raises ValueError for a method or a header's
    name that is none, and for a header that could be taken for another one or for the end of the head.
    """
    url, body = request.url, request.body
    method = request.method if request.method == "GET" else _token(request.method).upper()
    fields = {"host": f"Host: {authority}", **usual}
    if authorization:
        fields["authorization"] = f"Authorization: {authorization}"
    if body:
        fields["content-type"] = "Content-Type: application/octet-stream"
    if own := headers_of(request):
        for name, value in own.items():
            fields[_token(name).lower()] = f"{name}: {value}"
        fields.pop("transfer-encoding", None)
        fields.pop("content-length", None)
    if body or method not in _WITHOUT_BODY:
        fields["content-length"] = f"Content-Length: {len(body)}"
    head = "\r\n".join((f"{method} {url[url.find('/', 8) :]} HTTP/1.1", *fields.values(), "\r\n"))
    ours = len(fields) + 2
    if head.count("\r") != ours or head.count("\n") != ours or "\0" in head:
        # Not its text, which may be a secret.
        name = next((name for name, line in fields.items() if not {*"\r\n\0"}.isdisjoint(line)), "first line")
        raise ValueError(f"a line break or NUL in the head of a request, in its {name}")
    return head.encode("utf-8", "surrogateescape")  # Digest has bytes in it that are no UTF-8


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
        return whole if whole.startswith(origin) else without_user(whole)
    if referrer.startswith("https://") and url.startswith("http://"):
        return ""
    return origin + "/"


def with_one_length(head: bytes) -> bytes:
    """Return the head of an answer with one Content-Length where it says the same one several times.

    RFC 9110, 8.6 lets a recipient do so, browsers do; the parser does not. What contradicts itself is left to it.
    """
    lengths = [length.strip() for values in _LENGTHS.findall(head) for length in values.split(b",")]
    if len(lengths) < 2 or len(set(lengths)) > 1:
        return head
    return _LENGTHS.sub(b"", head).replace(b"\n", b"\nContent-Length: %b\r\n" % lengths[0], 1)


def file_name(disposition: str) -> str:
    """Return the file name in a Content-Disposition header (RFC 6266), empty without one. A claim, not a path."""
    if not disposition:
        return ""
    message = Message()
    text = disposition[:_MOST_DISPOSITION].encode("utf-8", "replace").decode()
    message["Content-Disposition"] = text.replace("\r", "").replace("\n", "")
    parameters = message.get_params([], "Content-Disposition")
    names: list[Any] = [value for name, value in parameters if name.lower() == "filename"]
    encoded = [value for value in names if isinstance(value, tuple)]  # filename*, which wins (RFC 6266, 4.3)
    return collapse_rfc2231_value((encoded or names or [""])[0])


def without_user(url: str) -> str:
    """Return a URL without the name and the password that may stand before its host."""
    scheme, slashes, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}{slashes}{authority.rpartition('@')[2]}{slash}{path}"


def _token(name: str) -> str:
    if not _TOKEN(name):
        raise ValueError(f"neither a method nor the name of a header: {name!r}")
    return name
