"""The spiders that Scrapy brings."""

from acrawl.scrapy.spiders.base import Spider
from acrawl.scrapy.spiders.crawl import CrawlSpider, Rule

__all__ = ["CrawlSpider", "Rule", "Spider"]
