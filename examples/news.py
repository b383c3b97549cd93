"""The news of a paper since a day, by its sitemaps: nothing else of the site is read.

python -m acrawl run examples/news.py -o news.jsonl -a site=https://paper.example -a since=2024-05-01
"""

from acrawl import SitemapSpider


class News(SitemapSpider):
    """Looks for the sitemaps of the site, and reads the articles in them."""

    name = "news"
    sitemap_rules = (("/news/", "parse_article"),)

    def __init__(self, site="https://paper.example", **arguments):
        super().__init__(start_urls=site, **arguments)

    def parse_article(self, response):
        """Give one article."""
        yield {
            "url": response.url,
            "title": response.css("h1::text").get("").strip(),
            "published": response.css("time::attr(datetime)").get(),
            "text": "\n".join("".join(part.css("::text").getall()) for part in response.css("article p")),
        }
