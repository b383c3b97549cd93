"""What cut downloads leave: taken up by one at a time, believed only as far as it is safe, swept when it is old."""

import asyncio
import hashlib
import json
import os
import subprocess
import sys
import time

import pytest
import pytest_asyncio

from acrawl.outcome import Beginning
from acrawl.results.files.folder import BLOCK, VOUCH, FolderStore, object_path
from acrawl.results.files.partials import OLD, Partials
from results.helpers import objects, temporaries

KEY, URL = "k" * 32, "https://e.org/a"
VERSION = Beginning('"v1"', 0, 0, {"Content-Type": "text/csv"})
DATA = os.urandom(3 * BLOCK + 17)


@pytest_asyncio.fixture
async def store(tmp_path):
    store = FolderStore(tmp_path)
    yield store
    store.close()


def kept(store):
    sink = store.sink()
    sink.keep(KEY, URL, VERSION)
    return sink


async def leave(store, data=DATA):
    sink = kept(store)
    await sink.write(data)
    return await sink.leave()


async def found(store):
    """What a new sink finds, and the sink."""
    sink = store.sink()
    return await sink.find(KEY), sink


def files(root):
    folder = root / ".objects" / "partial"
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def note(root):
    return root / ".objects" / "partial" / f"{KEY}.json"


@pytest.mark.asyncio
async def test_what_is_left_is_found_and_finished(store, tmp_path):
    assert await leave(store, DATA[: 2 * BLOCK]) == 2 * BLOCK
    heard = []
    sink = store.sink(heard.append)
    assert await sink.find(KEY) == Beginning('"v1"', 0, 2 * BLOCK, VERSION.headers)
    assert sum(heard) == 2 * BLOCK
    await sink.write(DATA[2 * BLOCK :])
    assert await sink.digest("sha-256") == hashlib.sha256(DATA).digest()
    assert await sink.digest("md5") == hashlib.md5(DATA).digest()
    fact = await sink.finish(URL, "", "")
    assert (fact.sha256, fact.size) == (hashlib.sha256(DATA).hexdigest(), len(DATA))
    assert object_path(tmp_path, fact.sha256).read_bytes() == DATA
    assert (files(tmp_path), temporaries(tmp_path)) == ([], [])


@pytest.mark.asyncio
async def test_a_small_file_leaves_nothing(store, tmp_path):
    assert await leave(store, b"x" * (BLOCK - 1)) == 0
    assert files(tmp_path) == []


@pytest.mark.asyncio
async def test_what_another_holds_is_not_found_and_not_touched(store, tmp_path):
    first = kept(store)
    await first.write(DATA)
    assert (await found(store))[0] is None
    store.partials.remove(KEY)
    second = kept(store)  # goes into a file of its own
    await second.write(DATA[:BLOCK])
    assert await second.leave() == 0
    assert temporaries(tmp_path) == []
    assert await first.leave() == len(DATA)
    beginning, sink = await found(store)
    assert beginning.size == len(DATA)
    await sink.discard()


@pytest.mark.asyncio
async def test_what_another_leaves_while_one_has_begun_anew_is_not_thrown_away(store, tmp_path):
    first = kept(store)
    await first.write(DATA)
    beginning, second = await found(store)
    assert beginning is None
    assert await first.leave() == len(DATA)
    second.keep(KEY, URL, VERSION)
    await second.write(DATA[:BLOCK])
    assert await second.leave() == 0
    beginning, sink = await found(store)
    assert beginning.size == len(DATA)
    await sink.discard()


@pytest.mark.asyncio
async def test_what_another_has_left_of_a_file_that_is_whole_now_is_not_wanted_any_more(store, tmp_path):
    first, second = kept(store), kept(store)
    await first.write(DATA[: 2 * BLOCK])
    await second.write(DATA)
    await first.leave()
    fact = await second.finish(URL, "", "")
    assert objects(tmp_path) == [fact.sha256]
    assert files(tmp_path) == []


@pytest.mark.asyncio
async def test_what_was_left_and_is_not_wanted_any_more_is_forgotten(store, tmp_path):
    sink = kept(store)
    await sink.write(DATA)
    await sink.leave()
    assert await sink.leave() == 0  # harmless
    assert len(files(tmp_path)) == 2
    await sink.discard()
    await sink.discard()
    assert files(tmp_path) == []


