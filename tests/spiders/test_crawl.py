"""Rules: who gets which link, what is followed from where, and what is told about a wrong one."""

import pytest

from acrawl.errors import SpiderError
from acrawl.linkextractor import LinkExtractor
from acrawl.settings import Settings
from acrawl.spiders.crawl import CrawlSpider, Rule
from acrawl.testing import crawl

SHOP = "https://shop.example"
PAGES = {
    f"{SHOP}/": "<a href=/list/1>one</a><a href=/item/0>hot</a><a href=/list/hidden>no</a><a href=/about>about</a>",
    f"{SHOP}/list/1": "<a href=/item/1>1</a><a href=/list/2>next</a>",
    f"{SHOP}/list/2": "<a href=/item/2>2</a><a href=/item/gone>?</a>",
    f"{SHOP}/item/0": "<a href=/item/9>not followed</a>",
    f"{SHOP}/item/1": "",
    f"{SHOP}/item/2": "",
    f"{SHOP}/about": "<a href=/item/9>not followed</a>",
}


class Shop(CrawlSpider):
    name = "shop"
    start_urls = (f"{SHOP}/",)

    def eager(self, request, response):
        return request.replace(priority=7) if response.request.depth or "/1" in request.url else request

    rules = (
        Rule(
            LinkExtractor(allow="/list/"),
            process_links=lambda links: [link for link in links if "hidden" not in link.url],
            process_request="eager",
        ),
        Rule(LinkExtractor(allow="/item/"), "parse_item", cb_kwargs={"kind": "item"}, errback="lost"),
        Rule(LinkExtractor(allow="/(about|list/hidden)"), callback="parse", process_request=lambda request: request),
    )

    def parse_start_url(self, response):
        return {"start": response.url}

    def parse_item(self, response, kind):
        yield {kind: response.url, "priority": response.request.priority}

    async def parse(self, response):
        return [{"other": response.url}]

    def lost(self, failure):
        yield {"lost": failure.request.url, "why": failure.reason}


def test_links_go_to_the_first_rule_that_takes_them():
    done = crawl(Shop, PAGES)
    assert sorted(map(str, done.items)) == sorted(
        map(
            str,
            [
                {"start": f"{SHOP}/"},
                *({"item": f"{SHOP}/item/{n}", "priority": 0} for n in range(3)),
                {"other": f"{SHOP}/about"},
                {"lost": f"{SHOP}/item/gone", "why": "http-404"},
            ],
        )
    )
    assert f"{SHOP}/item/9" not in done.ended
    assert done.ended[f"{SHOP}/list/hidden"] == "failed(http-404)"  # dropped by one rule, taken by a later one


def test_results_can_be_changed_all_at_once():
    class Counted(Shop):
        def process_results(self, response, results):
            return [{"results": len(results)}]

    done = crawl(Counted, PAGES)
    assert {tuple(item) for item in done.items} == {("results",), ("lost", "why")}


@pytest.mark.parametrize("field", ["callback", "errback", "process_links", "process_request"])
def test_a_rule_that_names_no_method_is_told_before_anything_is_fetched(field):
    class Wrong(CrawlSpider):
        rules = (Rule(), Rule(LinkExtractor(), **{field: "nothing"}))

    with pytest.raises(SpiderError, match=rf"Wrong\.rules\[1\]: {field}='nothing': the spider has no such method"):
        Wrong.made({}, Settings())
