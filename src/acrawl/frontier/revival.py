"""Trying again what has ended: rows move from the ledger back into the queue, as another visit of the same request."""

from __future__ import annotations

from collections.abc import Sequence

from acrawl.frontier.database import Database, as_json
from acrawl.frontier.rows import CLOSING
from acrawl.outcome import QUARANTINED


def revive(db: Database, numbers: Sequence[int]) -> int:
    """Queue ended requests again, in one step; only those whose body was kept. Returns how many. Blocks.

    How they ended stays known as a try (with what a lost worker held, it is one already); their items of another visit
    are other items.
    """
    ids, which = as_json(numbers), "body is not null and host > 0 and l.id in (select value from json_each(?1))"
    with db.transaction():
        db.run(
            "insert or ignore into attempt(request, at, attempt, reason, detail, http_status, took) "
            "select l.id, l.ended, attempts, case reason when '' then status else reason end, detail, http_status, "
            f"took from ledger l join ending e on e.id = l.ending where status != ?2 and {which}",
            ids,
            QUARANTINED,
        )
        db.run(  # so that a host's limits are counted anew when they are asked for again
            "delete from meta where key = 'counting'"
        )
        db.run("delete from meta where key = ?", CLOSING)  # whoever brings something back wants it fetched
        db.run(
            "update ending set (requests, size) = (requests - n, ending.size - s) from ("
            f"select ending as e, count(*) as n, sum(size) as s from ledger l where {which} group by 1) "
            "where ending.id = e",
            ids,
        )
        db.run(
            "insert into queue(id, host, not_before, rank, attempt, lost, visit, depth, parent, url, body) "
            f"select id, host, 0, rank, 0, 0, visit + 1, depth, parent, url, body from ledger l where {which}",
            ids,
        )
        return db.run(f"delete from ledger as l where {which}", ids)
