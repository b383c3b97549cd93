"""The sections of the fetcher: what is sent, what is taken, and how often it is tried."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec

from acrawl.settings.base import MIB, Count, Positive, Seconds, Section


class Fetch(Section, frozen=True):
    """How one worker fetches."""

    concurrency: Positive = 64
    """Requests under way in one worker, over all hosts."""
    stages: tuple[str, ...] = (
        "guard",
        "robots",
        "spider",
        "cookies",
        "auth",
        "redirect",
        "cache",
        "proxy",
        "body",
        "decode",
        "transport",
    )
    """What a request passes, outermost first; ``spider`` are the spider's own, others go in as module:Class."""
    user_agent: Annotated[str, msgspec.Meta(pattern=r"^[!-~][^\x00-\x1f\x7f]*$")] = (
        "acrawl/0.1 (+https://pypi.org/project/acrawl/)"
    )
    """What is sent as User-Agent; the part before the slash is the robots.txt product token."""
    connect_timeout: Seconds = 15.0
    """Seconds to connect, TLS included."""
    idle_timeout: Seconds = 30.0
    """Seconds without a byte."""
    total_timeout: Seconds = 180.0
    """Seconds for a whole page; what is sent again for a login has as long once more."""
    file_timeout: Seconds = 3600.0
    """Seconds for one try at a saved file; the next try goes on where it ended (see files.resume)."""
    max_body: Positive = 32 * MIB
    """Bytes of a page after decoding; a longer one fails as too-large."""
    max_body_of: dict[str, Positive] = msgspec.field(default_factory=dict)
    """The same by (the beginning of) a media type: ``{"text/html" = 8000000, "image/" = 1000}``; the longest wins."""
    max_ratio: Count = 500
    """How many times its sent size a body may decode to, judged beyond 4 MiB; what is more fails as bomb. 0: any."""
    types: tuple[str, ...] = ()
    """Beginnings of the media types that callbacks want; pages of others fail as wrong-type, unread. Empty: all."""
    spill: Count = MIB
    """Bytes of a body kept in memory; a longer one goes to a temporary file. 0: all stay in memory."""
    max_file: Positive = 1024 * MIB
    """Bytes of a saved file; a longer one fails as too-large."""
    max_redirects: Count = 10
    """Redirects followed from one request."""
    allow_private: bool = False
    """Let requests reach private, loopback and link-local addresses that no seed names."""
    max_url: Annotated[int, msgspec.Meta(ge=1, le=8192)] = 8192
    """Characters of a URL; a longer one is excluded as too-long. Beyond 8192 nothing is taken for a URL at all."""
    max_header: Positive = 65536
    """Bytes of one header of an answer, and of its status line; more is malformed."""
    max_headers: Positive = 500
    """Headers of an answer; more is malformed."""
    max_head: Positive = 262144
    """Bytes of all headers of an answer, interim answers (1xx) included; more is malformed."""


class Cache(Section, frozen=True):
    """What is kept of answers, and when it is used instead of asking again."""

    mode: Literal["off", "http", "keep", "replay"] = "off"
    """How it works: off; http (RFC 9111); keep (whatever is stored is used); replay (the same, and nothing is sent)."""
    folder: Annotated[str, msgspec.Meta(min_length=1)] = ".acrawl/http-cache"
    """Where it lies, seen from where the worker was started; the workers of one machine share it."""
    max_age: Seconds = 0.0
    """Seconds after which keep asks again; 0 means never."""
    max_bytes: Count = 4096 * MIB
    """Bytes of the whole folder, roughly; what was used longest ago goes first; 0 means no limit."""
    max_entry: Positive = 8 * MIB
    """Bytes of a body that is still stored."""
    match_cookies: bool = True
    """In mode http, ask about what was fetched with other cookies; off where cookies only count visits."""
    ignore_statuses: tuple[int, ...] = ()
    """Answers that are never stored, besides those that are tried again (429, 5xx)."""
    ignore_hosts: tuple[str, ...] = ()
    """Names of hosts of which nothing is stored or used."""
    ignore_schemes: tuple[str, ...] = ()
    """Schemes (http, https) of which nothing is stored or used."""


class Auth(Section, frozen=True):
    """Who the crawler says it is, to whom."""

    hosts: dict[str, str] = msgspec.field(default_factory=dict)
    """Credentials by origin: ``basic|digest|login user:password``, ``bearer token``; env:NAME, file:PATH for them."""


class Proxy(Section, frozen=True):
    """The way that requests take."""

    urls: tuple[str, ...] = ()
    """Proxies: http, https, socks5h, socks5 or socks4 URLs, or env:NAME and file:PATH that hold some, one a line."""
    rotate: Literal["request", "host"] = "request"
    """Whether each request takes the next proxy, or each host keeps one as long as it works."""
    bypass: tuple[str, ...] = ()
    """Hosts that are asked directly: names with all below them, addresses, networks, ``*``; ``:port`` narrows it."""
    from_environment: bool = True
    """Without urls, take http_proxy, https_proxy, all_proxy and no_proxy of each worker's environment."""
    rest: Seconds = 10.0
    """Seconds that a proxy rests after a failure of its own; doubled with each further one, up to 10 minutes."""


