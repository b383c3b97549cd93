"""What the tables know about one URL: how it came in, what was tried, how it ended, and which others are like it.

Reads only, so it may be used beside a crawl (`Database` with ``reading``). Blocks.
"""

from __future__ import annotations

import itertools

import msgspec

from acrawl.errors import RequestError
from acrawl.frontier.database import Database
from acrawl.outcome import FAILED, Story, Try
from acrawl.request import unseal
from acrawl.settings import Urls
from acrawl.spelling import EXACT, Spelling
from acrawl.url import canonical, fingerprint, host_of

#: Ancestors that a story names at most.
_GENERATIONS = 64
#: Of the requests that came in last, so many are looked through for a URL like another.
_LOOKED_THROUGH = 200_000
_LATE = "(select id, url from queue where id > ?1 union all select id, url from ledger where id > ?1)"


def story(db: Database, url: str) -> Story:
    """All that the tables know about a GET of this URL; where there is none, of another request for it.

    Those (a POST, one in a session) are looked for among the requests that came in last only. Raises `RequestError` for
    what is no URL.
    """
    with db.snapshot():
        return _story(db, canonical(url))


def _story(db: Database, url: str) -> Story:
    number = number_of(db, url)
    if number is None:
        number = db.value(f"select max(id) from {_LATE} where url = ?2", _lately(db), url)
    if number is None:
        return Story(url, "unknown")
    number, url = _as_written(db, number, url)
    tries = [
        Try(attempt, at / 1000, reason, detail, status, took / 1000)
        for attempt, at, reason, detail, status, took in db.all(
            "select attempt, at, reason, detail, http_status, took from attempt where request = ? order by at, attempt",
            number,
        )
    ]
    ended = db.one(
        "select status, reason, detail, http_status, l.size, took, attempts, depth, parent, ended, body, "
        "(select trouble from host where host.id = l.host) from ledger l join ending e on e.id = l.ending "
        "where l.id = ?",
        number,
    )
    if ended:
        status, reason, detail, http_status, size, took, attempts, depth, parent, at, body, trouble = ended
        if reason == "robots-unreachable" or (status == FAILED and not attempts):  # its host was given up
            detail = detail or trouble or ""
        path = _path(db, parent)
        found_on = path[-1] if path else ""
        facts = (status, reason, detail, http_status, size, took / 1000, attempts, depth, found_on, at / 1000)
        return Story(url, *facts, _priority(url, body), path=path, tries=tries)
    waiting = db.one("select attempt, depth, parent, not_before, body from queue where id = ?", number)
    if waiting is None:
        return Story(url, "lost", "in the seen set, yet neither queued nor done: the books are unbalanced")
    attempt, depth, parent, not_before, body = waiting
    path = _path(db, parent)
    return Story(
        url, "queued", attempts=attempt, depth=depth, found_on=path[-1] if path else "", priority=_priority(url, body),
        not_before=not_before, path=path, tries=tries,
    )  # fmt: skip


def _priority(url: str, body: bytes | None) -> int:
    """As its finder gave it; 0 where nothing of the request is kept. The rank would not do: the order moves it."""
    try:
        return unseal(url, body).priority if body is not None else 0
    except (msgspec.DecodeError, RequestError):  # that is told of it by its end
        return 0


def number_of(db: Database, url: str) -> int | None:
    """The number of the request that stands for a GET of this URL; None when it is unknown."""
    spelling = _spelling(db)
    url = spelling.address(url)
    key = fingerprint(db.meta("secret") or b"", host_of(url), spelling.key(url))
    number = db.value("select id from seen where key = ?", key)
    return None if number is None else int(number)


def _spelling(db: Database) -> Spelling:
    """What the crawl of these tables takes for one URL."""
    urls = db.meta("urls")
    return EXACT if urls is None else Spelling(msgspec.json.decode(urls, type=Urls))


def _as_written(db: Database, number: int, url: str) -> tuple[int, str]:
    """The request of this very URL where there is one, else the one that stands for it, and its spelling."""
    found = "(select id, url from queue where id = ?1 union all select id, url from ledger where id = ?1)"
    written = db.value(f"select url from {found}", number) or url
    if written == url:
        return number, url
    exact = db.value(f"select max(id) from {_LATE} where url = ?2", _lately(db), url)
    return (number, written) if exact is None else (int(exact), url)


def _lately(db: Database) -> int:
    return int(db.meta("next_id") or 1) - _LOOKED_THROUGH


def near(db: Database, url: str, most: int = 3) -> list[str]:
    """Known URLs like an unknown one: another scheme, ``www.``, final slash or query. Raises `RequestError`.

    Queries are looked for among the requests that came in last only: tables have no index over URLs.
    """
    url = canonical(url)
    found = [variant for variant in _variants(url) if number_of(db, variant) is not None][:most]
    if len(found) < most:
        path = url.partition("?")[0]
        rows = db.all(
            f"select url from {_LATE} where substr(url, 1, ?2) = ?3 and url != ?4 and "
            "substr(url, ?2 + 1, 1) in ('', '?') order by id limit ?5",
            _lately(db), len(path), path, url, most,
        )  # fmt: skip
        found += [other for (other,) in rows if other not in found]
    return found[:most]


def _variants(url: str) -> list[str]:
    """The same page as people write it in other ways, the likeliest first."""
    scheme, _, rest = url.partition("://")
    path, mark, query = rest.partition("?")
    www = path[4:] if path.startswith("www.") else f"www.{path}"
    slash = path.rstrip("/") if path.endswith("/") and path.count("/") > 1 else f"{path}/"
    schemes = (scheme, "http" if scheme == "https" else "https")
    tails = dict.fromkeys((mark + query, ""))
    written = [
        f"{scheme}://{path}{tail}" for path, scheme, tail in itertools.product((path, slash, www), schemes, tails)
    ]
    return [variant for variant in written if variant != url]


def _path(db: Database, number: int) -> list[str]:
    """The URLs from the seed down to this request."""
    path: list[str] = []
    while number and len(path) < _GENERATIONS:
        row = db.one("select parent, url from ledger where id = ?", number) or db.one(
            "select parent, url from queue where id = ?", number
        )
        if row is None:
            break
        number, url = row
        path.append(url)
    return path[::-1]
