"""Whole crawls into databases, Parquet files and webhooks: killed, resumed, refused."""

import contextlib
import json
import random
import sqlite3
import threading
import uuid

import psycopg
import pyarrow.parquet as pq
import pytest

from acrawl.errors import EXIT_ENVIRONMENT, EXIT_LIMIT, EXIT_OK, EXIT_USAGE
from crawl.command import until

pytestmark = [pytest.mark.process]

SPIDER = """
from acrawl import Spider

class Shelf(Spider):
    def __init__(self, url):
        super().__init__(url=url)
        self.start_urls = [url]

    def parse(self, response):
        n = len(response.url)
        yield {"url": response.url, "price": n if n % 2 else n / 4, "tags": ["a", n], f"field {n}": {"n": n}}
        yield from response.follow_all()
"""
PAGES = 120


@pytest.fixture
def shelf(live, tmp_path):
    """A site whose pages name some others, and the words of a crawl of it."""
    (tmp_path / "shelf.py").write_text(SPIDER)
    live.page("/", [f"/{n}" for n in range(1, 10)])
    for n in range(1, PAGES):
        live.page(f"/{n}", [f"/{m}" for m in range(10 * n, min(10 * n + 10, PAGES))])
    return ["run", "shelf.py", "-a", f"url={live.url('/')}", "--workers", 2]


@pytest.fixture
def database(postgres):
    name = f"db{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return postgres.url(name)


def urls_in(folder, database, table="items"):
    """Every URL in each store, in order; ``table`` is that of the server."""
    connection = sqlite3.connect(folder / "items.sqlite")
    in_sqlite = [url for (url,) in connection.execute("SELECT url FROM items")]
    connection.close()
    with psycopg.connect(database) as server:
        in_postgres = [url for (url,) in server.execute(f"SELECT url FROM {table}")]
    in_parquet = pq.read_table(folder / "items.parquet").column("url").to_pylist()
    return [sorted(urls) for urls in (in_sqlite, in_postgres, in_parquet)]


def stores(database):
    return ["-o", "items.sqlite", "-o", database, "-o", "items.parquet", "-o", "items.jsonl"]


def test_a_crawl_writes_to_all_of_them_and_tells_nobody_the_password(shelf, acrawl, live, tmp_path, database):
    done = acrawl(*shelf, *stores(database))
    assert done.code == EXIT_OK, done.err
    expected = sorted({live.url("/"), *(live.url(f"/{n}") for n in range(1, PAGES))})
    assert urls_in(tmp_path, database) == [expected] * 3
    kept = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(b"s3cr" in data for data in [*kept, done.err.encode(), done.out.encode()])


def test_a_master_that_is_killed_at_random_moments_loses_and_doubles_nothing(
    shelf, start, acrawl, typed, live, tmp_path, database
):
    live.delay = 0.05
    chance = random.Random()
    kills = 0
    for _ in range(3):
        crawl = start(*shelf, *stores(database), "--resume")
        asked = len(live.log)
        until(lambda begun=asked: len(live.log) > begun or not crawl.alive, 30)  # noqa: B023 - asked at once
        threading.Event().wait(chance.random())
        kills += crawl.alive
        crawl.kill()
        crawl.close()
    live.delay = 0.0
    done = acrawl(*shelf, *stores(database), "--resume")
    assert done.code == EXIT_OK, done.err
    assert kills >= 2
    expected = sorted({live.url("/"), *(live.url(f"/{n}") for n in range(1, PAGES))})
    assert urls_in(tmp_path, database) == [expected] * 3
    assert sorted(json.loads(line)["url"] for line in (tmp_path / "items.jsonl").read_text().splitlines()) == expected
    # The job has kept the same, and an export is what the crawl has written.
    server = f"{database}#exported"
    done = typed("export", "-o", "out/items.sqlite", "-o", server, "-o", "out/items.parquet", "-o", "out/items.jsonl")
    assert done.code == EXIT_OK, done.err
    assert (tmp_path / "out" / "items.jsonl").read_bytes() == (tmp_path / "items.jsonl").read_bytes()
    assert urls_in(tmp_path / "out", database, "exported") == [expected] * 3
    with psycopg.connect(database) as connection:
        same = "SELECT count(*) FROM items i JOIN exported e ON i.item_id = e.item_id AND i.url = e.url"
        assert connection.execute(same).fetchone() == (PAGES,)


