"""What a worker is handed: leases, grouped by the host they burden.

Politeness belongs to the lease: a ticket says how many of its requests may be under way at once and when the first
may start, and the sum over all live tickets never exceeds what the host may bear.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

#: What is counted, and when something was: as databases and calendars have room for, whoever says it.
Whole = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
Moment = Annotated[float, msgspec.Meta(ge=0, lt=253_402_300_800)]
#: Characters of a validator that are remembered; longer ones are none.
LONGEST_VALIDATOR = 512


class Version(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What tells one state of what a URL gives from another: remembered of every GET, for the next visit.

    ``etag`` and ``modified`` are the validators as their server wrote them, empty without (RFC 9110, 8.8). ``digest``
    is the SHA-256 of the decoded body, its first 16 bytes for a page, all 32 for a saved file, empty where it was not
    taken; of a redirect it is that of its target's URL. ``length`` counts the bytes of a saved file, else it is 0.
    """

    etag: str = ""
    modified: str = ""
    digest: bytes = b""
    length: Whole = 0


class Lease(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The right to fetch one request, until it is reported, given back, or not renewed in time.

    ``token`` is random; a report under another token changes nothing. ``url`` and ``body`` are the sealed request (see
    `acrawl.request.unseal`). ``attempt`` counts from 1. ``robots`` marks the host's robots.txt, which the frontier asks
    for by itself and which is in no queue; or where that of another host leads, with ``attempt - 1`` redirects so far.
    ``former`` is what the visit before found there; None of what is met for the first time, or was not there.
    """

    token: int
    url: str
    body: bytes
    attempt: int = 1
    robots: bool = False
    former: Version | None = None


class Ticket(msgspec.Struct, frozen=True, array_like=True):
    """Leases of one host, with the host's terms.

    ``share`` is how many of *all* the worker's leases at this host may be under way at once; the latest ticket counts.
    ``spacing`` is the least number of seconds between two starts; ``start_in`` the seconds until the first.
    ``rules`` are the host's robots rules (`acrawl.parse.robots.Rules`, encoded), None where robots.txt is not obeyed.
    ``open`` lets the host have a private address, because a seed names it. ``jars`` is the version of the cookies of
    the host's site: whoever knows only an older one asks (`acrawl.frontier.base.Leasing.jar`); 0 means that there are
    none.
    """

    host: str
    leases: list[Lease]
    share: int = 1
    spacing: float = 0.0
    start_in: float = 0.0
    rules: bytes | None = None
    open: bool = False
    jars: int = 0


class Batch(msgspec.Struct, frozen=True, array_like=True):
    """The answer to one request for work; no tickets means "nothing may start now, ask again".

    ``epoch`` names this life of the frontier: what it hands out means nothing to the next. ``seconds`` is how long a
    lease lives without renewal. ``state`` is ``run``, ``pause``, ``drain`` (finish what you hold) or ``stop``.
    """

    epoch: int
    seconds: float
    tickets: list[Ticket] = []
    state: str = "run"
