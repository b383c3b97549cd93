"""The spider that reads a `FakeWeb` whole: ``acrawl run acrawl.testing.spider:WebSpider -a url=...``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from acrawl.request import Request
from acrawl.response import Response
from acrawl.spider import Spider
from acrawl.testing.markup import item_record, record


class WebSpider(Spider):
    """Follows every link; each page is an item, and each thing on it another: see `FakeWeb.records`."""

    name = "web"

    def __init__(self, url: str) -> None:
        super().__init__(url=url)
        self.start_urls = [url]

    def parse(self, response: Response) -> Iterator[dict[str, Any] | Request]:
        """Take what is on a page home; the pages of traps have nothing."""
        if response.css("main.page"):
            yield record(response.url, response.css("title::text").get() or "")
        for item in response.css("article.item"):
            found = {
                "id": item.attrib["id"],
                "name": item.css("h2::text").get() or "",
                "price": item.css(".price::text").get() or "",
            }
            yield item_record(response.url, found)
        yield from response.follow_all()
