"""One timer for all exchanges, and one for the silence of all servers."""

import asyncio

import pytest

from acrawl.fetch.deadlines import Deadlines, Silence


@pytest.mark.asyncio
async def test_each_task_is_interrupted_at_its_own_time():
    deadlines, loop = Deadlines(), asyncio.get_running_loop()

    async def run(seconds):
        began = loop.time()
        with pytest.raises(TimeoutError), deadlines.within(seconds):
            await asyncio.sleep(30)
        return loop.time() - began

    took = await asyncio.gather(run(0.4), run(0.1), run(0.2))
    for seconds, real in zip((0.4, 0.1, 0.2), took, strict=True):
        assert seconds <= real < seconds + 1
    assert asyncio.current_task().cancelling() == 0


@pytest.mark.asyncio
async def test_what_ends_in_time_is_left_alone():
    deadlines = Deadlines()
    with deadlines.within(0.05):
        pass
    with deadlines.within(0):
        await asyncio.sleep(0.1)
    with deadlines.within(5):
        await asyncio.sleep(0.1)


@pytest.mark.asyncio
async def test_a_cancellation_from_outside_stays_one():
    deadlines = Deadlines()
    started = asyncio.Event()

    async def run():
        with deadlines.within(5):
            started.set()
            await asyncio.sleep(30)

    task = asyncio.create_task(run())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.asyncio
async def test_both_at_once_are_a_cancellation():
    deadlines = Deadlines()

    async def run():
        task = asyncio.current_task()
        deadline = deadlines.within(5)
        with deadline:
            asyncio.get_running_loop().call_soon(lambda: (deadline.expire(), task.cancel()))
            await asyncio.sleep(30)

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(run())


class Peer:
    def __init__(self):
        self.quiet = 0
        self.given_up = asyncio.get_running_loop().create_future()

    def give_up(self):
        self.given_up.set_result(asyncio.get_running_loop().time())


@pytest.mark.asyncio
async def test_a_peer_is_given_up_once_it_was_silent_for_so_long():
    silence, loop = Silence(0.4), asyncio.get_running_loop()
    mute, lively, left = Peer(), Peer(), Peer()
    began = loop.time()
    for peer in (mute, lively, left, mute):
        silence.listen(peer)
    silence.leave(left)
    silence.leave(left)
    while not mute.given_up.done():
        lively.quiet = 0
        await asyncio.sleep(0.02)
    assert 0.4 <= await mute.given_up - began < 1.4
    assert not lively.given_up.done()
    assert await lively.given_up - await mute.given_up >= 0.3
    assert not left.given_up.done()
    again = Peer()
    silence.listen(again)  # the watch has stopped meanwhile, and starts again
    assert await again.given_up


@pytest.mark.asyncio
async def test_without_a_limit_nobody_is_given_up():
    silence, peer = Silence(0), Peer()
    silence.listen(peer)
    await asyncio.sleep(0.1)
    assert not peer.given_up.done()