@pytest.mark.asyncio
async def test_a_sink_that_is_cancelled_while_it_looks_holds_nothing(store):
    await leave(store)
    looking = asyncio.create_task(found(store))
    await asyncio.sleep(0)
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
    async with asyncio.timeout(10):
        while True:
            beginning, sink = await found(store)
            if beginning is not None:
                break
            await asyncio.sleep(0.01)
    await sink.discard()


@pytest.mark.asyncio
async def test_of_another_life_of_the_machine_only_what_was_synced_is_believed(store, tmp_path):
    await leave(store, DATA)
    said = json.loads(note(tmp_path).read_bytes())
    assert said["size"] == len(DATA)
    note(tmp_path).write_text(json.dumps({**said, "size": BLOCK, "boot": "another"}))
    beginning, sink = await found(store)
    assert beginning.size == BLOCK
    assert json.loads(note(tmp_path).read_bytes())["boot"] == said["boot"] != "another"
    await sink.write(b"end")
    fact = await sink.finish(URL, "", "")
    assert object_path(tmp_path, fact.sha256).read_bytes() == DATA[:BLOCK] + b"end"


@pytest.mark.asyncio
async def test_a_long_download_is_synced_on_the_way(store, tmp_path):
    sink = kept(store)
    piece = bytes(BLOCK)
    for _ in range(VOUCH // BLOCK + 1):
        await sink.write(piece)
    assert json.loads(note(tmp_path).read_bytes())["size"] == VOUCH
    await sink.discard()


@pytest.mark.asyncio
@pytest.mark.parametrize("said", [b"", b"{}", b'{"url": 1}', None])
async def test_bytes_of_which_nobody_knows_what_they_are_are_removed(store, tmp_path, said):
    await leave(store)
    note(tmp_path).unlink()
    if said is not None:
        note(tmp_path).write_bytes(said)
    assert (await found(store))[0] is None
    assert files(tmp_path) == []


@pytest.mark.asyncio
async def test_no_more_is_left_than_there_is_room_for(tmp_path):
    store = FolderStore(tmp_path, partial_bytes=2 * BLOCK)
    assert await leave(store, DATA) == 0
    assert files(tmp_path) == []
    assert await leave(store, DATA[:BLOCK]) == BLOCK
    store.close()


@pytest.mark.asyncio
async def test_a_sweep_removes_what_is_old_and_nobody_holds(store, tmp_path):
    partials = Partials(tmp_path)
    assert partials.sweep() == 0
    await leave(store)
    assert partials.sweep() == 0
    old = time.time() - OLD - 60
    for name in files(tmp_path):
        os.utime(note(tmp_path).with_name(name), (old, old))
    _, sink = await found(store)
    os.utime(note(tmp_path).with_name(KEY), (old, old))
    assert partials.sweep() == 0
    assert len(files(tmp_path)) == 2
    await sink.leave()
    os.utime(note(tmp_path).with_name(KEY), (old, old))
    assert partials.sweep() == 1
    assert files(tmp_path) == []


@pytest.mark.asyncio
async def test_a_note_without_its_bytes_is_swept(store, tmp_path):
    await leave(store)
    note(tmp_path).with_name(KEY).unlink()
    os.utime(note(tmp_path), (1, 1))
    Partials(tmp_path).sweep()
    assert files(tmp_path) == []


@pytest.mark.process
@pytest.mark.asyncio
async def test_what_a_killed_process_had_written_goes_on_in_another(store, tmp_path):
    code = (
        "import asyncio, sys\n"
        "from acrawl.outcome import Beginning\n"
        "from acrawl.results.files.folder import FolderStore\n"
        "async def main():\n"
        "    sink = FolderStore(sys.argv[1]).sink()\n"
        f"    sink.keep({KEY!r}, {URL!r}, Beginning('\"v1\"', 0, 0, {{}}))\n"
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
        assert (await found(store))[0] is None
        process.kill()
        process.wait()
        beginning, sink = await found(store)
        assert beginning.size == 2 << 20
        await sink.write(b"end")
        fact = await sink.finish(URL, "", "")
    assert fact.sha256 == hashlib.sha256(b"x" * (2 << 20) + b"end").hexdigest()
    assert objects(tmp_path) == [fact.sha256]
