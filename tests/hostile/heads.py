"""Heads that are too large, that never end, or that are none."""

from __future__ import annotations

import asyncio

from hostile.answers import OK, whole
from hostile.registry import behaviour
from hostile.server import Peer


@behaviour("timeout")
async def slow_loris(peer: Peer) -> None:
    """A head that comes byte by byte and never ends."""
    await peer.once(OK + b"X-Slow: ")
    await peer.forever(b"x", 0.05)


@behaviour("timeout")
async def half_a_head(peer: Peer) -> None:
    """The beginning of a head, and then silence."""
    await peer.once(OK + b"Content-Le")
    await peer.hang()


@behaviour("malformed")
async def endless_headers(peer: Peer) -> None:
    """Header after header, as fast as they are taken."""
    await peer.once(OK)
    await peer.forever(b"X-More: and more\r\n" * 1000)


@behaviour("malformed")
async def endless_header(peer: Peer) -> None:
    """One header whose value never ends."""
    await peer.once(OK + b"X-Long: ")
    await peer.forever(b"x" * 65536)


@behaviour("malformed")
async def endless_name(peer: Peer) -> None:
    """One header whose name never ends."""
    await peer.once(OK)
    await peer.forever(b"x" * 65536)


@behaviour("malformed")
async def endless_blanks(peer: Peer) -> None:
    """Blanks before the value of a header, without end: a parser that skips them never sees a long line."""
    await peer.once(OK + b"X-Blank:")
    await peer.forever(b" " * 65536)


@behaviour("malformed")
async def endless_line_breaks(peer: Peer) -> None:
    """Line breaks before the status line, without end."""
    await peer.once()
    await peer.forever(b"\r\n" * 32768)


@behaviour("malformed")
async def endless_reason(peer: Peer) -> None:
    """A status line whose text never ends."""
    await peer.once(b"HTTP/1.1 200 ")
    await peer.forever(b"O" * 65536)


@behaviour("malformed")
async def ten_thousand_headers(peer: Peer) -> None:
    """Ten thousand short headers."""
    await peer.answer(whole(fields=b"".join(b"X-%d: y\r\n" % n for n in range(10_000))))


@behaviour("malformed")
async def huge_header(peer: Peer) -> None:
    """A header of 300,000 bytes."""
    await peer.answer(whole(fields=b"X-Big: " + b"x" * 300_000 + b"\r\n"))


@behaviour("ok")
async def long_policy(peer: Peer) -> None:
    """A header of 20,000 bytes, as real sites send for their policies."""
    await peer.answer(whole(fields=b"Content-Security-Policy: " + b"x " * 10_000 + b"\r\n"))


@behaviour("malformed")
async def ssh(peer: Peer) -> None:
    """Another protocol's greeting instead of an answer."""
    await peer.once(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n\x00\xff\r\n\r\n")
    await peer.hang()


@behaviour("malformed")
async def http_0_9(peer: Peer) -> None:
    """A body without a head, as HTTP/0.9 answered."""
    await peer.once(b"<html><title>from 1991</title></html>\r\n")


@behaviour("malformed")
async def http_2(peer: Peer) -> None:
    """The first frame of HTTP/2."""
    await peer.once(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + b"\x00\x03\x00\x00\x00\x80" * 3)
    await peer.hang()


@behaviour("malformed")
async def http_9(peer: Peer) -> None:
    """A version that there is not."""
    await peer.answer(whole(begin=b"HTTP/9.9 200 OK\r\n"))


@behaviour("malformed")
async def status_without_number(peer: Peer) -> None:
    """A status line without a status."""
    await peer.answer(whole(begin=b"HTTP/1.1 fine\r\n"))


@behaviour("malformed")
async def status_of_two_digits(peer: Peer) -> None:
    """A status of two digits."""
    await peer.answer(whole(begin=b"HTTP/1.1 20 OK\r\n"))


@behaviour("malformed")
async def status_of_four_digits(peer: Peer) -> None:
    """A status of four digits."""
    await peer.answer(whole(begin=b"HTTP/1.1 2000 OK\r\n"))


@behaviour("malformed")
async def status_000(peer: Peer) -> None:
    """The status 000."""
    await peer.answer(whole(begin=b"HTTP/1.1 000 Nothing\r\n"))


@behaviour("http-999")
async def status_999(peer: Peer) -> None:
    """The status 999, with which some sites turn robots away."""
    await peer.answer(whole(begin=b"HTTP/1.1 999 Request denied\r\n"))


@behaviour("ok")
async def status_without_text(peer: Peer) -> None:
    """A status line that ends after the number."""
    await peer.answer(whole(begin=b"HTTP/1.1 200\r\n"))


@behaviour("malformed")
async def nul_in_value(peer: Peer) -> None:
    """A NUL in the value of a header."""
    await peer.answer(whole(fields=b"X-Nul: a\0b\r\n"))


@behaviour("malformed")
async def nul_in_name(peer: Peer) -> None:
    """A NUL in the name of a header."""
    await peer.answer(whole(fields=b"X-\0Nul: b\r\n"))


@behaviour("malformed")
async def blank_before_colon(peer: Peer) -> None:
    """A blank between a header's name and its colon."""
    await peer.answer(whole(fields=b"X-Blank : b\r\n"))


@behaviour("malformed")
async def header_without_colon(peer: Peer) -> None:
    """A line that is no header."""
    await peer.answer(whole(fields=b"no header at all\r\n"))


@behaviour("ok")
async def folded_header(peer: Peer) -> None:
    """A header that goes on in the next line, as was allowed long ago."""
    await peer.answer(whole(fields=b"X-Folded: one\r\n two\r\n"))


@behaviour("ok")
async def bare_line_feeds(peer: Peer) -> None:
    """Lines that end with a line feed alone."""
    await peer.answer(whole(fields=b"X-Line: feed\r\n").replace(b"\r\n", b"\n"))


@behaviour("malformed")
async def bare_carriage_returns(peer: Peer) -> None:
    """Lines that end with a carriage return alone."""
    await peer.once(whole(fields=b"X-Line: feed\r\n").replace(b"\r\n", b"\r"))


@behaviour("ok")
async def header_in_latin_1(peer: Peer) -> None:
    """Bytes in a header that are no UTF-8."""
    await peer.answer(whole(fields=b"X-Name: Gr\xfc\xdfe\r\nContent-Type: text/html; charset=\xff\r\n"))


@behaviour("ok")
async def hints(peer: Peer) -> None:
    """Three interim answers before the final one."""
    await peer.answer(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 3 + whole())


@behaviour("malformed")
async def storm_of_hints(peer: Peer) -> None:
    """Interim answers without end."""
    await peer.once()
    await peer.forever(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 1000)


@behaviour("malformed")
async def slow_storm_of_hints(peer: Peer) -> None:
    """An interim answer every few milliseconds, so that the server is never silent."""
    await peer.once()
    await peer.forever(b"HTTP/1.1 100 Continue\r\n\r\n", 0.01)


@behaviour("malformed")
async def switching_protocols(peer: Peer) -> None:
    """101, which nobody asked for."""
    await peer.once(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: evil\r\n\r\nevil")
    await peer.hang()


@behaviour("ok")
async def head_in_single_bytes(peer: Peer) -> None:
    """A good answer in packets of one byte."""
    await peer.asked()
    for byte in whole(b"ok"):
        await peer.send(bytes([byte]))
        await asyncio.sleep(0.001)
    await peer.hang()
