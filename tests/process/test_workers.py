"""Workers that die, join late, or send their files: the crawl is the same."""

from __future__ import annotations

import os
import signal

import pytest

from acrawl.errors import EXIT_OK
from crawl.command import records, until
from process.promises import all_delivered, furnish
from process.spiders import PAGES, write

pytestmark = pytest.mark.process

#: A worker that has gone is not waited for long, and its requests are handed out again soon.
SOON = ("-s", "queues.grace_seconds=0.3", "-s", "frontier.lease_seconds=3", "-s", "queues.poll_seconds=1")


@pytest.fixture
def crowd(live, tmp_path, start):
    """Start a master over the furnished site: ``crowd(workers, *more)``."""
    furnish(live)
    live.delay = 0.15
    spider = write(tmp_path)

    def begin(workers, *more):
        return start(
            "run", spider, "-o", "items.jsonl", "--files", "files", "--job", "job", "--workers", workers,
            "-a", f"url={live.url()}", *SOON, *more,
        )  # fmt: skip

    return begin


@pytest.fixture
def join(start, tmp_path):
    """Start a worker on "another machine": with its own copy of the spider and its own folder."""

    def begin(name, *more):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        until((tmp_path / "job" / "join.json").exists)
        return start("work", "--join", tmp_path / "job" / "join.json", write(folder), *more, cwd=folder)

    return begin


def test_a_killed_worker_is_started_again_and_nothing_is_lost(crowd, live, tmp_path):
    master = crowd(2)
    live.wait_for(20)
    victims = master.children()
    assert len(victims) == 2
    for victim in victims:
        _kill(victim)
    master.says("worker process .* ended with -9")
    done = master.end()
    assert done.code == EXIT_OK, done.err
    all_delivered(live, tmp_path)


def test_a_worker_joins_late_another_is_killed_and_nothing_is_lost(crowd, join, live, tmp_path):
    master = crowd(0, "--listen", "127.0.0.1:0")
    first = join("one")
    live.wait_for(20)
    second = join("two")
    master.says(f"-{second.pid}-.* has joined")
    live.wait_for(len(live.log) + 10)
    first.kill()
    done = master.end()
    assert done.code == EXIT_OK, done.err
    assert second.end(10).code == EXIT_OK
    all_delivered(live, tmp_path)


def test_files_sent_over_the_connection_are_the_same_files(crowd, join, live, tmp_path):
    live.delay = 0.02
    master = crowd(0, "--listen", "127.0.0.1:0")
    workers = [join("one", "--send-files"), join("two", "--send-files")]
    done = master.end()
    assert done.code == EXIT_OK, done.err
    assert [worker.end(10).code for worker in workers] == [EXIT_OK, EXIT_OK]
    all_delivered(live, tmp_path)
    assert sorted(live.hits) == sorted({path for path, _ in live.log})
    assert live.repeated == {}


def test_a_worker_that_is_asked_to_stop_gives_its_work_back(crowd, join, live, tmp_path):
    master = crowd(0, "--listen", "127.0.0.1:0")
    leaving, staying = join("one"), join("two")
    live.wait_for(20)
    leaving.kill(signal.SIGTERM)
    assert leaving.end(10).code == EXIT_OK
    assert len(live.log) < 2 * PAGES
    done = master.end()
    assert done.code == EXIT_OK, done.err
    assert staying.end(10).code == EXIT_OK
    assert live.repeated == {}
    all_delivered(live, tmp_path)


def test_a_worker_keeps_files_on_its_own_machine_and_says_so(crowd, join, live, tmp_path):
    live.delay = 0.0
    master = crowd(0, "--listen", "127.0.0.1:0")
    worker = join("one", "--keep-here", "mine")
    done = master.end()
    assert done.code == EXIT_OK, done.err
    assert worker.end(10).code == EXIT_OK
    files = [item for item in records(tmp_path / "items.jsonl") if "sha256" in item]
    assert len(files) == PAGES
    assert all(item["where"] for item in files)
    kept = [path for path in (tmp_path / "one" / "mine").rglob("*") if path.is_file()]
    assert len([path for path in kept if path.read_bytes().startswith(b"\x89PNG")]) == len({f["sha256"] for f in files})


def test_a_worker_clears_its_own_folder_of_what_a_killed_one_left(crowd, join, live, tmp_path):
    live.delay = 0.0
    objects = tmp_path / "one" / "mine" / ".objects"
    left = [objects / "tmp" / "0123456789abcdef" / "1", objects / "partial" / ("k" * 32)]
    master = crowd(0, "--listen", "127.0.0.1:0")
    until((tmp_path / "job" / "join.json").exists)
    for path in left:
        path.parent.mkdir(parents=True)
        path.write_bytes(b"half a file")
        os.utime(path, (1, 1))
    (left[0].parent / "lock").touch()
    worker = join("one", "--keep-here", "mine")
    assert master.end().code == EXIT_OK
    assert worker.end(10).code == EXIT_OK
    assert [path for path in left if path.exists()] == []


def _kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def test_no_temporary_file_is_left_behind(crowd, start, live, tmp_path):
    live.delay = 0.0
    (tmp_path / "tmp").mkdir()
    master = crowd(0, "--listen", "127.0.0.1:0")
    until((tmp_path / "job" / "join.json").exists)
    worker = start(
        "work", "--join", "job/join.json", "--send-files", "links.py", env={"TMPDIR": str(tmp_path / "tmp")}
    )  # fmt: skip
    done = master.end()
    assert done.code == EXIT_OK, done.err
    assert worker.end(10).code == EXIT_OK
    assert list((tmp_path / "tmp").iterdir()) == []
    all_delivered(live, tmp_path)
