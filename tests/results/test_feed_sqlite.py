"""SQLite: every item is one row, whatever its fields are called and hold, and whatever is killed."""

import datetime
import json
import os
import sqlite3

import pytest

from acrawl.errors import CrawlFailed, EnvironmentProblem, FolderProblem, UsageError
from acrawl.results.base import Row
from acrawl.results.feeds import open_feed, open_feeds
from results.kills import ITEMS, item, killed_again_and_again


def stored(spec, items, marks=None, first=0, **options):
    """Write, commit and close; returns what could not be held, and the marks."""
    feed = open_feed(str(spec), marks or {}, **options)
    unfit = feed.write([Row(f"id{number}", value) for number, value in enumerate(items, first)])
    marks = feed.commit()
    feed.close()
    return unfit, marks


def table(path, name="items"):
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    found = [dict(row) for row in connection.execute(f'SELECT * FROM "{name}" ORDER BY rowid')]
    connection.close()
    return found


@pytest.mark.parametrize(
    ("spec", "name"),
    [("a.sqlite", "items"), ("a.db", "items"), ("a.x:sqlite", "items"), ("a.sqlite#books", "books"),
     ("a.x#my books:sqlite", "my books"), ("new/a.sqlite3#select", "select")],
)  # fmt: skip
def test_items_become_rows_of_the_named_table(tmp_path, spec, name):
    assert stored(tmp_path / spec, [{"n": 1}, {"n": 2}])[0] == []
    path = tmp_path / spec.partition("#")[0].removesuffix(":sqlite")
    assert table(path, name) == [{"item_id": "id0", "n": 1}, {"item_id": "id1", "n": 2}]
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_values_keep_their_types_and_nested_ones_are_json(tmp_path):
    moment = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    value = {"t": "007", "f": 2.0, "b": b"\0\xff", "y": True, "no": None, "when": moment, "big": 1 << 70,
             "deep": {"a": [1, "é"]}}  # fmt: skip
    stored(tmp_path / "a.sqlite", [value, {"t": 7, "f": "2", "deep": []}])
    first, second = table(tmp_path / "a.sqlite")
    assert first == {
        "item_id": "id0", "t": "007", "f": 2.0, "b": b"\0\xff", "y": 1, "no": None,
        "when": "2026-01-02T03:04:05+00:00", "big": str(1 << 70), "deep": '{"a":[1,"é"]}',
    }  # fmt: skip
    assert (second["t"], second["f"], second["deep"]) == (7, "2", "[]")


def test_columns_come_with_the_fields_also_when_a_crawl_goes_on(tmp_path):
    path = tmp_path / "a.sqlite"
    _, marks = stored(path, [{"a": 1}, {"b": 2}])
    stored(path, [{"c": 3, "a": 4}], marks, first=2)
    assert [tuple(row.values())[1:] for row in table(path)] == [(1, None, None), (None, 2, None), (4, None, 3)]


def test_any_name_of_a_field_has_a_column_of_its_own(tmp_path):
    names = ["Title", "title", "item_id", "", 'sel"ect', "from", "a b", "n\0l", "x" * 2000]
    for _ in range(2):  # and the same again when the crawl goes on
        stored(tmp_path / "a.sqlite", [{name: number for number, name in enumerate(names)}])
    (row,) = table(tmp_path / "a.sqlite")
    assert list(row.values()) == ["id0", *range(len(names))]
    assert list(row)[:9] == ["item_id", "Title", "title_2", "item_id_2", "_", 'sel"ect', "from", "a b", "n\ufffdl"]


def test_an_item_that_comes_again_replaces_its_row(tmp_path):
    for price in (1, 2):
        stored(tmp_path / "a.sqlite", [{"price": price}])
    assert table(tmp_path / "a.sqlite") == [{"item_id": "id0", "price": 2}]


def test_what_was_not_committed_is_not_there(tmp_path):
    feed = open_feed(str(tmp_path / "a.sqlite"), {})
    feed.write([Row("1", {"n": 1})])
    feed.close()
    feed.close()
    assert table(tmp_path / "a.sqlite") == []


def test_items_that_it_cannot_hold_are_handed_back_and_the_others_written(tmp_path):
    feed = open_feed(str(tmp_path / "a.sqlite"), {})
    items = [{"n": 1}, ["no fields"], {"n": object()}, {"n": "\ud800"}, {str(n): n for n in range(1000)}, {"n": 2}]
    unfit = feed.write([Row(str(number), value) for number, value in enumerate(items)])
    feed.commit()
    feed.close()
    assert sorted(place for place, _ in unfit) == [1, 2, 3, 4]
    assert "this is a list" in unfit[0][1]
    assert [row["n"] for row in table(tmp_path / "a.sqlite")] == [1, 2]


