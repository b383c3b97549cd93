"""The frontier's tables.

meta      key, value                    secret, epoch, next id, how far the seeds have been taken, duplicates met
host      id, name, terms               hosts ever seen: what their robots.txt says to us, or why it could not be had;
                                        where a host has limits of its own, also how much was fetched
seen      key -> id                     fingerprint of every request ever admitted; ids are never used again
queue     id, order, request            what is to be fetched; a lease leaves its row in place until it is reported
ledger    id, end                       what came of it; ``body`` only where it may be tried again (`acrawl retry`,
                                        which is another ``visit``) or visited again (``run --again``: with what was
                                        found there); ``host`` is 0 for what was kept out at the door
former    id, present, version          what the visits before found of all that this one asks for again
ending    id, status, reason, counts    the ways in which requests have ended, and how many did
attempt   request, try                  what came of tries that were not the last one
outbox    id, item                      made but not yet delivered; by the fetch of a robots.txt, if ``request`` is 0
staged    request, part                 parts of an outcome whose last part has not come yet; void in the next life
mark      feed, length                  how much of each feed is committed
jar       site, key, cookies            cookie jars: of each site one for each key of the spider's

Invariants: an id below ``meta.next_id`` is in exactly one of ``queue`` and ``ledger``; a key in ``seen`` begins with
the same bytes as all of its host; ``ending.requests`` is the ledger's count of that end.
Times are milliseconds since the Unix epoch, durations milliseconds: as integers they take a third of the room.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping

from acrawl.errors import JobConflict

VERSION = 4
#: Marks the file as ours (SQLite's ``application_id``): "acrl".
APPLICATION = 0x6163726C

_V4 = """
create table meta(key text primary key, value) without rowid;
create table host(
    id integer primary key, name text not null unique, rules blob, crawl_delay real not null default 0,
    rules_at real not null default 0, address text not null default '', fetched integer not null default 0,
    failed integer not null default 0, size integer not null default 0, trouble text not null default '');
create table seen(key blob primary key, id integer not null) without rowid;
create table queue(
    id integer primary key, host integer not null, not_before real not null, rank integer not null,
    attempt integer not null, lost integer not null, visit integer not null, depth integer not null,
    parent integer not null, url text not null, body blob not null);
create index queue_order on queue(host, not_before, rank, id);
create table ending(
    id integer primary key, status text not null, reason text not null, requests integer not null default 0,
    size integer not null default 0, unique(status, reason));
create table ledger(
    id integer primary key, host integer not null, ending integer not null, detail text not null,
    http_status integer not null, size integer not null, took integer not null, attempts integer not null,
    rank integer not null, visit integer not null, depth integer not null, parent integer not null,
    ended integer not null, url text not null, body blob, etag text, modified text, digest blob, length integer);
create table former(
    id integer primary key, present integer not null, etag text, modified text, digest blob, length integer);
create table attempt(
    request integer not null, at integer not null, attempt integer not null, reason text not null,
    detail text not null, http_status integer not null, took integer not null,
    primary key(request, at, attempt)) without rowid;
create table outbox(
    id integer primary key autoincrement, request integer not null, ordinal integer not null, url text not null,
    kind text not null, body blob not null);
create table staged(
    request integer not null, part integer not null, body blob not null, primary key(request, part)) without rowid;
create table mark(feed text primary key, length integer not null) without rowid;
create table jar(
    site text not null, key text not null, changed integer not null, cookies blob not null, primary key(site, key));
"""

#: From schema 1: ends were written out in each row, and bodies were not kept with them.
_V1_TO_V2 = """
alter table host add column address text not null default '';
alter table host add column fetched integer not null default 0;
alter table host add column failed integer not null default 0;
alter table host add column size integer not null default 0;
alter table queue add column visit integer not null default 0;
create table ending(
    id integer primary key, status text not null, reason text not null, requests integer not null default 0,
    size integer not null default 0, unique(status, reason));
insert into ending(status, reason, requests, size)
    select status, reason, count(*), sum(size) from ledger group by status, reason;
create table attempt(
    request integer not null, at integer not null, attempt integer not null, reason text not null,
    detail text not null, http_status integer not null, took integer not null,
    primary key(request, at, attempt)) without rowid;
create table staged(
    request integer not null, part integer not null, body blob not null, primary key(request, part)) without rowid;
