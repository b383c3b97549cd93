"""Redirects, cookies, pauses and robots.txt."""

from __future__ import annotations

import asyncio
import time
from email.utils import formatdate

from hostile.answers import OK, moved, whole
from hostile.registry import behaviour
from hostile.server import Peer

_UNREACHABLE = "robots-unreachable"


# -- redirects


@behaviour("redirect", end="redirect-loop", in_crawl="redirect-loop")
async def redirect_to_itself(peer: Peer) -> None:
    """A redirect to the same URL."""
    while True:
        await peer.send(moved(await peer.asked()))


@behaviour("redirect", end="redirect-loop")
async def redirect_in_a_ring(peer: Peer) -> None:
    """Three redirects in a ring."""
    while True:
        n = int((await peer.asked())[1:])
        await peer.send(moved(f"/{n % 3 + 1}"))


@behaviour("redirect", end="too-many-redirects")
async def redirect_for_ever(peer: Peer) -> None:
    """A redirect to another URL each time."""
    while True:
        n = int((await peer.asked())[1:])
        await peer.send(moved(f"/{n + 1}"))


@behaviour("redirect-refused")
async def redirect_to_file(peer: Peer) -> None:
    """A redirect to a file of this machine."""
    await peer.answer(moved("file:///etc/passwd"))


@behaviour("redirect-refused")
async def redirect_to_script(peer: Peer) -> None:
    """A redirect to javascript."""
    await peer.answer(moved("javascript:alert(1)"))


@behaviour("redirect", end="blocked")
async def redirect_to_metadata(peer: Peer) -> None:
    """A redirect to the cloud's metadata service."""
    await peer.answer(moved("http://169.254.169.254/latest/meta-data/"))


@behaviour("redirect", end="blocked")
async def redirect_to_loopback(peer: Peer) -> None:
    """A redirect to another port of this machine, where something listens."""
    await peer.answer(moved(peer.server.secret.url + "/", 307))


@behaviour("redirect", end="blocked")
async def redirect_to_loopback_in_disguise(peer: Peer) -> None:
    """The same with the address as one number."""
    await peer.answer(moved(peer.server.secret.url.replace("127.0.0.1", "2130706433") + "/"))


@behaviour("redirect", end="blocked")
async def redirect_to_mail(peer: Peer) -> None:
    """A redirect to the port of another protocol."""
    await peer.answer(moved("http://example.com:25/"))


@behaviour("redirect", end="too-long")
async def redirect_to_a_long_url(peer: Peer) -> None:
    """A redirect to a URL of 5,000 characters, where fetch.max_url is 4,000."""
    await peer.answer(moved("/" + "x" * 5000))


@behaviour("redirect-refused")
async def redirect_to_a_huge_url(peer: Peer) -> None:
    """A redirect to a URL of 60,000 characters."""
    await peer.answer(moved("/" + "x" * 60_000))


@behaviour("ok")
async def redirect_nowhere(peer: Peer) -> None:
    """A redirect without a target is a page."""
    await peer.answer(whole(b"lost", begin=b"HTTP/1.1 302 Found\r\n"))


@behaviour("redirect", end="ok")
async def redirect_with_a_cookie(peer: Peer) -> None:
    """A redirect to a page that wants the cookie that came with it; shows it all the same."""
    while True:
        path = await peer.asked()
        if path == "/in":
            await peer.send(whole())
        else:
            await peer.send(moved("/in").replace(b"Location", b"Set-Cookie: sid=1\r\nLocation"))


@behaviour("too-long", path="/{n}?" + "x" * 5000)
async def long_url(peer: Peer) -> None:
    """A page whose URL has 5,000 characters, where fetch.max_url is 4,000: it is never asked for."""
    await peer.answer(whole())


# -- cookies


def _cookies(many: int, size: int) -> bytes:
    return b"".join(b"Set-Cookie: name%d=%b; Path=/\r\n" % (n, b"x" * size) for n in range(many))


@behaviour("malformed")
async def cookies_by_the_thousand(peer: Peer) -> None:
    """Five thousand cookies at once."""
    await peer.answer(whole(fields=_cookies(5000, 10)))


@behaviour("ok", times=5)
async def cookies_again_and_again(peer: Peer) -> None:
    """Three hundred other cookies with each page."""
    n = 0
    while True:
        await peer.asked()
        n += 1
        await peer.send(whole(fields=_cookies(300, 50).replace(b"name", b"name%d-" % n)))


@behaviour("ok", times=2)
async def cookie_of_60_kilobytes(peer: Peer) -> None:
    """One huge cookie."""
    await peer.answer(whole(fields=_cookies(1, 60_000)))


@behaviour("ok", times=2)
async def cookies_that_are_none(peer: Peer) -> None:
    """Cookies without names, for other hosts, for a public suffix, with odd bytes and odd dates."""
    odd = (b"=x", b"a", b"a=b; Domain=com", b"a=b; Domain=example.org", b"\xff=\xfe", b"a=b; Max-Age=9" + b"9" * 400,
           b"a=b; Expires=Thu, 99 Foo 99999 99:99:99 GMT", b"a=b; Path=\x01", b";" * 1000)  # fmt: skip
    await peer.answer(whole(fields=b"".join(b"Set-Cookie: %b\r\n" % one for one in odd)))


