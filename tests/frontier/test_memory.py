"""What memory holds: bounded by settings, however many hosts and requests there are, and counted without a clock."""

from __future__ import annotations

import pathlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from acrawl.frontier.host import Host
from acrawl.frontier.scheduler import Scheduler
from acrawl.frontier.sqlite import SqliteFrontier
from acrawl.outcome import FAILED, RETRY, HostFacts
from acrawl.settings import resolve
from contracts.crawl import HOST, Crawl

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def crawl(tmp_path: pathlib.Path) -> AsyncIterator[Crawl]:
    async def opener(folder: pathlib.Path, overrides, gate, clock) -> SqliteFrontier:
        return await SqliteFrontier.open(str(folder / "crawl.sqlite"), resolve(("test", overrides)), gate, clock)

    crawl = Crawl(opener, tmp_path)
    yield crawl
    await crawl.end()


def plan(crawl: Crawl) -> Scheduler:
    assert isinstance(crawl.frontier, SqliteFrontier)
    return crawl.frontier._plan


def rows(crawl: Crawl) -> int:
    """How many queued requests memory holds, counted and by its own count."""
    hosts = plan(crawl).hosts
    held = sum(len(host.window) + len(host.late or ()) for host in hosts.by_name.values())
    assert hosts.rows == held
    return held


# -- queued requests


async def test_a_host_with_very_many_requests_keeps_a_window_of_them(crawl: Crawl):
    await crawl.open({"frontier.rows": 1000, "frontier.window": 64})
    most = 0
    for start in range(0, 200_000, 25_000):  # more than a transaction tells one by one
        await crawl.frontier.add([crawl.sealed(f"/{n}") for n in range(start, start + 25_000)])
        most = max(most, rows(crawl))
    for _ in range(20):
        for one in await crawl.lease_until(16):
            await crawl.report(one)
        most = max(most, rows(crawl))
    assert 16 <= most <= 64 + 64
    assert (await crawl.snapshot()).queued == 200_000 - 20 * 16


@pytest.mark.parametrize("restarted", [False, True])
async def test_many_hosts_together_keep_about_as_many_as_they_should(crawl: Crawl, restarted: bool):
    await crawl.open({"frontier.rows": 100, "frontier.window": 16})
    await crawl.frontier.add([crawl.sealed(f"http://h{n % 250}.test/{n}") for n in range(7500)])
    if restarted:
        await crawl.restart()
        await crawl.clock.advance(2)
        assert rows(crawl) == 0
    most, fetched = 0, 0
    while fetched < 7500:
        got = await crawl.lease(n=50)
        fetched += len(got)
        most = max(most, rows(crawl))
        for one in got:
            await crawl.report(one)
        await crawl.frontier.marks()
    assert 100 <= most <= 100 + 50 * 16  # and what is just being read
    assert rows(crawl) == 0


async def test_after_a_restart_hosts_are_read_for_when_their_turn_comes(crawl: Crawl):
    await crawl.open()
    await crawl.frontier.add([crawl.sealed(f"http://h{n % 300}.test/{n}") for n in range(900)])
    await crawl.restart()
    await crawl.clock.advance(2)
    reader, asked = crawl.frontier._reader, []
    want = reader.want
    plan(crawl)._on_low = lambda host, size: (asked.append(host.name), want(host, size))
    assert await crawl.lease(n=10) == []
    assert len(asked) == 10
    got = await crawl.lease(n=10, wait=1.0)
    assert 0 < len({one.host for one in got}) <= 10
    assert {one.host for one in got} <= set(asked)
    assert len(asked) == len(set(asked)) == 20  # each call asks for as many as it may be granted, and no more


# -- hosts


async def visit(crawl: Crawl, *hosts: str, status: str = "fetched", **facts) -> None:
    await crawl.add(*(f"{host}/" for host in hosts))
    for one in await crawl.lease_until(len(hosts)):
        await crawl.report(one, status, **facts)


async def test_idle_hosts_are_forgotten_beyond_their_number(crawl: Crawl):
    await crawl.open({"frontier.idle_hosts": 10})
    for start in range(0, 200, 5):
        await visit(crawl, *(f"http://h{n}.test" for n in range(start, start + 5)))
        assert len(plan(crawl).hosts.by_name) <= 10 + 5
    assert "http://h199.test" in plan(crawl).hosts.by_name
    assert "http://h0.test" not in plan(crawl).hosts.by_name


