"""Scrapy's spiders for documents that are lists: see `acrawl.spiders.feed`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import acrawl.spiders.feed as core
from acrawl.response import Response
from acrawl.scrapy.spiders.base import Spider


class XMLFeedSpider(Spider, core.XMLFeedSpider):
    """See `acrawl.spiders.feed.XMLFeedSpider`."""

    def parse(self, response: Response) -> Iterator[Any]:
        """Read a document."""
        return core.XMLFeedSpider.parse(self, response)


class CSVFeedSpider(Spider, core.CSVFeedSpider):
    """See `acrawl.spiders.feed.CSVFeedSpider`."""

    def parse(self, response: Response) -> Iterator[Any]:
        """Read a table."""
        return core.CSVFeedSpider.parse(self, response)
