"""The sections of the fetcher: what is sent, what is taken, and how often it is tried."""

from __future__ import annotations

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
    """Seconds for a whole page."""
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
    retries: Count = 2
    """Further tries after a connection error, a timeout or a 5xx answer."""
    retry_delay: Seconds = 1.0
    """Seconds before the first retry; doubled each time, with jitter."""
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


class Files(Section, frozen=True):
    """How large saved files come."""

    resume: bool = True
    """Go on where a download was cut, instead of from its beginning."""
    partial_bytes: Count = 10_240 * MIB
    """Bytes that all cut downloads together may leave on disk for later tries; what comes to more begins anew."""
    verify: bool = True
    """Refuse a file that lacks the digest its server announced (Repr-Digest, Content-Digest, Digest, Content-MD5)."""


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
