"""What large pages and long callbacks leave to others: their turns."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading

import pytest

from acrawl.clock import SystemClock
from acrawl.fetch import Fetcher
from acrawl.outcome import FETCHED
from acrawl.request import Request, seal
from acrawl.results.files.folder import FolderStore
from acrawl.settings import Fetch, Parse, Settings
from acrawl.spider import Spider
from acrawl.ticket import Lease, Ticket
from acrawl.worker import large
from acrawl.worker.handler import Handler
from acrawl.worker.lanes import Lanes
from acrawl.worker.large import LARGE, ROOM, Room
from acrawl.worker.recent import RecentLinks

MOST = 300_000


class Looker(Spider):
    """Knows whether a page was parsed before its callback, and waits in each way for others to have a turn."""

    others = False
    parsed: bool | None = None
    prepared: list[bool]

    def parse(self, response):
        self.parsed = response.document.is_parsed

    def touch(self, response):
        response.css("p")

    def generator(self, response):
        asyncio.get_running_loop().call_soon(self.other)
        for _ in range(MOST):
            if self.others:
                return
            yield {}

    def iterable(self, response):
        return itertools.chain(self.generator(response))

    def other(self):
        self.others = True

    async def waits(self, response):
        await self.met.wait()

    def prepare(self, response):
        super().prepare(response)
        self.prepared.append(threading.current_thread() is threading.main_thread())


@pytest.fixture
def spider():
    spider = Looker()
    spider.prepared = []
    spider.settings = Settings(fetch=Fetch(allow_private=True), parse=Parse(max_links=2))
    return spider


@contextlib.asynccontextmanager
async def handling(spider, folder):
    """Gives what handles a request as a worker would."""
    store, clock = FolderStore(folder), SystemClock()
    async with Fetcher(spider.settings) as fetcher:
        handler = Handler(spider, fetcher, store, b"k", clock, RecentLinks(10))

        async def handle(url, callback=None):
            sealed = seal(Request(url, callback), b"k")
            lanes = Lanes(0.0)
            lanes.add(Ticket(sealed.host, [Lease(1, sealed.url, sealed.body, 1)]), clock.now(), clock.now() + 99)
            work, _ = lanes.take(clock.now())
            outcome, _ = await handler.handle(work)
            return outcome

        yield handle
    store.close()


async def until(condition):
    while not condition():
        await asyncio.sleep(0.001)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("size", "content_type", "parsed"),
    [(LARGE, "text/html", False), (LARGE + 1, "text/html", True), (LARGE + 1, "text/plain", False)],
)
async def test_large_pages_are_parsed_before_their_callbacks(site, spider, tmp_path, size, content_type, parsed):
    site.add("/page", b"x" * size, content_type)
    async with handling(spider, tmp_path) as handle:
        assert (await handle(site.url("/page"))).status == FETCHED
    assert spider.parsed is parsed
    assert spider.prepared == [False] * parsed


@pytest.mark.asyncio
@pytest.mark.parametrize("callback", ["generator", "iterable"])
async def test_a_callback_without_end_lets_others_have_their_turn(site, spider, tmp_path, callback):
    async with handling(spider, tmp_path) as handle:
        outcome = await handle(site.url("/page/1"), callback)
    assert 0 < len(outcome.items) < MOST


@pytest.mark.asyncio
async def test_an_asynchronous_callback_of_a_large_page_does_not_keep_others_from_being_parsed(site, spider, tmp_path):
    spider.met = asyncio.Event()
    site.add("/page", b"x" * (LARGE + 1), "text/html")
    async with handling(spider, tmp_path) as handle:
        first = asyncio.create_task(handle(site.url("/page"), "waits"))
        await handle(site.url("/page"))
        spider.met.set()
        assert (await first).status == FETCHED


@pytest.mark.asyncio
async def test_huge_pages_have_their_turn_to_the_end_of_an_asynchronous_callback(site, spider, tmp_path):
    spider.met = asyncio.Event()
    site.add("/page", b"x" * ROOM, "text/html")
    async with handling(spider, tmp_path) as handle:
        first = asyncio.create_task(handle(site.url("/page"), "waits"))
        await until(lambda: spider.prepared)
        second = asyncio.create_task(handle(site.url("/page")))
        assert (await handle(site.url("/page/1"))).status == FETCHED  # small ones need no turn
        assert len(spider.prepared) == 1
        spider.met.set()
        assert {(await first).status, (await second).status} == {FETCHED}
    assert len(spider.prepared) == 2


@pytest.mark.asyncio
async def test_an_asynchronous_callback_that_waits_for_another_huge_page_gets_it(site, spider, tmp_path, monkeypatch):
    monkeypatch.setattr(large, "PATIENCE", 0.1)
    spider.met = asyncio.Event()
    site.add("/page", b"x" * ROOM, "text/html")
    async with handling(spider, tmp_path) as handle:
        first = asyncio.create_task(handle(site.url("/page"), "waits"))
        await until(lambda: spider.prepared)
        assert (await handle(site.url("/page"))).status == FETCHED
        spider.met.set()
        assert (await first).status == FETCHED


@pytest.mark.asyncio
async def test_a_page_gets_its_callback_though_reading_ahead_failed(site, spider, tmp_path, caplog):
    spider.prepared = None
    site.add("/page", b"x" * (LARGE + 1), "text/html")
    async with handling(spider, tmp_path) as handle:
        assert (await handle(site.url("/page"))).status == FETCHED
    assert spider.parsed
    assert "prepare failed on" in caplog.text


@pytest.mark.asyncio
async def test_room_is_given_in_order_and_nobody_who_gives_up_keeps_any():
    room, came = Room(10), []

    async def enter(name, size):
        leave = await room.enter(size)
        came.append(name)
        return leave

    leave = await room.enter(6)
    huge, small = asyncio.create_task(enter("huge", 99)), asyncio.create_task(enter("small", 1))
    await asyncio.sleep(0)
    assert came == []
    huge.cancel()
    await asyncio.wait([huge])
    (await small)()
    assert came == ["small"]
    late = asyncio.create_task(enter("late", 10))
    await asyncio.sleep(0)
    leave()
    leave()
    late.cancel()  # it was let in, and does not know yet
    await asyncio.wait([late])
    (await room.enter(10))()


@pytest.mark.asyncio
async def test_the_outcome_says_that_a_page_was_cut_where_somebody_looked(site, spider, tmp_path):
    site.add("/page", b"<a>" * 9, "text/html")
    async with handling(spider, tmp_path) as handle:
        seen = await handle(site.url("/page"), "touch")
        unseen = await handle(site.url("/page"))
    assert (seen.status, seen.reason, seen.detail) == (FETCHED, "cut", "links: more than 2 at byte 6")
    assert unseen.reason == ""
