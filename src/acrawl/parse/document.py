"""One document: bytes and where they came from; everything else is made at first use and kept."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from functools import cached_property
from typing import Any

import msgspec
from selectolax.lexbor import LexborHTMLParser, LexborNode

from acrawl.parse import encoding as encodings
from acrawl.parse import trees
from acrawl.parse.bounds import DEFAULTS, bounded
from acrawl.parse.selectors import Selector, adopted, whole
from acrawl.settings import Parse
from acrawl.url import Joiner

#: Encodings in which a byte below 0x80 is always the ASCII character.
STATEFUL = frozenset(("utf-16-le", "utf-16-be", "iso2022-jp"))
_HTML = frozenset(("text/html", "application/xhtml+xml", "application/vnd.wap.xhtml+xml"))
_JSON = frozenset(("application/json", "text/json", "application/x-json", "application/json-amazonui-streaming"))
#: Media types that say nothing: the first bytes decide.
_VAGUE = frozenset(("", "text/plain", "application/octet-stream", "binary/octet-stream", "application/unknown"))
_SNIFFED = 1024
_XML_START = re.compile(rb"(?:\xef\xbb\xbf)?\s*<\?xml\s|\xff\xfe<\0\?\0x\0|\xfe\xff\0<\0\?\0x|<\0\?\0x\0|\0<\0\?\0x")
_HTML_START = re.compile(rb"<(?:!doctype\s+)?html[\s>]", re.IGNORECASE)
_JSON_START = re.compile(rb"(?:\xef\xbb\xbf)?\s*[\[{]")


class Document:
    """A page. ``content_type`` is the whole Content-Type header, which may name the encoding.

    ``headers`` are read for the links they name, ``bounds`` say how much of the body is parsed. ``memo`` is for what
    was made of the page and is not to be made again, as long as the page stays as it is.

    Nothing here raises but `json`, and the methods of selectors for malformed queries.
    """

    def __init__(
        self,
        body: bytes,
        url: str,
        content_type: str = "",
        headers: Collection[tuple[str, str]] = (),
        *,
        bounds: Parse = DEFAULTS,
    ) -> None:
        self.body = body
        self.url = url
        self.content_type = content_type
        self.headers = headers
        self.bounds = bounds
        self.memo: dict[str, Any] = {}
        self._cut = ""

    @cached_property
    def type(self) -> str:
        """What `selector` selects from: ``html``, ``xml`` or ``json``.

        The media type says it; XHTML is HTML unless it is served as plain XML. Where that is missing or says nothing
        (``text/plain``), it is XML with an XML declaration and no ``html`` element, and JSON if it is a JSON object or
        array. Everything else is HTML.
        """
        if self._is_xml:
            return "xml"
        media = self._media
        if media in _JSON or media.endswith("+json"):
            return "json"
        return "json" if media in _VAGUE and _JSON_START.match(self.body) and self._data is not None else "html"

    @cached_property
    def _media(self) -> str:
        return self.content_type.partition(";")[0].strip().lower()

    @cached_property
    def _is_xml(self) -> bool:
        media = self._media
        if media in _HTML:
            return False
        if media not in _VAGUE:
            return media.endswith(("/xml", "+xml"))
        if not _XML_START.match(self.body):
            return False
        return not _HTML_START.search(self.body[:_SNIFFED].replace(b"\0", b""))

    @cached_property
    def encoding(self) -> str:
        """The Python codec that decodes the body (see `acrawl.parse.encoding`)."""
        return encodings.sniff(self.body, self.content_type, xml=self._is_xml)

    @cached_property
    def text(self) -> str:
        """The body as text, without a byte order mark; bytes that do not decode become U+FFFD."""
        encoding = self.encoding
        return self.body[encodings.bom_length(self.body, encoding) :].decode(encoding, "replace")

    @cached_property
    def root(self) -> LexborHTMLParser:
        """The tree, as browsers without scripts build it: the content of ``noscript`` is markup."""
        markup, cut = bounded(self._markup(), self.bounds)
        if cut:
            self.leave_out(cut)
        return LexborHTMLParser(markup)

    def _markup(self) -> bytes:
        """The bytes that may be parsed, in UTF-8 and without a byte order mark."""
        body, encoding, most = self.body, self.encoding, self.bounds.max_bytes
        if most and len(body) > most:
            self.leave_out(f"bytes: {most:,} of {len(body):,} were read")
            body = body[:most]
        mark = encodings.bom_length(body, encoding)
        if encoding == "utf-8" or (encoding not in STATEFUL and body.isascii()):
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

    def leave_out(self, what: str) -> None:
        """Note for `cut` that something of the page was not read. The first note stays."""
        self._cut = self._cut or what

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
        """The markup in lower case, to see at once that some name is not in it; in any encoding."""
        most = self.bounds.max_bytes or None
        return self.root.raw_html.lower() if self.encoding in STATEFUL else self.body[:most].lower()

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
        """The root of the document, to select from."""
        if self.type == "html":
            return whole(trees.Page(self.root, self.url, self.memo.clear))
        if self.type == "xml":
            return adopted(trees.xml(self._markup(), self.url))
        return self.data

    @cached_property
    def data(self) -> Selector:
        """The body as JSON, to select from by JMESPath, whatever its type; with nothing in it if it is none."""
        return Selector(root=self._data, type="json")

    def json(self) -> Any:
        """The body as JSON, made anew each time. Raises `msgspec.DecodeError` when it is none.

        A byte order mark, UTF-16 and UTF-32, the header's encoding, lone surrogates, ``NaN`` and ``Infinity`` are read.
        """
        try:
            return msgspec.json.decode(self.body)
        except (ValueError, RecursionError) as error:  # most of it is no JSON at all; the rest gets a second look
            try:
                return json.loads(self._as_json())
            except (ValueError, RecursionError):  # the first complaint is the better one
                raise msgspec.DecodeError(f"{self.url}: the body is not JSON: {error}") from None

    def _as_json(self) -> str:
        """The body as text, in the encoding that JSON's first bytes tell (RFC 4627, section 3) if none is declared."""
        if encodings.declared(self.body, self.content_type) in (None, "utf-16-le"):
            wide = json.detect_encoding(self.body)
            if wide.startswith(("utf-16", "utf-32")):
                return self.body.decode(wide, "replace")
        return self.text

    @cached_property
    def _data(self) -> Any:
        try:
            return self.json()
        except msgspec.DecodeError:  # nothing can be selected from it
            return None
