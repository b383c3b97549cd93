"""What to do after an exchange: take the answer, try again later, let the host rest, or give up. Pure.

A retry is a re-queued request, never a loop in the worker; only the verdict is made here.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

import msgspec

from acrawl.errors import WAITING, FetchError
from acrawl.response import Response
from acrawl.settings import Retry

OK = "ok"
RETRY = "retry"
PAUSE = "pause"
FAIL = "fail"

#: What the built-in table tries again; a full disk may be emptied, or another worker may have room.
_BUILT_IN = Retry()
PASSING = frozenset(word for word in _BUILT_IN.table if not word.startswith("http-"))
PASSING_STATUSES = frozenset(status for status in range(400, 600) if _BUILT_IN.row(f"http-{status}")[0])
#: Answers that ask the crawler, not the request, to wait; a row of their own in the retry table makes them failures.
PAUSING_STATUSES = frozenset({429, 503})
#: Seconds a host rests that asks for it without saying how long.
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
    terms: Retry,
    attempt: int,
    came: Response | FetchError,
    now: float,
    *,
    most: int = -1,
    forward: bool = False,
    chance: Callable[[], float] = random.random,
) -> Verdict:
    """Judge what came of an exchange. ``attempt`` counts from 1, ``now`` is Unix time, ``chance`` gives 0 to 1.

    The delay before a retry is that of the table's row, doubled with each attempt, at most ``max_delay``, times 0.5 to
    1.5. ``most`` of 0 or more is how often this request is tried again (`Request.max_retry_times`). A pause is as long
    as Retry-After says; its caller caps it. Statuses become the reasons ``http-404`` and so on. A passing failure of a
    download that went ``forward`` costs no attempt: else a large file could never come over a bad line. Nor does
    waiting for room on a disk or for a bucket, whatever the table says.
    """
    if isinstance(came, FetchError):
        if came.reason in WAITING:
            return Verdict(RETRY, terms.delay, came.reason, free=True)
        times, delay = terms.row(came.reason)
        if times and most != 0 and forward:
            return Verdict(RETRY, delay * (0.5 + chance()), came.reason, free=True)
        return _again(terms, attempt, came.reason, most, chance)
    status = came.status
    if status < 400:
        return _OK
    reason = f"http-{status}"
    if status in PAUSING_STATUSES and reason not in terms.table:
        asked = retry_after(came.headers, now)
        return Verdict(PAUSE, DEFAULT_PAUSE if asked is None else asked, reason)
    return _again(terms, attempt, reason, most, chance)


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


def _again(terms: Retry, attempt: int, reason: str, most: int, chance: Callable[[], float]) -> Verdict:
    times, delay = terms.row(reason)
    if attempt > (most if times and most >= 0 else times):
        return Verdict(FAIL, 0.0, reason)
    doubled = delay * 2 ** min(max(attempt - 1, 0), _MOST_DOUBLINGS)
    return Verdict(RETRY, min(doubled, terms.max_delay) * (0.5 + chance()), reason)
