"""Scrapy's shell."""

from __future__ import annotations

from typing import Any, NoReturn

from acrawl.scrapy.exceptions import NotSupported


def inspect_response(response: Any, spider: Any) -> NoReturn:
    """Refused: workers have no terminal."""
    raise NotSupported("inspect_response", "look at the page with `acrawl shell URL`, outside of the crawl")
