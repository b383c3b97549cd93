"""The fixtures of whole crawls, and the verbs typed in this process."""

from crawl.conftest import Typed, acrawl, live, start, typed

__all__ = ["Typed", "acrawl", "live", "start", "typed"]
