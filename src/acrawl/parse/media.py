"""Every image a page names, wherever HTML and inline CSS can name one; and its stylesheets, which name more."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from acrawl.parse import css, srcset
from acrawl.parse.document import Document
from acrawl.parse.extensions import IMAGES, extension
from acrawl.url import Joiner

#: Each is a pass over the tree: few that select too much cost less than one for each kind of element. In SVG,
#: lexbor's ``[href]`` selects ``xlink:href`` too.
_QUERY = (
    "[href],[src],[srcset],[imagesrcset],meta[content],video[poster],object[data],style,[style],[background],template,"
    "script[type]"
)
#: What follows ``data-`` in the attributes that scripts turn into images.
_LAZY = re.compile(rb"(?:src(?:set)?|original|lazy(?:-src)?|bg|background-image|full-src)(?=[\s=/>])")
#: What else carries ``data-src`` and is no image, unless its extension says so.
_NOT_IMAGES = frozenset(("iframe", "frame", "video", "audio", "script", "embed", "track", "object", "a"))
_ICONS = frozenset(
    ("icon", "apple-touch-icon", "apple-touch-icon-precomposed", "apple-touch-startup-image", "mask-icon", "fluid-icon")
)
_META = frozenset(
    (
        *("og:image", "og:image:url", "og:image:secure_url", "twitter:image", "twitter:image:src"),
        *("msapplication-tileimage", "image", "thumbnail"),
    )
)
_JSON_KEYS = ("image", "logo", "thumbnailUrl", "thumbnail", "contentUrl")
_SPACE = "\t\n\f\r "
_MAX_JSON_VALUES = 100_000
_NO_TEXT: dict[str, str | None] = {}

Attributes = dict[str, str | None]
#: Takes a reference as written, the attributes of the element that holds it, and the kind of place.
Found = Callable[[str, Attributes, str], None]


class Image(msgspec.Struct, frozen=True):
    """An image: absolute ``url``, its alternative text or title, and the kind of place that named it first.

    ``source`` is one of ``img srcset lazy icon meta css svg input poster object background json-ld link``.
    """

    url: str
    alt: str = ""
    source: str = "img"


def images(document: Document) -> list[Image]:
    """Return the images in document order, each URL once, with the first text that is not empty. Never raises.

    Whether a URL is an image is not known before it is fetched: a link is taken for one by its extension.
    """
    found = _Collection(document.joiner)
    lazy = _lazy_names(document.lowered)
    query = ",".join([_QUERY, *(f"[{name}]" for name in lazy)])
    scopes: list[Any] = [document.root]
    while scopes:
        last = 0
        for node in scopes.pop().css(query):
            if node.mem_id == last:
                continue  # selected for each member of the query that it matches
            last = node.mem_id
            tag = node.tag or ""
            if tag == "template":
                scopes.extend(node.template_fragments())
                continue
            attributes = node.attributes
            reader = _READERS.get(tag)
            if reader is not None:
                reader(node, attributes, found)
            if "style" in attributes or "background" in attributes:
                _decoration(attributes, found)
            for name in lazy:
                if value := attributes.get(name):
                    _lazy(tag, name, value.strip(_SPACE), attributes, found)
    return [Image(url, alt, source) for url, (alt, source) in found.images.items()]


def _lazy_names(lowered: bytes) -> list[str]:
    """Return the lazy attributes that the page may have: most have none, and each costs a pass over the tree."""
    pieces = lowered.split(b"data-")
    names = {match[0] for piece in pieces[1:] if (match := _LAZY.match(piece))}
    return sorted("data-" + name.decode() for name in names)


def stylesheets(document: Document) -> list[str]:
    """Return the absolute URLs of stylesheets: ``link rel=stylesheet``, and ``@import`` in ``style``. Never raises."""
    references: list[str] = []
    for node in document.root.css("link[href],style"):
        if node.tag == "style":
            references.extend(css.references(node.text())[1])
        else:
            attributes = node.attributes
            if "stylesheet" in (attributes.get("rel") or "").lower().split():
                references.append(attributes.get("href") or "")
    joined = dict.fromkeys(document.join(reference) for reference in references if reference.strip(_SPACE))
    joined.pop(None, None)
    return list(joined)  # type: ignore[arg-type]


class _Collection:
    """Collects references; joins each once, keeps the first of each URL and the first text that is not empty."""

    def __init__(self, join: Joiner) -> None:
        self.images: dict[str, tuple[str, str]] = {}
        self._join = join
        self._urls: dict[str, str | None] = {}

    def __call__(self, reference: str, attributes: Attributes, source: str) -> None:
        if reference in self._urls:
            url = self._urls[reference]
        else:
            url = self._urls[reference] = self._absolute(reference.strip(_SPACE))
        if url is None:
            return
        known = self.images.get(url)
        if known is None:
            self.images[url] = (_text(attributes), source)
        elif not known[0]:
            self.images[url] = (_text(attributes), known[1])

    def _absolute(self, reference: str) -> str | None:
        if not reference or reference[0] == "#" or reference[:5].lower() == "data:":
            return None
        return self._join(reference)


def _text(attributes: Attributes) -> str:
    return " ".join((attributes.get("alt") or attributes.get("title") or "").split())


def _decoration(attributes: Attributes, found: Found) -> None:
    style = attributes.get("style")
    if style and "(" in style:
        for reference in css.references(style)[0]:
            found(reference, attributes, "css")
    found(attributes.get("background") or "", attributes, "background")


def _lazy(tag: str, name: str, value: str, attributes: Attributes, found: Found) -> None:
    """Take what scripts will put into ``src``, ``srcset`` or a background."""
    if name == "data-srcset":
        _candidates(value, attributes, found, "lazy")
    elif name in ("data-bg", "data-background-image") and "(" in value:
        for reference in css.references(value)[0]:
            found(reference, attributes, "lazy")
    elif name in ("data-src", "data-full-src", "data-bg", "data-background-image"):
        if value[:1] not in ("{", "[") and (tag not in _NOT_IMAGES or _is_image(value)):
            found(value, attributes, "lazy")
    elif name in ("data-original", "data-lazy", "data-lazy-src") and (
        # Flags (data-lazy="true") and titles (data-original="Old name") have the same names as references.
        _is_image(value) or ("/" in value and " " not in value)
    ):
        found(value, attributes, "lazy")


def _candidates(value: str, attributes: Attributes, found: Found, source: str = "srcset") -> None:
    for reference in srcset.candidates(value):
        found(reference, attributes, source)


def _is_image(reference: str) -> bool:
    """Whether the path ends in an extension of images."""
    return extension(reference) in IMAGES


def _img(_node: Any, attributes: Attributes, found: Found) -> None:
    if src := attributes.get("src"):
        found(src, attributes, "img")
    if value := attributes.get("srcset"):
        _candidates(value, attributes, found)


def _source(_node: Any, attributes: Attributes, found: Found) -> None:
    _candidates(attributes.get("srcset") or "", attributes, found)


def _svg(_node: Any, attributes: Attributes, found: Found) -> None:
    for name in ("href", "xlink:href"):
        if reference := attributes.get(name):
            found(reference, attributes, "svg")


def _hyperlink(_node: Any, attributes: Attributes, found: Found) -> None:
    reference = attributes.get("href")
    if reference and _is_image(reference.rstrip(_SPACE)):
        found(reference, attributes, "link")


def _link(_node: Any, attributes: Attributes, found: Found) -> None:
    relations = set((attributes.get("rel") or "").lower().split())
    reference = attributes.get("href") or ""
    if not relations.isdisjoint(_ICONS):
        found(reference, attributes, "icon")
    elif "image_src" in relations or (attributes.get("itemprop") or "").lower() in ("image", "thumbnailurl"):
        found(reference, attributes, "meta")
    elif not relations.isdisjoint(("preload", "prefetch")) and (attributes.get("as") or "").lower() == "image":
        found(reference, attributes, "link")
        _candidates(attributes.get("imagesrcset") or "", attributes, found)


def _meta(_node: Any, attributes: Attributes, found: Found) -> None:
    for name in ("property", "name", "itemprop"):
        value = (attributes.get(name) or "").strip().lower()
        if value in _META and (name == "itemprop" or value != "image"):
            found(attributes.get("content") or "", attributes, "meta")
            return


def _input(_node: Any, attributes: Attributes, found: Found) -> None:
    if (attributes.get("type") or "").lower() == "image":
        found(attributes.get("src") or "", attributes, "input")


def _video(_node: Any, attributes: Attributes, found: Found) -> None:
    found(attributes.get("poster") or "", attributes, "poster")


def _object(_node: Any, attributes: Attributes, found: Found) -> None:
    _embedded(attributes.get("data") or "", attributes, found)


def _embed(_node: Any, attributes: Attributes, found: Found) -> None:
    _embedded(attributes.get("src") or "", attributes, found)


def _embedded(reference: str, attributes: Attributes, found: Found) -> None:
    kind = (attributes.get("type") or "").strip().lower()
    if kind.startswith("image/") or (not kind and _is_image(reference)):
        found(reference, attributes, "object")


def _style(node: Any, _attributes: Attributes, found: Found) -> None:
    for reference in css.references(node.text())[0]:
        found(reference, _NO_TEXT, "css")


def _script(node: Any, attributes: Attributes, found: Found) -> None:
    if (attributes.get("type") or "").partition(";")[0].strip().lower() == "application/ld+json":
        for reference in _json_ld(node.text()):
            found(reference, _NO_TEXT, "json-ld")


_READERS: dict[str, Callable[[Any, Attributes, Found], None]] = {
    "img": _img,
    "source": _source,
    "image": _svg,
    "feImage": _svg,
    "a": _hyperlink,
    "area": _hyperlink,
    "link": _link,
    "meta": _meta,
    "input": _input,
    "video": _video,
    "object": _object,
    "embed": _embed,
    "style": _style,
    "script": _script,
}


def _json_ld(text: str) -> Iterable[str]:
    """Return what ``image``, ``logo``, ``thumbnail``... name in JSON-LD, at any depth."""
    try:
        top = _decoded(text)
    except (ValueError, RecursionError):
        return []  # not JSON, or nested beyond reason: a page with broken metadata still has its other images
    references: list[str] = []
    waiting: list[tuple[Any, bool]] = [(top, False)]
    visited = 0
    while waiting and visited < _MAX_JSON_VALUES:
        visited += 1
        value, named = waiting.pop()
        if isinstance(value, str):
            if named:
                references.append(value)
        elif isinstance(value, list):
            waiting.extend((inner, named) for inner in reversed(value))
        elif isinstance(value, dict):
            waiting.extend(reversed([(inner, _names_image(key, value, named)) for key, inner in value.items()]))
    return references


def _names_image(key: str, value: dict[str, Any], named: bool) -> bool:
    if key == "contentUrl":
        return named or str(value.get("@type")) not in ("VideoObject", "AudioObject", "MediaObject", "DataDownload")
    return key in _JSON_KEYS or (named and key == "url")


def _decoded(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        # Line breaks within strings and a comment around it are common; browsers' consumers read them too.
        start, end = text.find("{"), text.rfind("}")
        if 0 <= text.find("[") < start:
            start, end = text.find("["), text.rfind("]")
        return json.loads(text[max(start, 0) : end + 1], strict=False)
