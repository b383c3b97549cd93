"""The figures of a crawl, read from its tables: sums are made by SQLite, never row by row here.

Reads only, so it may be used beside a crawl (`Database` with ``reading``). Blocks. A ledger of a million rows takes
some seconds, and no more memory than a small one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from acrawl.figures import DELIVERED, DROPPED, Answer, Depth, End, Line, Requests, Retried, Totals, Trouble
from acrawl.frontier import books, durations, periods
from acrawl.frontier.database import Database
from acrawl.frontier.durations import answered, ended_as
from acrawl.outcome import EXCLUDED, FAILED, FETCHED, QUARANTINED
from acrawl.url import host_of

#: Requests that are listed as slowest and as largest.
LISTED = 20
#: Requests that are shown for each way of failing.
EXAMPLES = 5
#: Of a way of failing that has so few, each is looked at; of others the first of each of `EXAMPLES` groups.
_FEW = 1000
#: Hosts that are listed.
HOSTS = 30
#: Sites that are named, of the first requests that came in.
_SITES, _FIRST = 12, 2000
#: Steps from the seeds that are told one by one.
_DEEPEST = 30
#: Tries of one request that are told one by one.
_MOST_TRIES = 10
_LINE = (
    "url, status, reason, detail, http_status, l.size, took, attempts, depth, ended, "
    "(select url from ledger p where p.id = l.parent)"
)
_JOINED = "from ledger l join ending e on e.id = l.ending"


def survey(db: Database, begun: Sequence[float] = (), now: float | None = None) -> Requests:
    """Gather everything, all of it of one moment. ``begun``: when its lives began; ``now`` while one still goes on."""
    with db.snapshot():
        return _survey(db, begun, now)


def _survey(db: Database, begun: Sequence[float], now: float | None) -> Requests:
    counts = books.counts(db)
    ends = [End(status, reason, n, size) for (status, reason), (n, size) in counts.ends.items() if n]
    ends.sort(key=lambda end: (-end.requests, end.status, end.reason))
    lives = periods.lives(db, begun, now)
    marks = dict(db.all("select feed, length from mark"))
    by_status: Counter[str] = Counter()
    for end in ends:
        by_status[end.status] += end.requests
    sent = ended_as(db, FETCHED, FAILED)
    totals = Totals(
        discovered=counts.discovered,
        duplicates=counts.duplicates,
        queued=counts.queued,
        fetched=by_status[FETCHED],
        failed=by_status[FAILED],
        excluded=by_status[EXCLUDED],
        quarantined=by_status[QUARANTINED],
        retries=db.value("select count(*) from attempt"),
        bytes=sum(end.bytes for end in ends),
        hosts=counts.hosts,
        undelivered=counts.undelivered,
    )
    return Requests(
        totals=totals,
        problems=books.audit(db).problems,
        sites=_sites(db),
        lives=lives,
        lives_told=bool(begun) and lives[0].began > begun[0] - 0.01,
        timeline=periods.timeline(db, lives),
        ends=ends,
        answers=_answers(db, sent),
        latency=durations.latency(db),
        hosts=durations.hosts(db, HOSTS),
        troubled_hosts=db.value("select count(*) from host where trouble != ''"),
        slowest=_lines(db, f"{_JOINED} where {answered(db)} and took > 0 order by took desc, l.id limit {LISTED}"),
        largest=_lines(db, f"{_JOINED} where {sent} and l.size > 0 order by l.size desc, l.id limit {LISTED}"),
        troubles=_troubles(db, ends),
        depths=_depths(db),
        attempts=_attempts(db, sent),
        retried=_retried(db),
        delivered=marks.get(DELIVERED),
        dropped=marks.get(DROPPED),
    )


def _lines(db: Database, rest: str, *values: object) -> list[Line]:
    rows = db.all(f"select {_LINE} {rest}", *values)
    return [
        Line(url, status, reason, detail, answer, size, took / 1000, attempts, depth, ended / 1000, parent or "")
        for url, status, reason, detail, answer, size, took, attempts, depth, ended, parent in rows
    ]


def _sites(db: Database) -> list[str]:
    """The hosts of seeds: those have the first numbers, and no parent."""
    rows = db.all(
        "select url from (select id, url from queue where id <= ?1 and parent = 0 "
        "union all select id, url from ledger where id <= ?1 and parent = 0) order by id",
        _FIRST,
    )
    return list(dict.fromkeys(host_of(url) for (url,) in rows))[:_SITES]


def _answers(db: Database, sent: str) -> list[Answer]:
    rows = db.all(f"select http_status, count(*), sum(size) from ledger l where {sent} group by 1 order by 2 desc, 1")
    return [Answer(*row) for row in rows]


def _troubles(db: Database, ends: Sequence[End]) -> list[Trouble]:
    """Requests of each way of ending but plain success: the first of each of some groups, told apart by numbers.

    One pass, without sorting: a window over millions of failures would have to.
    """
    numbers: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    named = {number: (status, reason) for number, status, reason in db.all("select id, status, reason from ending")}
    ill = f"not {ended_as(db, FETCHED)}"
    rare = {(end.status, end.reason) for end in ends if end.requests <= _FEW}
    few = ", ".join(str(number) for number, kind in named.items() if kind in rare) or "0"
    group = f"case when ending in ({few}) then id else id % {EXAMPLES} end"
    rows = db.all(f"select ending, min(id) from ledger l where {ill} group by ending, {group} order by 2")
    for ending, number in rows:
        if len(numbers[named[ending]]) < EXAMPLES:
            numbers[named[ending]].append(number)
    rows = db.all(
        f"select ending, count(*) from (select distinct ending, host from ledger l where host != 0 and {ill}) "
        "group by 1"
    )
    hosts = {named[ending]: n for ending, n in rows}
    found = []
    for end in ends:
        if end.status != FETCHED:
            kind = end.status, end.reason
            lines = [line for number in numbers[kind] for line in _lines(db, f"{_JOINED} where l.id = ?", number)]
            found.append(Trouble(end, hosts.get(kind, 0), lines))
    worst = (FAILED, QUARANTINED, EXCLUDED)
    return sorted(found, key=lambda one: (worst.index(one.end.status), -one.end.requests))


def _depths(db: Database) -> list[Depth]:
    counted: defaultdict[int, Counter[str]] = defaultdict(Counter)
    status_of = dict(db.all("select id, status from ending"))
    rows = db.all(f"select min(depth, {_DEEPEST}), ending, count(*), max(depth) from ledger group by 1, 2")
    deepest = max((row[3] for row in rows), default=0)
    for depth, ending, n, _ in rows:
        counted[depth][status_of[ending]] += n
    return [
        Depth(
            depth, one[FETCHED], one[FAILED], one[EXCLUDED], one[QUARANTINED], and_more=depth == _DEEPEST < deepest
        )
        for depth, one in ((depth, counted[depth]) for depth in range(max(counted, default=-1) + 1))
    ]  # fmt: skip


def _attempts(db: Database, sent: str) -> dict[int, int]:
    """How many requests took how many tries; the last number stands for all beyond it."""
    return dict(
        db.all(
            f"select min(attempts, {_MOST_TRIES}), count(*) from ledger l where {sent} and attempts > 0 "
            "group by 1 order by 1"
        )
    )


def _retried(db: Database) -> list[Retried]:
    ends: defaultdict[str, dict[str, int]] = defaultdict(dict)
    rows = db.all(
        "select a.reason, coalesce(e.status, 'queued'), count(*) from (select distinct request, reason from attempt) a "
        "left join ledger l on l.id = a.request left join ending e on e.id = l.ending group by 1, 2 order by 3 desc"
    )
    for reason, status, n in rows:
        ends[reason][status] = n
    rows = db.all(
        "select reason, count(*), count(distinct request), sum(took) from attempt group by 1 order by 2 desc, 1"
    )
    return [Retried(reason, tries, n, took / 1000, ends[reason]) for reason, tries, n, took in rows]
