"""What servers may set and what is sent back to them: RFC 6265, and RFC 6265bis where browsers follow that. Pure.

Sections are those of RFC 6265 unless "bis" stands before them. A crawler has neither scripts nor windows, so HttpOnly
and SameSite mean nothing to it.
"""

from __future__ import annotations

import functools
import re
from calendar import timegm
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from acrawl.cookie import OVER, Cookie, Key, put
from acrawl.settings import Cookies
from acrawl.url import host_of, is_public_suffix, name_of

#: No cookie lasts longer: 400 days (bis 5.5).
_LONGEST = 400 * 86_400.0
#: A longer value of an attribute is not looked at (bis 5.6).
_LONGEST_ATTRIBUTE = 1024
#: What no cookie may have in it (bis 5.6); a tab at the edge is white space.
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]").search
_SPACE = " \t"
_SECONDS = re.compile(r"-?[0-9]+").fullmatch

_DELIMITERS = re.compile(r"[\x09\x20-\x2f\x3b-\x40\x5b-\x60\x7b-\x7e]+")
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[^0-9].*)?", re.DOTALL).fullmatch
_DAY = re.compile(r"([0-9]{1,2})(?:[^0-9].*)?", re.DOTALL).fullmatch
_YEAR = re.compile(r"([0-9]{2,4})(?:[^0-9].*)?", re.DOTALL).fullmatch
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


class Jar:
    """The cookies of one site under one key: as the job had them last, and what has been set here since then."""

    __slots__ = ("_base", "_kept", "_terms")

    def __init__(self, terms: Cookies) -> None:
        self._terms = terms
        self._base: dict[Key, Cookie] = {}
        self._kept: dict[Key, Cookie] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def renew(self, cookies: Iterable[Cookie], now: float) -> None:
        """Take the cookies that the job has by now.

        What was set here stays only where the job has what it had before: else it knows of that, or of a later change.
        """
        old, mine, base = self._base, self._kept, {cookie.key: cookie for cookie in cookies}
        self._base, self._kept = base, dict(base)
        for key in {**old, **mine}:
            own = mine.get(key)
            if own is not old.get(key) and base.get(key) == old.get(key):
                self._kept.pop(key, None)
                if own is not None:
                    self._kept[key] = own
        self._put((), now)

    def _put(self, changes: Iterable[Cookie], now: float) -> None:
        put(self._kept, changes, now, most=self._terms.per_jar, size=self._terms.jar_bytes)

    def pairs(self, url: str, now: float, but: Collection[str] = ()) -> list[str]:
        """What is sent to a URL, in its order (5.4): longer paths first, then what was created first.

        Cookies whose names are in ``but`` are left out.
        """
        if not self._kept:
            return []
        name, path, secure = _parts(url)
        found = [
            cookie
            for cookie in self._kept.values()
            if (secure or not cookie.secure)
            and (name == cookie.domain if cookie.host_only else domain_matches(name, cookie.domain))
            and path_matches(path, cookie.path)
            and cookie.name not in but
            and not cookie.is_over(now)
        ]
        found.sort(key=lambda cookie: (-len(cookie.path), cookie.created))
        return [f"{cookie.name}={cookie.value}" if cookie.name else cookie.value for cookie in found]

    def answered(self, url: str, lines: Iterable[str], now: float) -> list[Cookie]:
        """Take the values of an answer's Set-Cookie headers; returns what others have to know."""
        found = (parsed(line, url, now, self._terms.max_size) for line in lines)
        return self._taken([cookie for cookie in found if cookie is not None and self._yields(cookie, url)], now)

    def given(self, url: str, cookies: Mapping[str, str], now: float) -> list[Cookie]:
        """Remember cookies that the user gave with a request, for all of its host; returns what others have to know.

        Those given for an https URL are not sent in the clear.
        """
        name, _, secure = _parts(url)
        given = [Cookie(key, text, name, secure=secure, created=now, set_at=now) for key, text in cookies.items()]
        return self._taken(given, now)

    def _yields(self, cookie: Cookie, url: str) -> bool:
        """Whether no secure cookie stands in the way of one that came in the clear (bis 5.7, 16)."""
        return url.startswith("https:") or not any(
            old.secure
            and old.name == cookie.name
            and (domain_matches(old.domain, cookie.domain) or domain_matches(cookie.domain, old.domain))
            and path_matches(cookie.path, old.path)
            for old in self._kept.values()
        )

    def _taken(self, cookies: list[Cookie], now: float) -> list[Cookie]:
        before = dict(self._kept)
        last: dict[Key, Cookie] = {}
        for cookie in cookies:
            last.pop(cookie.key, None)
            last[cookie.key] = cookie
        news = [cookie for cookie in last.values() if not self._is_known(cookie, now)]
        if not news:
            return []
        self._put(news, now)
        over = [cookie for cookie in news if cookie.is_over(now)]
        return over + [cookie for key, cookie in self._kept.items() if before.get(key) is not cookie]

    def _is_known(self, cookie: Cookie, now: float) -> bool:
        """Whether it changes nothing, here and in the job; what has only been set here may never be reported."""
        for old in (self._kept.get(cookie.key), self._base.get(cookie.key)):
            known = cookie.is_over(now) if old is None else not old.is_over(now) and cookie.is_like(old, now)
            if not known:
                return False
        return True


