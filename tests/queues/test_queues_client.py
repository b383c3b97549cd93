"""The worker's side: each call, a lost and a returning master, a false one, and an end that leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import socket
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing import connection

import pytest
from fake_master import IMPATIENT, KEY, FakeBroker, connected, hello, serving, until

from acrawl.cookie import Cookie, JarCopy
from acrawl.errors import AcrawlError, KeyProblem, MasterUnreachable, VersionMismatch
from acrawl.outcome import Outcome, Receipt
from acrawl.queues.messages import News
from acrawl.queues.wire import WireConnection, challenge_keys
from acrawl.settings import Queues


@contextlib.contextmanager
def false_master(serve: Callable[[socket.socket], None]) -> Iterator[tuple[str, int]]:
    """Something that listens where a master should; ``serve`` treats each connection, in a thread."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.05)
    over = threading.Event()
    raws: list[socket.socket] = []
    serving: list[threading.Thread] = []

    def treat(raw: socket.socket) -> None:
        with contextlib.suppress(Exception):  # the client hangs up on a false master: that is what is tested
            serve(raw)

    def accept() -> None:
        while not over.is_set():
            try:
                raw, _ = listener.accept()
            except TimeoutError:
                continue
            raws.append(raw)
            serving.append(threading.Thread(target=treat, args=(raw,)))
            serving[-1].start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield listener.getsockname()
    finally:
        over.set()
        accepting.join()
        for raw in raws:
            with contextlib.suppress(OSError):  # closed by ``serve``
                raw.shutdown(socket.SHUT_RDWR)
        for thread in serving:
            thread.join()
        for raw in raws:
            raw.close()
        listener.close()


def knows_the_key(raw: socket.socket) -> WireConnection:
    line = WireConnection(raw, 1 << 20, time.monotonic() + 10)
    masters, workers = challenge_keys(KEY)
    connection.deliver_challenge(line, masters)
    connection.answer_challenge(line, workers)
    return line


@pytest.mark.asyncio
async def test_every_call_arrives_and_is_answered():
    broker = FakeBroker()
    broker.work = [b"one", b"two"]
    async with serving(broker) as manager, connected(manager.address) as client:
        welcome = await client.hello(hello(held=[5]))
        assert (welcome.epoch, welcome.secret, welcome.arguments) == (7, b"secret", {"urls": "http://a/"})
        batch = await client.lease("w1", 50, 1.0)
        assert [lease.body for lease in batch.tickets[0].leases] == [b"one", b"two"]
        assert await client.renew("w1", 7, {1: True, 1 << 50: False}) == [1 << 50]
        outcomes = [Outcome(1, "fetched", size=9), Outcome(2, "failed", "timeout")]
        assert await client.report("w1", 7, outcomes) == Receipt(2, 1)
        await client.release("w1", 7, [3, 4])
        assert await client.jar("w1", "a.test", "anna") == JarCopy(5, [Cookie("a", "1", "a.test")])
        assert await client.listen("w1", "pause", 4, 1.0) == News("run", 5, {"http://a": 2.5})
        assert await client.chunk("w1", "u", 0, b"x" * 70_000, "") is True
        await client.bye("w1")
    assert broker.said("renew") == [("renew", "w1", 7, {1: True, 1 << 50: False})]
    assert broker.said("report") == [("report", "w1", 7, outcomes)]
    assert broker.said("release") == [("release", "w1", 7, [3, 4])]
    assert broker.said("jar") == [("jar", "w1", "a.test", "anna")]
    assert broker.said("chunk") == [("chunk", "w1", "u", 0, 70_000, "")]


@pytest.mark.asyncio
async def test_a_parked_call_holds_no_other_call_up():
    broker = FakeBroker()
    async with serving(broker) as manager, connected(manager.address) as client:
        await client.hello(hello())
        parked = asyncio.create_task(client.lease("w1", 1, 20.0))
        await broker.parked.wait()
        assert await client.report("w1", 7, []) == Receipt(0, 1)
        assert await client.renew("w1", 7, {}) == []
        await client.release("w1", 7, [1])
        assert not parked.done()
        parked.cancel()


@pytest.mark.asyncio
async def test_a_refused_worker_learns_why():
    async with serving(FakeBroker()) as manager, connected(manager.address) as client:
        with pytest.raises(VersionMismatch, match="this worker's is 0"):
            await client.hello(hello(version="0"))


@pytest.mark.asyncio
async def test_a_wrong_key_is_refused_at_once():
    async with serving(FakeBroker()) as manager, connected(manager.address, b"another key of sixteen") as client:
        begun = time.monotonic()
        with pytest.raises(KeyProblem):
            await client.hello(hello())
        assert time.monotonic() - begun < 5


@pytest.mark.asyncio
async def test_a_worker_finds_its_master_again_and_says_hello_first():
    broker, after = FakeBroker(1), FakeBroker(2)
    async with contextlib.AsyncExitStack() as stack:
        manager = await stack.enter_async_context(serving(broker))
        client = await stack.enter_async_context(connected(manager.address))
        await client.hello(hello())

        async def again() -> None:
            await client.hello(hello(held=[11, 12]))

        client.on_reconnect = again
        # Given connections for every purpose
        await client.lease("w1", 1, 0.0)
        await client.report("w1", 1, [])
        await client.renew("w1", 1, {})
        await client.listen("w1", "pause", 0, 0.0)
        # When the master is stopped, and another is started later at the same place
        await manager.stop()
        calls = asyncio.gather(
            client.report("w1", 1, [Outcome(11, "fetched")]),
            client.renew("w1", 1, {11: True}),
            client.lease("w1", 1, 0.0),
        )
        await asyncio.sleep(0)
        await stack.enter_async_context(serving(after, port=manager.address[1]))
        # Then every call is answered, after one hello that names what the worker holds
        receipt, _, batch = await calls
        assert (receipt.accepted, batch.epoch) == (1, 2)
        assert await client.listen("w1", "pause", 4, 0.0) == News("run", 5, {"http://a": 2.5})
        assert after.calls[0] == ("hello", "w1", (11, 12))
        assert len(after.said("hello")) == 1, "one break, one hello"
        assert len(after.said("report")) == 1


