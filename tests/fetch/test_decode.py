"""Content codings on real sockets: each by itself, one upon the other, cut, broken, and meant to do harm."""

import asyncio
import gzip
import os
import tracemalloc
import zlib

import pytest

from acrawl.fetch.decode import CODINGS
from acrawl.request import Request
from acrawl.settings import Fetch
from fetch.serving import Exchanging, Server, failure
from server import BOMB_SIZE, GOOD, bomb, encode, raw_server, zstd

EACH = ["gzip", "deflate", "raw-deflate", "br", "zstd"]
MIB = 1 << 20
#: Bytes that cannot be made shorter.
NOISE = os.urandom(300_000)
LONG = GOOD + NOISE + GOOD


def named(coding: str) -> str:
    return coding.removeprefix("raw-")


def stacked(body: bytes, *codings: str) -> bytes:
    for coding in codings:
        body = encode(coding, body)
    return body


def answer(body: bytes, *lines: str, status: int = 200) -> bytes:
    codings = "".join(f"Content-Encoding: {line}\r\n" for line in lines)
    return f"HTTP/1.1 {status} Fine\r\nContent-Length: {len(body)}\r\n{codings}\r\n".encode() + body


async def fetched(*answers: bytes, method: str = "GET", **limits):
    """The responses to these answers, one after the other."""
    server = Server(*answers)
    async with raw_server(server) as address, Exchanging(Fetch(allow_private=True, **limits)) as transport:
        return [await transport(Request(f"http://{address}/", method=method)) for _ in answers]


async def decoded(body: bytes, *lines: str, **limits) -> bytes:
    return (await fetched(answer(body, *lines), **{"spill": 0} | limits))[0].body


async def refused(body: bytes, *lines: str, **limits):
    error = await failure(decoded(body, *lines, **limits))
    return error.reason, error.detail


@pytest.mark.asyncio
@pytest.mark.parametrize("coding", EACH)
@pytest.mark.parametrize("body", [b"a", GOOD, LONG], ids=["one-byte", "page", "long"])
async def test_a_body_comes_as_it_was_before_it_was_encoded(coding, body):
    (response,) = await fetched(answer(encode(coding, body), named(coding)))
    assert response.body == body
    assert response.headers["Content-Encoding"] == named(coding)  # as it was sent


@pytest.mark.asyncio
@pytest.mark.parametrize("coding", EACH)
async def test_a_body_may_come_byte_by_byte(coding):
    async def dribble(reader, writer):
        for n in range(len(body)):
            writer.write(b"1\r\n" + body[n : n + 1] + b"\r\n")
            await asyncio.sleep(0)
        writer.write(b"0\r\n\r\n")

    async def behave(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: {named(coding)}\r\n\r\n"
        writer.write(head.encode())
        await dribble(reader, writer)

    body = encode(coding, GOOD)
    async with raw_server(behave) as address, Exchanging(Fetch(allow_private=True)) as transport:
        assert (await transport(Request(f"http://{address}/"))).body == GOOD


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("codings", "lines"),
    [
        (["gzip", "br"], ["gzip, br"]),
        (["gzip", "br"], ["gzip", "br"]),
        (["zstd", "deflate", "gzip"], ["zstd", "deflate,gzip"]),
        (["gzip"] * 5, ["gzip, gzip, gzip, gzip, gzip"]),
        (["gzip"], ["X-GZip"]),
        (["gzip"], [" , identity,, GZIP ,identity", ""]),
        ([], ["identity"]),
        ([], [""]),
    ],
)
async def test_codings_are_undone_from_the_last_to_the_first(codings, lines):
    assert await decoded(stacked(LONG, *codings), *lines) == LONG


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("codings", "lines", "left"),
    [([], ["utf-8"], []), (["gzip"], ["gzip, aws-chunked"], ["gzip"]), (["br", "gzip"], ["br, exi, gzip"], ["br"])],
)
async def test_an_unknown_coding_is_left_with_all_that_is_below_it(codings, lines, left):
    assert await decoded(stacked(GOOD, *codings), *lines) == stacked(GOOD, *left)


