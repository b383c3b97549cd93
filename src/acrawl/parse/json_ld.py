"""The images, media and players that JSON-LD names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec

_IMAGES = frozenset(("image", "logo", "thumbnailUrl", "thumbnail"))
_MEDIA = frozenset(("VideoObject", "AudioObject", "MediaObject"))
_MAX_VALUES = 100_000


def references(text: str) -> list[tuple[str, str]]:
    """Return each reference as written and its kind: ``image``, ``media`` or ``page``, at any depth. Never raises.

    Images are what ``image``, ``logo`` and ``thumbnail`` name and the content of an object that is no other medium;
    media are the content of the others, pages what can be embedded. Beyond 100,000 values the rest is not read.
    """
    try:
        top = _decoded(text)
    except (ValueError, RecursionError):
        return []  # not JSON, or nested beyond reason: a page with broken metadata still has its other resources
    found: list[tuple[str, str]] = []
    waiting: list[tuple[Any, str]] = [(top, "")]
    visited = 0
    while waiting and visited < _MAX_VALUES:
        visited += 1
        value, kind = waiting.pop()
        if isinstance(value, str):
            if kind:
                found.append((value, kind))
        elif isinstance(value, list):
            waiting.extend((inner, kind) for inner in reversed(value))
        elif isinstance(value, dict):
            waiting.extend(reversed(list(_members(value, kind == "image"))))
    return found


def _members(value: dict[str, Any], is_image: bool) -> Iterator[tuple[Any, str]]:
    for key, inner in value.items():
        kind = ""
        if key in _IMAGES or (is_image and key in ("url", "contentUrl")):
            kind = "image"
        elif key == "contentUrl":
            what = str(value.get("@type"))
            kind = "media" if what in _MEDIA else "data" if what == "DataDownload" else "image"
        elif key == "embedUrl":
            kind = "page"
        yield inner, kind


def _decoded(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        # Line breaks within strings and a comment around it are common; browsers' consumers read them too.
        start, end = text.find("{"), text.rfind("}")
        if 0 <= text.find("[") < start:
            start, end = text.find("["), text.rfind("]")
        return json.loads(text[max(start, 0) : end + 1], strict=False)
