"""Requests and responses as Scrapy has them."""

from acrawl.scrapy.http.headers import Headers
from acrawl.scrapy.http.request import Request
from acrawl.scrapy.http.response import HtmlResponse, Response, TextResponse, XmlResponse

__all__ = [
    "Headers",
    "HtmlResponse",
    "Request",
    "Response",
    "TextResponse",
    "XmlResponse",
]
