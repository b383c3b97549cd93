"""Candidates of a ``srcset`` attribute, by the algorithm of the HTML standard (4.8.4.3.10)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

_GAP = re.compile(r"[\t\n\f\r ,]*+")
_URL = re.compile(r"[^\t\n\f\r ]++")
_SPACE = re.compile(r"[\t\n\f\r ]++")
#: One descriptor: anything up to a space or comma outside parentheses; parentheses do not nest.
_DESCRIPTOR = re.compile(r"(?:[^\t\n\f\r ,(]|\([^)]*+(?:\)|\Z))++")
_INTEGER = re.compile(r"[0-9]++\Z")
_NUMBER = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\Z|-0+\Z")
#: No picture is wider, and Python refuses to read integers without end.
_MAX_DIGITS = 18
_BROKEN = re.compile(r"[^A-Za-z0-9.+-]")


class Candidate(NamedTuple):
    """A URL as written and what is said of its size: ``width`` in pixels (0: not said), pixel ``density``."""

    url: str
    width: int = 0
    density: float = 1.0


def candidates(srcset: str) -> list[str]:
    """Return the URLs a browser could choose from, as written and in order; malformed candidates are left out."""
    return [candidate.url for candidate in sized(srcset)]


def largest(found: Iterable[Candidate]) -> Candidate | None:
    """Return the widest, where no width is said the densest, of equal ones the first; None of nothing."""
    return max(found, key=lambda candidate: candidate[1:], default=None)


def sized(srcset: str) -> list[Candidate]:
    """Return the candidates in order with their sizes; malformed ones are left out."""
    found: list[Candidate] = []
    position, end = 0, len(srcset)
    while True:
        gap = _GAP.match(srcset, position)
        position = gap.end() if gap else position
        match = _URL.match(srcset, position)
        if match is None:
            return found
        url, position = match[0], match.end()
        if url.endswith(","):
            found.append(Candidate(url.rstrip(",")))
            continue
        descriptors, position = _descriptors(srcset, position, end)
        size = _size(descriptors) if descriptors else (0, 1.0)
        if size is not None:
            found.append(Candidate(url, *size))


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


def _size(descriptors: list[str]) -> tuple[int, float] | None:
    """Return width and density; None unless there is at most one width, density and height that go together.

    A word that is no descriptor (``foo``, ``-1w``) is passed over, as web-platform-tests expect of browsers; other
    characters (``*/``, parentheses) drop the candidate.
    """
    counts = {"w": 0, "x": 0, "h": 0}
    width, density = 0, 1.0
    for descriptor in descriptors:
        if _BROKEN.search(descriptor):
            return None
        value, unit = descriptor[:-1], descriptor[-1]
        if unit == "x" and _NUMBER.match(value):
            counts["x"] += 1
            density = float(value)
        elif unit in "wh" and _INTEGER.match(value):
            if not value.strip("0"):
                return None
            counts[unit] += 1
            if unit == "w":
                width = int(value.lstrip("0")[:_MAX_DIGITS])
    widths, densities, heights = counts.values()
    if widths + densities > 1 or heights > 1 or (heights and not widths):
        return None
    return width, density
