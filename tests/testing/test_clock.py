"""The clock that tests move by hand."""

from __future__ import annotations

import asyncio

import pytest

from acrawl.clock import Clock
from acrawl.testing import ManualClock

pytestmark = pytest.mark.asyncio


async def test_it_stands_still_until_it_is_advanced():
    clock: Clock = ManualClock(now=5.0, time=100.0)
    assert (clock.now(), clock.time()) == (5.0, 100.0)
    await asyncio.sleep(0.01)
    assert (clock.now(), clock.time()) == (5.0, 100.0)


async def test_both_readings_move_together():
    clock = ManualClock(now=5.0, time=100.0)
    await clock.advance(2.5)
    assert (clock.now(), clock.time()) == (7.5, 102.5)


async def test_sleepers_wake_in_order_each_at_its_own_time():
    clock, woken = ManualClock(now=0.0), []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((name, clock.now()))

    tasks = [asyncio.create_task(sleeper(*one)) for one in [("c", 3.0), ("a", 1.0), ("b", 2.0), ("a2", 1.0)]]
    await clock.settle()
    assert (clock.sleepers, clock.next_wake) == (4, 1.0)
    await clock.advance(2.5)
    assert woken == [("a", 1.0), ("a2", 1.0), ("b", 2.0)]
    assert (clock.sleepers, clock.next_wake) == (1, 3.0)
    await clock.advance(0.5)
    assert woken[3:] == [("c", 3.0)]
    await asyncio.gather(*tasks)


async def test_who_sleeps_again_wakes_again_within_one_advance():
    clock, beats = ManualClock(now=0.0), []

    async def heart() -> None:
        while True:
            await clock.sleep(1.0)
            beats.append(clock.now())

    task = asyncio.create_task(heart())
    await clock.advance(4.0)  # the task had not even begun to sleep
    assert beats == [1.0, 2.0, 3.0, 4.0]
    task.cancel()


async def test_one_sleeper_sees_what_the_one_before_has_done():
    clock, steps = ManualClock(), []

    async def first() -> None:
        await clock.sleep(1.0)
        for _ in range(5):
            await asyncio.sleep(0)
        steps.append("first is through")

    async def second() -> None:
        await clock.sleep(1.0)
        steps.append("second wakes")

    tasks = [asyncio.create_task(first()), asyncio.create_task(second())]
    await clock.advance(1.0)
    assert steps == ["first is through", "second wakes"]
    await asyncio.gather(*tasks)


@pytest.mark.parametrize("seconds", [0.0, -1.0])
async def test_no_time_to_sleep_returns_at_once_but_lets_others_run(seconds: float):
    clock, ran = ManualClock(), []
    asyncio.get_running_loop().call_soon(ran.append, 1)
    await clock.sleep(seconds)
    assert ran == [1]


async def test_a_cancelled_sleeper_is_not_waited_for():
    clock = ManualClock()
    task = asyncio.create_task(clock.sleep(1.0))
    await clock.settle()
    task.cancel()
    await clock.settle()
    assert (clock.sleepers, clock.next_wake) == (0, None)
    await clock.advance(2.0)


async def test_time_does_not_run_backwards():
    with pytest.raises(ValueError, match="backwards"):
        await ManualClock().advance(-0.1)
