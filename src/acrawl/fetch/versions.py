"""What is remembered of an answer, so that the next visit can tell whether there is another one: RFC 9110, 13. Pure."""

from __future__ import annotations

import hashlib

from multidict import CIMultiDict

from acrawl.fetch.freshness import preconditions
from acrawl.request import Request
from acrawl.response import Response
from acrawl.ticket import LONGEST_VALIDATOR, Version

#: Bytes of a digest that are compared: no two states of a page have the same by accident.
_SHORT = 16
#: Fields that a request says the same in all visits.
_STEADY = frozenset({"", "accept-encoding"})


def version_of(request: Request, response: Response, former: Version | None, remember: str) -> Version | None:
    """What to remember of an answer; None for what the next visit does not ask for.

    ``remember`` is the setting. A digest is taken where there is no entity tag, where ``former`` has one to compare it
    with, and where it is ``digests``. Of a body that has gone to a temporary file none is taken.
    """
    if request.method != "GET" or request.body or remember == "nothing":
        return None
    tag, modified = validators(response.headers)
    file = response.file
    if file is not None:
        return Version(tag, modified, bytes.fromhex(file.sha256), file.size)
    if (remember == "digests" or not tag or (former is not None and former.digest)) and response.content.in_memory:
        return Version(tag, modified, hashlib.sha256(response.body).digest()[:_SHORT])
    return Version(tag, modified)


def version_of_redirect(request: Request, target: str) -> Version | None:
    """As `version_of`, for an answer that leads to another URL."""
    if request.method != "GET" or request.body:
        return None
    return Version(digest=hashlib.sha256(target.encode("utf-8", "surrogatepass")).digest()[:_SHORT])


def validators(headers: CIMultiDict[str]) -> tuple[str, str]:
    """ETag and Last-Modified as their server wrote them; empty where there is none that could be sent back.

    A date alone does not tell apart what is made for different requests (RFC 9111, 4.1): where Vary says that there is
    such, it is left.
    """
    tag, modified = headers.get("ETag", ""), headers.get("Last-Modified", "")
    if tag and not _can_be_sent(tag):
        tag = ""
    if modified and (not _can_be_sent(modified) or (not tag and _varies(headers))):
        modified = ""
    return tag, modified


def conditions(former: Version) -> dict[str, str]:
    """The headers that ask for what has changed since (RFC 9110, 13.1); empty without a validator."""
    named = (("ETag", former.etag), ("Last-Modified", former.modified))
    return preconditions(CIMultiDict((name, value) for name, value in named if value))


def speaks_of(former: Version, headers: CIMultiDict[str]) -> bool:
    """Whether a 304 says that the former version still holds: not where it names another (RFC 9111, 4.3.4)."""
    tag = headers.get("ETag", "")
    return not tag or not former.etag or _opaque(tag) == _opaque(former.etag)


def renewed(former: Version, headers: CIMultiDict[str]) -> Version:
    """The former version after a 304, with the validators that this has brought."""
    tag, modified = validators(headers)
    return Version(tag or former.etag, modified or former.modified, former.digest, former.length)


def is_same(former: Version, now: Version) -> bool:
    """Whether two answers had the same content: by their digests, else by their entity tags (RFC 9110, 8.8.3.2)."""
    if former.digest and now.digest:
        return former.digest[:_SHORT] == now.digest[:_SHORT]
    return bool(former.etag) and _opaque(former.etag) == _opaque(now.etag)


def _varies(headers: CIMultiDict[str]) -> bool:
    return any(name.strip().lower() not in _STEADY for line in headers.getall("Vary", ()) for name in line.split(","))


def _can_be_sent(value: str) -> bool:
    return len(value) <= LONGEST_VALIDATOR and value.isascii() and value.isprintable()


def _opaque(tag: str) -> str:
    return tag.removeprefix("W/")
