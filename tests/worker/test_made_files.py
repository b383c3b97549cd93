"""Files that a callback makes: they go the way of downloads."""

from __future__ import annotations

import msgspec
import pytest

from acrawl import Spider
from acrawl.clock import SystemClock
from acrawl.fetch import Fetcher
from acrawl.outcome import FAILED, FETCHED, PART, RETRY, FileFact, MadeFile, PageFacts, PageFile
from acrawl.request import Request, seal
from acrawl.results.files.folder import FolderStore
from acrawl.results.files.objects import object_path
from acrawl.settings import Fetch, Queues, Settings
from acrawl.ticket import Lease, Ticket
from acrawl.worker.handler import Handler
from acrawl.worker.lanes import Lanes
from acrawl.worker.recent import RecentLinks
from server import raw_server

FACTS = PageFacts("0" * 64, 3, "A title")


class Maker(Spider):
    settings = Settings(fetch=Fetch(allow_private=True), queues=Queues(max_message=1 << 20))

    def parse(self, response):
        yield MadeFile(f"{response.url}.txt", b"made", "text/plain")
        yield MadeFile(response.url, b"# text", "text/markdown", page=FACTS)
        yield Request(f"{response.url}/more")

    def parse_much(self, response):
        for n in range(5):
            yield MadeFile(f"{response.url}{n}", bytes([n]) * (1 << 20))


def page(head: bytes = b""):
    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 1\r\n" + head + b"\r\nx")
        await writer.drain()
        writer.close()

    return answer


async def outcomes(root, head=b"", callback=None, attempt=1):
    """All outcomes of one request, the last one last."""
    store, clock, spider = FolderStore(root), SystemClock(), Maker()
    parts = []

    async def keep(part):
        parts.append(part)

    async with raw_server(page(head)) as address, Fetcher(spider.settings) as fetcher:
        handler = Handler(spider, fetcher, store, b"k", clock, RecentLinks(10))
        handler.on_part = keep
        sealed = seal(Request(f"http://{address}/a", callback), b"k")
        lanes = Lanes(0.0)
        lanes.add(Ticket(sealed.host, [Lease(1, sealed.url, sealed.body, attempt)]), clock.now(), clock.now() + 99)
        work, _ = lanes.take(clock.now())
        outcome, _ = await handler.handle(work)
    store.close()
    return [*parts, outcome]


@pytest.mark.asyncio
async def test_bytes_are_stored_before_anything_tells_of_them(tmp_path):
    (outcome,) = await outcomes(tmp_path)
    file, text = outcome.items
    fact = msgspec.msgpack.decode(file.body, type=FileFact)
    assert (file.kind, fact.url[-6:], fact.size, fact.type) == ("file", "/a.txt", 4, "text/plain")
    made = msgspec.msgpack.decode(text.body, type=PageFile)
    assert (text.kind, made.facts, made.file.type) == ("page", FACTS, "text/markdown")
    assert object_path(tmp_path, fact.sha256).read_bytes() == b"made"
    assert object_path(tmp_path, made.file.sha256).read_bytes() == b"# text"


@pytest.mark.asyncio
async def test_a_page_that_asks_for_it_has_none_made(tmp_path):
    (outcome,) = await outcomes(tmp_path, b"X-Robots-Tag: noindex\r\n")
    assert (outcome.status, outcome.reason, outcome.items) == (FETCHED, "noindex", [])
    assert outcome.detail == "2 items were left out"


@pytest.mark.asyncio
async def test_many_are_reported_in_parts_and_never_all_in_memory(tmp_path):
    *parts, last = await outcomes(tmp_path, callback="parse_much")
    assert [part.status for part in parts] == [PART] * len(parts)
    assert [len(outcome.items) for outcome in [*parts, last]] == [3, 2]


@pytest.mark.asyncio
async def test_a_disk_that_refuses_ends_the_request_with_that_word(tmp_path):
    (tmp_path / ".objects").write_text("in the way")
    (outcome,) = await outcomes(tmp_path, attempt=99)
    assert (outcome.status, outcome.reason, outcome.items) == (FAILED, "disk", [])
    assert len(outcome.requests) == 1


@pytest.mark.asyncio
async def test_a_disk_that_refuses_for_now_is_asked_again_and_nothing_is_told_before(tmp_path):
    (tmp_path / ".objects").write_text("in the way")
    (outcome,) = await outcomes(tmp_path)
    assert (outcome.status, outcome.reason, outcome.delay > 0) == (RETRY, "disk", True)
    assert (outcome.items, outcome.requests, outcome.close) == ([], [], "")
