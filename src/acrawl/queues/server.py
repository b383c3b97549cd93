"""The service process's side: a manager's server in background threads, one for each connection.

Of `multiprocessing.managers.Server` the request loop (`serve_client`) is kept, and the challenge of
`multiprocessing.connection`. Ours are: what listens and speaks (`wire`), which methods exist (`facade`), how many peers
may wait for authentication and for how long, and an end that leaves no thread and no socket behind.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import ssl
import threading
import time
from collections import OrderedDict
from multiprocessing import connection, managers
from multiprocessing.process import AuthenticationString  # type: ignore[attr-defined]  # missing in typeshed
from typing import Any

from acrawl.errors import KeyProblem, PortInUse, UsageError
from acrawl.queues.facade import Control, Doorkeeper, ResultQueue, TaskQueue
from acrawl.queues.messages import Broker
from acrawl.queues.wire import AUTH_SECONDS, WireConnection, WireListener, challenge_keys
from acrawl.settings import Queues

log = logging.getLogger(__name__)

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
MIN_KEY = 16
MAX_CLIENTS = 2048
#: Connections that may wait for authentication at once; beyond them the oldest is dropped.
MAX_PENDING = 64


class _Server(managers.Server):
    """`managers.Server` with nothing exposed but the three objects."""

    public = ["accept_connection", "dummy"]  # noqa: RUF012
    fallback_mapping: dict[str, Any] = {}  # noqa: RUF012 - no #GETVALUE, __repr__, __str__

    def __init__(self, listener: WireListener, authkey: bytes, objects: dict[str, Any], door: Doorkeeper, limit: int):
        # Not the stock constructor: it makes the listener itself, without a way to hand it a TLS context.
        self.registry: dict[str, Any] = {}
        self.authkey = AuthenticationString(authkey)
        self.listener = listener
        self.address = listener.address
        self.id_to_obj = {name: (thing, set(thing.exposed), {}) for name, thing in objects.items()}
        self.id_to_refcount: dict[str, int] = {}
        self.id_to_local_proxy_obj: dict[str, Any] = {}
        self.mutex = threading.Lock()
        self.stop_event = threading.Event()
        self._door = door
        self._limit = limit
        self._pending: OrderedDict[WireConnection, None] = OrderedDict()
        self._clients: set[WireConnection] = set()
        self._threads: set[threading.Thread] = set()
        self._accepting = threading.Thread(target=self.accepter, name="acrawl-accept", daemon=True)

    def start(self) -> None:
        """Accept in the background; not `serve_forever`, which takes over stdout and exits the process."""
        self._accepting.start()

    def accepter(self) -> None:
        """Give each connection a thread; under a flood the oldest peer that has not authenticated is dropped."""
        while not self.stop_event.is_set():
            try:
                conn = self.listener.accept()
            except ConnectionError:  # a peer that had gone before it was accepted
                continue
            except OSError:  # closed, or out of descriptors for the moment: nothing was accepted
                self.stop_event.wait(0.05)
                continue
            oldest = None
            thread = threading.Thread(target=self.handle_request, args=(conn,), name="acrawl-new", daemon=True)
            with self.mutex:
                if len(self._pending) >= MAX_PENDING:
                    oldest, _ = self._pending.popitem(last=False)
                self._pending[conn] = None
                self._threads.add(thread)
            if oldest is not None:
                oldest.abort()
            try:
                thread.start()
            except RuntimeError:  # no more threads for the moment: the peer will try again
                self._forget(conn, thread)

    def handle_request(self, conn: Any) -> None:
        """Serve one connection until it ends."""
        try:
            self._serve(conn)
        except (Exception, SystemExit) as error:  # noqa: BLE001
            # A port scan, a wrong key, garbage, or serve_client's way to end: this peer is done, the others go on.
            log.debug("a connection ended: %r", error)
        finally:
            self._forget(conn, threading.current_thread())

    def _forget(self, conn: WireConnection, thread: threading.Thread) -> None:
        conn.close()
        with self.mutex:
            self._pending.pop(conn, None)
            self._clients.discard(conn)
            self._threads.discard(thread)

    def _serve(self, conn: WireConnection) -> None:
        masters, workers = challenge_keys(bytes(self.authkey))
        connection.deliver_challenge(conn, masters)  # type: ignore[arg-type]
        connection.answer_challenge(conn, workers)  # type: ignore[arg-type]
        _, function, arguments, _ = conn.recv()
        if function == "dummy":
            conn.send(("#RETURN", None))
            return
        if function != "accept_connection":
            conn.send(("#TRACEBACK", "only the three queues are served here"))
            return
        with self.mutex:
            if self._pending.pop(conn, 0) is not None or self.stop_event.is_set():
                return  # dropped in the meantime
            full = len(self._clients) >= MAX_CLIENTS
            if not full:
                self._clients.add(conn)
        if full:
            conn.send(("#TRACEBACK", f"{MAX_CLIENTS} connections are served already"))
            return
        conn.trust(self._limit, None)
        threading.current_thread().name = f"acrawl-{arguments[0]}"[:60]  # until a worker's name is known
        self._door.connected(conn)
        try:
            conn.send(("#RETURN", None))
            self.serve_client(conn)  # type: ignore[arg-type]  # it only sends and receives
        finally:
            self._door.disconnected()

    def stop(self, seconds: float) -> None:
        """Close everything and wait for the threads. Blocks; the loop they call into must run meanwhile."""
        self.stop_event.set()
        self._door.stopping.set()
        self.listener.close()
        end = time.monotonic() + seconds
        self._accepting.join(seconds)  # first: what it has just accepted is to be ended, too
        with self.mutex:
            connections = [*self._pending, *self._clients]
            threads = [*self._threads]
        for conn in connections:
            conn.abort()
        for thread in threads:
            if thread.ident is not None:
                thread.join(max(0.0, end - time.monotonic()))


class QueueManager:
    """Serves ``task_queue``, ``result_queue`` and ``control`` while it is started.

    Every call ends up in ``broker``, in ``loop``. ``control_key`` opens ``control``. Raises `KeyProblem` for a key
    under 16 bytes and `UsageError` for an address beyond loopback without ``tls``.
    """

    def __init__(
        self,
        broker: Broker,
        loop: asyncio.AbstractEventLoop,
        address: tuple[str, int],
        authkey: bytes,
        *,
        control_key: str,
        tls: ssl.SSLContext | None = None,
        settings: Queues | None = None,
        auth_seconds: float = AUTH_SECONDS,
    ) -> None:
        if len(authkey) < MIN_KEY:
            raise KeyProblem(f"the authentication key has {len(authkey)} bytes; it must have at least {MIN_KEY}")
        if tls is None and address[0] not in LOOPBACK:
            raise UsageError(f"refusing to listen on {address[0]} without TLS: keys and pages would travel in the open")
        self.address = address
        self._authkey = authkey
        self._tls = tls
        self._auth_seconds = auth_seconds
        self._limit = (settings or Queues()).max_message
        self._door = Doorkeeper(broker, loop)
        self._objects = {
            "task_queue": TaskQueue(self._door),
            "result_queue": ResultQueue(self._door),
            "control": Control(self._door, control_key),
        }
        self._server: _Server | None = None

    def start(self) -> None:
        """Listen. ``address`` then says where. Raises `PortInUse`."""
        host, port = self.address
        try:
            listener = WireListener((host, port), self._tls, self._auth_seconds)
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            hint = "another crawl may be running; give another port" if taken else "give an address of this machine"
            raise PortInUse(f"cannot listen on {host}:{port}: {error.strerror or error}; {hint}") from None
        self.address = listener.address
        self._door.stopping.clear()
        self._server = _Server(listener, self._authkey, self._objects, self._door, self._limit)
        self._server.start()

    async def stop(self, seconds: float = 10.0) -> None:
        """Hang up on everybody and end the threads. Idempotent."""
        server, self._server = self._server, None
        if server is not None:
            await asyncio.to_thread(server.stop, seconds)
