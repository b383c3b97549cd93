"""Whether every link of a web site leads anywhere: ``acrawl links URL...``."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import cached_property

from acrawl.frontier.gate import ScopeGate
from acrawl.master.seeds import gate_of
from acrawl.outcome import Sighting, Sightings
from acrawl.parse.anchors import placed, places
from acrawl.parse.extensions import IMAGES, NOT_PAGES, extension
from acrawl.parse.malformed import malformed
from acrawl.parse.sitemap import SitemapEntry
from acrawl.request import Request, seal
from acrawl.response import Failure, Response
from acrawl.results.publish.linkbook import MALFORMED, PLACE
from acrawl.spelling import Spelling
from acrawl.spider import Spider
from acrawl.spiders.sitemap import Sitemaps, depth_below
from acrawl.url import host_of

HTML = frozenset(("", "text/html", "application/xhtml+xml"))
#: What a server may say to HEAD though it has the thing: then GET has the last word.
HEAD_REFUSED = frozenset(("malformed", "reset", "truncated"))
#: Sightings of one item, and characters of a link's text that are kept.
MAX_SIGHTINGS = 1000
MAX_TEXT = 200
MAX_MALFORMED = 2000
#: What is told of a link in the place of its element.
_SOURCES = {"style": "stylesheet", "script": "script"}
_KNOWN = 10_000
#: Sightings of what cannot be asked for.
_NO_LINKS = frozenset((PLACE, MALFORMED))


class Links(Sitemaps, Spider):
    """Reads the pages in scope and asks for everything that they name; what became of it stands in the ledger.

    Pages are read by GET. Files, and with ``external`` what lies outside the scope, are asked for by HEAD, and by GET
    of their first byte where that is refused; they are never read. Arguments: ``urls``, separated by blanks;
    ``external``, ``anchors`` (also look whether ``#places`` exist) and ``sitemaps`` (also check what the sitemaps of
    the seeds' hosts name): anything but empty means yes.
    """

    name = "links"

    def __init__(self, urls: str = "", external: str = "", anchors: str = "", sitemaps: str = "") -> None:
        super().__init__()
        self.start_urls = urls.split()
        self.external = bool(external)
        self.anchors = bool(anchors)
        self.sitemaps = bool(sitemaps)
        self._verdicts: dict[str, str] = {}

    def parse(self, response: Response) -> Iterator[Request | Sightings]:
        """Read a page: everything it names."""
        is_seed = response.request.depth == 0
        if self.sitemaps and is_seed:
            yield from self.sitemap_requests([response.url])
        if response.content_type not in HTML or not self._inside(response.url, is_seed=is_seed):
            return
        seen = self._seen(response)
        while some := list(itertools.islice(seen, MAX_SIGHTINGS)):
            yield Sightings(response.url, some)
            for url in dict.fromkeys(one.url.partition("#")[0] for one in some if one.source not in _NO_LINKS):
                yield self._request(url, response)

    def prepare(self, response: Response) -> None:
        """See `Spider.prepare`."""
        response.links(citations=True)
        response.resources()

    def from_sitemap(self, entry: SitemapEntry, response: Response) -> Iterator[Request | Sightings]:
        """Check everything that a sitemap names."""
        named = [entry.url, *(alternate.url for alternate in entry.alternates), *(image.url for image in entry.images)]
        named += [url for video in entry.videos for url in (video.thumbnail, video.content, video.player) if url]
        urls = list(dict.fromkeys(named))
        depth = depth_below(response.request)
        for start in range(0, len(urls), MAX_SIGHTINGS):
            some = urls[start : start + MAX_SIGHTINGS]
            yield Sightings(response.url, [Sighting(url, "", "sitemap") for url in some])
            for url in some:
                yield self._made(url, response.url, depth, self._is_file(url))

    def landed(self, response: Response) -> Iterator[Request]:
        """What was asked for is there. What is a page after all is read, where it is ours to read."""
        if response.request.method == "HEAD" and response.content_type in HTML and self._inside(response.url):
            yield self._made(response.url, response.request.referrer, response.request.depth)

    def refused(self, failure: Failure) -> Iterator[Request]:
        """HEAD failed in a way that may be its own: ask for the first byte."""
        request = failure.request
        if failure.reason.startswith("http-") or failure.reason in HEAD_REFUSED:
            yield Request(
                request.url,
                "landed",
                headers={"Range": "bytes=0-0"},
                referrer=request.referrer,
                depth=request.depth,
                allow_offsite=self.external,
            )

    def _seen(self, response: Response) -> Iterator[Sighting]:
        """Everything that the page names, and its own places first: of two sightings of one URL the first stays.

        The empty place says that the page was read.
        """
        document, page = response.document, response.url
        told = set()
        yield Sighting(f"{page}#", "", PLACE)
        if self.anchors:
            for place in places(document):
                yield Sighting(f"{page}#{place}", "", PLACE)
            for link in placed(document):
                told.add(link.url)
                yield Sighting(f"{link.url}#{link.fragment}", link.text[:MAX_TEXT], link.tag)
        for link in response.links(citations=True):
            if link.url not in told:
                yield Sighting(link.url, link.text[:MAX_TEXT], link.tag or link.attr)
        for image in response.images():
            yield Sighting(image.url, image.alt[:MAX_TEXT], image.source)
        for link in response.resources():
            if link.kind != "image":
                source = _SOURCES.get(link.kind) or link.tag or link.attr
                yield Sighting(link.url, link.alt[:MAX_TEXT], source)
        for reference, text in malformed(document):
            yield Sighting(reference[:MAX_MALFORMED], text[:MAX_TEXT], MALFORMED)

    def _request(self, url: str, response: Response) -> Request:
        return self._made(url, response.url, response.request.depth + 1, self._is_file(url))

    def _made(self, url: str, referrer: str, depth: int, by_head: bool = False) -> Request:
        if by_head or (self.external and not self._inside(url)):
            return Request(
                url, "landed", "HEAD", errback="refused", referrer=referrer, depth=depth, allow_offsite=self.external
            )
        return Request(url, referrer=referrer, depth=depth, allow_offsite=self.external)

    def _is_file(self, url: str) -> bool:
        """By its name alone, so that every page of the site comes to the same: one request for each URL."""
        path = url.partition("?")[0].lower()
        return path.endswith((*NOT_PAGES, ".css", ".js")) or extension(path) in IMAGES

    @cached_property
    def _gate(self) -> ScopeGate:
        return gate_of(self)

    @cached_property
    def _spelling(self) -> Spelling:
        return Spelling(self.settings.urls)

    def _inside(self, url: str, *, is_seed: bool = False) -> bool:
        """Whether a URL belongs to the site. A seed was asked for by name: no pattern keeps it out."""
        scope = self.settings.scope
        key = url if scope.within == "path" or scope.allow or scope.deny else host_of(url)
        verdict = self._verdicts.get(key)
        if verdict is None:
            if len(self._verdicts) >= _KNOWN:
                self._verdicts.clear()
            sealed = seal(Request(url, depth=1), b"", self._spelling)
            verdict = self._verdicts[key] = self._gate.excludes(sealed)
        return not verdict or (is_seed and verdict == "pattern")
