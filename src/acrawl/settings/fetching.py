"""The sections of the fetcher: what is sent, what is taken, and how often it is tried."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable
from typing import Annotated

import msgspec

from acrawl.settings.base import MIB, Count, Positive, Seconds, Section


class Fetch(Section, frozen=True):
    """How one worker fetches."""

    concurrency: Positive = 64
    """Requests under way in one worker, over all hosts."""
    stages: tuple[str, ...] = ("guard", "robots", "spider", "redirect", "body", "transport")
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
    allow_private: bool = False
    """Let requests reach private, loopback and link-local addresses that no seed names."""
    verify_tls: bool = True
    """Refuse servers whose certificate does not hold."""


#: The words for what may come of an exchange, besides ``http-`` and a status: what the retry table may speak of.
FAILURES = (
    "dns", "refused", "reset", "timeout", "truncated", "unreachable", "disk", "proxy", "digest-mismatch",
    "tls", "blocked", "malformed", "too-large", "redirect-refused", "too-many-redirects",
    "stage",
)  # fmt: skip
_STATUS = re.compile(r"http-[45](\d\d|xx)")
#: A row of the table: how many further tries, and the seconds before the first; what it leaves out is as usual.
Row = Annotated[tuple[Seconds, ...], msgspec.Meta(max_length=2)]
#: What may be gone next time. An unknown 5xx is a 500 (RFC 9110, 15), so all of them are, but those that say never.
_ROWS: dict[str, Row] = {
    "dns": (), "refused": (), "reset": (), "timeout": (), "truncated": (), "unreachable": (), "disk": (), "proxy": (),
    "digest-mismatch": (), "http-408": (), "http-425": (), "http-5xx": (), "http-501": (0,), "http-505": (0,),
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
