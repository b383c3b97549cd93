"""The zoo, animal by animal: what each hostile server's answer is called, how soon, and at what cost in memory."""

import asyncio
import time
import tracemalloc

import pytest
import pytest_asyncio

from acrawl.errors import FetchError
from acrawl.request import Request
from acrawl.settings import Fetch
from fetch.serving import Exchanging
from server import BOMB_SIZE, bomb, raw_server, reset_on_close

CAP = 1 << 20


@pytest_asyncio.fixture
async def transport():
    limits = {"connect_timeout": 0.4, "idle_timeout": 0.2, "total_timeout": 0.6, "max_body": CAP}
    async with Exchanging(Fetch(**limits, allow_private=True)) as transport:
        yield transport


async def failed(transport, url) -> FetchError:
    with pytest.raises(FetchError) as caught:
        await transport(Request(url))
    return caught.value


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("path", "reason", "telling"),
    [
        ("/silent", "timeout", "fetch.idle_timeout"),
        ("/slow?seconds=30", "timeout", "fetch.idle_timeout"),
        ("/dribble?pause=30", "timeout", "fetch.idle_timeout"),
        ("/slow-head", "timeout", "fetch.total_timeout"),
        ("/dribble", "timeout", "fetch.total_timeout"),
        ("/endless", "too-large", str(CAP)),
        ("/endless-file", "too-large", "99999999999"),
        ("/bytes/1048577", "too-large", "1048577"),
        ("/drop", "reset", "disconnected"),
        ("/reset", "reset", "reset by peer"),
        ("/reset-head", "reset", "reset by peer"),
        ("/reset-body", "truncated", "10 of 100"),
        ("/reset-eof", "truncated", "reset by peer"),
        ("/partial", "truncated", "10 of 100"),
        ("/broken-chunk", "truncated", "chunk"),
        ("/cut-chunk", "truncated", "transfer length"),
        ("/bad-gzip", "malformed", "gzip"),
        ("/garbage", "malformed", "status line"),
        ("/huge-header", "malformed", "65536"),
        ("/many-headers", "malformed", "headers"),
    ],
)
async def test_a_hostile_answer_is_a_failure_with_its_name(site, transport, path, reason, telling):
    began = time.monotonic()
    error = await failed(transport, site.url(path))
    assert (error.reason, telling in error.detail) == (reason, True), error.detail
    assert time.monotonic() - began < 5
    assert sum(site.hits.values()) == 1
    assert (await transport(Request(site.url("/page/1")))).status == 200  # and nothing of it stays behind


@pytest.mark.asyncio
async def test_a_broken_chunk_is_called_the_same_when_it_comes_late():
    async def behave(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(b"zz\r\nworld\r\n")
        await reader.read()

    async with raw_server(behave) as address, Exchanging(Fetch(allow_private=True)) as transport:
        error = await failed(transport, f"http://{address}/")
    assert error.reason == "truncated"


@pytest.mark.asyncio
async def test_bytes_after_the_declared_end_are_no_second_answer(site, transport):
    assert (await transport(Request(site.url("/too-long")))).body == b"the whole"
    for n in range(3):
        assert f"page {n}".encode() in (await transport(Request(site.url(f"/page/{n}")))).body


@pytest.mark.asyncio
async def test_long_headers_of_real_sites_are_read(site, transport):
    assert len((await transport(Request(site.url("/long-policy")))).headers["Content-Security-Policy"]) > 19_000


@pytest.mark.asyncio
@pytest.mark.parametrize("coding", ["gzip", "br", "zstd", "deflate", "raw-deflate"])
async def test_a_bomb_stops_at_the_cap(site, transport, coding):
    bomb(coding)  # made before the memory is watched
    assert len(bomb(coding)) < CAP < BOMB_SIZE
    tracemalloc.start()
    try:
        error = await failed(transport, site.url(f"/{coding}-bomb"))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert error.reason == "too-large"
    assert peak < 8 * CAP


@pytest.mark.asyncio
@pytest.mark.parametrize("reset", [False, True])
async def test_a_connection_that_ends_before_the_request_is_read(reset):
    async def behave(reader, writer):
        if reset:
            reset_on_close(writer)

    async with raw_server(behave) as address, Exchanging(Fetch(allow_private=True)) as transport:
        assert (await failed(transport, f"http://{address}/")).reason == "reset"


@pytest.mark.asyncio
async def test_a_server_that_answers_before_it_is_asked():
    made = 0

    async def behave(reader, writer):
        nonlocal made
        made += 1
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil" * 2)
        await reader.read()

    async with raw_server(behave) as address, Exchanging(Fetch(allow_private=True, idle_timeout=0.2)) as transport:
        came = [await settled(transport(Request(f"http://{address}/{n}"))) for n in range(3)]
    # It may get away with it on a new connection; it must not leave an answer for whoever uses the connection next.
    assert set(came) <= {b"evil", "reset", "malformed"}
    assert made == 3


async def settled(exchange):
    try:
        return (await exchange).body
    except FetchError as error:
        return error.reason


@pytest.mark.asyncio
async def test_a_handshake_that_never_comes_is_the_connection_timeout(transport):
    async def behave(reader, writer):
        await asyncio.sleep(30)

    async with raw_server(behave) as address:
        error = await failed(transport, f"https://{address}/")
    assert error.reason == "timeout"
    assert error.detail.startswith("fetch.connect_timeout")
