"""What the tables say to people: counts, lists of ends, and whether the books balance.

Reads only, so it may be used beside a crawl (`Database` with ``reading``). Blocks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from acrawl.frontier.database import Database
from acrawl.frontier.stories import number_of
from acrawl.frontier.tally import Counts
from acrawl.outcome import FAILED, FETCHED, QUARANTINED, Audit, Ended, Redirected
from acrawl.url import canonical, host_of, host_prefix

#: Faults of one kind that an audit names at most.
_EXAMPLES = 10


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


def marks(db: Database) -> dict[str, int]:
    """How far each feed has got."""
    return dict(db.all("select feed, length from mark"))


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
        if number_of(db, url) in {number, None}:
            yield Ended(url, status, reason, detail, attempts, at / 1000, answer)


def redirects(db: Database, after: int = 0, n: int = -1) -> Iterator[Redirected]:
    """The next ``n`` requests that were answered by a redirect, in the order of numbers; without ``n`` all of them."""
    rows = db.each(
        "select l.id, url, detail, http_status from ledger l join ending e on e.id = l.ending "
        "where status = ?1 and reason = 'redirect' and l.id > ?2 order by l.id limit ?3",
        FETCHED, after, n,
    )  # fmt: skip
    # "to URL", and with ", from the cache" perhaps: a URL has no space in it
    for number, url, detail, answer in rows:
        yield Redirected(number, url, detail.removeprefix("to ").removesuffix(", from the cache"), answer)


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
        # Those of no request (0) were made by the fetch of a robots.txt.
        "select count(*) from outbox where request and not exists (select 1 from ledger where id = outbox.request) "
        "and not exists "
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
