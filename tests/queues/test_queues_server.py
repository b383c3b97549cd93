"""Hostile and broken peers, while a good worker goes on; workers that vanish; an end that leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pathlib
import pickle
import signal
import socket
import struct
import sys
import textwrap
import time

import msgspec
import pytest
from fake_master import CONTROL, KEY, FakeBroker, admitted, connected, hello, serving, threads, until

from acrawl.errors import KeyProblem, PortInUse, RemoteFault, UsageError
from acrawl.outcome import Outcome
from acrawl.queues import wire
from acrawl.queues.server import QueueManager
from acrawl.queues.wire import connect
from acrawl.settings import Queues

encode = msgspec.msgpack.encode


class Evil:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, mark: pathlib.Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


def ask(address: tuple[str, int], data: bytes, *, first: bool = False) -> bytes:
    """Send raw bytes as a trusted peer; the answer, or b"" when the other end hangs up."""
    line = connect(address, KEY, None, 1 << 20) if first else admitted(address)
    line.patience = 5.0
    try:
        line.send_bytes(data)
        return line.recv_bytes()
    except (EOFError, ConnectionError):
        return b""
    finally:
        line.close()


def test_the_bait_works(tmp_path):
    pickle.loads(pickle.dumps(Evil(tmp_path / "mark")))
    assert (tmp_path / "mark").exists()


@pytest.mark.asyncio
async def test_no_pickle_of_a_trusted_peer_ever_runs(tmp_path):
    mark = tmp_path / "mark"
    bait = pickle.dumps(Evil(mark))
    async with serving(FakeBroker()) as manager, connected(manager.address) as good:
        await good.hello(hello())
        for data, first in [
            (pickle.dumps((None, "dummy", (Evil(mark),), {})), True),
            (bait, True),
            (pickle.dumps(("task_queue", "hello", (Evil(mark),), {})), False),
            (encode(["task_queue", "hello", [bait], {}]), False),
            (encode(["result_queue", "put", ["w1", 7, bait], {}]), False),
            (encode(["result_queue", "chunk", ["w1", "u", 0, bait, ""], {}]), False),
        ]:
            await asyncio.to_thread(ask, manager.address, data, first=first)
            assert not mark.exists()
        assert await good.renew("w1", 7, {}) == []


@pytest.mark.asyncio
async def test_nothing_but_the_three_queues_is_served():
    names = ["shutdown", "create", "incref", "decref", "debug_info", "number_of_objects", "get_methods", "stop",
             "__init__", "serve_client", "", None, 5, ["dummy"], {"a": 1}]  # fmt: skip
    calls = [
        ["task_queue", "#GETVALUE", [], {}], ["task_queue", "__repr__", [], {}], ["task_queue", "__class__", [], {}],
        ["task_queue", "_door", [], {}], ["result_queue", "get", ["w1", 1, 0], {}], ["0", "get", [], {}],
        ["control", "_check", [CONTROL], {}], [["task_queue"], "get", [], {}], ["task_queue", ["get"], [], {}],
        ["task_queue", "renew", ["w1", 7, {}], {"a": 1}], ["task_queue", "get"], 5, {"a": 1}, None, [], "x",
        ["task_queue", "get", 5, 6], ["task_queue", "get", ["w1", 10**6, 0], {}],
        ["task_queue", "get", ["w1", 1, 10**9], {}],
        ["task_queue", "renew", ["w1", "x", 5], {}], ["task_queue", "hello", [b"garbage"], {}],
        ["result_queue", "put", ["w1", 7, b"\xc1"], {}], ["result_queue", "put", ["w1", 7, encode([[1]])], {}],
    ]  # fmt: skip
    async with serving(FakeBroker()) as manager, connected(manager.address) as good:
        await good.hello(hello())
        for data, first in [(encode([None, n, [], {}]), True) for n in names] + [(encode(c), False) for c in calls]:
            answer = await asyncio.to_thread(ask, manager.address, data, first=first)
            assert answer == b"" or msgspec.msgpack.decode(answer)[0] != "#RETURN", data
            assert b"/" not in answer.replace(b"N/A", b""), f"a file path crossed: {answer!r}"
        assert await good.renew("w1", 7, {}) == []
        assert manager._server is not None
        assert not manager._server.stop_event.is_set()


@pytest.mark.asyncio
async def test_no_traceback_crosses_even_when_the_answer_cannot_be_sent():
    broker = FakeBroker()
    broker.work = [b"x" * 5000]
    async with serving(broker, settings=Queues(max_message=5000)) as manager:
        line = await asyncio.to_thread(admitted, manager.address)
        try:
            line.send(("task_queue", "hello", [encode(hello())], {}))
            assert (await asyncio.to_thread(line.recv))[0] == "#RETURN"
            line.send(("task_queue", "get", ["w1", 1, 0.0], {}))
            kind, text = await asyncio.to_thread(line.recv)
        finally:
            line.close()
    assert kind != "#RETURN"
    assert "File " not in str(text)
    assert ".py" not in str(text)


@pytest.mark.asyncio
async def test_a_fault_of_the_master_crosses_as_one_line():
    broker = FakeBroker()
    broker.fault = ValueError("first line\nsecond line")
    async with serving(broker) as manager, connected(manager.address) as good:
        await good.hello(hello())
        with pytest.raises(RemoteFault, match="ValueError: first line"):
            await good.lease("w1", 1, 0)
        assert await good.renew("w1", 7, {}) == []


@pytest.mark.asyncio
async def test_garbage_and_silence_hold_nobody_up():
    async with serving(FakeBroker(), auth_seconds=0.5) as manager, connected(manager.address) as good:
        await good.hello(hello())
        peers = []
        for data in (b"", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01" * 30, b"\xff" * 400,
                     struct.pack("!i", 0x7FFFFFFF), struct.pack("!i", 1000) + b"half", b"\0\0\0\0" * 9):  # fmt: skip
            peer = socket.create_connection(manager.address)
            peer.sendall(data)
            peers.append(peer)
        try:
            assert await good.renew("w1", 7, {1 << 50: True}) == [1 << 50]
            # After the deadline the server has hung up on each of them.
            for peer in peers:
                peer.settimeout(5)
                with contextlib.suppress(ConnectionResetError):  # another way of hanging up
                    while await asyncio.to_thread(peer.recv, 4096):
                        pass
        finally:
            for peer in peers:
                peer.close()
        assert await good.renew("w1", 7, {}) == []


@pytest.mark.asyncio
async def test_a_flood_of_silent_peers_is_bounded_and_a_worker_still_gets_in():
    async with serving(FakeBroker()) as manager:
        before = len(threads())
        peers = [socket.create_connection(manager.address) for _ in range(200)]
        try:
            async with connected(manager.address) as good:
                await good.hello(hello())
                assert await good.renew("w1", 7, {}) == []
            await until(lambda: len(threads()) - before <= 70)
        finally:
            for peer in peers:
                peer.close()


@pytest.mark.asyncio
async def test_an_oversize_or_half_message_of_a_trusted_peer_ends_its_connection_only(monkeypatch):
    monkeypatch.setattr(wire, "MESSAGE_SECONDS", 0.3)
    async with serving(FakeBroker()) as manager, connected(manager.address) as good:
        await good.hello(hello())
        for data in (struct.pack("!i", 0x7FFFFFFF), struct.pack("!i", -5), struct.pack("!i", 1000) + b"half"):
            line = await asyncio.to_thread(admitted, manager.address)
            os.write(line.fileno(), data)
            with pytest.raises((EOFError, ConnectionError)):
                await asyncio.to_thread(line.recv)
            line.close()
        assert await good.renew("w1", 7, {}) == []


@pytest.mark.asyncio
@pytest.mark.parametrize("key", [b"", b"short", b"x" * 15])
async def test_a_short_key_is_refused(key):
    with pytest.raises(KeyProblem, match="at least 16"):
        QueueManager(FakeBroker(), asyncio.get_running_loop(), ("127.0.0.1", 0), key, control_key=CONTROL)


@pytest.mark.asyncio
@pytest.mark.parametrize("host", ["0.0.0.0", "", "::", "192.0.2.1", "example.org", "127.0.0.1.example.org"])
async def test_an_address_beyond_loopback_is_refused_without_tls(host):
    with pytest.raises(UsageError, match="TLS"):
        QueueManager(FakeBroker(), asyncio.get_running_loop(), (host, 0), KEY, control_key=CONTROL)


@pytest.mark.asyncio
async def test_a_taken_port_is_named():
    async with serving(FakeBroker()) as manager:
        second = QueueManager(FakeBroker(), asyncio.get_running_loop(), manager.address, KEY, control_key=CONTROL)
        with pytest.raises(PortInUse, match=str(manager.address[1])):
            second.start()
        await second.stop()


@pytest.mark.asyncio
async def test_control_needs_its_own_token():
    broker = FakeBroker()
    async with serving(broker) as manager, connected(manager.address) as client:
        for token in ("", "wrong", KEY.decode()):
            with pytest.raises(KeyProblem, match="control token"):
                await client.command(token, "pause")
        await client.command(CONTROL, "pause")
        assert (await client.snapshot(CONTROL)).discovered == 3
        assert (await client.explain(CONTROL, "http://a/")).depth == 2
        with pytest.raises(UsageError, match="no command"):
            await client.command(CONTROL, "explode")
        assert broker.said("command") == [("command", "pause")]


@pytest.mark.asyncio
async def test_one_connection_speaks_for_one_worker_only():
    broker = FakeBroker()
    async with serving(broker) as manager, connected(manager.address) as other:
        await other.hello(hello("other"))
        line = await asyncio.to_thread(admitted, manager.address)
        try:
            line.send(("task_queue", "hello", [encode(hello("mine"))], {}))
            await asyncio.to_thread(line.recv)
            line.send(("result_queue", "put", ["other", 7, encode([Outcome(1, "fetched")])], {}))
            kind, _ = await asyncio.to_thread(line.recv)
        finally:
            line.close()
    assert kind == "#ERROR"
    assert broker.said("report") == []


WORKER = """
    import asyncio, sys
    from acrawl.queues.client import QueueClient
    from acrawl.queues.messages import Hello

    async def main(port, parked):
        client = QueueClient(("127.0.0.1", port), b"a key of more than sixteen bytes")
        await client.hello(Hello("victim", "1", "spider", "0" * 64))
        await client.lease("victim", 1, 0.0)
        print("leased", flush=True)
        await (client.lease("victim", 1, parked) if parked else asyncio.sleep(60))

    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))
