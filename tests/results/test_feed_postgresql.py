"""PostgreSQL: every item is one row, whatever its fields hold, and whatever is killed: the crawl or the server."""

import concurrent.futures
import datetime
import decimal
import json
import re
import subprocess
import sys
import threading
import uuid

import psycopg
import pytest
from psycopg.rows import dict_row

from acrawl.errors import CrawlFailed, EnvironmentProblem, UsageError
from acrawl.results.base import Row
from acrawl.results.feeds import Crawl, open_feed
from acrawl.results.feeds.patience import Patience
from acrawl.results.feeds.postgresql import Address, PostgresFeed
from acrawl.settings import Feeds
from results.kills import ITEMS, item, killed_again_and_again

#: Ends every connection of ours.
CUT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE application_name = 'acrawl' AND datname = current_database()"
)


@pytest.fixture
def url(postgres):
    """The URL of a database that holds nothing."""
    name = f"db{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return postgres.url(name)


def run(url, *statements):
    with psycopg.connect(url, row_factory=dict_row) as connection:
        for statement in statements:
            cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def table(url, name="items"):
    return run(url, f"SELECT * FROM {name} ORDER BY item_id")


def types(url):
    query = "SELECT column_name AS name, data_type AS type FROM information_schema.columns WHERE table_name = 'items'"
    return {row["name"]: row["type"] for row in run(url, query)}


def stored(spec, items, marks=None, first=0):
    feed = open_feed(spec, marks or {})
    unfit = feed.write([Row(f"id{number}", value) for number, value in enumerate(items, first)])
    marks = feed.commit()
    feed.close()
    return unfit, marks


def test_values_have_the_types_of_the_database(url):
    moment = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    value = {"t": "007\t\\N\n", "i": 7, "f": 2.5, "b": b"\0\xff", "y": True, "no": None, "when": moment,
             "big": 1 << 70, "d": decimal.Decimal("1.10"), "deep": {"a": [1, "é\0"]}, "list": [1, "x"]}  # fmt: skip
    assert stored(url, [value])[0] == []
    expected = value | {"item_id": "id0", "big": decimal.Decimal(1 << 70), "deep": {"a": [1, "é\ufffd"]}}
    del expected["no"]
    assert table(url) == [expected]
    assert types(url) == {
        "item_id": "text", "t": "text", "i": "bigint", "f": "double precision", "b": "bytea", "y": "boolean",
        "when": "timestamp with time zone", "big": "numeric", "d": "numeric", "deep": "jsonb", "list": "jsonb",
    }  # fmt: skip


def test_columns_come_with_the_fields_and_are_widened_for_other_values(url):
    first = {"price": 1, "when": datetime.date(2026, 1, 2), "raw": b"\xff", "same": 1, "deep": {"a": 1}, "yes": True}
    _, marks = stored(url, [first])
    second = {"price": 9.99, "when": "soon", "raw": "text", "same": 1 << 70, "deep": "flat", "yes": [1], "new": "x"}
    unfit, _ = stored(url, [second, {"price": 3}], marks, first=1)
    assert unfit == []
    rows = [{key: row[key] for key in second} for row in table(url)]
    assert rows[0] == {"price": 1.0, "when": "2026-01-02", "raw": "/w==", "same": 1, "deep": {"a": 1}, "yes": "true",
                       "new": None}  # fmt: skip
    assert rows[1] == second | {"yes": "[1]"}
    assert rows[2]["price"] == 3.0
    assert types(url)["price"] == "double precision"


def test_any_name_of_a_field_has_a_column_of_its_own(url):
    names = ["Title", "title", "item_id", "", 'sel"ect', "from", "ctid", "n\0l", "é" * 60, "é" * 61]
    for _ in range(2):
        stored(url, [{name: number for number, name in enumerate(names)}])
    (row,) = table(url)
    assert list(row.values()) == ["id0", *range(len(names))]
    assert list(row)[:8] == ["item_id", "Title", "title", "item_id_2", "_", 'sel"ect', "from", "ctid_2"]


def test_an_item_that_comes_again_replaces_its_row(url):
    for price in (1, 2):
        stored(url, [{"price": price}])
    assert table(url) == [{"item_id": "id0", "price": 2}]


