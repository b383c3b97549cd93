"""A worker that does not see the files' folder: what it sends, what it asks for, and what it leaves on its own disk."""

import pathlib
import subprocess
import sys
import tempfile

import pytest
import pytest_asyncio

from acrawl.errors import FetchError, RemoteFault
from acrawl.results.files.folder import object_path
from acrawl.results.files.uploads import Uploads
from acrawl.worker.upload import PIECE, ToMaster, UploadStore


class Straight:
    """Carries pieces to the master's side without a wire.

    ``broken`` as if the master could not write or look; ``forgets`` as if it were another one after the first piece.
    """

    def __init__(self, uploads):
        self.uploads = uploads
        self.pieces = 0
        self.broken = False
        self.forgets = False

    async def chunk(self, worker, upload, offset, data, sha256):
        self.pieces += 1
        if self.broken:
            raise RemoteFault("FetchError: disk")
        if self.forgets and offset:
            await self.uploads.abandon(worker)
        return await self.uploads.put(f"{worker}:{upload}", offset, data, sha256)


@pytest_asyncio.fixture
async def courier(tmp_path):
    uploads = Uploads(tmp_path)
    yield Straight(uploads)
    assert not uploads._open, "asking leaves nothing behind"
    uploads.close()


@pytest.fixture
def room(tmp_path, monkeypatch):
    """The folder for temporary files."""
    room = tmp_path / "temporary"
    room.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(room))
    return room


@pytest.fixture
def store(courier, room):
    store = UploadStore(ToMaster(courier, "worker"))
    yield store
    store.close()


async def saved(store, data):
    sink = store.sink()
    await sink.write(data)
    return await sink.finish("http://a.test/", "", "")


@pytest.mark.asyncio
async def test_a_file_that_was_sent_need_not_be_sent_again(store, courier, tmp_path):
    fact = await saved(store, b"some bytes")
    courier.pieces = 0
    assert await store.sink().kept(fact) == fact
    assert courier.pieces == 1
    object_path(tmp_path, fact.sha256).unlink()
    assert await store.sink().kept(fact) is None


@pytest.mark.asyncio
async def test_what_the_master_cannot_tell_is_not_there(store, courier):
    empty, fact = await saved(store, b""), await saved(store, b"some bytes")
    assert await store.sink().kept(empty) is None
    courier.broken = True
    assert await store.sink().kept(fact) is None


def sizes(room):
    """Those of the files in it that have any bytes."""
    return [path.stat().st_size for path in sorted(room.rglob("*")) if path.is_file() and path.stat().st_size]


@pytest.mark.asyncio
async def test_a_file_that_the_master_cannot_write_does_not_stay_here(store, courier, room):
    courier.broken = True
    for n in range(3):
        with pytest.raises(FetchError, match="disk"):
            await saved(store, b"%d" % n * 10)
    assert sizes(room) == []


@pytest.mark.asyncio
async def test_what_the_master_does_not_know_any_more_is_not_sent_to_its_end(store, courier, room):
    courier.forgets = True
    with pytest.raises(FetchError, match="did not reach the master"):
        await saved(store, bytes(5 * PIECE))
    assert courier.pieces == 2
    assert sizes(room) == []


KILLED = """
import asyncio, sys, tempfile
from acrawl.outcome import Beginning
from acrawl.worker.upload import ToMaster, UploadStore

async def main():
    tempfile.tempdir = sys.argv[1]
    sink = UploadStore(ToMaster(None, "worker")).sink()
    sink.keep("k" * 32, "http://a.test/", Beginning('"1"', 0, 0, {}))
    await sink.write(b"x" * (2 << 20))
    sys.stdout.write("there")
    sys.stdout.flush()
    sys.stdin.read()

asyncio.run(main())
"""


def test_what_a_killed_worker_left_is_removed_by_the_next_one(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    arguments = [sys.executable, "-c", KILLED, str(tmp_path)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.read(5) == b"there"
        UploadStore(ToMaster(None, "another")).close()
        assert sizes(tmp_path), "a living one keeps what it has"
        process.kill()
        process.wait()
    UploadStore(ToMaster(None, "another")).close()
    assert list(pathlib.Path(tmp_path).iterdir()) == []
