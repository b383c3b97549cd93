"""Fields that are chosen: for all feeds or one, in every kind of feed; and what is said of fields that come later."""

import contextlib
import csv
import logging
import resource
import sqlite3
import uuid

import psycopg
import pyarrow.parquet as pq
import pytest
from psycopg.rows import dict_row

from acrawl.errors import CrawlFailed
from acrawl.results.base import Row
from acrawl.results.feeds import Crawl, open_feed, open_feeds
from acrawl.settings import Feeds
from results.reading import records

STORES = ["a.sqlite", "a.parquet", "postgresql"]


@pytest.fixture
def spec(request, tmp_path, postgres):
    if request.param != "postgresql":
        return str(tmp_path / request.param)
    name = f"db{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return postgres.url(name)


def deliver(feed, *batches):
    number = 0
    for batch in batches:
        assert feed.write([Row(str(number + place), item) for place, item in enumerate(batch)]) == []
        feed.commit()
        number += len(batch)
    feed.finish()
    feed.close()


def table(spec):
    """The columns and the rows, without the key."""
    if spec.endswith(".csv"):
        with open(spec, newline="") as file:
            header, *rows = csv.reader(file)
        return header, rows
    if spec.endswith(".parquet"):
        found = pq.read_table(spec)
        return found.column_names, [list(row.values()) for row in found.to_pylist()]
    if spec.endswith(".sqlite"):
        with contextlib.closing(sqlite3.connect(spec)) as db:
            cursor = db.execute("SELECT * FROM items ORDER BY item_id")
            return [column for column, *_ in cursor.description][1:], [list(row[1:]) for row in cursor]
    with psycopg.connect(spec, row_factory=dict_row) as server:
        rows = server.execute("SELECT * FROM items ORDER BY item_id").fetchall()
        return list(rows[0])[1:], [list(row.values())[1:] for row in rows]


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.sqlite", "{batch}.json"])
def test_a_chosen_field_that_no_item_has_is_named_once_at_the_end(tmp_path, caplog, name):
    settings = Feeds(fields=("id", "price.amount", "prise"), batch_items=2 * ("{batch}" in name))
    feed = open_feed(str(tmp_path / name), {}, crawl=Crawl(settings))
    deliver(feed, [{"id": 1}, {"id": 2}], [{"id": 3, "price": {"amount": 5}}])
    feed.finish()
    feed.close()
    (said,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert said == f"-o {tmp_path / name}: none of 3 items has the field prise"


@pytest.mark.parametrize("spec", STORES, indirect=True)
def test_a_store_has_only_the_chosen_fields_in_their_order(spec):
    feed = open_feed(spec, {}, crawl=Crawl(Feeds(fields=("b", "a"))))
    deliver(feed, [{"a": 1, "b": 2, "c": {}}, {"c": 3}], [{"a": 4, "d": object()}])
    assert table(spec) == (["b", "a"], [[2, 1], [None, None], [None, 4]])


@pytest.mark.parametrize("spec", STORES, indirect=True)
def test_one_line_says_which_columns_came_later(spec, caplog):
    caplog.set_level(logging.INFO)
    deliver(open_feed(spec, {}), [{"a": 1}, {"a": 2}], [{"b": 3, "c": 4}], [{"a": 5}])
    assert table(spec)[0] == ["a", "b", "c"]
    (line,) = caplog.messages
    assert line.endswith("in the rows before: b, c")
    assert "s3cr" not in line


def test_each_feed_may_have_fields_of_its_own(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    own = {"a.txt": ("y",), "b.xml:jsonl": ("z", "y"), "elsewhere.csv": ("x",)}
    crawl = Crawl(Feeds(fields=("x",), fields_of=own))
    for feed in open_feeds(["a.txt:csv", "b.xml:jsonl", "c.json"], {}, crawl=crawl):
        deliver(feed, [{"x": 1, "y": 2, "z": 3}])
    assert (tmp_path / "a.txt").read_text() == "y\n2\n"
    assert (tmp_path / "b.xml").read_text() == '{"z":3,"y":2}\n'
    assert records(tmp_path / "c.json") == [{"x": "1"}]
    assert caplog.messages == ["feeds.fields_of: no -o is called elsewhere.csv"]


@pytest.mark.parametrize("spec", [*STORES, "a.csv"], indirect=True)
def test_dicts_become_columns_where_that_is_wanted(spec):
    feed = open_feed(spec, {}, crawl=Crawl(Feeds(flatten=True)))
    deep = {"n": 1, "price": {"amount": 5, "in": {"unit": "EUR"}}, "none": {}, "tags": [{"t": 1}]}
    deliver(feed, [deep, {"n": 2, "price": "free"}], [{"n": 3, "price.amount": 6, "price": {"amount": 7}}])
    columns, rows = table(spec)
    assert columns == ["n", "price.amount", "price.in.unit", "none", "tags", "price"]
    texts = [["" if cell is None else str(cell) for cell in row] for row in rows]
    assert [row[:3] + row[5:] for row in texts] == [["1", "5", "EUR", ""], ["2", "", "", "free"], ["3", "6", "", ""]]
    assert texts[0][4].replace(" ", "").replace("'", '"') in ('[{"t":1}]', '["{"t":1}"]')


@pytest.mark.parametrize("spec", [*STORES, "a.csv"], indirect=True)
def test_a_part_of_a_dict_is_chosen_by_its_path(spec):
    feed = open_feed(spec, {}, crawl=Crawl(Feeds(fields=("price.amount", "a.b"))))
    deliver(feed, [{"price": {"amount": 5}, "a.b": 1}, {"price": 7, "a": {"b": 2}}])
    columns, rows = table(spec)
    assert columns == ["price.amount", "a.b"]
    assert [["" if cell is None else str(cell) for cell in row] for row in rows] == [["5", "1"], ["", "2"]]


@pytest.mark.parametrize("spec", ["a.sqlite", "a.parquet"], indirect=True)
def test_a_full_disk_fails_the_crawl_and_with_room_it_goes_on(spec):
    batches = [[{"n": n, "noise": uuid.uuid4().hex * 100} for n in range(start, start + 20)] for start in (0, 20, 40)]
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    feed = open_feed(spec, {})
    marks = [feed.commit()]

    def write(first):
        for number, batch in list(enumerate(batches))[first:]:
            feed.write([Row(f"{number}-{place:02}", item) for place, item in enumerate(batch)])
            marks.append(feed.commit())

    resource.setrlimit(resource.RLIMIT_FSIZE, (64_000 if "sqlite" in spec else 10_000, unlimited[1]))
    try:
        with pytest.raises(CrawlFailed, match=r"^the feed .* cannot be written: .*; mend it and resume$"):
            write(0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
        feed.close()
    feed = open_feed(spec, marks[-1])
    write(len(marks) - 1)
    feed.finish()
    feed.close()
    assert table(spec) == (["n", "noise"], [list(item.values()) for batch in batches for item in batch])