def test_items_that_it_cannot_hold_are_handed_back_and_the_others_written(url):
    run(url, "CREATE TABLE items(item_id text PRIMARY KEY, n integer NOT NULL, seen timestamptz DEFAULT now())")
    items = [{"n": 1}, ["no fields"], {"n": "many"}, {"n": object()}, {"n": 1 << 40}, {"n": None}, {"n": 2}]
    unfit, _ = stored(url, items)
    assert sorted(place for place, _ in unfit) == [1, 2, 3, 4, 5]
    assert any("PostgreSQL cannot hold it: invalid input syntax for type integer" in why for _, why in unfit)
    assert [(row["n"], row["seen"] is not None) for row in table(url)] == [(1, True), (2, True)]


def test_the_table_may_be_named_with_its_schema(url):
    run(url, 'CREATE SCHEMA "My news"')
    stored(f"{url}#My%20news.of today", [{"n": 1}])
    assert table(url, '"My news"."of today"') == [{"item_id": "id0", "n": 1}]


def test_several_crawls_write_to_one_table_at_a_time(url):
    first, second = open_feed(url, {}), open_feed(url, {})
    for round_ in range(3):
        for number, feed in enumerate((first, second)):
            feed.write([Row(f"{number}-{round_}", {"n": number, f"f{round_}": round_})])
            feed.commit()
    first.close()
    second.close()
    assert len(table(url)) == 6


def test_two_crawls_that_give_a_new_column_different_types_lose_nothing(url):
    feeds = [open_feed(url, {}), open_feed(url, {})]
    values = [[1, "one"], [2.5, "two"], [{"a": 1}, [2]]]
    barrier = threading.Barrier(2)

    def deliver(number):
        unfit = []
        for round_, pair in enumerate(values):
            barrier.wait(20)
            unfit += feeds[number].write([Row(f"{number}-{round_}", {f"f{round_}": pair[number]})])
            feeds[number].commit()
        return unfit

    with concurrent.futures.ThreadPoolExecutor(2) as threads:
        assert list(threads.map(deliver, range(2))) == [[], []]
    for feed in feeds:
        feed.close()
    assert [row[f"f{n}"] for row, n in zip(table(url)[:2], (0, 1), strict=True)] == ["1", "2.5"]
    assert [row[f"f{n}"] for row, n in zip(table(url)[3:5], (0, 1), strict=True)] == ["one", "two"]


def refusal(spec, marks=None):
    """What is said of a server; in one line, without its password."""
    with pytest.raises(EnvironmentProblem) as caught:
        open_feed(spec, marks or {})
    text = str(caught.value)
    assert "\n" not in text
    assert "s3cr" not in text
    assert "wrong%pass" not in text
    return text


def test_what_stands_in_the_way_is_said_before_the_crawl_begins(url, postgres, refused_url):
    port = re.search(r":(\d+)/", refused_url).group(1)
    assert "Connection refused" in refusal(f"postgresql://owner:s3cret@127.0.0.1:{port}/db")
    assert 'database "nowhere" does not exist' in refusal(postgres.url("nowhere"))
    assert "password authentication failed" in refusal(postgres.url(secret="wrong%25pass"))
    run(url, "CREATE TABLE items(title text)", "CREATE TABLE others(item_id text)")
    assert "that is none of items" in refusal(url)
    assert "that is none of items" in refusal(f"{url}#others")
    with pytest.raises(UsageError, match="libpq does not understand it") as caught:
        open_feed("postgresql://u:s3cret@h/db?nothing=s3cret", {})
    assert "s3cret" not in str(caught.value)


def test_a_right_that_is_missing_is_said_before_the_crawl_begins(url):
    name = f"reader{uuid.uuid4().hex[:8]}"
    stored(url, [{"n": 1}])
    run(url, f"CREATE ROLE {name} LOGIN PASSWORD 's3cr3t'", f"GRANT SELECT ON items TO {name}")
    reader = url.replace("owner:s3cr%3At%20%2Fp%40ss", f"{name}:s3cr3t")
    assert "permission denied for table items" in refusal(reader)
    assert "permission denied for schema public" in refusal(f"{reader}#others")


