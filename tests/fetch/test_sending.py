"""What a server gets: heads, and bodies of any length, at the speed at which it takes them."""

import asyncio
import base64

import pytest

from acrawl.request import Request
from fetch.serving import LONG, OK, Server, failure, fetching
from server import pattern, raw_server, reset_on_close


def reading(body, *, pause=0.0, piece=1 << 16):
    """Read this body, at leisure, and answer; another one is a bad request."""

    async def read(reader, writer):
        got = bytearray()
        while len(got) < len(body):
            got += await reader.read(min(piece, len(body) - len(got)))
            await asyncio.sleep(pause)
        writer.write(OK if got == body else b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    return read


@pytest.mark.asyncio
@pytest.mark.parametrize("size", [1, 1 << 16, (1 << 16) + 1, 5_000_000])
async def test_a_body_of_any_length_arrives_whole_and_the_connection_is_kept(size):
    server = Server(reading(pattern(size)))
    async with raw_server(server) as address, fetching() as transport:
        for _ in range(2):
            assert (await transport(Request(f"http://{address}/", method="PUT", body=pattern(size)))).status == 200
    assert server.made == 1
    assert b"\r\nContent-Length: %d\r\n" % size in server.heads[0]


@pytest.mark.asyncio
async def test_a_server_may_answer_before_the_end_of_a_body():
    server = Server(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")

    async def deaf(reader, writer):
        server.made += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(server.answers[0])
        reader._transport.pause_reading()
        await asyncio.sleep(30)

    async with raw_server(deaf) as address, fetching() as transport:
        for n in (1, 2):
            request = Request(f"http://{address}/", method="POST", body=LONG)
            assert (await transport(request)).status == 413
            assert server.made == n


@pytest.mark.asyncio
async def test_a_server_that_takes_a_body_slowly_is_not_silent():
    slow = reading(LONG, pause=0.05, piece=1 << 20)
    async with raw_server(Server(slow), limit=1 << 20) as address, fetching(idle_timeout=0.8) as transport:
        response = await transport(Request(f"http://{address}/", method="POST", body=LONG))
    assert (response.status, response.seconds > 1) == (200, True)


@pytest.mark.asyncio
async def test_a_server_that_stops_taking_a_body_is_silent():
    async def deaf(reader, writer):
        reader._transport.pause_reading()
        await asyncio.sleep(30)

    async with raw_server(deaf) as address, fetching(idle_timeout=0.3) as transport:
        error = await failure(transport(Request(f"http://{address}/", method="POST", body=LONG)))
    assert (error.reason, error.detail.startswith("fetch.idle_timeout")) == ("timeout", True)


@pytest.mark.asyncio
async def test_a_connection_that_breaks_under_a_body():
    async def breaks(reader, writer):
        await reader.read(100_000)
        reset_on_close(writer)

    async with raw_server(breaks) as address, fetching() as transport:
        error = await failure(transport(Request(f"http://{address}/", method="POST", body=LONG)))
    assert error.reason == "reset"


@pytest.mark.asyncio
async def test_user_and_password_of_a_url_are_sent_as_they_are_meant():
    server = Server(OK)
    async with raw_server(server) as address, fetching() as transport:
        await transport(Request(f"http://us%C3%A9r:p%40ss@{address}/x"))
        await transport(Request(f"http://us%C3%A9r:p%40ss@{address}/x", headers={"Authorization": "Bearer t"}))
        await transport(Request(f"http://{address}/x"))
    told = [[line for line in head.split(b"\r\n") if line.startswith(b"Authorization")] for head in server.heads]
    basic = base64.b64encode("usér:p@ss".encode())
    assert told == [[b"Authorization: Basic " + basic], [b"Authorization: Bearer t"], []]
    assert all(b"\r\nHost: %s\r\n" % address.encode() in head for head in server.heads)