alter table ledger rename to ledger_1;
create table ledger(
    id integer primary key, host integer not null, ending integer not null, detail text not null,
    http_status integer not null, size integer not null, took integer not null, attempts integer not null,
    rank integer not null, visit integer not null, depth integer not null, parent integer not null,
    ended integer not null, url text not null, body blob);
insert or ignore into host(name) select distinct host_of(url) from ledger_1;
insert into ledger
    select l.id, h.id, e.id, detail, http_status, l.size, cast(seconds * 1000 as integer), attempts, 0, 0, depth,
        parent, cast(l.ended * 1000 as integer), url, null
    from ledger_1 l join ending e using (status, reason) join host h on h.name = host_of(l.url);
drop table ledger_1;
update queue set body = shortened(body);
"""

_V2_TO_V3 = """
alter table host add column trouble text not null default '';
create table jar(
    site text not null, key text not null, changed integer not null, cookies blob not null, primary key(site, key));
"""

_V3_TO_V4 = """
alter table ledger add column etag text;
alter table ledger add column modified text;
alter table ledger add column digest blob;
alter table ledger add column length integer;
create table former(
    id integer primary key, present integer not null, etag text, modified text, digest blob, length integer);
insert or replace into meta(key, value) select 'unremembered', 1
    where exists(select 1 from ledger l join ending e on e.id = l.ending where status = 'fetched');
"""

#: What leads from one schema to the next, each in a transaction of its own.
MIGRATIONS = {1: _V1_TO_V2, 2: _V2_TO_V3, 3: _V3_TO_V4}

PRAGMAS = (
    "page_size=4096",
    "journal_mode=WAL",
    "cache_size=-65536",
    "wal_autocheckpoint=8000",
    # Debian's SQLite overwrites deleted rows with zeros unless told otherwise; the queue deletes one row a page.
    "secure_delete=OFF",
    "temp_store=MEMORY",
)


def prepare(
    connection: sqlite3.Connection, path: str, functions: Mapping[str, Callable[..., str | bytes]], *, durable: bool
) -> None:
    """Set the connection up, make the tables of a new job, bring those of an older acrawl up to date.

    ``functions`` are what migrations call. Raises `JobConflict` for what a newer acrawl made, or another program.
    """
    (version,) = connection.execute("pragma user_version").fetchone()
    tables = _tables(connection)
    if tables:
        check(connection, path)  # before anything is set: another program's file is left as it is
    for pragma in (*PRAGMAS, f"synchronous={'FULL' if durable else 'NORMAL'}"):
        connection.execute(f"pragma {pragma}").fetchall()
    if not tables:
        _run(connection, _V4, VERSION)
        return
    for name, function in functions.items():
        connection.create_function(name, 1, function, deterministic=True)
    while version < VERSION:
        _run(connection, MIGRATIONS[version], version + 1)
        version += 1


def check(connection: sqlite3.Connection, path: str, *, exact: bool = False) -> None:
    """Refuse a database that is not a job's, or of a newer schema (``exact``: of any other). Raises `JobConflict`."""
    (version,) = connection.execute("pragma user_version").fetchone()
    (application,) = connection.execute("pragma application_id").fetchone()
    tables = _tables(connection)
    if not tables:
        raise JobConflict(f"{path} is empty: no crawl has begun there")
    if application not in {APPLICATION, 0} or version < 1 or not tables >= {"meta", "queue", "ledger", "seen"}:
        raise JobConflict(f"{path} is a database, but not of a crawl; move it away, or give another --job")
    if exact and version < VERSION:
        raise JobConflict(f"{path} is of schema {version}; go on with the crawl once, which brings it up to {VERSION}")
    if version > VERSION:
        raise JobConflict(
            f"{path} is of schema {version}, this acrawl reads up to schema {VERSION}; "
            "use the acrawl that made it, or begin anew with --fresh"
        )


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")}


def _run(connection: sqlite3.Connection, script: str, version: int) -> None:
    """Run a script and set the version, all or nothing: ``executescript`` would leave a failed one open."""
    connection.execute("begin immediate")
    try:
        for statement in filter(None, map(str.strip, script.split(";"))):
            connection.execute(statement)
        connection.execute(f"pragma user_version={version}")
        connection.execute(f"pragma application_id={APPLICATION}")
        connection.execute("commit")
    except BaseException:
        connection.execute("rollback")
        raise
