"""Prices of a shop, watched: typed items, pipelines on both sides, two feeds, saved covers, and a second visit.

python -m acrawl run examples/prices.py -o prices-{time}.csv -o prices.sqlite --files covers/
python -m acrawl run examples/prices.py -o prices-{time}.csv -o prices.sqlite --files covers/ --again
python -m acrawl changes
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from acrawl import DropItem, Request, Spider


@dataclass
class Book:
    """What is watched. A book whose price is no number fails alone; `acrawl audit --items` lists it."""

    title: str
    price: float
    url: str
    currency: str | None = None


class Money:
    """Runs in each worker, on the Book itself, before it is checked: "£51.77" becomes a number and a currency."""

    where = "worker"

    async def process_item(self, item):
        """See docs/items.md."""
        item.currency, digits = item.price[:1], item.price[1:]
        if digits.replace(".", "", 1).isdecimal():
            item.price = float(digits)
        return item


class Dated:
    """Runs on the master, on a dict."""

    def process_item(self, item):
        """See docs/items.md."""
        if not item["title"]:
            raise DropItem("a page of no book")
        item["seen"] = datetime.now(UTC)
        return item


class Prices(Spider):
    """Reads the lists of the shop and every book; its cover is called after it.

    The second visit asks for all pages again and calls `book` for those that have changed: the rows of its CSV file
    are the news, and prices.sqlite has the history.
    """

    name = "prices"
    site = "https://books.toscrape.com"
    pipelines = (Money, Dated)
    custom_settings = {  # noqa: RUF012 - a table, as Spider has it
        "feeds": {"files": False},  # covers are in their folder, and no rows among the books
    }

    async def start(self):
        """Begin with the first list."""
        yield Request(f"{self.site}/")

    def parse(self, response):
        """Follow the lists and the books."""
        yield from response.follow_all(css=".next a")
        yield from response.follow_all(css=".product_pod h3 a", callback=self.book)

    def book(self, response):
        """Give one book, and its cover."""
        title = response.css("h1::text").get()
        yield Book(title, response.css(".price_color::text").get(), response.url)
        for cover in response.css("#product_gallery img::attr(src)"):
            yield response.download(cover, save_as=title)
