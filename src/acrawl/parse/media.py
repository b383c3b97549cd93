"""Every image a page names, wherever HTML and inline CSS can name one; and its stylesheets, which name more."""

from __future__ import annotations

import msgspec

from acrawl.parse.document import Document
from acrawl.parse.links import Link
from acrawl.parse.places import ICONS
from acrawl.parse.resources import LINKED, Pick, collected

_BY_ATTRIBUTE = {
    "srcset": "srcset",
    "imagesrcset": "srcset",
    "poster": "poster",
    "background": "background",
    "style": "css",
}
_BY_TAG = {
    "img": "img",
    "image": "svg",
    "feImage": "svg",
    "use": "svg",
    "input": "input",
    "object": "object",
    "embed": "object",
    "style": "css",
    "script": "json-ld",
    "meta": "meta",
    "a": "link",
    "area": "link",
}


class Image(msgspec.Struct, frozen=True):
    """An image: absolute ``url``, its alternative text or title, and the kind of place that named it first.

    ``source`` is one of ``img srcset lazy icon meta css svg input poster object background json-ld link``.
    """

    url: str
    alt: str = ""
    source: str = "img"


def images(document: Document, *, pick: Pick = "all") -> list[Image]:
    """Return the images in document order, each URL once, with the first text that is not empty. Never raises.

    They are the `resources` of the kind ``image`` (``pick`` is explained there), and what links lead to: whether a URL
    is an image is not known before it is fetched, so a link is taken for one by its extension.
    """
    found: dict[str, Image] = {}
    for link in collected(document, pick):
        if link.kind not in ("image", LINKED):
            continue
        known = found.get(link.url)
        if known is None:
            found[link.url] = Image(link.url, link.alt, _source(link))
        elif not known.alt:
            found[link.url] = Image(known.url, link.alt, known.source)
    return list(found.values())


def stylesheets(document: Document) -> list[str]:
    """Return the absolute URLs of stylesheets: the `resources` of the kind ``style``. Never raises."""
    return [link.url for link in collected(document) if link.kind == "style"]


def _source(link: Link) -> str:
    if link.attr.startswith("data-"):
        return "lazy"
    found = _BY_ATTRIBUTE.get(link.attr) or _BY_TAG.get(link.tag)
    if found is not None:
        return found
    relations = set(link.rel.lower().split())
    if not relations.isdisjoint(ICONS):
        return "icon"
    return "link" if not relations.isdisjoint(("preload", "prefetch")) else "meta"
