"""Masters that die, are stopped, or meet another one: the crawl goes on where it was."""

from __future__ import annotations

import signal
import socket

import pytest

from acrawl.errors import EXIT_ENVIRONMENT, EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE
from crawl.command import gone, records, until
from process.promises import all_delivered, furnish
from process.spiders import PAGES, write

pytestmark = pytest.mark.process

#: Half of all requests: pages and pictures.
HALF = PAGES


@pytest.fixture
def command(live, tmp_path):
    """The arguments of one crawl over the furnished site: ``command(workers, *more)``."""
    furnish(live)
    live.delay = 0.15
    spider = write(tmp_path)

    def arguments(workers, *more):
        return (
            "run", spider, "-o", "items.jsonl", "--files", "files", "--job", "job", "--workers", workers,
            "-a", f"url={live.url()}", "-s", "queues.grace_seconds=0.3", *more,
        )  # fmt: skip

    return arguments


@pytest.fixture
def port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_killed_master_is_started_again_and_goes_on(command, start, acrawl, live, tmp_path):
    # Given a master killed in the middle of its crawl,
    master = start(*command(2))
    live.wait_for(HALF)
    workers = master.children()
    assert len(workers) == 2
    master.kill()
    master.end(10)
    # when its local workers have ended by themselves
    until(lambda: all(gone(pid) for pid in workers))
    before = len(live.log)
    assert before < 2 * PAGES
    # then the same command completes the crawl, and only what was under way is asked for again.
    done = acrawl(*command(2))
    assert done.code == EXIT_OK, done.err
    all_delivered(live, tmp_path)
    assert set(live.repeated.values()) <= {2}
    assert sum(live.hits.values()) < 2 * PAGES + 40


def test_a_master_killed_again_and_again_delivers_everything_once(command, start, acrawl, live, tmp_path):
    live.delay = 0.1
    for requests in (15, 60):
        master = start(*command(1))
        live.wait_for(requests)
        master.kill()
        master.end(10)
    done = acrawl(*command(1))
    assert done.code == EXIT_OK, done.err
    all_delivered(live, tmp_path)


def test_the_workers_of_other_machines_come_back_to_a_restarted_master(command, start, live, tmp_path, port):
    listen = "--listen", f"127.0.0.1:{port}"
    master = start(*command(0, *listen))
    until((tmp_path / "job" / "join.json").exists)
    worker = start("work", "--join", "job/join.json", "links.py")
    live.wait_for(HALF)
    master.kill()
    master.end(10)
    again = start(*command(0, *listen))
    again.says("has joined")
    done = again.end()
    assert done.code == EXIT_OK, done.err
    assert worker.end(10).code == EXIT_OK
    all_delivered(live, tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_crawl_keeps_its_state_and_the_next_run_completes_it(command, start, acrawl, live, tmp_path, number):
    master = start(*command(1))
    live.wait_for(HALF // 2)
    master.kill(number)
    stopped = master.end(20)
    assert stopped.code == EXIT_INTERRUPTED, stopped.err
    assert "still queued" in stopped.err
    before = len(live.log)
    assert before < 2 * PAGES
    assert len(records(tmp_path / "items.jsonl")) == before
    done = acrawl(*command(1))
    assert done.code == EXIT_OK, done.err
    all_delivered(live, tmp_path)
    # What was under way was finished, and the rest given back: nothing is asked for again.
    assert live.repeated == {}


def test_a_second_signal_ends_it_at_once_and_nothing_is_lost(command, start, acrawl, live, tmp_path):
    live.delay = 5.0
    live.add("/", "")
    master = start(*command(1))
    live.wait_for(1)
    master.kill(signal.SIGINT)
    master.says("stopping")
    master.kill(signal.SIGINT)
    assert master.end(4).code == EXIT_INTERRUPTED
    live.delay = 0.0
    furnish(live)
    done = acrawl(*command(1))
    assert done.code == EXIT_OK, done.err
    all_delivered(live, tmp_path)


def test_a_second_master_is_refused_and_told_the_first_ones_process(command, start, acrawl, live):
    live.delay = 0.5
    master = start(*command(1))
    live.wait_for(1)
    second = acrawl(*command(1))
    assert second.code == EXIT_ENVIRONMENT
    assert f"process {master.pid} " in second.complaint
    assert master.alive


def test_a_finished_crawl_says_so_and_begins_anew_only_when_told(command, acrawl, live, tmp_path):
    live.delay = 0.0
    assert acrawl(*command(1)).code == EXIT_OK
    items = (tmp_path / "items.jsonl").read_bytes()
    again = acrawl(*command(1))
    assert again.code == EXIT_USAGE
    assert "finished" in again.complaint
    assert "--fresh" in again.complaint
    assert "--resume" in again.complaint
    resumed = acrawl(*command(1, "--resume"))
    assert resumed.code == EXIT_OK, resumed.err
    assert (tmp_path / "items.jsonl").read_bytes() == items
    assert live.repeated == {}
    fresh = acrawl(*command(1, "--fresh"))
    assert fresh.code == EXIT_OK, fresh.err
    assert set(live.hits.values()) == {2}


def test_a_job_folder_with_another_crawl_is_refused_with_the_differences(command, acrawl, live, tmp_path):
    live.delay = 0.0
    assert acrawl(*command(1)).code == EXIT_OK
    before = {path.name: path.read_bytes() for path in (tmp_path / "job").glob("job.*")}
    for changed, words in (
        (("-a", "url=http://127.0.0.1:1/"), ["url: '", "127.0.0.1:1/"]),
        (("--scope", "any"), ["scope", "'host' then, 'any' now"]),
    ):
        other = acrawl(*command(1), *changed)
        assert other.code == EXIT_USAGE
        for word in [*words, "--fresh", "--resume"]:
            assert word in other.complaint
    assert {path.name: path.read_bytes() for path in (tmp_path / "job").glob("job.*")} == before
