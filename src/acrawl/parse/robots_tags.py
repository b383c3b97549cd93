"""What a page asks of robots by itself: ``X-Robots-Tag`` headers and ``<meta name="robots">``. Pure.

By Google's "Robots meta tag, data-nosnippet, and X-Robots-Tag specifications" and the HTML standard (4.2.5.1, names of
metadata). Names and values in any case; rules for everybody and rules for us add up, so that the most restrictive one
wins. Values that ask for nothing that a crawler does (``noarchive``, ``max-snippet:20``) are passed over.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from acrawl.parse.document import Document

#: Characters of one header or tag that are read.
_MOST = 10_000
#: Bytes that are looked through where no ``<body>`` says how far the head goes.
_MOST_HEAD = 1 << 16
#: Names before a colon that are no robot's.
_VALUED = frozenset({"max-snippet", "max-image-preview", "max-video-preview"})
_PLAIN = frozenset({"all", "follow", "index", "indexifembedded", "noarchive", "nocache", "nofollow", "noimageindex",
                    "noindex", "none", "nosnippet", "notranslate"})  # fmt: skip
_EVERYBODY = frozenset({"", "*", "robots"})


class Tags(NamedTuple):
    """What is asked: not to list the page, not to follow its links, not to take its images."""

    noindex: bool = False
    nofollow: bool = False
    noimageindex: bool = False

    def __or__(self, other: Tags) -> Tags:
        return Tags(*map(max, self, other))


#: Nothing is asked.
NONE = Tags()


def of_headers(values: Iterable[str], product: str, now: float) -> Tags:
    """Read the values of all X-Robots-Tag headers. ``product`` is our name in lower case, ``now`` is Unix time.

    ``otherbot: noindex`` concerns another robot, and so do the rules behind it until another robot is named.
    """
    found = NONE
    for value in values:
        found |= _read(value, product, now, prefixed=True)
    return found


def of_document(document: Document, product: str, now: float) -> Tags:
    """Read the tags named ``robots`` and those that bear our own name. Parses the page: ask `may_ask` before."""
    found = NONE
    for node in document.root.css("meta[name][content]"):
        name = (node.attributes.get("name") or "").strip().lower()
        if name in {"robots", product}:
            found |= _read(node.attributes.get("content") or "", product, now, prefixed=False)
    return found


def may_ask(document: Document, product: str) -> bool:
    """Whether the head holds one of the names at all; hardly costs anything and parses nothing."""
    body = document.body
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):  # UTF-16: no name can be seen in the bytes
        head = document.lowered
    else:
        end = body.find(b"<body")
        end = body.find(b"<BODY", 0, _MOST_HEAD) if end < 0 else end
        head = body[: end if end >= 0 else _MOST_HEAD].lower()
    return b"robots" in head or product.encode() in head


def _read(text: str, product: str, now: float, *, prefixed: bool) -> Tags:
    rules: set[str] = set()
    concerned = True
    pieces = deque(text[:_MOST].split(","))
    while pieces:
        name, colon, rest = pieces.popleft().partition(":")
        name = name.strip().lower()
        if name == "unavailable_after":
            date = _date(rest)
            if date is None and pieces and (date := _date(f"{rest},{pieces[0]}")) is not None:
                pieces.popleft()  # as in "Fri, 25 Jun 2010 15:00:00 GMT"
            if concerned and date is not None and date <= now:
                rules.add("noindex")
        elif colon and prefixed and name not in _VALUED and name not in _PLAIN:
            concerned = name in _EVERYBODY or name == product
            pieces.appendleft(rest)
        elif concerned:
            rules.update(name.split())
    none = "none" in rules
    return Tags(none or "noindex" in rules, none or "nofollow" in rules, "noimageindex" in rules)


def _date(text: str) -> float | None:
    """A date by RFC 822, RFC 850 or ISO 8601 as Unix time, in UTC where it names no zone; None for anything else."""
    text = text.strip()
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            date = parse(text)
            return (date if date.tzinfo is not None else date.replace(tzinfo=UTC)).timestamp()
        except (ValueError, IndexError, TypeError, OverflowError):
            continue  # another form, or none: a rule without a date asks for nothing
    return None
