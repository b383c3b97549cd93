"""A response, as callbacks see it. Everything that costs is lazy and kept."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Collection, Iterable, Iterator
from functools import cached_property
from typing import Any

import msgspec
from multidict import CIMultiDict

from acrawl.body import Body
from acrawl.outcome import FileFact
from acrawl.parse.bounds import DEFAULTS
from acrawl.parse.document import Document
from acrawl.parse.links import LINKS, MAX_LINKS, RELS, Link, links
from acrawl.parse.links import urls as link_urls
from acrawl.parse.markdown import markdown
from acrawl.parse.media import Image, images
from acrawl.parse.resources import Pick, resources
from acrawl.parse.selectors import Selector, SelectorList
from acrawl.parse.strings import strings as url_strings
from acrawl.request import Callback, Request
from acrawl.url import is_known


class Response:
    """What a server answered to a request.

    ``url`` is the URL that answered, ``headers`` are as they were sent, ``body`` has the decoded bytes. Those of a
    saved file, whose facts are in ``file``, are read from where it was saved when they are asked for, and not before;
    ValueError says that they are not to be had here. ``seconds`` is the time from start to last byte, ``latency`` that
    to the head. ``ip_address`` is the server's (or the proxy's), empty where nothing was sent; ``proxy`` names the
    proxy, empty without one. ``following`` is the request that a redirect leads to. ``cached`` is empty for what the
    server sent, else ``hit`` (stored before, nothing was sent), ``revalidated`` (stored before, and the server says
    that it holds) or ``stale`` (used though it may not hold any more). ``unkept`` is why an image that was to be saved
    was not: it has too few pixels. ``bounds`` say how much of the body is parsed.

    A body of more than ``fetch.spill`` bytes lies in a temporary file. That file, as every `path`, is there until the
    callback (or errback) is done with the response, generators included, and no longer: `save` what is to stay.
    """

    def __init__(  # noqa: PLR0913 - a noun: its fields, by name
        self,
        url: str,
        *,
        status: int = 200,
        headers: CIMultiDict[str] | None = None,
        body: bytes = b"",
        request: Request | None = None,
        seconds: float = 0.0,
        latency: float = 0.0,
        ip_address: str = "",
        file: FileFact | None = None,
        proxy: str = "",
    ) -> None:
        self.url = url
        self.status = status
        self.headers: CIMultiDict[str] = CIMultiDict() if headers is None else headers
        self.content = Body(url, body)
        if file is not None:
            self.content.lend("", file.size)
        self.request = Request(url) if request is None else request
        self.seconds = seconds
        self.latency = latency
        self.ip_address = ip_address
        self.file = file
        self.proxy = proxy
        self.following: Request | None = None
        self.cached = ""
        self.unkept = ""
        self.bounds = DEFAULTS

    def __repr__(self) -> str:
        return f"<{self.status} {self.url}>"

    @property
    def body(self) -> bytes:
        """The decoded bytes. Those in a file are read anew each time; ValueError once that file is gone.

        All of them come into memory: ask `size` before, where they may be many.
        """
        return self.content.read()

    @body.setter
    def body(self, body: bytes) -> None:
        self.content.replace(body)

    @property
    def size(self) -> int:
        """Bytes of the body, or of the saved file. Reads nothing."""
        return self.content.size if self.file is None else self.file.size

    @property
    def path(self) -> pathlib.Path:
        """A temporary file with the body; that of a short one is written at first use. For reading only.

        That of a saved file is the saved file itself: who writes to it spoils it for everybody. Blocks. Raises OSError,
        and ValueError once the callback is done.
        """
        return self.content.path

    def save(self, path: str | os.PathLike[str]) -> None:
        """Put the body into a file of your own, whole or not at all; what stood there is replaced.

        A body in a file is linked or copied, and never read into memory. Blocks. Raises OSError, and ValueError when
        the file is gone.
        """
        self.content.save(path)

    @property
    def meta(self) -> dict[str, Any]:
        """The request's ``meta``."""
        return self.request.meta

    @property
    def cb_kwargs(self) -> dict[str, Any]:
        """The request's ``cb_kwargs``."""
        return self.request.cb_kwargs

    @property
    def content_type_header(self) -> str:
        """The whole Content-Type header; empty without one."""
        return self.headers.get("Content-Type", "")

    @cached_property
    def content_type(self) -> str:
        """The media type of the Content-Type header, in lower case, without parameters; empty without one."""
        return self.content_type_header.partition(";")[0].strip().lower()

    @cached_property
    def document(self) -> Document:
        """The body, parsed at first use."""
        return Document(self.body, self.url, self.content_type_header, self.headers.items(), bounds=self.bounds)

    @property
    def cut(self) -> str:
        """Why the page was read in part, as in ``links: more than 100,000 at byte 7,654``; empty for a whole page."""
        return self.document.cut

    @property
    def encoding(self) -> str:
        """The character encoding: byte order mark, header, ``meta``, then detection."""
        return self.document.encoding

    @property
    def text(self) -> str:
        """The body as text; bytes that do not decode become U+FFFD. Never raises."""
        return self.document.text

    @property
    def selector(self) -> Selector:
        """The root of the document."""
        return self.document.selector

    def css(self, query: str) -> SelectorList:
        """Select by CSS, with ``::text`` and ``::attr(name)``. Raises ValueError for a malformed query."""
        return self.selector.css(query)

    def xpath(self, query: str, **variables: Any) -> SelectorList:
        """Select by XPath 1.0. Raises ValueError for a malformed query."""
        return self.selector.xpath(query, **variables)

    def jmespath(self, query: str, **options: Any) -> SelectorList:
        """Select from JSON by JMESPath; nothing from what is no JSON. Raises ValueError for a malformed query."""
        return self.document.data.jmespath(query, **options)

    def json(self) -> Any:
        """The body as JSON, in any encoding. Raises `msgspec.DecodeError` when it is none."""
        return self.document.json()

    def urljoin(self, href: str) -> str | None:
        """Resolve a reference against the document's base; None for what must not be requested."""
        return self.document.join(href)

    def links(
        self,
        *,
        rels: Collection[str] = RELS,
        forms: bool = False,
        citations: bool = False,
        strings: bool = False,
        limit: int = MAX_LINKS,
    ) -> list[Link]:
        """Every link to another page, in document order, absolute, without duplicates.

        Read are headers (Link, Refresh, Location, Content-Location) and markup: ``a``, ``area``, frames, meta refresh,
        and ``link`` with a relation of ``rels``. On request also where ``forms`` of method GET go, what ``citations``
        name (``cite``, ``longdesc``, ``profile``), and URL-like ``strings`` in scripts, comments and text, which come
        last. Beyond ``limit`` the rest is left out; `cut` tells.
        """
        document = self.document
        found = links(document, rels=rels, forms=forms, citations=citations, limit=limit)
        if strings:
            known = {link.url for link in found}
            found += [link for link in url_strings(document, limit=limit) if link.url not in known]
            if len(found) > limit:
                document.leave_out(LINKS)
        return found[:limit]

    def images(self, *, pick: Pick = "all") -> list[Image]:
        """Every image the page names, wherever HTML and inline CSS can name one, absolute, without duplicates.

        ``pick="largest"`` takes the largest alone of an image's candidates (``srcset``, ``picture``).
        """
        return images(self.document, pick=pick)

    def resources(self, *, pick: Pick = "all", limit: int = MAX_LINKS) -> list[Link]:
        """Everything the page names besides links; ``kind`` tells image, style, script, font, media, page and data.

        ``pick`` is that of `images`. Beyond ``limit`` the rest is left out; `cut` tells.
        """
        return resources(self.document, pick=pick, limit=limit)

    def markdown(self, *, main: bool = False) -> str:
        """The page as Markdown; with ``main`` only its main content, without navigation. Links are absolute.

        Never raises for a page; `MissingExtra` without the packages (``acrawl[markdown]``). Takes about a microsecond
        a byte: for long pages ``await asyncio.to_thread(response.markdown)`` lets others have their turn.
        """
        return markdown(self.document, main=main)

    def follow(self, url: str | Link | Selector, callback: Callback | str | None = None, **fields: Any) -> Request:
        """Make a request for a reference found here; ``fields`` are those of `Request`.

        Takes text, a `Link`, or a selected ``a``, ``link`` or attribute. Raises `RequestError` for what is no URL.
        """
        if isinstance(url, str) and is_known(url):
            found = url
        else:
            found = url.url if isinstance(url, Link) else self.urljoin(_reference(url)) or _reference(url)
        return Request(found, callback, referrer=self.url, depth=self.request.depth + 1, **fields)

    def follow_all(
        self,
        urls: Iterable[str | Link | Selector] | None = None,
        callback: Callback | str | None = None,
        *,
        css: str | None = None,
        xpath: str | None = None,
        **fields: Any,
    ) -> Iterator[Request]:
        """Make a request for each distinct reference; without ``urls``, ``css`` or ``xpath`` for each link of the page.

        References that cannot be requested (``mailto:``, malformed) are passed over.
        """
        if urls is None and (css or xpath):
            urls = self.css(css) if css else self.xpath(xpath or "")
        if urls is None:
            found: Iterable[str | None] = link_urls(self.document)
        else:
            found = map(self.document.join, dict.fromkeys(map(_reference, urls)))
        referrer, depth = self.url, self.request.depth + 1
        for url in found:
            if url is not None:
                yield Request(url, callback, referrer=referrer, depth=depth, **fields)

    def download(self, url: str | Link | Selector, callback: Callback | str | None = None, **fields: Any) -> Request:
        """Make a request whose body goes to the file store; it yields a file item, and a callback may read it.

        Among the ``fields``, ``save_as`` says what the file is to be called.
        """
        return self.follow(url, callback, save=True, **fields)


class Failure(msgspec.Struct, frozen=True):
    """What an errback gets: the request that failed for good, why, and the answer if there was one."""

    request: Request
    reason: str
    detail: str = ""
    response: Response | None = None


def _reference(found: str | Link | Selector) -> str:
    if isinstance(found, str):
        return found
    if isinstance(found, Link):
        return found.url
    if found.attrib:
        return found.attrib.get("href") or found.attrib.get("src") or ""
    return found.get() or ""
