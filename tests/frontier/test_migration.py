"""A job that acrawl 0.1 began goes on: ``schema_1.sql`` is one, written by the code of that version.

In it ``/`` has been fetched and made two items, one of them delivered; of what it named, one page failed, one moved,
one was kept out, one was tried once, and the others, with everything a request can carry, are queued.
"""

from __future__ import annotations

import contextlib
import pathlib
import sqlite3
import subprocess
import sys

import pytest

from acrawl.errors import EnvironmentProblem, JobConflict
from acrawl.frontier import books, changes, database, jars, revisit, revival, schema, stories
from acrawl.frontier.database import Database
from acrawl.frontier.sqlite import SqliteFrontier
from acrawl.outcome import FETCHED, Outcome, Story
from acrawl.request import Request, seal, unseal
from acrawl.settings import resolve
from acrawl.testing import ManualClock
from contracts.crawl import DEFAULTS, OpenGate

SCHEMA_1 = pathlib.Path(__file__).with_name("schema_1.sql")
A = "http://a.test"


@pytest.fixture
def path(tmp_path: pathlib.Path) -> str:
    path = tmp_path / "job.db"
    with contextlib.closing(sqlite3.connect(path)) as old:
        old.executescript(SCHEMA_1.read_text())
    return str(path)


def dumped(path: str) -> tuple[int, int, list[str]]:
    """Version, application and all that is in a file."""
    with contextlib.closing(sqlite3.connect(path)) as file:
        (version,) = file.execute("pragma user_version").fetchone()
        (application,) = file.execute("pragma application_id").fetchone()
        return version, application, list(file.iterdump())


async def opened(path: str, **overrides: object) -> SqliteFrontier:
    settings = resolve(("test", DEFAULTS | {"politeness.concurrency": 20} | overrides))
    return await SqliteFrontier.open(path, settings, OpenGate(), ManualClock())


QUEUED = [
    Request("http://b.test/shop?x=1"),
    Request(f"{A}/plain", referrer=f"{A}/", depth=1),
    Request(
        f"{A}/rich", "parse_shop", headers={"X-Key": "v"}, cookies={"c": "1"}, errback="lost", priority=5, depth=1,
        meta={"k": [1, {"n": None}], "text": "\u00fcber"}, cb_kwargs={"page": 7}, referrer=f"{A}/", flags=["f"],
    ),
    Request(f"{A}/form", "parse_form", method="POST", body=b"\x00q=1", depth=1, referrer=f"{A}/"),
    Request(f"{A}/pic.png", save="image/", depth=1, referrer=f"{A}/deep/er/page"),
    Request(f"{A}/later", not_before=4e9, depth=1, priority=-3, allow_offsite=True),
    Request("http://c.test/\u00e9?q=\u00fc", "parse", depth=1, encoding="latin-1", hops=1, dont_filter=True),
    Request(f"{A}/new", depth=1, hops=1, referrer=f"{A}/"),
]  # fmt: skip


def test_every_queued_request_is_what_it_was(path: str):
    with Database(path) as db:
        rows = db.all("select url, body from queue order by id")
    assert [unseal(url, body) for url, body in rows] == QUEUED


STORIES = [
    Story(f"{A}/", "fetched", http_status=200, size=1234, seconds=0.25, attempts=1, ended_at=1750000005.0),
    Story(f"{A}/fails", "failed", "timeout", "180 s", seconds=180.0, attempts=1, depth=1, ended_at=1750000205.0,
          found_on=f"{A}/", path=[f"{A}/"]),
    Story(f"{A}/moved", "fetched", "redirect", http_status=301, seconds=0.125, attempts=1, depth=1, found_on=f"{A}/",
          ended_at=1750000205.0, path=[f"{A}/"]),
    Story("http://offsite.test/", "excluded", "offsite", depth=1, found_on=f"{A}/", ended_at=1750000005.0,
          path=[f"{A}/"]),
    Story(f"{A}/new", "queued", depth=1, found_on=f"{A}/moved", path=[f"{A}/", f"{A}/moved"]),
    Story(f"{A}/plain", "queued", attempts=1, depth=1, found_on=f"{A}/", not_before=1750000235.0, path=[f"{A}/"]),
    Story(f"{A}/rich", "queued", depth=1, found_on=f"{A}/", path=[f"{A}/"], priority=5),
    Story(f"{A}/never", "unknown"),
]  # fmt: skip


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.url)
def test_a_story_is_told_as_before(path: str, story: Story):
    with Database(path) as db:
        assert stories.story(db, story.url) == story


