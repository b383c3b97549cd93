"""A site beside the test, for crawls in processes of their own."""

from crawl.conftest import live

__all__ = ["live"]
