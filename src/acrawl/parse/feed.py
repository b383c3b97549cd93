"""Feeds as links: RSS (0.9x, 1.0, 2.0), Atom (RFC 4287) and JSON Feed (1.x), read piece by piece."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from acrawl.parse.dates import moment
from acrawl.parse.markup import Tag, attributes_of, root, tags
from acrawl.parse.streams import Source, Texts
from acrawl.url import join

#: Bytes of a feed that are read, and enclosures of one entry.
MAX_BYTES = 64 << 20
MOST_ENCLOSURES = 100
#: Characters of a JSON Feed, which is read whole.
MAX_JSON = 16 << 20
#: What the outermost elements of feeds say.
KINDS = {"rss": "rss", "rdf": "rss", "feed": "atom"}
#: Elements of an entry that have another feed's or another thing's title and link in them.
_FOREIGN = frozenset(("source", "author", "contributor", "image", "textinput"))
_DATES = {"pubdate": "published", "published": "published", "issued": "published", "date": "published",
          "created": "published", "updated": "updated", "modified": "updated"}  # fmt: skip
#: Names that count in an entry though they are of another vocabulary.
_BORROWED = frozenset(("dc:date", "atom:link", "atom:updated", "atom:published", "a10:updated", "media:content"))


class Enclosure(msgspec.Struct, frozen=True):
    """A file that belongs to an entry: absolute URL, media type as written, and bytes (0: not told)."""

    url: str
    type: str = ""
    length: int = 0


class FeedEntry(msgspec.Struct, frozen=True):
    """One entry: its absolute URL, its title with white space folded, when it was published and changed (UTC).

    ``id`` is what the feed calls it. A title in HTML is left as it is written.
    """

    url: str
    title: str = ""
    published: datetime | None = None
    updated: datetime | None = None
    id: str = ""
    enclosures: list[Enclosure] = []


class Feed:
    """The entries of a feed, to be iterated over once.

    ``source`` is bytes, pieces of them, or a file; ``url`` is where it came from, ``content_type`` the whole header.
    ``kind`` is ``rss``, ``atom``, ``json``, or empty for what is no feed, and that gives nothing. ``cut`` says why the
    rest was left out. Entries without a URL are passed over. Raises OSError where a file cannot be read, else nothing.
    """

    def __init__(self, source: Source, url: str, content_type: str = "") -> None:
        self._url = url
        self._texts = Texts(source, content_type, MAX_BYTES)
        self._pieces = iter(self._texts)
        self._head = next(self._pieces)
        self._too_long = ""
        self.kind = "json" if self._head.lstrip()[:1] == "{" else root(self._head, KINDS)

    @property
    def cut(self) -> str:
        """Why the rest was left out; empty when nothing was."""
        return self._too_long or self._texts.cut

    def __iter__(self) -> Iterator[FeedEntry]:
        """Yield the entries in their order."""
        pieces = itertools.chain((self._head,), self._pieces)
        if self.kind == "json":
            yield from _json_entries(self._whole(pieces), self._url)
        for entry in entries(tags(pieces), self._url) if self.kind in ("rss", "atom") else ():
            self._texts.found()
            yield entry

    def _whole(self, pieces: Iterable[str]) -> str:
        taken, size = [], 0
        for piece in pieces:
            taken.append(piece)
            size += len(piece)
            if size > MAX_JSON:
                self._too_long = f"more than {MAX_JSON} characters of JSON"
                return ""
        return "".join(taken)


def entries(found: Iterable[Tag], base: str) -> Iterator[FeedEntry]:
    """Yield the entries of RSS or Atom from its tags. ``base`` is the feed's URL."""
    entry: _Entry | None = None
    foreign = ""
    for text, written, attributes, closes in found:
        prefix, _, name = written.lower().rpartition(":")
        if name in {"item", "entry"}:
            if entry is not None and (made := entry.made()) is not None:
                yield made
            entry, foreign = None if closes else _Entry(prefix, attributes_of(attributes), base), ""
        elif entry is None:
            if name == "feed" and "base" in attributes:
                base = join(base, attributes_of(attributes).get("base", "")) or base
        elif foreign:
            if closes and name == foreign:
                foreign = ""
        elif prefix == entry.prefix or written.lower() in _BORROWED:
            if closes:
                entry.end(name, text.strip())
            elif name in _FOREIGN:
                foreign = "" if attributes.endswith("/") else name
            elif attributes:
                entry.start(name, attributes_of(attributes))


