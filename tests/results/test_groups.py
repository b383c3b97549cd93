"""Groups of small files: each whole or told, nothing written twice, nothing left open."""

import errno
import hashlib
import os

import pytest

from acrawl.results.files import groups
from acrawl.results.files.objects import Objects, object_path
from acrawl.results.files.syncing import Syncer

SIZES = (0, 1, 1983, 1984, 1985, 2048, 65_535, 65_536, 65_537, 200_000)


@pytest.fixture
def store(tmp_path):
    opened = Objects(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def syncer():
    opened = Syncer("test")
    yield opened
    opened.close()


@pytest.fixture
def keep_all(store, syncer):
    """Store files in one go."""
    return lambda files: groups.keep_all(store, files, syncer)


def left_over(root):
    return [path for path in root.glob(".objects/tmp/*/*") if path.name != "lock"]


def digest(data):
    return hashlib.sha256(data).hexdigest()


def test_bytes_of_any_size_stand_under_their_hash(keep_all, tmp_path):
    files = [os.urandom(size) for size in SIZES]
    assert keep_all(files) == [digest(data) for data in files]
    assert [object_path(tmp_path, digest(data)).read_bytes() for data in files] == files
    assert left_over(tmp_path) == []


def test_the_same_bytes_are_written_once_in_a_group_and_never_again(keep_all, tmp_path, monkeypatch):
    written = []
    write_all = groups.write_all
    monkeypatch.setattr(groups, "write_all", lambda fd, data: (written.append(data), write_all(fd, data)))
    assert keep_all([b"a", b"b", b"a"]) == [digest(b"a"), digest(b"b"), digest(b"a")]
    inode = object_path(tmp_path, digest(b"a")).stat().st_ino
    assert keep_all([b"b", b"a"]) == [digest(b"b"), digest(b"a")]
    assert written == [b"a", b"b"]
    assert object_path(tmp_path, digest(b"a")).stat().st_ino == inode


def test_every_file_is_synced_before_it_has_its_name(keep_all, store, tmp_path, monkeypatch):
    events = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (events.append(os.fstat(fd).st_ino), fsync(fd)))
    monkeypatch.setattr(os, "replace", lambda a, b: (events.append(str(b)), replace(a, b)))
    store.temporary()  # makes its folder, with a rename of its own
    events.clear()
    keep_all([b"one", b"two", b"three"])
    for data in (b"one", b"two", b"three"):
        path = object_path(tmp_path, digest(data))
        assert events.index(path.stat().st_ino) < events.index(str(path))


def test_a_file_that_fails_is_told_to_all_who_brought_it_and_harms_no_other(keep_all, tmp_path, monkeypatch):
    fsync, fail, evil = os.fsync, [], b"of a size that the disk refuses"

    def refuse(descriptor):
        if os.fstat(descriptor).st_size == len(evil):
            fail.append(descriptor)
            raise OSError(errno.EIO, "Input/output error")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", refuse)
    good, bad, again = keep_all([b"good", evil, evil])
    assert good == digest(b"good")
    assert isinstance(bad, OSError)
    assert again is bad
    assert len(fail) == 1
    assert not object_path(tmp_path, digest(evil)).exists()
    assert left_over(tmp_path) == []


def test_a_file_that_cannot_be_made_harms_no_other(keep_all, tmp_path, monkeypatch):
    keep_all([b"before"])
    opened = os.open
    calls = []

    def second_is_refused(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise OSError(errno.EMFILE, "Too many open files")
        return opened(*arguments)

    monkeypatch.setattr(os, "open", second_is_refused)
    first, second, third = keep_all([b"1", b"2", b"3"])
    assert (first, third) == (digest(b"1"), digest(b"3"))
    assert isinstance(second, OSError)


def test_nothing_stays_open_and_nothing_of_others_is_closed(keep_all, tmp_path, monkeypatch):
    keep_all([b"warm"])
    # Given: somebody else opens files in between, so that ours are no run of neighbours
    theirs, opened = [], os.open

    def with_company(*arguments):
        descriptor = opened(*arguments)
        if len(theirs) < 3:
            theirs.append(os.dup(0))
        return descriptor

    before = set(os.listdir("/proc/self/fd"))
    monkeypatch.setattr(os, "open", with_company)
    keep_all([b"%d" % i for i in range(8)])
    monkeypatch.undo()
    # Then: theirs are open, and ours are closed
    for descriptor in theirs:
        os.fstat(descriptor)
        os.close(descriptor)
    assert set(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("count", [0, 1, 3, 4, 7, 8, 63, 64, 65])
def test_all_are_synced_and_each_error_is_told_of_its_own_file(syncer, monkeypatch, count):
    synced = []

    def fsync(descriptor):
        synced.append(descriptor)
        if descriptor % 5 == 2:
            raise OSError(errno.EIO, f"no {descriptor}")

    monkeypatch.setattr(os, "fsync", fsync)
    results = syncer.sync(range(count))
    assert sorted(synced) == list(range(count))
    assert [str(error.strerror) if error else "" for error in results] == [
        f"no {n}" if n % 5 == 2 else "" for n in range(count)
    ]
