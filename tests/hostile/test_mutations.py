"""Good answers that were damaged at random: each ends in an answer or in a failure with a word, and in nothing else."""

from __future__ import annotations

import asyncio
import random
import zlib

import pytest

from acrawl.fetch import Fetcher
from acrawl.request import Request
from acrawl.settings import Fetch, Settings
from hostile.answers import chunked, moved, whole
from hostile.meeting import fetched
from server import encode, raw_server

WORDS = {"ok", "redirect", "malformed", "truncated", "reset", "too-large", "redirect-refused", "timeout", "blocked"}
ANSWERS = [
    whole(b"a body" * 100, b"Content-Type: text/html\r\nSet-Cookie: a=b; Path=/\r\n"),
    chunked(b"one", b"two" * 50) + b"0\r\nX-Trailer: a\r\n\r\n",
    whole(encode("gzip", b"zipped" * 500), b"Content-Encoding: gzip\r\n"),
    whole(encode("br", b"brotli" * 500), b"Content-Encoding: br\r\n"),
    whole(encode("zstd", b"zstd" * 500), b"Content-Encoding: zstd\r\n"),
    chunked(encode("deflate", b"deflate" * 500)).replace(b"\r\n", b"\r\nContent-Encoding: deflate\r\n", 1)
    + b"0\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + moved("/elsewhere"),
    b"HTTP/1.0 200 OK\r\n\r\nuntil the end",
]


def damaged(answer: bytes, chance: random.Random) -> bytes:
    """Change, drop, double or insert a few bytes."""
    found = bytearray(answer)
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(found))
        kind = chance.randrange(5)
        if kind == 0:
            found[at] = chance.randrange(256)
        elif kind == 1:
            del found[at : at + chance.randrange(1, 20)]
        elif kind == 2:
            found[at:at] = found[at : at + chance.randrange(1, 40)]
        elif kind == 3:
            found[at:at] = chance.choice([b"\0", b"\r", b"\n", b"\r\n", b"\r\n\r\n", b" ", b":", b"9", b"-", b"\xff"])
        else:
            found[at] ^= 1 << chance.randrange(8)
        found = found or bytearray(b"x")
    return bytes(found)


@pytest.mark.asyncio
@pytest.mark.parametrize("answer", ANSWERS, ids=range(len(ANSWERS)))
async def test_a_damaged_answer_has_a_word(answer):
    chance = random.Random(zlib.crc32(answer))
    told = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))

    async def behave(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        wrong = damaged(answer, chance)
        cut = chance.randrange(len(wrong)) if chance.random() < 0.5 else len(wrong)
        writer.write(wrong[:cut])
        if wrong[cut:]:
            await asyncio.sleep(0.002)
            writer.write(wrong[cut:])

    words = set()
    limits = Fetch(idle_timeout=0.5, total_timeout=2, max_body=1 << 16)
    async with raw_server(behave) as address, Fetcher(Settings(fetch=limits)) as fetcher:
        for n in range(120):
            word, detail, _ = await fetched(fetcher, Request(f"http://{address}/{n}"), f"http://{address}")
            assert word in WORDS or word.startswith("http-"), (word, detail)
            words.add(word)
    assert words & WORDS
    assert told == []
