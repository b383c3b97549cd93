"""The folder of the cache: what is read from it was written whole, and it stays as small as it is told."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
import time

import pytest

from acrawl.fetch.cache_store import MAGIC, CacheStore, Entry, Key

KEY, URL = Key("ab" * 16), "http://a.test/"


def entry(body=b"body", **more):
    return Entry(url=URL, status=200, headers=[(b"X", b"\xff")], asked_at=1.0, came_at=2.0, body=body, **more)


def opened(folder, max_bytes=0):
    store = CacheStore(folder, max_bytes)
    store.open()
    return store


def only_file(folder):
    (file,) = [file for file in folder.glob("??/*") if file.is_file()]
    return file


@pytest.mark.asyncio
async def test_what_is_put_is_got(tmp_path):
    store = opened(tmp_path)
    assert await store.get(KEY, URL) is None
    await store.put(KEY, entry())
    await store.put(KEY, entry(b"newer"))
    await store.put(Key(KEY.target, "who"), entry(b"of somebody"))
    got = await opened(tmp_path).get(KEY, URL)
    assert got == entry(b"newer")
    assert got.kept.headers["X"] == "\udcff"
    await store.drop_all(KEY.target)
    store.drop(KEY)
    assert await store.get(KEY, URL) is None
    assert await store.get(Key(KEY.target, "who"), URL) is None


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: b"",
        lambda data: data[:-1],
        lambda data: data[:-3] + b"\0" * 3,
        lambda data: data.replace(MAGIC, b"acrawl cache 2\n"),
        lambda data: b"\0" * len(data),
        lambda data: b"<html>somebody's page</html>",
    ],
)
async def test_an_entry_that_is_none_is_said_once_and_replaced(tmp_path, caplog, spoil):
    store = opened(tmp_path)
    await store.put(KEY, entry())
    file = only_file(tmp_path)
    file.write_bytes(spoil(file.read_bytes()))
    with caplog.at_level(logging.WARNING):
        assert await store.get(KEY, URL) is None
        assert await store.get(KEY, URL) is None
    assert len(caplog.records) == 1
    assert str(file) in caplog.text
    await store.put(KEY, entry())
    assert await store.get(KEY, URL) == entry()


@pytest.mark.asyncio
async def test_an_entry_that_speaks_of_another_url_is_none(tmp_path):
    store = opened(tmp_path)
    await store.put(KEY, entry())
    assert await store.get(KEY, "http://b.test/") is None


@pytest.mark.asyncio
async def test_a_disk_that_refuses_costs_the_entry_only(tmp_path, caplog):
    store = opened(tmp_path)
    (tmp_path / "ab").write_text("in the way")
    for _ in range(2):
        await store.put(KEY, entry())
        store.drop(KEY)
        await store.drop_all(KEY.target)
    assert len(caplog.records) == 1
    assert not list((tmp_path / "new").iterdir())


@pytest.mark.asyncio
async def test_what_was_used_longest_ago_goes_first(tmp_path):
    store, now = opened(tmp_path), time.time()
    keys = [Key(f"{n:032x}") for n in range(12)]
    for n, key in enumerate(keys[:-1]):
        await store.put(key, entry(bytes(10_000)))
        used = now - 10_000 + n
        os.utime(store._path(key), (used, used))
    assert await store.get(keys[0], URL) is not None  # used again
    left = tmp_path / "new" / "12-0123abcd-3"
    left.write_bytes(b"x")
    os.utime(left, (1, 1))
    store = opened(tmp_path, 100_000)
    await store.put(keys[-1], entry(bytes(10_000)))
    await store.close()
    assert [n for n, key in enumerate(keys) if await store.get(key, URL)] == [0, *range(4, 12)]
    assert not list((tmp_path / "new").iterdir())


@pytest.mark.asyncio
async def test_what_the_killed_left_half_written_goes_without_a_limit_too(tmp_path):
    opened(tmp_path)
    for name, age in (("12-0123abcd-3", 7200), ("12-0123abcd-4", 60), ("not-ours", 7200)):
        (tmp_path / "new" / name).write_bytes(b"x")
        os.utime(tmp_path / "new" / name, (time.time() - age,) * 2)
    opened(tmp_path)
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"12-0123abcd-4", "not-ours"}


@pytest.mark.asyncio
async def test_nothing_goes_that_was_there_before_the_cache(tmp_path):
    others = [tmp_path / name for name in ("de/translations", "new/draft", "ab/notes", "notes")]
    for file in others:
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(bytes(50_000))
        os.utime(file, (1, 1))
    store = opened(tmp_path, 1000)
    await store.put(KEY, entry(bytes(10_000)))
    await store.close()
    assert [file for file in others if not file.exists()] == []
    assert await store.get(KEY, URL) is None


@pytest.mark.asyncio
async def test_no_limit_is_no_limit(tmp_path):
    store = opened(tmp_path, 0)
    for n in range(20):
        await store.put(Key(f"{n:032x}"), entry(bytes(1000)))
    await store.close()
    assert len(list(tmp_path.glob("00/*"))) == 20


WRITER = """
import asyncio, sys
from acrawl.fetch.cache_store import CacheStore, Entry, Key

async def main():
    store = CacheStore(sys.argv[1], 0)
    store.open()
    number = 0
    while True:
        number += 1
        body = bytes([number % 256]) * 300_000
        await store.put(Key("ab" * 16), Entry(
            url="http://a.test/", status=200, headers=[], asked_at=1.0, came_at=2.0, body=body))
        print(number, flush=True)

asyncio.run(main())
"""


@pytest.mark.process
def test_whoever_is_killed_leaves_an_entry_whole(tmp_path, caplog):
    store = opened(tmp_path)
    for kills in range(6):
        writers = [
            subprocess.Popen([sys.executable, "-c", WRITER, tmp_path], stdout=subprocess.PIPE, text=True)
            for _ in range(2)
        ]
        for writer in writers:
            for _ in range(3 + 5 * kills):
                writer.stdout.readline()
        for writer in writers:
            writer.send_signal(signal.SIGKILL)
            writer.wait(10)
            writer.stdout.close()
        found = asyncio.run(store.get(KEY, URL))
        assert found is not None
        assert len(set(found.body)) == 1
        assert len(found.body) == 300_000
    assert not caplog.records
