"""What becomes of a connection: when it serves again, when it must not, and that none is ever lost."""

import asyncio
import contextlib
import gzip

import pytest

from acrawl.errors import FetchError
from acrawl.fetch import Fetcher
from acrawl.outcome import FileFact
from acrawl.request import Request
from acrawl.settings import Fetch, Settings
from fetch.serving import LONG, OK, Exchanging, Never, Server, failure, fetching
from server import pattern, raw_server, reset_on_close

# -- kept, and not kept -------------------------------------------------------------------------------------------

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n"
ZIPPED = gzip.compress(b"ok")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("answer", "method", "body"),
    [
        (OK, "GET", b"ok"),
        (CHUNKED, "GET", b"ok"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(ZIPPED) + ZIPPED,
            "GET",
            b"ok",
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "GET", b""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 700000\r\n\r\n" + pattern(700_000), "GET", pattern(700_000)),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", "GET", b"ok"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", "HEAD", b""),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HEAD", b""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "GET", b""),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", "GET", b""),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 3 + OK, "GET", b"ok"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", "GET", b"no"),
    ],
)
async def test_a_connection_whose_answer_has_ended_serves_again(answer, method, body):
    server = Server(answer)
    async with raw_server(server) as address, fetching() as transport:
        for n in range(4):
            assert (await transport(Request(f"http://{address}/{n}", method=method))).body == body
    assert (server.made, len(server.heads)) == (1, 4)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("answer", "method", "status"),
    [
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", "GET", 200),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "GET", 200),
        (OK + OK, "GET", 200),
        (OK + b"HTTP/1.1 200 O", "GET", 200),
        (OK + b"HTTP/1.1 200 OK\r\nX: \0", "GET", 200),
    ],
    ids=str,
)
async def test_a_connection_that_has_more_to_say_or_nothing_more_is_closed(answer, method, status):
    server = Server(answer)
    async with raw_server(server) as address, fetching() as transport:
        for n in range(3):
            assert (await transport(Request(f"http://{address}/{n}", method=method))).status == status
        await server.until_lost(3)
    assert server.made == 3


@pytest.mark.asyncio
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(
    ("head", "body", "method"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", b"ok", "HEAD"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b"not empty", "GET"),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n", b"ok", "GET"),
        (OK, b"and more", "GET"),
        (OK.replace(b"\r\n", b"\n"), b"and more", "GET"),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n" * 2 + OK, b"\r\n\r\nand more", "GET"),
        (CHUNKED, b"and more", "GET"),
    ],
)
async def test_what_follows_a_whole_answer_is_left_out_and_closes_the_connection(head, body, method, late):
    async def answer(reader, writer):
        writer.write(head)
        await asyncio.sleep(0.05 * late)
        writer.write(body)

    server = Server(answer)
    async with raw_server(server) as address, fetching() as transport:
        for n in range(3):
            assert (await transport(Request(f"http://{address}/{n}", method=method))).body in {b"", b"ok"}
            await server.until_lost(n + 1)
    assert server.made == 3


@pytest.mark.asyncio
async def test_what_is_not_wanted_of_a_body_costs_the_connection_only_if_it_is_long():
    short = b"HTTP/1.1 404 Not Found\r\nContent-Length: 60000\r\n\r\n" + pattern(60_000)
    long = b"HTTP/1.1 404 Not Found\r\nContent-Length: 600000\r\n\r\n" + pattern(600_000)
    server = Server(short, short, long, OK)
    async with raw_server(server) as address, fetching() as transport:
        for _ in range(3):
            response = await transport(Request(f"http://{address}/", save=True), sink=Never())
            assert (response.status, response.body) == (404, b"")
        assert server.made == 1
        assert (await transport(Request(f"http://{address}/"))).body == b"ok"
    assert server.made == 2


@pytest.mark.asyncio
async def test_a_kept_connection_that_the_server_has_closed_is_not_used():
    async def last(reader, writer):
        writer.write(OK)
        writer.close()

    server = Server(last)
    async with raw_server(server) as address, fetching() as transport:
        for n in range(1, 4):
            # A POST is never sent twice, so a dead connection would make it fail.
            assert (await transport(Request(f"http://{address}/", method="POST"))).body == b"ok"
            await server.until_lost(n)
            await asyncio.sleep(0.02)
    assert server.made == 3


