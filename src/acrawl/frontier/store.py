"""The frontier's file: one SQLite database, one thread that reads and writes it.

Everything here blocks and runs in that thread; the engine hands it whole groups. sqlite3's errors become
`EnvironmentProblem` (a full or failing disk), which ends the crawl: nothing that was not committed is acknowledged.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from acrawl.errors import EnvironmentProblem
from acrawl.frontier import schema
from acrawl.frontier.rows import Committed, End, Group, Row
from acrawl.outcome import EXCLUDED, FAILED, Audit, Item, Story
from acrawl.request import Sealed

T = TypeVar("T")

_COLUMNS = "not_before, rank, id, attempt, lost, depth, url, body"
#: One statement holds the GIL from start to end; one per row would hand it to a busy event loop each time.
_CHUNK = 64
#: The integers of SQLite; a priority beyond them goes first or last all the same.
_RANKS = (1 << 63) - 1


class Delivered(tuple[int, str, str, Item]):
    """See `acrawl.frontier.base.Delivery`."""

    __slots__ = ()
    id = property(lambda self: self[0])
    item_id = property(lambda self: self[1])
    url = property(lambda self: self[2])
    item = property(lambda self: self[3])


class Store:
    """Storage steps of the SQLite engine. Not thread-safe: one thread at a time."""

    def __init__(self, path: str, durable: bool = False) -> None:
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
        except sqlite3.Error as error:
            raise EnvironmentProblem(f"{path}: {error}") from error
        self._path = path
        self._hosts: dict[str, int] = {}
        try:
            schema.prepare(self._db, path, durable=durable)
            self._next_id = int(self.meta("next_id") or 1)
        except sqlite3.Error as error:
            self.close()
            raise EnvironmentProblem(f"{path}: {error}") from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def meta(self, key: str) -> Any:
        """One value of the meta table; None when it was never set."""
        row = self._one("select value from meta where key = ?", key)
        return row[0] if row else None

    def commit(self, group: Group, now: float) -> Committed:
        """Write a group in one transaction."""
        try:
            self._db.execute("begin immediate")
            try:
                made = self._write(group, now)
                self._db.execute("commit")
            except BaseException:
                self._db.execute("rollback")
                self._hosts.clear()
                raise
        except sqlite3.Error as error:
            raise EnvironmentProblem(f"{self._path}: {error}") from error
        return made

    def _write(self, group: Group, now: float) -> Committed:
        made = Committed()
        first = self._next_id
        self._admit(group, made, now)
        self._end(group, made, now)
        self._bulk(
            "update queue set (not_before, attempt, lost) = (new.column1, new.column2, new.column3) from (values ",
            "(?,?,?,?)",
            [(row.not_before, row.attempt, row.lost, row.id) for row in group.requeued],
            ") as new where queue.id = new.column4",
        )
        self._bulk(
            "insert into outbox(request, ordinal, url, kind, body) select column1, column2, coalesce("
            "(select url from queue where id = column1), (select url from ledger where id = column1), ''), "
            "column3, column4 from (values ",
            "(?,?,?,?)",
            [(request, ordinal, item.kind, item.body) for request, ordinal, item in group.items],
            ")",
        )
        made.delivered = self._delete("outbox", group.delivered)
        for feed, length in group.marks.items():
            self._db.execute("insert or replace into mark values(?, ?)", (feed, length))
        for name, *rules in group.rules:
            self._db.execute(
                "update host set (rules, crawl_delay, rules_at) = (?, ?, ?) where id = ?", (*rules, self._host(name))
            )
        meta = group.meta | ({"next_id": self._next_id} if self._next_id != first else {})
        for key, value in meta.items():
            self._db.execute("insert or replace into meta values(?, ?)", (key, value))
        return made

    def _admit(self, group: Group, made: Committed, now: float) -> None:
        known = self._known([admission.request.key for admission in group.admissions])
        ids = dict(known)
        queued, refused = [], []
        for request, parent, excluded in group.admissions:
            if request.key in ids and not self._admits_again(request, ids[request.key], parent, group):
                made.duplicates += 1
                continue
            number = self._next_id
            self._next_id += 1
            made.admitted += 1
            ids.setdefault(request.key, number)
            if excluded:
                end = End(number, EXCLUDED, excluded)
                made.ends.append(end)
                refused.append((*end, request.depth, parent, request.url, now))
                continue
            not_before, rank = max(0.0, request.not_before), max(-_RANKS, min(-request.priority, _RANKS))
            row = Row(not_before, rank, number, 0, 0, request.depth, request.url, request.body)
            made.rows.append((request.host, row))
            queued.append((number, self._host(request.host), *row[:2], *row[3:6], parent, *row[6:]))
        made.keys = list(ids)
        fresh = sorted((key, number) for key, number in ids.items() if key not in known)
        self._bulk("insert into seen(key, id) values ", "(?,?)", fresh)
        self._bulk(
            "insert into queue(id, host, not_before, rank, attempt, lost, depth, parent, url, body) values ",
            "(?,?,?,?,?,?,?,?,?,?)",
            queued,
        )
        self._ledger(refused)

    def _admits_again(self, request: Sealed, target: int, parent: int, group: Group) -> bool:
        """Whether a request whose fingerprint is known comes in all the same.

        A redirect to itself does: it may have set a cookie. One to another request of its own chain is a loop, and the
        request that redirected has failed.
        """
        if request.dont_filter or (request.continuation and target == parent):
            return True
        if request.continuation and self._is_in_chain(target, parent):
            detail = f"back to {request.url}"
            group.ends[:] = [
                end._replace(status=FAILED, reason="redirect-loop", detail=detail) if end.id == parent else end
                for end in group.ends
            ]
        return False

    def _is_in_chain(self, target: int, number: int) -> bool:
        """Whether the redirects that led to a request began at, or passed, the target."""
        for _ in range(32):
            row = self._one("select parent from queue where id = ?", number) or self._one(
                "select parent from ledger where id = ?", number
            )
            if row is None or not self._one("select 1 from ledger where id = ? and reason = 'redirect'", row[0]):
                return False
            (number,) = row
            if number == target:
                return True
        return False

    def _known(self, keys: Sequence[bytes]) -> dict[bytes, int]:
        found: dict[bytes, int] = {}
        for part in _chunks(sorted(set(keys)), 256):
            marks = ",".join("?" * len(part))
            found.update(self._all(f"select key, id from seen where key in ({marks})", *part))
        return found

    def _end(self, group: Group, made: Committed, now: float) -> None:
        ends = sorted(group.ends)
        rows: dict[int, tuple[Any, ...]] = {}
        for part in _chunks([end.id for end in ends], 256):
            marks = ",".join("?" * len(part))
            found = self._all(f"select id, depth, parent, url from queue where id in ({marks})", *part)
            rows.update((row[0], row[1:]) for row in found)
        written = [end for end in ends if end.id in rows]
        self._ledger([(*end, *rows[end.id], now) for end in written])
        self._delete("queue", [end.id for end in written])
        made.removed = len(written)
        made.ends += written

    def _ledger(self, rows: list[tuple[Any, ...]]) -> None:
        self._bulk(
            "insert into ledger(id, status, reason, detail, http_status, size, seconds, attempts, depth, parent, url, "
            "ended) values ",
            "(?,?,?,?,?,?,?,?,?,?,?,?)",
            rows,
        )

    def _delete(self, table: str, ids: Sequence[int]) -> int:
        if not ids:
            return 0
        statement = f"delete from {table} where id in (select value from json_each(?))"
        return self._db.execute(statement, (json.dumps(sorted(ids)),)).rowcount

    def _host(self, name: str) -> int:
        number = self._hosts.get(name)
        if number is None:
            self._db.execute("insert or ignore into host(name) values(?)", (name,))
            (number,) = self._db.execute("select id from host where name = ?", (name,)).fetchone()
            if len(self._hosts) > 100_000:
                self._hosts.clear()
            self._hosts[name] = number
        return int(number)

    def refill(self, name: str, after: Row | None, n: int) -> list[Row]:
        """The next ``n`` rows of a host behind ``after``, in order."""
        low = (after.not_before, after.rank, after.id) if after else (-1.0, -(1 << 62), 0)
        found = self._all(
            f"select {_COLUMNS} from queue where host = ? and (not_before, rank, id) > (?, ?, ?) "
            "order by not_before, rank, id limit ?",
            self._host(name), *low, n,
        )  # fmt: skip
        return [Row(*row) for row in found]

    def load(self) -> list[tuple[str, bytes | None, float, float]]:
        """``(name, rules, crawl delay, when)`` of the hosts with something queued: one seek a host, not one a row."""
        return self._all(
            "with recursive h(x) as (select min(host) from queue union all "
            "select (select min(host) from queue where host > x) from h where x is not null) "
            "select name, rules, crawl_delay, rules_at from h join host on host.id = h.x where x is not null"
        )

    def sweep(self, end: tuple[str, str], spare: Sequence[int], now: float, host: str | None = None) -> int:
        """End everything queued (at one host), save the ``spare`` ids, in one step; returns how many there were."""
        condition = "(? is null or host = ?) and id not in (select value from json_each(?))"
        number = None if host is None else self._host(host)
        values = (number, number, json.dumps(list(spare)))
        try:
            self._db.execute("begin immediate")
            self._db.execute(
                "insert into ledger select id, ?, ?, '', 0, 0, 0, attempt, depth, parent, url, ? "
                f"from queue where {condition}",
                (*end, now, *values),
            )
            gone = self._db.execute(f"delete from queue where {condition}", values).rowcount
            self._db.execute("commit")
        except sqlite3.Error as error:
            raise EnvironmentProblem(f"{self._path}: {error}") from error
        return gone

    def outbox(self, n: int, secret: bytes) -> list[Delivered]:
        """The oldest undelivered items."""
        found = self._all("select id, request, ordinal, url, kind, body from outbox order by id limit ?", n)
        return [
            Delivered((number, _item_id(secret, request, ordinal), url, Item(kind, body)))
            for number, request, ordinal, url, kind, body in found
        ]

    def marks(self) -> dict[str, int]:
        """The committed length of each feed."""
        return dict(self._all("select feed, length from mark"))

    def counts(self) -> tuple[int, int, int, dict[tuple[str, str], tuple[int, int]]]:
        """``(queued, undelivered, discovered, {(status, reason): (requests, bytes)})``, counted from the tables."""
        (queued,) = self._one("select count(*) from queue") or (0,)
        (undelivered,) = self._one("select count(*) from outbox") or (0,)
        ends = self._all("select status, reason, count(*), sum(size) from ledger group by status, reason")
        return queued, undelivered, self._next_id - 1, {(s, r): (n, size) for s, r, n, size in ends}

    def story(self, key: bytes, url: str) -> Story:
        """What the tables know about a request."""
        row = self._one("select id from seen where key = ?", key)
        if row is None:
            return Story(url, "unknown")
        (number,) = row
        ended = self._one(
            "select status, reason, detail, http_status, size, seconds, attempts, depth, "
            "coalesce((select url from ledger p where p.id = l.parent), ''), ended from ledger l where id = ?",
            number,
        )
        if ended:
            return Story(url, *ended)
        waiting = self._one(
            "select attempt, depth, coalesce((select url from ledger where id = q.parent), ''), not_before "
            "from queue q where id = ?",
            number,
        )
        if waiting is None:
            return Story(url, "lost", "in the seen set, yet neither queued nor done: the books are unbalanced")
        return Story(url, "queued", attempts=waiting[0], depth=waiting[1], found_on=waiting[2])

    def audit(self) -> Audit:
        """Count the books."""
        queued, _, _, ends = self.counts()
        discovered = int(self.meta("next_id") or 1) - 1
        done = sum(n for n, _ in ends.values())
        problems = []
        if queued + done != discovered:
            problems.append(f"{discovered} discovered, but {queued} queued and {done} done")
        (both,) = self._one("select count(*) from queue join ledger using (id)") or (0,)
        if both:
            problems.append(f"{both} requests are queued and done at once")
        (strays,) = self._one(
            "select count(*) from seen where not exists (select 1 from queue where queue.id = seen.id) "
            "and not exists (select 1 from ledger where ledger.id = seen.id)"
        ) or (0,)
        if strays:
            problems.append(f"{strays} seen requests are neither queued nor done")
        (check,) = self._one("pragma quick_check") or ("no answer",)
        if check != "ok":
            problems.append(f"the database is damaged: {check}")
        return Audit(discovered, queued, done, problems)

    def _bulk(self, head: str, cell: str, rows: Sequence[tuple[Any, ...]], tail: str = "") -> None:
        for part in _chunks(rows, _CHUNK):
            self._db.execute(head + ",".join([cell] * len(part)) + tail, [value for row in part for value in row])

    def _all(self, statement: str, *values: Any) -> list[Any]:
        try:
            return self._db.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise EnvironmentProblem(f"{self._path}: {error}") from error

    def _one(self, statement: str, *values: Any) -> Any:
        rows = self._all(statement, *values)
        return rows[0] if rows else None


def _item_id(secret: bytes, request: int, ordinal: int) -> str:
    return hashlib.blake2b(b"%d:%d" % (request, ordinal), digest_size=12, key=secret).hexdigest()


def _chunks(rows: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Parts of ``size``, then of falling powers of two: few distinct statements, so that they stay prepared."""
    start = 0
    while start < len(rows):
        while size > len(rows) - start:
            size //= 2
        yield rows[start : start + size]
        start += size