def test_a_table_that_somebody_made_keeps_its_own_columns_and_rules(tmp_path):
    connection = sqlite3.connect(tmp_path / "a.sqlite")
    connection.execute("CREATE TABLE items(note TEXT DEFAULT 'mine', item_id TEXT UNIQUE, n INTEGER NOT NULL)")
    connection.close()
    unfit, _ = stored(tmp_path / "a.sqlite", [{"n": 1}, {"n": None}])
    assert [place for place, _ in unfit] == [1]
    assert table(tmp_path / "a.sqlite") == [{"note": "mine", "item_id": "id0", "n": 1}]


def test_several_crawls_write_to_one_table_at_a_time(tmp_path):
    first, second = (open_feed(str(tmp_path / "a.sqlite"), {}) for _ in range(2))
    for round_ in range(3):
        for number, feed in enumerate((first, second)):
            feed.write([Row(f"{number}-{round_}", {"n": number, f"f{round_}": round_})])
            feed.commit()
    first.close()
    second.close()
    assert len(table(tmp_path / "a.sqlite")) == 6


def test_overwriting_empties_the_named_table_only_and_never_with_a_mark(tmp_path):
    path = tmp_path / "a.sqlite"
    stored(f"{path}#other", [{"n": 0}])
    stored(path, [{"n": 1}])
    _, marks = stored(path, [{"n": 2}], first=1, overwrite=True)
    stored(path, [], marks, overwrite=True)
    assert [row["n"] for row in table(path) + table(path, "other")] == [2, 0]


@pytest.mark.parametrize("left", ["nothing", "another table"])
def test_a_table_that_is_gone_is_refused_by_name(tmp_path, left):
    path = tmp_path / "a.sqlite"
    _, marks = stored(path, [{"n": 1}])
    path.unlink()
    if left != "nothing":
        stored(f"{path}#other", [{"n": 1}])
    with pytest.raises(EnvironmentProblem, match=r"a\.sqlite: has no table 'items', but items were delivered"):
        open_feed(str(path), marks)
    assert path.exists() == (left != "nothing")


def test_what_is_no_table_of_items_is_refused_and_left_as_it_is(tmp_path):
    path = tmp_path / "a.sqlite"
    path.write_text("a text of somebody")
    with pytest.raises(EnvironmentProblem, match="is no SQLite database"):
        open_feed(str(path), {})
    assert path.read_text() == "a text of somebody"
    path.unlink()
    connection = sqlite3.connect(path)
    connection.executescript("CREATE TABLE items(title); CREATE VIEW seen AS SELECT title AS item_id FROM items")
    connection.close()
    with pytest.raises(EnvironmentProblem, match=r"a table 'items' that is none of items .* name another one as"):
        open_feed(str(path), {})
    with pytest.raises(EnvironmentProblem, match=r"a view 'seen' that is none of items"):
        open_feed(f"{path}#seen", {})
    assert table(path) == []


def test_folders_and_places_that_cannot_be_written_are_refused(tmp_path):
    (tmp_path / "a.sqlite").mkdir()
    with pytest.raises(FolderProblem, match="is a folder"):
        open_feed(str(tmp_path / "a.sqlite"), {})
    with pytest.raises(EnvironmentProblem, match=r"/proc/a.sqlite: cannot be opened"):
        open_feed("/proc/a.sqlite", {})


def test_what_is_no_regular_file_and_one_file_for_two_feeds_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for spec in (f"{tmp_path}/pipe:sqlite", "/dev/null:sqlite", "/dev/null:parquet"):
        with pytest.raises(FolderProblem, match="is no regular file"):
            open_feed(spec, {})
    with pytest.raises(UsageError, match="another -o writes to it"):
        open_feeds([f"{tmp_path}/a.sqlite", f"{tmp_path}/../{tmp_path.name}/a.sqlite#other"], {})


def test_a_full_disk_fails_the_crawl_and_what_was_committed_stays(tmp_path):
    path = tmp_path / "a.sqlite"
    feed = open_feed(str(path), {})
    feed.write([Row("1", {"n": 1})])
    feed.commit()
    feed._connection.execute("PRAGMA max_page_count = 4")
    with pytest.raises(CrawlFailed, match="database or disk is full; mend it and resume"):
        feed.write([Row("2", {"n": "x" * 100_000})])
    feed.close()
    assert [row["n"] for row in table(path)] == [1]


@pytest.mark.process
def test_whatever_is_killed_every_item_is_one_row(tmp_path):
    path = tmp_path / "a.sqlite"
    killed_again_and_again(tmp_path, str(path))
    rows = table(path)
    assert [row["n"] for row in rows] == list(range(ITEMS))
    for n, row in enumerate(rows):
        expected = item(n)
        assert (row["text"], json.loads(row["tags"]), row["price"]) == (f"é{n}", expected["tags"], expected["price"])
