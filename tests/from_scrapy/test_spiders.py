"""Spiders as they are written for Scrapy, but for their imports: what callbacks get, and what becomes of theirs."""

import logging
from typing import ClassVar

import pytest
from itemloaders.processors import MapCompose, TakeFirst

from acrawl import scrapy
from acrawl.errors import CrawlFailed
from acrawl.scrapy import signals
from acrawl.scrapy.exceptions import DownloadFailedError, NotSupported, TimeoutError  # noqa: A004 - Twisted's name
from acrawl.scrapy.http import HtmlResponse, TextResponse
from acrawl.scrapy.linkextractors import LinkExtractor
from acrawl.scrapy.loader import ItemLoader
from acrawl.scrapy.spidermiddlewares.httperror import HttpError
from acrawl.scrapy.spiders import CrawlSpider, CSVFeedSpider, Rule, SitemapSpider, XMLFeedSpider
from acrawl.testing import Answer, crawl

HOME = "http://a.example/"
PAGES = {
    HOME: "<title>Home</title><a href=/one>one</a><a href=/gone>gone</a><a href=mailto:x@a.example>mail</a><a>none</a>",
    f"{HOME}one": "<a href=http://b.example/>elsewhere</a>",
    "http://b.example/": "<p>b",
}


class Base(scrapy.Spider):
    name = "base"
    start_urls = [HOME]  # noqa: RUF012


def test_callbacks_get_what_scrapy_gives():
    class Seen(Base):
        def parse(self, response):
            assert isinstance(response, HtmlResponse)
            assert response.headers.get("content-type") == b"text/html; charset=utf-8"
            assert response.headers["Content-Type"].startswith(b"text/html")
            assert response.urljoin("javascript:void(0)") == "javascript:void(0)"
            yield {"depth": response.meta["depth"], "title": response.css("title::text").get(), "flags": response.flags}
            request = scrapy.Request(response.urljoin("/one"), callback=self.parse_one, meta=None, cb_kwargs=None)
            request.meta["item"] = {"from": response.url}
            request.headers["X-Late"] = "1"
            yield request
            yield scrapy.Request(response.urljoin("mailto:x@a.example"), self.parse_one)

        async def parse_one(self, response):
            request = response.request
            yield {**response.meta["item"], "depth": response.meta["depth"], "late": request.headers["X-Late"]}

    done = crawl(Seen, PAGES)
    assert done.items == [{"depth": 0, "title": "Home", "flags": []}, {"from": HOME, "depth": 1, "late": "1"}]
    assert set(done.ended.values()) == {"fetched"}


def test_follow_all_takes_elements_and_passes_over_what_is_no_link():
    class Following(Base):
        def parse(self, response):
            yield from response.follow_all(css="a", callback=self.parse_page, errback=self.lost, cb_kwargs={"n": 1})

        def parse_page(self, response, n):
            yield {"url": response.url, "n": n}
            yield from response.follow_all(response.css("a"), self.parse_page, cb_kwargs={"n": n + 1})

        def lost(self, failure):
            assert failure.check(TimeoutError, HttpError) is HttpError
            assert failure.check(DownloadFailedError) is None
            yield {"lost": failure.value.response.status, "url": failure.request.url}

    done = crawl(Following, PAGES)
    assert sorted(done.items, key=str) == [
        {"lost": 404, "url": f"{HOME}gone"},
        {"url": "http://a.example/one", "n": 1},
        {"url": "http://b.example/", "n": 2},  # no allowed_domains: any host
    ]


BAD = {
    HOME: "<p>home",
    f"{HOME}moved": Answer(status=302, headers={"Location": "/one"}),
    f"{HOME}slow": Answer(b"late", delay=20.0),
    f"{HOME}error": Answer(b"no", 500),
}


def test_keys_of_meta_become_what_they_mean():
    class Keyed(Base):
        handle_httpstatus_list = (500,)

        def parse(self, response):
            for path, meta in {
                "/moved": {"dont_redirect": True, "handle_httpstatus_list": [302]},
                "/error": {"dont_retry": True},
                "/slow": {"download_timeout": 5, "max_retry_times": 0},
            }.items():
                yield response.follow(path, self.seen, meta=meta, errback=self.lost)

        def seen(self, response):
            yield {"status": response.status, "meta": sorted(response.meta.keys() - {"depth", "redirect_times"})}

        def lost(self, failure):
            yield {"lost": failure.request.url, "timeout": bool(failure.check("acrawl.scrapy.exceptions.TimeoutError"))}

    done = crawl(Keyed, BAD)
    assert sorted(done.items, key=str) == [
        {"lost": f"{HOME}slow", "timeout": False},
        {"status": 302, "meta": ["dont_redirect", "download_latency", "handle_httpstatus_list"]},
        {"status": 500, "meta": ["dont_retry", "download_latency"]},
    ]
    assert [hit.path for hit in done.hits].count("/error") == 1


