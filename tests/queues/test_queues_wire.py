"""The connection: plain values only, every size and every wait bounded."""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from fake_master import KEY, FakeBroker, serving
from hypothesis import given, settings
from hypothesis import strategies as st

from acrawl import errors
from acrawl.queues import wire
from acrawl.queues.wire import WireConnection, WireListener, connect, raised

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 64) - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)


@contextlib.contextmanager
def pair(limit: int = 1 << 20, *, wait: float | None = 5.0) -> Iterator[tuple[WireConnection, WireConnection]]:
    a, b = socket.socketpair()
    deadline = None if wait is None else time.monotonic() + wait
    left, right = WireConnection(a, limit, deadline), WireConnection(b, limit, deadline)
    try:
        yield left, right
    finally:
        left.close()
        right.close()


@given(plain)
def test_plain_values_arrive_as_they_were_sent(value):
    with pair() as (here, there):
        here.send(value)
        assert there.recv() == value


@given(st.binary(max_size=300))
@settings(max_examples=300)
def test_any_bytes_are_either_plain_values_or_the_end_of_the_connection(data):
    with pair() as (here, there):
        here.send_bytes(data)
        try:
            value = there.recv()
        except (EOFError, OSError):
            assert there.closed
        else:
            assert type(value).__module__ in {"builtins", "datetime"}


def test_nesting_without_end_ends_the_connection_only():
    with pair() as (here, there):
        here.send_bytes(b"\x91" * 100_000 + b"\xc0")
        with pytest.raises((EOFError, OSError)):
            there.recv()
        assert there.closed


def test_an_object_of_a_class_does_not_go_over_the_wire():
    with pair() as (here, _), pytest.raises(TypeError, match="does not go over the wire"):
        here.send(object())


@pytest.mark.parametrize("size", [-1, -(1 << 31), (1 << 20) + 1, (1 << 31) - 1])
def test_a_length_beyond_the_limit_closes_before_anything_is_allocated(size):
    a, b = socket.socketpair()
    there = WireConnection(b, 1 << 20, time.monotonic() + 5)
    try:
        a.sendall(struct.pack("!i", size))
        with pytest.raises(OSError, match="limit"):
            there.recv()
        assert there.closed
    finally:
        a.close()
        there.close()


def test_a_message_over_the_limit_is_not_sent():
    with pair(100) as (here, there):
        with pytest.raises(errors.WireError, match="limit"):
            here.send(b"x" * 200)
        here.send("still in step")
        assert there.recv() == "still in step"


def test_the_middle_of_a_message_is_not_waited_for_beyond_the_deadline():
    a, b = socket.socketpair()
    there = WireConnection(b, 1 << 20, time.monotonic() + 0.2)
    try:
        a.sendall(struct.pack("!i", 1000) + b"half")
        with pytest.raises(TimeoutError):
            there.recv()
        assert there.closed
    finally:
        a.close()
        there.close()


def test_a_peer_that_drips_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(wire, "MESSAGE_SECONDS", 0.3)
    a, b = socket.socketpair()
    there = WireConnection(b, 1 << 20, None)
    over = threading.Event()

    def drip() -> None:
        with contextlib.suppress(OSError):  # the other end hangs up: what this test is about
            a.sendall(struct.pack("!i", 1 << 20))
            while not over.wait(0.02):
                a.sendall(b"x")

    dripping = threading.Thread(target=drip)
    dripping.start()
    try:
        with pytest.raises(TimeoutError):
            there.recv()
    finally:
        over.set()
        dripping.join()
        a.close()
        there.close()


def test_header_and_body_share_one_deadline(monkeypatch):
    monkeypatch.setattr(wire, "MESSAGE_SECONDS", 30.0)
    now = [0.0]
    monkeypatch.setattr(wire.time, "monotonic", lambda: now[0])
    a, b = socket.socketpair()
    there = WireConnection(b, 1 << 20, None)
    waits: list[float | None] = []

    class Watched:
        """A socket on which 20 seconds pass before each piece arrives."""

        def settimeout(self, seconds: float | None) -> None:
            waits.append(seconds)

        def recv_into(self, view: memoryview) -> int:
            now[0] += 20.0
            return b.recv_into(view[:2])

        def close(self) -> None:
            b.close()

    there._socket = Watched()  # type: ignore[assignment]
    a.sendall(struct.pack("!i", 6) + b"abcdef")
    try:
        with pytest.raises(TimeoutError):
            there.recv()
        assert waits == [None, 30.0, 10.0]
        assert there.closed
    finally:
        a.close()
        there.close()


