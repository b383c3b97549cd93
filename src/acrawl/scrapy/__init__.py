"""Scrapy's names for what acrawl does: a spider written for Scrapy runs after its import lines change.

``import scrapy`` becomes ``import acrawl.scrapy as scrapy``, and ``from scrapy.x import y`` becomes ``from
acrawl.scrapy.x import y``; ``docs/from-scrapy.md`` says what is the same, what differs, and what there is not. What
Scrapy means differently is turned into what acrawl does here, on the way into a callback and out of it, so that the
other rooms know nothing of it::

    spiders   Spider: from_crawler, start_requests; translates what a callback gets and gives
    http      Request, FormRequest, Response, Headers as Scrapy has them; the keys of ``meta`` that mean something
    failure   what an errback gets
    item  loader  selector  link  linkextractors    the nouns
    settings  crawler  signals                      custom_settings by Scrapy's names; running a spider from a script
    exceptions  spidermiddlewares  pipelines  shell  utils    what public spiders import names from
"""

import acrawl.scrapy.signals as signals  # noqa: PLR0402 - a module must not import its own package
from acrawl.scrapy.http import FormRequest, JsonRequest, Request
from acrawl.scrapy.item import Field, Item
from acrawl.scrapy.linkextractors import LinkExtractor
from acrawl.scrapy.selector import Selector
from acrawl.scrapy.spiders import Spider

__all__ = [
    "Field",
    "FormRequest",
    "Item",
    "JsonRequest",
    "LinkExtractor",
    "Request",
    "Selector",
    "Spider",
    "signals",
]
