"""Scrapy's spiders for documents that are lists: see `acrawl.spiders.feed`."""

from __future__ import annotations

import acrawl.spiders.feed as core
from acrawl.scrapy.spiders.base import Spider


class XMLFeedSpider(Spider, core.XMLFeedSpider):
    """See `acrawl.spiders.feed.XMLFeedSpider`; its methods get acrawl's own `Response`."""


class CSVFeedSpider(Spider, core.CSVFeedSpider):
    """See `acrawl.spiders.feed.CSVFeedSpider`; its methods get acrawl's own `Response`."""
