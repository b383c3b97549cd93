"""When something was changed or published, in the spellings of sitemaps and feeds."""

from __future__ import annotations

import contextlib
import re
from datetime import UTC, datetime, timedelta, timezone

#: W3C-DTF (a profile of ISO 8601), with what people write instead: a space for the T, one digit for two.
_W3C = re.compile(
    r"(\d{4})(?:-(\d\d?)(?:-(\d\d?)(?:[Tt ]\s*(\d\d?):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?\s*"
    r"(?:[Zz]|UTC|GMT|([+-])(\d\d):?(\d\d))?)?)?)?"
).fullmatch


def moment(text: str) -> datetime | None:
    """Read a date of W3C-DTF (``2024``, ``2024-05-01T10:00+02:00``) or RFC 822 (``Wed, 01 May 2024 10:00:00 GMT``).

    The result is in UTC, which is also taken where no zone is given; what is left out is the first of its kind. None
    for anything else, and for dates that no calendar has. Never raises.
    """
    text = text.strip()
    if not text or len(text) > 64:
        return None
    try:
        found = _w3c(text) if text[:4].isdecimal() else _rfc822(text)
        return found if found is None or found.tzinfo is UTC else found.astimezone(UTC)
    except (ValueError, OverflowError, TypeError):  # no date: what it belongs to goes without
        return None


def _w3c(text: str) -> datetime | None:
    if len(text) > 15 and text[4] == text[7] == "-":  # most: a date with its time
        with contextlib.suppress(ValueError):  # the long way tells whether it is one
            quick = datetime.fromisoformat(text)
            return quick if quick.tzinfo is not None else quick.replace(tzinfo=UTC)
    found = _W3C(text)
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, sign, hours, minutes = found.groups()
    zone = UTC
    if sign:
        offset = timedelta(hours=int(hours), minutes=int(minutes))
        zone = timezone(-offset if sign == "-" else offset)
    micro = int(((fraction or "") + "000000")[:6])
    seconds = min(int(second or 0), 59)  # 60 is a leap second
    return datetime(int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), seconds, micro, zone)


def _rfc822(text: str) -> datetime | None:
    from email.utils import parsedate_to_datetime

    found = parsedate_to_datetime(text)
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
