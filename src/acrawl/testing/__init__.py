"""The kit for tests, for users as for acrawl itself.

A spider is tested in three lines: in one process, without sockets, in virtual time, on the real frontier, worker and
pipelines::

    >>> from acrawl import Spider
    >>> from acrawl.testing import crawl
    >>> class Titles(Spider):
    ...     start_urls = ["https://example.org/"]
    ...     def parse(self, response):
    ...         yield {"title": response.css("title::text").get()}
    ...         yield from response.follow_all(css="a")

    >>> done = crawl(Titles, {
    ...     "https://example.org/": "<title>Home</title><a href=/about>about</a> <a href=/gone>gone</a>",
    ...     "https://example.org/about": "<title>About us</title>",
    ... })
    >>> sorted(item["title"] for item in done.items)
    ['About us', 'Home']
    >>> done.ended["https://example.org/gone"]
    'failed(http-404)'

`FakeWeb` is a web of any size that misbehaves on request and knows what a crawl of it must bring back::

    >>> from acrawl.testing import FakeWeb, Faults, WebSpider
    >>> web = FakeWeb(60, hosts=5, faults=Faults(busy=0.1, reset=0.1, moved=0.1, dead=0.1))
    >>> done = crawl(WebSpider, web, {"scope.within": "any"}, arguments={"url": web.seeds[0]})
    >>> done.counts.reasons == web.ends()
    True

`FakeServer` puts the same web behind a real server on loopback, with an access log; `under_fire` runs the command line
against it while it kills masters and workers. `ManualClock` is a clock to move by hand.
"""

from acrawl.testing.answers import Answer, Pages, Web
from acrawl.testing.clock import ManualClock
from acrawl.testing.hits import Hit, gaps, quantile, read_hits
from acrawl.testing.inprocess import Crawled, WebStage, crawl
from acrawl.testing.kill import Losses, Strike, lines, strikes, under_fire
from acrawl.testing.server import FakeServer
from acrawl.testing.shape import Faults, Shape
from acrawl.testing.spider import WebSpider
from acrawl.testing.virtual import LoopClock, VirtualLoop
from acrawl.testing.web import FakeWeb

__all__ = [
    "Answer",
    "Crawled",
    "FakeServer",
    "FakeWeb",
    "Faults",
    "Hit",
    "LoopClock",
    "Losses",
    "ManualClock",
    "Pages",
    "Shape",
    "Strike",
    "VirtualLoop",
    "Web",
    "WebSpider",
    "WebStage",
    "crawl",
    "gaps",
    "lines",
    "quantile",
    "read_hits",
    "strikes",
    "under_fire",
]
