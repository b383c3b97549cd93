"""`FakeServer`: a `FakeWeb` behind a real HTTP server on loopback, with an access log of its own.

It runs in a thread beside the test and not in its loop, so that a test may simply wait for the processes that crawl it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pathlib
import socket
import struct
import threading
import time
from types import TracebackType
from typing import IO, Self

from aiohttp import web

from acrawl.errors import EnvironmentProblem
from acrawl.testing.answers import Answer, Visitor
from acrawl.testing.hits import Hit, read_hits
from acrawl.testing.places import Addresses, Folders, Place
from acrawl.testing.web import FakeWeb
from acrawl.url import canonical

#: Pieces in which a slow body leaves.
PIECES = 5
#: Seconds between two marks of the time by which `Hit.late` is told.
BEAT = 0.004


class FakeServer:
    """A web on loopback, for as long as the block runs.

    ::

        with FakeServer(FakeWeb(500, hosts=20), spread=True) as server:
            ...  # crawl server.web.seeds, then look at server.hits()

    ``web`` is the given one at its new place, a free port. By default every host is a folder of ``127.0.0.1``, which
    makes them one host to a crawler. With ``spread`` each has an address of its own below 127.0.0.0/8; Linux alone has
    these, and a crawl needs ``fetch.allow_private=yes`` for them. ``log`` keeps the hits in a file instead of in
    memory. Raises `EnvironmentProblem` where the machine refuses.
    """

    def __init__(self, web: FakeWeb, *, spread: bool = False, log: str | os.PathLike[str] | None = None) -> None:
        self.web = web
        self.count = 0
        self._spread = spread
        self._path = None if log is None else pathlib.Path(log)
        self._file: IO[str] | None = None
        self._kept: list[Hit] = []
        self._began = 0.0
        self._looked = 0.0
        self._visitor: Visitor
        self._news = threading.Condition()
        self._loop: asyncio.AbstractEventLoop
        self._up = threading.Event()
        self._ending = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="fake-server", daemon=True)
        self._failure: BaseException | None = None
        self._socket: socket.socket

    def hits(self) -> list[Hit]:
        """Every request until now, in order of arrival, robots.txt included."""
        if self._path is None:
            return list(self._kept)
        with self._news:
            if self._file is not None:
                self._file.flush()
        return read_hits(self._path)

    def wait_for(self, requests: int, seconds: float = 30.0) -> None:
        """Wait until so many requests have arrived in all. Raises TimeoutError."""
        with self._news:
            if not self._news.wait_for(lambda: self.count >= requests, seconds):
                raise TimeoutError(f"{self.count} of {requests} requests after {seconds} s")

    def __enter__(self) -> Self:
        self._socket = _listening(spread=self._spread)
        port = self._socket.getsockname()[1]
        place: Place = Addresses(port) if self._spread else Folders(f"http://127.0.0.1:{port}")
        self.web = self.web.at(place)
        if self._path is not None:
            self._file = self._path.open("w", encoding="utf-8")
        self._loop = asyncio.new_event_loop()
        self._began = time.monotonic()
        self._visitor = Visitor(self.web, time.monotonic)
        self._thread.start()
        self._up.wait()
        if self._failure is not None:
            self.__exit__(None, None, None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(RuntimeError):  # its loop has ended already, by a failure
            self._loop.call_soon_threadsafe(self._ending.set)
        self._thread.join()
        self._socket.close()
        with self._news:
            if self._file is not None:
                self._file.close()
                self._file = None
        if self._failure is not None and error is None:
            raise self._failure

    # -- the thread

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        except BaseException as error:  # noqa: BLE001 - raised by __enter__, or when the thread's end is waited for
            self._failure = error
        finally:
            self._up.set()
            self._loop.close()

    async def _serve(self) -> None:
        server = web.Server(self._answer, access_log=None, handler_cancellation=True)
        runner = web.ServerRunner(server, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.SockSite(runner, self._socket).start()
            heart = asyncio.create_task(self._beat())
            self._up.set()
            await self._ending.wait()
            heart.cancel()
        finally:
            await runner.cleanup()

    async def _beat(self) -> None:
        """Keep the time up to which every request that had come by then has been seen."""
        before = time.monotonic()
        while True:
            await asyncio.sleep(BEAT)
            # What had come before this turn's look at the sockets is being handled in this turn or the next, and the
            # turn before was over when it began.
            self._looked, before = before - self._began, time.monotonic()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        at = time.monotonic() - self._began
        host = f"http://{request.host}"
        answer = self._visitor.ask(canonical(host + request.raw_path))
        status = 0 if answer.ending == "reset" else answer.status
        self._record(Hit(at, host, request.raw_path, status, at - self._looked))
        if answer.delay:
            await asyncio.sleep(answer.delay)
        if answer.ending == "reset":
            _break(request)
            return web.Response()  # goes nowhere
        if answer.pace or answer.ending:
            return await _in_pieces(request, answer)
        return web.Response(body=answer.body, status=answer.status, headers=answer.fields())

    def _record(self, hit: Hit) -> None:
        with self._news:
            self.count += 1
            if self._file is not None:
                self._file.write(hit.line())
            else:
                self._kept.append(hit)
            self._news.notify_all()


async def _in_pieces(request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
    """Send a body over ``pace`` seconds; half of it and then nothing more where it ends truncated."""
    response = web.StreamResponse(status=answer.status, headers=answer.fields())
    response.content_length = len(answer.body)
    await response.prepare(request)
    body = answer.body[: len(answer.body) // 2] if answer.ending else answer.body
    step = max(1, -(-len(body) // PIECES))
    for start in range(0, len(body), step):
        await asyncio.sleep(answer.pace / PIECES)
        await response.write(body[start : start + step])
    if answer.ending:
        _break(request)
    return response


def _break(request: web.BaseRequest) -> None:
    """End the connection with RST, whatever was still to be sent."""
    transport = request.transport
    if transport is not None:
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()


def _listening(*, spread: bool) -> socket.socket:
    """A socket on a free port of 127.0.0.1, or of every address of the loopback interface and of no other."""
    if not spread:
        return socket.create_server(("127.0.0.1", 0), backlog=512)
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        # A packet to another machine's address never comes in by this interface.
        found.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")
        found.bind(("0.0.0.0", 0))  # noqa: S104 - see above
        found.listen(512)
    except (OSError, AttributeError) as error:
        found.close()
        raise EnvironmentProblem(
            f"this machine has no addresses for many hosts ({error}): Linux 5.7 or newer is needed, or spread=False"
        ) from None
    return found
