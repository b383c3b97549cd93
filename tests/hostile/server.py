"""Raw sockets on loopback: an origin for each behaviour, one good host, and a count of what they saw.

``python -m hostile FOLDER`` is all of them in a process of their own: see `Elsewhere`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pathlib
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterable

from hostile.registry import Behaviour
from server import reset_on_close

#: Pages of the good host; each links to the next.
GOOD_PAGES = 300
_NO_ROBOTS = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


class Origin:
    """One port. ``made`` counts its connections, ``open`` those that the other side has not ended yet."""

    def __init__(self, name: str, behaviour: Behaviour | None) -> None:
        self.name = name
        self.behaviour = behaviour
        self.url = ""
        self.made = 0
        self.open = 0
        self.requests: list[tuple[float, str]] = []
        self.failures: list[str] = []

    @property
    def pages(self) -> int:
        """Requests for anything but robots.txt."""
        return sum(path != "/robots.txt" for _, path in self.requests)


class Peer:
    """One connection, as a behaviour sees it. ``cookies`` is the Cookie header of the last request."""

    def __init__(self, server: Hostile, origin: Origin, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self.server = server
        self.origin = origin
        self.cookies = ""
        self._reader = reader
        self._writer = writer

    async def asked(self) -> str:
        """Read a request and return its path. Raises IncompleteReadError when there is none any more."""
        while True:
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
            path = head.split(" ")[1]
            self.origin.requests.append((time.monotonic(), path))
            fields = dict(line.partition(": ")[::2] for line in head.splitlines()[1:])
            self.cookies = fields.get("Cookie", "")
            behaviour = self.origin.behaviour
            if path != "/robots.txt" or (behaviour is not None and behaviour.robots):
                return path
            await self.send(_NO_ROBOTS)

    async def heard(self) -> bytes:
        """Read whatever comes next."""
        return await self._reader.read(1 << 16)

    async def send(self, *pieces: bytes, pause: float = 0.0) -> None:
        """Write, piece by piece."""
        for piece in pieces:
            self._writer.write(piece)
            await self._writer.drain()
            if pause:
                await asyncio.sleep(pause)

    async def forever(self, piece: bytes, pause: float = 0.0) -> None:
        """Write the same again and again, until the other side goes away."""
        while not self._reader.at_eof():
            await self.send(piece)
            await asyncio.sleep(pause)

    async def hang(self) -> None:
        """Say nothing until the other side goes away."""
        while await self._reader.read(1 << 16):
            pass

    async def answer(self, *pieces: bytes, pause: float = 0.0) -> None:
        """Answer each request alike, and keep the connection."""
        while True:
            await self.asked()
            await self.send(*pieces, pause=pause)

    async def once(self, *pieces: bytes, pause: float = 0.0) -> None:
        """Answer one request; its connection ends with a return."""
        await self.asked()
        await self.send(*pieces, pause=pause)

    def half_close(self) -> None:
        """End our direction only."""
        self._writer.write_eof()

    def reset(self) -> None:
        """End the connection with RST."""
        reset_on_close(self._writer)
        self._writer.transport.abort()

    def cut(self) -> None:
        """End the connection below TLS: no close_notify is sent."""
        self._writer.transport.abort()


class _Connection(asyncio.StreamReaderProtocol):
    """Counts when the other side has ended."""

    def __init__(self, server: Hostile, origin: Origin) -> None:
        self._origin = origin
        self._counted = False
        reader = asyncio.StreamReader(limit=1 << 20, loop=server.loop)
        super().__init__(reader, lambda reader, writer: server.connected(origin, reader, writer), loop=server.loop)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._origin.made += 1
        self._origin.open += 1
        super().connection_made(transport)

    def eof_received(self) -> bool | None:
        self._over()
        return super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._over()
        super().connection_lost(exc)

    def _over(self) -> None:
        if not self._counted:
            self._counted = True
            self._origin.open -= 1


class Hostile:
    """All origins in the loop that runs. Use as an async context manager.

    ``good`` is a host of `GOOD_PAGES` pages; ``secret`` is one that nobody may be led to. ``contexts`` gives the TLS
    context for a certificate's name.
    """

    def __init__(self, behaviours: Iterable[Behaviour], contexts: Callable[[str], ssl.SSLContext]) -> None:
        self.loop = asyncio.get_running_loop()
        self.good = Origin("good", None)
        self.secret = Origin("secret", None)
        self.origins = {one.name: Origin(one.name, one) for one in behaviours}
        self._contexts = contexts
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Hostile:
        for origin in [self.good, self.secret, *self.origins.values()]:
            tls = origin.behaviour.tls if origin.behaviour else ""
            context = self._contexts(tls) if tls not in {"", "none"} else None
            server = await self.loop.create_server(
                lambda origin=origin: _Connection(self, origin), "127.0.0.1", 0, ssl=context
            )
            self._servers.append(server)
            origin.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        for server in self._servers:
            server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def connected(self, origin: Origin, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, whatever becomes of it."""
        task = asyncio.current_task()
        self._tasks.add(task)
        peer = Peer(self, origin, reader, writer)
        try:
            await (origin.behaviour.serve(peer) if origin.behaviour else _good(peer))
        except (OSError, EOFError, asyncio.CancelledError):
            pass  # the other side went away, or all is over
        except Exception as error:  # noqa: BLE001 - a defect of the behaviour, which its test has to tell
            origin.failures.append(repr(error))
        finally:
            self._tasks.discard(task)
            writer.close()

    def facts(self) -> dict[str, dict[str, object]]:
        """What the origins saw, for who asks from elsewhere."""
        found = {}
        for origin in [self.good, self.secret, *self.origins.values()]:
            found[origin.name] = {
                "url": origin.url,
                "made": origin.made,
                "open": origin.open,
                "requests": origin.requests,
                "failures": origin.failures,
            }
        return found


async def _good(peer: Peer) -> None:
    while True:
        path = await peer.asked()
        n = int(path[1:] or 0)
        links = "".join(f"<a href=/{i}>{i}</a>" for i in range(n + 1, min(n + 20, GOOD_PAGES)))
        body = f"<!doctype html><title>{n}</title>{links}".encode()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


class Elsewhere:
    """The server in a process of its own, so that neither its memory nor its time is the client's."""

    def __init__(self, folder: pathlib.Path) -> None:
        tests = str(pathlib.Path(__file__).parent.parent)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "hostile", str(folder)],
            env=os.environ | {"PYTHONPATH": tests},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._process.stdout.readline()

    def facts(self) -> dict[str, dict[str, object]]:
        """`Hostile.facts` of now."""
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def __enter__(self) -> Elsewhere:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()
