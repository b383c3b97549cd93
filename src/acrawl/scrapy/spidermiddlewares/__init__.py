"""Scrapy's place of `HttpError`."""
