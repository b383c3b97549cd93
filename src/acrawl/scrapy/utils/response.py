"""Helpers for responses."""

from __future__ import annotations

from typing import NoReturn

from acrawl.response import Response
from acrawl.scrapy.exceptions import NotSupported


def get_base_url(response: Response) -> str:
    """Return the URL that the references of a page are relative to."""
    return response.document.base


def open_in_browser(response: Response) -> NoReturn:
    """Refused: workers have no screen."""
    raise NotSupported("open_in_browser", "look at the page with `acrawl shell URL`, outside of the crawl")