"""


@pytest.mark.process
@pytest.mark.asyncio
@pytest.mark.parametrize("parked", [0.0, 15.0])
async def test_the_master_hears_of_a_killed_worker(parked):
    broker = FakeBroker()
    async with serving(broker) as manager:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", textwrap.dedent(WORKER), str(manager.address[1]), str(parked),
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            assert process.stdout is not None
            assert await process.stdout.readline() == b"leased\n"
            await until(lambda: len(broker.said("lease")) == (2 if parked else 1))
            assert broker.lost == []
        finally:
            process.send_signal(signal.SIGKILL)
            await process.wait()
        # Also while its call is parked: long before the park would end.
        await until(lambda: broker.lost == ["victim"], 5)


@pytest.mark.asyncio
async def test_a_worker_that_says_goodbye_is_not_reported_as_gone():
    broker = FakeBroker()
    async with serving(broker) as manager:
        async with connected(manager.address) as client:
            await client.hello(hello())
            await client.lease("w1", 1, 0.0)
            await client.bye("w1")
        await until(lambda: not manager._server._clients)
        await asyncio.sleep(0)
        assert broker.said("bye") == [("bye", "w1")]
        assert broker.lost == []


@pytest.mark.asyncio
@pytest.mark.parametrize("call", ["lease", "listen"])
async def test_stop_does_not_wait_for_a_parked_call(call):
    broker = FakeBroker()
    async with serving(broker) as manager, connected(manager.address, settings=Queues(reconnect_seconds=0)) as client:
        await client.hello(hello())
        parked = asyncio.create_task(
            client.lease("w1", 1, 20.0) if call == "lease" else client.listen("w1", "run", 0, 20.0)
        )
        await broker.parked.wait()
        begun = time.monotonic()
        await manager.stop()
        assert not [thread for thread in threads() if thread.name.startswith("acrawl-")]
        assert time.monotonic() - begun < 5
        parked.cancel()
        await asyncio.gather(parked, return_exceptions=True)


@pytest.mark.asyncio
async def test_stop_may_be_called_twice_and_before_start():
    manager = QueueManager(FakeBroker(), asyncio.get_running_loop(), ("127.0.0.1", 0), KEY, control_key=CONTROL)
    await manager.stop()
    manager.start()
    await manager.stop()
    await manager.stop()


@pytest.mark.asyncio
async def test_two_servers_in_one_process_differ():
    one, two = FakeBroker(1), FakeBroker(2)
    async with (
        serving(one) as first,
        serving(two) as second,
        connected(first.address) as a,
        connected(second.address) as b,
    ):
        assert ((await a.hello(hello())).epoch, (await b.hello(hello())).epoch) == (1, 2)
