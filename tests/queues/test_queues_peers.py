"""What peers may not do: speak out of turn, in another's name, too much, too slowly, or in too great a number."""

from __future__ import annotations

import asyncio
import socket
import threading

import msgspec
import pytest
from fake_master import (
    CONTROL,
    KEY,
    FakeBroker,
    admitted,
    asked,
    certified,
    connected,
    hello,
    serving,
    until,
)

from acrawl.errors import KeyProblem, MasterUnreachable
from acrawl.outcome import Outcome
from acrawl.queues import server, wire
from acrawl.queues.messages import News
from acrawl.queues.server import QueueManager
from acrawl.queues.tls import client_tls
from acrawl.queues.wire import connect

encode = msgspec.msgpack.encode


def serving_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("acrawl-")]


def hung_up(peer: socket.socket) -> bool:
    """Read all there is; whether the other end has hung up. Does not block."""
    peer.setblocking(False)
    try:
        while data := peer.recv(4096):
            assert data
    except BlockingIOError:
        return False
    except ConnectionResetError:  # another way of hanging up
        return True
    return True


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("queue", "method", "arguments"),
    [
        ("task_queue", "get", ("w1", 1, 0.0)),
        ("task_queue", "renew", ("w1", 7, {1: True})),
        ("task_queue", "release", ("w1", 7, [1])),
        ("task_queue", "jar", ("w1", "a.test", "")),
        ("task_queue", "listen", ("w1", "run", 0, 0.0)),
        ("task_queue", "bye", ("w1",)),
        ("result_queue", "put", ("w1", 7, encode([Outcome(1, "fetched")]))),
        ("result_queue", "chunk", ("w1", "u", 0, b"x", "")),
    ],
)
async def test_nothing_is_done_for_a_worker_that_said_no_hello(queue, method, arguments):
    broker = FakeBroker()
    async with serving(broker) as manager:
        line = await asyncio.to_thread(admitted, manager.address)
        try:
            for name in (arguments[0], "", None, ["w1"], {"w1": 1}, 5):
                kind, result = await asked(line, queue, method, name, *arguments[1:])
                assert (kind, result["error"]) == ("#ERROR", "KeyProblem")
        finally:
            line.close()
    assert broker.calls == []


@pytest.mark.asyncio
async def test_a_second_name_on_one_connection_is_refused_and_the_first_stays_known():
    broker = FakeBroker()
    async with serving(broker) as manager:
        line = await asyncio.to_thread(admitted, manager.address)
        # Given a connection that fetches leases for one worker
        assert (await asked(line, "task_queue", "hello", encode(hello("first"))))[0] == "#RETURN"
        assert (await asked(line, "task_queue", "get", "first", 1, 0.0))[0] == "#RETURN"
        # When it says hello as another
        kind, result = await asked(line, "task_queue", "hello", encode(hello("second")))
        # Then that is refused before the master hears of it
        assert (kind, result["error"]) == ("#ERROR", "WireError")
        assert len(broker.said("hello")) == 1
        # and when it closes, it is the first that is gone
        line.close()
        await until(lambda: broker.lost)
    assert broker.lost == ["first"]


@pytest.mark.asyncio
async def test_a_hello_without_a_name_is_refused():
    broker = FakeBroker()
    async with serving(broker) as manager:
        line = await asyncio.to_thread(admitted, manager.address)
        try:
            kind, result = await asked(line, "task_queue", "hello", encode(hello("")))
        finally:
            line.close()
    assert (kind, result["error"]) == ("#ERROR", "WireError")
    assert broker.calls == []


@pytest.mark.asyncio
async def test_a_number_is_no_piece_of_a_file():
    """`bytes` of a number is that many zeros: one call would take the master's memory."""
    broker = FakeBroker()
    async with serving(broker) as manager:
        line = await asyncio.to_thread(admitted, manager.address)
        try:
            await asked(line, "task_queue", "hello", encode(hello()))
            for data in (100, [1, 2], "text", None):
                kind, result = await asked(line, "result_queue", "chunk", "w1", "u", 0, data, "")
                assert (kind, result["error"]) == ("#ERROR", "UsageError")
        finally:
            line.close()
    assert broker.said("chunk") == []


@pytest.mark.asyncio
@pytest.mark.parametrize(("asked_for", "granted"), [(float("nan"), 0.0), (-5.0, 0.0), (float("inf"), 20.0), (1, 1.0)])
async def test_no_listener_is_parked_longer_than_the_limit(asked_for, granted):
    broker = FakeBroker()
    async with serving(broker) as manager:
        line = await asyncio.to_thread(admitted, manager.address)
        try:
            await asked(line, "task_queue", "hello", encode(hello()))
            assert await asked(line, "task_queue", "listen", "w1", "pause", 3, asked_for) == (
                "#RETURN",
                encode(News("run", 4, {"http://a": 2.5})),
            )
            kind, result = await asked(line, "task_queue", "get", "w1", 1, float("nan"))
            assert (kind, result["error"]) == ("#ERROR", "UsageError")
        finally:
            line.close()
    assert broker.said("listen") == [("listen", "w1", "pause", 3, granted)]