def test_start_may_be_of_either_kind_but_gives_requests_only():
    class Late(Base):
        async def start(self):
            yield scrapy.Request(HOME, meta={"proxy": None})
            yield scrapy.Request("mailto:nobody@a.example")

        def parse(self, response):
            return {"url": response.url}

    assert crawl(Late, PAGES).items == [{"url": HOME}]

    class Early(Base):
        def start_requests(self):
            return [scrapy.Request(HOME), {"item": 1}]

    with pytest.raises(CrawlFailed, match="start gave an item"):
        crawl(Early, PAGES)


def test_a_crawler_brings_settings_stats_and_signals(caplog):
    heard = []

    class Crawling(Base):
        custom_settings = {"DOWNLOAD_DELAY": 0.5, "EXTENSIONS": {"x.Y": 1}, "FEEDS": {}, "MINE": "a,b"}  # noqa: RUF012

        @classmethod
        def from_crawler(cls, crawler, *args, **kwargs):
            spider = super().from_crawler(crawler, *args, **kwargs)
            crawler.signals.connect(spider.ended, signal=signals.spider_closed)
            with pytest.raises(NotSupported, match="the signal spider_idle is not here"):
                crawler.signals.connect(spider.ended, signal=signals.spider_idle)
            return spider

        def ended(self, spider, reason):
            heard.append((spider.name, reason))

        def parse(self, response):
            self.log("seen", level=logging.INFO)
            self.crawler.stats.inc_value("pages")
            settings = self.settings
            yield {
                "delay": settings.getfloat("DOWNLOAD_DELAY"),
                "mine": settings.getlist("MINE"),
                "none": settings.get("NONE", 3),
                "pages": self.crawler.stats.get_value("pages"),
            }

    with caplog.at_level("WARNING"):
        done = crawl(Crawling, PAGES)
    assert done.items == [{"delay": 0.5, "mine": ["a", "b"], "none": 3, "pages": 1}]
    assert heard == [("base", "finished")]
    assert "EXTENSIONS has no effect here: there are no extensions (docs/from-scrapy.md)" in caplog.text
    assert "MINE" not in caplog.text
    assert "FEEDS" not in caplog.text


def test_rules_change_their_links_and_tell_them():
    class Ruled(CrawlSpider):
        name = "ruled"
        start_urls = [HOME]  # noqa: RUF012
        rules = (Rule(LinkExtractor(allow="one"), callback="parse_item", process_links="marked"),)

        def marked(self, links):
            for link in links:
                link.url += "?marked"
            return links

        def parse_item(self, response):
            yield {"url": response.url, "text": response.meta["link_text"]}

    done = crawl(Ruled, {HOME: PAGES[HOME], f"{HOME}one?marked": "x"})
    assert done.items == [{"url": f"{HOME}one?marked", "text": "one"}]


def test_headers_of_all_requests_and_statuses_come_from_the_settings():
    class Set(Base):
        custom_settings = {  # noqa: RUF012
            "DEFAULT_REQUEST_HEADERS": {"Accept-Language": "de"},
            "HTTPERROR_ALLOW_ALL": True,
            "REDIRECT_ENABLED": False,
        }
        user_agent = "Mine/1.0"

        def parse(self, response):
            yield {"status": response.status, "language": response.request.headers["Accept-Language"]}
            yield response.follow("/moved")
            assert self.settings["USER_AGENT"] == "Mine/1.0"

    done = crawl(Set, BAD)
    assert done.items == [{"status": 200, "language": "de"}, {"status": 302, "language": "de"}]


def test_a_body_without_a_type_is_what_it_looks_like():
    bodies = {"/a": b"<!DOCTYPE html><p>x", "/b": b"x\0y", "/c": b"plain"}
    pages = {f"http://a.example{path}": Answer(body, content_type="") for path, body in bodies.items()}

    class Kinds(scrapy.Spider):
        name = "kinds"
        start_urls = tuple(pages)

        def parse(self, response):
            yield {"url": response.url[-1], "html": isinstance(response, HtmlResponse),
                   "text": isinstance(response, TextResponse)}  # fmt: skip

    kinds = {item["url"]: (item["html"], item["text"]) for item in crawl(Kinds, pages).items}
    assert kinds == {"a": (True, True), "b": (False, False), "c": (False, True)}


