"""The shape of a URL: what stays of it when all that counts, dates or names is left out. Pure.

Pages that one program makes have one *family*: the path with its varying segments folded, and whether a query follows.
Within a family they are told apart by the names in their queries.
"""

from __future__ import annotations

import re
from collections import Counter
from hashlib import blake2b
from typing import NamedTuple

#: Longer families and names are cut, and told apart by a hash: many of them are remembered.
_LONGEST = 250
#: Segments that are names of folders and programs, not of things.
_FIXED = re.compile(r"[A-Za-z][A-Za-z_.-]{0,23}").fullmatch
_VERSION = re.compile(r"v?\d{1,3}(?:\.\d+)+|v\d{1,3}").fullmatch
_EXTENSION = re.compile(r"\.[A-Za-z]{1,5}$").search
_SESSION_NAMES = re.compile(
    r"(?:^|[&;])(?:sid|s|session|session_?id|sess|phpsessid|jsessionid|aspsessionid\w*|cfid|cftoken|zenid|oscsid)="
    r"|;jsessionid=|/\(S\(|(?:^|[=/])[0-9a-f]{32,}(?:$|[&;/.])",
    re.IGNORECASE,
).search
_DATES = re.compile(
    r"/(?:19|20|21)\d\d(?:[/-]\d\d?){0,2}(?:/|$)|[=/](?:19|20|21)\d\d-\d\d?(?:-\d\d?)?(?:$|[&;/])"
    r"|(?:^|[&;])(?:date|day|week|month|year|yr|mon|cal\w*)=",
    re.IGNORECASE,
).search


class Shape(NamedTuple):
    """``family`` is for people, too; ``names`` are those of the query, each once, sorted."""

    family: str
    names: str


def shape_of(url: str) -> Shape:
    """The shape of a canonical URL. A few microseconds."""
    path, _, query = url[url.find("/", 8) :].partition("?")
    folders, _, last = path.rpartition("/")
    parts = dict.fromkeys(_folded(part, place) for place, part in enumerate(folders.split("/")[1:]))
    names = sorted({part.partition("=")[0] for part in re.split("[&;]", query)}) if query else []
    end = _ended(last, has_query=bool(query))
    if end != "*" or end not in parts:
        parts[end] = None
    tail = "" if not names else f"?{names[0]}" if len(names) == 1 else "?*"
    return Shape(_cut("/" + "/".join(parts) + tail), _cut("&".join(names)))


def _cut(text: str) -> str:
    if len(text) <= _LONGEST:
        return text
    return text[:_LONGEST] + blake2b(text.encode(), digest_size=8).hexdigest()


def _folded(segment: str, place: int) -> str:
    """A folder's name, where it is one; versions count as names: manuals of each have the same text once more."""
    if _FIXED(segment) or _VERSION(segment) or (place < 2 and len(segment) < 4):
        return segment
    return "0" if segment.isdigit() else "*"


def _ended(last: str, *, has_query: bool) -> str:
    """The last segment: a program's name where a query follows, else the name of one page of many."""
    if not last or (has_query and _FIXED(last)):
        return last
    if last.isdigit():
        return "0"
    extension = _EXTENSION(last)
    return "*" + (extension[0].lower() if extension else "")


def pattern_of(url: str) -> str:
    """Which kind of trap a URL would be of: session, calendar, query (several parameters) or path."""
    path, _, query = url[url.find("/", 8) :].partition("?")
    if _SESSION_NAMES(path) or (query and _SESSION_NAMES(query)):
        return "session"
    if _DATES(path) or (query and (_DATES(query))):
        return "calendar"
    return "query" if "&" in query or ";" in query else "path"


def repetition(segments: list[str]) -> tuple[str, int]:
    """What a path repeats most, in direct sequence or all in all, and how many times; numbers do not count.

    What comes again apart from itself counts half: folders of the same name below each other are nothing rare.
    """
    most, what = 1, ""
    for length in range(1, len(segments) // 2 + 1):
        run = 0
        for place in range(length, len(segments)):
            run = run + 1 if segments[place] == segments[place - length] else 0
            times = run // length + 1
            if times > most:
                block = segments[place - length + 1 : place + 1]
                if not all(part.isdigit() for part in block):
                    most, what = times, "/".join(block)
    names = Counter(part for part in segments if not part.isdigit())
    for name, times in names.most_common(1):
        if times // 2 > most:
            return name, times // 2
    return what, most