@pytest.mark.asyncio
async def test_a_master_that_does_not_return_is_given_up():
    async with serving(FakeBroker()) as manager, connected(manager.address, settings=IMPATIENT) as client:
        await client.hello(hello())

        tries = []

        async def again() -> None:
            tries.append(1)
            await client.hello(hello())

        client.on_reconnect = again
        await manager.stop()
        calls = [client.renew("w1", 7, {}), client.report("w1", 7, []), client.lease("w1", 1, 0.0)]
        tasks = [asyncio.create_task(call) for call in calls]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        searched = len(tries)
        # Each call learns it, after one search for all of them.
        for error in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(error, MasterUnreachable)
            assert str(manager.address[1]) in str(error)
        assert len(tries) == searched > 1


@pytest.mark.asyncio
async def test_close_ends_a_parked_call():
    broker = FakeBroker()
    async with serving(broker) as manager, connected(manager.address) as client:
        await client.hello(hello())
        parked = [
            asyncio.create_task(client.lease("w1", 1, 20.0)),
            asyncio.create_task(client.listen("w1", "run", 0, 20.0)),
        ]
        await until(lambda: broker.said("lease") and broker.parked.is_set())
        begun = time.monotonic()
        await client.close()
        ended = await asyncio.gather(*parked, return_exceptions=True)
        assert time.monotonic() - begun < 5
        assert all(isinstance(error, Exception) for error in ended)
        await client.close()


@pytest.mark.asyncio
async def test_a_call_after_close_raises():
    async with serving(FakeBroker()) as manager, connected(manager.address) as client:
        await client.hello(hello())
        await client.close()
        with pytest.raises((OSError, RuntimeError, AcrawlError)):
            await client.renew("w1", 7, {})


@pytest.mark.asyncio
async def test_close_does_not_wait_for_a_master_that_says_nothing():
    def serve(raw: socket.socket) -> None:
        line = knows_the_key(raw)
        line.recv()
        line.recv()  # what was asked stays unanswered

    with false_master(serve) as address:
        async with connected(address) as client:
            asking = asyncio.create_task(client.hello(hello()))
            done, _ = await asyncio.wait([asking], timeout=0.5)
            assert not done
            begun = time.monotonic()
            await client.close()
            assert time.monotonic() - begun < 10
            await asyncio.gather(asking, return_exceptions=True)


class Evil:
    def __init__(self, mark: str) -> None:
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (self.mark,)


@pytest.mark.asyncio
@pytest.mark.parametrize("where", ["first answer", "method answer"])
async def test_no_pickle_of_a_false_master_ever_runs(where, tmp_path, hasty):
    mark = tmp_path / "mark"

    def serve(raw: socket.socket) -> None:
        line = knows_the_key(raw)
        line.recv()
        if where == "method answer":
            line.send(("#RETURN", None))
            line.recv()
        line.send_bytes(pickle.dumps(("#RETURN", Evil(str(mark)))))
        line.close()

    with false_master(serve) as address:
        async with connected(address, settings=IMPATIENT) as client:
            with pytest.raises(AcrawlError):
                await asyncio.wait_for(client.hello(hello()), 20)
    assert not mark.exists()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "answer",
    [["#RETURN", 5], ["#RETURN", b"\xc1"], ["#RETURN", b"\x01"], ["#PROXY", [1, 2]], ["#RETURN"], 5, None,
     ["#WHAT", {}], ["#ERROR", None], ["#TRACEBACK", 5]],
)  # fmt: skip
async def test_a_nonsensical_answer_is_an_error_of_ours(answer, hasty):
    def serve(raw: socket.socket) -> None:
        line = knows_the_key(raw)
        line.recv()
        line.send(("#RETURN", None))
        line.recv()
        line.send(answer)
        line.close()

    with false_master(serve) as address:
        async with connected(address, settings=IMPATIENT) as client:
            with pytest.raises(AcrawlError):
                await asyncio.wait_for(client.hello(hello()), 20)


@pytest.mark.asyncio
@pytest.mark.parametrize("banner", [b"\0\0\0\x05hello", b"\0\0\x00\x16SSH-2.0-OpenSSH_9.2p1\n"])
async def test_another_service_at_the_address_is_an_error_of_ours(banner, hasty):
    with false_master(lambda raw: raw.sendall(banner)) as address:
        async with connected(address, settings=IMPATIENT) as client:
            with pytest.raises(AcrawlError):
                await asyncio.wait_for(client.hello(hello()), 20)


@pytest.mark.asyncio
async def test_a_message_over_the_limit_is_an_error_of_ours():
    async with (
        serving(FakeBroker()) as manager,
        connected(manager.address, settings=Queues(max_message=10_000)) as client,
    ):
        await client.hello(hello())
        with pytest.raises(AcrawlError, match="limit"):
            await client.chunk("w1", "u", 0, b"x" * 20_000, "")
        assert await client.renew("w1", 7, {}) == []
