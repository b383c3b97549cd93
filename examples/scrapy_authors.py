"""A spider in Scrapy's words: it runs in Scrapy, too, without the ``acrawl.`` in its imports.

    python -m acrawl run examples/scrapy_authors.py -o authors.jsonl

Needs ``pip install 'acrawl[scrapy]'`` for the item loader.
"""

from itemloaders.processors import MapCompose, TakeFirst

import acrawl.scrapy as scrapy  # noqa: PLR0402 - as Scrapy's spiders have it
from acrawl.scrapy.loader import ItemLoader


class Author(scrapy.Item):
    """A person who is quoted."""

    name = scrapy.Field()
    born = scrapy.Field()
    quoted_on = scrapy.Field()


class AuthorLoader(ItemLoader):
    """Takes the first of each value, without white space around it."""

    default_item_class = Author
    default_input_processor = MapCompose(str.strip)
    default_output_processor = TakeFirst()


class AuthorsSpider(scrapy.Spider):
    """Follows the authors of all quotes."""

    name = "authors"
    site = "https://quotes.toscrape.com"

    def start_requests(self):
        """Begin with the first page."""
        yield scrapy.Request(f"{self.site}/")

    def parse(self, response):
        """Follow the authors and the next page."""
        yield from response.follow_all(
            css=".author + a", callback=self.parse_author, cb_kwargs={"quoted_on": response.url}
        )
        yield from response.follow_all(css="li.next a", callback=self.parse)

    def parse_author(self, response, quoted_on):
        """Give an author."""
        loader = AuthorLoader(response=response)
        loader.add_css("name", "h3.author-title::text")
        loader.add_css("born", ".author-born-date::text")
        loader.add_value("quoted_on", quoted_on)
        yield loader.load_item()
