"""A callback has seen enough: the crawl ends in good order, though there is no end of seeds."""

import signal

from acrawl.errors import EXIT_OK
from crawl.command import records

SPIDER = """
import itertools

from acrawl import CloseSpider, Request, Spider

class Enough(Spider):
    name = "enough"

    async def start(self):
        for n in itertools.count():
            yield Request(f"{self.origin}/page/{n}")

    def parse(self, response):
        yield {"url": response.url}
        raise CloseSpider("seen enough")

    def closed(self, reason):
        print("closed:", reason)
"""


def test_close_spider_ends_the_crawl_with_its_reason(live, acrawl, tmp_path):
    live.page("/page/0")
    (tmp_path / "enough.py").write_text(SPIDER)
    words = ("run", "enough.py", "-a", f"origin={live.origin}", "-o", "out.jsonl", "--workers", "1")
    done = acrawl(*words, "-s", "politeness.delay=0.01")
    assert done.code == EXIT_OK, done.err
    assert "closed: seen enough" in done.out
    assert (tmp_path / "out.jsonl").read_text() == f'{{"url":"{live.origin}/page/0"}}\n'
    assert "excluded(closed)" in done.err


def test_a_spider_that_fails_after_the_end_is_told_and_changes_nothing(live, acrawl, tmp_path):
    live.page("/page/0")
    (tmp_path / "enough.py").write_text(SPIDER.replace('print("closed:", reason)', "self.nothing_of_the_kind"))
    words = ("run", "enough.py", "-a", f"origin={live.origin}", "-o", "out.jsonl", "--workers", "1")
    done = acrawl(*words, "-s", "politeness.delay=0.01")
    assert done.code == EXIT_OK, done.err
    assert "Enough.closed() failed" in done.err
    assert "nothing_of_the_kind" in done.err
    assert "crawl seen enough" in done.err


def test_the_last_page_of_a_crawl_may_end_it_with_a_reason(live, acrawl, tmp_path):
    live.page("/page/0")
    (tmp_path / "last.py").write_text(SPIDER.replace("itertools.count()", "range(1)"))
    done = acrawl("run", "last.py", "-a", f"origin={live.origin}", "--workers", "1")
    assert done.code == EXIT_OK, done.err
    assert "closed: seen enough" in done.out


#: Its second page says that it is enough; then every life but the last is killed.
KILLED = """
import os
import pathlib
import signal

from acrawl import CloseSpider, Spider

class Enough(Spider):
    name = "enough"

    def __init__(self, origin):
        self.start_urls = [f"{origin}/page/{n}" for n in range(12)]

    def parse(self, response):
        yield {"url": response.url}
        if response.url.endswith("/page/1"):
            raise CloseSpider("seen enough")

    def closed(self, reason):
        print("closed:", reason)

    def deliver(self, item):
        if item["url"].endswith("/page/1") and not pathlib.Path("killed").exists():
            pathlib.Path("killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)

class Killing:
    async def process_item(self, item, spider):
        spider.deliver(item)
        return item

Enough.pipelines = (Killing,)
"""


def test_what_a_callback_said_survives_the_master(live, acrawl, tmp_path):
    for n in range(12):
        live.page(f"/page/{n}")
    live.delay = 0.2
    (tmp_path / "enough.py").write_text(KILLED)
    words = ("run", "enough.py", "-a", f"origin={live.origin}", "-o", "out.jsonl", "--workers", "1")
    words += ("-s", "politeness.concurrency=1")
    assert acrawl(*words).code == -signal.SIGKILL
    done = acrawl(*words)
    assert done.code == EXIT_OK, done.err
    assert "closed: seen enough" in done.out
    assert "/page/11" not in {record["url"][-8:] for record in records(tmp_path / "out.jsonl")}
    again = acrawl("retry", "--reason", "closed")
    assert again.code == EXIT_OK, again.err
    done = acrawl(*words)
    assert "closed: finished" in done.out
    urls = [record["url"] for record in records(tmp_path / "out.jsonl")]
    assert sorted(urls) == sorted(f"{live.origin}/page/{n}" for n in range(12))
