"""Ledgers of any size, made by SQLite in one go: balanced books of hosts, ends, tries and depths."""

from __future__ import annotations

import pathlib

from acrawl.frontier.database import Database
from acrawl.url import host_prefix

BEGAN = 1_750_000_000.0
HOSTS = 50
#: Status, reason, HTTP status and how many of a thousand end so.
ENDS = (
    ("fetched", "", 200, 900),
    ("fetched", "redirect", 301, 40),
    ("failed", "http-404", 404, 30),
    ("failed", "http-503", 503, 10),
    ("failed", "timeout", 0, 10),
    ("excluded", "robots", 0, 9),
    ("quarantined", "worker-lost", 0, 1),
)
_NUMBERS = "with recursive n(i) as (select 1 union all select i + 1 from n where i < ?1) "


def make_ledger(file: pathlib.Path, requests: int, seconds: float = 3600.0) -> None:
    """Write the tables of a crawl in which so many requests ended within so many seconds from `BEGAN` on."""
    with Database(str(file)) as db, db.transaction():
        db.set_meta("secret", b"s" * 32)
        db.set_meta("next_id", requests + 1)
        db.set_meta("duplicates", 7 * requests)
        for number in range(HOSTS):
            db.run("insert into host(id, name) values (?, ?)", number + 1, f"https://h{number}.test")
        db.run("update host set trouble = 'timeout: robots.txt' where id = 3")
        db.run("create temp table prefix(host integer primary key, bytes blob)")
        for number in range(HOSTS):
            prefix = host_prefix(b"s" * 32, f"https://h{number}.test")
            db.run("insert into prefix values (?, ?)", number + 1, prefix)
        first, cases, facts = 0, "", ""
        for number, (status, reason, answer, share) in enumerate(ENDS, 1):
            db.run("insert into ending(id, status, reason) values (?, ?, ?)", number, status, reason)
            first += share
            cases += f"when i * 7919 % 1000 < {first} then {number} "
            facts += f"when {number} then {answer} "
        db.run(
            _NUMBERS + "insert into ledger select i, host, ending, '', answer, "
            "case answer when 200 then 2000 + i * 31 % 60000 else 0 end, "
            "case answer when 0 then 0 else 5 + (i * 104729 % 997) * (i * 7 % 13) end, 1 + (i % 200 = 0), 0, 0, "
            "min(12, 1 + i % 9), 0, ?2 + i * ?3 / ?1, "
            "'https://h' || (host - 1) || '.test/section/' || (i % 1000) || '/page-' || i || '.html', null from ("
            f"select i, 1 + (i * i) % {HOSTS} as host, ending, case ending {facts}end as answer from ("
            f"select i, case {cases}end as ending from n))",
            requests, int(BEGAN * 1000), int(seconds * 1000),
        )  # fmt: skip
        db.run("update ending set (requests, size) = (select count(*), coalesce(sum(size), 0) from ledger "
               "where ending = ending.id)")  # fmt: skip
        db.run(
            "insert into seen select cast(bytes || ledger.id as blob), ledger.id from ledger join prefix using (host)"
        )
        db.run(
            "insert into attempt select id, max(ended - 500, ?), 1, 'http-503', '', 503, 40 from ledger "
            "where attempts = 2",
            int(BEGAN * 1000),
        )
        db.run("drop table prefix")
