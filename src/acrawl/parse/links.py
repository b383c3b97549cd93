"""The links of a page: what a visitor, or a browser by itself, could go to next."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

import msgspec

from acrawl.parse import header_links, refresh
from acrawl.parse.document import Document
from acrawl.parse.selectors import Selector, native
from acrawl.url import Joiner

#: Few that select too much cost less than many that do not. In SVG, lexbor's ``[href]`` selects ``xlink:href`` too.
_QUERY = "[href],[src],[http-equiv]"
_HYPERLINKS = frozenset(("a", "area"))
#: The relations of ``link`` elements and ``Link`` headers that lead to pages; ``alternate`` where it is HTML.
RELS = frozenset(("next", "prev", "canonical", "alternate"))
_HTML = frozenset(("", "text/html", "application/xhtml+xml"))
#: Which element quotes or describes another document, and where.
_CITATIONS = {
    "blockquote": "cite",
    "q": "cite",
    "ins": "cite",
    "del": "cite",
    "img": "longdesc",
    "iframe": "longdesc",
    "frame": "longdesc",
    "head": "profile",
}
#: Links of a page beyond which the rest is left out.
MAX_LINKS = 100_000
#: What `Document.cut` says then.
LINKS = "links: more than were asked for"

#: Relations and types beyond it are not read: what they mean is remembered.
_LONG = 200
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]*\Z")

Attributes = dict[str, str | None]
#: Takes the attributes of an element; returns the attribute that holds its reference, and the reference, None for none.
Reader = Callable[[Attributes], tuple[str, str | None]]


class Link(msgspec.Struct, frozen=True, gc=False):
    """A link: absolute ``url`` without its ``fragment``, its text with white space folded, and where it stands.

    ``tag`` and ``attr`` are those that named it first; what a header names has no tag, and the header's name for an
    ``attr``. ``rel`` is as written, ``alt`` is the text in its place, ``hreflang`` the language of its target. ``kind``
    is what is expected there: ``page``, or one of those that `acrawl.parse.resources` tells of.
    """

    url: str
    text: str = ""
    tag: str = "a"
    attr: str = "href"
    rel: str = ""
    alt: str = ""
    fragment: str = ""
    kind: str = "page"
    hreflang: str = ""

    @property
    def nofollow(self) -> bool:
        """Whether ``rel`` asks crawlers not to follow it."""
        return "nofollow" in self.rel.lower().split()


def links(
    document: Document,
    *,
    rels: Collection[str] = RELS,
    forms: bool = False,
    citations: bool = False,
    limit: int = MAX_LINKS,
) -> list[Link]:
    """Return the links in document order, the first of each URL. Never raises.

    Taken are the headers Link, Refresh, Location and Content-Location; ``a`` and ``area`` (in SVG too), frames,
    ``link`` with a relation of ``rels`` (lower case; alternates only where they are HTML), and the target of a meta
    refresh. With ``forms`` also where forms of method GET go, without their fields; with ``citations`` what ``cite``,
    ``longdesc`` and ``profile`` name. The content of ``template`` comes last. What `Document.join` refuses
    (``mailto:``) is passed over.

    There are at most ``limit``; `Document.cut` tells when the page has more.
    """
    key = f"links {sorted(rels)} {forms} {citations} {limit}"
    known: tuple[Link, ...] | None = document.memo.get(key)
    if known is None:
        known = document.memo[key] = _found(document, frozenset(rels), forms, citations, limit)
    return list(known)


def _found(document: Document, rels: frozenset[str], forms: bool, citations: bool, limit: int) -> tuple[Link, ...]:
    readers = _readers(rels, forms=forms, citations=citations)
    query = ",".join((_QUERY, *("[action]",) * forms, *("[cite],[longdesc],[profile]",) * citations))
    tags, nodes = document.select(query)
    found = _Found(document, limit)
    found.take_headers(rels)
    seen: set[str] = set()
    for tag, node in zip(tags, nodes, strict=True):
        for read in readers.get(tag, ()):
            attributes = node.attributes
            attr, reference = read(attributes)
            if reference is not None and reference not in seen:
                seen.add(reference)
                found.take(reference, node, tag or "", attr, attributes)
        if found.full:
            break
    return tuple(found.links.values())


def urls(document: Document, limit: int = MAX_LINKS) -> list[str]:
    """Return the URLs of `links`, for those who need no more: they cost less."""
    tags, nodes = document.select(_QUERY)
    if len(nodes) > limit:
        return [link.url for link in links(document, limit=limit)]
    references: dict[str | None, None] = {}
    for tag, node in zip(tags, nodes, strict=True):
        if tag in _HYPERLINKS:
            try:
                references[node.attrs["href"]] = None  # quicker than all attributes
            except KeyError:  # it was selected for one with a prefix
                references[_hyperlink(node.attributes)[1]] = None
        elif tag in _READERS:
            references[_READERS[tag][0](node.attributes)[1]] = None
    references.pop(None, None)
    headers = _Found(document, limit)
    headers.take_headers(RELS)
    found: dict[str | None, None] = dict.fromkeys(headers.links)
    found.update(dict.fromkeys(map(document.joiner, references)))  # type: ignore[arg-type]
    found.pop(None, None)
    if len(found) > limit:
        document.leave_out(LINKS)
    return list(found)[:limit]  # type: ignore[return-value]


def chosen(
    document: Document,
    tags: Collection[str],
    attrs: Collection[str],
    *,
    within: Iterable[Selector] | None = None,
    process: Callable[[str], str | None] | None = None,
) -> Iterator[Link]:
    """Yield a link for each attribute of ``attrs`` of each element of ``tags``, in document order, again and again.

    ``*`` among them stands for all. For extractors with filters of their own. ``within`` are selected elements: nothing
    outside of them is looked at. ``process`` gets each value as written and returns what to join in its place, None for
    nothing. Of elements within each other, those have no text that would make all texts longer than twice the page.
    """
    left = 2 * len(document.body) + 1
    query = ",".join(f"[{attr}]" for attr in attrs) if all(map(_NAME.match, attrs)) else "*"
    every_tag, every_attr = "*" in tags, "*" in attrs
    for node in _below(document, query, within):
        tag = node.tag or ""
        if tag not in tags and not every_tag:
            continue
        attributes = node.attributes
        for attr in attributes if every_attr else attrs:
            reference = attributes.get(attr)
            if reference is not None and process is not None:
                reference = process(reference)
            url = document.join(reference) if reference is not None else None
            if url is not None and reference is not None:
                text = node.text() if left > 0 else ""
                left -= len(text)
                yield _link(url, reference, folded(text), tag, attr, attributes)


def folded(text: str) -> str:
    """Return a text with its white space as pages show it."""
    return " ".join(text.split()) if "  " in text or not text.isprintable() else text.strip()


def _below(document: Document, query: str, within: Iterable[Selector] | None) -> Iterator[Any]:
    """Select from a document, or from some of its elements; each element once for each of them."""
    for scope in (None,) if within is None else within:
        if scope is None:
            nodes = document.select(query)[1]
        elif (node := native(scope)) is not None:
            nodes = node.css(query)
        else:  # the tree that XPath selects from has it otherwise
            markup = scope.get().encode("utf-8", "replace")
            nodes = Document(markup, document.base, "text/html; charset=utf-8").select(query)[1]
        last = 0
        for node in nodes:
            if node.mem_id != last:  # selected for each member of the query that it matches
                last = node.mem_id
                yield node


class _Found:
    """Collects the links of a document; the first of each URL counts."""

    def __init__(self, document: Document, limit: int) -> None:
        self.links: dict[str, Link] = {}
        self.full = False
        self._document = document
        self._limit = limit
        self._join = document.joiner
        # Elements within each other (SVG) would have the same text again and again.
        self._text = 2 * len(document.body) + 1

    def take_headers(self, rels: frozenset[str]) -> None:
        """Take what the headers name; their references are relative to the document's own URL."""
        for header, reference, parameters in header_links.of_headers(self._document.headers):
            if header == "Link" and not _leads_to_page(
                parameters.get("rel", "")[:_LONG], parameters.get("type", "")[:_LONG], rels
            ):
                continue
            url = Joiner(self._document.url)(reference)
            if url is not None and self._is_new(url):
                rel, text = parameters.get("rel", ""), folded(parameters.get("title", ""))
                fragment, hreflang = reference.partition("#")[2], parameters.get("hreflang", "")
                self.links[url] = Link(url, text, "", header, rel, fragment=fragment, hreflang=hreflang)

    def take(self, reference: str, node: Any, tag: str, attr: str, attributes: Attributes) -> None:
        """Take the reference of an element."""
        url = self._join(reference)
        if url is None or not self._is_new(url):
            return
        text = ""
        if tag != "a":
            text = attributes.get("alt") or ""
        elif self._text > 0:
            text = node.text()
            self._text -= len(text)
        self.links[url] = _link(url, reference, folded(text), tag, attr, attributes)

    def _is_new(self, url: str) -> bool:
        if url in self.links:
            return False
        if len(self.links) >= self._limit:
            self.full = True
            self._document.leave_out(LINKS)
            return False
        return True


