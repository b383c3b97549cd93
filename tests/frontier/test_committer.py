"""Group commit: in order, shared, and over for everybody once the storage fails."""

from __future__ import annotations

import asyncio
import pathlib
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from acrawl.clock import SystemClock
from acrawl.errors import CrawlFailed
from acrawl.frontier.committer import Committer
from acrawl.frontier.rows import Committed, Group
from acrawl.frontier.sqlite import SqliteFrontier
from acrawl.frontier.store import Store
from acrawl.outcome import Outcome
from acrawl.request import Request, seal
from acrawl.settings import resolve
from acrawl.testing import ManualClock
from contracts.crawl import DEFAULTS, OpenGate

pytestmark = pytest.mark.asyncio


class Office:
    """A committer on a real database, with what it has applied."""

    def __init__(self, path: pathlib.Path, pace: float = 0.0, rows: int = 2000) -> None:
        self.store = Store(str(path / "crawl.sqlite"))
        self.applied: list[dict[str, int]] = []
        self.fails = ""
        self.committer = Committer(self.store, SystemClock(), self.apply, pace=pace, rows=rows)

    def apply(self, group: Group, made: Committed) -> None:
        assert isinstance(made, Committed)
        if self.fails:
            raise ZeroDivisionError(self.fails)
        self.applied.append(dict(group.marks))

    async def write(self, feed: str, length: int) -> None:
        self.committer.group.marks[feed] = length
        await self.committer.durable()

    async def close(self) -> None:
        await self.committer.close()
        self.store.close()


@pytest_asyncio.fixture
async def office(tmp_path: pathlib.Path) -> AsyncIterator[Office]:
    office = Office(tmp_path)
    yield office
    await office.close()


async def test_durable_returns_after_the_commit_and_what_it_led_to(office: Office):
    await office.write("a", 1)
    assert office.applied == [{"a": 1}]
    assert await office.committer.run(office.store.marks) == {"a": 1}
    assert office.committer.idle


async def test_nothing_to_write_is_durable_at_once(office: Office):
    await office.committer.durable()
    assert office.applied == []


async def test_many_share_one_transaction_and_groups_keep_their_order(office: Office):
    await asyncio.gather(*(office.write(f"feed{number}", number) for number in range(50)))
    assert [len(group) for group in office.applied] == [50]
    first = asyncio.create_task(office.write("a", 1))
    while office.committer.idle or office.committer.group:  # until the first group is on its way
        await asyncio.sleep(0)
    await asyncio.gather(office.write("a", 2), first)
    assert office.applied[1:] == [{"a": 1}, {"a": 2}]


async def test_storage_steps_run_behind_what_was_given_before(office: Office):
    writing = asyncio.create_task(office.write("a", 1))
    while office.committer.idle or office.committer.group:
        await asyncio.sleep(0)
    assert await office.committer.run(office.store.marks) == {"a": 1}
    await writing


async def test_commits_keep_their_pace_but_do_not_wait_when_there_is_much(tmp_path: pathlib.Path):
    office = Office(tmp_path, pace=3600.0, rows=3)
    await office.write("first", 1)
    second = asyncio.create_task(office.write("second", 2))
    await asyncio.sleep(0.05)
    assert not second.done()  # the hour has not passed
    office.committer.group.delivered += [1, 2, 3]
    office.committer.nudge()
    await second
    assert [list(group) for group in office.applied] == [["first"], ["second"]]
    await office.close()


async def test_a_failed_commit_fails_everybody_now_and_later(office: Office):
    await office.write("a", 1)
    office.store.close()
    results = await asyncio.gather(office.write("b", 2), office.write("c", 3), return_exceptions=True)
    assert [type(result) for result in results] == [CrawlFailed, CrawlFailed]
    with pytest.raises(CrawlFailed, match="closed"):
        await office.committer.durable()
    with pytest.raises(CrawlFailed, match="closed"):
        office.committer.check()
    assert office.applied == [{"a": 1}]


async def test_who_comes_during_a_failing_commit_is_told_too(office: Office):
    office.store.close()
    first = asyncio.create_task(office.write("a", 1))
    while office.committer.idle or office.committer.group:
        await asyncio.sleep(0)
    results = await asyncio.gather(first, office.write("b", 2), return_exceptions=True)
    assert [type(result) for result in results] == [CrawlFailed, CrawlFailed]


