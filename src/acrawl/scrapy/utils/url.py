"""Helpers for URLs, from w3lib as in Scrapy."""

from w3lib.url import add_or_replace_parameter, canonicalize_url, url_query_cleaner, url_query_parameter

__all__ = ["add_or_replace_parameter", "canonicalize_url", "url_query_cleaner", "url_query_parameter"]
