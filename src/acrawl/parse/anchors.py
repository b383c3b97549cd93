"""Places within a page: the names that links may end with after ``#``, and the links that do (HTML, 7.4.6.4)."""

from __future__ import annotations

from acrawl.parse.document import Document
from acrawl.parse.links import Link

#: Places that every page has: its top (HTML, 7.4.6.4).
_ALWAYS = frozenset(("", "top"))


def places(document: Document) -> list[str]:
    """Return the distinct names of places: every ``id``, and the ``name`` of every ``a``. Never raises."""
    found: dict[str | None, None] = {}
    for node in document.root.css("[id],a[name]"):
        attributes = node.attributes
        found[attributes.get("id")] = None
        if node.tag == "a":
            found[attributes.get("name")] = None
    return [name for name in found if name]


def placed(document: Document) -> list[Link]:
    """Return the links to a place of a page, each distinct one once; `links` has but the first of a page. Never raises.

    Left out are the top, and text fragments (``:~:text=``), which name no place.
    """
    found: dict[tuple[str, str], Link] = {}
    for node in document.root.css('a[href*="#"],area[href*="#"]'):
        attributes = node.attributes
        reference = attributes.get("href") or ""
        fragment = reference.partition("#")[2].partition(":~:")[0].strip()
        url = document.join(reference)
        if url is not None and fragment.lower() not in _ALWAYS and (url, fragment) not in found:
            text = " ".join(node.text().split())
            tag = node.tag or ""
            found[url, fragment] = Link(url, text, tag, "href", attributes.get("rel") or "", fragment=fragment)
    return list(found.values())
