"""All that a page names besides links: what browsers load with it, what stands for it, what scripts will load."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Literal

import msgspec

from acrawl.parse import css, header_links, json_ld, srcset
from acrawl.parse.document import Document
from acrawl.parse.extensions import IMAGES, extension, kind_of
from acrawl.parse.links import LINKS, MAX_LINKS, Link
from acrawl.parse.places import (
    BY_AS,
    BY_TYPE,
    HTML,
    ICONS,
    LAZY_BY_TAG,
    META,
    PLACES,
)
from acrawl.url import Joiner, join

#: Which candidates of a ``srcset`` are taken.
Pick = Literal["all", "largest"]
#: The kind of a hyperlink whose extension is that of an image.
LINKED = "linked"

_SPACE = "\t\n\f\r "
#: What follows ``data-`` in the attributes that scripts turn into references.
_LAZY = re.compile(rb"(?:src(?:set)?|original|lazy(?:-src)?|bg|background-image|full-src)(?=[\s=/>])")
#: Selects too much where that costs less than to tell apart. In SVG, lexbor's ``[href]`` selects ``xlink:href`` too.
_QUERY = "[href],[src],[srcset],[style],[background],img,video,meta,link,style,script,object,applet,html"
#: Longer texts are cut: each candidate of a ``srcset`` has that of its element.
_LONG = 1000
_LIST = re.compile(r"[,\s]+")

Attributes = dict[str, str | None]
_NONE: Attributes = {}


def resources(document: Document, *, pick: Pick = "all", limit: int = MAX_LINKS) -> list[Link]:
    """Return what the page names besides links, in document order, each URL once for each ``kind``. Never raises.

    ``kind`` is ``image``, ``style``, ``script``, ``font``, ``media`` (video, audio, subtitles), ``page`` (frames,
    players) or ``data`` (manifests, feeds, whatever else). ``alt`` is the alternative text or the title, at most 1000
    characters; ``attr`` is empty for what the text of ``style`` and of JSON-LD names. The content of ``template`` comes
    last.

    ``pick="largest"`` takes, of an element with candidates (``srcset``) and of a ``picture``, the largest alone, and
    leaves its ``src`` out. There are at most ``limit``; `Document.cut` tells when the page has more.
    """
    return [link for link in collected(document, pick, limit) if link.kind != LINKED]


def collected(document: Document, pick: Pick = "all", limit: int = MAX_LINKS) -> tuple[Link, ...]:
    """Return the resources and, with the kind `LINKED`, the hyperlinks to images. Walks over a page once."""
    if pick not in ("all", "largest"):
        raise ValueError(f"pick={pick!r} is not known; write pick='all' or pick='largest'")
    key = f"resources {pick} {limit}"
    known: tuple[Link, ...] | None = document.memo.get(key)
    if known is None:
        walk = _Walk(document, pick, limit)
        walk.read()
        known = document.memo[key] = tuple(walk.found.values())
    return known


class _Walk:
    """Goes over a document once; joins each reference once, keeps the first of each URL and its first text."""

    def __init__(self, document: Document, pick: Pick, limit: int) -> None:
        self.found: dict[tuple[str, str], Link] = {}
        self._document = document
        self._largest = pick == "largest"
        self._limit = limit
        self._full = False
        self._urls: dict[str, str | None] = {}
        self._pictures: set[int] = set()
        self._described: tuple[Attributes, str] = (_NONE, "")
        self._lazy = _lazy_names(document.lowered)
        members = [_QUERY, *(f"[{name}]" for name in self._lazy), *("picture",) * self._largest]
        self._tags, self._nodes = document.select(",".join(members))
        self.join = document.joiner

    def read(self) -> None:
        """Read the headers and all elements, until the limit is reached."""
        self._headers()
        last, plain = 0, not self._lazy
        for tag, node in zip(self._tags, self._nodes, strict=True):
            if node.mem_id == last:
                continue  # selected for each member of the query that it matches
            last = node.mem_id
            attributes = node.attributes
            if tag == "a" and plain and "style" not in attributes:
                _hyperlink(self, node, tag, attributes)  # most of what is selected: it can be nothing else
            else:
                self._element(node, tag or "", attributes)
            if self._full:
                return

    def add(self, reference: str | None, kind: str, tag: str, attr: str, attributes: Attributes) -> None:
        """Take a reference as written."""
        if not reference:
            return
        if reference in self._urls:
            url = self._urls[reference]
        else:
            url = self._urls[reference] = self._absolute(reference.strip(_SPACE))
        if url is not None:
            self._keep(url, reference, kind, tag, attr, attributes)

    def _absolute(self, reference: str) -> str | None:
        if not reference or reference[0] == "#" or reference[:5].lower() == "data:":
            return None
        return self.join(reference)

    def _keep(self, url: str, reference: str, kind: str, tag: str, attr: str, attributes: Attributes) -> None:
        key = kind, url
        known = self.found.get(key)
        alt = self._text(attributes)
        if known is None:
            if len(self.found) >= self._limit:
                self._full = True
                self._document.leave_out(LINKS)
                return
            rel, fragment = attributes.get("rel") or "", reference.partition("#")[2]
            self.found[key] = Link(url, "", tag, attr, rel, alt, fragment, kind, attributes.get("hreflang") or "")
        elif alt and not known.alt:
            self.found[key] = msgspec.structs.replace(known, alt=alt)

    def _text(self, attributes: Attributes) -> str:
        """Return what stands for an element; made once, however many candidates it has."""
        if attributes is not self._described[0]:
            text = (attributes.get("alt") or attributes.get("title") or "")[:_LONG]
            self._described = attributes, " ".join(text.split())
        return self._described[1]

    def _headers(self) -> None:
        joiner = Joiner(self._document.url)
        for header, reference, parameters in header_links.of_headers(self._document.headers):
            attributes: Attributes = dict(parameters)
            kind = _kind_of_link(attributes) if header == "Link" else ""
            url = joiner(reference) if kind else None
            if url is not None:
                self._keep(url, reference, kind, "", header, attributes)

    def _element(self, node: Any, tag: str, attributes: Attributes) -> None:
        if not (self._largest and self._best(node, tag, attributes)):
            for attr, kind in PLACES.get(tag, ()):
                self.add(attributes.get(attr), kind, tag, attr, attributes)
            if tag in ("img", "source"):
                self.candidates(attributes.get("srcset"), tag, "srcset", attributes)
            for name in self._lazy:
                if value := attributes.get(name):
                    self._lazily(value.strip(_SPACE), tag, name, attributes)
        reader = _READERS.get(tag)
        if reader is not None:
            reader(self, node, tag, attributes)
        style = attributes.get("style")
        if style and "(" in style:
            self.sheet(style, tag, "style", attributes)
        self.add(attributes.get("background"), "image", tag, "background", attributes)

    def sheet(self, text: str, tag: str, attr: str, attributes: Attributes) -> None:
        """Take what CSS names."""
        for reference, kind in css.named(text):
            self.add(reference, kind, tag, attr, attributes)

    def candidates(self, value: str | None, tag: str, attr: str, attributes: Attributes) -> None:
        """Take the candidates of a ``srcset``."""
        if not value:
            return
        found = srcset.sized(value)
        for candidate in [srcset.largest(found)] if self._largest else found:
            if candidate is not None:
                self.add(candidate.url, "image", tag, attr, attributes)

    def _best(self, node: Any, tag: str, attributes: Attributes) -> bool:
        """Take the largest candidate of a picture or an image by itself; whether that is all of it."""
        if tag == "picture":
            members = [(inner.tag or "", inner.attributes) for inner in node.iter()]
        elif tag in ("img", "source"):
            if node.parent is not None and node.parent.mem_id in self._pictures:
                return True
            members = [(tag, attributes)]
        else:
            return False
        found = [
            (candidate, name, attr, held)
            for name, held in members
            for attr in ("srcset", "data-srcset")
            for candidate in srcset.sized(held.get(attr) or "")
        ]
        if not found:
            return False
        best = srcset.largest([candidate for candidate, *_ in found])
        _, name, attr, _ = next(each for each in found if each[0] is best)
        described = next((held for each, held in members if each == "img"), attributes)
        self.add(best.url if best else None, "image", name, attr, described)
        self._pictures.add(node.mem_id)
        return True

    def _lazily(self, value: str, tag: str, name: str, attributes: Attributes) -> None:
        """Take what scripts will put into ``src``, ``srcset`` or a background."""
        if name == "data-srcset":
            self.candidates(value, tag, name, attributes)
        elif name in ("data-bg", "data-background-image") and "(" in value:
            self.sheet(value, tag, name, attributes)
        elif name in ("data-src", "data-full-src", "data-bg", "data-background-image"):
            kind = "image" if tag not in LAZY_BY_TAG or _is_image(value) else LAZY_BY_TAG[tag]
            if value[:1] not in ("{", "[") and kind:
                self.add(value, kind, tag, name, attributes)
        elif _is_image(value) or ("/" in value and " " not in value):
            # Flags (data-lazy="true") and titles (data-original="Old name") have the same names as references.
            self.add(value, "image", tag, name, attributes)


def _lazy_names(lowered: bytes) -> list[str]:
    """Return the lazy attributes that the page may have: most have none."""
    pieces = lowered.split(b"data-")
    names = {match[0] for piece in pieces[1:] if (match := _LAZY.match(piece))}
    return sorted("data-" + name.decode() for name in names)


def _is_image(reference: str) -> bool:
    """Whether the path ends in an extension of images."""
    return extension(reference) in IMAGES


def _kind_of_link(attributes: Attributes) -> str:
    """Return the kind of what a ``link`` or a Link header names; empty for what is no resource."""
    relations = set((attributes.get("rel") or "").lower().split())
    if not relations.isdisjoint(ICONS) or "image_src" in relations:
        return "image"
    if (attributes.get("itemprop") or "").lower() in ("image", "thumbnailurl"):
        return "image"
    if "stylesheet" in relations:
        return "style"
    if not relations.isdisjoint(("preload", "prefetch")):
        return BY_AS.get((attributes.get("as") or "").strip().lower(), "data")
    if "modulepreload" in relations:
        return "script"
    media_type = (attributes.get("type") or "").partition(";")[0].strip().lower()
    is_feed = "alternate" in relations and media_type not in HTML
    return "data" if is_feed or not relations.isdisjoint(("manifest", "search")) else ""


def _link(walk: _Walk, _node: Any, tag: str, attributes: Attributes) -> None:
    if kind := _kind_of_link(attributes):
        walk.add(attributes.get("href"), kind, tag, "href", attributes)
        if kind == "image":
            walk.candidates(attributes.get("imagesrcset"), tag, "imagesrcset", attributes)


def _hyperlink(walk: _Walk, _node: Any, tag: str, attributes: Attributes) -> None:
    reference = attributes.get("href")
    if reference and _is_image(reference.rstrip(_SPACE)):
        walk.add(reference, LINKED, tag, "href", attributes)


def _meta(walk: _Walk, _node: Any, tag: str, attributes: Attributes) -> None:
    for name in ("property", "name", "itemprop"):
        value = (attributes.get(name) or "").strip().lower()
        if value in META and (name == "itemprop" or value != "image"):
            walk.add(attributes.get("content"), META[value], tag, "content", attributes)
            return


def _input(walk: _Walk, _node: Any, tag: str, attributes: Attributes) -> None:
    if (attributes.get("type") or "").lower() == "image":
        walk.add(attributes.get("src"), "image", tag, "src", attributes)


def _embedded(walk: _Walk, _node: Any, tag: str, attributes: Attributes) -> None:
    """``object``, ``embed`` and ``applet``: what they show, and the archives that their ``codebase`` has."""
    codebase = attributes.get("codebase")
    base = walk.join(codebase) if codebase else None
    attr = "src" if tag == "embed" else "data"
    reference = (attributes.get(attr) or "").strip(_SPACE)
    if reference and tag != "applet":
        kind = _kind_of_embedded(reference, attributes.get("type") or "")
        walk.add(join(base, reference) if base else reference, kind, tag, attr, attributes)
    for name in ("archive", "code") if tag == "applet" else ("archive",):
        for reference in _LIST.split(attributes.get(name) or ""):
            walk.add(join(base, reference) if base and reference else reference, "data", tag, name, attributes)


def _kind_of_embedded(reference: str, media_type: str) -> str:
    """Return the kind by the type that the page tells, without one by the extension."""
    media_type = media_type.partition(";")[0].strip().lower()
    if media_type in HTML and media_type:
        return "page"
    if media_type:
        return BY_TYPE.get(media_type.partition("/")[0], "data")
    return kind_of(reference) or "data"


def _style(walk: _Walk, node: Any, tag: str, _attributes: Attributes) -> None:
    walk.sheet(node.text(), tag, "", _NONE)


def _script(walk: _Walk, node: Any, tag: str, attributes: Attributes) -> None:
    if (attributes.get("type") or "").partition(";")[0].strip().lower() == "application/ld+json":
        for reference, kind in json_ld.references(node.text()):
            walk.add(reference, kind, tag, "", _NONE)


_READERS: dict[str, Callable[[_Walk, Any, str, Attributes], None]] = {
    "a": _hyperlink,
    "area": _hyperlink,
    "link": _link,
    "meta": _meta,
    "input": _input,
    "object": _embedded,
    "embed": _embedded,
    "applet": _embedded,
    "style": _style,
    "script": _script,
}