async def test_a_defect_fails_everybody_too(office: Office):
    office.fails = "a defect"
    with pytest.raises(CrawlFailed, match="a defect"):
        await office.write("a", 1)


async def test_what_cannot_be_written_fails_everybody_and_leaves_nothing_behind(office: Office):
    office.committer.group.marks["good"] = 1
    office.committer.group.meta["bad"] = 1 << 70
    with pytest.raises(CrawlFailed, match="too large"):
        await office.committer.durable()
    assert await office.committer.run(office.store.marks) == {}


async def test_close_writes_what_is_left_and_refuses_what_comes_after(tmp_path: pathlib.Path):
    office = Office(tmp_path, pace=3600.0)
    await office.write("a", 1)
    office.committer.group.marks["b"] = 2
    office.committer._full.set()  # do not wait for the hour
    await office.close()
    assert office.applied == [{"a": 1}, {"b": 2}]
    with pytest.raises(CrawlFailed, match="closed"):
        await office.write("c", 3)


# -- the same, seen from the frontier


async def frontier(folder: pathlib.Path) -> SqliteFrontier:
    settings = resolve(("test", DEFAULTS))
    return await SqliteFrontier.open(str(folder / "crawl.sqlite"), settings, OpenGate(), ManualClock())


async def test_a_frontier_that_cannot_be_written_is_never_finished(tmp_path: pathlib.Path):
    one = await frontier(tmp_path)
    await one.add([seal(Request("http://a.test/"), one.secret)])
    await one.seeds_exhausted()
    ((ticket,),) = [batch.tickets for batch in [await one.lease("w", 1, 0.0)]]
    one._store.close()
    with pytest.raises(CrawlFailed):
        await one.report("w", one.epoch, [Outcome(ticket.leases[0].token, "fetched")])
    for call in (one.snapshot(), one.lease("w", 1, 0.0), one.seeds_exhausted(), one.add([]), one.audit()):
        with pytest.raises(CrawlFailed):
            await call
    await one.close()


async def test_a_frontier_that_cannot_be_read_ends_the_crawl(tmp_path: pathlib.Path):
    one = await frontier(tmp_path)
    await one.add([seal(Request(f"http://a.test/{number}"), one.secret) for number in range(600)])
    one._store.close()
    await one.lease("w", 300, 0.0)  # now more of them are to be read
    with pytest.raises(CrawlFailed):
        await until_it_fails(one)
    await one.close()


async def until_it_fails(one: SqliteFrontier) -> None:
    for _ in range(10_000):
        await one.snapshot()
        await asyncio.sleep(0)


FULL_DISK = """
import asyncio, resource, signal, sys
from acrawl.clock import SystemClock
from acrawl.errors import CrawlFailed
from acrawl.frontier.gate import ScopeGate
from acrawl.frontier.sqlite import SqliteFrontier
from acrawl.request import Request, seal
from acrawl.settings import resolve

async def main():
    settings = resolve(("test", {"frontier.commit_seconds": 0, "scope.within": "any"}))
    frontier = await SqliteFrontier.open(sys.argv[1], settings, ScopeGate(settings.scope), SystemClock())
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    added = 0
    try:
        for start in range(0, 100_000, 100):
            pages = [seal(Request(f"http://a.test/{n}"), frontier.secret) for n in range(start, start + 100)]
            await frontier.add(pages)
            added += 100
    except CrawlFailed as error:
        print(added, "CrawlFailed", error)
    await frontier.close()

asyncio.run(main())
"""


@pytest.mark.process
async def test_a_full_disk_ends_the_crawl_and_what_was_acknowledged_is_kept(tmp_path: pathlib.Path):
    """The size of files is limited in a process of its own; the next one finds the disk mended."""
    path = str(tmp_path / "crawl.sqlite")
    command = [sys.executable, "-c", FULL_DISK, path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr
    added, error, *_ = done.stdout.split()
    assert error == "CrawlFailed"
    assert int(added) > 0
    one = await frontier(tmp_path)
    books = await one.audit()
    assert books.problems == []
    assert int(added) <= books.queued <= int(added) + 100
    await one.close()
