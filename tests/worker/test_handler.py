"""What becomes of a cut download when its lease ends: left for the next try, or forgotten with the request."""

from __future__ import annotations

import asyncio

import pytest
import pytest_asyncio

from acrawl.clock import SystemClock
from acrawl.fetch import Fetcher
from acrawl.outcome import FAILED, FETCHED, RETRY
from acrawl.request import Request, seal
from acrawl.results.files.folder import FolderStore
from acrawl.settings import Fetch, Retry, Settings
from acrawl.spider import Spider
from acrawl.ticket import Lease, Ticket
from acrawl.worker.handler import Handler
from acrawl.worker.lanes import Lanes
from acrawl.worker.recent import RecentLinks
from server import pattern, raw_server

MIB = 1 << 20
DATA = pattern(4 * MIB)
SETTINGS = Settings(fetch=Fetch(allow_private=True), retry=Retry(times=1))


class Bad:
    """Sends ``step`` bytes and closes, again and again; with ``hang`` it does not close. Counts its bytes."""

    def __init__(self, step: int, *, hang: bool = False) -> None:
        self.step = step
        self.hang = hang

    async def __call__(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        start = int(head.partition("bytes=")[2].partition("-")[0] or 0)
        status = (
            f"206 Partial Content\r\nContent-Range: bytes {start}-{len(DATA) - 1}/{len(DATA)}" if start else "200 OK"
        )
        writer.write(f'HTTP/1.1 {status}\r\nETag: "1"\r\nContent-Length: {len(DATA) - start}\r\n\r\n'.encode())
        writer.write(DATA[start : start + self.step])
        await writer.drain()
        if self.hang:
            await reader.read()
        writer.close()


@pytest_asyncio.fixture
async def handle(tmp_path):
    """Make one try at the file of a server: ``await handle(server, attempt)``; returns its outcome."""
    spider, store, clock = Spider(), FolderStore(tmp_path), SystemClock()
    spider.settings = SETTINGS
    async with Fetcher(SETTINGS) as fetcher:
        handler = Handler(spider, fetcher, store, b"k", clock, RecentLinks(10))

        async def one(address, attempt):
            sealed = seal(Request(f"http://{address}/file", save=True), b"k")
            lanes = Lanes(0.0)
            lanes.add(Ticket(sealed.host, [Lease(1, sealed.url, sealed.body, attempt)]), clock.now(), clock.now() + 99)
            work, _ = lanes.take(clock.now())
            outcome, _ = await handler.handle(work)
            return outcome

        yield one
    store.close()


def left(root):
    return sum(path.stat().st_size for path in root.glob(".objects/partial/*") if not path.suffix)


@pytest.mark.asyncio
async def test_tries_that_bring_a_file_forward_cost_no_attempt_until_it_is_whole(handle, tmp_path):
    outcomes = []
    async with raw_server(Bad(MIB + 300_000)) as address:
        while not outcomes or outcomes[-1].status == RETRY:
            outcomes.append(await handle(address, 2))  # the last attempt
    *cut, last = outcomes
    assert len(cut) >= 3
    assert all((outcome.reason, outcome.free) == ("truncated", True) for outcome in cut)
    assert (last.status, last.size) == (FETCHED, len(DATA))
    assert left(tmp_path) == 0


@pytest.mark.asyncio
async def test_a_request_that_fails_for_good_leaves_nothing(handle, tmp_path):
    server = Bad(MIB + 300_000)
    async with raw_server(server) as address:
        assert (await handle(address, 2)).free
        before = left(tmp_path)
        server.step = 1000
        outcome = await handle(address, 1)
        assert (outcome.status, outcome.free) == (RETRY, False)
        assert left(tmp_path) >= before
        assert (await handle(address, 2)).status == FAILED
    assert left(tmp_path) == 0


@pytest.mark.asyncio
async def test_a_lease_that_is_lost_leaves_what_has_come(handle, tmp_path):
    async with raw_server(Bad(2 * MIB, hang=True)) as address:
        task = asyncio.create_task(handle(address, 1))
        async with asyncio.timeout(20):
            while left(tmp_path) < MIB:
                await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert left(tmp_path) >= MIB
