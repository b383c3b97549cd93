"""Bodies that are slow, endless or not what they say, and content codings."""

from __future__ import annotations

from hostile.answers import OK, chunked, whole
from hostile.registry import behaviour
from hostile.server import Peer
from server import GOOD, bomb, encode


@behaviour("timeout")
async def silence(peer: Peer) -> None:
    """No answer at all."""
    await peer.once()
    await peer.hang()


@behaviour("timeout")
async def dribble(peer: Peer) -> None:
    """A body that comes byte by byte: never silent, never done."""
    await peer.once(OK + b"Content-Length: 1000000\r\n\r\n")
    await peer.forever(b"x", 0.05)


@behaviour("timeout")
async def dribbled_chunks(peer: Peer) -> None:
    """Chunks of one byte, one after the other."""
    await peer.once(chunked())
    await peer.forever(b"1\r\nx\r\n", 0.05)


@behaviour("timeout")
async def stopped_body(peer: Peer) -> None:
    """Half a body, and then silence."""
    await peer.once(OK + b"Content-Length: 100\r\n\r\nhalf of it")
    await peer.hang()


@behaviour("too-large")
async def endless_body(peer: Peer) -> None:
    """A body without a length and without an end."""
    await peer.once(OK + b"Connection: close\r\n\r\n")
    await peer.forever(b"x" * 65536)


@behaviour("too-large")
async def endless_chunks(peer: Peer) -> None:
    """Chunk after chunk."""
    await peer.once(chunked())
    await peer.forever(b"10000\r\n" + b"x" * 65536 + b"\r\n")


@behaviour("too-large")
async def endless_first_chunk(peer: Peer) -> None:
    """A chunk of terabytes."""
    await peer.once(chunked() + b"fffffffffff\r\n")
    await peer.forever(b"x" * 65536)


def make_bombs() -> None:
    """Make them all, for who cannot wait then."""
    for coding in ("gzip", "br", "zstd", "deflate", "raw-deflate"):
        bomb(coding)


def _coded(coding: str, body: bytes) -> bytes:
    return whole(body, b"Content-Type: text/html\r\nContent-Encoding: %b\r\n" % coding.removeprefix("raw-").encode())


@behaviour("too-large")
async def bomb_gzip(peer: Peer) -> None:
    """64 MiB of zeros in gzip."""
    await peer.answer(_coded("gzip", bomb("gzip")))


@behaviour("too-large")
async def bomb_br(peer: Peer) -> None:
    """64 MiB of zeros in brotli, which are 70 bytes."""
    await peer.answer(_coded("br", bomb("br")))


@behaviour("too-large")
async def bomb_zstd(peer: Peer) -> None:
    """64 MiB of zeros in zstd."""
    await peer.answer(_coded("zstd", bomb("zstd")))


@behaviour("too-large")
async def bomb_deflate(peer: Peer) -> None:
    """64 MiB of zeros in deflate."""
    await peer.answer(_coded("deflate", bomb("deflate")))


@behaviour("too-large")
async def bomb_raw_deflate(peer: Peer) -> None:
    """64 MiB of zeros in the deflate that some servers send."""
    await peer.answer(_coded("raw-deflate", bomb("raw-deflate")))


@behaviour("too-large")
async def bomb_in_chunks(peer: Peer) -> None:
    """A bomb in small chunks."""
    body = bomb("gzip")
    chunks = (body[at : at + 100] for at in range(0, len(body), 100))
    await peer.answer(chunked(*chunks).replace(OK, OK + b"Content-Encoding: gzip\r\n") + b"0\r\n\r\n")


@behaviour("malformed")
async def gzip_that_is_none(peer: Peer) -> None:
    """Text that says it is gzip."""
    await peer.answer(_coded("gzip", b"this is not gzip"))


@behaviour("malformed")
async def br_that_is_none(peer: Peer) -> None:
    """Bytes that say they are brotli."""
    await peer.answer(_coded("br", b"\xff\xfe\xfd this is not brotli"))


@behaviour("malformed")
async def zstd_that_is_none(peer: Peer) -> None:
    """Text that says it is zstd."""
    await peer.answer(_coded("zstd", b"this is not zstd"))


@behaviour("ok")
async def gzip_of_nothing(peer: Peer) -> None:
    """An empty body that says it is gzip."""
    await peer.answer(_coded("gzip", b""))


@behaviour("ok")
async def unknown_coding(peer: Peer) -> None:
    """A coding that there is not: the body is taken as it is."""
    await peer.answer(_coded("rot13", b"uryyb"))


@behaviour("ok")
async def gzip_well(peer: Peer) -> None:
    """What all this is about: a page in gzip."""
    await peer.answer(_coded("gzip", encode("gzip", GOOD)))
