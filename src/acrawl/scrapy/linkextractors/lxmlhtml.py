"""The link extractor by its longer name."""

from acrawl.scrapy.linkextractors import LinkExtractor as LxmlLinkExtractor

__all__ = ["LxmlLinkExtractor"]
