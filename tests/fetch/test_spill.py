"""Bodies that are too large for memory: where they lie, for how long, and what becomes of them when things go wrong."""

import asyncio
import contextlib
import gc
import gzip
import os
import resource
import subprocess
import sys
import tempfile

import pytest

from acrawl.fetch.spill import PREFIX
from acrawl.outcome import FileFact
from acrawl.request import Request
from acrawl.response import Response
from acrawl.settings import Fetch
from fetch.serving import LONG, Exchanging, Server, failure
from server import pattern, raw_server

SPILL = 100_000
BODY = pattern(1_500_000)


@pytest.fixture(autouse=True)
def room(tmp_path, monkeypatch):
    """A folder that stands for the system's temporary one."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    return tmp_path / "tmp"


def spilling(**limits):
    return Exchanging(Fetch(allow_private=True, concurrency=1, spill=SPILL, **limits))


def files(room):
    return [path for path in room.rglob("*") if path.is_file() and path.name != "lock"]


async def fetch_one(transport, site, body=BODY):
    return await transport(Request(site.add("/body", body, "text/plain")))


@pytest.mark.asyncio
@pytest.mark.parametrize("size", [SPILL + 1, len(BODY)])
async def test_a_long_body_lies_in_a_file_and_reads_like_any_other(site, room, size):
    async with spilling() as transport:
        response = await fetch_one(transport, site, BODY[:size])
        assert files(room) == [response.path]
        assert response.path.read_bytes() == response.body == BODY[:size]
        assert (response.size, response.text) == (size, BODY[:size].decode())
        assert response.path.parent.stat().st_mode & 0o777 == 0o700
    assert list(room.iterdir()) == []


@pytest.mark.asyncio
async def test_a_short_body_gets_a_file_when_it_is_asked_for(site, room):
    async with spilling() as transport:
        response = await fetch_one(transport, site, BODY[:SPILL])
        assert files(room) == []
        assert response.path == response.path
        assert files(room) == [response.path]
        assert response.path.read_bytes() == BODY[:SPILL]
        response.content.release()
        assert (files(room), response.body) == ([], BODY[:SPILL])


@pytest.mark.asyncio
async def test_the_file_goes_when_the_response_is_done_with_and_says_so(site, room, tmp_path):
    async with spilling() as transport:
        response = await fetch_one(transport, site)
        response.content.release()
        assert files(room) == []
        for use in (lambda: response.body, lambda: response.path, lambda: response.save(tmp_path / "late")):
            with pytest.raises(ValueError, match=r"response.save\(path\) makes one that stays"):
                use()
        assert response.size == len(BODY)
        assert not (tmp_path / "late").exists()


@pytest.mark.asyncio
async def test_a_response_that_nobody_has_any_more_leaves_no_file(site, room):
    async with spilling() as transport:
        await fetch_one(transport, site)  # as where a stage throws an answer away and asks again
        gc.collect()
        assert files(room) == []


@pytest.mark.asyncio
@pytest.mark.parametrize("elsewhere", [False, True])
async def test_a_saved_body_stays(site, room, tmp_path, elsewhere, monkeypatch):
    target = tmp_path / "kept"
    target.write_text("what stood there before")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as memory:  # another filesystem, so nothing can be linked
        if elsewhere:
            assert os.stat(memory).st_dev != os.stat(tmp_path).st_dev
            monkeypatch.setattr(tempfile, "tempdir", memory)
        async with spilling() as transport:
            response = await fetch_one(transport, site)
            response.save(target)
            assert response.path.stat().st_nlink == (1 if elsewhere else 2)
            response.content.release()
    assert target.read_bytes() == BODY
    (tmp_path / "any").touch()
    assert target.stat().st_mode == (tmp_path / "any").stat().st_mode
    assert sorted(path.name for path in tmp_path.iterdir() if path != room) == ["any", "kept"]


def test_a_response_of_ones_own_has_a_path_and_can_be_saved(room, tmp_path):
    response = Response("http://a.example/", body=b"mine")
    assert response.path.read_bytes() == b"mine"
    response.save(tmp_path / "kept")
    response.body = b"changed"
    assert (response.path.read_bytes(), (tmp_path / "kept").read_bytes()) == (b"changed", b"mine")
    with pytest.raises(OSError, match="no-such-folder"):
        response.save(tmp_path / "no-such-folder" / "kept")
    del response
    gc.collect()
    assert files(room) == []


@pytest.mark.asyncio
async def test_what_is_decoded_lies_in_the_file(site):
    site.add("/packed", gzip.compress(BODY), "text/plain", content_encoding="gzip")
    async with spilling() as transport:
        response = await transport(Request(site.url("/packed")))
        assert response.path.read_bytes() == BODY


def test_a_saved_file_is_in_the_store_and_has_no_file_of_its_own(room, tmp_path):
    response = Response("http://a.example/", file=FileFact("http://a.example/", "00", 7))
    for use in (lambda: response.path, lambda: response.save(tmp_path / "kept")):
        with pytest.raises(ValueError, match="went to the file store"):
            use()
    assert response.size == 7
    assert files(room) == []


# -- when things go wrong --------------------------------------------------------------------------------------------


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("ending", "limits", "reason"),
    [
        ("cut", {}, "truncated"),
        ("silent", {"idle_timeout": 0.2}, "timeout"),
        ("silent", {"total_timeout": 0.3}, "timeout"),
        ("whole", {"max_body": 10_000_000}, "too-large"),
    ],
)
async def test_nothing_is_left_of_a_body_that_fails(room, ending, limits, reason):
    begun = asyncio.Event()

    async def some(_, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(24 if ending == "whole" else 2):
            writer.write(b"f4240\r\n" + bytes(1_000_000) + b"\r\n")
            with contextlib.suppress(ConnectionError):
                await writer.drain()
        begun.set()
        if ending == "cut":
            writer.close()
        elif ending == "whole":
            writer.write(b"0\r\n\r\n")

    async with raw_server(Server(some)) as address, spilling(**limits) as transport:
        error = await failure(transport(Request(f"http://{address}/")))
        assert error.reason == reason
        assert begun.is_set() or ending == "whole"
        assert files(room) == []


@pytest.mark.asyncio
async def test_nothing_is_left_of_a_body_whose_fetch_is_cancelled(room):
    async def some(_, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\nContent-Type: text/plain\r\n\r\n" + LONG)

    async with raw_server(Server(some)) as address, spilling(max_body=1 << 30) as transport:
        task = asyncio.create_task(transport(Request(f"http://{address}/")))
        async with asyncio.timeout(10):
            while not any(path.stat().st_size for path in files(room)):
                await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert files(room) == []


@pytest.mark.asyncio
async def test_a_disk_without_room_is_called_disk(site, room):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with spilling() as transport:
        resource.setrlimit(resource.RLIMIT_FSIZE, (700_000, hard))
        try:
            error = await failure(fetch_one(transport, site))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert (error.reason, "fetch.spill" in error.detail) == ("disk", True)
        assert files(room) == []
        assert (await fetch_one(transport, site)).body == BODY  # there is room again


@pytest.mark.asyncio
async def test_a_machine_without_any_temporary_folder_still_fetches_short_pages(site, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", None)  # it is looked for anew
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        async with spilling() as transport:
            short = await fetch_one(transport, site, b"short")
            error = await failure(fetch_one(transport, site))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (short.body, error.reason) == (b"short", "disk")
    assert "temporary directory" in error.detail


@pytest.mark.asyncio
async def test_a_folder_that_cannot_be_made_is_called_disk(site, room):
    async with spilling() as transport:
        room.rmdir()
        room.write_text("no folder")
        assert (await failure(fetch_one(transport, site))).reason == "disk"


KILLED = """
import os, signal, sys, tempfile
from acrawl.fetch.spill import Room
tempfile.tempdir = sys.argv[1]
open(Room().path(), "w").write("left")
sys.stdout.write("there"); sys.stdout.flush()
os.kill(os.getpid(), signal.SIGKILL) if sys.argv[2] == "killed" else sys.stdin.read()
"""


def worker(room, how):
    arguments = [sys.executable, "-c", KILLED, str(room), how]
    process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.read(5) == b"there"
    return process


@pytest.mark.asyncio
async def test_what_a_killed_worker_left_is_swept_and_what_a_living_one_has_is_not(room):
    (room / f"{PREFIX}file").write_text("no folder")
    (room / "others").mkdir()
    os.symlink(room / "others", room / f"{PREFIX}link")
    with worker(room, "killed") as killed:
        killed.wait()
        with worker(room, "living") as living:
            before = files(room)
            async with spilling():
                after = files(room)
            living.communicate()
    assert len(before) == 3
    assert len(after) == 2
    assert (room / "others").is_dir()
