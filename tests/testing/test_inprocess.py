"""Whole crawls in one process: the truth of the web is what they bring, and time costs nothing."""

from __future__ import annotations

import asyncio
import doctest
import gzip
import time
from collections import Counter
from itertools import pairwise
from typing import ClassVar

import msgspec
import pytest

import acrawl.testing
from acrawl import CloseSpider, DropItem, Request, Spider
from acrawl.clock import Clock
from acrawl.errors import CrawlFailed, SettingsError
from acrawl.testing import Answer, FakeWeb, Faults, LoopClock, Pages, Shape, VirtualLoop, WebSpider, crawl, gaps

MISBEHAVING = Faults(
    slow=0.1, drip=0.1, busy=0.1, reset=0.1, truncated=0.1, moved=0.1, dead=0.1, private=0.1, calendar=0.02, deep=0.02,
    outage=0.2, outage_every=60, trap=5,
)  # fmt: skip


def crawled(web: FakeWeb, settings=None, **more):
    settings = {"scope.within": "any"} | (settings or {})
    return crawl(WebSpider, web, settings, arguments={"url": web.seeds[0]}, **more)


def canonical(records):
    return Counter(tuple(sorted(record.items())) for record in records)


def test_the_example_in_the_docstring_is_true():
    assert doctest.testmod(acrawl.testing) == (0, 10)


@pytest.mark.parametrize("workers", [1, 3])
def test_a_crawl_of_a_misbehaving_web_brings_exactly_what_there_is(workers):
    web = FakeWeb(400, hosts=12, seed=workers, faults=MISBEHAVING)
    # The truth knows of no host that is given up, and there are hosts here that ask to wait for each of their pages.
    done = crawled(web, {"politeness.max_pauses": 1000}, workers=workers)
    assert done.counts.reasons == web.ends()
    assert canonical(done.items) == canonical(web.records())
    assert done.audit.problems == []
    assert done.ended == {url: web.end(url) for url in web.urls()}
    assert done.counts.retries > 50


def test_hours_of_delay_take_no_time_and_are_kept():
    web = FakeWeb(60, hosts=3, shape=Shape(crawl_delay=30.0))
    began = time.monotonic()
    done = crawled(web)
    assert done.counts.fetched == 60
    assert done.seconds > 600
    assert time.monotonic() - began < 10
    assert gaps(done.hits)[0] >= 30.0


def test_hosts_that_the_spider_counts_as_one_share_their_delay():
    class Shards(Spider):
        start_urls = ("http://a.test/", "http://b.test/", "http://c.test/")
        custom_settings: ClassVar = {"politeness.budget_by": "spider", "politeness.budget_delay": 10.0}

        def politeness_key(self, host):
            return "all of them"

        def parse(self, response):
            yield {"url": response.url}

    done = crawl(Shards, dict.fromkeys(Shards.start_urls, ""))
    starts = sorted(hit.at for hit in done.hits if not hit.path.startswith("/robots"))
    assert len(starts) == 3
    assert all(after - before >= 10.0 for before, after in pairwise(starts))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_request_that_is_sent_twice_for_a_challenge_keeps_the_delay_before_and_behind_it(workers):
    class Members(Spider):
        start_urls = tuple(f"http://a.test/{n}" for n in range(4))
        custom_settings: ClassVar = {
            "politeness.delay": 10.0,
            "politeness.obey_robots": False,
            "politeness.concurrency": 2,
            "auth.hosts": {"http://a.test": "digest user:password"},
        }

        def parse(self, response):
            yield {"url": response.url}

    def page(nonce):  # each has a nonce of its own, so each costs two requests
        return [
            Answer(b"no", 401, headers={"WWW-Authenticate": f'Digest realm="r", nonce="{nonce}", stale=true'}),
            "ok",
        ]

    done = crawl(Members, Pages({url: page(n) for n, url in enumerate(Members.start_urls)}), workers=workers)
    starts = sorted(hit.at for hit in done.hits)
    assert (len(done.items), len(starts)) == (4, 8)
    assert [after - before for before, after in pairwise(starts) if after - before < 10.0] == []


