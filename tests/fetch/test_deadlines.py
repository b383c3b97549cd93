"""One timer for all exchanges."""

import asyncio

import pytest

from acrawl.fetch.deadlines import Deadlines


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