class _Entry:
    """What has come of an entry; the first of each kind counts."""

    def __init__(self, prefix: str, attributes: Mapping[str, str], base: str) -> None:
        self.prefix = prefix
        self._base = join(base, attributes.get("base", "")) or base
        self._about = attributes.get("about", "")
        self._link = ""
        self._permalink = True
        self._texts: dict[str, str] = {}
        self._enclosures: list[Enclosure] = []

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """Note what stands in a start tag."""
        if name == "link":
            rel, href = attributes.get("rel", "alternate").lower(), attributes.get("href", "")
            if rel == "alternate":
                self._link = self._link or href
            elif rel == "enclosure":
                self._enclose(href, attributes)
        elif name in {"enclosure", "content"} and "url" in attributes:
            self._enclose(attributes["url"], attributes)
        elif name == "guid":
            self._permalink = attributes.get("ispermalink", "true").lower() != "false"

    def end(self, name: str, text: str) -> None:
        """Note the text of an element."""
        if name == "link":
            self._link = self._link or text
        elif name in _DATES:
            self._texts.setdefault(_DATES[name], text)
        elif name in {"title", "id", "guid"}:
            self._texts.setdefault("id" if name == "guid" else name, text)

    def made(self) -> FeedEntry | None:
        """The entry, or None where no URL can be had."""
        texts = self._texts
        called = texts.get("id", "")
        named = called if self._permalink and called.startswith(("http://", "https://")) else ""
        reference = self._link or named or self._about
        url = join(self._base, reference) if reference else None
        if url is None and self._enclosures:  # a podcast without pages
            url = self._enclosures[0].url
        if url is None:
            return None
        published, updated = moment(texts.get("published", "")), moment(texts.get("updated", ""))
        return FeedEntry(url, " ".join(texts.get("title", "").split()), published, updated, called, self._enclosures)

    def _enclose(self, reference: str, attributes: Mapping[str, str]) -> None:
        url = join(self._base, reference.strip())
        if url is not None and len(self._enclosures) < MOST_ENCLOSURES:
            length = attributes.get("length") or attributes.get("filesize") or ""
            self._enclosures.append(Enclosure(url, attributes.get("type", ""), _number(length)))


def _json_entries(text: str, base: str) -> Iterator[FeedEntry]:
    try:
        items = msgspec.json.decode(text)["items"]
    except (msgspec.DecodeError, KeyError, TypeError, RecursionError):  # no JSON Feed: it gives nothing
        return
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict) and (entry := _of_json(item, base)) is not None:
            yield entry


def _of_json(item: Mapping[str, Any], base: str) -> FeedEntry | None:
    def text(name: str, of: Mapping[str, Any] = item) -> str:
        value = of.get(name)
        return value if isinstance(value, str) else ""

    reference = text("url") or text("external_url")
    url = join(base, reference) if reference else None
    if url is None:
        return None
    enclosures = []
    attachments = item.get("attachments")
    for one in attachments[:MOST_ENCLOSURES] if isinstance(attachments, list) else ():
        file = join(base, text("url", one)) if isinstance(one, dict) and text("url", one) else None
        if file is not None:
            enclosures.append(Enclosure(file, text("mime_type", one), _number(str(one.get("size_in_bytes", "")))))
    published, updated = moment(text("date_published")), moment(text("date_modified"))
    return FeedEntry(url, " ".join(text("title").split()), published, updated, str(item.get("id", "")), enclosures)


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 16 else 0
