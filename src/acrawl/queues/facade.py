"""The three managed objects: thin fronts that decode in the server's thread and hop into the master's loop."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import time
from collections import Counter
from collections.abc import Coroutine
from hmac import compare_digest
from typing import Any, TypeVar

import msgspec

from acrawl.errors import KeyProblem, UsageError, WireError
from acrawl.outcome import Outcome
from acrawl.queues.messages import Broker, Hello
from acrawl.queues.wire import WireConnection

T = TypeVar("T")

#: Seconds a call may take in the loop beyond what it asked to wait; only a loop that hangs takes longer.
SAFETY = 60.0
#: Seconds between two looks at whether the worker of a parked call is still there.
GLANCE = 0.5
#: A call from a connection whose worker is not (or, after a restart of the master, no longer) let in.
HELLO_FIRST = "say hello first"

_encode = msgspec.msgpack.Encoder().encode
_hello = msgspec.msgpack.Decoder(Hello).decode
_outcomes = msgspec.msgpack.Decoder(list[Outcome]).decode


class Peer(threading.local):
    """Who is at the other end of the connection that this thread serves."""

    worker = ""
    leases = False
    connection: WireConnection | None = None


class Doorkeeper:
    """Knows which workers have been let in, and binds each connection to one of them."""

    def __init__(self, broker: Broker, loop: asyncio.AbstractEventLoop) -> None:
        self.broker = broker
        self.loop = loop
        self.peer = Peer()
        self.stopping = threading.Event()
        self._known: set[str] = set()
        self._leasing: Counter[str] = Counter()
        self._lock = threading.Lock()

    def run(self, coroutine: Coroutine[Any, Any, T], wait: float = 0.0) -> T:
        """Run a coroutine in the master's loop and wait for it, from a server thread.

        With a ``wait`` it is a parked call: it is cancelled when its worker hangs up, so that no work is handed to the
        dead, and when the queues stop.
        """
        try:
            future = asyncio.run_coroutine_threadsafe(coroutine, self.loop)
        except RuntimeError:  # the loop has closed: the caller's connection is about to, too
            coroutine.close()
            raise ConnectionAbortedError("the master is shutting down") from None
        end = time.monotonic() + wait + SAFETY
        try:
            while True:
                left = max(0.0, end - time.monotonic())
                try:
                    return future.result(min(left, GLANCE) if wait else left)
                except concurrent.futures.TimeoutError:
                    if future.done():  # in this moment, or by a time-out of its own
                        return future.result()
                    if not left:
                        raise
                if self.stopping.is_set() or (self.peer.connection is not None and self.peer.connection.hung_up()):
                    raise ConnectionAbortedError("nobody waits for the answer any more")
        finally:
            future.cancel()

    def connected(self, connection: WireConnection) -> None:
        """The calling thread serves this connection."""
        self.peer.connection = connection

    def claim(self, worker: str) -> None:
        """Refuse a hello without a name, or in a second name on one connection."""
        if not worker or self.peer.worker not in {"", worker}:
            raise WireError("a connection speaks for one worker, by one name")

    def let_in(self, worker: str) -> None:
        """The master has accepted this worker's hello."""
        self._known.add(worker)
        self._bind(worker)

    def check(self, worker: Any) -> str:
        """The caller's worker name; refuses names that said no hello, and a second name on one connection."""
        if not isinstance(worker, str) or worker not in self._known or self.peer.worker not in {"", worker}:
            raise KeyProblem(HELLO_FIRST)
        self._bind(worker)
        return worker

    def _bind(self, worker: str) -> None:
        if self.peer.worker != worker:
            self.peer.worker = worker
            threading.current_thread().name = f"acrawl-{worker}"[:60]

    def left(self, worker: str) -> None:
        """The worker has said goodbye."""
        self._known.discard(worker)

    def leases(self) -> None:
        """Note that the calling thread serves a connection that fetches leases."""
        if not self.peer.leases:
            self.peer.leases = True
            with self._lock:
                self._leasing[self.peer.worker] += 1

    def disconnected(self) -> None:
        """The connection of this thread has closed; the last one that fetched leases means that its worker is gone."""
        if not self.peer.leases:
            return
        with self._lock:
            self._leasing[self.peer.worker] -= 1
            left = self._leasing[self.peer.worker]
            if not left:
                del self._leasing[self.peer.worker]
        if not left and self.peer.worker in self._known and not self.loop.is_closed():
            gone = self.broker.gone(self.peer.worker)
            try:
                asyncio.run_coroutine_threadsafe(gone, self.loop)
            except RuntimeError:  # the loop closed in this moment: the frontier forgets all leases with it
                gone.close()


