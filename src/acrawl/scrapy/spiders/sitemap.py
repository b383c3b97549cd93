"""Scrapy's `SitemapSpider`: see `acrawl.spiders.sitemap`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import acrawl.spiders.sitemap as core
from acrawl.parse.sitemap import Sitemap
from acrawl.scrapy.spiders.base import Spider


class SitemapSpider(Spider, core.SitemapSpider):
    """See `acrawl.spiders.sitemap.SitemapSpider`; `sitemap_filter` gets dicts, and may change them."""

    def __init__(self, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name, **kwargs)
        core.SitemapSpider.__init__(self, **kwargs)

    def start(self) -> AsyncIterator[Any]:
        """Yield the requests for the sitemaps."""
        return core.SitemapSpider.start(self)

    def sitemap_entries(self, sitemap: Sitemap, *, index: bool) -> Iterator[dict[str, Any]]:
        """See `acrawl.spiders.sitemap.Sitemaps.sitemap_entries`."""
        for entry in super().sitemap_entries(sitemap, index=index):
            alternates = {"alternate": entry["alternate"]} if entry.alternates else {}
            yield {**entry.texts, "loc": entry.url, **alternates}
