"""Sitemaps: what a site says it consists of (https://www.sitemaps.org/protocol.html), read piece by piece.

Read are urlsets and indexes with the extensions for images, videos, news and other languages, text files with one URL a
line, RSS and Atom, each of them packed with gzip or not. What can be read of a broken file is read.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

import msgspec

from acrawl.parse import feed
from acrawl.parse.dates import moment
from acrawl.parse.markup import LONGEST, Tag, attributes_of, root, tags
from acrawl.parse.streams import Source, Texts
from acrawl.url import join

#: Entries of one file, and its bytes unpacked: ten times what the protocol allows. The rest is left out.
MOST_ENTRIES = 500_000
MAX_BYTES = 512 << 20
#: Images of one entry (Google's limit), and as many videos and alternates.
MOST_PARTS = 1000
_MOST_TEXTS = 20

INDEX = "sitemapindex"
_KINDS = {"urlset": "urlset", "url": "urlset", "sitemapindex": INDEX, "sitemap": INDEX, **feed.KINDS}
_URL = re.compile(r"https?://\S+\Z", re.IGNORECASE).match
_LINE = re.compile(r"(?:^|[\r\n])[ \t]*+https?://", re.IGNORECASE)
_ENTRIES = frozenset(("url", "sitemap"))
_PARTS = frozenset(("image", "video", "news"))
_VIDEO_URLS = ("thumbnail_loc", "content_loc", "player_loc")


class SitemapImage(msgspec.Struct, frozen=True):
    """An image of an entry (``image:image``): absolute URL, and the texts of sitemaps from before 2022."""

    url: str
    title: str = ""
    caption: str = ""


class SitemapVideo(msgspec.Struct, frozen=True):
    """A video of an entry (``video:video``): absolute URLs of its thumbnail, its file and its player, empty without."""

    thumbnail: str = ""
    content: str = ""
    player: str = ""
    title: str = ""


class Alternate(msgspec.Struct, frozen=True):
    """The same page elsewhere (``xhtml:link rel=alternate``): absolute URL and language; a media query for devices."""

    url: str
    hreflang: str = ""
    media: str = ""


class SitemapEntry(msgspec.Struct, frozen=True):
    """One entry. ``url`` is absolute, ``lastmod`` and ``news`` (its publication) are in UTC, None where there is none.

    ``changefreq`` is lower case, ``priority`` lies between 0 and 1, None where it is not given. ``texts`` are the
    simple elements as written, by their names. They are what ``entry["lastmod"]`` gives, and ``entry["loc"]`` and
    ``entry["alternate"]`` give absolute URLs: as Scrapy has them.
    """

    url: str
    lastmod: datetime | None = None
    changefreq: str = ""
    priority: float | None = None
    images: list[SitemapImage] = []
    alternates: list[Alternate] = []
    videos: list[SitemapVideo] = []
    news: datetime | None = None
    texts: dict[str, str] = {}

    def __getitem__(self, name: str) -> str | list[str]:
        """A text by the name of its element; KeyError without one."""
        if name == "loc":
            return self.url
        if name == "alternate" and self.alternates:
            return [alternate.url for alternate in self.alternates]
        return self.texts[name]

    def __contains__(self, name: object) -> bool:
        """Whether there is such a text."""
        return name == "loc" or name in self.texts or (name == "alternate" and bool(self.alternates))

    def get(self, name: str, default: str | None = None) -> str | list[str] | None:
        """A text by the name of its element, or ``default``."""
        try:
            return self[name]
        except KeyError:  # it has none
            return default


class Sitemap:
    """The entries of a sitemap, to be iterated over once, at flat memory.

    ``source`` is bytes, pieces of them, or a file; ``url`` is where it came from, ``content_type`` the whole header.
    ``kind`` is ``urlset``, ``sitemapindex``, ``text``, ``rss``, ``atom``, or empty for what is no sitemap, and that
    gives nothing. Entries whose URL cannot be requested are passed over. Raises OSError where a file cannot be read,
    else nothing.
    """

    def __init__(
        self,
        source: Source,
        url: str,
        content_type: str = "",
        *,
        most_entries: int = MOST_ENTRIES,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._url = url
        self._most = most_entries
        self._texts = Texts(source, content_type, max_bytes)
        self._pieces = iter(self._texts)
        self._head = next(self._pieces)
        self._too_many = ""
        self.kind = root(self._head, _KINDS)
        if not self.kind and "<" not in self._head and _LINE.search(self._head):
            self.kind = "text"

    @property
    def cut(self) -> str:
        """Why the rest was left out, as far as it has been read; empty when nothing was."""
        return self._too_many or self._texts.cut

    def __iter__(self) -> Iterator[SitemapEntry]:
        """Yield the entries in their order."""
        for count, entry in enumerate(self._entries()):
            if count >= self._most:
                self._too_many = f"more than {self._most} entries"
                return
            self._texts.found()
            yield entry

    def _entries(self) -> Iterator[SitemapEntry]:
        pieces = itertools.chain((self._head,), self._pieces)
        if self.kind in {"urlset", INDEX}:
            return _listed(tags(pieces), self._url)
        if self.kind == "text":
            return _lines(pieces)
        return map(_of_feed, feed.entries(tags(pieces), self._url)) if self.kind else iter(())


def _lines(pieces: Iterable[str]) -> Iterator[SitemapEntry]:
    rest = ""
    for piece in pieces:
        *lines, rest = (rest + piece.replace("\r", "\n")).split("\n")
        yield from _of_lines(lines)
        if len(rest) > LONGEST:
            rest = ""
    yield from _of_lines([rest])


def _of_lines(lines: Iterable[str]) -> Iterator[SitemapEntry]:
    for line in lines:
        text = line.strip()
        url = join(text, "") if _URL(text) else None
        if url is not None:
            yield SitemapEntry(url)


def _of_feed(entry: feed.FeedEntry) -> SitemapEntry:
    changed = entry.updated or entry.published
    texts = {} if changed is None else {"lastmod": changed.isoformat()}
    return SitemapEntry(entry.url, changed, texts=texts)


def _listed(found: Iterable[Tag], base: str) -> Iterator[SitemapEntry]:
    entry: _Entry | None = None
    for text, written, attributes, closes in found:
        name = written[written.rfind(":") + 1 :].lower()
        if name in _ENTRIES:
            if entry is not None and (made := entry.made()) is not None:
                yield made
            entry = None if closes else _Entry(base)
        elif entry is None:
            continue
        elif closes:
            entry.end(name, text.strip())
        elif name in _PARTS:
            entry.begin(name)
        elif name == "link" and attributes:
            entry.link(attributes_of(attributes))
    # An entry that the end of the file cuts off may have half a URL: it is left out.


class _Entry:
    """What has come of an entry; the first of each kind counts."""

    def __init__(self, base: str) -> None:
        self._base = base
        self._texts: dict[str, str] = {}
        self._parts: dict[str, list[dict[str, str]]] = {}
        self._part: dict[str, str] | None = None
        self._links: list[Alternate] = []

    def begin(self, name: str) -> None:
        """An image, a video or a piece of news begins."""
        parts = self._parts.setdefault(name, [])
        self._part = {}
        if len(parts) < MOST_PARTS:
            parts.append(self._part)

    def end(self, name: str, text: str) -> None:
        """An element ends: a part, or one with a text."""
        if name in _PARTS:
            self._part = None
            return
        into = self._texts if self._part is None else self._part
        if len(into) < _MOST_TEXTS:
            into.setdefault(name, text)

    def link(self, attributes: Mapping[str, str]) -> None:
        """A link to the same page in another language, or for other devices."""
        if "alternate" in attributes.get("rel", "").lower().split() and len(self._links) < MOST_PARTS:
            url = self._joined(attributes.get("href", "").strip())
            if url:
                self._links.append(Alternate(url, attributes.get("hreflang", ""), attributes.get("media", "")))

    def made(self) -> SitemapEntry | None:
        """The entry, or None where its URL cannot be requested."""
        texts = self._texts
        url = self._joined(texts.get("loc", ""))
        if not url:
            return None
        lastmod = moment(texts["lastmod"]) if "lastmod" in texts else None
        priority = _priority(texts["priority"]) if "priority" in texts else None
        changefreq = texts.get("changefreq", "").lower()
        if not self._parts and not self._links:
            return SitemapEntry(url, lastmod, changefreq, priority, texts=texts)
        videos, news = self._videos(), self._parts.get("news")
        published = moment(news[0].get("publication_date", "")) if news else None
        return SitemapEntry(url, lastmod, changefreq, priority, self._images(), self._links, videos, published, texts)

    def _images(self) -> list[SitemapImage]:
        return [
            SitemapImage(url, part.get("title", ""), part.get("caption", ""))
            for part in self._parts.get("image", ())
            if (url := self._joined(part.get("loc", "")))
        ]

    def _videos(self) -> list[SitemapVideo]:
        found = []
        for part in self._parts.get("video", ()):
            thumbnail, content, player = (self._joined(part.get(name, "")) for name in _VIDEO_URLS)
            if thumbnail or content or player:
                found.append(SitemapVideo(thumbnail, content, player, part.get("title", "")))
        return found

    def _joined(self, reference: str) -> str:
        return (join(self._base, reference) or "") if reference else ""


def _priority(text: str) -> float | None:
    try:
        number = float(text.replace(",", "."))
    except ValueError:  # no number: the entry has none
        return None
    return None if math.isnan(number) else min(max(number, 0.0), 1.0)