def test_the_books_balance_and_count_what_they_did(path: str):
    with Database(path) as db:
        result = books.audit(db)
    assert result.problems == []
    assert (result.discovered, result.queued, result.done, result.undelivered) == (12, 8, 4, 1)
    assert result.ends == {"excluded(offsite)": 1, "failed(timeout)": 1, "fetched": 1, "fetched(redirect)": 1}
    with Database(path) as db:
        assert books.counts(db).ends["fetched", ""] == (1, 1234)


def test_of_what_ended_then_nothing_was_kept_to_try_again(path: str):
    with Database(path) as db:
        found = books.find_ended(db, [("failed", "")])
        assert (found.numbers, found.gone) == ([], {"failed(timeout)": 1})
        assert revival.revive(db, [8]) == 0
        assert books.audit(db).problems == []


@pytest.mark.asyncio
async def test_the_crawl_goes_on_where_it_was(path: str):
    # Given the old job opened by today's acrawl, its seeds, marks, outbox and secret are the old ones;
    frontier = await opened(path)
    assert (frontier.epoch, frontier.secret) == (2, bytes(range(16)))
    assert await frontier.seeds() == 2
    assert await frontier.marks() == {"items.jsonl": 42}
    (left,) = await frontier.outbox(10)
    assert (left.url, left.item.body) == (f"{A}/", b"\x81\xa1n\x02")
    await frontier.done([left.id])
    # all that is due is fetched, what another life has tried once as a second try, and in their order;
    fetched: dict[str, tuple[Request, int]] = {}
    for _ in range(30):
        batch = await frontier.lease("w", 100, 0.0)
        leases = [lease for ticket in batch.tickets for lease in ticket.leases]
        fetched |= {lease.url: (unseal(lease.url, lease.body), lease.attempt) for lease in leases}
        await frontier.report("w", frontier.epoch, [Outcome(lease.token, FETCHED) for lease in leases])
        await frontier._clock.advance(20)
    due = [request for request in QUEUED if request.not_before < 4e9]
    assert {request.url: request for request, _ in fetched.values()} == {request.url: request for request in due}
    assert [url for url, (_, attempt) in fetched.items() if attempt == 2] == [f"{A}/plain"]
    of_a = [url for url in fetched if url.startswith(A)]
    assert of_a[0] == f"{A}/rich"
    # and the books of both lives balance.
    result = await frontier.audit()
    assert (result.problems, result.discovered, result.queued) == ([], 12, 1)
    await frontier.close()


@pytest.mark.asyncio
async def test_what_the_old_life_has_seen_is_a_duplicate(path: str):
    frontier = await opened(path)
    for url in (f"{A}/", f"{A}/fails", f"{A}/rich", "http://offsite.test/"):
        await frontier.add([seal(Request(url), frontier.secret)])
    now = await frontier.snapshot()
    assert (now.discovered, now.duplicates) == (12, 4)
    await frontier.close()


# -- a migration that does not come to its end


def test_a_failed_migration_leaves_the_file_as_it_was(path: str, monkeypatch: pytest.MonkeyPatch):
    before, calls = dumped(path), []

    def breaks(body: bytes) -> bytes:
        calls.append(body)
        if len(calls) == 3:
            raise ValueError("not this one")
        return body

    monkeypatch.setitem(database._FUNCTIONS, "shortened", breaks)
    with pytest.raises(EnvironmentProblem, match=r"job\.db"):
        Database(path)
    assert len(calls) == 3
    assert dumped(path) == before
    monkeypatch.undo()
    with Database(path) as db:  # the next try is a whole one
        assert books.audit(db).problems == []


