"""One document: bytes and where they came from; everything else is made at first use and kept."""

from __future__ import annotations

from functools import cached_property

from selectolax.lexbor import LexborHTMLParser

from acrawl.parse import encoding as encodings
from acrawl.parse.bounds import DEFAULTS, bounded
from acrawl.parse.selectors import Page, Selector
from acrawl.settings import Parse
from acrawl.url import Joiner

#: Encodings in which a byte below 0x80 is always the ASCII character.
_STATEFUL = frozenset(("utf-16-le", "utf-16-be", "iso2022-jp"))


class Document:
    """A page. ``content_type`` is the whole Content-Type header, which may name the encoding. Nothing here raises.

    ``bounds`` say how much of it is parsed.
    """

    def __init__(self, body: bytes, url: str, content_type: str = "", bounds: Parse = DEFAULTS) -> None:
        self.body = body
        self.url = url
        self.content_type = content_type
        self.bounds = bounds
        self._cut = ""

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
        markup, self._cut = bounded(self._markup(), self.bounds)
        most = self.bounds.max_bytes
        if most and not self._cut and len(self.body) > most:
            self._cut = f"bytes: {most:,} of {len(self.body):,} were read"
        return LexborHTMLParser(markup)

    def _markup(self) -> bytes:
        """The bytes that may be parsed, in UTF-8 and without a byte order mark."""
        body, encoding, most = self.body, self.encoding, self.bounds.max_bytes
        if most and len(body) > most:
            body = body[:most]
        mark = encodings.bom_length(body, encoding)
        if encoding == "utf-8" or (encoding not in _STATEFUL and body.isascii()):
            return body[mark:] if mark else body
        return body[mark:].decode(encoding, "replace").encode("utf-8", "replace")

    @property
    def is_parsed(self) -> bool:
        """Whether the tree is there."""
        return "root" in self.__dict__

    @property
    def cut(self) -> str:
        """Why the page was read in part, as in ``tags: more than 1,000,000 at byte 7,654``; empty for a whole page."""
        _ = self.root
        return self._cut

    @cached_property
    def lowered(self) -> bytes:
        """The markup in lower case, to see at once that some name is not in it; not cut, and in any encoding."""
        return self.root.raw_html.lower() if self.encoding in _STATEFUL else self.body.lower()

    @cached_property
    def base(self) -> str:
        """The URL that references are relative to: the first ``<base href>`` that is one, else the document's own."""
        if b"<base" not in self.lowered:
            return self.url  # most pages: the tree need not be searched to its end
        node = self.root.css_first("base[href]")
        return self.url if node is None else Joiner(self.url)(node.attributes.get("href") or "") or self.url

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
