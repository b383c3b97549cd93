"""Saved files: whole under their hash, or not there at all."""

import asyncio
import contextlib
import errno
import hashlib
import os
import resource
import signal
import subprocess
import sys

import pytest
import pytest_asyncio

from acrawl.errors import FetchError, FolderProblem, disk_refused
from acrawl.results.files.folder import BLOCK, FolderStore, object_path
from acrawl.results.files.uploads import Uploads
from results.helpers import objects, png, save, temporaries

BIG = os.urandom(3 * BLOCK + 17)


def digest(data):
    return hashlib.sha256(data).hexdigest()


@pytest_asyncio.fixture
async def store(tmp_path):
    store = FolderStore(tmp_path)
    yield store
    store.close()


@pytest_asyncio.fixture
async def uploads(tmp_path):
    uploads = Uploads(tmp_path, max_file=4 * BLOCK)
    yield uploads
    uploads.close()


@contextlib.contextmanager
def files_of_at_most(size):
    """The kernel refuses to let any file of this process grow beyond ``size``."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, old)


@pytest.mark.asyncio
@pytest.mark.parametrize("data", [b"", b"x", png(1), b"y" * BLOCK, BIG], ids=["empty", "byte", "png", "block", "big"])
async def test_a_file_is_kept_whole_under_its_hash(store, tmp_path, data):
    fact = await save(store, "https://e.org/a", data)
    assert (fact.sha256, fact.size) == (digest(data), len(data))
    assert object_path(tmp_path, fact.sha256).read_bytes() == data
    assert temporaries(tmp_path) == []


@pytest.mark.asyncio
async def test_the_type_is_that_of_the_bytes_and_else_what_the_server_says(store):
    fact = await save(store, "https://e.org/a", png(1, 7, 5), content_type="text/html")
    assert (fact.type, fact.width, fact.height) == ("image/png", 7, 5)
    fact = await save(store, "https://e.org/b", BIG, name="b.bin", content_type="Text/CSV; charset=utf-8")
    assert (fact.type, fact.width, fact.name) == ("text/csv", 0, "b.bin")
    fact = await save(store, "https://e.org/c", png(2, 9, 9) + BIG)
    assert (fact.type, fact.width) == ("image/png", 9)


@pytest.mark.asyncio
@pytest.mark.parametrize("more", [b"", BIG], ids=["small", "large"])
async def test_a_sink_tells_an_image_before_it_is_kept(store, tmp_path, more):
    data, sink = png(1, 30, 20) + more, store.sink()
    assert sink.probe() == ("", 0, 0)
    for start in range(0, len(data), 500_000):
        await sink.write(data[start : start + 500_000])
        assert sink.probe() == ("image/png", 30, 20)
    await sink.discard()
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "lock"] == []


@pytest.mark.asyncio
async def test_the_same_bytes_are_stored_once(store, tmp_path):
    facts = await asyncio.gather(
        *(save(store, f"https://e.org/{i}", data) for i in range(20) for data in (png(1), BIG))
    )
    assert objects(tmp_path) == sorted({fact.sha256 for fact in facts})
    assert len(objects(tmp_path)) == 2
    assert temporaries(tmp_path) == []


@pytest.mark.asyncio
async def test_an_object_that_was_cut_is_replaced(store, tmp_path):
    fact = await save(store, "https://e.org/a", png(1))
    object_path(tmp_path, fact.sha256).write_bytes(b"cut")
    await save(store, "https://e.org/a", png(1))
    assert object_path(tmp_path, fact.sha256).read_bytes() == png(1)


@pytest.mark.asyncio
@pytest.mark.parametrize("data", [png(1), BIG])
async def test_discarded_bytes_leave_nothing(store, tmp_path, data):
    sink = store.sink()
    await sink.write(data)
    await sink.discard()
    await sink.discard()
    assert not (tmp_path / ".objects").exists() or (objects(tmp_path), temporaries(tmp_path)) == ([], [])


@pytest.mark.asyncio
async def test_discard_after_finish_harms_nothing(store, tmp_path):
    sink = store.sink()
    await sink.write(BIG)
    fact = await sink.finish("https://e.org/a", "", "")
    await sink.discard()
    assert object_path(tmp_path, fact.sha256).read_bytes() == BIG


@pytest.mark.asyncio
@pytest.mark.parametrize("size", [200_000, len(BIG)])
async def test_a_disk_that_refuses_fails_the_file_and_leaves_nothing(store, tmp_path, size):
    store.prepare()
    with files_of_at_most(100_000), pytest.raises(FetchError, match="disk") as caught:
        await save(store, "https://e.org/a", BIG[:size])
    assert caught.value.reason == "disk"
    assert (objects(tmp_path), temporaries(tmp_path)) == ([], [])


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO, errno.EMFILE])
def test_only_a_disk_that_takes_nothing_more_is_full(number):
    refused = disk_refused(OSError(number, os.strerror(number), "/files/x"), "no file can be kept in /files")
    assert refused.reason == ("disk-full" if number in {errno.ENOSPC, errno.EDQUOT, errno.EROFS} else "disk")
    assert refused.detail == f"no file can be kept in /files: {os.strerror(number)} (/files/x)"


@pytest.mark.asyncio
async def test_a_folder_that_cannot_be_made_is_told_before_and_during(tmp_path):
    (tmp_path / "file").write_text("")
    store = FolderStore(tmp_path / "file" / "files")
    with pytest.raises(FolderProblem, match="cannot keep files in"):
        store.prepare()
    with pytest.raises(FetchError, match="disk"):
        await save(store, "https://e.org/a", b"x")
    store.close()


@pytest.mark.process
def test_a_sweep_removes_what_the_dead_left_and_spares_the_living(tmp_path):
    code = (
        "import asyncio, sys\n"
        "from acrawl.results.files.folder import FolderStore\n"
        "async def main():\n"
        "    sink = FolderStore(sys.argv[1]).sink()\n"
        "    await sink.write(b'x' * (2 << 20))\n"
        "    print('ready', flush=True)\n"
        "    sys.stdin.read()\n"
        "asyncio.run(main())\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout.readline() == "ready\n"
        master = FolderStore(tmp_path)
        master.prepare()
        assert master.sweep() == 0
        assert len(temporaries(tmp_path)) == 1
        process.kill()
        process.wait()
        assert master.sweep() == 1
        assert temporaries(tmp_path) == []
        master.prepare()
        master.close()


def test_an_object_path_takes_nothing_but_a_hash(tmp_path):
    for text in ("", "../../etc/passwd", "A" * 64, "a" * 63, "a" * 64 + "\n"):
        with pytest.raises(ValueError, match="not a SHA-256"):
            object_path(tmp_path, text)


@pytest.mark.asyncio
async def test_an_upload_arrives_in_pieces(uploads, tmp_path):
    assert await uploads.put("w/1", 0, BIG[:BLOCK], "")
    assert await uploads.put("w/1", BLOCK, BIG[BLOCK : 2 * BLOCK], "")
    assert await uploads.put("w/1", 2 * BLOCK, BIG[2 * BLOCK :], "")
    assert await uploads.put("w/1", len(BIG), b"", digest(BIG))
    assert object_path(tmp_path, digest(BIG)).read_bytes() == BIG
    assert temporaries(tmp_path) == []


@pytest.mark.asyncio
async def test_repeated_pieces_change_nothing(uploads, tmp_path):
    for _ in range(2):
        assert await uploads.put("w/1", 0, BIG[:BLOCK], "")
    for _ in range(2):
        assert await uploads.put("w/1", BLOCK, BIG[BLOCK:], "")
    for _ in range(3):  # the answer to the last one was lost
        assert await uploads.put("w/1", len(BIG), b"", digest(BIG))
    assert object_path(tmp_path, digest(BIG)).read_bytes() == BIG


@pytest.mark.asyncio
async def test_an_empty_upload_arrives(uploads, tmp_path):
    assert await uploads.put("w/1", 0, b"", digest(b""))
    assert object_path(tmp_path, digest(b"")).read_bytes() == b""


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "pieces",
    [
        [(0, b"abc", ""), (4, b"e", "")],
        [(0, b"abc", ""), (2, b"cd", "")],
        [(0, b"abc", digest(b"abd"))],
        [(0, b"abc", "../../x")],
        [(5, b"abc", digest(b"never seen"))],
        [(0, b"abc", ""), (0, b"a", digest(b"abc"))],
        [(0, BIG, ""), (len(BIG), BIG, "")],
    ],
    ids=["gap", "overlap", "other-hash", "no-hash", "no-beginning", "end-before-the-end", "too-long"],
)
async def test_what_does_not_arrive_as_it_was_sent_is_refused_and_forgotten(uploads, tmp_path, pieces):
    *first, last = pieces
    for piece in first:
        assert await uploads.put("w/1", *piece)
    assert not await uploads.put("w/1", *last)
    await uploads.abandon("w/")
    assert not (tmp_path / ".objects").exists() or (objects(tmp_path), temporaries(tmp_path)) == ([], [])


@pytest.mark.asyncio
async def test_a_refused_upload_can_begin_again(uploads, tmp_path):
    assert not await uploads.put("w/1", 0, b"abc", digest(b"other"))
    assert await uploads.put("w/1", 0, b"abc", digest(b"abc"))
    assert object_path(tmp_path, digest(b"abc")).read_bytes() == b"abc"


@pytest.mark.asyncio
async def test_pieces_that_arrive_at_once_are_taken_one_after_the_other(uploads, tmp_path):
    assert await uploads.put("w/1", 0, BIG[:1000], "")
    pieces = [uploads.put("w/1", i * 1000, BIG[i * 1000 : i * 1000 + 1000], "") for i in range(50)]
    assert all(await asyncio.gather(*pieces))
    assert await uploads.put("w/1", 50_000, b"", digest(BIG[:50_000]))


@pytest.mark.asyncio
async def test_a_worker_that_is_gone_leaves_nothing(uploads, tmp_path):
    await uploads.put("w/1", 0, b"abc", "")
    await uploads.put("v/1", 0, b"abc", "")
    assert await uploads.abandon("w/") == 1
    assert len(temporaries(tmp_path)) == 1
    assert not await uploads.put("w/1", 3, b"d", "")
    assert await uploads.put("v/1", 3, b"", digest(b"abc"))


@pytest.mark.asyncio
async def test_a_full_disk_fails_an_upload(uploads, tmp_path):
    assert await uploads.put("w/1", 0, b"x" * 50_000, "")
    with files_of_at_most(60_000), pytest.raises(FetchError, match="disk"):
        await uploads.put("w/1", 50_000, b"x" * 50_000, "")
    assert temporaries(tmp_path) == []
    assert not await uploads.put("w/1", 100_000, b"", digest(b"x" * 100_000))


@pytest.mark.asyncio
async def test_a_piece_that_waited_while_its_upload_was_refused_is_refused_too(uploads, tmp_path):
    data = BIG[:5000]
    assert await uploads.put("w/1", 0, data[:1000], "")
    pieces = [uploads.put("w/1", 9000, b"gap", ""), uploads.put("w/1", 1000, data[1000:], digest(data))]
    assert await asyncio.gather(*pieces) == [False, False]
    assert (objects(tmp_path), temporaries(tmp_path)) == ([], [])
