"""A callback has seen enough: the crawl ends in good order, though there is no end of seeds."""

from acrawl.errors import EXIT_OK

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
