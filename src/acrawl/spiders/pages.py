"""The text of a web site: ``acrawl pages URL... -o DIR``."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cached_property

import msgspec

from acrawl.clock import Clock, SystemClock
from acrawl.outcome import MadeFile, PageFacts
from acrawl.parse import markdown
from acrawl.parse.extensions import IMAGES, NOT_PAGES, extension
from acrawl.parse.links import Link
from acrawl.parse.sitemap import SitemapEntry
from acrawl.request import Request
from acrawl.response import Response
from acrawl.spider import Spider
from acrawl.spiders.sitemap import Sitemaps, depth_below

HTML = frozenset(("", "text/html", "application/xhtml+xml"))
#: Characters of a title or a description that are kept.
MAX_FACT = 1000


class Pages(Sitemaps, Spider):
    """Follows the pages in scope and saves the text of each as Markdown, with what is known about it above.

    Arguments: ``urls``, separated by blanks; ``part``: ``main`` (default), the main content of a page, or ``whole``;
    with ``sitemaps`` (any text) the pages that the sitemaps of the seeds' hosts name are taken, too.
    """

    name = "pages"
    clock: Clock = SystemClock()

    def __init__(self, urls: str = "", part: str = "main", sitemaps: str = "") -> None:
        super().__init__()
        markdown.check()  # now, and not on each page
        self.start_urls = urls.split()
        self.main = part != "whole"
        self.sitemaps = bool(sitemaps)

    async def parse(self, response: Response) -> AsyncIterator[Request | MadeFile]:
        """Read a page: its links and its text."""
        if self.sitemaps and response.request.depth == 0:
            for request in self.sitemap_requests([response.url]):
                yield request
        if response.content_type not in HTML:
            return
        links, text, facts = await asyncio.get_running_loop().run_in_executor(self._thread, self._reading, response)
        for link in links:
            if _may_be_page(link.url):
                yield response.follow(link)
        yield MadeFile(
            response.url, f"{front_matter(response.url, facts)}\n{text}\n".encode(), "text/markdown", page=facts
        )

    def from_sitemap(self, entry: SitemapEntry, response: Response) -> Iterator[Request]:
        """Take a page that a sitemap names."""
        if _may_be_page(entry.url):
            yield Request(entry.url, referrer=response.url, depth=depth_below(response.request))

    @cached_property
    def _thread(self) -> ThreadPoolExecutor:
        """One, since two would only take turns: the loop waits for one of them at the most."""
        return ThreadPoolExecutor(1, "acrawl-markdown")

    def _reading(self, response: Response) -> tuple[list[Link], str, PageFacts]:
        links, text = response.links(), response.markdown(main=self.main)
        return links, text, self._facts(response, text, len(links))

    def _facts(self, response: Response, text: str, links: int) -> PageFacts:
        language = response.css("html::attr(lang)").get() or response.headers.get("Content-Language")
        description = response.css('meta[name="description" i]::attr(content)').get() or ""
        return PageFacts(
            hashlib.sha256(text.encode()).hexdigest(),
            len(text),
            _line(response.css("title::text").get() or ""),
            _line(language or ""),
            _line(description),
            links,
            response.status,
            self.clock.time(),
            response.cut,
        )


def front_matter(url: str, facts: PageFacts) -> str:
    """What is known about a page, as YAML between two lines of dashes. Values are quoted as in JSON."""
    fetched = datetime.fromtimestamp(facts.fetched_at, UTC).isoformat(timespec="seconds")
    known = {"url": url, "title": facts.title, "lang": facts.language, "description": facts.description}
    lines = [f"{name}: {msgspec.json.encode(value).decode()}" for name, value in known.items() if value]
    return "\n".join(["---", *lines, f"fetched: {fetched}", "---", ""])


def _may_be_page(url: str) -> bool:
    path = url.partition("?")[0].lower()
    return not path.endswith(NOT_PAGES) and extension(path) not in IMAGES


def _line(text: str) -> str:
    """A text on one line, of characters that YAML takes as they are."""
    folded = " ".join(text.split())[:MAX_FACT]
    return "".join(char for char in folded if char.isprintable())
