"""What the parts of the demo site are made with: resources, pages, stylesheets, and the books kept over them.

Whoever writes a page here asks it for each image by name, and the page notes that it names it. So the manifest is
what the author meant, and no parser had a say in it.
"""

from __future__ import annotations

import html
from hashlib import sha256
from typing import Any, NamedTuple

from acrawl.demo.images import BY_EXTENSION, KINDS, mosaic

HTML = "text/html; charset=utf-8"
SIZES = (64, 48), (48, 64), (56, 56), (72, 48), (48, 48), (61, 47)
#: How often a URL is asked for at least and at most.
ONCE = (1, 1)
MAYBE = (0, 1)
THRICE = (3, 3)


class Resource(NamedTuple):
    """What the server answers to one URL.

    ``manner`` is how the body leaves: ``plain``, ``gzip``, ``deflate``, ``chunked``, ``dribble`` (in pieces, with
    pauses), ``truncated`` (half of what was promised, then the connection closes), ``cut`` (the same in chunks) or
    ``drop`` (the connection closes without an answer). ``first`` is given in its place to the first who asks.
    """

    body: bytes = b""
    content_type: str = HTML
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    delay: float = 0.0
    manner: str = "plain"
    first: Resource | None = None


class Site(NamedTuple):
    """A whole site on two origins, by URL, and what a crawl of it must bring."""

    origin: str
    cdn: str
    resources: dict[str, Resource]
    manifest: dict[str, Any]


class Builder:
    """Collects resources and what is true of them. ``origin`` and ``cdn`` are ``http://host:port`` without a slash."""

    def __init__(self, seed: int, origin: str, cdn: str) -> None:
        self.seed = seed
        self.origin = origin
        self.cdn = cdn
        self.resources: dict[str, Resource] = {}
        self.pages: list[Page] = []
        self.sheets: dict[str, Sheet] = {}
        self.images: dict[str, dict[str, Any]] = {}
        self.errors: dict[str, str] = {}
        self.not_images: list[str] = []
        self.redirects: dict[str, str] = {}
        self.forbidden: list[str] = []
        self.never: list[str] = []
        self.requests: dict[str, tuple[int, int]] = {}
        #: Which documents name an image; which may be reported with it besides, because they lead there.
        self.named: dict[str, dict[str, None]] = {}
        self.linked: dict[str, dict[str, None]] = {}

    def url(self, place: str) -> str:
        """Return the absolute URL of a path on the site; an absolute URL stays as it is."""
        return self.origin + place if place.startswith("/") else place

    def serve(self, place: str, resource: Resource, requests: tuple[int, int] = ONCE) -> str:
        """Put a resource at a free place. Returns its URL."""
        url = self.url(place)
        if url in self.resources:
            raise ValueError(f"two resources at {url}")
        self.resources[url] = resource
        self.requests[url] = requests
        return url

    def picture(self, place: str, kind: str = "", size: tuple[int, int] = (0, 0)) -> tuple[str, int, int, bytes]:
        """Draw the image of a place. Returns kind, width, height and bytes; they do not depend on the ports."""
        kind = kind or BY_EXTENSION[place.partition("?")[0].rpartition(".")[2].lower()]
        key = place.replace(self.cdn, "cdn:", 1)
        width, height = size if size[0] else SIZES[len(self.resources) % len(SIZES)]
        return kind, width, height, KINDS[kind].encode(mosaic(f"{self.seed}/{key}", width, height))

    def image(
        self,
        place: str,
        kind: str = "",
        *,
        size: tuple[int, int] = (0, 0),
        same_as: str = "",
        requests: tuple[int, int] = ONCE,
        **served: Any,
    ) -> str:
        """Put an image at a place, for the crawl to find. ``same_as`` names one whose bytes it shares.

        ``served`` changes how it is served (see `Resource`). Does nothing where the image stands already.
        """
        url = self.url(place)
        if url in self.images:
            return url
        if same_as:
            facts = {key: self.images[self.url(same_as)][key] for key in ("sha256", "size", "type", "width", "height")}
            body = self.resources[self.url(same_as)].body
        else:
            kind, width, height, body = self.picture(place, kind, size)
            facts = {"sha256": sha256(body).hexdigest(), "size": len(body), "type": KINDS[kind].type}
            facts |= {"width": width, "height": height}
        self.images[url] = facts
        served.setdefault("content_type", facts["type"])
        return self.serve(place, Resource(body, **served), requests)

    def moved(self, place: str, target: str, status: int = 302, location: str = "", *, final: bool = True) -> str:
        """Redirect a place to another. ``location`` is what the header says, if not the absolute URL."""
        url = self.url(place)
        if final:
            self.redirects[url] = self.url(target)
        return self.serve(place, Resource(status=status, headers=(("Location", location or self.url(target)),)))

    def broken(self, place: str, reason: str, resource: Resource, requests: tuple[int, int] = ONCE) -> str:
        """Put something at a place that no crawl can bring home. Returns what to write on a page."""
        url = self.serve(place, resource, requests)
        self.errors[url] = reason
        return place

    def refuse(self, place: str, kind: str = "") -> str:
        """Put an image (or, without a kind, a page) where robots.txt keeps crawlers out. Returns what to write."""
        body = self.picture(place, kind)[3] if kind else f"<title>closed</title><p>{place}".encode()
        self.serve(place, Resource(body, KINDS[kind].type if kind else HTML), (0, 0))
        self.forbidden.append(self.url(place))
        return place

    def decoy(self, place: str, kind: str = "png") -> str:
        """Put an image where only a mistaken reading of a page leads. Returns what to write."""
        self.serve(place, Resource(self.picture(place, kind)[3], KINDS[kind].type), (0, 0))
        self.never.append(self.url(place))
        return place

    def page(self, place: str, title: str, **served: Any) -> Page:
        """Begin a page at a place. ``charset`` is how it is written; ``served`` is for `Resource`."""
        page = Page(self, place, title, **served)
        self.pages.append(page)
        return page

    def sheet(self, place: str) -> Sheet:
        """Begin a stylesheet at a place."""
        url = self.url(place)
        self.sheets[url] = sheet = Sheet(self, url)
        return sheet


