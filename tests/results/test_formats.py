"""Forms of files: what items become, what cannot be held, and what a new field does to a table."""

import csv
import dataclasses
import datetime
import fcntl
import gzip
import io
import json
import logging
import os
import shutil
import subprocess

import pytest
from lxml import etree

from acrawl.errors import EnvironmentProblem, UsageError
from acrawl.results.base import Row
from acrawl.results.feeds import BEGAN, Crawl, growing, open_feed, open_feeds
from acrawl.settings import Feeds
from results.reading import records

FORMS = ["jsonl", "json", "csv", "xml"]
MOMENT = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)


@dataclasses.dataclass
class Product:
    name: str
    price: float


def rows(items):
    return [Row(str(number), item) for number, item in enumerate(items)]


def opened(path, marks=None, *, overwrite=False, **settings):
    return open_feed(str(path), marks or {}, overwrite=overwrite, crawl=Crawl(Feeds(**settings), "my shop"))


def written(path, *deliveries, **settings):
    """Deliver into a feed and end it; returns the unfit."""
    feed = opened(path, **settings)
    unfit = []
    for items in deliveries:
        unfit += feed.write(rows(items))
        feed.commit()
    feed.finish()
    feed.close()
    return unfit


def cells(path):
    return list(csv.reader(io.StringIO(path.read_bytes().decode(), newline=""), strict=True))


@pytest.mark.parametrize("compression", ["", ".gz", ".zst"])
@pytest.mark.parametrize("form", FORMS)
def test_a_feed_is_whole_when_it_has_finished_and_goes_on_as_if_it_had_not(tmp_path, form, compression):
    path = tmp_path / f"a.{form}{compression}"
    feed = opened(path)
    feed.commit()
    feed.finish()
    if form in {"json", "xml"}:
        assert records(path) == []
    feed.write(rows([{"n": 1}, {"n": 2}]))
    marks = feed.commit()
    feed.finish()
    feed.finish()
    assert records(path) == [{"n": "1"}, {"n": "2"}]
    feed.write(rows([{"n": "lost"}]))
    feed.close()
    feed = opened(path, marks)
    feed.write(rows([{"n": 3}]))
    feed.commit()
    feed.finish()
    feed.close()
    assert records(path) == [{"n": "1"}, {"n": "2"}, {"n": "3"}]


@pytest.mark.parametrize("tool", ["gzip", "zstd"])
def test_compressed_files_are_read_by_the_tools_even_without_an_item(tmp_path, tool):
    assert shutil.which(tool), f"{tool} is not installed: tools/test_deps.sh"
    suffix = {"gzip": "gz", "zstd": "zst"}[tool]
    written(tmp_path / f"none.jsonl.{suffix}", [])
    written(tmp_path / f"some.jsonl.{suffix}", [{"n": 1}], [{"n": 2}])
    out = [
        subprocess.run([tool, "-dc", tmp_path / f"{name}.jsonl.{suffix}"], capture_output=True, check=True).stdout
        for name in ("none", "some")
    ]
    assert out == [b"", b'{"n":1}\n{"n":2}\n']


@pytest.mark.parametrize("form", FORMS)
def test_an_item_that_a_form_cannot_hold_is_handed_back_and_the_others_written(tmp_path, form):
    path = tmp_path / f"a.{form}"
    unfit = written(path, [{"n": 1}, {"bad": object()}, {"n": 2}, {"bad": [object()]}])
    assert [place for place, _ in unfit] == [1, 3]
    assert "cannot hold it" in unfit[0][1]
    assert records(path) == [{"n": "1"}, {"n": "2"}]


@pytest.mark.parametrize("form", FORMS)
def test_only_the_fields_of_the_setting_are_written_in_its_order(tmp_path, form):
    path = tmp_path / f"a.{form}"
    written(path, [{"x": 0, "b": 1, "a": 2}, {"b": 3}], [{"a": 4, "y": 5}], fields=("a", "b"))
    assert records(path) == [{"a": "2", "b": "1"}, {"b": "3"}, {"a": "4"}]
    assert list(records(path)[0]) == ["a", "b"]


@pytest.mark.parametrize("form", ["json", "xml"])
def test_nothing_is_added_to_somebody_elses_document(tmp_path, form):
    path = tmp_path / f"a.{form}"
    path.write_text("[1]")
    with pytest.raises(EnvironmentProblem, match=rf"a\.{form}: there is something in it.*--fresh"):
        opened(path)
    assert path.read_text() == "[1]"
    written(path, [{"n": 1}], overwrite=True)
    assert records(path) == [{"n": "1"}]