def _link(url: str, reference: str, text: str, tag: str, attr: str, attributes: Attributes) -> Link:
    fragment = reference.partition("#")[2] if "#" in reference else ""
    if len(attributes) == 1:  # most links say no more
        return Link(url, text, tag, attr, fragment=fragment)
    get = attributes.get
    rel, alt, hreflang = get("rel") or "", get("alt") or "", get("hreflang") or ""
    return Link(url, text, tag, attr, rel, folded(alt), fragment, "page", hreflang)


def _hyperlink(attributes: Attributes) -> tuple[str, str | None]:
    if "href" in attributes:
        return "href", attributes["href"]
    return "xlink:href", attributes.get("xlink:href")


def _frame(attributes: Attributes) -> tuple[str, str | None]:
    return "src", attributes.get("src")


def _meta(attributes: Attributes) -> tuple[str, str | None]:
    if (attributes.get("http-equiv") or "").strip().lower() != "refresh":
        return "content", None
    target = refresh.parse(attributes.get("content") or "")
    return "content", target[1] if target else None


def _relation(rels: frozenset[str], attributes: Attributes) -> tuple[str, str | None]:
    to_page = _leads_to_page((attributes.get("rel") or "")[:_LONG], (attributes.get("type") or "")[:_LONG], rels)
    return "href", attributes.get("href") if to_page else None