@pytest.mark.asyncio
async def test_a_request_is_sent_twice_at_most_however_many_kept_connections_are_dead():
    together = asyncio.Barrier(4)

    async def answer_then_hang_up(reader, writer):
        await together.wait()
        writer.write(OK)
        await reader.readuntil(b"\r\n\r\n")
        server.heads.append(b"again")
        writer.close()

    server = Server(answer_then_hang_up)
    async with raw_server(server) as address, Exchanging(Fetch(allow_private=True)) as transport:
        await asyncio.gather(*[transport(Request(f"http://{address}/")) for _ in range(4)])
        server.answers = [OK]
        assert (await transport(Request(f"http://{address}/"))).body == b"ok"
        assert server.heads.count(b"again") == 1
        await server.until_lost(4)
    assert server.made == 5


# -- what nobody asked for ----------------------------------------------------------------------------------------


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "unasked",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"\r\n",
        b"H",
        b"x" * 2_000_000,
    ],
    ids=["an answer", "half a head", "a line break", "a byte", "much"],
)
async def test_bytes_between_exchanges_close_the_connection_and_answer_nothing(unasked):
    async def twice(reader, writer):
        writer.write(OK)
        await asyncio.sleep(0.05)
        writer.write(unasked)

    server = Server(twice, OK)
    async with raw_server(server) as address, fetching() as transport:
        assert (await transport(Request(f"http://{address}/"))).body == b"ok"
        await server.until_lost(1)  # at once, not when it would be used again
        assert (await transport(Request(f"http://{address}/"))).body == b"ok"
    assert server.made == 2


