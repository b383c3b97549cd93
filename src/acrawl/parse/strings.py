"""URLs that stand in text and not in markup: in scripts, JSON, comments, prose. Guesses, kept to the most likely."""

from __future__ import annotations

import re
from collections.abc import Iterator

from acrawl.parse.document import Document
from acrawl.parse.extensions import kind_of
from acrawl.parse.links import LINKS, MAX_LINKS, Link

# Nothing here goes back over text that it has read, so that hostile text takes no more time than other text.
_ESCAPED = r"\\/|\\u002[fF]|\\u0026"
_ABSOLUTE = re.compile(
    rf"[hH](?<!\w.)[tT][tT][pP][sS]?:(?:{_ESCAPED}|/){{2}}(?:[\w\-.~:/?#@!$&*+,;=%]|\([\w\-.~]*+\)|{_ESCAPED})++"
)
_QUOTED = re.compile(rf"""(["'`])((?:[\w\-.~:/?#@&+,;=%]|{_ESCAPED})++)\1""")
_COMMENT = re.compile(r"<!--(?:(.*?)--!?>|(.*))", re.DOTALL)
_ESCAPE = re.compile(r"\\(?:/|u002[fF])")
#: What ends a sentence, not a URL.
_TRAILING = ".,:;!?*"
#: A name on the web has a dot, unless it is this machine's.
_HOST = re.compile(
    r"(?:[hH][tT][tT][pP][sS]?:)?//(?:(?:[\w-]++\.)++[^\W\d]\w++|(?:\d{1,3}\.){3}\d{1,3}|localhost)\.?(?::\d++)?(?:[/?#]|\Z)"
)
#: A path from the root or from here; no pattern (``/user/:id``), no comment, and something that has a name.
_PATH = re.compile(r"\.{0,2}/(?!/)(?=[^?#]*?[^\W\d_]{2})(?:[\w\-.~@%=]++/?)++(?:[?#]\S*+)?\Z")
_FILE = re.compile(r"(?:[\w\-~%]++[./])+\w++(?:[?#]\S*+)?\Z")
#: Kinds that scripts seldom speak of but as files; a name of another kind needs a path in front.
_FILES = frozenset(("page", "image", "media", "font"))
#: Names of vocabularies, which nobody means to be fetched.
_VOCABULARIES = re.compile(
    r"https?://(?:www\.w3\.org/(?:\d{4}/|XML/|TR/|ns/)|schema\.org(?:/|\Z)|ogp\.me/ns|purl\.org/|xmlns\.com/|ns\.adobe\.com/)"
)


def strings(document: Document, *, limit: int = MAX_LINKS) -> list[Link]:
    """Return links for the URL-like strings of a page: of scripts, of comments, of its text. Never raises.

    ``tag`` is ``script``, ``#comment`` or ``#text``, ``attr`` is empty, ``kind`` is guessed by the extension. Of what
    is no HTML by its Content-Type (JSON, scripts, plain text), the whole text is read. Each URL comes once, at most
    ``limit`` in all; `Document.cut` tells when the page has more.
    """
    found: dict[str, Link] = {}
    for tag, reference in _everywhere(document):
        url = document.join(reference)
        if url is None or url in found:
            continue
        if len(found) >= limit:
            document.leave_out(LINKS)
            break
        found[url] = Link(url, "", tag, "", fragment=reference.partition("#")[2], kind=kind_of(reference) or "page")
    return list(found.values())


def references(text: str, *, quoted: bool = True) -> list[str]:
    """Return the URLs in a text, as they would be written in markup, in order and each once. Never raises.

    Taken is what begins with ``http://`` or ``https://`` and has a host; with ``quoted`` also a quoted string that is
    a path (``"/a/b"``, ``'../c'``), has a host (``"//h.test/x"``) or the name of a file (``"d/e.html"``).
    """
    places: list[tuple[int, str]] = []
    for match in _ABSOLUTE.finditer(text):
        reference = _plain(match[0]).rstrip(_TRAILING)
        if _HOST.match(reference) and not _VOCABULARIES.match(reference):
            places.append((match.start(), reference))
    if quoted:
        for match in _QUOTED.finditer(text):
            reference = _plain(match[2])
            if _is_reference(reference):
                places.append((match.start(), reference))
    return list(dict.fromkeys(reference for _, reference in sorted(places)))


def _everywhere(document: Document) -> Iterator[tuple[str, str]]:
    """Yield where a reference stands, and the reference."""
    if document.content_type and "html" not in document.content_type.lower():
        yield from (("#text", reference) for reference in references(document.text))
        return
    for tag, node in zip(*document.select("script"), strict=True):
        if tag == "script":
            yield from (("script", reference) for reference in references(node.text()))
    for match in _COMMENT.finditer(document.text):
        yield from (("#comment", reference) for reference in references(match[1] or match[2] or ""))
    root = document.root.root
    if root is not None:
        text = root.text(separator="\n")
        yield from (("#text", reference) for reference in references(text, quoted=False))


def _plain(text: str) -> str:
    return _ESCAPE.sub("/", text).replace("\\u0026", "&").replace("&amp;", "&")


def _is_reference(text: str) -> bool:
    if text.startswith("//"):
        return _HOST.match(text) is not None
    if text[0] in "./":
        return _PATH.match(text) is not None
    kind = kind_of(text)
    return bool(kind) and (kind in _FILES or "/" in text) and _FILE.match(text) is not None