def test_a_compressed_file_that_is_none_is_refused(tmp_path):
    (tmp_path / "a.jsonl.gz").write_text("not gzip")
    with pytest.raises(EnvironmentProblem, match=r"a\.jsonl\.gz: cannot be decompressed"):
        opened(tmp_path / "a.jsonl.gz")


@pytest.mark.parametrize("form", FORMS)
def test_a_compressed_file_without_an_item_is_like_none(tmp_path, form):
    (tmp_path / f"a.{form}.gz").write_bytes(gzip.compress(b""))
    written(tmp_path / f"a.{form}.gz", [{"n": 1}])
    assert records(tmp_path / f"a.{form}.gz") == [{"n": "1"}]


def test_json_is_one_array_with_an_item_a_line(tmp_path):
    written(tmp_path / "a.json", [{"n": 1}], [{"n": 2}, [3]])
    assert (tmp_path / "a.json").read_text() == '[\n{"n":1},\n{"n":2},\n[3]\n]\n'


def test_cells_are_text_or_json_and_never_altered(tmp_path):
    path = tmp_path / "a.csv"
    item = {
        "text": 'a "b",\r\nc', "none": None, "yes": True, "float": 0.5, "nan": float("nan"), "big": 1 << 80,
        "list": [1, "é"], "bytes": b"\0\xff", "when": MOMENT, "formula": "=1+1", 7: "key",
    }  # fmt: skip
    written(path, [item, Product("p", 1.5)])
    header, row, product = cells(path)
    assert dict(zip(header, row, strict=False)) == {
        "text": 'a "b",\r\nc', "none": "", "yes": "true", "float": "0.5", "nan": "", "big": str(1 << 80),
        "list": '[1,"é"]', "bytes": "AP8=", "when": "2026-01-02T03:04:05Z", "formula": "=1+1", "7": "key",
        "name": "", "price": "",
    }  # fmt: skip
    assert product == [""] * 11 + ["p", "1.5"]
    assert path.read_bytes().endswith(b"\r\n")


def test_an_item_without_fields_has_no_place_in_a_table(tmp_path):
    unfit = written(tmp_path / "a.csv", ["text", {}, {"n": 1}, {"s": "\ud800"}])
    assert [place for place, _ in unfit] == [0, 1, 3]
    assert "a row needs fields" in unfit[0][1]
    assert cells(tmp_path / "a.csv") == [["n"], ["1"]]


@pytest.mark.parametrize("compression", ["", ".gz", ".zst"])
def test_a_new_field_becomes_a_column_of_all_rows_and_one_warning_says_so(tmp_path, compression, caplog):
    path = tmp_path / f"a.csv{compression}"
    written(path, [{"a": 1}, {"a": 'x\n"y"'}, {"a": ""}], [{"b": 2, "a": 3}, {"c": 4}], [{"b": 5}])
    assert records(path) == [{"a": "1"}, {"a": 'x\n"y"'}, {}, {"a": "3", "b": "2"}, {"c": "4"}, {"b": "5"}]
    (warning,) = [record.getMessage() for record in caplog.records]
    assert warning.startswith(f"-o {path}: items with new fields have come: the file was rewritten with 3 columns")
    assert list(tmp_path.iterdir()) == [path]


def test_a_large_table_is_rewritten_only_so_often_and_then_has_a_column_for_all_further_fields(
    tmp_path, caplog, monkeypatch
):
    monkeypatch.setattr(growing, "SMALL", 0)
    monkeypatch.setattr(growing, "REWRITES", 2)
    path = tmp_path / "a.csv"
    feed, marks = opened(path), {}
    for number, item in enumerate([{"a": 1}, {"b": 2}, {"c": {"x": 1}, "a": 3}, {"d": 4, "b": None}, {"a": 5}]):
        feed.write([Row(str(number), item)])
        marks |= feed.commit()
    feed.close()
    feed = opened(path, marks)
    feed.write([Row("6", {"_more_fields": "own", "e": True, "a": 6})])
    feed.commit()
    feed.close()
    assert path.read_text().splitlines() == [
        "a,b,_more_fields", "1,,", ",2,", '3,,"{""c"":{""x"":1}}"', ',,"{""d"":4}"', "5,,",
        '6,,"{""_more_fields"":""own"",""e"":true}"',
    ]  # fmt: skip
    assert "the last one takes all further fields, as JSON" in caplog.text
    assert len(caplog.records) == 2


