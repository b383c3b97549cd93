"""Connections that end when they should not, and speak when they were not asked."""

from __future__ import annotations

import asyncio

from hostile.answers import OK, whole
from hostile.registry import behaviour
from hostile.server import Peer

_UNREACHABLE = "robots-unreachable"


@behaviour("reset", in_crawl=_UNREACHABLE)
async def closed_at_once(peer: Peer) -> None:
    """The end before a request is read."""


@behaviour("reset", in_crawl=_UNREACHABLE)
async def reset_at_once(peer: Peer) -> None:
    """A reset before a request is read."""
    peer.reset()


@behaviour("reset")
async def closed_when_asked(peer: Peer) -> None:
    """The end instead of an answer."""
    await peer.once()


@behaviour("reset")
async def reset_when_asked(peer: Peer) -> None:
    """A reset instead of an answer."""
    await peer.once()
    peer.reset()


@behaviour("reset")
async def half_closed_when_asked(peer: Peer) -> None:
    """The server ends its direction instead of answering, and waits."""
    await peer.once()
    peer.half_close()
    await peer.hang()


@behaviour("reset")
async def closed_in_head(peer: Peer) -> None:
    """The end in the middle of a head."""
    await peer.once(OK + b"Content-Le")


@behaviour("reset")
async def reset_in_head(peer: Peer) -> None:
    """A reset in the middle of a head."""
    await peer.once(OK + b"Content-Le", pause=0.05)
    peer.reset()


@behaviour("reset")
async def half_closed_in_head(peer: Peer) -> None:
    """The end of the server's direction in the middle of a head."""
    await peer.once(OK + b"Content-Le")
    peer.half_close()
    await peer.hang()


@behaviour("truncated")
async def reset_in_body(peer: Peer) -> None:
    """A reset in the middle of a body."""
    await peer.once(OK + b"Content-Length: 100\r\n\r\nhalf of it", pause=0.05)
    peer.reset()


@behaviour("truncated")
async def half_closed_in_body(peer: Peer) -> None:
    """The end of the server's direction in the middle of a body."""
    await peer.once(OK + b"Content-Length: 100\r\n\r\nhalf of it")
    peer.half_close()
    await peer.hang()


@behaviour("truncated")
async def reset_in_chunks(peer: Peer) -> None:
    """A reset between two chunks."""
    await peer.once(OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", pause=0.05)
    peer.reset()


@behaviour("truncated")
async def reset_instead_of_the_end(peer: Peer) -> None:
    """A reset where the end of the connection would end the body."""
    await peer.once(OK + b"Connection: close\r\n\r\nhalf of it", pause=0.05)
    peer.reset()


@behaviour("ok")
async def half_closed_after_the_answer(peer: Peer) -> None:
    """A whole answer, and the end of the server's direction."""
    await peer.once(whole())
    peer.half_close()
    await peer.hang()


@behaviour("ok", times=2)
async def reset_after_the_answer(peer: Peer) -> None:
    """A reset right after a whole answer."""
    await peer.once(whole(), pause=0.05)
    peer.reset()


@behaviour("ok", times=4)
async def closed_after_each_answer(peer: Peer) -> None:
    """A connection that is said to be kept, and closed when the answer is out."""
    await peer.once(whole())


@behaviour("ok", times=4)
async def keep_alive_race(peer: Peer) -> None:
    """The connection is closed when the next request arrives on it: the race that any server may lose."""
    await peer.once(whole())
    await peer.asked()


@behaviour("ok", times=4)
async def keep_alive_race_with_reset(peer: Peer) -> None:
    """The connection is reset when the next request arrives on it."""
    await peer.once(whole())
    await peer.asked()
    peer.reset()


@behaviour("ok", times=3, pause=0.2)
async def speaks_between_requests(peer: Peer) -> None:
    """An answer that nobody asked for, between two requests."""
    await peer.once(whole())
    await asyncio.sleep(0.03)
    await peer.send(whole(b"evil"))
    await peer.hang()


@behaviour("malformed", in_crawl=_UNREACHABLE)
async def speaks_first(peer: Peer) -> None:
    """A greeting before any request, as other protocols have it."""
    await peer.send(b"220 mail.example ESMTP\r\n")
    await peer.hang()


@behaviour("timeout", in_crawl=_UNREACHABLE)
async def never_reads(peer: Peer) -> None:
    """A server that accepts and does nothing."""
    await asyncio.sleep(60)


@behaviour("ok")
async def answers_before_it_has_read(peer: Peer) -> None:
    """An answer as soon as the first byte of the request is there."""
    await peer.answer(whole())
