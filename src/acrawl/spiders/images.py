"""Every image of a web site: ``acrawl images URL... -o DIR``."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

from acrawl.outcome import Sighting, Sightings
from acrawl.parse.css import references
from acrawl.parse.extensions import NOT_PAGES
from acrawl.parse.media import stylesheets
from acrawl.parse.sitemap import SitemapEntry
from acrawl.request import Request
from acrawl.response import Response
from acrawl.spider import Spider
from acrawl.spiders.sitemap import Sitemaps, depth_below
from acrawl.url import host_of
from acrawl.worker.tags import asked

HTML = ("", "text/html", "application/xhtml+xml", "application/xml", "text/xml", "text/plain")

#: Stylesheets that import each other, one within the other: their host could go on for ever.
DEEPEST_SHEET = 20


class Images(Sitemaps, Spider):
    """Follows the pages in scope and saves every image they or their stylesheets name.

    Arguments: ``urls``, separated by blanks; ``hosts``, where images may live: ``any`` (default) or ``same``; with
    ``sitemaps`` (any text) the pages and images that the sitemaps of the seeds' hosts name are taken, too.
    What is an image is decided by the bytes: whatever any request brings, an image is saved and a page is read.
    """

    name = "images"

    def __init__(self, urls: str = "", hosts: str = "any", sitemaps: str = "") -> None:
        super().__init__()
        self.start_urls = urls.split()
        self.sitemaps = bool(sitemaps)
        self.anywhere = hosts == "any"

    async def start(self) -> AsyncIterator[Request]:
        """See `Spider.start`."""
        for url in self.start_urls:
            yield Request(url, save="image/")

    def parse(self, response: Response) -> Iterator[Request | Sightings]:
        """Read a page: its images, its stylesheets, its links."""
        if self.sitemaps and response.request.depth == 0:
            yield from self.sitemap_requests([response.url])
        if response.content_type == "text/css":
            yield from self.parse_css(response)
            return
        if response.content_type not in HTML or self._strayed(response):
            return
        images = response.images()
        if images:
            found = [Sighting(image.url, image.alt, image.source) for image in images]
            yield Sightings(response.url, found)
        for image in images:
            yield self._image(image.url, response)
        for url in stylesheets(response.document):
            yield self._stylesheet(url, response)
        named = {image.url for image in images}
        for link in response.links():
            path = link.url.partition("?")[0].lower()
            if link.url not in named and not path.endswith(NOT_PAGES):
                yield response.follow(link, save="image/")

    def prepare(self, response: Response) -> None:
        """See `Spider.prepare`."""
        response.images()
        response.links()

    def from_sitemap(self, entry: SitemapEntry, response: Response) -> Iterator[Request | Sightings]:
        """Take a page that a sitemap names, and the images that it names for it."""
        if asked(response, self.settings, time.time).nofollow:  # what is saved is not taken for followed
            return
        found = [Sighting(image.url, image.caption or image.title, "sitemap") for image in entry.images]
        found += [Sighting(video.thumbnail, video.title, "sitemap") for video in entry.videos if video.thumbnail]
        if found:
            yield Sightings(entry.url, found)
        for image in found:
            yield self._image(image.url, response)
        if not entry.url.partition("?")[0].lower().endswith(NOT_PAGES):
            depth = depth_below(response.request)
            yield Request(entry.url, save="image/", referrer=response.url, depth=depth)

    def parse_css(self, response: Response) -> Iterator[Request | Sightings]:
        """Read a stylesheet: its images and the sheets it imports."""
        images, imports = references(response.text)
        joined = [url for url in map(response.urljoin, images) if url is not None]
        if joined:
            yield Sightings(response.url, [Sighting(url, "", "css") for url in joined])
        for url in joined:
            yield self._image(url, response)
        for sheet in map(response.urljoin, imports):
            if sheet is not None and response.request.meta.get("level", 0) < DEEPEST_SHEET:
                yield self._stylesheet(sheet, response)

    def _image(self, url: str, response: Response) -> Request:
        depth, meta = response.request.depth + 1, self._mark(response)
        return Request(url, save="image/", allow_offsite=self.anywhere, referrer=response.url, depth=depth, meta=meta)

    def _stylesheet(self, url: str, response: Response) -> Request:
        depth, meta = response.request.depth + 1, self._mark(response)
        meta["level"] = response.request.meta.get("level", 0) + 1
        return Request(url, "parse_css", allow_offsite=self.anywhere, referrer=response.url, depth=depth, meta=meta)

    def _mark(self, response: Response) -> dict[str, Any]:
        """What a part of another host names is no more ours to read than that is, whoever's host it is at."""
        return {"strayed": True} if self._strayed(response) else {}

    def _strayed(self, response: Response) -> bool:
        """Whether a page of another host was named where an image was expected: it is not ours to read."""
        request = response.request
        if request.meta.get("strayed"):
            return True
        return request.allow_offsite and request.depth > 0 and host_of(request.url) != host_of(request.referrer)
