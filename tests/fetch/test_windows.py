"""Bodies with large windows: only so many at once, in their order, and none of them is lost."""

import asyncio
import random

import brotli
import pytest

from acrawl.fetch import decode
from acrawl.fetch.windows import Windows
from acrawl.request import Request
from acrawl.settings import Fetch
from fetch.serving import Exchanging
from server import raw_server


async def asked(windows, places):
    """Ask for places, and come so far as to wait for them."""
    task = asyncio.create_task(windows.take(places))
    await asyncio.sleep(0)
    return task


@pytest.mark.asyncio
async def test_places_are_given_in_the_order_they_were_asked_for():
    windows = Windows(3)
    await windows.take(2)
    large, small = await asked(windows, 2), await asked(windows, 1)
    assert [large.done(), small.done()] == [False, False], "the small one may not overtake"
    windows.give(2)
    await asyncio.gather(large, small)
    assert windows.free == 0


@pytest.mark.asyncio
async def test_who_no_longer_waits_holds_up_nobody():
    windows = Windows(2)
    await windows.take(1)
    large, small = await asked(windows, 2), await asked(windows, 1)
    large.cancel()
    await small
    assert windows.free == 0


@pytest.mark.asyncio
async def test_places_that_were_given_to_who_was_just_cancelled_come_back():
    windows = Windows(1)
    await windows.take(1)
    late = await asked(windows, 1)
    windows.give(1)
    late.cancel()
    await asyncio.gather(late, return_exceptions=True)
    assert windows.free == 1


class Wide:
    """Sends a body with a window of 16 MiB up to its last bytes, and these once it is told to ``go`` on."""

    def __init__(self) -> None:
        noise = random.Random(1).randbytes(100_000)
        self.coded = brotli.compress(noise + bytes(6_000_000) + noise, lgwin=24, quality=5)
        self.asked = asyncio.Semaphore(0)
        self.go = asyncio.Event()

    async def __call__(self, reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: %d\r\n\r\n" % len(self.coded))
        writer.write(self.coded[:-50_000])
        self.asked.release()
        await self.go.wait()
        writer.write(self.coded[-50_000:])


@pytest.mark.asyncio
async def test_bodies_wait_for_each_others_windows_and_all_come(monkeypatch):
    most = 0

    class Watched(Windows):
        async def take(self, places):
            nonlocal most
            await super().take(places)
            most = max(most, 128 - self.free)

    monkeypatch.setattr(decode, "Windows", Watched)
    server = Wide()
    async with raw_server(server) as address, Exchanging(Fetch(allow_private=True, max_ratio=0)) as fetch:
        under_way = [asyncio.create_task(fetch(Request(f"http://{address}/{n}"))) for n in range(20)]
        for _ in under_way:
            await server.asked.acquire()
        server.go.set()
        assert {response.size for response in await asyncio.gather(*under_way)} == {6_200_000}
    assert most == 128


@pytest.mark.asyncio
async def test_a_body_that_breaks_off_gives_its_window_back():
    server = Wide()
    server.coded = server.coded[:-1]
    server.go.set()
    async with raw_server(server) as address, Exchanging(Fetch(allow_private=True, max_ratio=0)) as fetch:
        for _ in range(3):
            under_way = [fetch(Request(f"http://{address}/")) for _ in range(8)]
            came = await asyncio.gather(*under_way, return_exceptions=True)
            assert [error.reason for error in came] == ["truncated"] * 8


@pytest.mark.parametrize(("bits", "width"), [(10, 1), (16, 1), (17, 1), (18, 1), (20, 1), (21, 2), (22, 4), (24, 16)])
def test_the_first_byte_tells_the_window(bits, width):
    first = brotli.compress(random.Random(bits).randbytes(1 << 20), lgwin=bits)[0]
    assert decode._width("br", first) == width
