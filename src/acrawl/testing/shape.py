"""What a made-up web is like: its size and its bad manners."""

from __future__ import annotations

import msgspec

#: What a page may suffer from until it has been asked often enough; the order decides who gets which share.
PASSING = ("slow", "drip", "busy", "reset", "truncated")
#: What depends on how often a page has been asked for.
COUNTED = frozenset({"busy", "reset", "truncated"})
#: What stands beside a page, at a URL of its own.
BESIDE = ("moved", "dead", "private", "calendar", "deep")


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """How the pages of a `FakeWeb` look.

    Besides those to its children a page names ``links`` others, of which the share ``abroad`` lead to any host. It has
    0 to ``items`` items and about ``size`` bytes; one in fifty has eight times as many. ``skew`` is the exponent of
    the power law that the hosts' sizes follow (0: all alike). ``crawl_delay`` is what every robots.txt asks for.
    """

    links: int = 6
    abroad: float = 0.2
    items: int = 3
    size: int = 3000
    skew: float = 1.0
    crawl_delay: float = 0.0


class Faults(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a `FakeWeb` misbehaves, each as a share of its pages (``outage``: of its hosts). Nothing by default.

    What passes, so that the page is fetched in the end; a page has one of these at most:

    * ``slow``: the answer takes ``seconds``; ``drip``: its body does;
    * ``busy``: the first ``times`` requests get 429 or 503 with ``Retry-After: retry_after``;
    * ``reset``, ``truncated``: the connection breaks at the first ``times`` requests. Keep ``times`` at or below
      ``retry.times``, or pages fail and what they lead to is never found;
    * ``outage``: the host answers everything with 503 for ``outage_seconds`` in every ``outage_every``.

    What stays, at URLs of its own, so that the pages are found all the same:

    * ``moved``: the page is linked by a URL that redirects to it;
    * ``dead``: the page names a URL that does not exist (404);
    * ``private``: the page names a URL that robots.txt forbids;
    * ``calendar``, ``deep``: the page leads into a trap, a chain of pages or an ever growing path. A trap ends after
      ``trap`` pages; with 0 it never does.
    """

    slow: float = 0.0
    drip: float = 0.0
    busy: float = 0.0
    reset: float = 0.0
    truncated: float = 0.0
    outage: float = 0.0
    moved: float = 0.0
    dead: float = 0.0
    private: float = 0.0
    calendar: float = 0.0
    deep: float = 0.0
    seconds: float = 0.5
    times: int = 1
    retry_after: int = 1
    outage_seconds: float = 2.0
    outage_every: float = 30.0
    trap: int = 0

    def __post_init__(self) -> None:
        """Raises ValueError for a share that is none, and for shares of pages that do not fit beside each other."""
        for name in (*PASSING, *BESIDE, "outage"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"Faults({name}={getattr(self, name)!r}): a share is between 0 and 1")
        if sum(getattr(self, name) for name in PASSING) > 1:
            raise ValueError(f"{', '.join(PASSING)} are more than 1 together: a page has one of them at most")
