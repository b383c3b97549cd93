"""The other side of the queues' contract: a master without a crawl, and what the tests ask about a process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from acrawl.cookie import Cookie, JarCopy
from acrawl.errors import UsageError, VersionMismatch
from acrawl.outcome import Outcome, Receipt, Snapshot, Story
from acrawl.queues.client import QueueClient
from acrawl.queues.messages import Hello, News, Welcome
from acrawl.queues.server import QueueManager
from acrawl.queues.tls import fingerprint, make_certificate, server_context
from acrawl.queues.wire import ClientTls, WireConnection, connect
from acrawl.settings import Queues
from acrawl.ticket import Batch, Lease, Ticket

KEY = b"a key of more than sixteen bytes"
CONTROL = "the control token"
#: A worker that gives up on a lost master soon enough for a test.
IMPATIENT = Queues(reconnect_seconds=0.5)


class FakeBroker:
    """Records what it is asked. ``lease`` parks while ``work`` is empty, ``listen`` while the state is the known."""

    def __init__(self, epoch: int = 7) -> None:
        self.epoch = epoch
        self.calls: list[tuple[Any, ...]] = []
        self.lost: list[str] = []
        self.work: list[bytes] = []
        self.parked = asyncio.Event()
        self.state = "run"
        self.fault: Exception | None = None

    async def hello(self, hello: Hello) -> Welcome:
        self.calls.append(("hello", hello.worker, tuple(hello.held)))
        if hello.version == "0":
            raise VersionMismatch("the master's acrawl is 1, this worker's is 0")
        return Welcome(self.epoch, {"log.level": "INFO"}, {"urls": "http://a/"}, b"secret")

    async def lease(self, worker: str, n: int, wait: float) -> Batch:
        self.calls.append(("lease", worker, n))
        if self.fault is not None:
            raise self.fault
        if not self.work:
            self.parked.set()
            await asyncio.sleep(wait)
        leases = [Lease(token, "http://a/", body) for token, body in enumerate(self.work[:n], 1)]
        return Batch(self.epoch, 30.0, [Ticket("http://a", leases)] if leases else [])

    async def renew(self, worker: str, epoch: int, held: dict[int, bool]) -> list[int]:
        self.calls.append(("renew", worker, epoch, held))
        return [token for token in held if token > 1 << 40]

    async def report(self, worker: str, epoch: int, outcomes: list[Outcome]) -> Receipt:
        self.calls.append(("report", worker, epoch, outcomes))
        return Receipt(len(outcomes), 1)

    async def release(self, worker: str, epoch: int, tokens: list[int]) -> None:
        self.calls.append(("release", worker, epoch, tokens))

    async def jar(self, worker: str, site: str, key: str) -> JarCopy:
        self.calls.append(("jar", worker, site, key))
        return JarCopy(5, [Cookie("a", "1", site)])

    async def listen(self, worker: str, known: str, heard: int, wait: float) -> News:
        self.calls.append(("listen", worker, known, heard, wait))
        if known == self.state:
            self.parked.set()
            await asyncio.sleep(wait)
        return News(self.state, heard + 1, {"http://a": 2.5})

    async def chunk(self, worker: str, upload: str, offset: int, data: bytes, sha256: str) -> bool:
        self.calls.append(("chunk", worker, upload, offset, len(data), sha256))
        return True

    async def bye(self, worker: str) -> None:
        self.calls.append(("bye", worker))

    async def gone(self, worker: str) -> None:
        self.lost.append(worker)

    async def command(self, name: str) -> None:
        if name not in {"pause", "drain"}:
            raise UsageError(f"there is no command {name!r}")
        self.calls.append(("command", name))

    async def snapshot(self) -> Snapshot:
        return Snapshot(discovered=3, reasons={"fetched": 1})

    async def explain(self, url: str) -> Story:
        return Story(url, "queued", depth=2)

    def said(self, name: str) -> list[tuple[Any, ...]]:
        return [call for call in self.calls if call[0] == name]


@contextlib.asynccontextmanager
async def serving(
    broker: FakeBroker,
    *,
    port: int = 0,
    tls: ssl.SSLContext | None = None,
    auth_seconds: float = 5.0,
    settings: Queues | None = None,
) -> AsyncIterator[QueueManager]:
    manager = QueueManager(
        broker,
        asyncio.get_running_loop(),
        ("127.0.0.1", port),
        KEY,
        control_key=CONTROL,
        tls=tls,
        settings=settings,
        auth_seconds=auth_seconds,
    )
    manager.start()
    try:
        yield manager
    finally:
        await manager.stop()


@contextlib.asynccontextmanager
async def connected(address: tuple[str, int], key: bytes = KEY, **kwds: Any) -> AsyncIterator[QueueClient]:
    client = QueueClient(address, key, **kwds)
    try:
        yield client
    finally:
        await client.close()


def hello(worker: str = "w1", *, version: str = "1", held: list[int] | None = None) -> Hello:
    return Hello(worker, version, "spider", "0" * 64, held=held or [])


def admitted(address: tuple[str, int], tls: ClientTls | None = None) -> WireConnection:
    """A peer that knows the key and has been accepted."""
    line = connect(address, KEY, tls, 1 << 20)
    line.patience = 5.0
    line.send((None, "accept_connection", ["peer"], {}))
    assert line.recv()[0] == "#RETURN"
    return line


async def asked(line: WireConnection, queue: str, method: str, *arguments: Any) -> tuple[str, Any]:
    """Call as `QueueClient` does, on a connection of one's own: kind and result of the answer."""
    line.send((queue, method, arguments, {}))
    kind, result = await asyncio.to_thread(line.recv)
    return kind, result


def certified(folder: Any) -> tuple[ssl.SSLContext, str, str]:
    """A server's context, its certificate and its pin."""
    certificate, key = make_certificate(folder)
    text = certificate.read_text()
    return server_context(certificate, key), text, fingerprint(text)


def sockets() -> set[str]:
    """The open sockets of this process."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # the descriptor of the listing itself
            found.add(os.readlink(f"/proc/self/fd/{name}"))
    return {link for link in found if link.startswith("socket:")}


def threads() -> set[threading.Thread]:
    """The threads of this process, without the event loop's own pool, which ends with the loop."""
    return {thread for thread in threading.enumerate() if not thread.name.startswith("asyncio_")}


async def until(condition: Callable[[], object], seconds: float = 8.0) -> None:
    """Wait for a condition; fail when it does not come true in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition did not come true in time"
        await asyncio.sleep(0.01)
