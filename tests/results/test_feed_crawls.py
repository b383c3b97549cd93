"""Whole crawls into databases, Parquet files and webhooks: killed, resumed, refused."""

import json
import random
import sqlite3
import threading
import uuid

import psycopg
import pyarrow.parquet as pq
import pytest

from acrawl.errors import EXIT_ENVIRONMENT, EXIT_OK, EXIT_USAGE
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


def urls_in(folder, database):
    """Every URL in each store, in order."""
    query = "SELECT url FROM items"
    connection = sqlite3.connect(folder / "items.sqlite")
    in_sqlite = [url for (url,) in connection.execute(query)]
    connection.close()
    with psycopg.connect(database) as server:
        in_postgres = [url for (url,) in server.execute(query)]
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
    shelf, start, acrawl, live, tmp_path, database
):
    live.delay = 0.05
    chance = random.Random()
    kills = 0
    for _ in range(4):
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
