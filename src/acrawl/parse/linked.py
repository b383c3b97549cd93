"""Documents that name others: what kind they are, what they name, and their bytes with other references in them."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable

from acrawl.parse.document import STATEFUL, Document
from acrawl.parse.encoding import bom_length, charset, declared
from acrawl.parse.markup_edits import Markup, Replace, Use
from acrawl.parse.style_edits import Edit, applied, style_edits

__all__ = ["HTML", "STYLE", "SVG", "Use", "kind_of", "named", "rewritten"]

#: What `kind_of` says.
HTML, STYLE, SVG = "html", "style", "svg"
_KINDS = {"text/html": HTML, "application/xhtml+xml": HTML, "text/css": STYLE, "image/svg+xml": SVG}
#: What tells UTF-16 where no header does.
_MARKS = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}
#: Characters of two bytes whose second may be that of a backslash, which would begin an escape in CSS.
_PAIRS = {
    "cp932": re.compile("[\x81-\x9f\xe0-\xfc][0-\xfe]"),
    "gb18030": re.compile("[\x81-\xfe][0-\xfe]"),
    "big5hkscs": re.compile("[\x81-\xfe][0-\xfe]"),
}
#: Stands for such a byte meanwhile; no byte is decoded to it.
_HALF = "\ue05c"
_LOOKS_LIKE_HTML = re.compile(
    rb"(?:\xef\xbb\xbf)?[\t\n\f\r ]*+<(?:!doctype html|!--|html|head|body|title|h1|p|a|div|table)\b", re.I
)


def kind_of(media_type: str, head: bytes) -> str:
    """What a file that begins so is read as; empty for what names no others. Without a type its looks decide."""
    if media_type:
        return _KINDS.get(media_type, "")
    return HTML if _LOOKS_LIKE_HTML.match(head) else ""


def named(document: Document, kind: str) -> list[tuple[str, Use]]:
    """What a document names: absolute URLs and what they are for, each pair once and in order. Never raises."""
    key = f"named {kind}"
    known: tuple[tuple[str, Use], ...] | None = document.memo.get(key)
    if known is None:
        known = document.memo[key] = _named(document, kind)
    return list(known)


def _named(document: Document, kind: str) -> tuple[tuple[str, Use], ...]:
    join = document.joiner
    found: dict[tuple[str, Use], None] = {}

    def note(reference: str, use: Use, _tag: str) -> None:
        if reference[0] != "#" and use is not Use.BASE:
            url = join(reference)
            if url is not None:
                found[url, use] = None

    _read(document, kind, note)
    return tuple(found)


def rewritten(document: Document, kind: str, replace: Replace) -> bytes:
    """The document with the references that ``replace`` returns; all else keeps its bytes. Never raises.

    A ``base`` has no say any more, a policy in a ``meta`` is put out of force, and what is here needs no ``integrity``
    and ``crossorigin`` any more. An encoding that the header alone has named is named in the document.
    """
    encoding = document.encoding
    edits, head, text = _read(document, kind, lambda *found: "" if found[1] is Use.BASE else replace(*found))
    named_here = _declaration(document, kind, encoding)
    if named_here:
        edits = sorted([*edits, (head, head, named_here)], key=lambda edit: edit[:2])
    mark = b"" if bom_length(document.body, encoding) else _MARKS.get(encoding, b"")
    if not edits:
        return mark + document.body
    if encoding in STATEFUL:
        mark = mark or document.body[: bom_length(document.body, encoding)]
        return mark + applied(text, edits).encode(encoding, "replace")
    plain = [(start, end, new.encode(encoding, "xmlcharrefreplace").decode("latin-1")) for start, end, new in edits]
    return applied(text, plain).replace(_HALF, "\\").encode("latin-1")


def _read(document: Document, kind: str, replace: Callable[[str, Use, str], str | None]) -> tuple[list[Edit], int, str]:
    """The edits, where the head begins, and the text that both are of: its characters are the bytes, if they can be."""
    encoding = document.encoding
    text = document.text if encoding in STATEFUL else document.body.decode("latin-1")
    if encoding in _PAIRS and b"\\" in document.body:
        text = _PAIRS[encoding].sub(lambda pair: pair[0].replace("\\", _HALF), text)

    def decode(piece: str) -> str:
        if encoding in STATEFUL or piece.isascii():
            return piece
        return piece.replace(_HALF, "\\").encode("latin-1").decode(encoding, "replace")

    if kind == STYLE:
        return style_edits(text, lambda found: replace(decode(found), Use.PART, "style")), 0, text
    xml = kind == SVG or document.content_type.startswith("application/xhtml")
    markup = Markup(text, decode, replace, xml=xml).read()
    return markup.edits, markup.head, text


def _declaration(document: Document, kind: str, encoding: str) -> str:
    """What names the encoding in the document's place, where only the header does; empty where nothing is needed."""
    body = document.body
    if kind == SVG or encoding in _MARKS or (body.isascii() and b"\x1b" not in body):
        return ""
    if declared(body) == encoding or declared(b"", document.content_type) is None:
        return ""
    label = charset(document.content_type)
    return f'<meta charset="{label}">' if kind == HTML else f'@charset "{label}";'
