"""The figures of a crawl, as `acrawl report` gathers, shows and (``--json``) writes them.

The rooms that know them each fill their part: the frontier `Requests`, the results `Saved`. Times are Unix seconds,
durations seconds, sizes bytes. What a crawl does not keep has no figure here.
"""

from __future__ import annotations

import msgspec

#: What is sent ends in one of these ways: a class of HTTP statuses, no answer at all, or out of the cache.
CLASSES = ("2xx", "3xx", "4xx", "5xx", "no answer", "cache")
#: The frontier's marks that count items in all lives of a crawl.
DELIVERED, DROPPED = "items:delivered", "items:dropped"


class Life(msgspec.Struct, frozen=True):
    """From a start of the crawl until the last end of a request before the next one, or until now while it runs."""

    began: float
    ended: float


class Totals(msgspec.Struct, frozen=True):
    """The books in one line. ``retries`` are tries that were not the last one of their request.

    ``sent`` are the requests that ended as fetched or failed; ``undelivered`` counts entries of the outbox.
    """

    discovered: int
    duplicates: int
    queued: int
    fetched: int
    failed: int
    excluded: int
    quarantined: int
    retries: int
    bytes: int
    hosts: int
    undelivered: int

    @property
    def sent(self) -> int:
        """Requests that were worth a try."""
        return self.fetched + self.failed


class End(msgspec.Struct, frozen=True):
    """One way in which requests ended; ``text`` is it in words, ``change`` which setting would have it otherwise."""

    status: str
    reason: str
    requests: int
    bytes: int
    text: str = ""
    change: str = ""


class Answer(msgspec.Struct, frozen=True):
    """One HTTP status (0: no answer) of requests that ended as fetched or failed."""

    http_status: int
    requests: int
    bytes: int


class Bin(msgspec.Struct, frozen=True):
    """A stretch of time: what ended in it, by the classes of `CLASSES`; ``seconds`` of it the crawl was at work."""

    at: float
    seconds: float
    requests: dict[str, int]
    bytes: int
    retries: int


class Timeline(msgspec.Struct, frozen=True):
    """Bins of ``width`` seconds that cover all lives; between bins that do not touch the crawl paused."""

    width: float
    bins: list[Bin]


class Slot(msgspec.Struct, frozen=True):
    """How many were at most ``upto`` (and more than the slot before); None: without end."""

    upto: float | None
    count: int


class Latency(msgspec.Struct, frozen=True):
    """Seconds of the last tries that were answered, callbacks included, those out of the cache left out.

    Percentiles are nearest ranks, exact to 1 ms below 1 s, to 10 ms below 10 s, to 0.1 s beyond.
    """

    count: int
    mean: float
    longest: float
    percentiles: dict[str, float]
    slots: list[Slot]


class Host(msgspec.Struct, frozen=True):
    """A host, as ``https://name:port``. ``median`` and ``p95`` are seconds of its answers, None without any.

    ``trouble`` is why its robots.txt could not be had, ``crawl_delay`` the seconds that it asks for.
    """

    name: str
    fetched: int
    failed: int
    excluded: int
    quarantined: int
    queued: int
    bytes: int
    median: float | None
    p95: float | None
    crawl_delay: float
    trouble: str


class Line(msgspec.Struct, frozen=True):
    """One request of the ledger; ``found_on`` is the page that named it first, empty for what was typed."""

    url: str
    status: str
    reason: str
    detail: str
    http_status: int
    bytes: int
    seconds: float
    attempts: int
    depth: int
    ended_at: float
    found_on: str


class Trouble(msgspec.Struct, frozen=True):
    """A way of ending that nobody wants, with the first requests that did."""

    end: End
    hosts: int
    examples: list[Line]


class Depth(msgspec.Struct, frozen=True):
    """Requests so many links away from a seed; the last one may stand for all beyond it (``and_more``)."""

    depth: int
    fetched: int
    failed: int
    excluded: int
    quarantined: int
    and_more: bool = False


class Retried(msgspec.Struct, frozen=True):
    """Tries that were not the last one, by what came of them; ``requests`` of them ended as ``ends`` says."""

    reason: str
    tries: int
    requests: int
    seconds: float
    ends: dict[str, int]


class Requests(msgspec.Struct, frozen=True):
    """All that the frontier's tables say, of one moment; ``problems`` are those of `acrawl audit`.

    ``lives_told`` is false where the first starts were not recorded and one life stands for them. ``delivered`` and
    ``dropped`` count items, None where the crawl was made by an acrawl that did not.
    """

    totals: Totals
    problems: list[str]
    sites: list[str]
    lives: list[Life]
    lives_told: bool
    timeline: Timeline
    ends: list[End]
    answers: list[Answer]
    latency: Latency
    hosts: list[Host]
    troubled_hosts: int
    slowest: list[Line]
    largest: list[Line]
    troubles: list[Trouble]
    depths: list[Depth]
    attempts: dict[int, int]
    retried: list[Retried]
    delivered: int | None
    dropped: int | None

    @property
    def seconds(self) -> float:
        """How long the crawl was at work, pauses left out."""
        return sum(life.ended - life.began for life in self.lives)


class FileType(msgspec.Struct, frozen=True):
    """Distinct files of one media type, empty where the bytes do not tell."""

    type: str
    files: int
    bytes: int
    largest: int


class FailedItems(msgspec.Struct, frozen=True):
    """Items that could not be taken for one reason, and the page of one of them.

    Of invalid items it is the field, as ``Product.price``; what was wrong with it in one of them is the ``example``.
    """

    reason: str
    items: int
    url: str
    example: str = ""


class Saved(msgspec.Struct, frozen=True):
    """All that the catalog says. ``urls`` lead to ``files`` distinct ones; ``elsewhere`` of those a worker keeps.

    ``archived`` counts the records in the index of the web archive.
    """

    urls: int = 0
    files: int = 0
    bytes: int = 0
    images: int = 0
    pages: int = 0
    elsewhere: int = 0
    types: list[FileType] = []
    sizes: list[Slot] = []
    failed: int = 0
    failures: list[FailedItems] = []
    archived: int = 0


class Picture(msgspec.Struct, frozen=True):
    """A saved image for a page: of ``size`` bytes, made small as ``data`` of the media type ``shown``."""

    url: str
    page: str
    alt: str
    type: str
    width: int
    height: int
    size: int
    shown: str = ""
    data: bytes = b""


class Changed(msgspec.Struct, frozen=True):
    """One URL of a further visit: ``change`` is a word of `acrawl.outcome.CHANGES`.

    ``status`` is that of HTTP (0 without an answer), ``to`` where a redirect leads now, ``reason`` why it was not told.
    """

    change: str
    url: str
    status: int
    to: str
    reason: str


class Changes(msgspec.Struct, frozen=True):
    """What the last of so many ``visits`` found changed since the one before: how much, and the first of each kind."""

    visits: int
    counts: dict[str, int]
    examples: list[Changed]


class Crawl(msgspec.Struct, frozen=True):
    """Which crawl it is. ``state``: ``running``, ``finished``, ``stopped`` or ``limit``; ``command`` has no secrets.

    ``bucket`` is where its files are, when that is no folder.
    """

    spider: str
    state: str
    command: str
    job: str
    bucket: str = ""


class Report(msgspec.Struct, frozen=True):
    """All figures of a crawl; ``made_at`` is when they were read, ``acrawl`` the version that did.

    ``changes`` is None for a crawl that has visited its site once.
    """

    acrawl: str
    made_at: float
    crawl: Crawl
    seconds: float
    pages_per_second: float
    requests: Requests
    saved: Saved
    changes: Changes | None = None
