"""Certificates that do not hold, and TLS that breaks off."""

from __future__ import annotations

import asyncio

from hostile.answers import OK, whole
from hostile.registry import behaviour
from hostile.server import Peer


@behaviour("ok", tls="good")
async def tls_good(peer: Peer) -> None:
    """A certificate that holds."""
    await peer.answer(whole())


@behaviour("tls", tls="expired")
async def tls_expired(peer: Peer) -> None:
    """A certificate that has expired."""
    await peer.answer(whole())


@behaviour("tls", tls="wrong-host")
async def tls_wrong_host(peer: Peer) -> None:
    """A certificate of another host."""
    await peer.answer(whole())


@behaviour("tls", tls="self-signed")
async def tls_self_signed(peer: Peer) -> None:
    """A certificate that nobody signed."""
    await peer.answer(whole())


@behaviour("tls", tls="none")
async def tls_1_1(peer: Peer) -> None:
    """A server that agrees to TLS 1.1, which nobody offered."""
    await peer.heard()
    hello = b"\x03\x02" + bytes(32) + b"\x00\xc0\x13\x00"
    await peer.send(b"\x16\x03\x02\x00\x2a\x02\x00\x00\x26" + hello)
    await peer.hang()


@behaviour("tls", tls="none")
async def tls_refused(peer: Peer) -> None:
    """An alert instead of a handshake."""
    await peer.heard()
    await peer.send(b"\x15\x03\x03\x00\x02\x02\x28")


@behaviour("tls", tls="none")
async def tls_that_is_none(peer: Peer) -> None:
    """A server that speaks HTTP where TLS is spoken."""
    await peer.heard()
    await peer.send(whole(begin=b"HTTP/1.1 400 Bad Request\r\n"))


@behaviour("timeout", in_crawl="robots-unreachable", tls="none")
async def tls_silent(peer: Peer) -> None:
    """A handshake that never comes."""
    await peer.hang()


@behaviour("reset", in_crawl="robots-unreachable", tls="none")
async def tls_closed_in_handshake(peer: Peer) -> None:
    """The end in the middle of a handshake."""
    await peer.heard()


@behaviour("ok", tls="good")
async def tls_cut_after_the_answer(peer: Peer) -> None:
    """The end without a goodbye of TLS, after an answer that is whole by its length."""
    await peer.once(whole(), pause=0.05)
    peer.cut()


@behaviour("truncated", tls="good")
async def tls_cut_in_the_body(peer: Peer) -> None:
    """The end without a goodbye of TLS where the end is to end the body: anybody between can do that."""
    await peer.once(OK + b"Connection: close\r\n\r\nhalf of it", pause=0.05)
    peer.cut()


@behaviour("ok", tls="good")
async def tls_closed_after_the_body(peer: Peer) -> None:
    """The end with a goodbye of TLS, which ends the body."""
    await peer.once(OK + b"Connection: close\r\n\r\nall of it", pause=0.05)
    await asyncio.sleep(0)
