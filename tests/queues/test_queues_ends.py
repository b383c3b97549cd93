"""When a worker counts as gone, and that a stopped server leaves nobody behind."""

from __future__ import annotations

import asyncio
import socket
import threading

import msgspec
import pytest
from fake_master import FakeBroker, admitted, asked, connected, hello, serving, until

from acrawl.queues.wire import WireConnection

encode = msgspec.msgpack.encode


@pytest.mark.asyncio
async def test_a_worker_is_gone_with_its_last_connection_for_leases():
    broker = FakeBroker()
    async with serving(broker) as manager:
        # Given three connections of one worker, two of which fetch leases
        lines = [await asyncio.to_thread(admitted, manager.address) for _ in range(3)]
        first, second, other = lines
        await asked(first, "task_queue", "hello", encode(hello()))
        for line in (first, second):
            assert (await asked(line, "task_queue", "get", "w1", 1, 0.0))[0] == "#RETURN"
        assert await asked(other, "task_queue", "renew", "w1", 7, {}) == ("#RETURN", [])
        # When one of those closes, and the one for other calls
        for line in (first, other):
            line.close()
        await until(lambda: len(manager._server._clients) == 1)
        # Then the worker is still there, as the next answer from the loop shows
        assert await asked(second, "task_queue", "renew", "w1", 7, {}) == ("#RETURN", [])
        assert broker.lost == []
        # and with the last it is gone, once.
        second.close()
        await until(lambda: broker.lost)
    assert broker.lost == ["w1"]


@pytest.mark.asyncio
async def test_a_worker_that_came_back_can_be_gone_again():
    broker = FakeBroker()
    async with serving(broker) as manager:
        for times in (1, 2):
            async with connected(manager.address) as client:
                await client.hello(hello())
                await client.lease("w1", 1, 0.0)
            await until(lambda times=times: len(broker.lost) == times)


@pytest.mark.asyncio
async def test_a_connection_without_leases_is_nobody_gone():
    broker = FakeBroker()
    async with serving(broker) as manager:
        async with connected(manager.address) as client:
            await client.hello(hello())
            await client.report("w1", 7, [])
        await until(lambda: not manager._server._clients)
    assert broker.lost == []


@pytest.mark.asyncio
async def test_stop_ends_peers_in_every_stage():
    async with serving(FakeBroker(), auth_seconds=60.0) as manager:
        # Given a silent peer, one in the middle of its proof, one in the middle of a message and one at rest
        strangers = [socket.create_connection(manager.address) for _ in range(2)]
        strangers[1].sendall(b"\0\0")
        trusted = [await asyncio.to_thread(admitted, manager.address) for _ in range(2)]
        raw: socket.socket = trusted[0]._socket
        raw.sendall(b"\0\0\1\0half")
        try:
            await until(lambda: len(serving_threads()) == 5)
            # When the queues stop
            await manager.stop()
            # Then nobody serves them any more, and each learns it
            assert serving_threads() == []
            for line in trusted:
                with pytest.raises((EOFError, OSError)):
                    await asyncio.to_thread(line.recv)
        finally:
            for peer in (*strangers, *trusted):
                peer.close()


@pytest.mark.asyncio
async def test_stop_ends_a_peer_that_was_being_accepted(monkeypatch):
    async with serving(FakeBroker(), auth_seconds=60.0) as manager:
        known = await asyncio.to_thread(admitted, manager.address)
        running, abort = manager._server, WireConnection.abort
        accepted, ending, accept = threading.Event(), threading.Event(), running.listener.accept

        def late() -> WireConnection:
            """Hand the peer over when the server already ends the others, or has had the time to."""
            made = accept()
            accepted.set()
            running.stop_event.wait(10)
            ending.wait(0.3)
            return made

        def noticed(self: WireConnection) -> None:
            ending.set()
            abort(self)

        monkeypatch.setattr(WireConnection, "abort", noticed)
        running.listener.accept = late
        # The accepter is still in an `accept` of its own: the first peer takes that, the second the late one.
        peers = [socket.create_connection(manager.address) for _ in range(2)]
        try:
            assert await asyncio.to_thread(accepted.wait, 5)
            await manager.stop(3.0)
            assert serving_threads() == []
        finally:
            for peer in (known, *peers):
                peer.close()


@pytest.mark.asyncio
async def test_a_stopped_server_starts_again_at_the_same_place():
    async with serving(FakeBroker()) as manager:
        address = manager.address
        for _ in range(2):
            async with connected(address) as client:
                await client.hello(hello())
                assert await client.renew("w1", 7, {}) == []
            await manager.stop()
            manager.start()
            assert manager.address == address


def serving_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("acrawl-")]
