"""What is captured of an exchange equals what went over the wire, byte for byte, and nothing of another is in it."""

import asyncio
import base64
import gzip
import hashlib
import time

import brotli
import msgspec
import pytest

from acrawl.errors import FetchError
from acrawl.fetch.capture import INLINE, Recorder
from acrawl.fetch.framing import Framing
from acrawl.outcome import Captured
from acrawl.request import Request
from acrawl.results.files.folder import FolderStore
from acrawl.results.files.objects import object_path
from acrawl.settings import Fetch
from fetch.serving import OK, Exchanging, Server, fetching
from server import pattern, raw_server

EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
BROTLI = brotli.compress(b"ok")
ZIPPED = gzip.compress(b"x" * 5000)


class Store(FolderStore):
    """The store of a worker; `parts` takes apart what was captured."""

    def parts(self, it: Captured) -> tuple[bytes, bytes]:
        """The request and the answer."""
        data = it.data or object_path(self.objects.root, it.sha256).read_bytes()
        return data[: it.request], data[it.request : it.request + it.size]


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path)
    yield store
    store.close()


def sha1(data: bytes) -> str:
    return base64.b32encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode()


async def captured(store, transport, request, **options):
    """Make one exchange; returns what was captured, and the response or the error."""
    recorder = Recorder(store, time.time, **options)
    try:
        came = await transport(request, recorder=recorder)
    except FetchError as error:
        came = error
    found = await recorder.finish()
    await recorder.discard()
    return found, came


ODD = {
    "case, duplicates, order": b"HTTP/1.1 200 OK\r\nsErVeR:x\r\nX-A: 1\r\nx-a:  2 \r\nCONTENT-LENGTH:2\r\n\r\nok",
    "non-ASCII": "HTTP/1.1 200 Schön\r\nX-U: é\r\nX-L: ".encode() + b"\xe9\r\nContent-Length: 2\r\n\r\nok",
    "line feeds alone": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "a type that is no UTF-8": b"HTTP/1.1 200 OK\r\nContent-Type: text/\xe9\r\nContent-Length: 2\r\n\r\nok",
    "folded": b"HTTP/1.1 200 OK\r\nX-A: 1\r\n \t2\r\nContent-Length: 2\r\n\r\nok",
    "no reason": b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok",
    "nothing behind the status": b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok",
    "one length twice": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
    "chunks": b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;a=b;c="d"\r\no\r\n0001\r\nk\r\n0\r\n\r\n',
    "trailers": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\nX-B: 2\r\n\r\n",
    "zipped": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(ZIPPED), ZIPPED),
    "zipped chunks": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"%x\r\n%b\r\n0\r\n\r\n" % (len(ZIPPED), ZIPPED),
    "brotli": b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 6\r\n\r\n%b" % BROTLI,
    "204": b"HTTP/1.1 204 No Content\r\nX: y\r\n\r\n",
    "304": b'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nContent-Length: 55\r\n\r\n',
    "empty": b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
    "206": b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/9\r\nContent-Length: 2\r\n\r\nok",
}  # fmt: skip


@pytest.mark.asyncio
@pytest.mark.parametrize("answer", ODD.values(), ids=ODD)
async def test_the_answer_is_captured_as_it_was_sent_and_not_what_comes_before_it(store, answer):
    server = Server(EARLY + EARLY + answer)
    async with raw_server(server) as address, fetching() as transport:
        for n in range(2):  # over one connection
            (it,), response = await captured(store, transport, Request(f"http://{address}/{n}"))
            assert store.parts(it) == (server.heads[n], answer)
            assert (it.status, it.address, it.truncated) == (response.status, "127.0.0.1", "")
            assert it.block == sha1(answer)
            assert msgspec.msgpack.encode(it)
            assert answer[: it.head].endswith((b"\r\n\r\n", b"\n\n"))
    assert server.made == 1 + (answer.count(b"Content-Length") > 1)  # the parser stumbles over the second one