# -- pauses


def _busy(status: int, after: str) -> bytes:
    return whole(b"busy", f"Retry-After: {after}\r\n".encode() if after else b"", b"HTTP/1.1 %d Busy\r\n" % status)


async def _flap(peer: Peer, *busy: bytes) -> None:
    """Be busy, then not."""
    while True:
        await peer.asked()
        n = peer.origin.pages
        await peer.send(busy[n - 1] if n <= len(busy) else whole())


@behaviour("http-429", in_crawl="ok")
async def flapping_429(peer: Peer) -> None:
    """429 with Retry-After in seconds, then an answer."""
    await _flap(peer, _busy(429, "1"))


@behaviour("http-503", in_crawl="ok")
async def flapping_503(peer: Peer) -> None:
    """503 with a date as Retry-After, then an answer."""
    await _flap(peer, _busy(503, formatdate(time.time() + 1, usegmt=True)))


@behaviour("http-429", in_crawl="rate-limited")
async def always_429(peer: Peer) -> None:
    """429 for ever, with Retry-After: 0."""
    await peer.answer(_busy(429, "0"))


@behaviour("http-503", in_crawl="rate-limited")
async def always_503_for_a_year(peer: Peer) -> None:
    """503 with a Retry-After of a year."""
    await peer.answer(_busy(503, "31536000"))


@behaviour("http-503", in_crawl="rate-limited")
async def retry_after_that_is_none(peer: Peer) -> None:
    """503 with Retry-Afters that cannot be read."""
    await peer.answer(_busy(503, "soon, -5, " + "9" * 500))


# -- robots.txt


async def _robots(peer: Peer, answer: bytes) -> None:
    while True:
        path = await peer.asked()
        await peer.send(answer if path == "/robots.txt" else whole())


@behaviour("ok", in_crawl=_UNREACHABLE, robots=True)
async def robots_hangs(peer: Peer) -> None:
    """A robots.txt that never comes."""
    if await peer.asked() == "/robots.txt":
        await peer.hang()
    await peer.send(whole())
    await peer.answer(whole())


@behaviour("ok", in_crawl=_UNREACHABLE, robots=True)
async def robots_resets(peer: Peer) -> None:
    """A robots.txt that is a reset."""
    if await peer.asked() == "/robots.txt":
        peer.reset()
    else:
        await peer.send(whole())


@behaviour("ok", in_crawl=_UNREACHABLE, robots=True)
async def robots_is_500(peer: Peer) -> None:
    """A robots.txt that is 500."""
    await _robots(peer, whole(begin=b"HTTP/1.1 500 Oh\r\n"))


@behaviour("ok", in_crawl=_UNREACHABLE, robots=True)
async def robots_is_503(peer: Peer) -> None:
    """A robots.txt that is 503 with Retry-After."""
    await _robots(peer, _busy(503, "1"))


@behaviour("ok", in_crawl="robots", robots=True)
async def robots_redirects(peer: Peer) -> None:
    """A robots.txt that is elsewhere and forbids all."""
    while True:
        path = await peer.asked()
        forbidden = whole(b"User-agent: *\nDisallow: /\n", b"Content-Type: text/plain\r\n")
        await peer.send({"/robots.txt": moved("/rules"), "/rules": forbidden}.get(path, whole()))


@behaviour("ok", robots=True)
async def robots_redirects_for_ever(peer: Peer) -> None:
    """A robots.txt that leads on and on: there is none (RFC 9309, 2.3.1.2)."""
    await _robots(peer, moved("/robots.txt"))


@behaviour("ok", in_crawl="robots", robots=True)
async def robots_of_100_megabytes(peer: Peer) -> None:
    """A robots.txt of 100 MB, whose first lines forbid all."""
    if await peer.asked() == "/robots.txt":
        await peer.send(OK + b"Content-Length: 100000000\r\n\r\nUser-agent: *\nDisallow: /\n")
        for _ in range(1525):
            await peer.send(b"# 4567890123456\n" * 4096)
    else:
        await peer.send(whole())


@behaviour("ok", robots=True)
async def robots_of_noise(peer: Peer) -> None:
    """A robots.txt of bytes that mean nothing."""
    await _robots(peer, whole(bytes(range(256)) * 200))


@behaviour("ok", in_crawl=_UNREACHABLE, robots=True)
async def robots_dribbles(peer: Peer) -> None:
    """A robots.txt that comes byte by byte."""
    if await peer.asked() == "/robots.txt":
        await peer.send(OK + b"Content-Length: 100000\r\n\r\n")
        await peer.forever(b"#", 0.05)
    else:
        await peer.send(whole())
        await asyncio.sleep(0)
