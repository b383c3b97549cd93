"""What came of a lease, and what the frontier says about itself."""

from __future__ import annotations

from typing import Protocol

import msgspec

from acrawl.cookie import JarChange
from acrawl.request import Sealed
from acrawl.ticket import Moment, Version, Whole

#: How an outcome ends a lease.
FETCHED = "fetched"
FAILED = "failed"
EXCLUDED = "excluded"
RETRY = "retry"
RELEASED = "released"
#: Does not end it: more of this outcome follows.
PART = "part"
#: What a visit finds of a URL, compared with the last one that was told: there for the first time, or again; with other
#: bytes; with the same; gone (404, 410); or not told, because its server was in trouble or it was kept out.
CHANGES = ("added", "changed", "unchanged", "removed", "failed")
#: Only the frontier ends a request so: it took too many workers with it.
QUARANTINED = "quarantined"


class HostFacts(msgspec.Struct, frozen=True, array_like=True):
    """What a worker learned about a host while it fetched.

    ``pause`` asks that nobody starts anything there for so many seconds (429, 503, Retry-After). ``rules`` is what
    the host's robots.txt says to us, encoded; with it ``crawl_delay``. ``address`` is the server's.
    ``leads`` is the URL at another host where a robots.txt is to be had that was asked for here.
    """

    pause: float = 0.0
    rules: bytes | None = None
    crawl_delay: float | None = None
    address: str = ""
    leads: str = ""


