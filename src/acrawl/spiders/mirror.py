"""A browsable copy of a web site: ``acrawl mirror URL... -o DIR``."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator

from acrawl.parse.linked import HTML, Use, kind_of, named
from acrawl.parse.sitemap import SitemapEntry
from acrawl.request import Request
from acrawl.response import Response
from acrawl.spider import Spider
from acrawl.spiders.sitemap import Sitemaps, depth_below
from acrawl.url import host_of
from acrawl.worker.tags import asked

#: Longer documents are saved, and not read for more.
LARGEST = 32 << 20
#: Parts of parts, one within the other: the host of a stylesheet could go on for ever.
DEEPEST_PART = 20


class Mirror(Sitemaps, Spider):
    """Saves the pages in scope, and everything they need to be shown.

    Arguments: ``urls``, separated by blanks; ``hosts``, where parts of pages may live: ``any`` (default) or ``same``;
    ``requisites``, whether parts are saved: ``yes`` (default) or ``no``; ``depth``, how many links away from the first
    pages (empty: any number); with ``sitemaps`` (any text) the pages that the sitemaps of their hosts name are one link
    away.
    What a file is read as is decided by its type, whatever named it.
    """

    name = "mirror"

    def __init__(
        self, urls: str = "", hosts: str = "any", requisites: str = "yes", depth: str = "", sitemaps: str = ""
    ) -> None:
        super().__init__()
        self.start_urls = urls.split()
        self.anywhere = hosts == "any"
        self.requisites = requisites == "yes"
        self.deepest = int(depth) if depth else None
        self.sitemaps = bool(sitemaps) and self.deepest != 0

    async def start(self) -> AsyncIterator[Request]:
        """See `Spider.start`."""
        for url in self.start_urls:
            yield Request(url, "parse", save=True)

    def parse(self, response: Response) -> Iterator[Request]:
        """Read what stands in its own right: its parts, and where it leads."""
        if self.sitemaps and response.request.depth == 0:
            yield from self.sitemap_requests([response.url])
        yield from self._named(response, follow=True)

    def prepare(self, response: Response) -> None:
        """See `Spider.prepare`. No tree is needed."""
        if response.size <= LARGEST:
            named(response.document, HTML)

    def from_sitemap(self, entry: SitemapEntry, response: Response) -> Iterator[Request]:
        """Take a page that a sitemap names."""
        if not self._is_closed(response):
            yield Request(entry.url, "parse", save=True, referrer=response.url, depth=depth_below(response.request))

    def part(self, response: Response) -> Iterator[Request]:
        """Read a part of something for its own parts. A page of another host was not meant to be followed."""
        request = response.request
        yield from self._named(response, follow=host_of(request.url) == host_of(request.referrer))

    def _named(self, response: Response, *, follow: bool) -> Iterator[Request]:
        fact = response.file
        if fact is None or response.size > LARGEST:
            return
        kind = kind_of(fact.type, response.body if not fact.type else b"")
        if not kind:
            return
        depth = response.request.depth
        level = response.request.meta.get("level", 0)
        framed = self.requisites and follow and (self.deepest is None or depth <= self.deepest)
        follow = follow and kind == HTML and (self.deepest is None or depth < self.deepest)
        follow = follow and not self._is_closed(response)
        for url, use in named(response.document, kind):
            if use is Use.PART and self.requisites and level < DEEPEST_PART:
                yield Request(
                    url,
                    "part",
                    save=True,
                    allow_offsite=self.anywhere,
                    referrer=response.url,
                    depth=max(depth, 1),
                    meta={"level": level + 1},
                )
            elif (use is Use.PAGE and follow) or (use is Use.FRAME and framed):
                yield Request(url, "parse", save=True, referrer=response.url, depth=depth + 1)

    def _is_closed(self, response: Response) -> bool:
        """Whether robots are asked to follow nothing that is named here: what is saved is not taken for followed."""
        return asked(response, self.settings, time.time).nofollow