def test_a_table_that_is_gone_is_refused_by_name(url):
    _, marks = stored(url, [{"n": 1}])
    assert "s3cr" not in json.dumps(marks)
    run(url, "DROP TABLE items")
    assert "#items: the table is gone, but items were delivered" in refusal(url, marks)


def test_what_earlier_crawls_left_stays_and_one_line_says_so(url, caplog):
    _, marks = stored(url, [{"n": 1}])
    open_feed(url, marks, overwrite=True).close()
    open_feed(f"{url}#new", {}, overwrite=True).close()
    assert caplog.messages == []
    open_feed(url, {}, overwrite=True).close()
    (line,) = caplog.messages
    assert line.endswith("#items: rows of earlier crawls stay: TRUNCATE the table if they should go")
    assert "s3cr" not in line
    assert len(table(url)) == 1


def test_credentials_are_found_where_libpq_finds_them(url, tmp_path, monkeypatch):
    secrets = tmp_path / "pgpass"
    secrets.write_text("127.0.0.1:*:*:owner:s3cr\\:t /p@ss\n")
    secrets.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(secrets))
    stored(url.replace(":s3cr%3At%20%2Fp%40ss", ""), [{"n": 1}])
    assert len(table(url)) == 1


def test_a_connection_that_is_lost_is_made_again_and_nothing_is_lost(url):
    feed = open_feed(url, {})
    for n in range(6):
        if n % 3 == 0:
            run(url, CUT)  # between two batches
        feed.write([Row(str(n), {"n": n, f"f{n}": n})])
        if n % 3 == 1:
            run(url, CUT)  # before its COMMIT
        feed.commit()
    feed.close()
    assert [row["n"] for row in table(url)] == list(range(6))


def test_how_long_a_server_is_waited_for_is_a_setting(url):
    feed = open_feed(url, {}, crawl=Crawl(Feeds(patience=0)))
    run(url, CUT)
    with pytest.raises(CrawlFailed, match="cannot be written"):
        feed.write([Row("1", {"n": 1})])
    feed.close()


def test_a_server_that_stays_away_fails_the_crawl_and_one_that_comes_back_does_not(url, postgres):
    waits = []
    now = 0.0

    def sleep(seconds):
        nonlocal now
        now += seconds
        waits.append(seconds)
        if len(waits) == 3:
            postgres.start()

    address = Address(url, "items")
    open_feed(url, {}).close()
    feed = PostgresFeed(address, address.connect(), Patience(60, lambda: now, sleep))
    try:
        feed.write([Row("1", {"n": 1})])
        postgres.stop()
        feed.commit()
        assert waits == [0.1, 0.2, 0.4]
        postgres.stop()
        with pytest.raises(CrawlFailed, match=r"cannot be written: .*; mend it and resume") as caught:
            feed.write([Row("2", {"n": 2})])
        assert "s3cr" not in str(caught.value)
        assert sum(waits[3:]) <= 60
    finally:
        feed.close()
        if len(waits) > 3:
            postgres.start()
    assert [row["n"] for row in table(url)] == [1]


def test_without_its_package_the_command_that_brings_it_is_said():
    code = (
        "import sys\n"
        "sys.modules['psycopg'] = None\n"
        "from acrawl.results.feeds import open_feed\n"
        "open_feed('postgresql://u:secret@h/db', {})"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50, check=False)
    last = ended.stderr.splitlines()[-1]
    assert last.startswith("acrawl.errors.MissingExtra")
    assert "pip install 'acrawl[postgres]'" in last
    assert "secret" not in last


@pytest.mark.process
def test_whatever_is_killed_every_item_is_one_row(tmp_path, url):
    killed_again_and_again(tmp_path, url)
    rows = sorted(table(url), key=lambda row: row["n"])
    assert [row["n"] for row in rows] == list(range(ITEMS))
    for n, row in enumerate(rows):
        expected = item(n)
        assert [row[key] for key in ("text", "tags", "price")] == [expected[key] for key in ("text", "tags", "price")]
        late = expected.get("late")
        assert row["late"] == (f'{{"deep":{n}}}' if isinstance(late, dict) else late)
