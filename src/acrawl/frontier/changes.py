"""What the last visit of a crawl found changed. Reads only, so it may be used beside a crawl. Blocks.

A URL that was there when it was last told, and is not now, is removed only where its server says so (404, 410). One
that no page leads to any more, but that is there, is not removed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator

from acrawl.frontier.books import short, target
from acrawl.frontier.database import Database
from acrawl.frontier.revisit import FIRST, GONE, visit
from acrawl.outcome import CHANGES, FAILED, FETCHED, Change

# Of the visit are those that it has met, and those that it has asked for again. A redirect that leads where it led has
# not changed. Empty: it was not there before, and is not there now.
_CHANGE = f"""
case
    when status = '{FETCHED}' and coalesce(present, 0) = 0 then 'added'
    when status = '{FETCHED}' and (reason = 'unchanged' or (reason = 'redirect' and f.digest = l.digest))
        then 'unchanged'
    when status = '{FETCHED}' then 'changed'
    when coalesce(present, 0) = 0 then ''
    when status = '{FAILED}' and reason in {GONE} then 'removed'
    else 'failed'
end
"""
_OF_VISIT = """
from ledger l join ending e on e.id = l.ending left join former f using (id)
where f.id > 0 or (l.id >= ?1 and l.id in (select id from seen))
"""


def counts(db: Database) -> dict[str, int]:
    """How many URLs there are of each of `CHANGES`; empty before the second visit."""
    if not visit(db):
        return {}
    found = Counter(dict(db.all(f"select {_CHANGE}, count(*) {_OF_VISIT} group by 1", db.meta(FIRST))))
    return {change: found[change] for change in CHANGES}


def listed(db: Database, wanted: Collection[str] = CHANGES) -> Iterator[Change]:
    """What the last visit found, in the order of numbers; nothing before the second one."""
    if not visit(db):
        return
    rows = db.each(
        f"select {_CHANGE}, url, status, reason, detail, http_status {_OF_VISIT} order by l.id", db.meta(FIRST)
    )
    for change, url, status, reason, detail, answer in rows:
        if change in wanted:
            to = target(detail) if reason == "redirect" else ""
            yield Change(change, url, answer, to, short(status, reason) if change == "failed" else "")


def examples(db: Database, most: int) -> list[Change]:
    """The first of each change but none, up to so many; looks no further than it has to."""
    wanted = {change: min(n, most) for change, n in counts(db).items() if change != "unchanged" and n}
    found: list[Change] = []
    for change in listed(db, wanted.copy()) if wanted else ():
        if wanted[change.change]:
            found.append(change)
            wanted[change.change] -= 1
            if not any(wanted.values()):
                break
    return sorted(found, key=lambda one: CHANGES.index(one.change))


def gone(db: Database) -> Iterator[str]:
    """The URLs of which their servers say that there is nothing (any more); none before the second visit."""
    if not visit(db):
        return
    rows = db.each(
        f"select url from ledger l join ending e on e.id = l.ending where status = ? and reason in {GONE}", FAILED
    )
    yield from (url for (url,) in rows)
