"""acrawl: an asyncio distributed crawler framework.

The life of a request::

    Spider.start() / response.follow()                       worker; first seeds: master
       -> discovered -> excluded(reason)                     duplicate, offsite, robots, depth, limit, filter
       -> queued, durably, per host, by priority             frontier
       -> leased: token, epoch, when to start                frontier -> task queue -> worker
       -> fetched -> callback -> items, new requests, files  worker
       -> reported in ONE step: the lease ends, the outcome is recorded, new requests are queued, items are in the
          outbox, the host's clock moves                     worker -> result queue -> frontier
       -> done: fetched | failed(reason) | excluded(reason) | quarantined
    outbox -> pipelines -> feeds, files, gallery             master

A request is in exactly one state; a stale token changes nothing; a lost lease is queued again. "Finished" means: seeds
exhausted, nothing queued, nothing leased, outbox empty.

The rooms, each of which imports only rooms above it::

    errors clock version settings url              the ground floor
    job cluster temporary logs spelling
    parse                                          bytes in, values out, no I/O
    cookie request ticket outcome response forms   the nouns that travel
    spider frontier fetch results monitor          each blind to the others
    queues                                         the manager-served queues
    worker master                                  lease -> fetch -> call back -> report; and who serves it
    spiders scrapy testing demo cli                ready-made crawls, Scrapy's names, tools, the command line
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from acrawl.errors import CloseSpider, DropItem, FetchError, IgnoreRequest
from acrawl.forms import FormRequest, JsonRequest
from acrawl.request import Request
from acrawl.response import Failure, Response
from acrawl.settings import Settings
from acrawl.spider import Spider
from acrawl.version import VERSION as __version__  # noqa: N811 - the name that tools look for

if TYPE_CHECKING:
    from acrawl.linkextractor import LinkExtractor
    from acrawl.parse.selectors import Selector
    from acrawl.spiders.crawl import CrawlSpider, Rule
    from acrawl.spiders.feed import CSVFeedSpider, XMLFeedSpider
    from acrawl.spiders.sitemap import SitemapSpider

__all__ = [
    "CSVFeedSpider",
    "CloseSpider",
    "CrawlSpider",
    "DropItem",
    "Failure",
    "FetchError",
    "FormRequest",
    "IgnoreRequest",
    "JsonRequest",
    "LinkExtractor",
    "Request",
    "Response",
    "Rule",
    "Selector",
    "Settings",
    "SitemapSpider",
    "Spider",
    "XMLFeedSpider",
    "__version__",
]

#: Where those names live that not every program needs: imported when they are asked for.
_ELSEWHERE = {
    "CSVFeedSpider": "acrawl.spiders.feed",
    "CrawlSpider": "acrawl.spiders.crawl",
    "LinkExtractor": "acrawl.linkextractor",
    "Rule": "acrawl.spiders.crawl",
    "Selector": "acrawl.parse.selectors",
    "SitemapSpider": "acrawl.spiders.sitemap",
    "XMLFeedSpider": "acrawl.spiders.feed",
}


def __getattr__(name: str) -> Any:
    if name not in _ELSEWHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_ELSEWHERE[name]), name)