def test_a_table_has_so_many_columns_and_the_others_are_json(tmp_path):
    feed = opened(tmp_path / "a.csv")
    assert feed.write([Row("1", {f"f{n}": n for n in range(1000)})]) == []
    feed.commit()
    feed.close()
    header, row = cells(tmp_path / "a.csv")
    assert len(header) == 900
    assert header[-2:] == ["f898", "_more_fields"]
    assert json.loads(row[-1]) == {f"f{n}": n for n in range(899, 1000)}


def test_a_table_that_was_there_keeps_its_columns(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("b,a\n1,2")  # and the last line is open
    written(path, [{"a": 3}], [{"a": 4, "c": 5}])
    assert cells(path) == [["b", "a", "c"], ["1", "2", ""], ["", "3", ""], ["", "4", "5"]]
    with pytest.raises(EnvironmentProblem, match=r"its columns are b, a, c, and not those of feeds\.fields"):
        opened(path, fields=("a",))


@pytest.mark.parametrize("content", [b"\xff\xfe,b\r\n1,2\r\n", b"a" * 200_000 + b",b\r\n"])
def test_what_is_no_table_is_refused(tmp_path, content):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(EnvironmentProblem, match=r"a\.csv: cannot be read as CSV in UTF-8"):
        opened(tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_bytes() == content


def test_a_link_to_a_table_stays_one_and_the_file_keeps_its_rights(tmp_path):
    (tmp_path / "real").mkdir()
    path = tmp_path / "real" / "a.csv"
    path.touch(0o640)
    (tmp_path / "a.csv").symlink_to(path)
    written(tmp_path / "a.csv", [{"a": 1}], [{"b": 2}], [])
    assert cells(path) == [["a", "b"], ["1", ""], ["", "2"]]
    assert (tmp_path / "a.csv").is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_table_that_lost_its_columns_is_refused(tmp_path):
    path = tmp_path / "a.csv"
    feed = opened(path)
    feed.write(rows([{"a": 1, "b": 2}]))
    marks = feed.commit()
    feed.close()
    path.write_text("one\r\n" * 10)
    with pytest.raises(EnvironmentProblem, match="does not have the 2 columns"):
        opened(path, marks)


def test_where_a_table_cannot_be_rewritten_new_fields_are_left_out_with_a_warning(tmp_path, caplog):
    os.mkfifo(tmp_path / "a.csv")
    feed = opened(tmp_path / "a.csv")
    for item in ({"a": 1}, {"a": 2, "b": 3}, {"b": 4}):
        feed.write(rows([item]))
    feed.finish()
    with open(tmp_path / "a.csv", "rb") as pipe:
        feed.close()
        assert pipe.read() == b'a\r\n1\r\n2\r\n""\r\n'
    (warning,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert "left out: b;" in warning


def test_xml_is_scrapys_and_holds_what_xml_cannot(tmp_path):
    path = tmp_path / "a.xml"
    item = {
        "name": "a & <b>\r\n\x00\x1b", "none": None, "yes": True, "list": [1, [2]], "dict": {"x": "y"},
        "my field": 1, "1st": 2, "": 3, "é:ü": 4,
    }  # fmt: skip
    written(path, [item, [1], "text"])
    assert path.read_text(encoding="utf-8").startswith('<?xml version="1.0" encoding="utf-8"?>\n<items>\n<item><name>')
    first, listed, text = etree.parse(path).getroot()
    assert first.findtext("name") == "a & <b>\r\n\ufffd\ufffd"
    assert [(field.tag, field.text) for field in first][1:3] == [("none", None), ("yes", "true")]
    assert [etree.tostring(field).decode() for field in first][3:5] == [
        "<list><value>1</value><value><value>2</value></value></list>",
        "<dict><x>y</x></dict>",
    ]
    assert [field.tag for field in first][5:] == ["my_field", "_1st", "_", "é_ü"]
    assert (listed.findtext("value"), text.text) == ("1", "text")


def test_a_path_has_the_spider_and_the_time_the_crawl_began(tmp_path):
    feed = opened(tmp_path / "{name}" / "{time}-{{x}}.jsonl", {BEGAN: 1_767_323_045})
    assert feed.name == str(tmp_path / "my_shop" / "2026-01-02T03-04-05-{x}.jsonl")
    feed.close()


def test_files_are_numbered_and_each_is_whole(tmp_path):
    for form in FORMS:
        written(tmp_path / f"{form}-{{batch:03}}.{form}", [{"n": n} for n in range(5)], [{"n": 5}], batch_items=2)
        parts = [records(path) for path in sorted(tmp_path.glob(f"{form}-*"))]
        assert parts == [[{"n": "0"}, {"n": "1"}], [{"n": "2"}, {"n": "3"}], [{"n": "4"}, {"n": "5"}]]
    assert (tmp_path / "csv-003.csv").exists()


def test_numbered_files_may_lie_in_a_folder_that_is_called_after_the_crawl(tmp_path):
    written(tmp_path / "{name}" / "{batch}.jsonl", [{"n": n} for n in range(3)], batch_items=2)
    assert [path.name for path in tmp_path.iterdir()] == ["my_shop"]
    assert sorted(path.name for path in (tmp_path / "my_shop").iterdir()) == ["1.jsonl", "2.jsonl"]


def test_a_file_ends_when_it_has_its_size(tmp_path):
    written(tmp_path / "{batch}.jsonl", [{"text": "x" * 100}] * 100, batch_bytes=3000)
    sizes = [path.stat().st_size for path in sorted(tmp_path.iterdir())]
    assert len(sizes) == 3
    assert all(3000 <= size < 3000 + 20 * 120 for size in sizes[:-1])


def test_places_of_unfit_items_hold_over_several_files(tmp_path):
    items = [{"n": 0}, {"bad": object()}, {"n": 1}, {"n": 2}, {"bad": object()}]
    unfit = written(tmp_path / "{batch}.json", items, batch_items=2)
    assert [place for place, _ in unfit] == [1, 4]
    assert [len(json.loads(path.read_text())) for path in sorted(tmp_path.iterdir())] == [2, 1]


def test_numbered_files_of_somebody_else_are_refused_and_overwritten_when_told(tmp_path):
    (tmp_path / "7.jsonl").write_text("mine")
    (tmp_path / "other.jsonl").write_text("mine")
    with pytest.raises(EnvironmentProblem, match=r"7\.jsonl is there already"):
        opened(tmp_path / "{batch}.jsonl", batch_items=1)
    with open(tmp_path / "7.jsonl", "rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(EnvironmentProblem, match="another crawl"):
            opened(tmp_path / "{batch}.jsonl", batch_items=1, overwrite=True)
    written(tmp_path / "{batch}.jsonl", [{"n": 1}], batch_items=1, overwrite=True)
    assert {path.name for path in tmp_path.iterdir()} == {"1.jsonl", "other.jsonl"}


@pytest.mark.parametrize(
    ("spec", "settings", "said"),
    [
        ("a.yaml", {}, "does not tell the format; known formats: jsonl, json, csv, xml"),
        ("items:jsno", {}, "there is no format 'jsno'; did you mean 'json'?"),
        ("a.cvs", {}, "does not tell the format; did you mean 'csv'?"),
        ("{nam}.csv", {}, r"there is no {nam} to fill in, only {name} \(the spider's name\), .*mean {name}\?"),
        ("{.csv", {}, "a brace that is part of a name is written {{ or }}"),
        ("{}.csv", {}, "there is no {} to fill in"),
        ("{name!r}.csv", {}, "write {name}"),
        ("{batch:x}.csv", {"batch_items": 1}, "write {batch} or {batch:04}"),
        ("{batch}/a.csv", {"batch_items": 1}, "behind the last slash"),
        ("{batch}-{batch}.csv", {"batch_items": 1}, "write it once"),
        ("{batch}.csv", {}, r"{batch} needs feeds\.batch_items or feeds\.batch_bytes"),
        ("a.csv", {"batch_items": 1}, r"feeds\.batch_items is set, but no -o has {batch} in its name"),
        ("a.csv", {"batch_bytes": 1}, r"feeds\.batch_bytes is set, but no -o has {batch} in its name"),
    ],
)
def test_what_is_wrong_with_a_path_is_said_in_one_line(tmp_path, monkeypatch, spec, settings, said):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=said) as caught:
        open_feeds([spec], {}, crawl=Crawl(Feeds(**settings)))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith((f"-o {spec}: ", "feeds."))
    assert list(tmp_path.iterdir()) == []