def test_the_same_crawl_makes_the_same_requests_at_the_same_times():
    web = FakeWeb(60, hosts=3, faults=Faults(slow=0.3), shape=Shape(crawl_delay=1.0))
    first, second = (crawled(web) for _ in range(2))
    assert sorted(hit.url for hit in first.hits) == sorted(hit.url for hit in second.hits)
    assert canonical(first.items) == canonical(second.items)


class Careful(Spider):
    """Shows what a user's test may want to see."""

    start_urls = ("http://a.test/",)
    custom_settings: ClassVar = {"retry.times": 1, "fetch.idle_timeout": 5}
    closed_with = ""

    class Cheap:
        def process_item(self, item):
            if item["price"] > 10:
                raise DropItem("dear")
            return item | {"cheap": True}

    pipelines = (Cheap,)

    def __init__(self, tag=""):
        super().__init__(tag=tag)

    def parse(self, response):
        for price in response.css("b::text").getall():
            yield {"price": int(price), "tag": self.tag}
        if response.url.endswith("boom"):
            raise RuntimeError("boom")
        yield from response.follow_all()

    def closed(self, reason):
        type(self).closed_with = reason


def test_a_users_spider_is_seen_from_all_sides():
    pages = Pages(
        {
            "http://a.test/": "<b>3</b><b>30</b><a href=/boom>x</a><a href=/late>x</a><a href=http://b.test/>x</a>"
            "<a href=/flaky>x</a><a href=/cut>x</a>",
            "http://a.test/boom": "boom <b>7</b>",
            "http://a.test/late": Answer(b"", delay=6.0),
            "http://a.test/flaky": [Answer(ending="reset"), "<b>9</b>"],
            "http://a.test/cut": Answer(b"half", ending="truncated"),
        }
    )
    done = crawl(Careful, pages, {"politeness.concurrency": 2}, arguments={"tag": "t"})
    assert sorted(item["price"] for item in done.items) == [3, 7, 9]
    assert all(item["cheap"] and item["tag"] == "t" for item in done.items)
    assert done.ended == {
        "http://a.test/": "fetched",
        "http://a.test/boom": "failed(callback)",
        "http://a.test/late": "failed(timeout)",
        "http://a.test/flaky": "fetched",
        "http://a.test/cut": "failed(truncated)",
    }
    assert "RuntimeError: boom" in done.details["http://a.test/boom"]
    assert done.details["http://a.test/late"] == "fetch.idle_timeout"
    assert done.counts.excluded == 1
    assert Counter(hit.path for hit in done.hits)["/late"] == 2
    assert Careful.closed_with == "finished"


def test_a_spider_that_does_not_end_is_told_so():
    web = FakeWeb(5, faults=Faults(calendar=1.0))
    with pytest.raises(CrawlFailed, match="most=200"):
        crawled(web, most=200)


def test_what_start_raises_reaches_the_test():
    class Broken(Spider):
        def start(self):
            yield Request("http://a.test/")
            raise RuntimeError("no more")

    with pytest.raises(CrawlFailed, match="no more"):
        crawl(Broken, {"http://a.test/": ""})
    with pytest.raises(SettingsError, match="did you mean"):
        crawl(Careful, {}, {"politeness.dely": 1})


@pytest.mark.asyncio
async def test_from_a_test_with_a_loop_it_runs_in_a_thread():
    done = await asyncio.to_thread(crawl, Careful, {"http://a.test/": "<b>1</b>"})
    assert len(done.items) == 1