@pytest.mark.asyncio
async def test_a_pile_of_codings_is_refused_before_it_is_read():
    assert await refused(GOOD, ", ".join(["gzip"] * 6)) == (
        "malformed",
        "6 content codings, one upon the other; 5 are undone",
    )


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("method", "status", "body"), [("HEAD", 200, b""), ("GET", 204, b""), ("GET", 304, b""), ("GET", 200, b"")]
)
async def test_where_there_is_no_body_nothing_is_missed(method, status, body):
    (response,) = await fetched(answer(body, "gzip, br", status=status), method=method)
    assert (response.status, response.body) == (status, b"")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("body", "coding"),
    [
        (gzip.compress(GOOD) + gzip.compress(NOISE) + gzip.compress(b""), "gzip"),
        (gzip.compress(GOOD + NOISE) + bytes(600), "gzip"),
        (gzip.compress(GOOD + NOISE) + b"\x1f", "gzip"),
        (gzip.compress(GOOD) + gzip.compress(NOISE) + b"<!-- served in 3 ms -->", "gzip"),
        (zlib.compress(GOOD + NOISE) + b"garbage", "deflate"),
        (zstd.compress(GOOD) + b"\x50\x2a\x4d\x18\x05\0\0\0hello" + zstd.compress(NOISE), "zstd"),
        (b"\x5f\x2a\x4d\x18\x05\0\0\0hello" + zstd.compress(GOOD + NOISE) + b"garbage", "zstd"),
    ],
)
async def test_members_make_one_body_and_what_follows_the_last_is_passed_over(body, coding):
    assert await decoded(body, coding) == GOOD + NOISE


@pytest.mark.asyncio
@pytest.mark.parametrize("coding", EACH)
@pytest.mark.parametrize("missing", [1, 5, 1000])
async def test_a_stream_that_breaks_off_is_truncated_though_its_message_is_whole(coding, missing):
    reason, detail = await refused(encode(coding, LONG)[:-missing], named(coding))
    assert (reason, named(coding) in detail) == ("truncated", True)


@pytest.mark.asyncio
async def test_a_stream_that_breaks_off_in_its_second_member_is_truncated():
    assert (await refused(gzip.compress(GOOD) + gzip.compress(GOOD)[:-3], "gzip"))[0] == "truncated"
    assert (await refused(stacked(LONG, "br")[:-9], "br, identity"))[0] == "truncated"
    assert (await refused(gzip.compress(encode("br", LONG)[:-9]), "br, gzip"))[0] == "truncated"


@pytest.mark.asyncio
@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
@pytest.mark.parametrize("plain", [True, False], ids=["plain", "broken"])
async def test_a_body_that_is_not_encoded_as_it_says_is_malformed(coding, plain):
    encoded = encode(coding, LONG)
    if coding == "zstd":
        encoded = zstd.compress(LONG, options={zstd.CompressionParameter.checksum_flag: 1})
    broken = b"\x91" + encoded[1:] if coding == "br" else encoded[:-4] + bytes(4)  # the others end with checksums
    reason, detail = await refused(b"<p>this is plain text</p>" * 9 if plain else broken, coding)
    assert (reason, coding in detail) == ("malformed", True)


@pytest.mark.asyncio
async def test_zstd_may_not_ask_for_more_than_eight_mebibytes_of_window():
    for log, whole in ((23, True), (24, False)):
        options = {zstd.CompressionParameter.window_log: log, zstd.CompressionParameter.compression_level: 1}
        squeeze = zstd.ZstdCompressor(options=options)  # a stream of unknown length, which needs its whole window
        body = squeeze.compress(GOOD) + squeeze.flush()
        if whole:
            assert await decoded(body, "zstd") == GOOD
        else:
            assert (await refused(body, "zstd"))[0] == "malformed"


# -- bombs ---------------------------------------------------------------------------------------------------------


def bombs():
    yield from ((bomb(coding), named(coding)) for coding in EACH)
    yield encode("gzip", bomb("gzip")), "gzip, gzip"
    yield encode("br", bomb("gzip")), "gzip, br"
    yield encode("gzip", bomb("zstd")), "zstd, gzip"
    yield encode("zstd", encode("br", bomb("gzip"))), "gzip, br, zstd"
    yield bomb("br"), "gzip, br"  # whose zeros are no gzip: it must not matter how many there are