class Naming:
    """What pages and stylesheets have in common: they name images, and the books know it."""

    def __init__(self, builder: Builder, url: str) -> None:
        self.builder = builder
        self.url = url

    def name(self, place: str, ref: str = "", kind: str = "", **how: Any) -> str:
        """Name the image at a place, which is made if it is new (see `Builder.image`). Returns what to write."""
        url = self.builder.image(place, kind, **how)
        self.mention(url)
        return ref or place

    def mention(self, place: str, ref: str = "") -> str:
        """Note that this document names a URL. Returns what to write."""
        self.builder.named.setdefault(self.builder.url(place), {})[self.url] = None
        return ref or place


class Sheet(Naming):
    """A stylesheet: text, the pages that use it and the stylesheets that import it."""

    def __init__(self, builder: Builder, url: str) -> None:
        super().__init__(builder, url)
        self.rules: list[str] = []
        self.used_by: dict[str, None] = {}

    def add(self, *rules: str) -> None:
        """Append text."""
        self.rules += rules

    def used(self, document: Naming) -> None:
        """Note that a page or another stylesheet uses this one."""
        self.used_by[document.url] = None

    def readers(self) -> dict[str, None]:
        """Return this stylesheet, those that lead to it, and the pages that lead to those."""
        found = {self.url: None}
        queue = [self]
        while queue:
            for url in queue.pop().used_by:
                if url not in found:
                    found[url] = None
                    if url in self.builder.sheets:
                        queue.append(self.builder.sheets[url])
        return found


class Page(Naming):
    """A page: pieces of its head and body, and how its text becomes bytes."""

    def __init__(
        self, builder: Builder, place: str, title: str, charset: str = "utf-8", prolog: str = "", **served: Any
    ) -> None:
        super().__init__(builder, builder.url(place))
        self.place = place
        self.title = title
        self.charset = charset
        self.prolog = prolog or "<!DOCTYPE html>"
        self.served = served
        self.head: list[str] = []
        self.body: list[str] = []

    def add(self, *pieces: str) -> None:
        """Append to the body."""
        self.body += pieces

    def text(self, head: list[str], navigation: str) -> str:
        """Return the whole page."""
        title = html.escape(self.title)
        inner = "\n".join((f"<title>{title}</title>", *head, *self.head))
        lang = ' xmlns="http://www.w3.org/1999/xhtml"' if self.prolog.startswith("<?xml") else ""
        main = "\n".join((f"<h1>{title}</h1>", *self.body))
        outer = f'<html{lang} lang="en">\n<head>\n{inner}\n</head>\n<body>\n{navigation}\n{main}\n</body>\n</html>'
        return f"{self.prolog}\n{outer}\n"