async def test_hosts_that_were_given_up_are_forgotten_too(crawl: Crawl):
    await crawl.open({"frontier.idle_hosts": 10, "politeness.obey_robots": True, "retry.times": 0})
    for start in range(0, 100, 5):
        await visit(crawl, *(f"http://h{n}.test" for n in range(start, start + 5)), status=FAILED, reason="dns")
        await crawl.until_state(f"http://h{start}.test/", "failed(dns)")
        await crawl.clock.advance(400)
    await crawl.add("http://last.test/")
    await crawl.frontier.marks()
    assert len(plan(crawl).hosts.by_name) <= 10 + 6


async def test_a_known_host_of_which_nothing_new_was_found_is_forgotten_again(crawl: Crawl):
    await crawl.open({"frontier.idle_hosts": 5, "frontier.recent": 1})
    for start in range(0, 50, 5):
        await visit(crawl, *(f"http://h{n}.test" for n in range(start, start + 5)))
    for n in range(50):
        await crawl.add(f"http://h{n}.test/")  # a duplicate, of a host that was forgotten
    assert len(plan(crawl).hosts.by_name) <= 5 + 2
    assert (await crawl.snapshot()).duplicates == 50


async def test_budgets_are_forgotten_with_their_hosts(crawl: Crawl):
    await crawl.open({"frontier.idle_hosts": 5, "politeness.budget_by": "domain"})
    for start in range(0, 60, 5):
        await visit(crawl, *(f"http://h.net{n}" for n in range(start, start + 5)))
    assert len(plan(crawl).hosts._budgets) <= 10


# -- hosts that can be granted nothing


class Looks:
    """Counts how often the scheduler asks a host for a share."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        ask = Host.share_for

        def counted(host: Host, worker: str, workers: int) -> int:
            self.count += 1
            return ask(host, worker, workers)

        monkeypatch.setattr(Host, "share_for", counted)

    def taken(self) -> int:
        count, self.count = self.count, 0
        return count


@pytest.mark.parametrize(("budget", "hosts"), [("none", 2000), ("spider", 400)])
async def test_a_host_that_is_full_is_not_looked_at_until_a_lease_ends(
    crawl: Crawl, budget: str, hosts: int, monkeypatch: pytest.MonkeyPatch
):
    await crawl.open({
        "politeness.concurrency": 1, "politeness.budget_by": budget, "politeness.budget_concurrency": 20
    })  # fmt: skip
    await crawl.frontier.add([crawl.sealed(f"http://h{n % hosts}.test/{n}") for n in range(2 * hosts)])
    held = []
    while got := await crawl.lease("a", 1 if len(held) < hosts else 0):
        held += got
    assert len({one.host for one in held}) == len(held) == (hosts if budget == "none" else 20)
    looks = Looks(monkeypatch)
    assert await crawl.lease("b") == []
    assert looks.taken() == (hosts if budget == "none" else 0)  # now, or already, they are parked
    for worker in "abc":
        assert await crawl.lease(worker) == []
        assert looks.taken() == 0
    for one in held[:3]:
        await crawl.report(one)
        (got,) = await crawl.lease("b", 1)
        assert (got.host == one.host) == (budget == "none")  # with a budget, another's turn has come
        assert looks.taken() <= 3
        held.append(got)
    urls = []
    for one in held[3:]:
        await crawl.report(one)
        urls.append(one.url)
    monkeypatch.undo()
    urls += await crawl.fetch_all()
    assert len(urls) == len(set(urls)) == 2 * hosts - 3


async def test_a_host_of_which_all_is_under_way_that_a_limit_leaves_is_not_looked_at(
    crawl: Crawl, monkeypatch: pytest.MonkeyPatch
):
    await crawl.open({"limits.host_pages": 2})
    await crawl.add(*(f"/{n}" for n in range(9)))
    held = await crawl.lease()
    assert len(held) == 2
    assert await crawl.lease() == []
    looks = Looks(monkeypatch)
    assert await crawl.lease() == []
    assert looks.taken() == 0
    await crawl.report(held[0], RETRY)
    assert [one.url for one in await crawl.lease()] != []
    assert looks.taken() <= 2


async def test_a_host_in_trouble_that_was_given_up_is_granted_nothing_any_more(crawl: Crawl):
    """Between the report that was too much and the end of its queue."""
    await crawl.open({"politeness.max_pauses": 1, "politeness.max_pause": 0.0})
    await crawl.add(*(f"/{n}" for n in range(9)))
    one, other = await crawl.lease(n=2)
    for got in (one, other):
        await crawl.report(got, RETRY, host=HostFacts(pause=1.0))
    assert HOST in plan(crawl).hosts.gone
    assert await crawl.lease() == []
    await crawl.until_state("/8", "failed(rate-limited)")
    assert (await crawl.snapshot()).reasons == {"failed(rate-limited)": 9}
