"""Whether and how a cut download goes on: what RFC 9110 says of ranges and validators. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import blake2b

import msgspec
from multidict import CIMultiDict

from acrawl.errors import FetchError
from acrawl.outcome import Beginning
from acrawl.request import Request

#: An earlier try's bytes could not be continued: they are thrown away, and the next try begins anew.
REASON = "resume"
#: Seconds by which Date must be later than Last-Modified for the latter to name one version only (RFC 9110, 8.8.2.2):
#: so many that it does not matter whether both come from one clock.
_STRONG_AFTER = 60.0
#: Headers with which a request speaks of ranges or of the version that it wants. Which one it has already, as the stage
#: ``cache`` says, is another matter: if that one still holds nothing comes, else If-Range decides (RFC 9110, 13.2.2).
_OWN = frozenset({"range", "if-range", "if-match", "if-unmodified-since"})
#: Headers that choose between several files at one URL. Cookies and credentials change from try to try; that the file
#: is still the same is for the validator to tell.
_CHOOSING = ("accept", "accept-language")
#: Headers of the first answer that an answer with the rest need not repeat (RFC 9110, 15.3.7).
_KEPT = (
    "Content-Type", "Content-Disposition", "Content-Language", "ETag", "Last-Modified",
    "Repr-Digest", "Content-Digest", "Digest", "Content-MD5",
)  # fmt: skip
#: Headers of an answer with a part that speak of the part.
_OF_PART = frozenset({"content-range", "content-digest", "content-md5", "content-length"})
_ENTITY_TAG = re.compile(r'"[\x21\x23-\x7e]*"').fullmatch
_RANGE = re.compile(r"bytes (?:(\d{1,18})-(\d{1,18})|\*)/(?:(\d{1,18})|\*)", re.IGNORECASE | re.ASCII).fullmatch


class Extent(msgspec.Struct, frozen=True):
    """A Content-Range: bytes ``first`` to ``last`` of ``total`` (0: not told). An unsatisfied one has no bytes."""

    first: int
    last: int
    total: int


def key_of(request: Request) -> str:
    """The name under which the beginning of this request's file is kept; empty for what cannot be resumed.

    Ranges are defined for GET only (RFC 9110, 14.2).
    """
    headers = {name.lower(): value for name, value in request.headers.items()}
    if request.method.upper() != "GET" or request.body or not _OWN.isdisjoint(headers):
        return ""
    chosen = [headers.get(name, "") for name in _CHOOSING]
    return blake2b("\n".join([request.url, *chosen]).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def plain(request: Request) -> Request:
    """Ask for the file as it is, unless the request names codings itself: ranges are counted in coded bytes."""
    if any(name.lower() == "accept-encoding" for name in request.headers):
        return request
    return request.replace(headers={**request.headers, "Accept-Encoding": "identity"})


def continuing(request: Request, beginning: Beginning) -> Request:
    """Ask for the rest, or for all if the file is another one by now (RFC 9110, 13.1.5 and 14.2)."""
    headers = {name: value for name, value in request.headers.items() if name.lower() != "accept-encoding"}
    headers |= {
        "Accept-Encoding": "identity",
        "Range": f"bytes={beginning.size}-",
        "If-Range": beginning.validator,
    }
    return request.replace(headers=headers)


def validator_of(headers: Mapping[str, str]) -> str:
    """What proves later that a file is still the same, for If-Range; empty where nothing does or ranges are refused.

    A strong ETag; a Last-Modified only without any ETag, and when it is a strong validator (RFC 9110, 13.1.5).
    """
    if is_coded(headers) or "none" in headers.get("Accept-Ranges", "").lower():
        return ""
    tag = headers.get("ETag", "").strip()
    if tag:
        return tag if _ENTITY_TAG(tag) else ""
    text = headers.get("Last-Modified", "").strip()
    modified, sent = _date(text), _date(headers.get("Date", ""))
    if modified is None or sent is None or (sent - modified).total_seconds() < _STRONG_AFTER:
        return ""
    return text


def is_coded(headers: Mapping[str, str]) -> bool:
    """Whether the bytes that come out of the body are others than those that ranges and digests speak of."""
    return headers.get("Content-Encoding", "").strip().lower() not in {"", "identity"}


def length_of(headers: Mapping[str, str]) -> int:
    """The Content-Length; 0 without one."""
    text = headers.get("Content-Length", "")
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 19 else 0


def kept_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """What has to be remembered of the first answer's headers; bytes that are no UTF-8 (surrogates) do not travel."""
    return {name: headers[name].encode("utf-8", "replace").decode() for name in _KEPT if name in headers}


