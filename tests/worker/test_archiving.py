"""What a lease has captured for a web archive travels in its outcome, once, or not at all."""

from __future__ import annotations

import msgspec
import pytest
import pytest_asyncio

from acrawl.clock import SystemClock
from acrawl.fetch import Fetcher
from acrawl.outcome import FAILED, FETCHED, RETRY, Captured, MadeFile
from acrawl.request import Request, seal
from acrawl.results.files.folder import FolderStore
from acrawl.settings import Fetch, Retry, Settings
from acrawl.spider import Spider
from acrawl.ticket import Lease, Ticket
from acrawl.worker.handler import Handler
from acrawl.worker.lanes import Lanes
from acrawl.worker.recent import RecentLinks
from server import raw_server

LONG = bytes(200_000)


def says(status: str, body: bytes = b"x", *, length: int | None = None):
    size = len(body) if length is None else length

    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {size}\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()

    return answer


class Made(Spider):
    settings = Settings(fetch=Fetch(allow_private=True), retry=Retry(times=1))

    def parse(self, response):
        yield {"url": response.url}

    def make(self, response):
        yield MadeFile(response.url, b"# text", "text/markdown")

    def crash(self, response):
        raise ValueError


@pytest_asyncio.fixture
async def handle(tmp_path):
    """Work on a request for a server: ``await handle(server, callback)``; returns its outcome and what it captured."""
    clock, spider = SystemClock(), Made()
    files, archive = FolderStore(tmp_path / "files"), FolderStore(tmp_path / "exchanges")
    async with Fetcher(spider.settings) as fetcher:
        handler = Handler(spider, fetcher, files, b"k", clock, RecentLinks(10), archive=archive)

        async def one(server, callback=None, *, attempt=1, robots=False):
            async with raw_server(server) as address:
                sealed = seal(Request(f"http://{address}/robots.txt", callback), b"k")
                lease = Lease(1, sealed.url, sealed.body, attempt, robots=robots)
                lanes = Lanes(0.0)
                lanes.add(Ticket(sealed.host, [lease]), clock.now(), clock.now() + 99)
                work, _ = lanes.take(clock.now())
                outcome, _ = await handler.handle(work)
            exchanges = [item for item in outcome.items if item.kind == "exchange"]
            return outcome, [msgspec.msgpack.decode(item.body, type=Captured) for item in exchanges]

        yield one
    files.close()
    archive.close()


@pytest.mark.asyncio
async def test_an_answer_travels_with_the_outcome_that_ends_its_request(handle):
    for server, callback, status in [
        (says("200 OK"), None, FETCHED),
        (says("404 Not Found"), None, FAILED),
        (says("200 OK"), "crash", FAILED),
        (says("200 OK", length=9), None, FAILED),
        (says("302 Found\r\nLocation: /x"), None, FETCHED),
    ]:
        outcome, (it,) = await handle(server, callback, attempt=2)
        assert (outcome.status, it.status) == (status, outcome.http_status or 200)


@pytest.mark.asyncio
async def test_one_that_is_tried_again_brings_nothing(handle, tmp_path):
    for server in (says("503 Busy"), says("200 OK", LONG, length=9_000_000)):
        outcome, captured = await handle(server)
        assert (outcome.status, captured) == (RETRY, [])
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.asyncio
async def test_what_a_callback_makes_travels_beside_its_page(handle):
    outcome, (made, page) = await handle(says("200 OK"), "make")
    assert [item.kind for item in outcome.items] == ["file", "exchange", "exchange"]
    assert (made.status, made.type, made.data) == (0, "text/markdown", b"# text")
    assert page.status == 200


@pytest.mark.asyncio
@pytest.mark.parametrize("status", ["200 OK", "503 Busy", "404 Not Found"])
async def test_a_robots_txt_is_captured_whatever_it_says(handle, status):
    _, (it,) = await handle(says(status, b"User-agent: *"), robots=True)
    assert it.data.endswith(b"User-agent: *")


@pytest.mark.asyncio
@pytest.mark.parametrize("robots", [True, False])
async def test_a_full_disk_makes_it_be_tried_again(handle, tmp_path, robots):
    (tmp_path / "exchanges").mkdir()
    (tmp_path / "exchanges" / ".objects").write_text("in the way")
    outcome, captured = await handle(says("200 OK", LONG), robots=robots)
    assert (outcome.status, outcome.reason, outcome.items, captured) == (RETRY, "disk", [], [])