@pytest.mark.asyncio
async def test_a_server_that_speaks_first_is_no_web_server():
    async def greet(reader, writer):
        writer.write(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")
        await reader.read()

    async with raw_server(greet) as address, fetching() as transport:
        for _ in range(2):
            assert (await failure(transport(Request(f"http://{address}/")))).reason == "malformed"


# -- interim answers ----------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_interim_answers_are_passed_over_however_they_come():
    async def slowly(reader, writer):
        for piece in (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early", b" Hints\r\nLink: </a>\r\n\r\n", OK):
            writer.write(piece)
            await asyncio.sleep(0.03)

    async with raw_server(Server(slowly)) as address, fetching() as transport:
        response = await transport(Request(f"http://{address}/"))
    assert (response.status, response.body, "Link" in response.headers) == (200, b"ok", False)


@pytest.mark.asyncio
@pytest.mark.parametrize("at_once", [1, 10_000])
async def test_a_storm_of_interim_answers_is_no_answer(at_once):
    async def hints(reader, writer):
        while True:
            writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n" * at_once)
            await writer.drain()
            await asyncio.sleep(0.001)

    server = Server(hints)
    async with raw_server(server) as address, fetching() as transport:
        assert (await failure(transport(Request(f"http://{address}/")))).reason == "malformed"
        await server.until_lost(1)


@pytest.mark.asyncio
async def test_another_protocol_is_no_answer():
    server = Server(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nHTTP/1.1 200", OK)
    async with raw_server(server) as address, fetching() as transport:
        assert (await failure(transport(Request(f"http://{address}/")))).reason == "malformed"
        await server.until_lost(1)
        assert (await transport(Request(f"http://{address}/"))).body == b"ok"


@pytest.mark.asyncio
@pytest.mark.parametrize("size", [1000, 5_000_000])
async def test_a_server_is_not_called_silent_while_we_do_not_listen(size):
    class Slow(Never):
        size = 0

        async def write(self, chunk):
            await asyncio.sleep(0 if self.size else 0.5)
            self.size += len(chunk)

        async def finish(self, url, name, content_type):
            await asyncio.sleep(0.5)
            return FileFact(url, "0" * 64, self.size)

    server = Server(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))
    async with raw_server(server) as address, fetching(idle_timeout=0.2) as transport:
        for _ in range(2):
            response = await transport(Request(f"http://{address}/", save=True), sink=Slow())
            assert response.file.size == size
    assert server.made == 1


# -- none is lost -------------------------------------------------------------------------------------------------


async def never(reader, writer):
    await reader.read()


async def half(reader, writer):
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
    await reader.read()


@pytest.mark.asyncio
@pytest.mark.parametrize("answer", [never, half])
@pytest.mark.parametrize("body", [b"", LONG], ids=["asking", "sending"])
async def test_a_cancelled_exchange_closes_its_connection(answer, body):
    server = Server(answer, OK)
    async with raw_server(server) as address, fetching() as transport:
        task = asyncio.create_task(transport(Request(f"http://{address}/", method="PUT", body=body)))
        while not server.heads:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.until_lost(1)
        assert (await transport(Request(f"http://{address}/"))).body == b"ok"


@pytest.mark.asyncio
async def test_whoever_waits_for_a_connection_can_be_cancelled():
    server = Server(never, OK)
    async with raw_server(server) as address, fetching() as transport:
        tasks = [asyncio.create_task(transport(Request(f"http://{address}/{n}"))) for n in range(3)]
        while not server.heads:
            await asyncio.sleep(0.01)
        for task in reversed(tasks):
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert (await transport(Request(f"http://{address}/"))).body == b"ok"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "path",
    [
        *("drop", "reset", "reset-head", "reset-body", "reset-eof", "partial", "broken-chunk", "cut-chunk", "bad-gzip"),
        *(
            "garbage",
            "huge-header",
            "many-headers",
            "silent",
            "dribble",
            "endless",
            "br-bomb",
            "too-long",
            "status/304",
        ),
    ],
)
async def test_no_answer_takes_a_connection_out_of_the_pool(site, path):
    async with fetching(idle_timeout=0.1, total_timeout=0.3, max_body=1 << 20) as transport:
        for _ in range(3):
            with contextlib.suppress(FetchError):
                await transport(Request(site.url(f"/{path}")))
        assert (await transport(Request(site.url("/page/1")))).status == 200


@pytest.mark.asyncio
@pytest.mark.parametrize("coding", ["identity", "gzip", "chunked, gzip", ""])
async def test_a_transfer_coding_that_tells_no_end_makes_no_cut_body_whole(coding):
    async def answer(reader, writer):
        writer.write(f"HTTP/1.1 200 OK\r\nTransfer-Encoding: {coding}\r\n\r\nhalf".encode())
        await writer.drain()
        reset_on_close(writer)
        writer.close()

    async with raw_server(Server(answer)) as address, fetching() as transport:
        assert (await failure(transport(Request(f"http://{address}/")))).reason == "truncated"


@pytest.mark.asyncio
async def test_of_a_head_that_breaks_off_nothing_is_told():
    async def answer(reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=secret\r\nA:")
        writer.close()

    async with raw_server(Server(answer)) as address, fetching() as transport:
        error = await failure(transport(Request(f"http://{address}/")))
    assert (error.reason, error.detail) == ("reset", "Server disconnected in the middle of a head")


@pytest.mark.asyncio
async def test_a_stage_below_the_body_that_asks_again_gives_the_first_answer_up():
    async def twice(request, send):
        await send(request)
        return await send(request)

    stages = ("guard", "body", "spider", "decode", "transport")
    settings = Settings(fetch=Fetch(allow_private=True, concurrency=1, total_timeout=2, stages=stages))
    async with raw_server(Server(OK)) as address, Fetcher(settings, [twice]) as fetcher:
        assert (await fetcher.fetch(Request(f"http://{address}/"))).body == b"ok"


@pytest.mark.asyncio
async def test_a_transport_that_ends_ends_its_exchanges():
    server = Server(never)
    async with raw_server(server) as address:
        async with fetching() as transport:
            task = asyncio.create_task(transport(Request(f"http://{address}/")))
            while not server.heads:
                await asyncio.sleep(0.01)
        assert (await failure(task)).reason == "reset"