def xml(text):
    return Answer(text.encode(), content_type="application/xml")


def test_a_sitemap_spider_reads_sitemaps_and_gives_its_pages_to_callbacks_of_scrapys():
    class News(SitemapSpider):
        name = "news"
        sitemap_urls = (f"{HOME}index.xml",)
        sitemap_rules = (("/news/", "parse_news"),)

        def sitemap_filter(self, entries):
            for entry in entries:
                entry["loc"] = entry["loc"].removesuffix("?old")
                if entry.get("lastmod", "2024") >= "2024":
                    yield entry

        def parse_news(self, response):
            assert response.headers["Content-Type"].startswith(b"text/html")
            yield {"url": response.url}
            yield response.follow("/more", self.parse_news, meta={"max_retry_times": 0})

    start = "<sitemapindex xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'>"
    pages = {
        f"{HOME}index.xml": xml(f"{start}<sitemap><loc>{HOME}a.xml</loc></sitemap></sitemapindex>"),
        f"{HOME}a.xml": xml(
            start.replace("sitemapindex", "urlset")
            + "".join(f"<url><loc>{HOME}{path}</loc></url>" for path in ("news/1?old", "about"))
            + f"<url><loc>{HOME}news/2</loc><lastmod>2005-01-01</lastmod></url>"
            + "</urlset>"
        ),
        f"{HOME}news/1": "<p>1",
        f"{HOME}more": "<p>more",
    }
    assert crawl(News, pages).items == [{"url": f"{HOME}news/1"}, {"url": f"{HOME}more"}]


def test_feed_spiders_give_their_entries_to_the_spider():
    class Entries(XMLFeedSpider):
        name = "entries"
        start_urls = (f"{HOME}feed.xml",)
        itertag = "entry"

        def adapt_response(self, response):
            assert response.headers[b"Content-Type"] == b"application/xml"
            return response.replace(body=response.body.replace(b"Z", b"B"))

        def parse_node(self, response, node):
            yield {"title": node.xpath("title/text()").get()}
            yield scrapy.Request(f"{HOME}one", callback=self.parse_one)

        def parse_one(self, response):
            return {"url": response.url, "html": isinstance(response, HtmlResponse)}

    feed = xml("<feed><entry><title>A</title></entry><entry><title>Z</title></entry></feed>")
    done = crawl(Entries, {f"{HOME}feed.xml": feed, f"{HOME}one": "<p>"})
    assert done.items == [{"title": "A"}, {"title": "B"}, {"url": f"{HOME}one", "html": True}]

    class Rows(CSVFeedSpider):
        name = "rows"
        start_urls = (f"{HOME}table.csv",)
        delimiter = ";"

        def parse_row(self, response, row):
            yield dict(row)

    done = crawl(Rows, {f"{HOME}table.csv": Answer(b"a;b\n1;2\n", content_type="text/csv")})
    assert done.items == [{"a": "1", "b": "2"}]


class Book(scrapy.Item):
    title = scrapy.Field(output_processor=TakeFirst())
    price = scrapy.Field(input_processor=MapCompose(float), output_processor=TakeFirst())


class Rounding:
    """Runs on the worker, and has what the worker's crawler has."""

    where = "worker"

    def __init__(self, digits):
        self.digits = digits

    @classmethod
    def from_crawler(cls, crawler):
        return cls(crawler.settings.getint("DIGITS"))

    def process_item(self, item, spider):
        assert isinstance(item, Book)
        item["price"] = round(item["price"], self.digits)
        return item


class Marking:
    def process_item(self, item, spider):
        return {**item, "digits": spider.crawler.settings.getint("DIGITS")}


def test_items_and_loaders_pass_pipelines_on_both_sides():
    class Loading(scrapy.Spider):
        start_urls = (HOME,)
        custom_settings: ClassVar = {"ITEM_PIPELINES": {Marking: 900, Rounding: 100}, "DIGITS": 1}

        def parse(self, response):
            for price in ("1.25", "2.75"):
                loader = ItemLoader(Book(), response=response)
                loader.add_value("title", "A book")
                loader.add_value("price", price)
                yield loader.load_item()

    done = crawl(Loading, PAGES)
    assert done.items == [{"title": "A book", "price": price, "digits": 1} for price in (1.2, 2.8)]
    assert set(done.ended.values()) == {"fetched"}
