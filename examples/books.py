"""Every book of a shop: rules say which links are followed, and which lead to a book.

python -m acrawl run examples/books.py -o books.jsonl
"""

from acrawl import CrawlSpider, LinkExtractor, Request, Rule


class Books(CrawlSpider):
    """Follows the lists and reads the books they show."""

    name = "books"
    site = "https://books.toscrape.com"
    rules = (
        Rule(LinkExtractor(restrict_css="li.next")),
        Rule(LinkExtractor(restrict_css=".product_pod h3"), callback="parse_book"),
    )

    async def start(self):
        """Begin with the first list."""
        yield Request(f"{self.site}/")

    def parse_book(self, response):
        """Give one book."""
        main = response.css(".product_main")
        yield {
            "title": main.css("h1::text").get(),
            "price": float(main.css(".price_color::text").re_first(r"[\d.]+")),
            "in_stock": int(main.css(".availability::text").re_first(r"\d+", "0")),
            "upc": response.xpath("//th[text()='UPC']/following-sibling::td/text()").get(),
            "url": response.url,
        }
