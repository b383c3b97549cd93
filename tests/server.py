"""The zoo: one web site on loopback whose every path misbehaves in its own way.

`Site` serves the paths of `Zoo` and what a test adds with `Site.add`. Most animals are plain aiohttp handlers; the
hostile ones take the connection's transport away from aiohttp and write to it what no server should. Those that
misbehave before a request is read have no path: `raw_server` runs them on a port of their own.

    /page/<n>  /links/<n>  /image/<n>.png  /bytes/<n>  /echo  /status/<code>  /attachment  /bad-charset  /cookie
    /gzip /br /zstd /deflate /raw-deflate  and  /gzip-bomb /br-bomb /zstd-bomb /deflate-bomb /raw-deflate-bomb
    /redirect/<n>  /redirect-loop  /redirect-to?to=URL&status=302  /429  /503  /flaky/<n>  /robots/<case>
    /slow?seconds=  /silent  /slow-head  /dribble?pause=  /endless  /endless-file
    /drop  /reset  /reset-head  /reset-body  /reset-eof  /partial  /too-long  /broken-chunk  /cut-chunk
    /bad-gzip  /garbage  /huge-header  /many-headers  /long-policy
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import functools
import gzip
import socket
import struct
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable

import brotli
from aiohttp import web

try:
    from compression import zstd
except ImportError:  # before Python 3.14
    from backports import zstd

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
BOMB_SIZE = 64 << 20


class Site:
    """A running site. ``hits`` counts requests by path, ``seen`` keeps (time, request line, headers) of each."""

    def __init__(self, *, ssl_context=None) -> None:
        self.hits: collections.Counter[str] = collections.Counter()
        self.seen: list[tuple[float, str, dict[str, str]]] = []
        self.robots: str | bytes | int = 404
        self.delay = 0.0
        self._ssl = ssl_context
        self._added: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self._runner: web.AppRunner | None = None
        self.origin = ""

    def url(self, path: str = "/") -> str:
        return self.origin + path

    def add(self, path: str, body: str | bytes, content_type: str = "text/html", *, status: int = 200, **headers: str):
        """Serve ``body`` at ``path`` (without query); the name ``content_language`` means Content-Language.

        With an ``etag`` who has it already is told so (304).
        """
        found = {name.replace("_", "-").title(): value for name, value in headers.items()}
        self._added[path] = (
            status,
            {"Content-Type": content_type, **found},
            body.encode() if isinstance(body, str) else body,
        )
        return self.url(path)

    async def __aenter__(self) -> Site:
        zoo = Zoo(self)
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", zoo.serve)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.05)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._ssl).start()
        scheme = "https" if self._ssl else "http"
        self.origin = f"{scheme}://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()


class Zoo:
    """The animals: ``/slow-head`` is the method ``slow_head``; what follows the next slash is its argument."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def serve(self, request: web.Request) -> web.StreamResponse:
        site = self._site
        site.hits[request.path] += 1
        site.seen.append((time.monotonic(), f"{request.method} {request.path_qs}", dict(request.headers)))
        if site.delay:
            await asyncio.sleep(site.delay)
        if request.path in site._added:
            status, headers, body = site._added[request.path]
            if "Etag" in headers and request.headers.get("If-None-Match") == headers["Etag"]:
                return web.Response(status=304, headers=headers)
            return web.Response(status=status, headers=headers, body=body)
        if request.path == "/robots.txt":
            return self._robots(site.robots)
        name = request.path.split("/")[1]
        name = {"": "index", "429": "busy", "503": "busy"}.get(name, name)
        animal = getattr(self, name.replace("-", "_"), None)
        return (
            await animal(request) if animal and name[0].isalpha() and name != "serve" else _html("<p>nothing here", 404)
        )

    # -- tame --------------------------------------------------------------------------------------------------

    async def index(self, request):
        return _html("<title>index</title>" + _anchors(10))

    async def page(self, request):
        n = int(_argument(request))
        return _html(f"<title>page {n}</title><p>page {n}<img src=/image/{n}.png alt='image {n}'><a href=/>home</a>")

    async def links(self, request):
        n = int(_argument(request))
        return _html(f"<title>{n} links</title>" + _anchors(n))

    async def image(self, request):
        return web.Response(body=png(int(_argument(request).partition(".")[0])), content_type="image/png")

    async def bytes(self, request):
        return web.Response(body=pattern(int(_argument(request))), content_type="application/octet-stream")

    async def echo(self, request):
        body = await request.read()
        headers = [[name, value] for name, value in request.headers.items()]
        return web.json_response(
            {"method": request.method, "path": request.path_qs, "headers": headers, "body": body.decode("latin-1")}
        )

    async def status(self, request):
        return _html(f"<p>{_argument(request)}", int(_argument(request)))

    async def attachment(self, request):
        name = request.query.get("name", 'attachment; filename="report.pdf"')
        return web.Response(body=b"%PDF-", content_type="application/pdf", headers={"Content-Disposition": name})

    async def bad_charset(self, request):
        body = "<meta charset=utf-8><p>Gr\xfc\xdfe".encode("latin-1")
        return web.Response(body=body, headers={"Content-Type": "text/html; charset=no-such-charset"})

    async def cookie(self, request):
        return web.Response(text=request.headers.get("Cookie", ""), headers={"Set-Cookie": "sid=1; Path=/"})

    # -- encoded -----------------------------------------------------------------------------------------------

    async def gzip(self, request):
        return _encoded("gzip", GOOD)

    async def br(self, request):
        return _encoded("br", GOOD)

    async def zstd(self, request):
        return _encoded("zstd", GOOD)

    async def deflate(self, request):
        return _encoded("deflate", GOOD)

    async def raw_deflate(self, request):
        return _encoded("raw-deflate", GOOD)

    async def gzip_bomb(self, request):
        return _encoded("gzip", None)

    async def br_bomb(self, request):
        return _encoded("br", None)

    async def zstd_bomb(self, request):
        return _encoded("zstd", None)

    async def deflate_bomb(self, request):
        return _encoded("deflate", None)

    async def raw_deflate_bomb(self, request):
        return _encoded("raw-deflate", None)

    async def bad_gzip(self, request):
        return web.Response(body=b"this is not gzip", headers={"Content-Encoding": "gzip"})

    # -- elsewhere, later --------------------------------------------------------------------------------------

    async def redirect(self, request):
        n = int(_argument(request))
        return _to(f"/redirect/{n - 1}" if n else "/page/0")

    async def redirect_loop(self, request):
        return _to("/redirect-loop")

    async def redirect_to(self, request):
        return _to(request.query["to"], int(request.query.get("status", 302)))

    async def flaky(self, request):
        """Answer 500 to the first <n> requests."""
        good = self._site.hits[request.path] > int(_argument(request))
        return _html("<p>at last") if good else _html("<p>try again", 500)

    async def busy(self, request):
        """Answer 429 or 503 to the first ``?times=1`` requests, with ``?after=`` as Retry-After."""
        if self._site.hits[request.path] > int(request.query.get("times", 1)):
            return _html("<p>welcome back")
        after = request.query.get("after")
        return web.Response(status=int(request.path[1:4]), headers={"Retry-After": after} if after else {})

    async def robots(self, request):
        cases = {"404": 404, "500": 500, "429": 429, "closed": "User-agent: *\nDisallow: /\n", "open": ""}
        if _argument(request) == "loop":
            return _to("/robots/loop")
        if _argument(request) == "moved":
            return _to("/robots/closed", 301)
        if _argument(request) == "long":
            return self._robots("# " + "x" * 600_000 + "\nUser-agent: *\nDisallow: /\n")
        return self._robots(cases[_argument(request)])

    def _robots(self, what: str | bytes | int) -> web.Response:
        if isinstance(what, int):
            return web.Response(status=what, text="", headers={"Retry-After": "7"} if what in {429, 503} else {})
        return web.Response(body=what if isinstance(what, bytes) else what.encode(), content_type="text/plain")

    # -- slow --------------------------------------------------------------------------------------------------

    async def slow(self, request):
        await asyncio.sleep(float(request.query.get("seconds", 0.5)))
        return _html("<p>here I am")

    async def silent(self, request):
        return await _hostile(request, forever=b"", pause=30)

    async def slow_head(self, request):
        return await _hostile(request, b"HTTP/1.1 200 OK\r\n", forever=b"X-A: b\r\n", pause=0.05)

    async def dribble(self, request):
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
        return await _hostile(request, head, forever=b"x", pause=float(request.query.get("pause", 0.05)))

    async def endless(self, request):
        return await _hostile(request, b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", forever=b"x" * 65536, pause=0)

    async def endless_file(self, request):
        head = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 99999999999\r\n\r\n"
        return await _hostile(request, head, forever=b"x" * 65536, pause=0)

    # -- hostile -----------------------------------------------------------------------------------------------

    async def drop(self, request):
        return await _hostile(request)

    async def reset(self, request):
        return await _hostile(request, reset=True)

    async def reset_head(self, request):
        return await _hostile(request, b"HTTP/1.1 200 OK\r\nContent-Le", reset=True)

    async def reset_body(self, request):
        return await _hostile(request, b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it", reset=True)

    async def reset_eof(self, request):
        return await _hostile(request, b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf of it", reset=True)

    async def partial(self, request):
        return await _hostile(request, b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it")

    async def too_long(self, request):
        body = b"the whole" + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
        return await _hostile(request, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n" + body, forever=b"", pause=30)

    async def broken_chunk(self, request):
        return await _hostile(
            request, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\nworld\r\n"
        )

    async def cut_chunk(self, request):
        return await _hostile(request, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nwo")

    async def garbage(self, request):
        return await _hostile(request, b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n\x00\xff\r\n\r\n")

    async def huge_header(self, request):
        return await _hostile(
            request, b"HTTP/1.1 200 OK\r\nX-Big: " + b"x" * 300_000 + b"\r\nContent-Length: 0\r\n\r\n"
        )

    async def many_headers(self, request):
        many = b"".join(b"X-%d: y\r\n" % n for n in range(10_000))
        return await _hostile(request, b"HTTP/1.1 200 OK\r\n" + many + b"Content-Length: 0\r\n\r\n")

    async def long_policy(self, request):
        return web.Response(text="ok", headers={"Content-Security-Policy": "x " * 10_000})


def _argument(request: web.Request) -> str:
    return request.path.lstrip("/").partition("/")[2]


async def _hostile(
    request: web.Request, data: bytes = b"", *, forever: bytes | None = None, pause: float = 0, reset: bool = False
) -> web.StreamResponse:
    """Write ``data`` and then ``forever`` again and again to the bare connection; at the end close or reset it."""
    transport = request.transport
    transport.write(data)
    if reset and data:
        await asyncio.sleep(0.05)  # a reset throws away what has not been read yet
    while forever is not None and not transport.is_closing():
        transport.write(forever)
        await asyncio.sleep(pause)
        while transport.get_write_buffer_size() > 1 << 20 and not transport.is_closing():
            await asyncio.sleep(0.01)
    if reset:
        reset_on_close(transport)
        transport.abort()
    transport.close()
    return web.Response()  # goes nowhere


def reset_on_close(transport: asyncio.BaseTransport) -> None:
    """Let the connection end with RST instead of FIN."""
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@contextlib.asynccontextmanager
async def raw_server(
    behave: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    *,
    host: str = "127.0.0.1",
    **options,
) -> AsyncIterator[str]:
    """Run ``behave(reader, writer)`` for each connection on a port of its own; gives ``host:port``."""
    tasks = set()

    async def connected(reader, writer):
        tasks.add(asyncio.current_task())
        try:
            await behave(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client went away, or the test is over: both end this connection
        finally:
            tasks.discard(asyncio.current_task())
            writer.close()

    server = await asyncio.start_server(connected, host, 0, **options)
    try:
        yield f"{host}:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def png(n: int) -> bytes:
    """A whole image of 4 x 3 pixels, another one for each ``n``."""
    colour = n.to_bytes(3, "big")
    data = zlib.compress((b"\0" + colour * 4) * 3)
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", 4, 3, 8, 2, 0, 0, 0)), (b"IDAT", data), (b"IEND", b"")]
    packed = (struct.pack(">I", len(d)) + name + d + struct.pack(">I", zlib.crc32(name + d)) for name, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def pattern(n: int) -> bytes:
    """``n`` bytes that differ from place to place."""
    return b"".join(b"%08x" % i for i in range(n // 8 + 1))[:n]


GOOD = "<title>encoded</title><p>Grüße</p>".encode() * 100


def encode(coding: str, body: bytes) -> bytes:
    """Encode a body; ``raw-deflate`` is what some servers send for deflate."""
    if coding == "gzip":
        return gzip.compress(body, 9)
    if coding == "br":
        return brotli.compress(body, quality=5)
    if coding == "zstd":
        return zstd.compress(body)
    squeeze = zlib.compressobj(9, zlib.DEFLATED, 15 if coding == "deflate" else -15)
    return squeeze.compress(body) + squeeze.flush()


@functools.cache
def bomb(coding: str) -> bytes:
    """A short body that decodes to `BOMB_SIZE` zeros."""
    return encode(coding, bytes(BOMB_SIZE))


def _encoded(coding: str, body: bytes | None) -> web.Response:
    data = bomb(coding) if body is None else encode(coding, body)
    headers = {"Content-Type": "text/html; charset=utf-8", "Content-Encoding": coding.removeprefix("raw-")}
    return web.Response(body=data, headers=headers)


def _html(text: str, status: int = 200) -> web.Response:
    return web.Response(text=f"<!doctype html>{text}", content_type="text/html", status=status)


def _to(url: str, status: int = 302) -> web.Response:
    return web.Response(status=status, headers={"Location": url})


def _anchors(n: int) -> str:
    return "".join(f"<a href=/page/{i}>page {i}</a>" for i in range(n))