@functools.lru_cache(1024)
def _leads_to_page(rel: str, media_type: str, rels: frozenset[str]) -> bool:
    relations = rel.lower().split()
    return any(
        relation in rels
        and (
            relation != "alternate"
            or ("stylesheet" not in relations and media_type.partition(";")[0].strip().lower() in _HTML)
        )
        for relation in relations
    )


def _form(attributes: Attributes) -> tuple[str, str | None]:
    """A form's method is GET unless it is another that exists (HTML standard, 4.10.18.6)."""
    method = (attributes.get("method") or "").strip().lower()
    return "action", attributes.get("action") if method not in ("post", "dialog") else None


def _citation(attr: str, attributes: Attributes) -> tuple[str, str | None]:
    return attr, attributes.get(attr)


_READERS: dict[str | None, tuple[Reader, ...]] = {
    **dict.fromkeys(_HYPERLINKS, (_hyperlink,)),
    "link": (functools.partial(_relation, RELS),),
    "meta": (_meta,),
    "iframe": (_frame,),
    "frame": (_frame,),
}


def _readers(rels: frozenset[str], *, forms: bool, citations: bool) -> dict[str | None, tuple[Reader, ...]]:
    """Return how the elements of each tag are read."""
    readers = dict(_READERS)
    if rels != RELS:
        readers["link"] = (functools.partial(_relation, rels),)
    if forms:
        readers["form"] = (_form,)
    if citations:
        for tag, attr in _CITATIONS.items():
            readers[tag] = (*readers.get(tag, ()), functools.partial(_citation, attr))
    return readers