@pytest.mark.asyncio
@pytest.mark.parametrize("token", ["", None, 5, b"", [CONTROL]])
async def test_control_without_a_token_of_its_own_is_closed(token):
    manager = QueueManager(FakeBroker(), asyncio.get_running_loop(), ("127.0.0.1", 0), KEY, control_key="")
    manager.start()
    try:
        line = await asyncio.to_thread(admitted, manager.address)
        try:
            kind, result = await asked(line, "control", "snapshot", token)
        finally:
            line.close()
    finally:
        await manager.stop()
    assert (kind, result["error"]) == ("#ERROR", "KeyProblem")


@pytest.mark.asyncio
async def test_nesting_without_end_ends_one_connection_only():
    async with serving(FakeBroker()) as manager, connected(manager.address) as good:
        await good.hello(hello())
        line = await asyncio.to_thread(admitted, manager.address)
        try:
            line.send_bytes(b"\x91" * 100_000 + b"\xc0")
            with pytest.raises((EOFError, ConnectionError)):
                await asyncio.to_thread(line.recv)
        finally:
            line.close()
        assert await good.renew("w1", 7, {}) == []


@pytest.mark.asyncio
async def test_silent_peers_are_dropped_at_the_deadline_and_their_threads_end():
    async with serving(FakeBroker(), auth_seconds=0.4) as manager, connected(manager.address) as good:
        await good.hello(hello())
        await good.renew("w1", 7, {})
        before = sorted(serving_threads())
        peers = [socket.create_connection(manager.address) for _ in range(20)]
        try:
            await until(lambda: len(serving_threads()) > len(before))
            assert await good.renew("w1", 7, {}) == []
            await until(lambda: all(hung_up(peer) for peer in peers))
            await until(lambda: sorted(serving_threads()) == before)
        finally:
            for peer in peers:
                peer.close()
        assert await good.renew("w1", 7, {}) == []


@pytest.mark.asyncio
async def test_a_peer_that_drips_is_dropped_at_the_deadline_like_a_silent_one():
    async with serving(FakeBroker(), auth_seconds=0.4) as manager:
        with socket.create_connection(manager.address) as peer:
            over = False
            peer.settimeout(5)
            while not over:  # a byte whenever the server's next would be due; ended by the server
                try:
                    peer.sendall(b"\0")
                    over = hung_up(peer)
                except ConnectionError:
                    over = True
                await asyncio.sleep(0.02)
        await until(lambda: "acrawl-new" not in serving_threads())


@pytest.mark.asyncio
async def test_in_a_flood_the_oldest_stranger_is_dropped(monkeypatch):
    monkeypatch.setattr(server, "MAX_PENDING", 3)
    async with serving(FakeBroker(), auth_seconds=30.0) as manager, connected(manager.address) as good:
        await good.hello(hello())
        peers = []
        try:
            for _ in range(5):
                peers.append(socket.create_connection(manager.address))
                peers[-1].settimeout(5)
                assert await asyncio.to_thread(peers[-1].recv, 4)  # its question: it has been accepted
            await until(lambda: hung_up(peers[0]) and hung_up(peers[1]))
            assert [hung_up(peer) for peer in peers] == [True, True, False, False, False]
            # Those who are known stay, and one more who proves itself is let in.
            assert await good.renew("w1", 7, {}) == []
            async with connected(manager.address) as another:
                assert (await another.hello(hello("w2"))).epoch == 7
        finally:
            for peer in peers:
                peer.close()


@pytest.mark.asyncio
async def test_when_all_places_are_taken_the_next_is_told_so_and_gets_in_later(monkeypatch, hasty):
    monkeypatch.setattr(server, "MAX_CLIENTS", 2)
    async with serving(FakeBroker()) as manager:
        lines = [await asyncio.to_thread(admitted, manager.address) for _ in range(2)]
        try:
            async with connected(manager.address) as third:
                with pytest.raises(MasterUnreachable, match="2 connections are served already"):
                    await third.hello(hello())
            lines.pop().close()
            await until(lambda: len(serving_threads()) == 2)
            async with connected(manager.address) as third:
                assert (await third.hello(hello())).epoch == 7
        finally:
            for line in lines:
                line.close()


@pytest.mark.asyncio
@pytest.mark.parametrize("secured", [False, True])
async def test_a_worker_that_never_reads_its_answer_is_gone(secured, monkeypatch, tmp_path):
    monkeypatch.setattr(wire, "MESSAGE_SECONDS", 0.5)
    context, tls = None, None
    if secured:
        context, certificate, pin = certified(tmp_path)
        tls = client_tls(certificate, pin)
    broker = FakeBroker()
    broker.work = [bytes(30_000_000)]
    async with serving(broker, tls=context) as manager:
        line = await asyncio.to_thread(admitted, manager.address, tls)
        try:
            await asked(line, "task_queue", "hello", encode(hello()))
            line.send(("task_queue", "get", ["w1", 1, 0.0], {}))
            await until(lambda: broker.lost == ["w1"])
        finally:
            line.close()


@pytest.mark.asyncio
async def test_wrong_keys_hold_no_worker_up():
    async with serving(FakeBroker()) as manager, connected(manager.address) as good:
        await good.hello(hello())
        for _ in range(10):
            with pytest.raises(KeyProblem):
                await asyncio.to_thread(connect, manager.address, b"not the key of it all", None, 1 << 20)
            assert await good.renew("w1", 7, {}) == []
