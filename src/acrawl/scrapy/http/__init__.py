"""Requests and responses as Scrapy has them."""

from acrawl.scrapy.http.headers import Headers
from acrawl.scrapy.http.request import Request
from acrawl.scrapy.http.request.form import FormRequest
from acrawl.scrapy.http.request.json_request import JsonRequest
from acrawl.scrapy.http.response import HtmlResponse, Response, TextResponse, XmlResponse

__all__ = [
    "FormRequest",
    "Headers",
    "HtmlResponse",
    "JsonRequest",
    "Request",
    "Response",
    "TextResponse",
    "XmlResponse",
]
