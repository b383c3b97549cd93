"""Pipelines on the workers: on the object itself, in each process, and through their deaths."""

from __future__ import annotations

import pathlib

from acrawl.errors import EXIT_OK, EXIT_USAGE
from acrawl.results.listing import failed_items
from crawl.command import records

SPIDER = """
import dataclasses
import os
import pathlib
import threading

from acrawl import DropItem, Spider


@dataclasses.dataclass
class Product:
    page: str
    n: int
    seen: list = dataclasses.field(default_factory=list)


class Plain:
    where = "worker"

    def open_spider(self, spider):
        pathlib.Path(f"opened-{os.getpid()}").touch(exist_ok=False)

    def process_item(self, item, spider):
        assert isinstance(item, Product)
        assert threading.current_thread() is not threading.main_thread()
        if item.n == 1:
            raise DropItem("one")
        item.seen.append("plain")
        return item

    def close_spider(self):
        pathlib.Path(f"closed-{os.getpid()}").touch(exist_ok=False)


class Later:
    where = "worker"

    async def process_item(self, item):
        assert threading.current_thread() is threading.main_thread()
        if item.n == 2:
            raise LookupError("two")
        item.seen.append("later")
        return item


class Last:
    def process_item(self, item):
        assert type(item) is dict
        return item | {"seen": [*item["seen"], "master"]}


class Shop(Spider):
    pipelines = [Plain, Later, Last]

    def __init__(self, origin):
        self.start_urls = [f"{origin}/{n}" for n in range(20)]

    def parse(self, response):
        item = Product(response.url, 0)  # the same one, again and again
        for item.n in range(4):
            item.seen = []
            yield item
"""


def test_they_get_the_object_itself_in_each_worker_and_what_they_stop_is_counted(live, acrawl, tmp_path: pathlib.Path):
    for n in range(20):
        live.page(f"/{n}")
    (tmp_path / "shop.py").write_text(SPIDER)
    done = acrawl("run", "shop.py", "-a", f"origin={live.origin}", "-o", "items.jsonl", "--workers", 2)
    assert done.code == EXIT_OK, done.err
    expected = [(live.url(f"/{n}"), i, ["plain", "later", "master"]) for n in range(20) for i in (0, 3)]
    found = [(item["page"], item["n"], item["seen"]) for item in records(tmp_path / "items.jsonl")]
    assert sorted(found) == sorted(expected)
    failed = list(failed_items(tmp_path / ".acrawl" / "shop" / "results.db"))
    assert {item.reason for item in failed} == {"LookupError: two"}
    assert all("in process_item" in item.detail for item in failed)
    told = dict(line.rsplit("  ", 1) for line in done.err.splitlines() if line.startswith("items "))
    counts = {name.strip(): int(text.split()[0]) for name, text in told.items()}
    assert counts == {"items delivered": 40, "items dropped": 20, "items FAILED": 20}
    opened, closed = ({path.name.split("-")[1] for path in tmp_path.glob(f"{what}-*")} for what in ("opened", "closed"))
    assert opened == closed
    assert len(opened) == 2


STUCK = """
import atexit
import pathlib
import time

from acrawl import Spider


class Stuck:
    where = "worker"

    def process_item(self, item):
        return item

    def close_spider(self):
        closed = time.monotonic()
        atexit.register(lambda: pathlib.Path("took").write_text(str(time.monotonic() - closed)))
        raise OSError("no such printer")


class Shop(Spider):
    pipelines = [Stuck]

    def __init__(self, url):
        self.start_urls = [url]

    def parse(self, response):
        yield {"url": response.url}
"""


def test_a_worker_whose_pipeline_cannot_be_closed_tells_and_goes(live, acrawl, tmp_path: pathlib.Path):
    live.page("/")
    (tmp_path / "shop.py").write_text(STUCK)
    done = acrawl("run", "shop.py", "-a", f"url={live.url()}", "--workers", 1)
    assert done.code == EXIT_OK, done.err
    assert "no such printer" in done.err
    assert float((tmp_path / "took").read_text()) < 4  # seconds; a cluster kills after five


KILLED = """
import os
import pathlib
import signal

from acrawl import DropItem, Spider


class Deadly:
    where = "worker"

    def process_item(self, item):
        n = int(item["page"].rpartition("/")[2])
        if n in (3, 11, 19) and item["n"] == 1 and not pathlib.Path(f"died-{n}").exists():
            pathlib.Path(f"died-{n}").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if item["n"] == 2:
            raise DropItem
        if item["n"] == 3:
            raise LookupError
        return item


class Shop(Spider):
    pipelines = [Deadly]

    def __init__(self, origin):
        self.start_urls = [f"{origin}/{n}" for n in range(30)]

    def parse(self, response):
        yield from ({"page": response.url, "n": n} for n in range(4))
"""


def test_while_workers_are_killed_in_them_each_item_ends_once(live, acrawl, tmp_path: pathlib.Path):
    for n in range(30):
        live.page(f"/{n}")
    (tmp_path / "shop.py").write_text(KILLED)
    soon = ("-s", "queues.grace_seconds=0.3", "-s", "frontier.lease_seconds=3", "-s", "frontier.max_lost=9")
    done = acrawl("run", "shop.py", "-a", f"origin={live.origin}", "-o", "items.jsonl", "--workers", 2, *soon)
    assert done.code == EXIT_OK, done.err
    assert len(list(tmp_path.glob("died-*"))) == 3
    pages = sorted(live.url(f"/{n}") for n in range(30))
    found = records(tmp_path / "items.jsonl")
    for n in (0, 1):
        assert sorted(item["page"] for item in found if item["n"] == n) == pages
    assert len(found) == 60
    failed = failed_items(tmp_path / ".acrawl" / "shop" / "results.db")
    assert sorted(item.url for item in failed) == pages
    (dropped,) = [line for line in done.err.splitlines() if line.startswith("items dropped")]
    assert dropped.split()[2] == "30"


def test_one_that_cannot_be_opened_or_stands_too_late_ends_the_crawl_with_a_line(live, acrawl, tmp_path: pathlib.Path):
    live.page("/0")
    text = SPIDER.replace("[Plain, Later, Last]", "[Plain, Last, Later]")
    (tmp_path / "shop.py").write_text(text)
    words = ("run", "shop.py", "-a", f"origin={live.origin}", "-o", "items.jsonl", "--workers", 1)
    done = acrawl(*words)
    assert done.code == EXIT_USAGE
    assert done.complaint.startswith("acrawl: pipeline Later runs on the worker and stands behind Last")
    assert not (tmp_path / ".acrawl").exists()
    (tmp_path / "shop.py").write_text(
        SPIDER.replace('pathlib.Path(f"opened', 'open("/nowhere/x"); pathlib.Path(f"opened')
    )
    done = acrawl(*words)
    assert done.code == EXIT_USAGE
    assert "acrawl: pipeline Plain could not be opened: [Errno 2] No such file or directory: '/nowhere/x'" in done.err
    assert "no worker can begin" in done.err
