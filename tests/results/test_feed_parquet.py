"""Parquet: one file with every item once, whatever fields come and whatever is killed."""

import datetime
import json
import logging
import pathlib
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from acrawl.errors import CrawlFailed, EnvironmentProblem, FolderProblem
from acrawl.results.base import Row
from acrawl.results.feeds import open_feed
from results.kills import ITEMS, item, killed_again_and_again


def stored(spec, *batches, marks=None, finish=True, **options):
    """Write and commit each batch; returns what could not be held, and the marks."""
    feed = open_feed(str(spec), marks or {}, **options)
    unfit = []
    for batch in batches:
        unfit += feed.write([Row(str(number), value) for number, value in enumerate(batch)])
        feed.commit()
    marks = feed.commit()
    if finish:
        feed.finish()
    feed.close()
    return unfit, marks


def table(path):
    return pq.read_table(path).to_pylist()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_one_file_holds_all_batches_and_nothing_else_stays(tmp_path):
    stored(tmp_path / "new" / "a.parquet", [{"n": 1}, {"n": 2}], [{"n": 3}])
    assert table(tmp_path / "new" / "a.parquet") == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert names(tmp_path / "new") == ["a.parquet"]
    assert pq.ParquetFile(tmp_path / "new" / "a.parquet").num_row_groups == 1


def test_values_keep_their_types_and_dicts_are_json(tmp_path):
    moment = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    value = {"t": "007", "f": 2.5, "b": b"\0\xff", "y": True, "no": None, "when": moment, "big": 1 << 70,
             "tags": ["a", "é"], "none": [], "deep": {"a": [1]}, "mixed": [1, "x", None],
             "pairs": [[1], [2]]}  # fmt: skip
    assert stored(tmp_path / "a.x:parquet", [value])[0] == []
    expected = {"big": str(1 << 70), "deep": '{"a":[1]}', "mixed": ["1", "x", None], "pairs": "[[1],[2]]"}
    assert table(tmp_path / "a.x") == [value | expected]


def test_new_fields_and_other_values_widen_columns_and_are_said(tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    path = tmp_path / "a.parquet"
    _, marks = stored(path, [{"price": 1, "same": 1, "x": True}], [{"price": 2.5, "late": "y", "x": [1]}])
    stored(path, [{"same": "text", "x": {"a": 1}, "price": None}], marks=marks)
    assert table(path) == [
        {"price": 1.0, "same": "1", "x": "true", "late": None},
        {"price": 2.5, "same": None, "x": "[1]", "late": "y"},
        {"price": None, "same": "text", "x": '{"a":1}', "late": None},
    ]
    assert "column price has values of int64, double: all are double" in caplog.text
    assert "column same has values of int64, string: all are string" in caplog.text


def test_a_crawl_that_goes_on_replaces_the_file_and_finishing_twice_changes_nothing(tmp_path):
    path = tmp_path / "a.parquet"
    feed = open_feed(str(path), {})
    for n in range(3):
        feed.write([Row(str(n), {"n": n})])
        feed.commit()
        feed.finish()
        feed.finish()
        assert [row["n"] for row in table(path)] == list(range(n + 1))
    marks = feed.commit()
    feed.close()
    stored(path, [{"n": 3}], marks=marks)
    assert [row["n"] for row in table(path)] == [0, 1, 2, 3]


def test_a_resumed_feed_forgets_the_parts_beyond_its_mark(tmp_path):
    path = tmp_path / "a.parquet"
    _, marks = stored(path, [{"n": 1}], finish=False)
    stored(path, [{"n": "lost"}], marks=marks, finish=False)
    assert not path.exists()
    stored(path, [{"n": 2}], marks=marks)
    assert table(path) == [{"n": 1}, {"n": 2}]


def test_without_a_mark_a_file_is_added_to_or_overwritten(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"n": pa.array([7], pa.int32()), "s": pa.array(["x"], pa.large_string())}), path)
    stored(path, [{"n": 8, "s": "y"}])
    assert table(path) == [{"n": 7, "s": "x"}, {"n": 8, "s": "y"}]
    stored(path, [{"n": 9}], overwrite=True)
    assert table(path) == [{"n": 9}]


