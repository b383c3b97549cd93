"""The content of ``<meta http-equiv=refresh>``: how long to wait and where to go (HTML standard, 4.2.5.3)."""

from __future__ import annotations

import re

_SPACE = "\t\n\f\r "
_HEAD = re.compile(r"[\t\n\f\r ]*+([0-9]*+)([0-9.]*+)")
_BREAK = re.compile(r"[\t\n\f\r ]*+[;,]?[\t\n\f\r ]*+")
_LABEL = re.compile(r"url[\t\n\f\r ]*+=[\t\n\f\r ]*+", re.IGNORECASE)
_DROPPED = str.maketrans("", "", "\t\n\r")
#: Longer waits mean the same to a crawler and need not be kept as large integers.
_MAX_SECONDS = 10**9


def parse(content: str) -> tuple[int, str | None] | None:
    """Return ``(seconds, reference)``; the reference is None where the page reloads itself.

    Returns None where browsers ignore the content. The reference is as written, without the tabs, line breaks and
    surrounding spaces that a URL parser drops.
    """
    head = _HEAD.match(content)
    if head is None or not (head[1] or head[2].startswith(".")):
        return None
    seconds = min(int(head[1][:12] or "0"), _MAX_SECONDS)
    rest = content[head.end() :]
    if not rest:
        return seconds, None
    if rest[0] not in ";," and rest[0] not in _SPACE:
        return None
    gap = _BREAK.match(rest)
    rest = rest[gap.end() :] if gap else rest
    if not rest:
        return seconds, None
    label = _LABEL.match(rest)
    if label:
        rest = rest[label.end() :]
    if rest[:1] in ("'", '"'):
        rest = rest[1:].partition(rest[0])[0]
    return seconds, rest.translate(_DROPPED).strip(" \f")
