"""What to do after an exchange: take the answer, try again later, let the host rest, or give up. Pure.

A retry is a re-queued request, never a loop in the worker; only the verdict is made here.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

import msgspec

from acrawl.errors import FetchError
from acrawl.response import Response
from acrawl.settings import Fetch

OK = "ok"
RETRY = "retry"
PAUSE = "pause"
FAIL = "fail"

#: Failures that may be gone next time. A full disk is one: it may be emptied, or another worker may have room. So is a
#: cut download that could not be continued: the next try begins it anew.
PASSING = frozenset({"dns", "refused", "reset", "timeout", "truncated", "unreachable", "disk", "resume", "proxy"})
#: Answers that may be gone next time; the 520s are those of proxies whose origin is in trouble.
PASSING_STATUSES = frozenset({408, 425, 500, 502, 504, *range(520, 528), 530, 598, 599})
#: Answers that ask the crawler, not the request, to wait.
PAUSING_STATUSES = frozenset({429, 503})
#: Seconds a host rests that asks for it without saying how long; doubled with each attempt.
DEFAULT_PAUSE = 5.0
_MOST_DOUBLINGS = 16


class Verdict(msgspec.Struct, frozen=True):
    """What becomes of the request.

    ``kind`` is one of:

    * ``ok``: the answer is what was asked for, or a redirect;
    * ``retry``: queue the request again after ``delay`` seconds, as a further attempt;
    * ``pause``: nobody asks the host anything for ``delay`` seconds, then this again; it is no further attempt;
    * ``fail``: the request ends as failed with ``reason``.

    A ``free`` retry is no further attempt.
    """

    kind: str
    delay: float = 0.0
    reason: str = ""
    free: bool = False


_OK = Verdict(OK)


def decide(
    fetch: Fetch,
    attempt: int,
    came: Response | FetchError,
    now: float,
    chance: Callable[[], float] = random.random,
    *,
    forward: bool = False,
) -> Verdict:
    """Judge what came of an exchange. ``attempt`` counts from 1, ``now`` is Unix time, ``chance`` gives 0 to 1.

    The delay before a retry is ``retry_delay``, doubled with each attempt, times 0.5 to 1.5. A pause is as long as
    Retry-After says; its caller caps it. Statuses become the reasons ``http-404`` and so on. A passing failure of a
    download that went ``forward`` costs no attempt: else a large file could never come over a bad line.
    """
    if isinstance(came, FetchError):
        if came.reason in PASSING:
            if forward:
                return Verdict(RETRY, fetch.retry_delay * (0.5 + chance()), came.reason, free=True)
            return _again(fetch, attempt, came.reason, chance)
        return Verdict(FAIL, 0.0, came.reason)
    status = came.status
    if status < 400:
        return _OK
    reason = f"http-{status}"
    if status in PAUSING_STATUSES:
        asked = retry_after(came.headers, now)
        return Verdict(PAUSE, _doubled(DEFAULT_PAUSE, attempt) if asked is None else asked, reason)
    if status in PASSING_STATUSES:
        return _again(fetch, attempt, reason, chance)
    return Verdict(FAIL, 0.0, reason)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Read Retry-After, seconds or a date, as seconds from ``now``; None without one that can be read."""
    text = headers.get("Retry-After", "").strip()
    if text.isdecimal() and text.isascii():
        return float(text[:12])  # a number with more digits means the same: longer than anybody waits
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, IndexError, TypeError, OverflowError):
        return None  # neither form: the caller's default holds, nothing is lost
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, date.timestamp() - now)


def _again(fetch: Fetch, attempt: int, reason: str, chance: Callable[[], float]) -> Verdict:
    if attempt > fetch.retries:
        return Verdict(FAIL, 0.0, reason)
    return Verdict(RETRY, _doubled(fetch.retry_delay, attempt) * (0.5 + chance()), reason)


def _doubled(seconds: float, attempt: int) -> float:
    return float(seconds * 2 ** min(max(attempt - 1, 0), _MOST_DOUBLINGS))
