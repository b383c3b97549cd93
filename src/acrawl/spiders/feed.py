"""Spiders for documents that are lists: `XMLFeedSpider` and `CSVFeedSpider`, as Scrapy's."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from acrawl.parse.nodes import nodes, rows
from acrawl.request import Request
from acrawl.response import Response
from acrawl.spider import Spider

log = logging.getLogger(__name__)

_ITERATORS = ("iternodes", "xml", "html")


class _FeedSpider(Spider):
    """What both have in common."""

    def adapt_response(self, response: Response) -> Response:
        """Change a response before it is read; by default it stays."""
        return response

    def process_results(self, response: Response, results: Iterable[Any]) -> Iterable[Any]:
        """Change what came of one entry; by default it stays."""
        return results


class XMLFeedSpider(_FeedSpider):
    """Calls `parse_node` with each element called ``itertag``; the document is never in memory as a whole.

    ``iterator`` is ``iternodes`` (or ``xml``, which means the same here), or ``html`` for a page that is parsed as one.
    ``namespaces`` are pairs of a prefix for queries and its URI.
    """

    iterator: str = "iternodes"
    itertag: str = "item"
    namespaces: Sequence[tuple[str, str]] = ()

    def parse(self, response: Response) -> Iterator[Any]:
        """Read a document."""
        if self.iterator not in _ITERATORS:
            raise ValueError(f"iterator={self.iterator!r}: write one of {', '.join(_ITERATORS)}")
        response = self.adapt_response(response)
        found: Iterable[Any]
        if self.iterator == "html":
            found = response.xpath(f"//{self.itertag}")
        else:
            spaces = dict(self.namespaces)
            found = nodes(response.content.source, self.itertag, spaces, response.content_type_header)
        return self.parse_nodes(response, found)

    def parse_nodes(self, response: Response, nodes: Iterable[Any]) -> Iterator[Any]:
        """Call `parse_node` with each of them."""
        for selector in nodes:
            yield from self.process_results(response, _each(self.parse_node(response, selector)))

    def parse_node(self, response: Response, selector: Any) -> Any:
        """Handle one element: ``selector`` has parsel's interface."""
        raise NotImplementedError(f"{type(self).__name__} has no parse_node()")


class CSVFeedSpider(_FeedSpider):
    """Calls `parse_row` with each row of a table, as a dict; the table is never in memory as a whole.

    ``headers`` are the names of the columns where the first row does not have them.
    """

    delimiter: str = ","
    quotechar: str = '"'
    headers: Sequence[str] | None = None

    def parse(self, response: Response) -> Iterator[Any]:
        """Read a table."""
        return self.parse_rows(self.adapt_response(response))

    def parse_rows(self, response: Response) -> Iterator[Any]:
        """Call `parse_row` with each row that has as many columns as there are names."""
        found = rows(
            response.content.source,
            response.content_type_header,
            delimiter=self.delimiter,
            quotechar=self.quotechar,
            headers=self.headers or (),
        )
        told = False
        for row in found:
            if isinstance(row, dict):
                yield from self.process_results(response, _each(self.parse_row(response, row)))
            elif not told:
                told = True
                log.warning("%s: %s; it is passed over, and so are others like it", response.url, row)

    def parse_row(self, response: Response, row: dict[str, str]) -> Any:
        """Handle one row, by the names of its columns."""
        raise NotImplementedError(f"{type(self).__name__} has no parse_row()")


def _each(made: Any) -> Iterable[Any]:
    """What a method gave, one by one: nothing, one thing, or many."""
    if made is None:
        return ()
    single = isinstance(made, (Request, Mapping, msgspec.Struct)) or dataclasses.is_dataclass(made)
    return (made,) if single or not isinstance(made, Iterable) else made
