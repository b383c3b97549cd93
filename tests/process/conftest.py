"""The fixtures of whole crawls."""

from crawl.conftest import acrawl, live, start

__all__ = ["acrawl", "live", "start"]
