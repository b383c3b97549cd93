"""A broad crawl: from a few sites to all that they link to, a few pages of each, without bothering anybody.

python -m acrawl run examples/broad.py -o pages.jsonl -a urls="https://a.example https://b.example"
"""

from acrawl import LinkExtractor, Request, Spider


class Broad(Spider):
    """Notes the title of each page and follows its links, wherever they lead."""

    name = "broad"
    urls = ""
    custom_settings = {  # noqa: RUF012 - a table, as Spider has it
        "scope": {"within": "any", "max_depth": 3},
        "limits": {"host_pages": 20, "max_pages": 10_000},
        "politeness": {"concurrency": 2, "budget_by": "domain", "budget_concurrency": 4},
        "fetch": {"max_body": 2_000_000, "types": ["text/html"]},
    }
    links = LinkExtractor(deny=r"/(login|search|cart)\b")

    async def start(self):
        """Begin with the given sites."""
        for url in self.urls.split():
            yield Request(url)

    def parse(self, response):
        """Give a page, and its links."""
        yield {"url": response.url, "title": response.css("title::text").get("").strip()}
        for link in self.links.extract_links(response):
            if not link.nofollow:
                yield response.follow(link)
