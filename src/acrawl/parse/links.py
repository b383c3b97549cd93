"""The links of a page: what a visitor, or a browser by itself, could go to next."""

from __future__ import annotations

import msgspec

from acrawl.parse import refresh
from acrawl.parse.document import Document

#: Three that select too much cost less than six that do not: each is a pass over the tree. In SVG, lexbor's ``[href]``
#: selects ``xlink:href`` too, which `links` passes over.
_QUERY = "[href],[src],[http-equiv]"
_HYPERLINKS = frozenset(("a", "area"))
_OTHERS = frozenset(("link", "meta", "iframe", "frame"))
_PAGES = frozenset(("next", "prev", "canonical"))
_HTML = frozenset(("", "text/html", "application/xhtml+xml"))


class Link(msgspec.Struct, frozen=True):
    """A link: absolute ``url`` without its ``fragment``, its text with white space folded, and where it stands.

    ``tag`` and ``attr`` are those that named it first, ``rel`` is as written, ``alt`` is the text in its place.
    """

    url: str
    text: str = ""
    tag: str = "a"
    attr: str = "href"
    rel: str = ""
    alt: str = ""
    fragment: str = ""

    @property
    def nofollow(self) -> bool:
        """Whether ``rel`` asks crawlers not to follow it."""
        return "nofollow" in self.rel.lower().split()


def links(document: Document) -> list[Link]:
    """Return the links in document order, the first of each URL. Never raises.

    Taken are ``a`` and ``area``, frames, ``link`` with rel next, prev, canonical or alternate (HTML only), and the
    target of a meta refresh. Forms are left to spiders, and so is what `Document.join` refuses (``mailto:``).
    """
    join = document.joiner
    found: dict[str, Link] = {}
    seen: set[str] = set()
    for node in document.root.css(_QUERY):
        tag = node.tag or ""
        if tag not in _HYPERLINKS and tag not in _OTHERS:
            continue
        attributes = node.attributes
        attr, reference = ("href", attributes.get("href")) if tag in _HYPERLINKS else _other(tag, attributes)
        if reference is None or reference in seen:
            continue
        seen.add(reference)
        url = join(reference)
        if url is not None and url not in found:
            alt = _folded(attributes.get("alt") or "")
            text = _folded(node.text()) if tag == "a" else alt
            found[url] = Link(url, text, tag, attr, attributes.get("rel") or "", alt, reference.partition("#")[2])
    return list(found.values())


def urls(document: Document) -> list[str]:
    """Return the URLs of `links`, for those who need no more: they cost half."""
    references: dict[str | None, None] = {}
    for node in document.root.css(_QUERY):
        tag = node.tag
        if tag in _HYPERLINKS:
            references[node.attrs.get("href")] = None
        elif tag in _OTHERS:
            references[_other(tag, node.attributes)[1]] = None
    references.pop(None, None)
    found = dict.fromkeys(map(document.joiner, references))  # type: ignore[arg-type]
    found.pop(None, None)
    return list(found)  # type: ignore[arg-type]


def _folded(text: str) -> str:
    text = text.strip()
    return " ".join(text.split()) if "  " in text or not text.isprintable() else text


def _other(tag: str, attributes: dict[str, str | None]) -> tuple[str, str | None]:
    """Return attribute and reference of an element that is a link only sometimes; None where it is none."""
    if tag == "meta":
        if (attributes.get("http-equiv") or "").strip().lower() == "refresh":
            target = refresh.parse(attributes.get("content") or "")
            return "content", target[1] if target else None
        return "content", None
    if tag == "link":
        relations = (attributes.get("rel") or "").lower().split()
        alternate = (
            "alternate" in relations
            and "stylesheet" not in relations
            and (attributes.get("type") or "").partition(";")[0].strip().lower() in _HTML
        )
        return "href", attributes.get("href") if alternate or not _PAGES.isdisjoint(relations) else None
    return "src", attributes.get("src")
