"""The fixtures of whole crawls."""

from crawl.conftest import acrawl, live, start, typed

__all__ = ["acrawl", "live", "start", "typed"]
