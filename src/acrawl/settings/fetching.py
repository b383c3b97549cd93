"""The sections of the fetcher: what is sent, what is taken, and how often it is tried."""

from __future__ import annotations

from typing import Annotated

import msgspec

from acrawl.settings.base import MIB, Count, Positive, Seconds, Section


class Fetch(Section, frozen=True):
    """How one worker fetches."""

    concurrency: Positive = 64
    """Requests under way in one worker, over all hosts."""
    stages: tuple[str, ...] = ("guard", "robots", "spider", "cookies", "redirect", "body", "transport")
    """What a request passes, outermost first; ``spider`` are the spider's own, others go in as module:Class."""
    user_agent: str = "acrawl/0.1 (+https://pypi.org/project/acrawl/)"
    """What is sent as User-Agent; the part before the slash is the robots.txt product token."""
    connect_timeout: Seconds = 15.0
    """Seconds to connect, TLS included."""
    idle_timeout: Seconds = 30.0
    """Seconds without a byte."""
    total_timeout: Seconds = 180.0
    """Seconds for a whole page."""
    file_timeout: Seconds = 3600.0
    """Seconds for a whole saved file."""
    max_body: Positive = 32 * MIB
    """Bytes of a page after decoding; a longer one fails as too-large."""
    max_file: Positive = 1024 * MIB
    """Bytes of a saved file."""
    max_redirects: Count = 10
    """Redirects followed from one request."""
    retries: Count = 2
    """Further tries after a connection error, a timeout or a 5xx answer."""
    retry_delay: Seconds = 1.0
    """Seconds before the first retry; doubled each time, with jitter."""
    allow_private: bool = False
    """Let requests reach private, loopback and link-local addresses that no seed names."""
    verify_tls: bool = True
    """Refuse servers whose certificate does not hold."""


class Cookies(Section, frozen=True):
    """What is kept of cookies, in the job and for all workers."""

    enabled: bool | Annotated[str, msgspec.Meta(pattern="^auto$")] = "auto"
    """Keep and send cookies; auto: unless the crawl is a broad one (scope.within = any)."""
    max_size: Positive = 4096
    """Bytes of the name and the value of one cookie; a larger one is ignored."""
    per_jar: Positive = 100
    """Cookies of one site under one cookiejar key; beyond it those set the longest ago go."""
    jar_bytes: Positive = 32768
    """Bytes of all cookies of one site under one cookiejar key."""
    max_jars: Positive = 10_000
    """Jars of the whole job; beyond it that of the site asked the longest ago goes."""
