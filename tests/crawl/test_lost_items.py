"""What the end of a crawl says of items that a pipeline drops or fails on."""

from __future__ import annotations

import pathlib

from acrawl.errors import EXIT_OK
from crawl.command import records

SPIDER = """
from acrawl import DropItem, Spider


class Priced:
    def process_item(self, item):
        if item["n"] == 1:
            raise DropItem("too cheap")
        return {"price": item["price"]}


class Shop(Spider):
    pipelines = (Priced,)

    def __init__(self, url):
        super().__init__(url=url)
        self.start_urls = [url]

    def parse(self, response):
        yield {"n": 1}
        yield {"n": 2}
        yield {"n": 3, "price": 5}
"""


def test_items_are_told_by_what_became_of_them_and_those_that_failed_can_be_listed(
    live, acrawl, typed, tmp_path: pathlib.Path
):
    live.page("/")
    (tmp_path / "shop.py").write_text(SPIDER)
    done = acrawl("run", "shop.py", "-a", f"url={live.url()}", "-o", "items.jsonl", "--workers", 1)
    assert done.code == EXIT_OK, done.err
    assert records(tmp_path / "items.jsonl") == [{"price": 5}]
    said = [line.split(maxsplit=2) for line in done.err.splitlines() if line.startswith("items ")]
    assert [(words[1], words[2].split()[0]) for words in said] == [
        ("delivered", "1"),
        ("dropped", "1"),
        ("FAILED", "1"),
    ]
    assert "acrawl audit --items" in done.err
    told = typed("audit", "--items")
    (line,) = [line for line in told.out.splitlines() if line.startswith(live.url())]
    assert "KeyError" in line
