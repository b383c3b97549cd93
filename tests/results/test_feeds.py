"""Feeds: what was committed stays, what was not is cut off, and every refusal comes before the crawl begins."""

import datetime
import json
import subprocess
import sys

import pytest

from acrawl.errors import CrawlFailed, EnvironmentProblem, FolderProblem, UsageError
from acrawl.results.base import Row
from acrawl.results.feeds import open_feed, open_feeds


def opened(spec, marks=None, **options):
    return open_feed(str(spec), marks or {}, **options)


def rows(items):
    return [Row(str(number), item) for number, item in enumerate(items)]


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.JL", "a.txt:jsonl", "new/folder/a.jsonl"])
def test_items_become_lines(tmp_path, name):
    feed = opened(tmp_path / name)
    assert feed.write(rows([{"n": 1}, {"n": 2}])) == []
    (length,) = feed.commit().values()
    feed.close()
    path = tmp_path / name.removesuffix(":jsonl")
    assert lines(path) == [{"n": 1}, {"n": 2}]
    assert path.stat().st_size == length


def test_values_without_a_json_form_have_a_stated_one(tmp_path):
    moment = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    feed = opened(tmp_path / "a.jsonl")
    feed.write(rows([{"z": b"\0\xff", "a": moment, "n": float("nan"), "u": "\u2028é\n", 3: "key"}]))
    feed.close()
    text = (tmp_path / "a.jsonl").read_text()
    assert text.count("\n") == 1
    assert list(json.loads(text).items()) == [
        ("z", "AP8="), ("a", "2026-01-02T03:04:05Z"), ("n", None), ("u", "\u2028é\n"), ("3", "key"),
    ]  # fmt: skip


def test_items_that_json_cannot_hold_are_handed_back_and_the_others_written(tmp_path):
    feed = opened(tmp_path / "a.jsonl")
    loop = []
    loop.append(loop)
    unfit = feed.write(rows([{"n": 1}, {"bad": object()}, {"n": 2}, {"bad": loop}, {"n": 3}]))
    assert [place for place, _ in unfit] == [1, 3]
    assert "JSON cannot hold it" in unfit[0][1]
    assert list(feed.commit().values()) == [(tmp_path / "a.jsonl").stat().st_size]
    feed.close()
    assert lines(tmp_path / "a.jsonl") == [{"n": 1}, {"n": 2}, {"n": 3}]


def test_a_resumed_feed_is_cut_to_its_mark(tmp_path):
    path = tmp_path / "a.jsonl"
    feed = opened(path)
    feed.write(rows([{"n": 1}]))
    marks = feed.commit()
    feed.write(rows([{"n": "lost"}]))
    feed.close()
    with path.open("a") as file:
        file.write('{"n": "to')
    feed = opened(path, marks)
    assert feed.commit() == marks
    feed.write(rows([{"n": 2}]))
    feed.close()
    assert lines(path) == [{"n": 1}, {"n": 2}]


def test_without_a_mark_a_file_is_appended_to_and_the_mark_spares_it(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"n": "mine"}')  # and the last line is open
    feed = opened(path)
    marks = feed.commit()
    feed.write(rows([{"n": "lost"}]))
    feed.close()
    feed = opened(path, marks)
    feed.write(rows([{"n": 1}]))
    feed.close()
    assert lines(path) == [{"n": "mine"}, {"n": 1}]


def test_without_a_mark_a_file_can_be_overwritten_but_never_with_one(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"n": "old"}\n')
    feed = opened(path, overwrite=True)
    feed.write(rows([{"n": 1}]))
    marks = feed.commit()
    feed.close()
    assert lines(path) == [{"n": 1}]
    opened(path, marks, overwrite=True).close()
    assert lines(path) == [{"n": 1}]


@pytest.mark.parametrize("left", [None, "", '{"n"'])
def test_a_file_shorter_than_its_mark_is_refused_by_name(tmp_path, left):
    path = tmp_path / "a.jsonl"
    if left is not None:
        path.write_text(left)
    with pytest.raises(EnvironmentProblem, match=r"a\.jsonl: has \d bytes, but 100 were delivered") as caught:
        opened(path, {str(path): 100})
    assert caught.value.exit_code == 3
    assert path.exists() == (left is not None)


@pytest.mark.parametrize(
    "spec",
    ["a", "a.yaml", "a.jsonl:yaml", "a.gz", "mysql://host/db", "s3://b/a.jsonl", "", ":jsonl", "-:sqlite", "a.db.gz"],
)
def test_a_format_that_is_not_known_is_refused_with_those_that_are(spec, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"jsonl|PATH\[:format\]"):
        opened(spec)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_refused(tmp_path):
    (tmp_path / "a.jsonl").mkdir()
    with pytest.raises(FolderProblem, match="is a folder"):
        opened(tmp_path / "a.jsonl")


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderProblem, match="cannot be written"):
        opened(tmp_path / "file" / "a.jsonl")


def test_an_unwritable_folder_is_refused():
    with pytest.raises(FolderProblem, match=r"-o /proc/a.jsonl: cannot be written"):  # not even by root
        opened("/proc/a.jsonl")


def test_a_file_has_one_writer(tmp_path):
    first = opened(tmp_path / "a.jsonl")
    with pytest.raises(EnvironmentProblem, match="another crawl"):
        opened(tmp_path / "a.jsonl")
    first.close()
    opened(tmp_path / "a.jsonl").close()


def test_when_one_of_several_cannot_be_opened_none_stays_open(tmp_path):
    with pytest.raises(UsageError):
        open_feeds([str(tmp_path / "a.jsonl"), "b.unknown"], {})
    opened(tmp_path / "a.jsonl").close()


def test_a_full_disk_fails_the_crawl():
    feed = opened("/dev/full:jsonl")
    with pytest.raises(CrawlFailed, match="No space left on device"):
        feed.write(rows([{"n": 1}]))
    feed.close()
    feed.close()


def run(code, **options):
    return subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, **options)


@pytest.mark.process
def test_a_dash_is_standard_output():
    code = (
        "from acrawl.results.base import Row\n"
        "from acrawl.results.feeds import open_feed\n"
        "feed = open_feed('-', {})\n"
        "feed.write([Row('1', {'n': 1})])\n"
        "assert feed.commit() == {}\n"
        "feed.finish()\n"
        "feed.close()\n"
        "print('still open')"
    )
    process = run(code, stdout=subprocess.PIPE)
    out, errors = process.communicate(timeout=20)
    assert (out, errors) == (b'{"n":1}\nstill open\n', b"")


@pytest.mark.process
def test_a_reader_that_went_away_fails_the_crawl():
    code = (
        "import sys\n"
        "from acrawl.errors import CrawlFailed\n"
        "from acrawl.results.base import Row\n"
        "from acrawl.results.feeds import open_feed\n"
        "feed = open_feed('-:jsonl', {})\n"
        "sys.stdin.read()\n"
        "try:\n"
        "    feed.write([Row('1', {'n': 1})])\n"
        "except CrawlFailed as error:\n"
        "    sys.exit(str(error))\n"
    )
    process = run(code, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdout.close()
    process.stdout = None
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 1
    assert b"the feed standard output cannot be written: Broken pipe" in errors