def test_the_end_between_two_messages_is_not_an_error_but_inside_one_it_is():
    with pair() as (here, there):
        here.close()
        with pytest.raises(EOFError):
            there.recv()
    a, b = socket.socketpair()
    there = WireConnection(b, 1 << 20, None)
    a.sendall(struct.pack("!i", 10) + b"abc")
    a.close()
    with pytest.raises(OSError, match="middle"):
        there.recv()
    there.close()


def test_abort_wakes_a_thread_that_waits():
    with pair(wait=None) as (_, there):
        begun, ended = threading.Event(), []

        def wait() -> None:
            begun.set()
            try:
                there.recv()
            except (EOFError, OSError) as error:
                ended.append(error)

        waiting = threading.Thread(target=wait)
        waiting.start()
        begun.wait(5)
        there.abort()
        waiting.join(5)
        assert not waiting.is_alive()
        assert len(ended) == 1


@pytest.mark.asyncio
async def test_small_packets_are_not_held_back_on_either_end(monkeypatch):
    accepted: list[socket.socket] = []
    accept = WireListener.accept

    def keep(self: WireListener) -> WireConnection:
        made = accept(self)
        accepted.append(socket.socket(fileno=socket.dup(made.fileno())))
        return made

    monkeypatch.setattr(WireListener, "accept", keep)
    async with serving(FakeBroker()) as manager:
        line = await asyncio.to_thread(connect, manager.address, KEY, None, 1 << 20)
        ends = [*accepted, socket.socket(fileno=socket.dup(line.fileno()))]
        try:
            assert len(ends) == 2
            for end in ends:
                assert end.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
                assert end.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        finally:
            line.close()
            for end in ends:
                end.close()


@pytest.mark.parametrize("name", ["VersionMismatch", "UsageError", "KeyProblem", "RequestError", "RemoteFault"])
def test_our_errors_cross_as_what_they_are(name):
    with pair() as (here, there):
        here.send(("#ERROR", getattr(errors, name)("what went wrong")))
        kind, result = there.recv()
    error = raised(result)
    assert (kind, type(error).__name__, str(error)) == ("#ERROR", name, "what went wrong")


@pytest.mark.parametrize("result", [{"error": "OSError", "text": "x"}, {"error": "os.system"}, {}, "x", None, 5, [1]])
def test_anything_else_crosses_as_a_remote_fault(result):
    assert type(raised(result)) is errors.RemoteFault


def test_a_pickle_is_only_bytes():
    with pair() as (here, there):
        here.send([pickle.dumps({1})])
        assert there.recv() == [pickle.dumps({1})]


def test_one_connection_of_a_worker_does_not_answer_for_another():
    """A master without the key gives the worker's own question to the worker's second connection."""
    listener = socket.create_server(("127.0.0.1", 0))
    refused = []

    def work() -> None:
        try:
            connect(listener.getsockname(), KEY, None, 1 << 20).close()
        except (errors.KeyProblem, EOFError, OSError) as error:
            refused.append(error)

    question = b"#CHALLENGE#" + (b"{sha256}" + b"0" * 40 if sys.version_info >= (3, 12) else b"0" * 20)
    lines, workers = [], []
    for _ in range(2):
        workers.append(threading.Thread(target=work))
        workers[-1].start()
        lines.append(WireConnection(listener.accept()[0], 1 << 20, time.monotonic() + 5))
    first, second = lines
    try:
        first.send_bytes(question)
        first.recv_bytes()
        first.send_bytes(b"#WELCOME#")
        second.send_bytes(first.recv_bytes())
        first.send_bytes(second.recv_bytes())
        assert first.recv_bytes() == b"#FAILURE#"
    finally:
        for line in lines:
            line.close()
        for worker in workers:
            worker.join()
        listener.close()
    assert len(refused) == 2


def test_a_fault_names_no_file_of_the_master():
    with pair() as (here, there):
        here.send(("#ERROR", FileNotFoundError(2, "No such file or directory", "/srv/secret")))
        here.send(("#TRACEBACK", 'Traceback:\n  File "/srv/a.py", line 1\nKeyError: 5\n'))
        here.send(("#UNSERIALIZABLE", 'Traceback:\n  File "/srv/a.py", line 1\nKeyError: 5\n'))
        assert there.recv() == ["#ERROR", {"error": "FileNotFoundError", "text": "No such file or directory"}]
        assert there.recv() == ["#TRACEBACK", "KeyError: 5"]
        assert there.recv() == ["#UNSERIALIZABLE", "KeyError: 5"]
