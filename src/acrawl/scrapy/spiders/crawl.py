"""Scrapy's `CrawlSpider` and `Rule`: see `acrawl.spiders.crawl`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import acrawl.spiders.crawl as core
from acrawl.parse.links import Link
from acrawl.response import Response
from acrawl.scrapy.linkextractors import LinkExtractor
from acrawl.scrapy.spiders.base import Spider
from acrawl.settings import Settings

__all__ = ["CrawlSpider", "Rule"]


class Rule(core.Rule, frozen=True):
    """See `acrawl.spiders.crawl.Rule`; the fields of its links may be set."""

    link_extractor: Any = LinkExtractor()


class CrawlSpider(Spider, core.CrawlSpider):
    """See `acrawl.spiders.crawl.CrawlSpider`. ``response.meta`` has the ``rule`` and the ``link_text``."""

    @classmethod
    def made(cls, arguments: Mapping[str, str], settings: Settings) -> Self:
        """See `acrawl.Spider.made`."""
        spider = super().made(arguments, settings)
        spider.check_rules()
        return spider

    def request_for(self, number: int, link: Link, response: Response) -> Any:
        """See `acrawl.spiders.crawl.CrawlSpider.request_for`."""
        request = core.CrawlSpider.request_for(self, number, link, response)
        request.meta.update({"rule": number, "link_text": link.text})
        return request