def test_the_virtual_loop_sleeps_in_order_and_waits_for_threads():
    woken = []

    async def sleeper(clock: Clock, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(clock.now() - began)

    async def main() -> None:
        nonlocal began
        clock = LoopClock(time=5000.0)
        began = clock.now()
        assert clock.time() == 5000.0
        blocking = asyncio.create_task(asyncio.to_thread(time.sleep, 0.2))
        await asyncio.gather(*(sleeper(clock, seconds) for seconds in (3600.0, 5.0, 0.0)), blocking)
        assert clock.time() == pytest.approx(8600.0, abs=0.01)

    began = 0.0
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(main())
    assert woken == pytest.approx([0.0, 5.0, 3600.0], abs=0.01)


def test_no_timer_fires_while_a_thread_works():
    async def main() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.timeout(0.05):
            await asyncio.to_thread(time.sleep, 0.2)
        return loop.time() - began

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        assert runner.run(main()) < 0.01


def test_bodies_are_decoded_limited_and_put_into_files_as_on_the_network():
    class Keeper(Spider):
        start_urls: ClassVar = ["http://a.example/"]

        def parse(self, response):
            yield {"url": response.url, "size": response.path.stat().st_size, "body": response.body[:5].decode()}
            if response.url == "http://a.example/":
                yield from map(response.follow, ["/long", "/packed", "/huge", "/film"])

    web = Pages(
        {
            "http://a.example/": "hello",
            "http://a.example/long": "long!" * 1000,
            "http://a.example/packed": Answer(gzip.compress(b"inside"), headers={"Content-Encoding": "gzip"}),
            "http://a.example/huge": "huge!" * 10_000,
            "http://a.example/film": Answer(b"film", content_type="video/mp4"),
        }
    )
    limits = {"fetch.spill": 100, "fetch.max_body_of": {"text/html": 5000}, "fetch.types": ["text/"]}
    done = crawl(Keeper, web, limits)
    assert {(item["url"][17:], item["size"], item["body"]) for item in done.items} == {
        ("", 5, "hello"),
        ("long", 5000, "long!"),
        ("packed", 6, "insid"),
    }
    assert done.ended["http://a.example/huge"] == "failed(too-large)"
    assert done.ended["http://a.example/film"] == "failed(wrong-type)"


def test_a_callback_can_end_the_crawl_with_a_reason():
    heard = []

    class Enough(Spider):
        start_urls = ("https://a.example/",)

        def parse(self, response):
            yield {"url": response.url}
            yield from response.follow_all(css="a")
            raise CloseSpider("seen enough")

        def closed(self, reason):
            heard.append(reason)

    done = crawl(Enough, {"https://a.example/": "<a href=/one>1</a>", "https://a.example/one": ""}, most=10)
    assert done.items[0] == {"url": "https://a.example/"}
    assert heard == ["seen enough"]
    assert done.audit.problems == []


def test_typed_items_and_pipelines_of_workers_and_master_are_as_in_a_real_crawl():
    told = []

    class Product(msgspec.Struct):
        name: str
        price: int

    class Early:
        where = "worker"

        def open_spider(self, spider):
            told.append("opened")

        def process_item(self, item, spider):
            if item.name == "chair":
                raise DropItem("not wanted")
            item.name = item.name.upper()  # it is an object here, and data on the master
            return item

    class Late:
        def process_item(self, item, spider):
            told.append(dict(item))
            if item["price"] == 0:
                raise ValueError("no price")
            return item

    class Shop(Spider):
        start_urls: ClassVar = ["https://shop.test/"]
        pipelines: ClassVar = [Early, Late]

        def parse(self, response):
            yield Product("lamp", 3)
            yield Product("chair", 10)
            yield Product("gift", 0)
            yield Product("table", "cheap")

    done = crawl(Shop, {"https://shop.test/": "x"})
    lamp, gift = {"name": "LAMP", "price": 3}, {"name": "GIFT", "price": 0}
    assert (done.items, told) == ([lamp], ["opened", lamp, gift])
    assert done.ended["https://shop.test/"] == "fetched(invalid-item)"
    assert "Product.price: expected `int`, got `str` ('cheap')" in done.details["https://shop.test/"]
    assert done.audit.problems == []