@pytest.mark.asyncio
@pytest.mark.parametrize(("body", "lines"), list(bombs()), ids=lambda value: value if isinstance(value, str) else "")
@pytest.mark.parametrize("max_body", [MIB, 4 * BOMB_SIZE], ids=["by-size", "by-ratio"])
async def test_a_bomb_is_cut_without_growth_of_memory(body, lines, max_body):
    limits = {"max_body": max_body, "spill": 0 if max_body == MIB else MIB}
    tracemalloc.start()
    try:
        reason, detail = await refused(body, lines, **limits)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    expected = (
        "malformed" if (body, lines) == (bomb("br"), "gzip, br") else ("too-large" if max_body == MIB else "bomb")
    )
    assert reason == expected, detail
    assert peak < 8 * MIB


@pytest.mark.asyncio
async def test_the_ratio_is_a_setting_and_short_bodies_are_not_judged():
    zeros = bytes(8 * MIB)
    assert await decoded(gzip.compress(zeros), "gzip", max_ratio=0) == zeros
    assert (await refused(gzip.compress(zeros), "gzip"))[0] == "bomb"
    assert await decoded(gzip.compress(zeros[: 4 * MIB]), "gzip") == zeros[: 4 * MIB]
    page = b"".join(b"<tr><td>%d</td><td>nothing</td></tr>\n" % (n // 100) for n in range(200_000))
    assert await decoded(encode("gzip", page), "gzip") == page  # 7 MB, a hundred times what is sent


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("piece", "coding"),
    [(gzip.compress(b""), "gzip"), (b"\x50\x2a\x4d\x18\xf0\xff\0\0" + bytes(0xFFF0), "zstd")],
    ids=["empty-members", "skipped-frames"],
)
async def test_a_long_body_of_next_to_nothing_is_a_bomb_as_well(piece, coding):
    body = piece * (6 * MIB // len(piece))
    reason, detail = await refused(body, coding)
    assert (reason, "decode to only 0" in detail) == ("bomb", True)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("body", "lines"),
    [
        (bomb("gzip"), "gzip"),
        (bomb("br"), "br"),
        (gzip.compress(b"") * 100_000, "gzip"),
        (zstd.compress(gzip.compress(b"") * 400_000), "gzip, zstd"),
    ],
    ids=["gzip", "br", "empty-members", "nothing-comes-out"],
)
async def test_others_have_their_turn_while_a_bomb_is_eaten(body, lines, monkeypatch):
    most = longest = 0

    class Counting:
        """A decoder that counts what is done between two turns of the loop."""

        def __init__(self, decoder) -> None:
            self.decoder = decoder

        more = property(lambda self: self.decoder.more)
        whole = property(lambda self: self.decoder.whole)

        def decode(self, data):
            nonlocal most
            piece = self.decoder.decode(data)
            most += len(piece) + len(data) + 1024
            return piece

    async def others():
        nonlocal most, longest
        while True:
            longest, most = max(longest, most), 0
            await asyncio.sleep(0)

    for name, made in list(CODINGS.items()):
        monkeypatch.setitem(CODINGS, name, lambda made=made: Counting(made()))
    task = asyncio.create_task(others())
    try:
        await decoded(body, lines, max_ratio=0, max_body=2 * BOMB_SIZE)
    finally:
        task.cancel()
    assert 0 < longest <= 2 * (MIB // 4 + 3 * 65536)


@pytest.mark.asyncio
async def test_what_is_announced_of_an_encoded_body_may_be_a_little_over_the_limit():
    squeeze = zlib.compressobj(0, zlib.DEFLATED, 31)  # stored: longer than before
    body = squeeze.compress(NOISE) + squeeze.flush()
    assert len(body) > len(NOISE)
    assert await decoded(body, "gzip", max_body=len(NOISE)) == NOISE
    assert await refused(body, "gzip", max_body=len(NOISE) - 1) == ("too-large", f"more than {len(NOISE) - 1} bytes")
    assert "Content-Length" in (await refused(body, "gzip", max_body=len(NOISE) // 2))[1]


@pytest.mark.asyncio
async def test_the_connection_is_kept_after_a_decoded_body():
    server = Server(answer(encode("gzip", LONG), "gzip"))
    async with raw_server(server) as address, Exchanging(Fetch(allow_private=True)) as transport:
        for _ in range(3):
            assert (await transport(Request(f"http://{address}/"))).body == LONG
        assert server.made == 1
