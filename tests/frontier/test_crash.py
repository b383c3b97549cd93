"""Killed again and again at any moment, a crawl loses nothing and does nothing twice."""

from __future__ import annotations

import pathlib
import random
import sqlite3
import subprocess
import sys
import time
from collections import Counter

import pytest

from acrawl.frontier import books, changes
from acrawl.frontier.database import Database
from acrawl.frontier.revisit import visit
from acrawl.frontier.sqlite import SqliteFrontier
from acrawl.settings import Settings
from acrawl.testing import ManualClock
from contracts.crawl import OpenGate
from frontier import crasher

KILLS = 12


def live(folder: pathlib.Path, chance: random.Random | None, visit: int = 0) -> int:
    """One life; killed after some reports, or let live to its end. Returns how many requests it saw ended."""
    command = [sys.executable, crasher.__file__, str(folder), str(visit)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        accepted = 0
        try:
            for _ in range(chance.randrange(1, 25) if chance else sys.maxsize):
                line = process.stdout.readline()
                if not line:
                    break
                accepted += int(line)
            if chance:
                time.sleep(chance.random() * 0.02)  # anywhere between two reports
                process.kill()
            code = process.wait(30)
        finally:
            process.kill()
        assert code == (-9 if chance else 0), process.stderr.read()
    return accepted


@pytest.mark.process
@pytest.mark.asyncio
async def test_a_crawl_that_is_killed_again_and_again_ends_as_if_it_had_not_been(tmp_path: pathlib.Path):
    seed = random.randrange(1 << 30)
    print("seed", seed)
    chance = random.Random(seed)
    for _ in range(KILLS):
        live(tmp_path, chance)
    assert live(tmp_path, None) > 0  # there was something left to do

    database = sqlite3.connect(tmp_path / "crawl.sqlite")
    ledger = database.execute("select url, status, attempts from ledger l join ending e on e.id = l.ending").fetchall()
    database.close()
    assert Counter(url for url, _, _ in ledger) == Counter(crasher.url(page) for page in range(crasher.PAGES))
    expected = {crasher.url(page): "failed" if crasher.fails(page) else "fetched" for page in range(crasher.PAGES)}
    assert {url: status for url, status, _ in ledger} == expected
    retried = {crasher.url(page) for page in range(crasher.PAGES) if page % 17 == 3}
    assert {url for url, _, attempts in ledger if attempts == 2} == retried

    lines = [line.split() for line in (tmp_path / "feed").read_text().splitlines()]
    made = [text for page in range(crasher.PAGES) for text in crasher.items(page)]
    assert Counter(text for _, text in lines) == Counter(made)
    assert len({item_id for item_id, _ in lines}) == len(made)

    frontier = await SqliteFrontier.open(str(tmp_path / "crawl.sqlite"), Settings(), OpenGate(), ManualClock())
    audit = await frontier.audit()
    assert (audit.problems, audit.queued, audit.done) == ([], 0, crasher.PAGES)
    assert frontier.epoch == KILLS + 2
    assert (await frontier.snapshot()).finished
    await frontier.close()


@pytest.mark.process
@pytest.mark.asyncio
async def test_a_visit_that_is_killed_again_and_again_tells_of_each_change_once(tmp_path: pathlib.Path):
    seed = random.randrange(1 << 30)
    print("seed", seed)
    chance = random.Random(seed)
    live(tmp_path, None)
    feed = tmp_path / "feed"
    first = len(feed.read_text().splitlines())
    for _ in range(KILLS // 2):
        live(tmp_path, chance, 1)
    assert live(tmp_path, None, 1) > 0

    # What had changed was called back for, and what had failed: once in this visit, whatever happened.
    pages = range(crasher.PAGES)
    again = [page for page in pages if not crasher.vanishes(page) and (crasher.changes(page) or crasher.fails(page))]
    lines = [line.split() for line in feed.read_text().splitlines()]
    assert Counter(text for _, text in lines[first:]) == Counter(text for page in again for text in crasher.items(page))
    assert len({item_id for item_id, _ in lines}) == len(lines)

    def told(page: int) -> str:
        return "removed" if crasher.vanishes(page) else "changed" if crasher.changes(page) else "unchanged"

    with Database(str(tmp_path / "crawl.sqlite"), reading=True) as db:
        assert books.audit(db).problems == []
        assert visit(db) == 1
        found = {change.url: change.change for change in changes.listed(db)}
    assert found == {crasher.url(page): told(page) for page in pages if not crasher.fails(page)}
