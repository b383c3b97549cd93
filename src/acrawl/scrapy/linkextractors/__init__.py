"""Scrapy's link extractor: see `acrawl.linkextractor`."""

from __future__ import annotations

import msgspec

import acrawl.linkextractor as core
from acrawl.parse.links import Link as CoreLink
from acrawl.scrapy.link import Link

IGNORED_EXTENSIONS = list(core.IGNORED_EXTENSIONS)


class LinkExtractor(core.LinkExtractor):
    """See `acrawl.linkextractor.LinkExtractor`; the fields of its links may be set."""

    def made(self, link: CoreLink) -> Link:
        """See `acrawl.linkextractor.LinkExtractor.made`."""
        return Link(*msgspec.structs.astuple(link))
