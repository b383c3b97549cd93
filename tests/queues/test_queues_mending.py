"""A connection that broke: who waits, who says hello, who gives up, and what faults look like from afar."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import Counter

import pytest
from fake_master import CONTROL, FakeBroker, connected, hello, serving, until

from acrawl.errors import FetchError, FolderProblem, MasterUnreachable, RemoteFault, VersionMismatch
from acrawl.outcome import Outcome
from acrawl.queues import client as client_module
from acrawl.queues.client import QueueClient


def greeting(client: QueueClient, **kwds: object) -> Counter[str]:
    """Have a client say hello after each break; counts how often it was tried and how often it was let in."""
    count: Counter[str] = Counter()

    async def again() -> None:
        count["tried"] += 1
        await client.hello(hello(**kwds))
        count["let in"] += 1

    client.on_reconnect = again
    return count


@pytest.mark.asyncio
async def test_calls_parked_at_the_break_go_on_after_one_hello():
    before, after = FakeBroker(1), FakeBroker(2)
    after.work, after.state = [b"new work"], "drain"
    async with contextlib.AsyncExitStack() as stack:
        manager = await stack.enter_async_context(serving(before))
        client = await stack.enter_async_context(connected(manager.address))
        await client.hello(hello())
        hellos = greeting(client, held=[11])
        # Given a parked lease and a parked listener, and a connection at rest
        await client.report("w1", 1, [])
        leased = asyncio.create_task(client.lease("w1", 5, 20.0))
        heard = asyncio.create_task(client.listen("w1", "run", 0, 20.0))
        await until(lambda: before.said("lease") and before.said("listen"))
        # When the master goes and another comes
        await manager.stop()
        await stack.enter_async_context(serving(after, port=manager.address[1]))
        # Then both are answered by the new one, and the connection at rest is made anew, after one hello
        batch = await leased
        assert (batch.epoch, batch.tickets[0].leases[0].body) == (2, b"new work")
        assert (await heard).state == "drain"
        assert (await client.report("w1", 1, [Outcome(11, "fetched")])).accepted == 1
    assert after.calls[0] == ("hello", "w1", (11,))
    assert (hellos["let in"], len(after.said("hello"))) == (1, 1)


@pytest.mark.asyncio
async def test_two_breaks_are_mended_by_two_hellos():
    broker = FakeBroker()
    async with serving(broker) as manager, connected(manager.address) as client:
        await client.hello(hello())
        hellos = greeting(client)
        for times in (1, 2):
            await client.report("w1", 7, [])
            await client.renew("w1", 7, {})
            await manager.stop()
            manager.start()
            await asyncio.gather(client.report("w1", 7, []), client.renew("w1", 7, {}), client.release("w1", 7, [1]))
            assert hellos["let in"] == times


@pytest.mark.asyncio
async def test_a_master_that_forgot_its_worker_hears_hello_again():
    broker = FakeBroker()
    async with serving(broker) as manager, connected(manager.address) as client:
        await client.hello(hello())
        hellos = greeting(client)
        manager._door.left("w1")
        assert await client.renew("w1", 7, {}) == []
        assert hellos["let in"] == 1


@pytest.mark.asyncio
async def test_a_worker_that_no_longer_fits_learns_it_when_it_returns():
    async with serving(FakeBroker()) as manager, connected(manager.address) as client:
        await client.hello(hello())
        greeting(client, version="0")
        await client.renew("w1", 7, {})
        await manager.stop()
        manager.start()
        with pytest.raises(VersionMismatch, match="this worker's is 0"):
            await client.renew("w1", 7, {})


@pytest.mark.asyncio
async def test_close_ends_calls_that_wait_for_a_master(monkeypatch):
    monkeypatch.setattr(client_module.random, "uniform", lambda least, most: 300.0)  # pauses of half a minute
    async with serving(FakeBroker()) as manager, connected(manager.address) as client:
        await client.hello(hello())
        hellos = greeting(client)
        await manager.stop()
        waiting = [asyncio.create_task(client.renew("w1", 7, {})), asyncio.create_task(client.report("w1", 7, []))]
        # Given calls that are between two attempts
        await until(lambda: hellos["tried"])
        await client.close()
        # Then they end now, without another attempt reaching out
        done, left = await asyncio.wait(waiting, timeout=10)
        assert left == set()
        assert all(isinstance(task.exception(), OSError) for task in done)


@pytest.mark.asyncio
async def test_a_closed_client_connects_to_nobody():
    broker = FakeBroker()
    async with serving(broker) as manager:
        client = QueueClient(manager.address, b"a key of more than sixteen bytes")
        await client.close()
        before = set(threading.enumerate())
        for call in (client.hello(hello()), client.renew("w1", 7, {}), client.report("w1", 7, [])):
            with pytest.raises(ConnectionAbortedError, match="closed"):
                await call
        await client.bye("w1")
        assert set(threading.enumerate()) <= before
    assert broker.calls == []


@pytest.mark.asyncio
async def test_a_person_is_told_at_once_that_no_master_is_there():
    async with serving(FakeBroker()) as manager, connected(manager.address) as client:
        assert (await client.snapshot(CONTROL)).discovered == 3
        await manager.stop()
        for call in (client.command(CONTROL, "pause"), client.snapshot(CONTROL), client.explain(CONTROL, "http://a/")):
            with pytest.raises(MasterUnreachable, match=str(manager.address[1])):
                await call


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("fault", "kind", "text"),
    [
        (FetchError("timeout", "after 5 s"), RemoteFault, "FetchError: timeout: after 5 s"),
        (ZeroDivisionError("division by zero"), RemoteFault, "ZeroDivisionError: division by zero"),
        (PermissionError(13, "Permission denied", "/srv/a.db"), RemoteFault, "PermissionError: Permission denied"),
        (RuntimeError('first\n  File "/srv/a.py"'), RemoteFault, "RuntimeError: first"),
        (TimeoutError(), RemoteFault, "TimeoutError: "),
        (FolderProblem("the disk is full"), FolderProblem, "the disk is full"),
    ],
)
async def test_a_fault_of_the_master_arrives_by_name_and_in_one_line(fault, kind, text):
    broker = FakeBroker()
    broker.fault = fault
    async with serving(broker) as manager, connected(manager.address) as client:
        await client.hello(hello())
        with pytest.raises(kind) as caught:
            await client.lease("w1", 1, 1.0)
        assert (type(caught.value), str(caught.value)) == (kind, text)
        assert await client.renew("w1", 7, {}) == []
