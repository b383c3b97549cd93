"""Responses as Scrapy has them: one class for each kind of body, headers in bytes, ``meta`` with what is known."""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any, Self, cast

import acrawl.response as core
from acrawl.parse.document import Document
from acrawl.parse.links import Link
from acrawl.request import Callback
from acrawl.request import Request as CoreRequest
from acrawl.scrapy.http.headers import Headers
from acrawl.scrapy.http.request import Request

_HTML = frozenset({"text/html", "application/xhtml+xml", "application/vnd.wap.xhtml+xml"})
_XML = frozenset({"text/xml", "application/xml"})
_TEXT = frozenset({"application/json", "application/javascript", "application/x-javascript", "application/x-json"})
#: How much of a body without a type is looked at.
_HEAD = 5000


class Response(core.Response):
    """See `acrawl.Response`. `of` makes one of it, of the class that fits its body."""

    headers: Headers  # type: ignore[assignment]
    _core: core.Response | None = None

    def __init__(  # noqa: PLR0913, PLR0917 - Scrapy's arguments, in its order
        self,
        url: str,
        status: int = 200,
        headers: Any = None,
        body: bytes = b"",
        flags: list[str] | None = None,
        request: CoreRequest | None = None,
        certificate: None = None,
        ip_address: str | None = None,
        protocol: str | None = None,
    ) -> None:
        core.Response.__init__(self, url, status=status, body=body, request=request, ip_address=str(ip_address or ""))
        self.headers = Headers(headers or ())
        self.flags = list(flags or ())
        self.certificate = certificate
        self.protocol = protocol
        self._encoding = ""

    @staticmethod
    def of(response: core.Response) -> Response:
        """Return what a callback of Scrapy's expects in the place of a response; the body is shared."""
        found = _class_for(response)
        made = found.__new__(found)
        made.__dict__ |= {name: value for name, value in response.__dict__.items() if name != "document"}
        made.headers = Headers(response.headers.items())
        made.request = request = Request.of(response.request)
        made.flags = [*request.flags, *(["cached"] if response.cached else [])]
        made.certificate = made.protocol = None
        made._encoding, made._core = "", response
        request.meta.update(
            {"depth": request.depth, "download_latency": response.latency, "redirect_times": request.hops}
        )
        return made

    @property
    def content_type_header(self) -> str:
        """See `acrawl.Response.content_type_header`."""
        return (self.headers.get("Content-Type") or b"").decode("latin-1")

    @cached_property
    def document(self) -> Document:
        """See `acrawl.Response.document`; parsed once for both forms of a response."""
        if self._core is not None:
            return self._core.document
        said = f"text/html; charset={self._encoding}" if self._encoding else self.content_type_header
        return Document(self.body, self.url, said)

    def urljoin(self, href: str) -> str:
        """Resolve a reference against the document's base; one that must not be requested is resolved as well."""
        return self.document.join(href) or urllib.parse.urljoin(self.document.base, href)

    def follow(self, url: Any, callback: Callback | str | None = None, **fields: Any) -> Request:
        """Make a request for a reference found here. Takes text, a link, or a selected element or attribute."""
        href = _reference(url)
        if href is None:
            raise ValueError(f"{url!r} has no reference to follow: give text, a link, an a or link element, or href")
        target = href if isinstance(url, Link) else self.urljoin(href.strip())
        return Request(target, callback, referrer=self.url, depth=self.request.depth + 1, **fields)

    def follow_all(
        self,
        urls: Iterable[Any] | None = None,
        callback: Callback | str | None = None,
        *,
        css: str | None = None,
        xpath: str | None = None,
        **fields: Any,
    ) -> Iterator[Request]:
        """Make a request for each reference; what `css` or `xpath` selects without one is passed over."""
        if css or xpath:
            urls = [found for found in (self.css(css) if css else self.xpath(xpath or "")) if _reference(found)]
        if urls is None:
            raise ValueError("give urls, css or xpath")
        return (self.follow(url, callback, **fields) for url in urls)

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some of its parts changed, as the constructor names them."""
        known = {"url": self.url, "status": self.status, "headers": self.headers, "body": self.body}
        known |= {"request": self.request, "flags": self.flags, "ip_address": self.ip_address}
        found = changes.pop("cls", type(self))
        return cast("Self", found(**(known | changes)))

    def copy(self) -> Self:
        """Return a copy."""
        return self.replace()


class TextResponse(Response):
    """A body that is text. ``encoding`` says how it is encoded; without it that is found out."""

    def __init__(self, url: str, *arguments: Any, encoding: str | None = None, **fields: Any) -> None:
        body = fields.get("body")
        if isinstance(body, str):
            fields["body"] = body.encode(encoding or "utf-8")
        super().__init__(url, *arguments, **fields)
        self._encoding = encoding or ("utf-8" if isinstance(body, str) else "")


class HtmlResponse(TextResponse):
    """A page."""


class XmlResponse(TextResponse):
    """An XML document."""


def _class_for(response: core.Response) -> type[Response]:
    kind = response.content_type
    if kind in _HTML:
        return HtmlResponse
    if kind in _XML or kind.endswith("+xml"):
        return XmlResponse
    if kind.startswith("text/") or kind in _TEXT or kind.endswith("+json"):
        return TextResponse
    if kind or response.file is not None:
        return Response
    head = response.body[:_HEAD]  # no type: what it looks like
    if b"\0" in head:
        return Response
    return HtmlResponse if b"<html" in head.lower() or b"<!doctype html" in head.lower() else TextResponse


def _reference(found: Any) -> str | None:
    """Return the text of a reference, None where there is none."""
    if isinstance(found, str):
        return found
    if isinstance(found, Link):
        return found.url
    if isinstance(root := getattr(found, "root", None), str):
        return root
    return None if root is None else found.attrib.get("href") or found.attrib.get("src")
