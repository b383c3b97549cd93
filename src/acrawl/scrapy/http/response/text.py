"""`TextResponse` by its longer name."""

from acrawl.scrapy.http.response import TextResponse

__all__ = ["TextResponse"]
