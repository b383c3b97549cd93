"""FEEDS of custom_settings: what they are as -o, and that they are used where none is given."""

import logging
import subprocess
import sys

import pytest

from acrawl.errors import SettingsError
from acrawl.scrapy.feeds import feeds_of

SPIDER = """
from acrawl.scrapy import Spider

class Shop(Spider):
    name = "shop"
    start_urls = [ORIGIN + "/"]
    custom_settings = {
        "FEEDS": {"%(name)s.json": {"format": "json"}, "c.txt": {"format": "csv", "fields": {"c": "see"}}},
        "FEED_EXPORT_FIELDS": ["b", "a"],
    }

    def parse(self, response):
        yield {"a": 1, "b": 2, "c": 3}
"""


@pytest.mark.parametrize(
    ("more", "texts"),
    [([], {"shop.json": '[\n{"b":2,"a":1}\n]\n', "c.txt": "c\n3\n"}), (["-o", "x.csv"], {"x.csv": "b,a\n2,1\n"})],
)
def test_the_feeds_of_a_spider_are_used_where_no_other_is_given(live, tmp_path, more, texts):
    live.page("/")
    (tmp_path / "shop.py").write_text(f"ORIGIN = {live.origin!r}\n{SPIDER}")
    command = [sys.executable, "-m", "acrawl", "run", "shop.py", "--workers", "1", *more]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "no effect" not in done.stderr
    assert ("c.txt: fields are chosen, but keep their names" in done.stderr) == ("c.txt" in texts)
    assert {path.name: path.read_text() for path in tmp_path.iterdir() if path.name in texts} == texts
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {"shop.py", *texts}


@pytest.mark.parametrize(
    ("path", "how", "spec"),
    [
        ("a.jsonl", {}, "a.jsonl"),
        ("a.out", {"format": "jsonlines"}, "a.out:jsonl"),
        ("file:///tmp/a.csv.gz", {"format": "csv"}, "/tmp/a.csv.gz:csv"),
        ("stdout:", {"format": "xml"}, "-:xml"),
        ("%(name)s/%(time)s-%(batch_id)05d{x}%%.json", {"format": "json"}, "{name}/{time}-{batch:05}{{x}}%.json:json"),
    ],
)
def test_paths_and_formats_are_said_as_here(path, how, spec):
    assert feeds_of({"FEEDS": {path: how}}) == (spec,)


def test_what_has_no_effect_is_named(caplog):
    feeds_of({"FEEDS": {"a.json": {"format": "json", "overwrite": True, "indent": 4, "encoding": None}}})
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "a.json: without effect: indent, overwrite" in record.getMessage()


def test_what_cannot_be_filled_in_is_refused():
    with pytest.raises(SettingsError, match=r"only %\(name\)s, %\(time\)s, %\(batch_id\)d can be filled in"):
        feeds_of({"FEEDS": {"%(site)s.json": {}}})