def test_items_that_it_cannot_hold_are_handed_back_and_the_others_written(tmp_path):
    loop = []
    loop.append(loop)
    items = [{"n": 1}, ["no fields"], {"n": object()}, {"n": "\ud800"}, {"n": loop}, {}, {"n": 2}]
    unfit, _ = stored(tmp_path / "a.parquet", items)
    assert sorted(place for place, _ in unfit) == [1, 2, 3, 4]
    assert table(tmp_path / "a.parquet") == [{"n": 1}, {"n": None}, {"n": 2}]
    stored(tmp_path / "names.parquet", [{"item_id": 1, "n\0\ud800": 2, "": 3}])
    assert table(tmp_path / "names.parquet") == [{"item_id": 1, "n\ufffd?": 2, "_": 3}]
    (place, reason), *_ = stored(tmp_path / "b.parquet", [{}])[0]
    assert (place, reason) == (0, "Parquet cannot hold it: no item of its batch has a field")


def test_row_groups_are_bounded_in_rows_and_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr("acrawl.results.feeds.parquet.GROUP_BYTES", 100_000)
    stored(tmp_path / "a.parquet", *[[{"n": n, "text": "x" * 30_000}] for n in range(10)])
    file = pq.ParquetFile(tmp_path / "a.parquet")
    assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [4, 4, 2]
    assert [row["n"] for row in table(tmp_path / "a.parquet")] == list(range(10))


def test_parts_that_are_gone_or_of_another_crawl_are_refused_by_name(tmp_path):
    path = tmp_path / "a.parquet"
    _, marks = stored(path, [{"n": 1}], [{"n": 2}], finish=False)
    with pytest.raises(EnvironmentProblem, match=r"parts of a crawl that did not end lie in .*resume that crawl"):
        open_feed(str(path), {})
    (tmp_path / ".a.parquet.parts" / "2.parquet").unlink()
    with pytest.raises(EnvironmentProblem, match=r"part 2 of 2 is missing, but it was delivered"):
        open_feed(str(path), marks)
    stored(path, [{"n": 3}], overwrite=True)
    assert table(path) == [{"n": 3}]


def test_what_cannot_be_gone_on_with_is_refused(tmp_path):
    path = tmp_path / "a.parquet"
    path.write_text("a text of somebody")
    with pytest.raises(EnvironmentProblem, match="is no Parquet file"):
        open_feed(str(path), {})
    assert names(tmp_path) == ["a.parquet"]
    path.unlink()
    first = open_feed(str(path), {})
    with pytest.raises(EnvironmentProblem, match="another crawl"):
        open_feed(str(path), {})
    first.close()
    with pytest.raises(FolderProblem, match="cannot be written"):
        open_feed("/proc/a.parquet", {})
    path.mkdir()
    with pytest.raises(FolderProblem, match="is a folder"):
        open_feed(str(path), {})


def test_a_disk_that_fails_fails_the_crawl_and_what_was_committed_stays(tmp_path):
    path = tmp_path / "a.parquet"
    feed = open_feed(str(path), {})
    feed.write([Row("1", {"n": 1})])
    marks = feed.commit()
    feed.write([Row("2", {"n": 2})])
    (tmp_path / ".a.parquet.parts" / "part.tmp").symlink_to("/dev/full")
    with pytest.raises(CrawlFailed, match="No space left on device"):
        feed.commit()
    feed.close()
    stored(path, marks=marks)
    assert table(path) == [{"n": 1}]


def test_without_its_package_the_command_that_brings_it_is_said(tmp_path):
    code = (
        "import sys\n"
        "sys.modules['pyarrow'] = None\n"
        "from acrawl.results.feeds import open_feed\n"
        "open_feed('a.parquet', {})"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert "MissingExtra: -o" in ended.stderr
    assert "pip install 'acrawl[parquet]'" in ended.stderr
    assert names(tmp_path) == []


@pytest.mark.process
def test_whatever_is_killed_every_item_is_there_once_and_in_order(tmp_path):
    path = pathlib.Path(tmp_path / "a.parquet")
    killed_again_and_again(tmp_path, str(path))
    rows = table(path)
    assert [row["n"] for row in rows] == list(range(ITEMS))
    for n, row in enumerate(rows):
        expected = item(n)
        late = expected.get("late")
        assert [row[key] for key in ("text", "tags", "price")] == [expected[key] for key in ("text", "tags", "price")]
        assert row["late"] == (json.dumps(late, separators=(",", ":")) if isinstance(late, dict) else late)
    assert not (tmp_path / ".a.parquet.parts").exists()