def whole_headers(beginning: Beginning, headers: Mapping[str, str], total: int) -> CIMultiDict[str]:
    """The headers of the whole file, from those of both answers (RFC 9110, 15.3.7.3)."""
    whole: CIMultiDict[str] = CIMultiDict(beginning.headers)
    for name, value in headers.items():
        if name.lower() not in _OF_PART:
            whole[name] = value
    whole["Content-Length"] = str(total)
    return whole


def extent_of(headers: Mapping[str, str]) -> Extent | None:
    """Read Content-Range (RFC 9110, 14.4); None for what is none, or contradicts itself."""
    found = _RANGE(headers.get("Content-Range", "").strip())
    if found is None:
        return None
    first, last, total = (int(text) if text else -1 for text in found.groups())
    if first < 0:
        return Extent(0, -1, total) if total >= 0 else None
    return Extent(first, last, max(total, 0)) if first <= last and (total < 0 or last < total) else None


def fitting(beginning: Beginning, headers: Mapping[str, str]) -> Extent:
    """Judge a 206 answer to `continuing`: which bytes it brings, with the total. Raises `FetchError` (resume).

    It must go on where we are, belong to the same version, and leave no doubt where the file ends.
    """
    extent = extent_of(headers)
    if extent is None:
        kind = headers.get("Content-Type", "").partition(";")[0].strip()
        raise FetchError(REASON, f"206 without a Content-Range that makes sense ({kind or 'no type'})")
    if extent.last < 0 or extent.first != beginning.size:
        raise FetchError(REASON, f"bytes from {beginning.size} were asked for, {headers['Content-Range'][:80]!r} came")
    if not _is_same(beginning, headers):
        raise FetchError(REASON, f"the file has changed since its beginning came ({beginning.validator})")
    if beginning.total and extent.total and beginning.total != extent.total:
        raise FetchError(REASON, f"the file had {beginning.total} bytes and has {extent.total} now")
    total = extent.total or beginning.total
    if not total or extent.last >= total:
        raise FetchError(REASON, f"nobody says where the file ends: {headers['Content-Range'][:80]!r}")
    length = length_of(headers)
    if length and length != extent.last - extent.first + 1:
        raise FetchError(REASON, f"Content-Length {length} contradicts {headers['Content-Range'][:80]!r}")
    return Extent(extent.first, extent.last, total)


def is_complete(beginning: Beginning, headers: Mapping[str, str]) -> bool:
    """Judge a 416 answer to `continuing`: whether we have all of the file already (RFC 9110, 15.5.17)."""
    extent = extent_of(headers)
    return extent is not None and extent.last < 0 and extent.total == beginning.size and _is_same(beginning, headers)


def _is_same(beginning: Beginning, headers: Mapping[str, str]) -> bool:
    """Whether the answer speaks of the same version. Some servers heed Range and overlook If-Range."""
    field = "ETag" if beginning.validator.startswith('"') else "Last-Modified"
    return headers.get(field, beginning.validator).strip() == beginning.validator


def _date(text: str) -> datetime | None:
    if not text.isascii():
        return None
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, IndexError, TypeError, OverflowError):
        return None  # no date: proves nothing
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)
