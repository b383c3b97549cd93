"""Candidates of a ``srcset`` attribute, by the algorithm of the HTML standard (4.8.4.3.10)."""

from __future__ import annotations

import re

_GAP = re.compile(r"[\t\n\f\r ,]*+")
_URL = re.compile(r"[^\t\n\f\r ]++")
_SPACE = re.compile(r"[\t\n\f\r ]++")
#: One descriptor: anything up to a space or comma outside parentheses; parentheses do not nest.
_DESCRIPTOR = re.compile(r"(?:[^\t\n\f\r ,(]|\([^)]*+(?:\)|\Z))++")
_INTEGER = re.compile(r"[0-9]++\Z")
_NUMBER = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\Z|-0+\Z")
_BROKEN = re.compile(r"[^A-Za-z0-9.+-]")


def candidates(srcset: str) -> list[str]:
    """Return the URLs a browser could choose from, as written and in order; malformed candidates are left out."""
    found: list[str] = []
    position, end = 0, len(srcset)
    while True:
        gap = _GAP.match(srcset, position)
        position = gap.end() if gap else position
        match = _URL.match(srcset, position)
        if match is None:
            return found
        url, position = match[0], match.end()
        if url.endswith(","):
            found.append(url.rstrip(","))
            continue
        descriptors, position = _descriptors(srcset, position, end)
        if not descriptors or _valid(descriptors):
            found.append(url)


def _descriptors(srcset: str, position: int, end: int) -> tuple[list[str], int]:
    descriptors: list[str] = []
    while position < end and srcset[position] != ",":
        match = _SPACE.match(srcset, position) or _DESCRIPTOR.match(srcset, position)
        if match is None:
            break
        if match[0][0] not in "\t\n\f\r ":
            descriptors.append(match[0])
        position = match.end()
    return descriptors, position + 1


def _valid(descriptors: list[str]) -> bool:
    """Whether the descriptors hold at most one width, density and height that go together.

    A word that is no descriptor (``foo``, ``-1w``) is passed over, as web-platform-tests expect of browsers; other
    characters (``*/``, parentheses) drop the candidate.
    """
    counts = {"w": 0, "x": 0, "h": 0}
    for descriptor in descriptors:
        if _BROKEN.search(descriptor):
            return False
        value, unit = descriptor[:-1], descriptor[-1]
        if unit == "x":
            counts["x"] += _NUMBER.match(value) is not None
        elif unit in "wh" and _INTEGER.match(value):
            if not value.strip("0"):
                return False
            counts[unit] += 1
    width, density, height = counts.values()
    if width + density > 1 or height > 1:
        return False
    return not height or width == 1
