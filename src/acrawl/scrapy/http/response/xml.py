"""`XmlResponse` by its longer name."""

from acrawl.scrapy.http.response import XmlResponse

__all__ = ["XmlResponse"]
