"""Every quote of a site, page by page.

python -m acrawl run examples/quotes.py -o quotes.jsonl
python -m acrawl run examples/quotes.py -o humor.jsonl -a tag=humor
"""

from acrawl import Request, Spider


class Quotes(Spider):
    """Reads a page of quotes and goes on to the next one."""

    name = "quotes"
    site = "https://quotes.toscrape.com"
    tag = ""

    async def start(self):
        """Begin with all quotes, or with those of one tag."""
        yield Request(f"{self.site}/tag/{self.tag}/" if self.tag else f"{self.site}/")

    def parse(self, response):
        """Give the quotes of a page, and its successor."""
        for quote in response.css("div.quote"):
            yield {
                "text": quote.css("span.text::text").get(),
                "author": quote.css("small.author::text").get(),
                "tags": quote.css("a.tag::text").getall(),
            }
        yield from response.follow_all(css="li.next a")
