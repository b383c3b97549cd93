"""Kill injection: it kills what it says, only that, and leaves nobody behind."""

from __future__ import annotations

import collections
import os
import pathlib
import subprocess
import sys

import pytest

from acrawl.errors import CrawlFailed
from acrawl.testing import FakeServer, FakeWeb, Strike, lines, strikes, under_fire
from acrawl.testing.kill import MASTER, MOST_WORKERS, WORKER
from crawl.command import gone, records


def test_a_plan_is_drawn_from_its_seed():
    plan = strikes(5, 200, 1000)
    assert plan == strikes(5, 200, 1000) != strikes(6, 200, 1000)
    assert [strike.progress for strike in plan] == sorted(strike.progress for strike in plan)
    assert all(0 <= strike.progress < 1000 and 0 <= strike.pause <= 1.5 for strike in plan)
    targets = [strike.target for strike in plan]
    assert 80 < targets.count(MASTER) < 140
    assert all(MASTER in targets[i : i + MOST_WORKERS + 1] for i in range(len(targets) - MOST_WORKERS))
    assert {strike.target for strike in strikes(1, 9, 10, masters=1.0)} == {MASTER}


def test_lines_are_whole_ones(tmp_path):
    assert lines(tmp_path / "feed") == 0
    (tmp_path / "feed").write_text("one\ntwo\nthr")
    assert lines(tmp_path / "feed") == 2


def crawling(server: FakeServer, *more: str) -> list[str]:
    return [
        "run", "acrawl.testing.spider:WebSpider", "-a", f"url={server.web.seeds[0]}", "-o", "items.jsonl",
        "--job", "job", "--workers", "1", "--scope", "any", "-s", "queues.grace_seconds=0.3",
        "-s", "politeness.delay=0.05", *more,
    ]  # fmt: skip


def of_ours(folder: pathlib.Path) -> list[int]:
    """The living processes that work in a folder."""
    found = []
    for pid in (int(name) for name in os.listdir("/proc") if name.isdecimal()):
        try:
            here = os.readlink(f"/proc/{pid}/cwd") == str(folder)
        except OSError:  # it has just ended, or is not ours
            continue
        if here and not gone(pid):
            found.append(pid)
    return found


@pytest.mark.process
def test_it_kills_as_planned_and_the_crawl_is_whole_and_nobody_is_left(tmp_path):
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    try:
        with FakeServer(FakeWeb(60)) as server:
            plan = [Strike(WORKER, 10, 0.0), Strike(MASTER, 25, 0.2), Strike(MASTER, 10_000, 0.0)]
            losses = under_fire(crawling(server), plan, lambda: server.count, cwd=tmp_path, seconds=45)
            wanted = collections.Counter(record["url"] for record in server.web.records())
        assert (losses.starts, losses.masters, losses.workers, losses.surprises) == (2, 1, 1, [])
        assert collections.Counter(item["url"] for item in records(tmp_path / "items.jsonl")) == wanted
        assert of_ours(tmp_path) == []
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


@pytest.mark.process
def test_a_crawl_that_never_ends_is_given_up_and_nobody_is_left(tmp_path):
    with FakeServer(FakeWeb(500)) as server:
        words = crawling(server, "-s", "politeness.delay=1")
        with pytest.raises(TimeoutError, match="did not end in time"):
            under_fire(words, [Strike(MASTER, 1, 0.0)], lambda: server.count, cwd=tmp_path, seconds=6)
    assert of_ours(tmp_path) == []


@pytest.mark.process
def test_a_crawl_that_keeps_failing_is_told_so(tmp_path):
    with pytest.raises(CrawlFailed, match="exit code 2 in start 3"):
        under_fire(["run", "nothing.py"], [], lambda: 0, cwd=tmp_path, seconds=30)
    assert "no such spider file" in (tmp_path / "crawl.log").read_text()
