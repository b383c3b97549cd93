"""What is made of the whole when a crawl has ended, from the catalog: by the name that a plan gives.

::

    images      images.jsonl: where each image came from
    gallery     static pages that show them
    pages       pages.jsonl: the texts of pages
    mirror      a copy whose pages lead to each other; register: which URL has which name in it
    linkbook    which pages hold which links, and which of these are broken
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from acrawl.results.catalog import Catalog
from acrawl.results.publish.gallery import write_gallery
from acrawl.results.publish.images import write_images
from acrawl.results.publish.mirror import write_mirror
from acrawl.results.publish.pages import write_pages
from acrawl.spelling import Spelling

__all__ = ["PUBLISHERS", "Crawled", "Publisher"]


class Crawled(NamedTuple):
    """A crawl that has ended: what it saved, the URLs it began with, pairs of a URL and the one it redirects to."""

    catalog: Catalog
    starts: Sequence[str]
    redirects: Iterable[tuple[str, str]]
    spelling: Spelling


class Publisher(NamedTuple):
    """What can be made of the whole when a crawl has ended.

    ``make`` blocks. ``names`` says whether saved files get their readable names as they come, or by ``make``.
    """

    make: Callable[[Crawled], object]
    names: bool = True


def _gallery(crawled: Crawled) -> None:
    catalog, urls = crawled.catalog, crawled.starts
    more = f" and {len(urls) - 1} more" if len(urls) > 1 else ""
    write_images(catalog)
    write_gallery(catalog, f"Images of {urls[0]}{more}" if urls else "Images")


def _pages(crawled: Crawled) -> None:
    write_pages(crawled.catalog)


def _mirror(crawled: Crawled) -> None:
    write_mirror(*crawled)


#: By their names in plans.
PUBLISHERS: Mapping[str, Publisher] = {
    "gallery": Publisher(_gallery),
    "pages": Publisher(_pages),
    "mirror": Publisher(_mirror, names=False),
}