@pytest.mark.asyncio
async def test_the_digest_of_the_payload_is_that_of_the_content_without_chunks_but_with_its_coding(store):
    async with raw_server(Server(ODD["zipped chunks"])) as address, fetching() as transport:
        (it,), response = await captured(store, transport, Request(f"http://{address}/"))
    assert response.body == b"x" * 5000
    assert (it.payload, it.identity, it.chunked) == (sha1(ZIPPED), hashlib.sha256(ZIPPED).hexdigest(), True)


@pytest.mark.asyncio
async def test_a_head_has_no_body_whatever_it_says_and_one_with_a_body_is_captured_with_it(store):
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
    async with raw_server(Server(answer)) as address, fetching() as transport:
        (it,), _ = await captured(store, transport, Request(f"http://{address}/", method="HEAD"))
        assert store.parts(it)[1] == answer

    async def echo(reader, writer):
        assert await reader.readexactly(200_000) == pattern(200_000)
        writer.write(OK)

    server = Server(echo)
    async with raw_server(server) as address, fetching() as transport:
        request = Request(f"http://{address}/", method="POST", body=pattern(200_000))
        (it,), _ = await captured(store, transport, request)
    assert store.parts(it) == (server.heads[0] + pattern(200_000), OK)


@pytest.mark.asyncio
@pytest.mark.parametrize("size", [100, INLINE, 3_000_000])
@pytest.mark.parametrize("framed", ["length", "close", "chunked"])
async def test_a_body_of_any_size_is_captured_whole_and_what_is_long_lies_in_the_store(store, size, framed):
    body = pattern(size)
    if framed == "chunked":
        whole = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:7], body[7:])) + b"0\r\n\r\n"
        answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + whole
    else:
        length = b"Content-Length: %d\r\n" % size if framed == "length" else b""
        answer = b"HTTP/1.1 200 OK\r\n%b\r\n%b" % (length, body)

    async def answering(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        if framed == "close":
            writer.close()

    async with raw_server(answering) as address, fetching() as transport:
        (it,), response = await captured(store, transport, Request(f"http://{address}/"))
        response.content.release()
    assert store.parts(it)[1] == answer
    assert (it.block, it.payload, it.truncated) == (sha1(answer), sha1(body), "")
    assert bool(it.sha256) == (size >= INLINE)


@pytest.mark.asyncio
async def test_what_a_server_says_beyond_its_answer_is_not_in_the_capture_nor_in_the_next(store):
    server = Server(ODD["chunks"] + OK, OK + b"HTTP/1.1 200 OK\r\n", OK)
    async with raw_server(server) as address, fetching() as transport:
        for n, answer in enumerate((ODD["chunks"], OK, OK)):
            (it,), _ = await captured(store, transport, Request(f"http://{address}/{n}"))
            assert store.parts(it)[1] == answer


@pytest.mark.asyncio
async def test_fifty_at_once_are_kept_apart(store):
    async def answering(reader, writer):
        while True:
            number = int((await reader.readuntil(b"\r\n\r\n")).split(b" ")[1][1:])
            writer.write(OK.replace(b"\r\n\r\nok", b"\r\nX-Number: %d\r\n\r\n" % number))
            await asyncio.sleep(0)
            writer.write(b"ok")

    limits = Fetch(allow_private=True, concurrency=7)
    async with raw_server(answering) as address, Exchanging(limits) as transport:
        made = [captured(store, transport, Request(f"http://{address}/{n}")) for n in range(50)]
        for n, ((it,), _) in enumerate(await asyncio.gather(*made)):
            asked, answer = store.parts(it)
            assert asked.startswith(b"GET /%d HTTP/1.1\r\n" % n)
            assert answer == OK.replace(b"\r\n\r\nok", b"\r\nX-Number: %d\r\n\r\nok" % n)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc", "disconnect"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "disconnect"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n-5\r\nx", "disconnect"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + bytes(9_000_000), "length"),
    ],
)
async def test_a_cut_answer_is_captured_as_far_as_it_came_and_says_why_it_ends(store, answer, why):
    async def answering(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    async with raw_server(answering) as address, fetching(max_body=5000) as transport:
        (it,), error = await captured(store, transport, Request(f"http://{address}/"))
    assert isinstance(error, FetchError)
    assert answer.startswith(store.parts(it)[1])
    assert it.truncated == why
    assert it.size > it.head or why == "length"


@pytest.mark.asyncio
async def test_an_answer_that_takes_too_long_says_so(store):
    async def answering(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
        await reader.read()

    async with raw_server(answering) as address, fetching(total_timeout=0.3) as transport:
        (it,), error = await captured(store, transport, Request(f"http://{address}/"))
    assert (error.reason, it.truncated) == ("timeout", "time")
    assert store.parts(it)[1].endswith(b"\r\n\r\nabc")


@pytest.mark.asyncio
@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 200 OK\r\nContent-Le"])
async def test_of_no_answer_there_is_no_capture(store, answer):
    async def answering(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async with raw_server(answering) as address, fetching() as transport:
        found, error = await captured(store, transport, Request(f"http://{address}/"))
    assert isinstance(error, FetchError)
    assert found == []


@pytest.mark.asyncio
async def test_a_request_that_is_sent_again_because_its_connection_was_dead_is_captured_once(store):
    async def closing(reader, writer):
        writer.write(OK)
        await writer.drain()
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    server = Server(closing, OK)
    async with raw_server(server) as address, fetching() as transport:
        for n in range(2):
            (it,), _ = await captured(store, transport, Request(f"http://{address}/{n}"))
            assert store.parts(it)[1] == OK
    assert server.made == 2


@pytest.mark.asyncio
async def test_credentials_and_cookies_of_requests_can_be_left_out(store):
    request = Request("http://h/", headers={"Authorization": "Basic eDp5", "X-Cookie": "stays"}, cookies={"sid": "1"})
    async with raw_server(Server(OK)) as address, fetching() as transport:
        request = request.replace(url=f"http://me:eDp5@{address}/")
        (it,), _ = await captured(store, transport, request)
        assert b"\r\nAuthorization: Basic eDp5\r\n" in store.parts(it)[0]
        assert b"\r\nCookie: sid=1\r\n" in store.parts(it)[0]
        (it,), _ = await captured(store, transport, request, keeps_secrets=False)
    asked, answer = store.parts(it)
    assert it.url == f"http://{address}/"
    assert b"eDp5" not in asked
    assert b"sid" not in asked
    assert b"\r\nX-Cookie: stays\r\n" in asked
    assert asked.startswith(b"GET / HTTP/1.1\r\n")
    assert asked.endswith(b"\r\n\r\n")
    assert answer == OK


@pytest.mark.asyncio
async def test_a_saved_file_is_asked_for_in_one_piece_where_it_is_captured(store, tmp_path):
    whole = b'HTTP/1.1 200 OK\r\nETag: "a"\r\nContent-Length: 3000000\r\n\r\n'  # fmt: skip

    async def cut(reader, writer):
        writer.write(whole + pattern(3_000_000)[:2_500_000])
        await writer.drain()
        writer.close()

    server = Server(cut, whole + pattern(3_000_000))
    files = FolderStore(tmp_path / "files")
    async with raw_server(server) as address, fetching() as transport:
        for _ in range(2):
            sink = files.sink()
            recorder = Recorder(store, time.time)
            try:
                response = await transport(Request(f"http://{address}/f", save=True), sink=sink, recorder=recorder)
            except FetchError:
                await sink.leave()
                await recorder.discard()
    files.close()
    (it,) = await recorder.finish()
    assert b"Range:" not in server.heads[1]
    assert (it.status, response.file.size) == (200, 3_000_000)
    assert store.parts(it)[1] == whole + pattern(3_000_000)


def test_a_body_is_followed_in_whatever_pieces_it_comes():
    body = b"5;x\r\nhello\r\nA\r\n0123456789\r\n0\r\nT: 1\r\n\r\n"
    for step in range(1, len(body) + 1):
        framing = Framing(None, chunked=True)
        used, content = 0, b""
        for at in range(0, len(body) + 9, step):
            taken, pieces = framing.feed((body + b"HTTP/1.1 ")[at : at + step])
            used += taken
            content += b"".join(pieces)
        assert (used, content, framing.ended) == (len(body), b"hello0123456789", True)


@pytest.mark.parametrize("size", [b"-5", b"0x5", b"+5", b"1_0", b"", b"z", b"f" * 40 + b"g"])
def test_behind_what_is_no_size_of_a_chunk_nothing_is_content(size):
    framing = Framing(None, chunked=True)
    assert framing.feed(b"1\r\na\r\n" + size + b"\r\nhello\r\n0\r\n\r\n")[1] == [b"a"]
    assert framing.feed(b"more") == (4, [])
    assert not framing.ended


@pytest.mark.asyncio
async def test_what_cannot_be_stored_fails_the_fetch(store, tmp_path):
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + bytes(3_000_000)
    (tmp_path / ".objects").write_text("in the way")
    async with raw_server(Server(answer)) as address, fetching() as transport:
        recorder = Recorder(store, time.time)
        with pytest.raises(FetchError) as caught:
            await transport(Request(f"http://{address}/"), recorder=recorder)
        await recorder.discard()
    assert caught.value.reason == "disk"


class Stuck:
    """A store whose files take for ever."""

    def __init__(self):
        self.writing = asyncio.Event()

    def sink(self, _):
        return self

    async def write(self, _):
        self.writing.set()
        await asyncio.Event().wait()

    async def discard(self):
        pass


@pytest.mark.asyncio
async def test_what_is_cut_off_while_it_is_stored_is_no_capture():
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + bytes(3_000_000)
    stuck = Stuck()
    async with raw_server(Server(answer)) as address, fetching() as transport:
        recorder = Recorder(stuck, time.time)
        fetch = asyncio.create_task(transport(Request(f"http://{address}/"), recorder=recorder))
        await asyncio.wait_for(stuck.writing.wait(), 10)
        fetch.cancel()
        await asyncio.gather(fetch, return_exceptions=True)
        assert await recorder.finish() == []


@pytest.mark.parametrize("content", [1, 7000])
@pytest.mark.asyncio
async def test_what_frames_a_body_is_captured_in_proportion_only(store, content):
    chunk = b"%x;" % content + b"e" * 7000 + b"\r\n" + b"x" * content + b"\r\n"
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 1000 + b"0\r\n\r\n"
    async with raw_server(Server(answer)) as address, fetching() as transport:
        (it,), response = await captured(store, transport, Request(f"http://{address}/"))
        response.content.release()
    assert response.size == 1000 * content
    _, kept = store.parts(it)
    assert (kept == answer, it.truncated) == ((True, "") if content > 1 else (False, "length"))
    assert answer.startswith(kept)
    assert it.block == sha1(kept)
    assert content > 1 or len(kept) < 6 << 20


@pytest.mark.asyncio
async def test_no_more_of_an_answer_waits_in_memory_than_its_content_explains(store):
    recorder = Recorder(store, time.time)
    capture = recorder.begin("http://e.org/", b"GET / HTTP/1.1\r\n\r\n", b"")
    capture(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    capture.headed(0, Framing(None, chunked=True), "", None)
    capture.answered(200, {}, direct=True)
    for _ in range(100):  # none of it has content that somebody could read
        capture(b"1;" + b"e" * (1 << 20))
    (it,) = await recorder.finish()
    await recorder.discard()
    assert it.truncated == "length"
    assert it.size < 6 << 20