KILLED = """
import os, sys
from acrawl.frontier import database
calls = []
def shortened(body):
    calls.append(body)
    if len(calls) == 3:
        os.kill(os.getpid(), 9)
    return body
database._FUNCTIONS["shortened"] = shortened
database.Database(sys.argv[1])
"""


def test_a_killed_migration_leaves_the_file_as_it_was(path: str):
    before = dumped(path)
    done = subprocess.run([sys.executable, "-c", KILLED, path], timeout=30, check=False)
    assert done.returncode == -9
    assert dumped(path) == before
    with Database(path) as db:
        assert books.audit(db).problems == []


def test_a_body_that_cannot_be_read_stops_the_migration(path: str):
    with contextlib.closing(sqlite3.connect(path)) as old, old:
        old.execute("update queue set body = x'c1' where id = 5")
    before = dumped(path)
    with pytest.raises(EnvironmentProblem, match="cannot be read by this acrawl"):
        Database(path)
    assert dumped(path) == before


def test_a_migrated_file_is_a_new_one_in_its_tables(path: str, tmp_path: pathlib.Path):
    Database(path).close()
    Database(str(tmp_path / "new.db")).close()
    tables = []
    for name in ("job.db", "new.db"):
        with contextlib.closing(sqlite3.connect(tmp_path / name)) as file:
            assert file.execute("pragma user_version").fetchone() == (schema.VERSION,)
            assert file.execute("pragma application_id").fetchone() == (schema.APPLICATION,)
            names = [n for (n,) in file.execute("select name from sqlite_master where type = 'table' order by name")]
            columns = {n: sorted(row[1:4] for row in file.execute(f"pragma table_info({n})")) for n in names}
            tables.append(columns)
    assert tables[0] == tables[1]


def test_a_job_of_schema_2_gets_jars_and_keeps_the_rest(tmp_path: pathlib.Path):
    path = str(tmp_path / "job.db")
    Database(path).close()
    new = dumped(path)
    with contextlib.closing(sqlite3.connect(path)) as old, old:
        old.execute("insert into mark values('items.jsonl', 42)")
        old.execute("drop table jar")
        old.execute("alter table host drop column trouble")
        drop_versions(old)
        old.execute("pragma user_version = 2")
    with Database(path) as db:
        assert (jars.known(db), db.value("select length from mark")) == ([], 42)
        db.run("delete from mark")
    assert dumped(path) == new


def drop_versions(old: sqlite3.Connection) -> None:
    """Take away what schema 4 has more."""
    old.execute("drop table former")
    for column in ("etag", "modified", "digest", "length"):
        old.execute(f"alter table ledger drop column {column}")


def test_a_job_of_schema_3_gets_room_for_versions_and_is_not_visited_again(path: str):
    Database(path).close()
    new = dumped(path)
    with contextlib.closing(sqlite3.connect(path)) as old, old:
        drop_versions(old)
        old.execute("pragma user_version = 3")
    with Database(path) as db:
        assert books.audit(db).problems == []
        assert changes.counts(db) == {}
        with pytest.raises(JobConflict, match="nothing was kept to ask for pages again"):
            revisit.open_visit(db, 0)
        # What this acrawl fetches could be visited again, what the older one has fetched could not: so none of it is.
        db.run("update ledger set etag = '' where id = (select max(id) from ledger)")
        with pytest.raises(JobConflict, match="not all was kept to ask for pages again"):
            revisit.open_visit(db, 0)
        db.run("update ledger set etag = null")
        assert revisit.visit(db) == 0
    assert dumped(path) == new


def test_a_migrated_file_is_not_migrated_again(path: str):
    Database(path).close()
    before = dumped(path)
    Database(path).close()
    assert dumped(path) == before


def test_a_reader_does_not_migrate(path: str):
    before = dumped(path)
    with pytest.raises(JobConflict, match="of schema 1"):
        Database(path, reading=True)
    assert dumped(path) == before
