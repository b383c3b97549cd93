"""What a page's robots tags mean for what its callback makes."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from acrawl.parse.robots_tags import NONE, Tags, may_ask, of_document, of_headers
from acrawl.request import Request
from acrawl.response import Response
from acrawl.settings import Settings

#: Bytes of a saved page that are read for its tags.
_LARGEST = 32 << 20
#: The only bodies in which a meta tag is one.
_HTML = frozenset({"", "text/html", "application/xhtml+xml"})


def asked(response: Response, settings: Settings, now: Callable[[], float]) -> Tags:
    """What a response asks of robots, as far as it is obeyed. Of what is no page, only the headers are read."""
    obeyed = frozenset(settings.politeness.obey_robots_tags)
    product = settings.fetch.user_agent.partition("/")[0].lower()
    return PageTags(response, obeyed, product, now).tags if obeyed else NONE


class PageTags:
    """The tags of one page, as far as they are obeyed; looked for when the first item or request is made of it.

    ``left_out`` counts the items that are not kept.
    """

    def __init__(self, response: Response, obeyed: frozenset[str], product: str, now: Callable[[], float]) -> None:
        self.left_out = 0
        self._response = response
        self._obeyed = obeyed
        self._product = product
        self._now = now

    @cached_property
    def tags(self) -> Tags:
        """What the page asks for."""
        response, product = self._response, self._product
        said = response.headers.getall("X-Robots-Tag", ())
        found = of_headers(said, product, self._now()) if said else NONE
        if self._is_page and may_ask(response.document, product):
            found |= of_document(response.document, product, self._now())
        if found == NONE:
            return NONE
        return Tags(*(asked and word in self._obeyed for word, asked in found._asdict().items()))

    @property
    def _is_page(self) -> bool:
        """Whether it is a page that can be looked at: a saved file may be too large, or somewhere else by now."""
        response = self._response
        if response.content_type not in _HTML:
            return False
        return response.file is None or (response.content.is_here and response.size <= _LARGEST)

    @property
    def _names_links(self) -> bool:
        """Whether it is a page, or something else that the callback has read as one. A sitemap is not parsed for it."""
        document = vars(self._response).get("document")
        return self._is_page or (document is not None and document.is_parsed)

    def forbids(self, request: Request) -> str:
        """Why a request of the page's callback is not made, in the ledger's words; empty when it is.

        ``nofollow`` forbids links, not what is saved. Where only some types are saved (``save="image/"``), a link is
        what the page names as one and not as an image. ``noimageindex`` forbids to save what it names as an image.
        """
        tags, page = self.tags, self._response
        if not (tags.nofollow or tags.noimageindex) or request.url == page.url:
            return ""
        if not request.save:
            return "nofollow" if tags.nofollow else ""
        if request.url in self._images:
            return "noimageindex" if tags.noimageindex else ""
        return "nofollow" if tags.nofollow and request.save is not True and request.url in self._links else ""

    @cached_property
    def _images(self) -> frozenset[str]:
        return frozenset(image.url for image in (self._response.images() if self._names_links else ()))

    @cached_property
    def _links(self) -> frozenset[str]:
        return frozenset(link.url for link in (self._response.links() if self._names_links else ()))
