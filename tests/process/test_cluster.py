"""Local worker processes: what `acrawl.cluster` promises, with children that are any program."""

from __future__ import annotations

import asyncio
import sys

import pytest

from acrawl.cluster import Cluster
from crawl.command import gone

pytestmark = pytest.mark.process

#: Says that it is there, and at SIGTERM takes a moment to leave its mark.
SLOW_TO_LEAVE = """
import pathlib, signal, sys, time
folder = pathlib.Path(sys.argv[1])
def leave(*_):
    time.sleep(0.5)
    (folder / "left").touch()
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
(folder / "there").touch()
while True:
    signal.pause()
"""
COUNTS_AND_DIES = """
import pathlib, sys
with open(pathlib.Path(sys.argv[1]) / "lives", "a") as file:
    file.write("x")
sys.exit(7)
"""


async def holds(condition):
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.02)


@pytest.mark.asyncio
async def test_a_child_may_end_in_order_even_when_nobody_waits_for_failures_any_more(tmp_path):
    cluster = Cluster([sys.executable, "-c", SLOW_TO_LEAVE, str(tmp_path)], 1)
    cluster.start()
    failed = asyncio.create_task(cluster.failed())
    await holds((tmp_path / "there").exists)
    failed.cancel()
    await asyncio.gather(failed, return_exceptions=True)
    (pid,) = cluster.pids
    await cluster.stop(10)
    assert (tmp_path / "left").exists()
    assert gone(pid)


@pytest.mark.asyncio
async def test_a_place_whose_children_always_die_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr("acrawl.cluster.RESTART_SECONDS", 0.01)
    cluster = Cluster([sys.executable, "-c", COUNTS_AND_DIES, str(tmp_path)], 1)
    cluster.start()
    async with asyncio.timeout(20):
        assert await cluster.failed() == 7
    assert (tmp_path / "lives").read_text() == "xxxxx"
    assert cluster.pids == []
    await cluster.stop(1)


@pytest.mark.asyncio
async def test_no_child_is_started_again_once_the_end_is_expected(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("acrawl.cluster.RESTART_SECONDS", 1.0)
    cluster = Cluster([sys.executable, "-c", COUNTS_AND_DIES, str(tmp_path)], 1)
    cluster.start()
    await holds(lambda: "ended with 7" in caplog.text)
    assert await cluster.wait(10)
    assert (tmp_path / "lives").read_text() == "x"
    await cluster.stop(1)


@pytest.mark.asyncio
async def test_a_cluster_without_children_never_fails():
    cluster = Cluster(["true"], 0)
    cluster.start()
    assert await cluster.failed() == 0
    assert await cluster.wait(1)
    await cluster.stop(1)


@pytest.mark.asyncio
@pytest.mark.parametrize("turns", range(6))
async def test_a_child_that_is_just_being_started_is_stopped_too(turns):
    cluster = Cluster([sys.executable, "-c", "import time; time.sleep(60)"], 1)
    cluster.start()
    for _ in range(turns):  # so far has the loop come with starting it
        await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await cluster.stop(30)
    assert cluster.pids == []


@pytest.mark.asyncio
async def test_a_child_that_would_always_end_the_same_is_not_started_again(tmp_path):
    cluster = Cluster([sys.executable, "-c", COUNTS_AND_DIES, str(tmp_path)], 2, final={7})
    cluster.start()
    assert await cluster.failed() == 7
    assert (tmp_path / "lives").read_text() == "xx"
    await cluster.stop(1)
