"""Bad items are outcomes: they fail alone, with class and field, and all else of their page goes on."""

from __future__ import annotations

import pathlib
import re
import signal

from acrawl.errors import EXIT_OK
from acrawl.results.listing import failed_items
from crawl.command import records

SPIDER = """
import dataclasses

import msgspec
import pydantic
from acrawl import Spider


@dataclasses.dataclass
class Product:
    name: str
    price: float


class Offer(pydantic.BaseModel):
    price: int = pydantic.Field(gt=0)


class Shop(Spider):
    def __init__(self, url):
        self.start_urls = [url]

    def parse(self, response):
        yield Product("a", 1.5)
        for _ in range(3):
            yield Product("b", "free")
        yield {"page": response.url, "x": object()}
        yield response.follow("/model", self.model)
        yield response.follow("/plain", self.plain)
        yield response.follow("/single", self.single)
        yield response.follow("/large", self.large)

    def model(self, response):
        yield {"name": "before"}
        yield Offer(price=-1)

    def plain(self, response):
        return msgspec.convert({"name": 5}, dict[str, str])

    def single(self, response):
        return Offer(price=3)

    def large(self, response):
        yield {"text": "x" * 5000}
        yield {"name": "beside"}
"""


def test_bad_items_fail_alone_and_are_told_of_in_the_ledger_the_log_and_the_list(
    live, acrawl, typed, tmp_path: pathlib.Path
):
    for path in ("/", "/model", "/plain", "/single", "/large"):
        live.page(path)
    (tmp_path / "shop.py").write_text(SPIDER)
    words = ("-o", "items.jsonl", "--workers", 1, "-s", "queues.max_message=8192")
    done = acrawl("run", "shop.py", "-a", f"url={live.url()}", *words)
    assert done.code == EXIT_OK, done.err
    # The others have arrived,
    found = sorted(map(str, records(tmp_path / "items.jsonl")))
    assert found == sorted(
        map(str, [{"name": "a", "price": 1.5}, {"name": "before"}, {"price": 3}, {"name": "beside"}])
    )
    # the bad ones are kept,
    reasons = sorted(item.reason for item in failed_items(tmp_path / ".acrawl" / "shop" / "results.db"))
    expected = "Product.price: expected `float`, got `str` ('free')"
    assert reasons[:3] == [expected] * 3
    assert reasons[3].startswith("dict.x: <object object at")
    assert reasons[4].startswith("dict: it has 5")
    assert len(reasons) == 5
    # and told of once for each field, without a traceback, with the way to more.
    assert done.err.count("Product.price: expected") == 1
    assert done.err.count("Offer.price: Input should be greater than 0 (got -1)") == 1
    assert "Traceback" not in done.err
    told = {line.partition("  ")[0]: line for line in done.err.splitlines()}
    assert told["items FAILED"].split()[2] == "5"
    assert "acrawl audit --items --job .acrawl/shop" in told["items FAILED"]
    assert "2 of the pages" in told["invalid items"]
    assert typed("audit", "--items").out.count(expected) == 3
    why = typed("why", live.url()).out
    assert "fetched(invalid-item)" in why
    assert f"4 of its items: {expected}; dict.x: <object" in why
    why = typed("why", live.url("/model")).out
    assert "failed(invalid-item)" in why
    assert "Offer.price: Input should be greater than 0 (got -1)" in why
    assert "Expected `str`, got `int`" in typed("why", live.url("/plain")).out


MANY = """
import dataclasses

from acrawl import DropItem, Spider


@dataclasses.dataclass
class Product:
    page: str
    price: float


class Picky:
    where = "worker"

    async def process_item(self, item):
        if item.price == -1:
            raise DropItem
        if item.price == -2:
            raise LookupError(item.page)
        return item


class Shop(Spider):
    pipelines = [Picky]

    def __init__(self, origin):
        self.start_urls = [f"{origin}/{n}" for n in range(40)]

    def parse(self, response):
        for price in (1, "free", -1, -2):
            yield Product(response.url, price)
"""


def test_while_the_master_is_killed_each_bad_item_is_kept_once_and_each_good_one_arrives_once(
    live, start, acrawl, tmp_path: pathlib.Path
):
    for n in range(40):
        live.page(f"/{n}")
    live.delay = 0.05
    (tmp_path / "shop.py").write_text(MANY)
    words = ("run", "shop.py", "-a", f"origin={live.origin}", "-o", "items.jsonl", "--workers", 1)
    words += ("-s", "politeness.concurrency=2")
    for more in (8, 10):
        master = start(*words)
        live.wait_for(len(live.log) + more)
        master.kill()
        assert master.end().code == -signal.SIGKILL
    done = acrawl(*words)
    assert done.code == EXIT_OK, done.err
    pages = sorted(live.url(f"/{n}") for n in range(40))
    assert sorted(item["page"] for item in records(tmp_path / "items.jsonl")) == pages
    failed = list(failed_items(tmp_path / ".acrawl" / "shop" / "results.db"))
    for sign in ("Product.price: expected `float`", "LookupError: "):
        assert sorted(item.url for item in failed if item.reason.startswith(sign)) == pages
    assert len(failed) == 80


def test_the_spider_of_the_page_about_items_runs_as_printed(live, acrawl, tmp_path: pathlib.Path):
    page = (pathlib.Path(__file__).parents[2] / "docs" / "items.md").read_text()
    (source,) = re.findall(r"^```python\n(# sayings.py\n.*?)^```$", page, re.MULTILINE | re.DOTALL)
    quotes = [f"<div class=quote><b class=text>{text}</b><b class=author>A</b></div>" for text in ("So it is", "Yes")]
    live.page("/", text=f"{quotes[0]}{quotes[1]}{quotes[0]}")
    (tmp_path / "sayings.py").write_text(source.replace("https://quotes.toscrape.com/", live.url()))
    done = acrawl("run", "sayings.py", "-o", "quotes.jsonl", "--workers", 1)
    assert done.code == EXIT_OK, done.err
    assert records(tmp_path / "quotes.jsonl") == [
        {"text": "So it is", "author": "A", "words": 3},
        {"text": "Yes", "author": "A", "words": 1},
    ]
    assert "items dropped    1 (by pipelines)" in done.err
