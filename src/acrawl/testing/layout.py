"""The plan of a made-up web: which host has which pages, and chance that is always the same. Pure arithmetic.

Nothing is stored: hosts and pages are numbers, and whatever is asked about them is computed. Page numbers count over
all hosts; a page is also known as ``(host, local)``, where local 0 is the host's home page.
"""

from __future__ import annotations

import math
from bisect import bisect_right

#: Pages that a page leads further down to, and hosts that a home page leads further out to.
FAN = 4
_MASK = (1 << 64) - 1


def mix(*numbers: int) -> int:
    """64 bits that depend on all the numbers and on nothing else (the steps of SplitMix64)."""
    state = 0x9E3779B97F4A7C15
    for number in numbers:
        state = (state + number + 0x9E3779B97F4A7C15) & _MASK
        state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & _MASK
        state = (state ^ state >> 27) * 0x94D049BB133111EB & _MASK
        state ^= state >> 31
    return state


def chance(*numbers: int) -> float:
    """A number from 0 to below 1 that depends on nothing but the numbers given."""
    return (mix(*numbers) >> 11) / (1 << 53)


class Layout:
    """``pages`` pages on ``hosts`` hosts, whose sizes follow a power law with the exponent ``skew``.

    0 makes all hosts alike; at 1 the first of a million hosts has a twentieth of all pages. Every host has one page at
    least. Raises ValueError for fewer pages than hosts, or no hosts at all.
    """

    def __init__(self, pages: int, hosts: int, skew: float) -> None:
        if not 1 <= hosts <= pages:
            raise ValueError(f"{pages} pages on {hosts} hosts: every host needs a page, and there must be one")
        self.pages = pages
        self.hosts = hosts
        self._skew = skew
        self._whole = self._integral(hosts)

    def first(self, host: int) -> int:
        """The number of a host's home page; ``first(hosts)`` is the number of all pages."""
        return host + int((self.pages - self.hosts) * (self._integral(host) / self._whole))

    def size(self, host: int) -> int:
        """How many pages a host has."""
        return self.first(host + 1) - self.first(host)

    def locate(self, page: int) -> tuple[int, int]:
        """The ``(host, local)`` of a page."""
        host = bisect_right(range(self.hosts + 1), page, key=self.first) - 1
        return host, page - self.first(host)

    def children(self, host: int, local: int) -> range:
        """The local numbers of the pages below a page: each page but the home page has one parent."""
        below = FAN * local + 1
        return range(below, min(below + FAN, self.size(host)))

    def neighbours(self, host: int) -> range:
        """The hosts that a home page leads to: each host but the first is led to by one other."""
        beyond = FAN * host + 1
        return range(beyond, min(beyond + FAN, self.hosts))

    def _integral(self, host: int) -> float:
        """The area of the power law up to a host."""
        if self._skew == 1:
            return math.log1p(host)
        power = 1 - self._skew
        return float((1 + host) ** power - 1) / power