class TaskQueue:
    """The managed object ``task_queue``."""

    exposed = ("hello", "get", "renew", "release", "jar", "listen", "bye")

    def __init__(self, door: Doorkeeper) -> None:
        self._door = door

    def hello(self, blob: bytes) -> bytes:
        """Let a worker in: msgpack of `Hello`, answered by msgpack of `Welcome`."""
        hello = _hello(blob)
        self._door.claim(hello.worker)
        welcome = self._door.run(self._door.broker.hello(hello))
        self._door.let_in(hello.worker)
        return _encode(welcome)

    def get(self, worker: str, n: int, wait: float) -> bytes:
        """Lease at most ``n`` requests: msgpack of `Batch`. Parked for at most ``wait`` seconds."""
        worker = self._door.check(worker)
        if not isinstance(n, int) or not 0 < n <= 1000 or not isinstance(wait, (int, float)) or not 0 <= wait <= 20:
            raise UsageError(f"get(n={n!r}, wait={wait!r}): n is 1 to 1000, wait 0 to 20 seconds")
        self._door.leases()
        return _encode(self._door.run(self._door.broker.lease(worker, n, wait), wait))

    def renew(self, worker: str, epoch: int, held: dict[int, int]) -> list[int]:
        """Prolong leases ``{token: progress}``; answers the tokens that are lost."""
        worker = self._door.check(worker)
        tokens = {int(token): int(progress) for token, progress in dict(held).items()}
        return self._door.run(self._door.broker.renew(worker, int(epoch), tokens))

    def release(self, worker: str, epoch: int, tokens: list[int]) -> None:
        """Give leases back."""
        worker = self._door.check(worker)
        self._door.run(self._door.broker.release(worker, int(epoch), [int(token) for token in tokens]))

    def jar(self, worker: str, site: str, key: str) -> bytes:
        """The cookies of a site under a key: msgpack of `JarCopy`."""
        worker = self._door.check(worker)
        return _encode(self._door.run(self._door.broker.jar(worker, str(site), str(key))))

    def listen(self, worker: str, known: str, heard: int, wait: float) -> bytes:
        """Parked until there is something new behind ``known`` and ``heard``; answers msgpack of `News`."""
        worker = self._door.check(worker)
        wait = min(max(0.0, float(wait)), 20.0)  # in this order: NaN is 0
        return _encode(self._door.run(self._door.broker.listen(worker, str(known), int(heard), wait), wait))

    def bye(self, worker: str) -> None:
        """The worker leaves."""
        worker = self._door.check(worker)
        self._door.left(worker)
        self._door.run(self._door.broker.bye(worker))


class ResultQueue:
    """The managed object ``result_queue``."""

    exposed = ("put", "chunk")

    def __init__(self, door: Doorkeeper) -> None:
        self._door = door

    def put(self, worker: str, epoch: int, blob: bytes) -> list[int]:
        """Report outcomes (msgpack of a list of `Outcome`); answers how many were accepted and how many were stale."""
        worker = self._door.check(worker)
        receipt = self._door.run(self._door.broker.report(worker, int(epoch), _outcomes(blob)))
        return [receipt.accepted, receipt.stale]

    def chunk(self, worker: str, upload: str, offset: int, data: bytes, sha256: str) -> bool:
        """A piece of a saved file; see `Broker.chunk`."""
        worker = self._door.check(worker)
        if not isinstance(data, bytes):  # bytes(10**12) would take all memory
            raise UsageError(f"chunk: data must be bytes, not {type(data).__name__}")
        put = self._door.broker.chunk(worker, str(upload), int(offset), data, str(sha256))
        return self._door.run(put)


class Control:
    """The managed object ``control``; each call carries the control token."""

    exposed = ("command", "snapshot", "explain")

    def __init__(self, door: Doorkeeper, token: str) -> None:
        self._door = door
        self._token = token

    def command(self, token: str, name: str) -> None:
        """Steer the crawl; see `Broker.command`."""
        self._check(token)
        self._door.run(self._door.broker.command(str(name)))

    def snapshot(self, token: str) -> bytes:
        """Msgpack of `Snapshot`."""
        self._check(token)
        return _encode(self._door.run(self._door.broker.snapshot()))

    def explain(self, token: str, url: str) -> bytes:
        """Msgpack of `Story`."""
        self._check(token)
        return _encode(self._door.run(self._door.broker.explain(str(url))))

    def _check(self, token: Any) -> None:
        if not self._token or not isinstance(token, str) or not compare_digest(token.encode(), self._token.encode()):
            raise KeyProblem("the control token is wrong; it stands in the crawl's join file")
