"""The limits of heads and of URLs: each holds to the byte or nearly so, and has its setting."""

import asyncio
import time

import pytest

from acrawl.errors import Excluded
from acrawl.request import Request
from fetch.serving import Server, failure, fetching
from server import raw_server

END = b"Content-Length: 2\r\n\r\nok"


def in_pieces(head, size):
    async def answer(reader, writer):
        for at in range(0, len(head), size):
            writer.write(head[at : at + size])
            await writer.drain()
            await asyncio.sleep(0.001)

    return answer


@pytest.mark.asyncio
@pytest.mark.parametrize("size", [1 << 20, 700], ids=["at once", "in pieces"])
@pytest.mark.parametrize(
    ("limit", "just", "beyond"),
    [
        ({"max_headers": 20}, b"A: b\r\n" * 19, b"A: b\r\n" * 20),
        ({"max_header": 1000}, b"A:" + b"b" * 999 + b"\r\n", b"A:" + b"b" * 1000 + b"\r\n"),
        ({"max_header": 1000}, b"", b"b" * 1001 + b": c\r\n"),
        ({"max_head": 5000}, b"A: 3456\r\n" * 490, b"A: 3456\r\n" * 560),
        ({"max_head": 5000}, b"", b"A:" + b" " * 6000 + b"b\r\n" + b"A: 3456\r\n" * 560),
    ],
)
async def test_a_head_may_be_so_large_and_no_larger(size, limit, just, beyond):
    begin = b"HTTP/1.1 200 OK\r\n"
    server = Server(in_pieces(begin + just + END, size), in_pieces(begin + beyond + END, size))
    async with raw_server(server) as address, fetching(**limit) as transport:
        assert (await transport(Request(f"http://{address}/"))).body == b"ok"
        error = await failure(transport(Request(f"http://{address}/")))
        await server.until_lost(1)
    assert error.reason == "malformed"
    assert any(word in error.detail for word in ("Too many headers", "more than", "too long"))


@pytest.mark.asyncio
@pytest.mark.parametrize("filler", [b"\r\n", b"A:" + b" " * 1000], ids=["line breaks", "spaces"])
async def test_what_the_parser_skips_counts_as_head(filler):
    async def answer(reader, writer):
        writer.write(b"" if filler == b"\r\n" else b"HTTP/1.1 200 OK\r\nA:")
        while True:
            writer.write(filler[2:] or filler)
            await writer.drain()

    server = Server(answer)
    async with raw_server(server) as address, fetching(max_head=5000) as transport:
        error = await failure(transport(Request(f"http://{address}/")))
        await server.until_lost(1)
    assert (error.reason, "5000" in error.detail) == ("malformed", True)


@pytest.mark.asyncio
async def test_interim_answers_count_as_head():
    server = Server(
        (b"HTTP/1.1 103 Early Hints\r\nLink: " + b"x" * 1000 + b"\r\n\r\n") * 6 + b"HTTP/1.1 200 OK\r\n" + END
    )
    async with raw_server(server) as address:
        async with fetching(max_head=5000) as transport:
            assert (await transport(Request(f"http://{address}/"))).body == b"ok"  # came in one piece with the answer
        server.answers = [in_pieces(server.answers[0], 500)]
        async with fetching(max_head=5000) as transport:
            assert (await failure(transport(Request(f"http://{address}/")))).reason == "malformed"


@pytest.mark.asyncio
async def test_a_url_beyond_the_limit_is_never_sent(site):
    async with fetching(max_url=100) as transport:
        longest = Request(site.url("/page/1?") + "x" * (100 - len(site.url("/page/1?"))))
        assert (await transport(longest)).status == 200
        with pytest.raises(Excluded) as caught:
            await transport(longest.replace(url=longest.url + "x"))
    assert (caught.value.reason, str(caught.value)) == ("too-long", "101 characters, more than 100")
    assert len(site.seen) == 1


@pytest.mark.asyncio
async def test_a_length_of_nothing_but_spaces_holds_nobody_up():
    server = Server(b"HTTP/1.1 200 OK\r\nContent-Length:" + b" " * 60_000 + b"x\r\n\r\nok")
    async with raw_server(server) as address, fetching() as transport:
        began = time.monotonic()
        error = await failure(transport(Request(f"http://{address}/")))
        assert time.monotonic() - began < 1
    assert error.reason == "malformed"
