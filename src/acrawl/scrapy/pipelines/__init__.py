"""Scrapy's media pipelines: what an item names in ``image_urls`` and ``file_urls`` is saved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from acrawl.request import Request
from acrawl.scrapy.pipelines.files import FilesPipeline
from acrawl.scrapy.pipelines.images import ImagesPipeline

_FIELDS: dict[str, tuple[str, bool | str]] = {
    "ImagesPipeline": ("image_urls", "image/"),
    "FilesPipeline": ("file_urls", True),
}
_CLASSES = (ImagesPipeline, FilesPipeline)

Media = Callable[[Any], Iterator[Request]]


def media_of(custom: Mapping[str, Any]) -> Media | None:
    """Return what makes the requests for an item's media; None where no media pipeline is asked for."""
    found = [_FIELDS[name] for name in map(_media_name, custom.get("ITEM_PIPELINES") or ()) if name]
    if not found:
        return None

    def requests(item: Any) -> Iterator[Request]:
        for field, save in found:
            urls = item.get(field) if isinstance(item, Mapping) else getattr(item, field, None)
            for url in [urls] if isinstance(urls, str) else urls or ():
                yield Request(url, save=save, allow_offsite=True)

    return requests


def without_media(custom: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings whose pipelines are the user's own."""
    pipelines = custom.get("ITEM_PIPELINES") or {}
    if not isinstance(pipelines, Mapping):
        return dict(custom)
    own = {place: order for place, order in pipelines.items() if not _media_name(place)}
    return {**custom, "ITEM_PIPELINES": own}


def _media_name(place: Any) -> str:
    if isinstance(place, str):
        module, _, name = place.rpartition(".")
        return name if name in _FIELDS and module in _PLACES else ""
    return place.__name__ if place in _CLASSES else ""


_PLACES = frozenset(
    {"scrapy.pipelines.images", "scrapy.pipelines.files", ImagesPipeline.__module__, FilesPipeline.__module__}
)