class Tls(Section, frozen=True):
    """Which servers are trusted."""

    verify: bool = True
    """Refuse servers whose certificate does not hold."""
    insecure_hosts: tuple[str, ...] = ()
    """Names of hosts, written out, whose certificates are not looked at."""
    ca_file: str = ""
    """A PEM file of certificate authorities that are trusted besides the system's."""
    minimum: Literal["1.2", "1.3"] = "1.2"
    """The oldest version of TLS that is spoken."""


class Dns(Section, frozen=True):
    """How long names are known."""

    ttl: Seconds = 300.0
    """Seconds that the addresses of a name are kept."""
    failure_ttl: Seconds = 30.0
    """Seconds that a name which does not exist is not asked for again."""


class Cookies(Section, frozen=True):
    """What is kept of cookies, in the job and for all workers."""

    enabled: bool | Literal["auto"] = "auto"
    """Keep and send cookies; auto: unless the crawl is a broad one (scope.within = any)."""
    max_size: Positive = 4096
    """Bytes of the name and the value of one cookie; a larger one is ignored."""
    per_jar: Positive = 100
    """Cookies of one site under one cookiejar key; beyond it those set the longest ago go."""
    jar_bytes: Positive = 32768
    """Bytes of all cookies of one site under one cookiejar key."""
    max_jars: Positive = 10_000
    """Jars of the whole job; beyond it that of the site asked the longest ago goes."""


#: The words for what may come of an exchange, besides ``http-`` and a status: what the retry table may speak of.
FAILURES = (
    "dns", "refused", "reset", "timeout", "truncated", "unreachable", "disk", "bucket", "proxy", "resume",
    "digest-mismatch",
    "bomb", "not-cached", "wrong-type", "tls", "tls-expired", "tls-protocol", "tls-self-signed", "tls-untrusted",
    "tls-wrong-host", "blocked", "malformed", "too-large", "redirect-refused",
    "too-many-redirects", "stage",
)  # fmt: skip
_STATUS = re.compile(r"http-[45](\d\d|xx)")
#: A row of the table: how many further tries, and the seconds before the first; what it leaves out is as usual.
Row = Annotated[tuple[Seconds, ...], msgspec.Meta(max_length=2)]
#: What may be gone next time. An unknown 5xx is a 500 (RFC 9110, 15), so all of them are, but those that say never.
_ROWS: dict[str, Row] = {
    "dns": (), "refused": (), "reset": (), "timeout": (), "truncated": (), "unreachable": (), "disk": (), "bucket": (),
    "proxy": (), "resume": (), "http-408": (), "http-425": (), "http-5xx": (), "http-501": (0,), "http-505": (0,),
}  # fmt: skip


class Retry(Section, frozen=True):
    """What is tried again, how often, and how late."""

    enabled: bool = True
    """Try again at all; 429 and 503 make their host rest in any case."""
    times: Count = 2
    """Further tries of what the table names without a number."""
    delay: Seconds = 1.0
    """Seconds before the first of them where the table names none; doubled each time, times 0.5 to 1.5."""
    max_delay: Seconds = 600.0
    """The longest a delay grows, before the jitter."""
    table: dict[str, Row] = msgspec.field(default_factory=_ROWS.copy)
    """Each outcome that is tried again: [further tries, seconds before the first]; rows you give replace these."""

    def __post_init__(self) -> None:
        for word, row in self.table.items():
            if word not in FAILURES and not _STATUS.fullmatch(word):
                near = difflib.get_close_matches(word, [*FAILURES, *_ROWS], 1, 0.5)
                hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(FAILURES)}, http-404, http-5xx"
                raise ValueError(f"no outcome is called {word!r}; {hint}")
            if not all(map(math.isfinite, row)) or (row and row[0] != int(row[0])):
                raise ValueError(f"{word} = {list(row)}: write [further tries, seconds], such as [2, 1.5]")

    def row(self, word: str) -> tuple[int, float]:
        """How many further tries an outcome has, and the seconds before the first; none without a row in the table.

        A status without a row of its own has that of its class (``http-5xx``).
        """
        found = self.table.get(word)
        if found is None and word.startswith("http-"):
            found = self.table.get(f"{word[:6]}xx")
        if found is None or not self.enabled:
            return 0, 0.0
        return int(found[0]) if found else self.times, found[1] if len(found) > 1 else self.delay


def retried_statuses(codes: Iterable[object]) -> dict[str, Row]:
    """Say Scrapy's RETRY_HTTP_CODES as rows: these statuses and no others. 429 and 503 make their host rest anyhow."""
    rows: dict[str, Row] = {"http-4xx": (0,), "http-5xx": (0,), "http-408": (0,), "http-425": (0,)}
    return rows | {f"http-{code}": () for code in codes if str(code) not in {"429", "503"}}
