"""Answers that lie about where they end."""

from __future__ import annotations

import asyncio

from hostile.answers import OK, chunked, whole
from hostile.registry import behaviour
from hostile.server import Peer


def _with(fields: bytes, body: bytes = b"ok") -> bytes:
    return OK + fields + b"\r\n" + body


@behaviour("truncated")
async def length_too_long(peer: Peer) -> None:
    """A Content-Length that is longer than the body, and then the end."""
    await peer.once(_with(b"Content-Length: 100\r\n"))


@behaviour("timeout")
async def length_too_long_and_silence(peer: Peer) -> None:
    """A Content-Length that is longer than the body, and then silence."""
    await peer.once(_with(b"Content-Length: 100\r\n"))
    await peer.hang()


@behaviour("ok")
async def length_too_short(peer: Peer) -> None:
    """More in one packet than Content-Length says: the answer is whole, the connection is not used again."""
    await peer.answer(whole() + b"and more of it")


@behaviour("ok", times=3, pause=0.2)
async def length_too_short_and_late(peer: Peer) -> None:
    """What is more than Content-Length says comes a little later, between two requests."""
    await peer.once(whole())
    await asyncio.sleep(0.05)
    await peer.send(b"and more of it")
    await peer.hang()


@behaviour("ok", times=3)
async def second_answer(peer: Peer) -> None:
    """Two answers to one request: the second one must not answer the next request."""
    await peer.answer(whole() + whole(b"evil"))


@behaviour("malformed")
async def length_twice(peer: Peer) -> None:
    """Two Content-Lengths that differ."""
    await peer.answer(_with(b"Content-Length: 2\r\nContent-Length: 1\r\n"))


@behaviour("ok", times=3)
async def length_twice_the_same(peer: Peer) -> None:
    """Two Content-Lengths that are equal."""
    await peer.answer(_with(b"Content-Length: 2\r\nContent-Length: 2\r\n"))


@behaviour("ok")
async def length_list(peer: Peer) -> None:
    """A list of equal numbers as Content-Length."""
    await peer.answer(_with(b"Content-Length: 2, 2\r\n"))


@behaviour("malformed")
async def length_and_chunks(peer: Peer) -> None:
    """Content-Length together with Transfer-Encoding, with which answers are smuggled."""
    await peer.answer(_with(b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", b"2\r\nok\r\n0\r\n\r\n"))


@behaviour("malformed")
async def chunks_and_length(peer: Peer) -> None:
    """The same in the other order."""
    await peer.answer(_with(b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n", b"2\r\nok\r\n0\r\n\r\n"))


@behaviour("malformed")
async def length_negative(peer: Peer) -> None:
    """A negative Content-Length."""
    await peer.answer(_with(b"Content-Length: -2\r\n"))


@behaviour("malformed")
async def length_in_hex(peer: Peer) -> None:
    """A Content-Length that is no decimal number."""
    await peer.answer(_with(b"Content-Length: 0x2\r\n"))


@behaviour("malformed")
async def length_beyond_64_bits(peer: Peer) -> None:
    """A Content-Length that no machine can count to."""
    await peer.answer(_with(b"Content-Length: 99999999999999999999999\r\n"))


@behaviour("too-large")
async def length_of_terabytes(peer: Peer) -> None:
    """A body that is too large by its own account."""
    await peer.once(_with(b"Content-Length: 99999999999\r\n"))
    await peer.forever(b"x" * 65536)


@behaviour("truncated")
async def chunk_size_no_number(peer: Peer) -> None:
    """A chunk whose size is no number."""
    await peer.once(chunked(b"hello") + b"zz\r\nworld\r\n")
    await peer.hang()


@behaviour("truncated")
async def chunk_size_beyond_64_bits(peer: Peer) -> None:
    """A chunk whose size no machine can count to."""
    await peer.once(chunked(b"hello") + b"fffffffffffffffffffff\r\nworld\r\n")
    await peer.hang()


@behaviour("truncated")
async def chunk_size_negative(peer: Peer) -> None:
    """A chunk of negative size."""
    await peer.once(chunked(b"hello") + b"-5\r\nworld\r\n")
    await peer.hang()


@behaviour("truncated")
async def chunk_longer_than_its_size(peer: Peer) -> None:
    """A chunk that does not end where its size says."""
    await peer.once(chunked(b"hello") + b"3\r\nworld\r\n0\r\n\r\n")
    await peer.hang()


@behaviour("truncated")
async def chunk_cut(peer: Peer) -> None:
    """The end in the middle of a chunk."""
    await peer.once(chunked(b"hello") + b"5\r\nwo")


@behaviour("truncated")
async def chunks_without_end(peer: Peer) -> None:
    """The end before the last chunk."""
    await peer.once(chunked(b"hello", b"world"))


@behaviour("timeout")
async def chunk_extension_endless(peer: Peer) -> None:
    """An extension of a chunk that never ends."""
    await peer.once(chunked(b"hello") + b"5;a=")
    await peer.forever(b"x" * 4096, 0.005)


@behaviour("truncated")
async def trailers_endless(peer: Peer) -> None:
    """Trailers after the last chunk, without end."""
    await peer.once(chunked(b"hello") + b"0\r\n")
    await peer.forever(b"X-Trailer: and more\r\n" * 100, 0.001)


@behaviour("ok")
async def trailers(peer: Peer) -> None:
    """Trailers, as they are allowed."""
    await peer.answer(chunked(b"hello") + b"0\r\nX-Trailer: yes\r\n\r\n")


@behaviour("ok")
async def chunks_of_one_byte(peer: Peer) -> None:
    """Fifty thousand chunks of one byte."""
    await peer.answer(chunked() + b"1\r\nx\r\n" * 50_000 + b"0\r\n\r\n")


@behaviour("ok")
async def chunks_and_garbage(peer: Peer) -> None:
    """Garbage in one packet with the last chunk: the answer is whole."""
    await peer.answer(chunked(b"ok") + b"0\r\n\r\nand more of it")


@behaviour("ok")
async def chunked_and_more(peer: Peer) -> None:
    """A transfer coding after chunked: the body ends with the connection (RFC 9112, 6.3)."""
    await peer.once(_with(b"Transfer-Encoding: chunked, identity\r\n", b"2\r\nok\r\n0\r\n\r\n"))


@behaviour("ok")
async def body_without_length(peer: Peer) -> None:
    """A body that ends with the connection, as in HTTP/1.0."""
    await peer.once(b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n<title>old</title>")


@behaviour("ok", times=3)
async def keep_alive_of_http_1_0(peer: Peer) -> None:
    """HTTP/1.0 that keeps its connection."""
    await peer.answer(whole(begin=b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n"))


@behaviour("ok", times=2)
async def body_of_204(peer: Peer) -> None:
    """A body where there is none: it is left out."""
    await peer.answer(b"HTTP/1.1 204 No Content\r\n\r\n" + b"not empty")


@behaviour("ok", times=2)
async def body_of_304(peer: Peer) -> None:
    """A body of an answer that has none, with a length: it is left out."""
    await peer.answer(whole(b"not empty", begin=b"HTTP/1.1 304 Not Modified\r\n"))


@behaviour("ok")
async def empty(peer: Peer) -> None:
    """A body of no bytes."""
    await peer.answer(whole(b""))
