"""References of a page that are meant for a web site, and are no URLs: ``http://``, ``http://h:1:99/``."""

from __future__ import annotations

import re
from collections.abc import Iterator

from acrawl.parse.document import Document
from acrawl.parse.links import folded

#: As browsers read a reference: without white space and control characters around it, or line breaks and tabs in it.
_AROUND = "".join(map(chr, range(0x21)))
_INSIDE = re.compile(r"[\t\n\r]")
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_WEB = frozenset(("http", "https"))


def malformed(document: Document) -> Iterator[tuple[str, str]]:
    """Yield each reference in ``href`` and ``src`` that has no other scheme than the web's and is no URL, with a text.

    In document order, each once, without its fragment. The text is that of the link, or what stands for an image. What
    other schemes name (``mailto:``) is no mistake. Never raises.
    """
    told = set()
    left = 2 * len(document.body) + 1  # elements within each other (SVG) would have the same text again and again
    tags, nodes = document.select("[href],[src]")
    for tag, node in zip(tags, nodes, strict=True):
        attributes = node.attributes
        for attr in ("href", "src"):
            reference = _INSIDE.sub("", attributes.get(attr) or "").strip(_AROUND).partition("#")[0]
            if reference and reference not in told and _is_malformed(document, reference):
                told.add(reference)
                text = node.text() if tag == "a" and left > 0 else attributes.get("alt") or ""
                left -= len(text)
                yield reference, folded(text)


def _is_malformed(document: Document, reference: str) -> bool:
    scheme = _SCHEME.match(reference)
    return (scheme is None or scheme[1].lower() in _WEB) and document.join(reference) is None
