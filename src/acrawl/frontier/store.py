"""What the frontier writes: whole groups, each in one transaction, by one thread.

Everything here blocks and runs in that thread. What only reads, for people, is in `books`.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from acrawl.frontier import books, jars
from acrawl.frontier.database import Database, as_json, chunks
from acrawl.frontier.known import OF_ONE_PAGE, known_keys, yielding
from acrawl.frontier.rows import Admission, Committed, End, Group, Record, Row
from acrawl.outcome import EXCLUDED, FAILED, FETCHED, Item
from acrawl.request import Sealed
from acrawl.settings import Cookies

_COLUMNS = "not_before, rank, id, attempt, lost, depth, url, body"
_RECORD = "name, rules, crawl_delay, rules_at, address, fetched, failed, size"
#: Keys that are looked for at once.
_KEYS = 256
#: Rows that a transaction gives to memory one by one; of more, memory learns only where they are.
_MOST_CARRIED = 20_000
#: Ordinals of the items of one visit; those of the next begin there.
_VISIT = 1 << 32
#: Ends of EXCLUDED that may be undone: a limit or a budget may be raised, a host may come back, a spider be mended.
_UNDOABLE = frozenset({"closed", "limit", "rate-limited", "robots-unreachable", "trap"})

_part = msgspec.msgpack.Decoder(tuple[list[Admission], list[tuple[int, Item]]]).decode


class Delivered(tuple[int, str, str, Item]):
    """See `acrawl.outcome.Delivery`."""

    __slots__ = ()
    id = property(lambda self: self[0])
    item_id = property(lambda self: self[1])
    url = property(lambda self: self[2])
    item = property(lambda self: self[3])


class Store:
    """Storage steps of the SQLite engine. Not thread-safe: one thread at a time. See `Database` for what is raised."""

    def __init__(
        self, path: str, *, durable: bool = False, counting: bool = False, terms: Cookies | None = None
    ) -> None:
        """``counting``: keep how much was fetched from each host, which limits of hosts need; ``terms``: of jars."""
        self.database = Database(path, durable=durable)
        try:
            self._next_id = int(self.database.meta("next_id") or 1)
            self.database.run("delete from staged")  # parts of a former life's outcomes: their last ones never come
            self._endings = {row[1:]: row[0] for row in self.database.all("select id, status, reason from ending")}
        except BaseException:
            self.database.close()
            raise
        self._hosts: dict[str, int] = {}
        self._terms = terms or Cookies()
        self._counting = counting
        self._counts: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0, 0])
        if not counting:
            self.database.run("delete from meta where key = 'counting'")
        elif not self.database.meta("counting"):
            self._count_hosts()

    def close(self) -> None:
        """Let go of the file."""
        self.database.close()

    # -- one group, one transaction

    def commit(self, group: Group, now: float) -> Committed:
        """Write a group in one transaction."""
        first, db = self._next_id, self.database
        made = Committed()
        try:
            with db.transaction():
                self._write(group, made, now)
                for key, value in (group.meta | ({"next_id": self._next_id} if self._next_id != first else {})).items():
                    db.set_meta(key, value)
        except BaseException:
            self._next_id = first
            self._hosts.clear()
            self._counts.clear()
            self._endings = {row[1:]: row[0] for row in db.all("select id, status, reason from ending")}
            raise
        return made

    def _write(self, group: Group, made: Committed, now: float) -> None:
        db = self.database
        made.records = self._records(group.strangers)
        db.delete("staged", group.voided, "request")
        db.bulk("insert into staged(request, part, body) values ", "(?,?,?)", group.staged)
        items: list[tuple[int, int, Item]] = []
        for request in group.assembled:  # what came first, first
            items += self._assemble(request, group, made, now)
        items += group.items
        self._admit(group.admissions, group, made, now)
        self._end(group.ends, made, now)
        db.bulk(
            "update queue set (not_before, attempt, lost) = (new.column1, new.column2, new.column3) from (values ",
            "(?,?,?,?)",
            [(row.not_before, row.attempt, row.lost, row.id) for row in group.requeued],
            ") as new where queue.id = new.column4",
        )
        db.bulk(
            "insert or ignore into attempt(request, at, attempt, reason, detail, http_status, took) values ",
            "(?,?,?,?,?,?,?)",
            [(t.request, _ms(t.at), t.attempt, t.reason, t.detail, t.http_status, _ms(t.seconds)) for t in group.tried],
        )
        made.items = len(items) + len(group.strays)
        db.bulk("insert into outbox(request, ordinal, url, kind, body) values ", "(?,?,?,?,?)", group.strays)
        db.bulk(
            "insert into outbox(request, ordinal, url, kind, body) "
            f"select column1, column2 + visit * {_VISIT}, url, column3, column4 from (values ",
            "(?,?,?,?)",
            [(request, ordinal, item.kind, item.body) for request, ordinal, item in items],
            ") join ledger on id = column1",
        )
        made.delivered = db.delete("outbox", group.delivered)
        jars.write(db, group, self._terms, now)
        self._note(group)

    def _note(self, group: Group) -> None:
        """Write what is known of feeds and hosts."""
        db = self.database
        for feed, length in group.marks.items():
            db.run("insert or replace into mark values(?, ?)", feed, length)
        for name, rules in group.rules.items():
            known = "(rules, crawl_delay, rules_at, trouble) = (?, ?, ?, '')"
            db.run(f"update host set {known} where id = ?", *rules, self._host(name))
        for name, trouble in group.troubles.items():
            db.run("update host set trouble = ? where id = ?", trouble, self._host(name))
        for name, address in group.addresses.items():
            db.run("update host set address = ? where id = ?", address, self._host(name))
        if self._counting:
            db.bulk(
                "update host set (fetched, failed, size) = (fetched + column2, failed + column3, size + column4) from "
                "(values ",
                "(?,?,?,?)",
                [(host, *counts) for host, counts in self._counts.items()],
                ") where host.id = column1",
            )
            self._counts.clear()

    # -- coming in

    def _admit(self, admissions: Sequence[Admission], group: Group, made: Committed, now: float) -> None:
        known = known_keys(self.database, [admission.request.key for admission in admissions])
        fresh: dict[bytes, int] = {}
        yields = yielding(self.database, known, self._endings)
        queued, refused = [], []
        number = self._next_id
        for admission in admissions:
            request, parent, excluded, rank, status, detail = admission
            key = request.key
            if key in yields and not excluded:
                yields.remove(key)
                if key in fresh:
                    fresh[key] = number
                else:
                    self.database.run("update seen set id = ? where key = ?", number, key)
            elif key in known or key in fresh:
                if not self._admits_again(request, parent, fresh, group, made):
                    made.duplicates += 1
                    continue
            else:
                fresh[key] = number
                if excluded in OF_ONE_PAGE:
                    yields.add(key)
            if excluded:
                end = End(number, status, excluded, detail)
                made.ends.append(end)
                host = self._host(request.host, made) if _is_undoable(end) else 0
                refused.append((end, (host, rank, 0, request.depth, parent, request.url, request.body)))
            else:
                not_before = max(0.0, request.not_before)
                host = self._hosts.get(request.host) or self._host(request.host, made)
                row = Row(not_before, rank, number, 0, 0, request.depth, request.url, request.body)
                if len(made.rows) < _MOST_CARRIED:
                    made.rows.append((request.host, row))
                else:
                    made.overflown.add(request.host)
                queued.append((number, host, not_before, rank, request.depth, parent, request.url, request.body))
            number += 1
        made.admitted += number - self._next_id
        made.queued += len(queued)
        self._next_id = number
        made.keys += (known | fresh.keys()) - yields
        self.database.bulk("insert into seen(key, id) values ", "(?,?)", sorted(fresh.items()))
        self.database.bulk(
            "insert into queue(id, host, not_before, rank, attempt, lost, visit, depth, parent, url, body) values ",
            "(?,?,?,?,0,0,0,?,?,?,?)",
            queued,
        )
        self._ledger(refused, made, now)

    def _admits_again(
        self, request: Sealed, parent: int, fresh: dict[bytes, int], group: Group, made: Committed
    ) -> bool:
        """Whether a request whose fingerprint is known comes in all the same.

        A redirect to itself does: it may have set a cookie. One to another request of its own chain is a loop, and the
        request that redirected has failed.
        """
        if not request.continuation:
            return request.dont_filter
        target = fresh.get(request.key) or self.database.value("select id from seen where key = ?", request.key)
        if request.dont_filter or target == parent:
            return True
        if self._is_in_chain(target, parent):
            detail = f"back to {request.url}"
            made.loops += 1
            group.ends[:] = [
                end._replace(status=FAILED, reason="redirect-loop", detail=detail) if end.id == parent else end
                for end in group.ends
            ]
        return False

    def _is_in_chain(self, target: int, number: int) -> bool:
        """Whether the redirects that led to a request began at, or passed, the target."""
        redirect = self._endings.get((FETCHED, "redirect"), 0)
        for _ in range(32):
            row = self.database.one("select parent from queue where id = ?", number) or self.database.one(
                "select parent from ledger where id = ?", number
            )
            if row is None or not self.database.one("select 1 from ledger where id = ? and ending = ?", *row, redirect):
                return False
            (number,) = row
            if number == target:
                return True
        return False

    def _assemble(self, request: int, group: Group, made: Committed, now: float) -> list[tuple[int, int, Item]]:
        """Admit what came in parts, one part after the other; returns the items in them."""
        items: list[tuple[int, int, Item]] = []
        for (body,) in self.database.all("select body from staged where request = ? order by part", request):
            admissions, made_items = _part(body)
            made.records += self._records({admission.request.host for admission in admissions})
            self._admit(admissions, group, made, now)
            items += [(request, ordinal, item) for ordinal, item in made_items]
        self.database.delete("staged", [request], "request")
        return items

    # -- ending

    def _end(self, ends: Sequence[End], made: Committed, now: float) -> None:
        found: dict[int, tuple[int, int, int, int, int, str, bytes]] = {}
        for part in chunks(sorted(end.id for end in ends), _KEYS):
            marks = ",".join("?" * len(part))
            query = f"select id, host, rank, visit, depth, parent, url, body from queue where id in ({marks})"
            found.update((row[0], row[1:]) for row in self.database.all(query, *part))
        written = [(end, found[end.id]) for end in sorted(ends) if end.id in found]
        self._ledger(written, made, now)
        made.removed += self.database.delete("queue", [end.id for end, _ in written])
        made.ends += [end for end, _ in written]

    def _ledger(
        self, rows: list[tuple[End, tuple[int, int, int, int, int, str, bytes]]], made: Committed, now: float
    ) -> None:
        """Write ends, and count them."""
        if not rows:
            return
        at, lines = _ms(now), []
        endings: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0])
        for end, (host, rank, visit, depth, parent, url, body) in rows:
            ending = self._ending(end.status, end.reason)
            endings[ending][0] += 1
            endings[ending][1] += end.size
            if host and self._counting:
                counted = self._counts[host]
                counted[0] += end.status == FETCHED
                counted[1] += end.status == FAILED
                counted[2] += end.size
            undoable = _is_undoable(end)
            lines.append((
                end.id, host, ending, end.detail, end.http_status, end.size, _ms(end.seconds), end.attempts,
                rank if undoable else 0, visit, depth, parent, at, url, body if undoable and host else None,
            ))  # fmt: skip
        self.database.bulk("insert into ledger values ", "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", lines)
        for ending, (requests, size) in endings.items():
            self._count(ending, requests, size)

    def _ending(self, status: str, reason: str) -> int:
        number = self._endings.get((status, reason))
        if number is None:
            self.database.run("insert into ending(status, reason) values(?, ?)", status, reason)
            number = self._endings[status, reason] = int(self.database.value("select last_insert_rowid()"))
        return number

    def _count(self, ending: int, requests: int, size: int) -> None:
        self.database.run(
            "update ending set (requests, size) = (requests + ?, size + ?) where id = ?", requests, size, ending
        )

    # -- hosts

    def _host(self, name: str, made: Committed | None = None) -> int:
        number = self._hosts.get(name)
        if number is None:
            number = self.database.value("select id from host where name = ?", name)
            if number is None:
                self.database.run("insert into host(name) values(?)", name)
                number = int(self.database.value("select last_insert_rowid()"))
                if made is not None:
                    made.hosts += 1
            if len(self._hosts) > 100_000:
                self._hosts.clear()
            self._hosts[name] = number
        return int(number)

    def _records(self, names: Iterable[str]) -> list[Record]:
        found = []
        for part in chunks(sorted(names), _KEYS):
            marks = ",".join("?" * len(part))
            found += self.database.all(f"select {_RECORD} from host where name in ({marks})", *part)
        return [Record(*row) for row in found]

    def _count_hosts(self) -> None:
        """Count from the ledger what was not counted while hosts had no limits."""
        with self.database.transaction():
            self.database.run("update host set fetched = 0, failed = 0, size = 0")
            self.database.run(
                "update host set (fetched, failed, size) = (f, e, s) from (select host as h, sum(status = ?) as f, "
                "sum(status = ?) as e, sum(l.size) as s from ledger l join ending on ending.id = ending group by 1) "
                "where host.id = h",
                FETCHED, FAILED,
            )  # fmt: skip
            self.database.set_meta("counting", 1)

    def load(self) -> list[Record]:
        """The hosts with something queued: one seek a host, not one a row."""
        found = self.database.all(
            "with recursive h(x) as (select min(host) from queue union all "
            "select (select min(host) from queue where host > x) from h where x is not null) "
            f"select {_RECORD} from h join host on host.id = h.x where x is not null"
        )
        return [Record(*row) for row in found]

    def refill(self, windows: Sequence[tuple[str, Row | None, int]]) -> list[list[Row]]:
        """For each ``(host, row, n)`` the next ``n`` rows of the host behind the row (None: the first), in order."""
        query = (
            f"select {_COLUMNS} from queue where host = ? and (not_before, rank, id) > (?, ?, ?) "
            "order by not_before, rank, id limit ?"
        )
        found = []
        for name, after, n in windows:
            low = after[:3] if after else (-1.0, -(1 << 63), 0)
            found.append([Row(*row) for row in self.database.all(query, self._host(name), *low, n)])
        return found

    # -- all at once

    def sweep(self, end: tuple[str, str], spare: Sequence[int], now: float, host: str | None = None) -> int:
        """End everything queued (at one host), save the ``spare`` ids, in one step; returns how many there were."""
        db, number = self.database, None if host is None else self._host(host)
        condition = "(?1 is null or host = ?1) and id not in (select value from json_each(?2))"
        values = (number, as_json(spare))
        with db.transaction():
            ending = self._ending(*end)
            db.run(
                "insert into ledger select id, host, ?3, '', 0, 0, 0, attempt, rank, visit, depth, parent, ?4, url, "
                f"body from queue where {condition}",
                *values, ending, _ms(now),
            )  # fmt: skip
            gone = db.run(f"delete from queue where {condition}", *values)
            self._count(ending, gone, 0)
        return gone

    # -- the outbox

    def outbox(self, n: int, secret: bytes) -> list[Delivered]:
        """The oldest undelivered items."""
        found = self.database.all("select id, request, ordinal, url, kind, body from outbox order by id limit ?", n)
        return [
            Delivered((number, _item_id(secret, request, ordinal), url, Item(kind, body)))
            for number, request, ordinal, url, kind, body in found
        ]

    def marks(self) -> dict[str, int]:
        """The committed length of each feed."""
        return books.marks(self.database)


def _is_undoable(end: End) -> bool:
    """Whether `acrawl retry` may try it again, so that its body is kept."""
    return end.status != FETCHED and (end.status != EXCLUDED or end.reason in _UNDOABLE)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _item_id(secret: bytes, request: int, ordinal: int) -> str:
    return hashlib.blake2b(b"%d:%d" % (request, ordinal), digest_size=12, key=secret).hexdigest()
