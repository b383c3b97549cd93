"""The processes that decode images: what becomes of an image that kills or hangs one, and of the others."""

from __future__ import annotations

import asyncio
import os
import pathlib
import resource
import signal
import subprocess
import sys

import pytest
import pytest_asyncio

from acrawl.results.imaging import children as room
from acrawl.results.imaging.children import ChildDied, Children
from acrawl.results.imaging.making import Job, Making, Thumb
from crawl.command import gone, until
from results.pictures import bomb, encoded, opened, photo

pytestmark = pytest.mark.process


@pytest_asyncio.fixture
async def children():
    made = []

    def make(count=1, *, max_pixels=4_000_000, timeout=30.0):
        made.append(Children(Making([Thumb("t", 40, 40)], "", 85, max_pixels, timeout), count))
        return made[-1]

    yield make
    for one in made:
        await one.close()


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "image"
    path.write_bytes(encoded(photo(1)))
    return Job(str(path), "image/jpeg")


@pytest.fixture
def endless(tmp_path):
    """An image that never comes: whoever opens it waits."""
    os.mkfifo(tmp_path / "endless")
    return Job(str(tmp_path / "endless"), "image/jpeg")


async def made(children, job):
    """What comes of an image: its thumbnail."""
    async with children.child() as child:
        findings = await child.ask(job)
        (part,) = findings.parts
        return opened(b"".join([piece async for piece in child.read(part.size)]))


def pids(children):
    return [child._process.pid for child in children._all]


@pytest.mark.asyncio
async def test_no_process_begins_before_the_first_image_and_one_does_for_many(children, image):
    few = children(2)
    assert pids(few) == []
    for _ in range(5):
        assert (await made(few, image)).size == (40, 25)
    assert len(pids(few)) == 1
    await asyncio.gather(*(made(few, image) for _ in range(6)))
    assert len(pids(few)) == 2


@pytest.mark.asyncio
async def test_an_image_that_takes_too_long_costs_its_own_process_alone(children, image, endless):
    few = children(2, timeout=2.0)
    late, *others = await asyncio.gather(
        made(few, endless), *(made(few, image) for _ in range(5)), return_exceptions=True
    )
    assert isinstance(late, ChildDied)
    assert "more than 2 s (images.timeout)" in str(late)
    assert [one.size for one in others] == [(40, 25)] * 5


@pytest.mark.asyncio
async def test_a_process_that_does_not_hear_its_alarm_is_ended_all_the_same(children, image, monkeypatch):
    few = children(timeout=2.0)
    await made(few, image)
    (pid,) = pids(few)
    os.kill(pid, signal.SIGSTOP)
    with monkeypatch.context() as patch:
        patch.setattr(room, "_GRACE", 0.1)
        with pytest.raises(ChildDied, match="more than 2 s"):
            await made(few, image)
    assert gone(pid)
    await made(few, image)


@pytest.mark.asyncio
async def test_an_image_that_kills_its_process_is_told_of(children, image, endless):
    few = children()
    dying = asyncio.create_task(made(few, endless))
    while not pids(few):
        await asyncio.sleep(0.01)
    os.kill(pids(few)[0], signal.SIGSEGV)
    with pytest.raises(ChildDied, match="SIGSEGV"):
        await dying
    await made(few, image)


@pytest.mark.asyncio
async def test_a_process_that_was_killed_between_two_images_is_replaced_without_blame(children, image):
    few = children()
    await made(few, image)
    (pid,) = pids(few)
    os.kill(pid, signal.SIGKILL)
    while few._idle[0].is_alive:
        await asyncio.sleep(0.01)
    await made(few, image)
    assert pids(few) != [pid]


@pytest.mark.asyncio
async def test_an_image_that_needs_too_much_memory_is_told_of_and_the_next_one_is_decoded(children, tmp_path, image):
    few = children(max_pixels=200_000_000)
    (tmp_path / "large").write_bytes(bomb(12_000, 10_000))
    await made(few, image)
    resource.prlimit(pids(few)[0], resource.RLIMIT_DATA, (150 << 20, 150 << 20))
    async with few.child() as child:
        findings = await child.ask(Job(str(tmp_path / "large"), "image/png"))
    assert "more memory" in findings.note
    assert (await made(few, image)).size == (40, 25)


@pytest.mark.asyncio
async def test_who_is_cancelled_leaves_no_answer_for_the_next_one(children, image, endless):
    few = children()
    waiting = asyncio.create_task(made(few, endless))
    while not pids(few):
        await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert (await made(few, image)).size == (40, 25)


@pytest.mark.asyncio
async def test_a_process_gets_no_keys(children, image, monkeypatch):
    for name in ("ACRAWL_AUTHKEY", "AWS_SECRET_ACCESS_KEY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "secret")
    few = children()
    await made(few, image)
    assert b"secret" not in pathlib.Path(f"/proc/{pids(few)[0]}/environ").read_bytes()


WORKER = """
import asyncio, os, signal, sys
from acrawl.results.imaging.children import Children
from acrawl.results.imaging.making import Job, Making

async def main(path):
    few = Children(Making([], "", 85, 1000, {seconds}), 1)
    async with few.child() as child:
        print(child._process.pid, flush=True)
        await child.ask(Job(path, "image/jpeg"))

asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.parametrize("busy", [False, True])
def test_a_process_does_not_outlive_the_worker_that_was_killed(tmp_path, image, endless, busy):
    code = WORKER.format(seconds=2) if busy else WORKER.format(seconds=60) + "\n"
    if not busy:
        code = code.replace("await child.ask", "await asyncio.sleep(60); await child.ask")
    with subprocess.Popen([sys.executable, "-c", code, endless.path], stdout=subprocess.PIPE, text=True) as worker:
        pid = int(worker.stdout.readline())
        worker.kill()
    until(lambda: gone(pid))
