"""Scrapy's `SitemapSpider`: see `acrawl.spiders.sitemap`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import acrawl.spiders.sitemap as core
from acrawl.scrapy.spiders.base import Spider


class SitemapSpider(Spider, core.SitemapSpider):
    """See `acrawl.spiders.sitemap.SitemapSpider`."""

    def __init__(self, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name, **kwargs)
        core.SitemapSpider.__init__(self, **kwargs)

    def start(self) -> AsyncIterator[Any]:
        """Yield the requests for the sitemaps."""
        return core.SitemapSpider.start(self)
