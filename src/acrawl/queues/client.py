"""The worker's side: the three managed objects as coroutines, over connections that mend themselves."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import random
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from multiprocessing import managers
from typing import Any, TypeVar

import msgspec

from acrawl.cookie import JarCopy
from acrawl.errors import KeyProblem, MasterUnreachable, WireError
from acrawl.outcome import Outcome, Receipt, Snapshot, Story
from acrawl.queues.facade import HELLO_FIRST
from acrawl.queues.messages import Hello, News, Welcome
from acrawl.queues.wire import ANSWER_SECONDS, AUTH_SECONDS, ClientTls, WireConnection, connect, raised
from acrawl.settings import Queues
from acrawl.ticket import Batch

#: Seconds a worker looks for its master at the very beginning.
FIRST_CONNECT = 10.0
_LOST = (EOFError, OSError)
_encode = msgspec.msgpack.Encoder().encode
T = TypeVar("T")

# `BaseProxy` looks its serialiser up by name; ours never serialises by itself, its connections do.
managers.listener_client.setdefault("acrawl", (None, None))  # type: ignore[attr-defined]


class QueueProxy(managers.BaseProxy):
    """A proxy of one managed object; each thread has a connection of its own, made anew after it broke.

    `open` holds the connections of all threads and is shared by the proxies of one client.
    """

    def __init__(self, name: str, address: tuple[str, int], dial: Callable[[], WireConnection], shared: Lines) -> None:
        token = managers.Token(name, address, name)
        # Without counting references: no traffic for it, and nothing that connects while the process ends.
        super().__init__(token, "acrawl", authkey=b"", exposed=None, incref=False)
        self._name = name
        self._dial = dial
        self._lines = shared

    def _callmethod(self, methodname: str, args: Any = (), kwds: Any = None) -> Any:
        """Call a method of the managed object and wait for its answer. Raises what the master raised, by name."""
        line = self._lines.of_this_thread(self._dial)
        try:
            line.send((self._name, methodname, args, kwds or {}))
            kind, result = _pair(line.recv())
        except BaseException:  # out of step, or broken: the next call connects anew
            self._lines.drop(line)
            raise
        if kind == "#RETURN":
            return result
        raise raised(result)


def _pair(answer: Any) -> tuple[Any, Any]:
    """Kind and result of an answer. Raises `WireError` for what is none."""
    if not isinstance(answer, list) or len(answer) != 2:
        raise WireError("the master's answer makes no sense")
    return answer[0], answer[1]


def _read(blob: Any, kind: type[T]) -> T:
    """An answer as what it has to be. Raises `WireError`."""
    try:
        if isinstance(blob, bytes):
            return msgspec.msgpack.decode(blob, type=kind)
        return msgspec.convert(blob, kind)
    except (
        msgspec.DecodeError,
        ValueError,
        RecursionError,
    ) as error:  # the call fails; the next may be answered better
        raise WireError(f"the master's answer makes no sense: {error}") from None


class Lines:
    """The open connections of one client, by thread."""

    def __init__(self) -> None:
        self._mine = threading.local()
        self._open: set[WireConnection] = set()
        self._lock = threading.Lock()
        self._life = 0
        self.closed = False

    def renew(self) -> None:
        """One connection broke, so each thread makes a new one before its next call: one break, one mending."""
        self._life += 1

    def of_this_thread(self, dial: Callable[[], WireConnection]) -> WireConnection:
        """Give the calling thread its connection, made with ``dial`` if there is none."""
        line: WireConnection | None = getattr(self._mine, "line", None)
        if line is not None and self._mine.life != self._life:
            self.drop(line)
        if line is None or line.closed:
            life = self._life
            line = dial()
            self._mine.line, self._mine.life = line, life
        return line

    def add(self, line: WireConnection) -> None:
        """Count a connection among the open ones, from the moment that `abort` has to end it."""
        with self._lock:
            if not self.closed:
                self._open.add(line)
                return
        line.close()
        raise ConnectionAbortedError("the client is closed")

    def drop(self, line: WireConnection) -> None:
        """Close a connection that broke."""
        with self._lock:
            self._open.discard(line)
        line.close()

    def abort(self) -> None:
        """End every call under way, for good."""
        with self._lock:
            self.closed = True
            for line in self._open:
                line.abort()

    def close(self) -> None:
        """Close what is open; after the threads have ended."""
        with self._lock:
            lines, self._open = self._open, set()
        for line in lines:
            line.close()


def _nothing() -> None:
    """Nobody wants to know."""


class QueueClient:
    """A worker's way to its master; satisfies `acrawl.frontier.base.Leasing`.

    Calls wait until the connection is mended: for ``reconnect_seconds``, then they raise `MasterUnreachable`. At each
    break ``on_break`` is called; after it ``on_reconnect`` runs once, before any other call goes on, and has to say
    `hello` again.
    """

    def __init__(
        self, address: tuple[str, int], authkey: bytes, *, tls: ClientTls | None = None, settings: Queues | None = None
    ) -> None:
        self.address = address
        self.on_break: Callable[[], None] = _nothing
        self.on_reconnect: Callable[[], Awaitable[None]] | None = None
        self._settings = settings or Queues()
        self._lines = Lines()
        self._threads: dict[str, concurrent.futures.ThreadPoolExecutor] = {}
        self._mending = asyncio.Lock()
        self._closing = asyncio.Event()
        self._life = 0
        self._met = False
        self._given_up: MasterUnreachable | None = None

        def dial() -> WireConnection:
            line = connect(address, authkey, tls, self._settings.max_message)
            self._lines.add(line)
            line.patience = AUTH_SECONDS  # a master that says nothing now is none
            try:
                line.send((None, "accept_connection", [threading.current_thread().name], {}))
                kind, result = _pair(line.recv())
                if kind != "#RETURN":
                    raise ConnectionRefusedError(str(result))
            except BaseException:
                self._lines.drop(line)
                raise
            line.patience = ANSWER_SECONDS
            return line

        self._tasks = QueueProxy("task_queue", address, dial, self._lines)
        self._results = QueueProxy("result_queue", address, dial, self._lines)
        self._control = QueueProxy("control", address, dial, self._lines)

    async def hello(self, hello: Hello) -> Welcome:
        """Ask to be let in. Raises `VersionMismatch`, `KeyProblem`, `MasterUnreachable`."""
        blob = _encode(hello)
        if self._met:
            answer = await self._once("hello", self._tasks, "hello", blob)
        else:
            answer = await self._patiently(FIRST_CONNECT, lambda: self._once("hello", self._tasks, "hello", blob))
            self._met = True
        return _read(answer, Welcome)

    async def lease(self, worker: str, n: int, wait: float) -> Batch:
        """See `Leasing.lease`."""
        return _read(await self._call("lease", self._tasks, "get", worker, n, wait), Batch)

    async def renew(self, worker: str, epoch: int, held: Mapping[int, int]) -> list[int]:
        """See `Leasing.renew`."""
        return _read(await self._call("renew", self._tasks, "renew", worker, epoch, dict(held)), list[int])

    async def report(self, worker: str, epoch: int, outcomes: Sequence[Outcome]) -> Receipt:
        """See `Leasing.report`."""
        blob = _encode(list(outcomes))
        return _read(await self._call("report", self._results, "put", worker, epoch, blob), Receipt)

    async def release(self, worker: str, epoch: int, tokens: Sequence[int]) -> None:
        """See `Leasing.release`."""
        await self._call("report", self._tasks, "release", worker, epoch, list(tokens))

    async def jar(self, worker: str, site: str, key: str) -> JarCopy:
        """See `Leasing.jar`."""
        return _read(await self._call("jar", self._tasks, "jar", worker, site, key), JarCopy)

    async def listen(self, worker: str, known: str, heard: int, wait: float) -> News:
        """See `Broker.listen`."""
        return _read(await self._call("listen", self._tasks, "listen", worker, known, heard, wait), News)

    async def chunk(self, worker: str, upload: str, offset: int, data: bytes, sha256: str) -> bool:
        """See `Broker.chunk`."""
        return bool(await self._call("chunk", self._results, "chunk", worker, upload, offset, data, sha256))

    async def bye(self, worker: str) -> None:
        """See `Broker.bye`. A master that is gone already needs no goodbye."""
        with contextlib.suppress(*_LOST, WireError, KeyProblem):
            await self._once("report", self._tasks, "bye", worker)

    async def command(self, token: str, name: str) -> None:
        """See `Broker.command`; ``token`` stands in the join file."""
        await self._ask("command", token, name)

    async def snapshot(self, token: str) -> Snapshot:
        """See `Broker.snapshot`."""
        return _read(await self._ask("snapshot", token), Snapshot)

    async def explain(self, token: str, url: str) -> Story:
        """See `Broker.explain`."""
        return _read(await self._ask("explain", token, url), Story)

    async def close(self) -> None:
        """End every call under way and close every connection. Idempotent."""
        self._closing.set()
        self._lines.abort()
        for thread in self._threads.values():
            await asyncio.to_thread(thread.shutdown)
        self._lines.close()

    # -- inside

    async def _once(self, purpose: str, proxy: QueueProxy, method: str, *arguments: Any) -> Any:
        """One call, on the connection of its purpose: a parked one must not hold up the others."""
        if self._lines.closed:
            raise ConnectionAbortedError("the client is closed")
        thread = self._threads.get(purpose)
        if thread is None:
            thread = self._threads[purpose] = concurrent.futures.ThreadPoolExecutor(1, purpose)
        return await asyncio.get_running_loop().run_in_executor(thread, proxy._callmethod, method, arguments)

    async def _ask(self, method: str, *arguments: Any) -> Any:
        """A person's call to `Control`: never repeated, and a master that is not there is named at once."""
        return await self._patiently(0.0, lambda: self._once("control", self._control, method, *arguments))

    async def _call(self, purpose: str, proxy: QueueProxy, method: str, *arguments: Any) -> Any:
        """A call that survives the loss of the connection; the master takes a repeated one for what it is."""
        while True:
            life = self._life
            try:
                return await self._once(purpose, proxy, method, *arguments)
            except _LOST:
                if self._lines.closed:
                    raise
            except KeyProblem as error:
                if HELLO_FIRST not in str(error):
                    raise
            await self._mend(life)

    async def _mend(self, life: int) -> None:
        """Be let in again, once for all calls that met the break."""
        async with self._mending:
            if self._given_up is not None:  # while this call waited: it need not look for as long again
                raise MasterUnreachable(str(self._given_up))
            if self.on_reconnect is None:
                raise MasterUnreachable(f"the connection to {self._where} broke")
            if life != self._life:
                return
            self._lines.renew()
            self.on_break()
            try:
                await self._patiently(self._settings.reconnect_seconds, self.on_reconnect)
            except MasterUnreachable as error:
                self._given_up = error
                raise
            self._life += 1

    async def _patiently(self, seconds: float, attempt: Callable[[], Awaitable[Any]]) -> Any:
        """Try again with growing pauses, for so many seconds."""
        end, pause = time.monotonic() + seconds, 0.1
        while True:
            try:
                return await attempt()
            except _LOST as error:
                if self._lines.closed:
                    raise
                if time.monotonic() + pause > end:
                    raise MasterUnreachable(f"no master answers at {self._where}: {error or 'it hung up'}") from None
            with contextlib.suppress(TimeoutError):  # `close` ends the pause; else it is over
                # Of random length: it spreads the workers.
                await asyncio.wait_for(self._closing.wait(), pause * random.uniform(0.7, 1.3))  # noqa: S311
            pause = min(pause * 2, 5.0)

    @property
    def _where(self) -> str:
        return f"{self.address[0]}:{self.address[1]}"
