"""One document: bytes and where they came from; everything else is made at first use and kept."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from typing import Any

from selectolax.lexbor import LexborHTMLParser, LexborNode

from acrawl.parse import encoding as encodings
from acrawl.parse.bounds import bounded
from acrawl.parse.selectors import Page, Selector
from acrawl.url import Joiner

#: Encodings in which a byte below 0x80 is always the ASCII character.
_STATEFUL = frozenset(("utf-16-le", "utf-16-be", "iso2022-jp"))


class Document:
    """A page. ``content_type`` is the whole Content-Type header, which may name the encoding. Nothing here raises.

    ``headers`` are read for the links they name. ``left_out`` is empty, or a word for what the page has more of than
    was read: ``links`` once `links` or `resources` came to their limit. ``memo`` is for what was made of the page and
    is not to be made again.
    """

    def __init__(
        self, body: bytes, url: str, content_type: str = "", headers: Collection[tuple[str, str]] = ()
    ) -> None:
        self.body = body
        self.url = url
        self.content_type = content_type
        self.headers = headers
        self.left_out = ""
        self.memo: dict[str, Any] = {}

    @cached_property
    def encoding(self) -> str:
        """The Python codec that decodes the body (see `acrawl.parse.encoding`)."""
        return encodings.sniff(self.body, self.content_type)

    @cached_property
    def text(self) -> str:
        """The body as text, without a byte order mark; bytes that do not decode become U+FFFD."""
        encoding = self.encoding
        return self.body[encodings.bom_length(self.body, encoding) :].decode(encoding, "replace")

    @cached_property
    def root(self) -> LexborHTMLParser:
        """The tree, as browsers without scripts build it: the content of ``noscript`` is markup."""
        body, encoding = self.body, self.encoding
        if encoding == "utf-8":
            markup = body[3:] if body.startswith(b"\xef\xbb\xbf") else body
        elif encoding not in _STATEFUL and body.isascii():
            markup = body
        else:
            markup = self.text.encode("utf-8", "replace")
        return LexborHTMLParser(bounded(markup))

    def select(self, query: str) -> tuple[list[str | None], list[LexborNode]]:
        """Return tags and nodes of what a CSS query selects, and each ``template`` and ``base``.

        What templates hold comes last; an element comes once for each member of the query that it matches. The
        document's `base` is found on the way: one more member costs little, where to search the markup for a word costs
        a quarter of a walk.
        """
        nodes = self.root.css(query + ",template,base")
        tags = [node.tag for node in nodes]
        if "base" not in self.__dict__:
            bases = [node for tag, node in zip(tags, nodes, strict=True) if tag == "base"] if "base" in tags else []
            self.base = self._base(next((node for node in bases if "href" in node.attributes), None))
        templates = [node for node in nodes if node.tag == "template"] if "template" in tags else []
        while templates:
            for fragment in templates.pop().template_fragments():
                inner = fragment.css(query + ",template")
                templates.extend(node for node in inner if node.tag == "template")
                nodes.extend(inner)
                tags.extend(node.tag for node in inner)
        return tags, nodes

    @cached_property
    def lowered(self) -> bytes:
        """The markup in lower case, to see at once that some name is not in it; not cut, and in any encoding."""
        return self.root.raw_html.lower() if self.encoding in _STATEFUL else self.body.lower()

    @cached_property
    def base(self) -> str:
        """The URL that references are relative to: the first ``<base href>`` that is one, else the document's own."""
        if b"<base" not in self.lowered:
            return self.url  # most pages: the tree need not be searched to its end
        return self._base(self.root.css_first("base[href]"))

    def _base(self, node: LexborNode | None) -> str:
        href = node.attributes.get("href") if node is not None else None
        return (Joiner(self.url)(href) or self.url) if href else self.url

    @cached_property
    def joiner(self) -> Joiner:
        """What `join` calls; for loops over many references."""
        return Joiner(self.base)

    def join(self, href: str) -> str | None:
        """Resolve a reference of this document; None for what must not be requested."""
        return self.joiner(href)

    @cached_property
    def selector(self) -> Selector:
        """The root element, to select from."""
        tree = self.root
        return Selector(Page(tree), tree.root)
