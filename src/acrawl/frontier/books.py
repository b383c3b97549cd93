"""What the tables say to people: counts, the story of a URL, lists of ends, and whether the books balance.

Reads only, so it may be used beside a crawl (`Database` with ``reading``). Blocks.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from acrawl.errors import RequestError
from acrawl.frontier.database import Database
from acrawl.frontier.tally import Counts
from acrawl.outcome import FAILED, FETCHED, QUARANTINED, Audit, Ended, Redirected, Story, Try
from acrawl.request import unseal
from acrawl.settings import Urls
from acrawl.spelling import EXACT, Spelling
from acrawl.url import canonical, fingerprint, host_of, host_prefix

#: Ancestors that a story names at most.
_GENERATIONS = 64
#: Faults of one kind that an audit names at most.
_EXAMPLES = 10
#: Of the requests that came in last, so many are looked through for a URL like another.
_LOOKED_THROUGH = 200_000
_LATE = "(select id, url from queue where id > ?1 union all select id, url from ledger where id > ?1)"


class Found(NamedTuple):
    """Ended requests: the numbers of those that may be tried again, and their URLs where URLs were asked for.

    ``kept`` counts them by how they ended; ``gone`` counts the others so, of which nothing is kept to try.
    """

    numbers: list[int]
    urls: set[str]
    kept: dict[str, int]
    gone: dict[str, int]


def counts(db: Database) -> Counts:
    """Count from the books, without looking at each request."""
    ends = {(s, r): (n, size) for s, r, n, size in db.all("select status, reason, requests, size from ending")}
    discovered = int(db.meta("next_id") or 1) - 1
    return Counts(
        queued=discovered - sum(n for n, _ in ends.values()),
        undelivered=db.value("select count(*) from outbox"),
        discovered=discovered,
        duplicates=db.meta("duplicates") or 0,
        hosts=db.value("select count(*) from host"),
        ends=ends,
    )


# -- one URL


def story(db: Database, url: str) -> Story:
    """All that the tables know about a GET of this URL; where there is none, of another request for it.

    Those (a POST, one in a session) are looked for among the requests that came in last only. Raises `RequestError` for
    what is no URL.
    """
    with db.snapshot():
        return _story(db, canonical(url))


def _story(db: Database, url: str) -> Story:
    number = _number(db, url)
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


def _number(db: Database, url: str) -> int | None:
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
    found = [variant for variant in _variants(url) if _number(db, variant) is not None][:most]
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


# -- lists


def ended(db: Database, status: str, reason: str = "") -> Iterator[Ended]:
    """What ended so (of any reason, without one), in the order of numbers."""
    rows = db.each(
        "select url, status, reason, detail, attempts, ended, http_status from ledger l "
        "join ending e on e.id = l.ending where status = ?1 and (?2 = '' or reason = ?2) order by l.id",
        status, reason,
    )  # fmt: skip
    return (Ended(url, s, r, detail, n, at / 1000, answer) for url, s, r, detail, n, at, answer in rows)


def dead(db: Database) -> Iterator[Ended]:
    """What failed or was quarantined, but for requests whose URL a plain GET has fared otherwise with: that counts."""
    rows = db.each(
        "select l.id, url, status, reason, detail, attempts, ended, http_status from ledger l "
        "join ending e on e.id = l.ending where status in (?, ?) order by l.id",
        FAILED, QUARANTINED,
    )  # fmt: skip
    for number, url, status, reason, detail, attempts, at, answer in rows:
        if _number(db, url) in {number, None}:
            yield Ended(url, status, reason, detail, attempts, at / 1000, answer)


def moved(db: Database) -> Iterator[tuple[str, str, int]]:
    """``(url, target, http_status)`` of every request that was answered by a redirect."""
    for end in ended(db, FETCHED, "redirect"):
        yield end.url, end.detail.removeprefix("to ").removesuffix(", from the cache"), end.http_status


def redirects(db: Database, after: int, n: int) -> list[Redirected]:
    """See `Frontier.redirects`."""
    rows = db.all(
        "select l.id, url, detail from ledger l join ending e on e.id = l.ending "
        "where status = 'fetched' and reason = 'redirect' and l.id > ?1 order by l.id limit ?2",
        after, n,
    )  # fmt: skip
    # "to URL", and with ", from the cache" perhaps: a URL has no space in it
    return [
        Redirected(number, url, detail.removesuffix(", from the cache")[len("to ") :]) for number, url, detail in rows
    ]


def find_ended(db: Database, ends: Sequence[tuple[str, str]], urls: Sequence[str] = ()) -> Found:
    """What ended in one of these ways (an empty status or reason means any), at one of these URLs if there are.

    Raises `RequestError` for what is no URL.
    """
    clauses = " or ".join(["(? in ('', status) and ? in ('', reason))"] * len(ends)) or "true"
    values: list[object] = [value for end in ends for value in end]
    if urls:
        clauses = f"({clauses}) and url in ({','.join('?' * len(urls))})"
        values += map(canonical, urls)
    table = "from ledger l join ending e on e.id = l.ending"
    kept, gone = f"{table} where body is not null and ({clauses})", f"{table} where body is null and ({clauses})"
    count = "select status, reason, count(*) as n"
    with db.snapshot():
        rows = db.all(f"select l.id, url {kept} order by l.id", *values)
        parts = [db.all(f"{count} {which} group by 1, 2 order by n desc", *values) for which in (kept, gone)]
    ways = [{short(status, reason): n for status, reason, n in part} for part in parts]
    return Found([number for number, _ in rows], {url for _, url in rows} if urls else set(), *ways)


def short(status: str, reason: str) -> str:
    """How a request ended, in short: ``failed(timeout)``."""
    return f"{status}({reason})" if reason else status


# -- the audit


def audit(db: Database) -> Audit:
    """Count everything anew, per host and overall, and compare it with the books; all of it at one moment."""
    with db.snapshot():
        return _audit(db)


def _audit(db: Database) -> Audit:
    queued = db.value("select count(*) from queue")
    done = db.value("select count(*) from ledger")
    discovered = int(db.meta("next_id") or 1) - 1
    problems = []
    if queued + done != discovered:
        problems.append(f"{discovered} discovered, but {queued} queued and {done} done")
    problems += _doubled_or_lost(db)
    problems += _unbalanced_hosts(db)
    problems += _unbalanced_ends(db)
    check = db.value("pragma quick_check")
    if check != "ok":
        problems.append(f"the database is damaged: {check}")
    told = counts(db)
    ends = {short(s, r): n for (s, r), (n, _) in sorted(told.ends.items()) if n}
    return Audit(discovered, queued, done, problems, told.hosts, told.undelivered, ends)


def _doubled_or_lost(db: Database) -> Iterator[str]:
    both = db.value("select count(*) from queue join ledger using (id)")
    if both:
        yield f"{both} requests are queued and done at once"
    strays = db.value(
        "select count(*) from seen where not exists (select 1 from queue where queue.id = seen.id) "
        "and not exists (select 1 from ledger where ledger.id = seen.id)"
    )
    if strays:
        yield f"{strays} seen requests are neither queued nor done"
    orphans = db.value(
        "select count(*) from outbox where not exists (select 1 from ledger where id = outbox.request) and not exists "
        # Not yet delivered when their request was queued again: they are of the visit before.
        "(select 1 from queue where id = outbox.request and visit > outbox.ordinal >> 32)"
    )
    if orphans:
        yield f"{orphans} items in the outbox are of requests that have not ended"


def hosts(db: Database) -> Iterator[tuple[str, int, int]]:
    """``(host, queued, done)`` of every host with books of its own, those with the most requests first."""
    return db.each(
        "select name, coalesce(q.n, 0), coalesce(l.n, 0) from host "
        "left join (select host, count(*) as n from queue group by host) q on q.host = host.id "
        "left join (select host, count(*) as n from ledger group by host) l on l.host = host.id "
        "order by coalesce(q.n, 0) + coalesce(l.n, 0) desc, name"
    )


def _unbalanced_hosts(db: Database) -> Iterator[str]:
    """Hosts of which more or fewer requests are queued and done than were discovered.

    What was discovered is counted in the seen set, whose keys begin with their host's bytes; with it go requests that
    came in again although they were known. Those kept out at the door are counted with their hosts, too.
    """
    secret = db.meta("secret") or b""
    discovered: Counter[bytes] = Counter(dict(db.all("select substr(key, 1, 4), count(*) from seen group by 1")))
    there: Counter[bytes] = Counter()
    names: dict[bytes, str] = {}
    for name, queued, done in hosts(db):
        prefix = host_prefix(secret, name)
        names[prefix] = name
        there[prefix] += queued + done
    for (url,) in db.each("select url from ledger where host = 0"):
        there[host_prefix(secret, host_of(url))] += 1
    again = (
        "select url from (select id, url from queue union all select id, url from ledger) "
        "where id not in (select id from seen)"
    )
    for (url,) in db.each(again):
        there[host_prefix(secret, host_of(url))] -= 1
    wrong = [prefix for prefix in discovered | there if discovered[prefix] != there[prefix]]
    for prefix in wrong[:_EXAMPLES]:
        name = names.get(prefix, "a host that was kept out")
        yield f"{name}: {discovered[prefix]} discovered, but {there[prefix]} queued and done"


def _unbalanced_ends(db: Database) -> Iterator[str]:
    rows = db.all(
        "select status, reason, requests, coalesce(n, 0) from ending "
        "left join (select ending, count(*) as n from ledger group by ending) l on l.ending = ending.id "
        f"where requests != coalesce(n, 0) limit {_EXAMPLES}"
    )
    for status, reason, requests, there in rows:
        yield f"{requests} ended as {status}({reason}) by the books, but {there} in the ledger"