def test_a_crawl_is_exported_while_it_runs_and_when_it_has_been_begun_anew(shelf, start, acrawl, typed, live, tmp_path):
    live.delay = 0.2
    crawl = start(*shelf)
    kept = tmp_path / ".acrawl" / "shelf" / "items.kept"
    until(lambda: kept.exists() and kept.stat().st_size > 0, 30)
    beside = []
    until(lambda: beside.append(typed("export", "-o", f"{len(beside)}.jsonl")) or has_items(beside[-1]), 30)
    assert crawl.alive
    assert beside[-1].code == EXIT_OK
    live.delay = 0.0
    assert crawl.end().code == EXIT_OK
    assert typed("export", "-o", "all.jsonl").code == EXIT_OK
    early = (tmp_path / f"{len(beside) - 1}.jsonl").read_bytes()
    whole = (tmp_path / "all.jsonl").read_bytes()
    assert whole.startswith(early)
    assert 0 < early.count(b"\n") < whole.count(b"\n") == PAGES
    done = acrawl(*shelf, "--fresh", "-s", "feeds.keep=no", "-s", "limits.max_pages=5")
    assert done.code == EXIT_LIMIT
    assert not kept.exists()
    assert "this crawl keeps no items" in typed("export", "-o", "none.jsonl").complaint


def has_items(done):
    return not done.err.startswith("0 items")


def test_items_that_were_not_kept_for_a_while_are_missed_aloud(shelf, acrawl, typed, tmp_path):
    assert acrawl(*shelf, "-s", "feeds.keep=no", "-s", "limits.max_pages=5").code == EXIT_LIMIT
    acrawl(*shelf, "--resume")
    done = typed("export", "-o", "a.jsonl")
    assert done.code == EXIT_OK
    assert "for a while the crawl went on with feeds.keep off" in done.err


def test_a_crawl_that_an_older_acrawl_began_without_counting_has_no_counts(shelf, acrawl, tmp_path):
    assert acrawl(*shelf, "-s", "limits.max_pages=5").code == EXIT_LIMIT
    job = tmp_path / ".acrawl" / "shelf"
    for wanted in (5, None):
        report = json.loads(acrawl("report", "--json", job).out)["requests"]
        assert (report["delivered"], report["dropped"]) == (wanted, None if wanted is None else 0)
        with contextlib.closing(sqlite3.connect(job / "job.db")) as db, db:
            db.execute("DELETE FROM mark WHERE feed LIKE 'items:%'")
        acrawl(*shelf, "--resume")


def test_what_cannot_be_written_is_one_line_before_anything_is_fetched(shelf, acrawl, live, tmp_path, postgres):
    (tmp_path / "text.sqlite").write_text("text")
    (tmp_path / "text.parquet").write_text("text")
    refused = {
        "text.sqlite": ("is no SQLite database", EXIT_ENVIRONMENT),
        "text.parquet": ("is no Parquet file", EXIT_ENVIRONMENT),
        postgres.url("nowhere"): ('database "nowhere" does not exist', EXIT_ENVIRONMENT),
        "http://user:s3cret@127.0.0.1:1/s3cret": ("cannot be reached: Connection refused", EXIT_ENVIRONMENT),
        "mysql://user:s3cret@h/db": ("known servers are postgresql://", EXIT_USAGE),
    }
    for number, (spec, (what, code)) in enumerate(refused.items()):
        done = acrawl(*shelf, "-o", spec, "--job", f"job{number}")
        assert what in done.complaint
        assert done.code == code
        assert "s3cr" not in done.complaint
    assert live.log == []
