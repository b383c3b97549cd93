"""The signals of Scrapy that come here; `acrawl.scrapy.crawler.Signals` connects to them.

``spider_opened`` comes in every process that has the spider, ``spider_closed`` on the master only.
"""

from __future__ import annotations

spider_opened = "spider_opened"
spider_closed = "spider_closed"
#: Known by name, so that who connects to one is told that it never comes.
spider_idle = "spider_idle"
spider_error = "spider_error"
engine_started = "engine_started"
engine_stopped = "engine_stopped"
item_scraped = "item_scraped"
item_dropped = "item_dropped"
item_error = "item_error"
request_scheduled = "request_scheduled"
request_dropped = "request_dropped"
response_received = "response_received"
response_downloaded = "response_downloaded"
