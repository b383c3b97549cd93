"""The sections of the other rooms: what may be asked of a host, what belongs to the crawl, and how it is run."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from acrawl.settings.base import MIB, Count, Positive, Seconds, Section

RobotsTag = Annotated[str, msgspec.Meta(pattern="^(nofollow|noindex|noimageindex)$")]


class Politeness(Section, frozen=True):
    """What a host may be asked to bear; enforced by the frontier for the whole cluster."""

    concurrency: Positive = 8
    """Requests under way at one host, over all workers."""
    delay: Seconds = 0.0
    """Seconds between two starts at one host; robots.txt may ask for more."""
    obey_robots: bool = True
    """Follow robots.txt (RFC 9309)."""
    obey_robots_tags: tuple[RobotsTag, ...] = ("nofollow", "noindex", "noimageindex")
    """What pages may ask by X-Robots-Tag and meta robots: leave their links, items, images; [] for none."""
    robots_ttl: Seconds = 86400.0
    """How long a host's robots.txt is believed."""
    max_crawl_delay: Seconds = 60.0
    """The longest Crawl-delay that is honoured."""
    max_pause: Seconds = 300.0
    """The longest Retry-After that is honoured."""
    max_pauses: Positive = 10
    """After so many pauses without one success a host is given up."""
    give_up_after: Seconds = 3600.0
    """After so long without one success a paused host is given up."""
    adaptive: bool = True
    """Ask less of a host in trouble (429, 503, time-outs, growing latency), and step by step more again."""
    budget_by: Literal["none", "domain", "address", "spider"] = "none"
    """Share a second budget over the hosts of one: domain, address (of the server), spider (its politeness_key)."""
    budget_concurrency: Positive = 16
    """Requests under way at all hosts of one such budget."""
    budget_delay: Seconds = 0.0
    """Seconds between two starts at all hosts of one such budget."""


class Scope(Section, frozen=True):
    """Which pages belong to the crawl."""

    within: Literal["host", "domain", "path", "any"] = "host"
    """``host`` of a seed (www. and http/https folded), its registrable ``domain``, below its ``path``, or ``any``."""
    max_depth: Count = 0
    """Links followed from a seed."""
    allow: tuple[str, ...] = ()
    """Regular expressions: of what lies in scope, only URLs in which one is found are fetched; [] for all."""
    deny: tuple[str, ...] = ()
    """Regular expressions: URLs in which one is found are left, wherever they lie; seeds are not."""


class Limits(Section, frozen=True):
    """When to stop early; the rest is recorded as excluded(limit)."""

    max_pages: Count = 0
    """Requests that ended as fetched."""
    max_bytes: Count = 0
    """Bytes of all bodies."""
    max_seconds: Seconds = 0.0
    """Seconds since the crawl began or was resumed."""
    max_errors: Count = 0
    """Requests that ended as failed."""
    host_pages: Count = 0
    """Requests of one host that ended as fetched; then the rest of that host is excluded(limit)."""
    host_bytes: Count = 0
    """Bytes of all bodies of one host."""
    host_errors: Count = 0
    """Requests of one host that ended as failed."""


class Frontier(Section, frozen=True):
    """The durable queue."""

    lease_seconds: Annotated[float, msgspec.Meta(ge=1)] = 30.0
    """How long a worker keeps a request without renewing it."""
    commit_seconds: Seconds = 0.05
    """The longest wait for company in a group commit."""
    commit_rows: Positive = 2000
    """Rows after which a group commit does not wait."""
    order: Literal["found", "breadth", "depth"] = "found"
    """Which goes first at a host: what was found first, breadth (the least depth) or depth (the greatest) first."""
    window: Positive = 256
    """Queued requests of one host kept in memory."""
    rows: Positive = 100_000
    """Queued requests of all hosts kept in memory, roughly."""
    idle_hosts: Positive = 20_000
    """Hosts without work kept in memory."""
    recent: Positive = 200_000
    """Keys of recently seen URLs kept in memory; up to twice as many."""
    max_lost: Positive = 3
    """Lost leases after which a started request is quarantined; the last of them it had a worker to itself."""
    stall_seconds: Annotated[float, msgspec.Meta(ge=1)] = 900.0
    """A started request that shows no progress for so long loses its lease."""
    durable: bool = False
    """Wait for the disk at each commit (synchronous=FULL): survives power loss, costs about 13 %."""


class Queues(Section, frozen=True):
    """The wire between master and workers."""

    poll_seconds: Annotated[float, msgspec.Meta(ge=0.1, le=20)] = 5.0
    """How long an empty request for work is parked at the master."""
    batch: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 50
    """Requests handed out at once."""
    reconnect_seconds: Seconds = 300.0
    """How long a worker looks for a lost master."""
    grace_seconds: Seconds = 5.0
    """How long the leases of a closed connection wait for their worker to come back."""
    max_message: Positive = 64 * MIB
    """Bytes of one message."""


class Worker(Section, frozen=True):
    """One worker process."""

    recent: Positive = 200_000
    """Links this worker already reported; not reported again."""
    report_seconds: Seconds = 0.1
    """The longest an outcome waits for company."""
    report_count: Positive = 50
    """Outcomes that are sent without waiting."""
    shutdown_seconds: Seconds = 15.0
    """How long a stopping worker lets its downloads finish."""


class Log(Section, frozen=True):
    """What is written where."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """The least level that is shown."""
    file: str = ""
    """A file to append to; empty for standard error."""


class Urls(Section, frozen=True):
    """Which URLs are one though they differ. The spelling that is found first is the one that is fetched."""

    sort_query: bool = False
    """Parameters in another order make no difference."""
    drop_params: tuple[str, ...] = ()
    """Parameters that make no difference, as in ["utm_*", "fbclid"]."""
    drop_sessions: bool = False
    """Session ids make no difference: ;jsessionid, PHPSESSID, sid with a long value, and their like."""
    fold_slash: bool = False
    """A slash at the end of the path makes no difference."""
    host_aliases: dict[str, str] = msgspec.field(default_factory=dict)
    """Hosts that are one, as in {"www.example.org" = "example.org"}: the second one is asked."""


class Parse(Section, frozen=True):
    """What is read of one page at the most; the rest is left out, and the ledger says so (fetched(cut))."""

    max_bytes: Count = 16 * MIB
    """Bytes of a page that are parsed; response.text and response.body have all of them."""
    max_tags: Count = 1_000_000
    """Tags of a page, start tags and end tags alike."""
    max_links: Count = 100_000
    """Links (a and area) of a page."""
    max_attributes: Count = 500_000
    """Attributes of all tags of a page."""


class Traps(Section, frozen=True):
    """Pages without end that bring nothing new (see docs/traps.md); the rest of them is recorded as excluded(trap)."""

    enabled: bool = True
    """Look for traps at all."""
    repeats: Count = 5
    """How often a path may repeat a part of itself, as in /a/b/a/b/."""
    path_depth: Count = 40
    """Segments of a path."""
    parameters: Count = 100
    """Parameters of a query."""
    session: Count = 500
    """Pages of one shape with a session id that bring nothing but more of them."""
    calendar: Count = 1000
    """Pages of one shape with a date that bring nothing but more of them."""
    query: Count = 2000
    """Pages of one shape with several parameters (facets, sorting) that bring nothing but more of them."""
    path: Count = 4000
    """Pages of any other shape that bring nothing but more of them."""
