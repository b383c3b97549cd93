"""What a lease's outcome says of failures on the way to its server."""

from __future__ import annotations

import pytest

from acrawl.clock import SystemClock
from acrawl.errors import FetchError, ProxyFailed
from acrawl.fetch import Fetcher
from acrawl.outcome import FAILED, FETCHED, RETRY
from acrawl.request import BARE_BODY
from acrawl.response import Response
from acrawl.settings import Politeness, Settings
from acrawl.spider import Spider
from acrawl.ticket import Lease
from acrawl.worker.handler import Handler
from acrawl.worker.lanes import Lane, Work
from acrawl.worker.recent import RecentLinks


class Quiet(Spider):
    name = "quiet"

    def parse(self, response):
        return None


class Scripted:
    """A transport that does what it is told."""

    def __init__(self, what):
        self.what = what

    async def __call__(self, request, send):
        if isinstance(self.what, Exception):
            raise self.what
        return Response(request.url, request=request, **self.what)


async def outcome(what, *, robots=False, settings=None):
    spider = Quiet()
    spider.settings = settings or Settings()
    async with Fetcher(spider.settings, transport=Scripted(what)) as fetcher:
        handler = Handler(spider, fetcher, None, b"0" * 16, SystemClock(), RecentLinks(10))
        work = Work(Lease(1, "https://a.test/", BARE_BODY, robots=robots), Lane("https://a.test"), 1e12)
        work.started_at = 0.0
        return (await handler.handle(work))[0]


@pytest.mark.asyncio
@pytest.mark.parametrize("reason", ["dns", "refused", "blocked", "tls", "tls-expired", "tls-protocol"])
async def test_a_robots_txt_that_will_not_be_had_soon_is_given_up(reason):
    told = await outcome(FetchError(reason, "x"), robots=True)
    assert (told.status, told.reason) == (FAILED, reason)


@pytest.mark.asyncio
async def test_a_stage_that_fails_on_a_robots_txt_is_told_of_and_not_waited_for(caplog):
    told = await outcome(RuntimeError("no token"), robots=True)
    assert (told.status, told.reason) == (FAILED, "stage")
    assert "a stage failed on https://a.test/" in caplog.text
    assert "RuntimeError: no token" in caplog.text


@pytest.mark.asyncio
@pytest.mark.parametrize("error", [ProxyFailed("http://p.test", "x", own=True), FetchError("timeout", "x")])
async def test_a_robots_txt_behind_trouble_that_passes_is_asked_for_again(error):
    assert (await outcome(error, robots=True)).status == RETRY


@pytest.mark.asyncio
async def test_a_failed_proxy_is_named_and_the_request_tried_again():
    told = await outcome(ProxyFailed("http://p.test:3128", "refused: no", own=True))
    assert (told.status, told.reason, told.detail) == (RETRY, "proxy", "http://p.test:3128: refused: no")


@pytest.mark.asyncio
@pytest.mark.parametrize(("proxy", "address"), [("", "192.0.2.1"), ("http://p.test:3128", None)])
async def test_the_address_of_a_proxy_is_not_taken_for_its_hosts(proxy, address):
    settings = Settings(politeness=Politeness(budget_by="address"))
    told = await outcome({"ip_address": "192.0.2.1", "proxy": proxy}, settings=settings)
    assert told.status == FETCHED
    assert (told.host.address if told.host else None) == address
