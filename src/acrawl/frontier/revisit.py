"""A further visit of a finished crawl: what was fetched is queued again, with what was found of it then.

One transaction, a few statements however much there is: a crawl that dies before its end has finished as before, and
after it the visit goes on as any crawl does. Blocks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from acrawl.errors import JobConflict
from acrawl.frontier.books import target
from acrawl.frontier.database import Database
from acrawl.frontier.rows import CLOSING, Row
from acrawl.outcome import EXCLUDED, FAILED, FETCHED, QUARANTINED, Earlier
from acrawl.ticket import Version

#: Keys of the meta table: which visit this is (missing in the first), the first number that it has given out, and what
#: stands of the visits before.
VISIT = "visit"
FIRST = "visit first"
_EARLIER = "visit earlier"
#: There when an older acrawl, which kept nothing to ask for pages again, has fetched some of them (`schema`).
UNREMEMBERED = "unremembered"
#: How a server says that there is nothing (any more).
GONE = ("http-404", "http-410")
#: Ends of EXCLUDED that are trouble of a host's, not a decision: they are asked for again.
_TROUBLES = ("rate-limited", "robots-unreachable")

# What was fetched by a GET, what failed, and what an earlier visit had found and this one did not come to. Of what came
# in several times over (`dont_filter`, a redirect to itself) the first one stands for all: whoever made the others
# makes them again.
_AGAIN = f"""
insert into temp.again
select l.id from ledger l join ending e on e.id = l.ending left join former f using (id)
where l.host > 0 and l.body is not null and l.id in (select id from seen) and (
    (status = '{FETCHED}' and l.etag is not null) or status in ('{FAILED}', '{QUARANTINED}')
    or (status = '{EXCLUDED}' and reason in {_TROUBLES}) or f.present)
"""
# What was told last: that it was there, or that it is gone. Of what was not told this time, what was told before holds.
_FORMER = f"""
insert or replace into former
select l.id, status = '{FETCHED}', l.etag, l.modified, l.digest, l.length
from temp.again join ledger l using (id) join ending e on e.id = l.ending
where status = '{FETCHED}' or (status = '{FAILED}' and reason in {GONE}) or l.id not in (select id from former)
"""
_COUNT = """
update ending set (requests, size) = (requests - n, ending.size - s)
from (select ending as e, count(*) as n, sum(size) as s from temp.again join ledger using (id) group by 1)
where ending.id = e
"""
_QUEUE = """
insert into queue(id, host, not_before, rank, attempt, lost, visit, depth, parent, url, body)
select id, host, 0, rank, 0, 0, visit + 1, depth, parent, url, body from temp.again join ledger using (id)
"""
_COLUMNS = "not_before, rank, id, attempt, lost, depth, url, body"
_NEXT = "where host = ? and (not_before, rank, id) > (?, ?, ?) order by not_before, rank, id limit ?"
_STATEMENTS = (
    "create temp table again(id integer primary key)",
    _AGAIN,
    _FORMER,
    "delete from former where id not in (select id from temp.again)",
    _COUNT,
    _QUEUE,
    "delete from ledger where id in (select id from temp.again)",
    "delete from attempt where request in (select id from temp.again)",
    "drop table temp.again",
    # The seeds are taken anew, a host's limits are counted anew, and so is what ended the crawl.
    f"delete from meta where key in ('seeds', 'exhausted', 'counting', '{CLOSING}')",
    "update host set (rules, crawl_delay, rules_at, trouble) = (null, 0, 0, '')",
)


def visit(db: Database) -> int:
    """Which visit the last one is, from 0."""
    return int(db.meta(VISIT) or 0)


def open_visit(db: Database, finished: int, marks: Iterable[str] = (), noted: Mapping[str, str] | None = None) -> int:
    """Begin the next visit, and forget these ``marks`` (names with ``*``), in one step; returns its number, from 1.

    The marks of others are ``noted`` under new names: how far these have got as it begins.
    ``finished`` is the last visit that has finished: where the next one has begun already, nothing happens. Raises
    `JobConflict` where nothing is kept to visit again.
    """
    number = visit(db)
    if number > finished:  # we were killed before the job said so
        return number
    kept = db.value("select exists(select 1 from ledger where etag is not null)")
    fetched = db.value("select exists(select 1 from ledger join ending e on e.id = ending where status = ?)", FETCHED)
    if (fetched and not kept) or db.meta(UNREMEMBERED):
        raise JobConflict(
            f"{db.path}: {'not all' if kept else 'nothing'} was kept to ask for pages again, by an older acrawl or "
            "because of recrawl.remember=nothing; begin anew by --fresh"
        )
    with db.transaction():
        for statement in _STATEMENTS:
            db.run(statement)
        for mark in marks:
            db.run("delete from mark where feed glob ?", mark)
        for name, feed in (noted or {}).items():
            db.run(
                "insert or replace into mark values(?, coalesce((select length from mark where feed = ?), 0))",
                name,
                feed,
            )
        db.set_meta(VISIT, number + 1)
        db.set_meta(FIRST, db.meta("next_id") or 1)
        db.set_meta(_EARLIER, msgspec.json.encode(_standing(db)))
    return number + 1


def unvisited(db: Database, *after: int | float) -> list[Row]:
    """The next rows of a host, in their order: its number, the first three fields of the last one, and how many."""
    return [Row(*row) for row in db.all(f"select {_COLUMNS} from queue {_NEXT}", *after)]


def visited(db: Database, *after: int | float) -> list[Row]:
    """As `unvisited`, with what the visit before found."""
    query = f"select {_COLUMNS}, present, etag, modified, digest, length from queue left join former using (id) {_NEXT}"
    return [Row(*(*row[:8], Version(*row[9:]) if row[8] else None)) for row in db.all(query, *after)]


def is_to_come(db: Database, key: bytes, parent: int) -> bool:
    """Whether this visit has queued a request already that asks for no filter: not where it asks for itself again."""
    queued = "select 1 from seen join queue using (id) where key = ? and id != ? and visit > 0"
    return db.one(queued, key, parent) is not None


def leads_elsewhere(db: Database, parent: int, number: int) -> bool:
    """Whether the redirect that once led to a request leads elsewhere in this visit."""
    led = db.value("select detail from ledger where id = ?", parent)
    urls = "select url from queue where id = ?1 union all select url from ledger where id = ?1"
    return bool(target(led) != db.value(urls, number))


def columns(version: Version | None) -> tuple[str | bytes | int | None, ...]:
    """A version as the ledger has it; that there is an entity tag, if only an empty one, says that there is one."""
    return (None, None, None, None) if version is None else msgspec.structs.astuple(version)


def earlier(db: Database) -> Earlier:
    """What stands of the visits before the present one."""
    stored = db.meta(_EARLIER)
    return Earlier() if stored is None else msgspec.json.decode(stored, type=Earlier)


def _standing(db: Database) -> Earlier:
    counts = dict(db.all("select status, sum(requests) from ending group by 1"))
    return Earlier(counts.get(FETCHED, 0), counts.get(FAILED, 0), db.value("select coalesce(sum(size), 0) from ending"))