class Item(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Something for the outbox: of ``kind`` item, file, page, sightings, exchange, refused or dropped.

    ``body`` is msgpack; of ``dropped`` it is how many items the worker's pipelines dropped.
    """

    kind: str
    body: bytes


class Refused(msgspec.Struct, frozen=True, array_like=True):
    """An item that could not leave its worker: the body of an `Item` of kind ``refused``.

    ``about`` is the class and the field that are wrong, to be warned of once; empty where a pipeline failed on it, and
    then ``detail`` is the traceback. ``body`` is as much of the item as can travel (msgpack).
    """

    about: str
    reason: str
    detail: str
    body: bytes


class Delivery(Protocol):
    """One entry of the outbox."""

    @property
    def id(self) -> int:
        """Grows with the order of commits; never used again."""

    @property
    def item_id(self) -> str:
        """The same through every restart: hash of job, request, visit and place in the outcome."""

    @property
    def url(self) -> str:
        """The page that made it."""

    @property
    def item(self) -> Item:
        """What was made."""


class Derived(msgspec.Struct, frozen=True, array_like=True):
    """A file that was made of a saved image, and stored like it.

    ``kind`` is ``converted``, or ``thumb:`` and the name of the thumbnail. ``size`` is in bytes.
    """

    kind: str
    sha256: str
    size: Whole
    type: str
    width: Whole
    height: Whole


class FileFact(msgspec.Struct, frozen=True):
    """A saved file, as its worker stored it: the body of an `Item` of kind ``file``.

    ``sha256`` is in hexadecimal; ``type``, ``width`` and ``height`` are read from the bytes (empty and 0 if unknown);
    ``name`` is what the server called it; ``where`` names the worker that kept the bytes for itself. ``charset`` is the
    encoding that the server named, as it wrote it. ``save_as`` is what the spider wants it to be called.
    Of an image that was decoded: what is ``derived`` from it; ``dhash``, what it looks like
    (`acrawl.results.imaging.decoding.dhash`); ``broken``, what is wrong with its bytes, and ``note``, why less was made
    of it than was asked for.
    """

    url: str
    sha256: str
    size: Whole
    type: str = ""
    width: Whole = 0
    height: Whole = 0
    name: str = ""
    where: str = ""
    charset: str = ""
    save_as: str = ""
    derived: list[Derived] = []
    dhash: str = ""
    broken: str = ""
    note: str = ""


class PageFacts(msgspec.Struct, frozen=True, array_like=True):
    """What is known of a page beside its text: of ``length`` characters, and ``text_sha256`` in hexadecimal.

    ``links`` counts distinct ones, ``status`` is that of HTTP, ``fetched_at`` Unix time, ``cut`` why it was read in
    part (`Response.cut`).
    """

    text_sha256: str
    length: Whole
    title: str = ""
    language: str = ""
    description: str = ""
    links: Whole = 0
    status: Whole = 0
    fetched_at: float = 0.0
    cut: str = ""


class MadeFile(msgspec.Struct, frozen=True):
    """A file that a callback makes, given like an item: its bytes go to the file store, as those of a download do.

    ``url`` is what it was made of, ``type`` the media type of the bytes, ``name`` what it is to be called (empty: as
    the URL says). With ``page`` it is the text of a page: of equal texts the first one's file stands for all.
    """

    url: str
    data: bytes
    type: str = ""
    name: str = ""
    page: PageFacts | None = None


class PageFile(msgspec.Struct, frozen=True, array_like=True):
    """The text of a page as its worker stored it: the body of an `Item` of kind ``page``."""

    file: FileFact
    facts: PageFacts


class Captured(msgspec.Struct, frozen=True, array_like=True):
    """An exchange as it went over the wire, for a web archive: the body of an `Item` of kind ``exchange``.

    Its bytes are ``data``, or stored under the hash ``sha256``: ``request`` bytes that were sent, and ``size`` bytes of
    the answer, of which the first ``head`` are its head. ``date`` is Unix time, when it was sent. ``block`` is the
    SHA-1 of the answer, ``payload`` that of its content without the transfer coding (``chunked``), both in base32;
    ``identity`` is the SHA-256 of the content, in hexadecimal. ``truncated`` says why the answer is not whole, in the
    words of ISO 28500, 5.13. ``type`` is the media type that the server names; ``address`` is its own.

    A ``status`` of 0 is none of an exchange: all of it was made by a callback from what is at ``url``.
    """

    url: str
    date: Moment
    status: Whole = 0
    type: str = ""
    request: Whole = 0
    head: Whole = 0
    size: Whole = 0
    block: str = ""
    payload: str = ""
    identity: str = ""
    chunked: bool = False
    truncated: str = ""
    address: str = ""
    protocols: list[str] = []
    cipher: str = ""
    data: bytes = b""
    sha256: str = ""


class Beginning(msgspec.Struct, frozen=True):
    """What an earlier try left of a file: its first ``size`` bytes of ``total`` (0: not told).

    ``validator`` is what If-Range says of its version, ``headers`` are those of the first answer that matter later.
    """

    validator: str
    total: int
    size: int
    headers: dict[str, str] = {}


class Outcome(msgspec.Struct, frozen=True, array_like=True):
    """What a worker reports for one lease.

    ``reason`` is one word for the ledger, ``detail`` a text for people (a traceback). ``http_status`` is 0 without an
    answer; ``size`` counts body bytes; ``seconds`` is the time it took and ``ago`` how long ago it was sent, for the
    last time, both by the worker's clock (-1: nothing was sent); ``latency`` is how long the head of the answer took
    (0: none came). ``delay`` is when to retry; a ``free`` retry is no further attempt, because this one has brought the
    next one nearer to its end.
    All of it takes effect in one step, or none: of an outcome too large for one message the first parts have the
    status ``part``, are counted by ``part`` from 0, and bring ``requests`` and ``items`` only; they take effect with
    the last one. ``cookies`` are what changed in cookie jars: whatever this outcome causes sees it. With ``close`` the
    spider asks that the crawl ends now, for this reason. ``gist`` is that of the page (`acrawl.parse.gist`), None where
    it was not looked at. ``version`` is what was found, for the next visit; None of what is not asked for again.
    """

    token: int
    status: str
    reason: str = ""
    detail: str = ""
    http_status: Whole = 0
    size: Whole = 0
    seconds: float = 0.0
    ago: float = -1.0
    delay: float = 0.0
    requests: list[Sealed] = []
    items: list[Item] = []
    host: HostFacts | None = None
    duplicates: Whole = 0
    latency: float = 0.0
    part: int = 0
    free: bool = False
    cookies: list[JarChange] = []
    close: str = ""
    gist: bytes | None = None
    version: Version | None = None


class Receipt(msgspec.Struct, frozen=True, array_like=True):
    """The answer to a report: how many leases it ended, and how many were not (or no longer) the worker's."""

    accepted: int
    stale: int = 0


class Earlier(msgspec.Struct, frozen=True):
    """What stands of earlier visits."""

    fetched: int = 0
    failed: int = 0
    bytes: int = 0


class Snapshot(msgspec.Struct, frozen=True):
    """Where the crawl stands, read in one step.

    ``finished``: seeds exhausted, nothing queued, nothing leased, nothing undelivered. ``bytes`` are those of all that
    has ended, ``coming`` those that have come of what is under way, as far as the workers have told. ``closing`` is why
    a callback wants the crawl to end, empty until one does. ``earlier`` is what ended in earlier visits and was not
    asked for again: it is in all these counts, and in no limit.
    """

    discovered: int = 0
    duplicates: int = 0
    queued: int = 0
    leased: int = 0
    fetched: int = 0
    failed: int = 0
    excluded: int = 0
    quarantined: int = 0
    retries: int = 0
    undelivered: int = 0
    delivered: int = 0
    bytes: int = 0
    hosts: int = 0
    finished: bool = False
    coming: int = 0
    reasons: dict[str, int] = {}
    """Ends by ``status(reason)``."""
    closing: str = ""
    earlier: Earlier = Earlier()


class Try(msgspec.Struct, frozen=True):
    """What came of a try that was not the last one; ``at`` is Unix time, when it ended."""

    attempt: int
    at: float
    reason: str
    detail: str = ""
    http_status: int = 0
    seconds: float = 0.0


class Story(msgspec.Struct, frozen=True):
    """All that is known about one URL; ``state`` is ``unknown``, ``queued``, ``leased`` or how it ended.

    ``path`` are the pages that led to it, from the seed on; ``tries`` the earlier tries, oldest first. ``not_before``
    is Unix time, 0 without a wait; ``host_waits`` says in words what its host waits for.
    """

    url: str
    state: str
    reason: str = ""
    detail: str = ""
    http_status: int = 0
    size: int = 0
    seconds: float = 0.0
    attempts: int = 0
    depth: int = 0
    found_on: str = ""
    ended_at: float = 0.0
    priority: int = 0
    not_before: float = 0.0
    path: list[str] = []
    tries: list[Try] = []
    host_waits: str = ""


class Ended(msgspec.Struct, frozen=True):
    """One line of the ledger, for lists; ``ended_at`` is Unix time."""

    url: str
    status: str
    reason: str
    detail: str = ""
    attempts: int = 0
    ended_at: float = 0.0
    http_status: int = 0


class Redirected(msgspec.Struct, frozen=True):
    """A request that was answered by a redirect: its number in the ledger, its URL and where it leads."""

    number: int
    url: str
    target: str
    http_status: int = 0


class Audit(msgspec.Struct, frozen=True):
    """The books: ``problems`` is empty when every request is in exactly one state and every item accounted for.

    ``ends`` counts the ledger by ``status(reason)``; ``hosts`` is how many hosts have books of their own.
    """

    discovered: int
    queued: int
    done: int
    problems: list[str] = []
    hosts: int = 0
    undelivered: int = 0
    ends: dict[str, int] = {}


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the last visit found of one URL: ``change`` is a word of `CHANGES`.

    ``status`` is that of HTTP (0 without an answer), ``to`` where a redirect leads now, ``reason`` why it was not told.
    """

    change: str
    url: str
    status: int = 0
    to: str = ""
    reason: str = ""


class Sighting(msgspec.Struct, frozen=True, array_like=True):
    """Where an image was named: its URL, the text that stands for it, and how it was named (``img``, ``css`` ...)."""

    url: str
    alt: str = ""
    source: str = ""


class Sightings(msgspec.Struct, frozen=True, array_like=True):
    """All images one page names: the body of an `Item` of kind ``sightings``. Callbacks may give it like an item."""

    page: str
    images: list[Sighting]


class Tally(msgspec.Struct):
    """What has been delivered in one life of a crawl: all of it, and by kind; items by what became of them."""

    delivered: int = 0
    items: int = 0
    files: int = 0
    sightings: int = 0
    dropped: int = 0
    failed: int = 0
    exchanges: int = 0
