"""The frontier's tables.

meta      key, value                    job identity, epoch, how far the seeds have been taken
host      id, name, robots rules        hosts ever seen, with what their robots.txt says to us
seen      key -> id                     fingerprint of every request ever admitted; ids are never used again
queue     id, order, request            what is to be fetched; a lease leaves its row in place until it is reported
ledger    id, end                       what came of it
outbox    id, item                      made but not yet delivered
mark      feed, length                  how much of each feed is committed

Invariant: an id below ``meta.next_id`` is in exactly one of ``queue`` and ``ledger``.
"""

from __future__ import annotations

import sqlite3

from acrawl.errors import JobConflict

VERSION = 1

TABLES = """
create table meta(key text primary key, value) without rowid;
create table host(
    id integer primary key, name text not null unique, rules blob, crawl_delay real not null default 0,
    rules_at real not null default 0);
create table seen(key blob primary key, id integer not null) without rowid;
create table queue(
    id integer primary key, host integer not null, not_before real not null, rank integer not null,
    attempt integer not null, lost integer not null, depth integer not null, parent integer not null,
    url text not null, body blob not null);
create index queue_order on queue(host, not_before, rank, id);
create table ledger(
    id integer primary key, status text not null, reason text not null, detail text not null,
    http_status integer not null, size integer not null, seconds real not null, attempts integer not null,
    depth integer not null, parent integer not null, url text not null, ended real not null);
create table outbox(
    id integer primary key autoincrement, request integer not null, ordinal integer not null, url text not null,
    kind text not null, body blob not null);
create table mark(feed text primary key, length integer not null) without rowid;
"""

PRAGMAS = (
    "page_size=4096",
    "journal_mode=WAL",
    "cache_size=-131072",
    "wal_autocheckpoint=8000",
    # Debian's SQLite overwrites deleted rows with zeros unless told otherwise; the queue deletes one row a page.
    "secure_delete=OFF",
    "temp_store=MEMORY",
)


def prepare(connection: sqlite3.Connection, path: str, *, durable: bool) -> None:
    """Set the connection up and make the tables of a new job. Raises `JobConflict` for another schema version."""
    for pragma in (*PRAGMAS, f"synchronous={'FULL' if durable else 'NORMAL'}"):
        connection.execute(f"pragma {pragma}").fetchall()
    (version,) = connection.execute("pragma user_version").fetchone()
    if version == VERSION:
        return
    (tables,) = connection.execute("select count(*) from sqlite_master").fetchone()
    if tables:
        raise JobConflict(
            f"{path} is of schema {version}, this acrawl reads schema {VERSION}; "
            "use the acrawl that made it, or begin anew with --fresh"
        )
    connection.executescript(f"begin immediate; {TABLES} pragma user_version={VERSION}; commit;")
