"""`HtmlResponse` by its longer name."""

from acrawl.scrapy.http.response import HtmlResponse

__all__ = ["HtmlResponse"]
