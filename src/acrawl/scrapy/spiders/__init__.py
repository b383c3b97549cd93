"""The spiders that Scrapy brings."""

from acrawl.scrapy.spiders.base import Spider
from acrawl.scrapy.spiders.crawl import CrawlSpider, Rule
from acrawl.scrapy.spiders.feed import CSVFeedSpider, XMLFeedSpider
from acrawl.scrapy.spiders.sitemap import SitemapSpider

__all__ = ["CSVFeedSpider", "CrawlSpider", "Rule", "SitemapSpider", "Spider", "XMLFeedSpider"]