def parsed(line: str, url: str, now: float, most: int = 4096) -> Cookie | None:
    """Read the value of one Set-Cookie header of an answer from ``url`` (5.2, 5.3); None for what must be ignored.

    ``most`` is how many bytes name and value may have together. Text that is not UTF-8 is ignored.
    """
    pair, *parts = line.split(";")
    name, equals, value = pair.partition("=")
    if not equals:
        name, value = "", name
    name, value = name.strip(_SPACE), value.strip(_SPACE)
    if _CONTROL(line) or not (name or value) or not _fits(name + value, most):
        return None
    attributes = _attributes(parts)
    host, path, is_secure = _parts(url)
    domain, host_only = _domain(attributes.get("domain", ""), host)
    secure = "secure" in attributes
    given = attributes.get("path", "")
    cookie_path = given if given.startswith("/") else default_path(path)
    prefix = (name or value).lower()
    promised = prefix.startswith(("__secure-", "__host-"))
    if (
        not domain
        or (secure and not is_secure)
        or (promised and not (name and secure))
        or (prefix.startswith("__host-") and not (host_only and not attributes.get("domain") and given == "/"))
    ):
        return None
    return Cookie(name, value, domain, cookie_path, _end(attributes, now), host_only, secure, now, now)


def domain_matches(name: str, domain: str) -> bool:
    """Whether a host is the domain or below it (5.1.3); what is below an address is no host."""
    return name == domain or (name.endswith("." + domain) and not _is_address(name))


def path_matches(path: str, cookie_path: str) -> bool:
    """Whether a request's path is the cookie's or below it (5.1.4)."""
    return path.startswith(cookie_path) and (
        len(path) == len(cookie_path) or cookie_path.endswith("/") or path[len(cookie_path)] == "/"
    )


def default_path(path: str) -> str:
    """The path of a cookie that names none: the folder of the request's (5.1.4)."""
    return path[: path.rfind("/")] or "/"


@functools.lru_cache(256)
def date(text: str) -> float | None:
    """Read a date as leniently as browsers do (5.1.1), as Unix time; None for what is none."""
    clock: tuple[int, int, int] | None = None
    day = month = year = None
    for token in _DELIMITERS.split(text):
        if clock is None and (found := _TIME(token)):
            clock = int(found[1]), int(found[2]), int(found[3])
        elif day is None and (found := _DAY(token)):
            day = int(found[1])
        elif month is None and token[:3].lower() in _MONTHS:
            month = _MONTHS.index(token[:3].lower()) + 1
        elif year is None and (found := _YEAR(token)):
            year = int(found[1])
    if clock is None or day is None or month is None or year is None:
        return None
    if year < 100:
        year += 1900 if year >= 70 else 2000
    if year < 1601:
        return None
    try:
        return float(timegm(datetime(year, month, day, *clock).timetuple()))
    except ValueError:  # no such day or hour: the attribute is ignored
        return None


def _attributes(parts: Iterable[str]) -> dict[str, str]:
    """The attributes of a cookie by their names in lower case; of one that is repeated the last counts (5.3).

    What cannot be an end of its life is left out here, so that an earlier one holds.
    """
    found = {}
    for part in parts:
        name, _, value = part.partition("=")
        name, value = name.strip(_SPACE).lower(), value.strip(_SPACE)
        if len(value) > _LONGEST_ATTRIBUTE:
            continue
        if not (name == "max-age" and not _SECONDS(value)) and not (name == "expires" and date(value) is None):
            found[name] = value
    return found


def _domain(attribute: str, host: str) -> tuple[str, bool]:
    """The domain of a cookie and whether it is for the host only; empty where it must be ignored (bis 5.7, 8 to 10)."""
    domain = attribute.removeprefix(".").lower()
    if not domain or domain == host:
        return host, not domain or _is_address(host) or is_public_suffix(host)
    if not domain.isascii() or is_public_suffix(domain) or not domain_matches(host, domain):
        return "", False
    return domain, False


def _end(attributes: Mapping[str, str], now: float) -> float:
    """When a cookie ends; Max-Age goes before Expires (5.3, 3)."""
    if (age := attributes.get("max-age")) is not None:
        digits = age.lstrip("-0")
        if age.startswith("-") or not digits:
            return OVER
        return now + min(float(digits[:18]), _LONGEST)
    end = date(attributes["expires"]) if "expires" in attributes else None
    if end is None:
        return 0.0
    return OVER if end <= now else min(end, now + _LONGEST)


def _fits(text: str, most: int) -> bool:
    try:
        return len(text.encode()) <= most
    except UnicodeEncodeError:  # bytes that are not UTF-8, kept as surrogates: the cookie is ignored
        return False


def _is_address(name: str) -> bool:
    return name.startswith("[") or name.rpartition(".")[2].isdecimal()


def _parts(url: str) -> tuple[str, str, bool]:
    """Host name, path and whether it is https, of a canonical URL."""
    start = url.find("/", 8)
    end = url.find("?", start)
    return name_of(host_of(url)), url[start : end if end > 0 else len(url)], url.startswith("https:")
