"""XML as the web has it, read piece by piece: tags, and what stands between them.

No parser in the sense of XML 1.0: nothing has to be closed, declared or escaped. An ``&`` that begins no character
reference stands for itself, and so do entities that a document defines: none is ever expanded. A parser that keeps to
the standard gives up at the first such mistake, and one that recovers loses the parameters of URLs with it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Mapping

#: Characters of one tag, comment or text; a longer one is passed over.
LONGEST = 1 << 20

#: What begins with ``<``, and the text after it. A tag ends at its ``>``, and any ``<`` breaks it off. All quantifiers
#: are possessive, so that no character is looked at more than twice.
_TOKEN = re.compile(
    r"<(?:(/?)([A-Za-z_][^\s/<>\"']*+)((?:[^<>\"']++|\"[^\"<]*+\"|'[^'<]*+'|\"(?=[^\"<]*+<)|'(?=[^'<]*+<))*+)(?:>|(?=<))"
    r"|!--.*?-->|!\[CDATA\[(.*?)\]\]>|\?[^>]*+>|!(?!--|\[CDATA\[)[^>]*+>|/(?![A-Za-z_])[^>]*+>)([^<]*+)",
    re.DOTALL,
)
#: A ``<`` that begins nothing, and is text.
_STRAY = re.compile(r"(?:<(?=[^A-Za-z_/!?])[^<]*+)++(?=<)")
_HTML = re.compile(r"\s*+<(?:!doctype\s+html|html)\b", re.IGNORECASE)
_ELEMENT = re.compile(r"<(?:[A-Za-z_][\w.-]*:)?([A-Za-z]+)(?=[\s>/])")
#: A name is tried from its beginning only: a long one that no ``=`` follows would be read again from each character.
_ATTRIBUTE = re.compile(r"(?<![^\s=\"'/])([^\s=\"'/]++)\s*+=\s*+(?:\"([^\"]*)\"|'([^']*)'|([^\s\"']+))")
_REFERENCE = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|amp|lt|gt|quot|apos);")


#: The text before a tag, the tag's name, its attributes as written, and whether it ends an element: ``</a>``.
Tag = tuple[str, str, str, bool]


def tags(pieces: Iterable[str]) -> Iterator[Tag]:
    """Yield the tags of a document, each with the text before it.

    References and CDATA are resolved; comments, processing instructions and declarations are passed over. What is in
    memory is a piece and the longest token. Never raises; of a document that is cut off comes what is whole.
    """
    buffer, text, more = "", "", _More()
    match = _TOKEN.match
    for piece in pieces:
        buffer += piece
        size = len(buffer)
        position = buffer.find("<")
        if position != 0:  # only before the first tag, and where a token was too long
            position = size if position < 0 else position
            more.add(buffer[:position])
        while position < size:
            token = match(buffer, position)
            if token is not None:
                end = token.end()
                if end == size:  # the text after it may go on
                    break
                slash, name, attributes, cdata, after = token.groups()
                if "&" in after:
                    after = resolved(after)
                if name is None:
                    more.add(f"{cdata or ''}{after}")
                else:
                    yield more.after(text) if more.size else text, name, attributes, slash != ""
                    text = after
            else:
                stray = _STRAY.match(buffer, position)
                if stray is None:  # it may go on
                    break
                more.add(resolved(stray[0]))
                end = stray.end()
            position = end
        buffer = buffer[position:] if size - position <= LONGEST else ""
    last = match(buffer)
    if last is not None and last[2] is not None:
        yield more.after(text), last[2], last[3], last[1] != ""


class _More:
    """Text that comes in pieces, up to `LONGEST` characters of it: what is between two tags and no tag itself."""

    def __init__(self) -> None:
        self.size = 0
        self._pieces: list[str] = []

    def add(self, text: str) -> None:
        if text and self.size + len(text) <= LONGEST:
            self.size += len(text)
            self._pieces.append(text)

    def after(self, text: str) -> str:
        """Take it out, with ``text`` before it."""
        whole = text + "".join(self._pieces)
        self.size = 0
        self._pieces.clear()
        return whole


def root(head: str, kinds: Mapping[str, str]) -> str:
    """Tell what kind of document begins so: by the first element that is named in ``kinds`` (lower case, no prefix).

    It need not be the outermost one: some servers send warnings first. Empty without one, and for an HTML page.
    """
    if _HTML.match(head):
        return ""
    return next((kinds[name] for name in map(str.lower, _ELEMENT.findall(head)) if name in kinds), "")


def attributes_of(written: str) -> dict[str, str]:
    """Return the attributes of a tag by their names without prefix, in lower case."""
    return {
        name.rpartition(":")[2].lower(): resolved(double or single or bare)
        for name, double, single, bare in _ATTRIBUTE.findall(written)
    }


def resolved(text: str) -> str:
    """Resolve character references and the five names that XML has; every other ``&`` stays."""
    return _REFERENCE.sub(_character, text) if "&" in text else text


def _character(reference: re.Match[str]) -> str:
    return html.unescape(reference[0])
