"""Serves the demo site on two ports of 127.0.0.1 and logs every request.

::

    python -m acrawl.demo.server --port 0 --manifest FILE --log FILE

prints ``READY http://127.0.0.1:PORT/`` once it answers; by then the manifest has been written. It ends at SIGTERM, at
Ctrl-C, and with ``--until-eof`` when its standard input closes, so that it cannot outlive the program that started it.

The log has one JSON object a line, in the order in which the requests arrived: ``time`` (Unix), ``method``, ``url`` (as
it was asked for), ``status`` and ``bytes`` (of the answer's whole body, not compressed), ``peer`` and ``agent``.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import gzip
import json
import os
import pathlib
import signal
import socket
import sys
import time
import zlib
from collections import Counter
from types import TracebackType
from typing import IO

from aiohttp import web

from acrawl.demo.builder import Resource, Site
from acrawl.demo.site import build
from acrawl.errors import AcrawlError, FolderProblem, PortInUse

HOST = "127.0.0.1"
#: Pieces in which a dribbling or chunked body leaves, and the seconds between those of the former.
PIECES = 5
PAUSE = 0.05


class DemoServer:
    """The site and its two servers, in the running loop. An async context manager; `start` and `stop` do the same.

    ``port`` and ``cdn_port`` of 0 take free ones. ``manifest`` is written, and ``log`` emptied, before anything is
    served. Raises `PortInUse` and `FolderProblem`.
    """

    def __init__(
        self,
        port: int = 0,
        cdn_port: int = 0,
        *,
        seed: int = 1,
        manifest: str | os.PathLike[str] | None = None,
        log: str | os.PathLike[str] | None = None,
    ) -> None:
        self._ports = port, cdn_port
        self._seed = seed
        self._manifest = manifest
        self._log_path = log
        self._log: IO[str] | None = None
        self._runners: list[web.ServerRunner] = []
        self._asked: Counter[str] = Counter()
        self.site: Site

    @property
    def url(self) -> str:
        """The home page."""
        return self.site.origin + "/"

    async def start(self) -> None:
        """Take the ports, make the site, write the manifest, and answer."""
        sockets = [_listening(port) for port in self._ports]
        try:
            origin, cdn = (f"http://{HOST}:{one.getsockname()[1]}" for one in sockets)
            self.site = await asyncio.to_thread(build, self._seed, origin, cdn)
            self._open_files()
        except BaseException:  # nothing is served: the ports are given back
            for one in sockets:
                one.close()
            raise
        for one, base in zip(sockets, (origin, cdn), strict=True):
            runner = web.ServerRunner(web.Server(functools.partial(self._answer, base)), shutdown_timeout=1.0)
            self._runners.append(runner)
            await runner.setup()
            await web.SockSite(runner, one).start()

    async def stop(self) -> None:
        """Close connections, ports and the log. Idempotent."""
        while self._runners:
            await self._runners.pop().cleanup()
        if self._log is not None:
            self._log.close()
            self._log = None

    async def __aenter__(self) -> DemoServer:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    def _open_files(self) -> None:
        try:
            if self._manifest is not None:
                path = pathlib.Path(self._manifest)
                fresh = path.with_name(path.name + ".new")
                fresh.write_text(json.dumps(self.site.manifest, indent=1), encoding="utf-8")
                fresh.replace(path)
            if self._log_path is not None:
                self._log = pathlib.Path(self._log_path).open("w", encoding="utf-8", buffering=1)  # noqa: SIM115 - closed by stop
        except OSError as error:  # nothing is served: the user is told
            raise FolderProblem(f"cannot write {error.filename}: {error.strerror}") from None

    async def _answer(self, base: str, request: web.BaseRequest) -> web.StreamResponse:
        url = base + request.raw_path
        resource = self.site.resources.get(url, _NOWHERE)
        self._asked[url] += 1
        if resource.first is not None and self._asked[url] == 1:
            resource = resource.first
        self._write(request, url, resource)  # before the answer: whatever the client does, it has asked
        if resource.delay:
            await asyncio.sleep(resource.delay)
        headers = {"Content-Type": resource.content_type, **dict(resource.headers)}
        body = resource.body
        if resource.manner in {"gzip", "deflate"} and resource.manner in request.headers.get("Accept-Encoding", ""):
            headers["Content-Encoding"] = resource.manner
            body = gzip.compress(body, mtime=0) if resource.manner == "gzip" else zlib.compress(body)
        if resource.manner in {"chunked", "dribble", "truncated", "cut", "drop"}:
            return await _in_pieces(request, resource, headers)
        return web.Response(body=body, status=resource.status, headers=headers)

    def _write(self, request: web.BaseRequest, url: str, resource: Resource) -> None:
        if self._log is None:
            return
        host, port = (request.transport and request.transport.get_extra_info("peername")) or ("", 0)
        line = {
            "time": round(time.time(), 3),
            "method": request.method,
            "url": url,
            "status": 0 if resource.manner == "drop" else resource.status,
            "bytes": len(resource.body),
            "peer": f"{host}:{port}",
            "agent": request.headers.get("User-Agent", ""),
        }
        self._log.write(json.dumps(line) + "\n")


_NOWHERE = Resource(b"<title>Not found</title><h1>There is nothing here</h1>", status=404)


async def _in_pieces(request: web.BaseRequest, resource: Resource, headers: dict[str, str]) -> web.StreamResponse:
    """Send a body piece by piece; half of it and then nothing more where that is the resource's manner."""
    response = web.StreamResponse(status=resource.status, headers=headers)
    body, manner = resource.body, resource.manner
    if manner == "drop":
        _hang_up(request)
        return response
    if manner in {"truncated", "dribble"}:
        response.content_length = len(body)
    else:
        response.enable_chunked_encoding()
    if manner in {"truncated", "cut"}:
        body = body[: len(body) // 2]
    await response.prepare(request)
    step = -(-len(body) // PIECES)
    for start in range(0, len(body), step):
        await response.write(body[start : start + step])
        if manner == "dribble":
            await asyncio.sleep(PAUSE)
    if manner in {"truncated", "cut"}:
        _hang_up(request)
    return response


def _hang_up(request: web.BaseRequest) -> None:
    """Close the connection once what was written has left."""
    if request.transport is not None:
        request.transport.close()


def _listening(port: int) -> socket.socket:
    try:
        return socket.create_server((HOST, port), backlog=256)
    except OSError as error:
        raise PortInUse(f"cannot listen on {HOST}:{port}: {error.strerror}; choose another --port, or 0") from None


async def _serve(options: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    if options.until_eof:
        loop.add_reader(sys.stdin.fileno(), _watch, loop, ended)
    server = DemoServer(options.port, options.cdn_port, seed=options.seed, manifest=options.manifest, log=options.log)
    async with server:
        sys.stdout.write(f"READY {server.url}\n")
        sys.stdout.flush()
        await ended.wait()


def _watch(loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        loop.remove_reader(sys.stdin.fileno())
        ended.set()


def main(arguments: list[str] | None = None) -> int:
    """Run until told to end. Returns the exit code: 3 when a port or a file is refused."""
    parser = argparse.ArgumentParser(prog="acrawl.demo.server", description="Serve the demo site on 127.0.0.1.")
    parser.add_argument("--port", type=int, default=0, help="port of the site (0: a free one)")
    parser.add_argument("--cdn-port", type=int, default=0, help="port of the second host (0: a free one)")
    parser.add_argument("--seed", type=int, default=1, help="another seed draws other pictures")
    parser.add_argument("--manifest", help="where to write what a crawl must bring")
    parser.add_argument("--log", help="where to write one line for each request")
    parser.add_argument("--until-eof", action="store_true", help="end when standard input closes")
    try:
        with contextlib.suppress(KeyboardInterrupt):  # Ctrl-C before the loop handles it: there is nothing to end
            asyncio.run(_serve(parser.parse_args(arguments)))
    except AcrawlError as error:  # nothing was served: said in one line
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
