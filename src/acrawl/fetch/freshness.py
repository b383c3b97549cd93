"""When a stored answer may be used, when it must be asked about, and what is stored at all: RFC 9111, pure.

For a private cache: ``s-maxage``, ``proxy-revalidate`` and ``private`` do not concern it. Of RFC 5861
``stale-if-error`` is known, and ``stale-while-revalidate`` means what any answer means that is stale: ask first.
Times are Unix times.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

import msgspec
from multidict import CIMultiDict

FRESH = "fresh"
STALE = "stale"
VALIDATE = "validate"

#: Statuses that may be taken for fresh for a while without being told so (RFC 9110, 15.1); 206 is not stored at all.
HEURISTIC = frozenset({200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501})
#: Statuses whose meaning for a cache is known (RFC 9110, 15): what ``must-understand`` asks for.
UNDERSTOOD = HEURISTIC | {201, 202, 205, 302, 303, 307, *range(400, 418), 421, 422, 426, *range(500, 506)}
#: The longest time that an answer is guessed to be fresh (RFC 9111, 4.2.2 leaves it open).
MOST_GUESSED = 86400.0
#: Seconds that stand for any longer time (RFC 9111, 1.2.2).
_MOST = 1 << 31
#: Methods that change nothing (RFC 9110, 9.2.1).
SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})

_DIRECTIVE = re.compile(r'([!#$%&\'*+.^_`|~0-9A-Za-z-]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]*)))?[^,]*(?:,|$)')
#: Fields about one connection (RFC 9111, 3.1).
_OF_CONNECTION = frozenset({
    "connection", "keep-alive", "proxy-authenticate", "proxy-authentication-info", "proxy-authorization",
    "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
})  # fmt: skip
#: Fields about the bytes as they were sent. Stored bodies are decoded, so what a 304 says of these is another's.
_OF_BYTES = frozenset({"content-encoding", "content-length", "content-range", "content-type"})


class Kept(msgspec.Struct, frozen=True):
    """The head of a stored answer. ``asked_at`` is when its request was sent, ``came_at`` when it came."""

    status: int
    headers: CIMultiDict[str]
    asked_at: float
    came_at: float


def directives(headers: CIMultiDict[str]) -> dict[str, str]:
    """Read Cache-Control (5.2): arguments by names in lower case, of repeated ones the first (4.2.1).

    A request's ``Pragma: no-cache`` counts where there is no Cache-Control (5.4).
    """
    lines = headers.getall("Cache-Control", [])
    found: dict[str, str] = {}
    for match in _DIRECTIVE.finditer(", ".join(lines)):
        name, quoted, plain = match.groups()
        found.setdefault(name.lower(), re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain or "")
    if not lines and "no-cache" in headers.get("Pragma", "").lower():
        found["no-cache"] = ""
    return found


def storable(asked: CIMultiDict[str], kept: Kept) -> bool:
    """Whether the answer to a GET may be stored (3), and would ever be of use: fresh for a time, or with a validator.

    ``asked`` are the headers of the request.
    """
    said = directives(kept.headers)
    if kept.status < 200 or kept.status in {206, 304} or "no-store" in directives(asked):
        return False
    if "must-understand" in said:
        if kept.status not in UNDERSTOOD:
            return False
    elif "no-store" in said:
        return False
    told = said.keys() & {"public", "private", "max-age"} or "Expires" in kept.headers
    if not told and kept.status not in HEURISTIC:
        return False
    return lifetime(kept) > 0 or bool(preconditions(kept.headers))


def lifetime(kept: Kept) -> float:
    """How many seconds the answer is fresh (4.2.1): max-age, Expires, or a tenth of its age when it was made."""
    said, headers = directives(kept.headers), kept.headers
    if "max-age" in said:
        return delta(said["max-age"])
    dated = moment(headers.get("Date", ""))
    made = kept.came_at if dated is None else dated
    if "Expires" in headers:
        expires = moment(headers["Expires"])
        return max(0.0, expires - made) if expires is not None else 0.0
    modified = moment(headers.get("Last-Modified", ""))
    if modified is None or not (kept.status in HEURISTIC or "public" in said):
        return 0.0
    return min(max(0.0, made - modified) / 10, MOST_GUESSED)


def age(kept: Kept, now: float) -> float:
    """How old the answer is by now, its way through other caches included (4.2.3)."""
    made = moment(kept.headers.get("Date", ""))
    apparent = max(0.0, kept.came_at - made) if made is not None else 0.0
    first = kept.headers.get("Age", "0").partition(",")[0].strip()
    corrected = (delta(first) if first.isdecimal() else 0) + max(0.0, kept.came_at - kept.asked_at)
    return max(apparent, corrected) + max(0.0, now - kept.came_at)


def judge(asked: CIMultiDict[str], kept: Kept, now: float) -> str:
    """Whether a stored answer that belongs to the request may be used (4, 5.2.1).

    `FRESH`: yes; `STALE`: yes, because the request takes stale ones; `VALIDATE`: its server has to be asked first.
    An ``immutable`` answer (RFC 8246) is not asked about while it is fresh, unless the request says ``no-cache``.
    """
    wish, said = directives(asked), directives(kept.headers)
    if "no-cache" in wish or "no-cache" in said:
        return VALIDATE
    old = age(kept, now)
    left = lifetime(kept) - old
    if left > 0 and "immutable" in said:
        return FRESH
    if "max-age" in wish and old > delta(wish["max-age"]):
        return VALIDATE
    if left > 0:
        return VALIDATE if left < delta(wish.get("min-fresh", "0")) else FRESH
    if "max-stale" not in wish or "must-revalidate" in said or "min-fresh" in wish:
        return VALIDATE
    return STALE if not wish["max-stale"] or -left <= delta(wish["max-stale"]) else VALIDATE


def outlives_errors(asked: CIMultiDict[str], kept: Kept, now: float) -> bool:
    """Whether a stored answer may be used because its server fails (RFC 5861, 4; RFC 9111, 4.2.4)."""
    wish, said = directives(asked), directives(kept.headers)
    if said.keys() & {"no-cache", "must-revalidate"} or "no-cache" in wish:
        return False
    allowed = max(delta(told.get("stale-if-error", "0")) for told in (wish, said))
    return allowed > 0 and age(kept, now) - lifetime(kept) <= allowed


def preconditions(headers: CIMultiDict[str], *, by_tag: bool = False) -> dict[str, str]:
    """Return the headers that ask whether a stored answer still holds (4.3.1); empty where it has no validator.

    ``by_tag``: by its entity tag only, which tells apart what was made for other requests, as no date does.
    """
    found = {}
    tag, modified = headers.get("ETag", ""), headers.get("Last-Modified", "")
    if tag and tag.isascii():  # bytes that are no text could not be sent back as they came
        found["If-None-Match"] = tag
    if not by_tag and modified.isascii() and moment(modified) is not None:
        found["If-Modified-Since"] = modified
    return found


def freshened(stored: CIMultiDict[str], news: CIMultiDict[str]) -> CIMultiDict[str]:
    """Return the stored headers as a 304 leaves them (3.2): its fields replace those of the same names.

    A 304 with another strong entity tag does not speak of this answer, and changes nothing (4.3.4).
    """
    tag = news.get("ETag", "")
    if tag and not tag.startswith("W/") and stored.get("ETag", tag) != tag:
        return stored.copy()
    passed = CIMultiDict((name, value) for name, value in _lasting(news) if name.lower() not in _OF_BYTES)
    result = CIMultiDict((name, value) for name, value in stored.items() if name not in passed)
    result.extend(passed)
    return result


def kept_headers(headers: CIMultiDict[str], size: int) -> CIMultiDict[str]:
    """Return what is stored of the headers of an answer whose decoded body has ``size`` bytes (3.1)."""
    result = CIMultiDict((name, value) for name, value in _lasting(headers) if name.lower() != "content-encoding")
    result["Content-Length"] = str(size)
    return result


def selecting(headers: CIMultiDict[str], asked: CIMultiDict[str]) -> str:
    """Return what an answer's Vary makes of the request, to be compared with that of another (4.1).

    Empty without Vary, ``*`` where no other request is like it, else a digest of the fields that Vary names.
    """
    names = sorted({name.strip().lower() for line in headers.getall("Vary", []) for name in line.split(",")} - {""})
    if not names or "*" in names:
        return "*" if names else ""
    lines = [f"{name}:{' '.join(', '.join(asked.getall(name, [])).split())}" for name in names]
    return hashlib.blake2b("\n".join(lines).encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


def invalidates(method: str, status: int) -> bool:
    """Whether this answer says that what is stored for its URL no longer holds (4.4)."""
    return method not in SAFE and 200 <= status < 400


def delta(text: str) -> float:
    """Read a number of seconds (1.2.2). What is none counts as 0: stale, where it speaks of freshness (4.2.1)."""
    if not text.isdecimal() or not text.isascii():
        return 0.0
    return float(min(int(text[:12]), _MOST)) if len(text.lstrip("0")) <= 12 else float(_MOST)


def moment(text: str) -> float | None:
    """Read a date of HTTP in one of its three forms (RFC 9110, 5.6.7); None for what is none, such as ``0``."""
    try:
        date = parsedate_to_datetime(text)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, IndexError, TypeError, OverflowError):
        return None  # no date: the caller goes by what it knows otherwise


def _lasting(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    """The fields that are not about the connection, by their own names or by Connection's."""
    named = {name.strip().lower() for name in headers.get("Connection", "").split(",")} | _OF_CONNECTION
    return [(name, value) for name, value in headers.items() if name.lower() not in named]
