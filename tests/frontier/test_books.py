"""What the tables say to people (`books`), and trying again what has ended (`revival`)."""

from __future__ import annotations

import pathlib
import sqlite3
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
import pytest_asyncio

from acrawl.clock import Clock
from acrawl.errors import EnvironmentProblem, JobConflict, RequestError
from acrawl.frontier import books, revival, stories
from acrawl.frontier.base import Gate
from acrawl.frontier.database import Database
from acrawl.frontier.sqlite import SqliteFrontier
from acrawl.outcome import EXCLUDED, FAILED, FETCHED, RETRY
from acrawl.request import Request
from acrawl.settings import resolve
from contracts.crawl import HOST, Crawl, OpenGate, item

pytestmark = pytest.mark.asyncio

OFFSITE = "http://b.test"


async def opener(folder: pathlib.Path, overrides: Mapping[str, Any], gate: Gate, clock: Clock) -> SqliteFrontier:
    return await SqliteFrontier.open(str(folder / "job.db"), resolve(("test", overrides)), gate, clock)


@pytest_asyncio.fixture
async def crawl(tmp_path: pathlib.Path) -> AsyncIterator[Crawl]:
    """A job, in good order at the end of the test."""
    crawl = Crawl(opener, tmp_path)
    await crawl.open(gate=OpenGate(offsite=[OFFSITE]))
    yield crawl
    await crawl.end()


@pytest.fixture
def reading(tmp_path: pathlib.Path):
    """Open the job's file for reading, beside the frontier: ``with reading() as db``."""
    return lambda: Database(str(tmp_path / "job.db"), reading=True)


@pytest.fixture
def mending(tmp_path: pathlib.Path):
    """Open the job's file for writing, while no frontier has it: ``with mending() as db``."""
    return lambda: Database(str(tmp_path / "job.db"))


# -- one URL


async def test_a_path_leads_from_the_seed_to_the_page_before(crawl: Crawl, reading):
    await crawl.add("/0")
    for n in range(3):
        await crawl.report(await crawl.one(), links=[f"/{n + 1}"])
    with reading() as db:
        story = stories.story(db, f"{HOST}/3")
    assert story.path == [f"{HOST}/{n}" for n in range(3)]
    assert story.found_on == f"{HOST}/2"


async def test_a_very_long_path_keeps_its_end(crawl: Crawl, reading):
    await crawl.add("/0")
    for n in range(80):
        await crawl.report(await crawl.one(), links=[f"/{n + 1}"])
    with reading() as db:
        path = stories.story(db, f"{HOST}/80").path
    assert len(path) == 64
    assert path[-1] == f"{HOST}/79"


@pytest.mark.parametrize("order", ["found", "breadth", "depth"])
async def test_a_priority_is_the_one_that_was_given_whatever_the_order(tmp_path, reading, order: str):
    crawl = Crawl(opener, tmp_path)
    await crawl.open({"frontier.order": order})
    await crawl.add(Request(f"{HOST}/queued", priority=7, depth=3), Request(f"{HOST}/failed", priority=9, depth=3))
    (got,) = [one for one in await crawl.lease(n=1) if one.url == f"{HOST}/failed"]
    await crawl.report(got, FAILED, reason="dns")
    with reading() as db:
        assert [stories.story(db, f"{HOST}/{name}").priority for name in ("queued", "failed")] == [7, 9]
    await crawl.end()


async def test_tries_are_told_in_their_order_through_every_life(crawl: Crawl, reading, mending):
    await crawl.add("/a")
    for reason, status in (("timeout", RETRY), ("reset", FAILED)):
        await crawl.report(await crawl.one(), status, reason=reason, detail="why", seconds=1.5, delay=1.0)
        await crawl.clock.advance(2)
    await crawl.close()
    with mending() as db:
        assert revival.revive(db, books.find_ended(db, [(FAILED, "")]).numbers) == 1
    await crawl.restart()
    await crawl.clock.advance(2)
    await crawl.report(await crawl.one(), RETRY, reason="dns", delay=100.0)
    with reading() as db:
        story = stories.story(db, f"{HOST}/a")
    assert (story.state, story.attempts) == ("queued", 1)
    assert [(one.reason, one.detail) for one in story.tries] == [("timeout", "why"), ("reset", "why"), ("dns", "")]
    assert [one.at for one in story.tries] == sorted(one.at for one in story.tries)
    assert story.not_before > crawl.clock.time()


async def test_what_is_no_url_has_no_story(crawl: Crawl, reading):
    with reading() as db:
        for ask in (stories.story, stories.near):
            with pytest.raises(RequestError):
                ask(db, "no url")


# -- URLs like another

NEAR = {
    "slash": ("/shop/", ["/shop"]),
    "no slash": ("/list", ["/list/"]),
    "scheme": ("https://a.test/shop", ["/shop"]),
    "www": ("http://www.a.test/shop", ["/shop"]),
    "query too much": ("/shop?x=1", ["/shop"]),
    "another query": ("/find?q=none", ["/find?q=1", "/find?q=2", "/find?q=3"]),
    "query missing": ("/find", ["/find?q=1", "/find?q=2", "/find?q=3"]),
    "several at once": ("https://www.a.test/shop/?x=1", []),
    "nothing like it": ("/sho", []),
    "a longer one": ("/fin", []),
}


@pytest.mark.parametrize(("url", "known"), NEAR.values(), ids=NEAR)
async def test_known_urls_like_an_unknown_one_are_found(crawl: Crawl, reading, url: str, known: list[str]):
    await crawl.add("/shop", "/list/", "/find?q=1", "/find?q=2", "/find?q=3", "/find?q=4", "/finder")
    (got,) = await crawl.lease(n=1)
    await crawl.report(got)  # one of them is in the ledger
    with reading() as db:
        assert stories.near(db, url if "://" in url else HOST + url) == [HOST + path for path in known]


async def test_the_like_are_looked_for_among_the_latest_only(crawl: Crawl, reading, monkeypatch):
    await crawl.add(*(f"/find?q={n}" for n in range(5)))
    monkeypatch.setattr(stories, "_LOOKED_THROUGH", 3)
    with reading() as db:
        assert stories.near(db, f"{HOST}/find") == [f"{HOST}/find?q=3", f"{HOST}/find?q=4"]


# -- lists


async def three_ends(crawl: Crawl) -> None:
    """Leave ``/fetched /timeout /dns`` ended so, ``/queued`` queued and one request excluded at the door."""
    await crawl.add("/fetched", "/timeout", "/dns", "/queued", OFFSITE + "/")
    for got in await crawl.lease(n=3):
        name = got.url.rpartition("/")[2]
        await crawl.report(got, FETCHED if name == "fetched" else FAILED, reason=name.removeprefix("fetched"), size=10)


async def test_ends_are_listed_by_status_and_reason(crawl: Crawl, reading):
    await three_ends(crawl)
    with reading() as db:
        assert [(one.url, one.reason) for one in books.ended(db, FAILED)] == [
            (f"{HOST}/timeout", "timeout"),
            (f"{HOST}/dns", "dns"),
        ]
        assert [one.url for one in books.ended(db, FAILED, "dns")] == [f"{HOST}/dns"]
        assert [one.url for one in books.ended(db, EXCLUDED)] == [f"{OFFSITE}/"]
        assert list(books.ended(db, "quarantined")) == []


FOUND = {
    "a status": ([(FAILED, "")], (), {"failed(timeout)": 1, "failed(dns)": 1}, {}),
    "a reason": ([("", "dns")], (), {"failed(dns)": 1}, {}),
    "both": ([(FAILED, "dns"), (EXCLUDED, "dns")], (), {"failed(dns)": 1}, {}),
    "what is gone": ([(EXCLUDED, ""), (FETCHED, "")], (), {}, {"excluded(offsite)": 1, "fetched": 1}),
    "urls": ([], ("/dns", "/fetched", "/never"), {"failed(dns)": 1}, {"fetched": 1}),
    "urls of a status": ([(EXCLUDED, "")], ("/dns",), {}, {}),
    "nothing said": ([], (), {"failed(timeout)": 1, "failed(dns)": 1}, {"fetched": 1, "excluded(offsite)": 1}),
}


@pytest.mark.parametrize(("ends", "paths", "kept", "gone"), FOUND.values(), ids=FOUND)
async def test_what_may_be_tried_again_is_told_from_what_is_gone(crawl: Crawl, reading, ends, paths, kept, gone):
    await three_ends(crawl)
    with reading() as db:
        found = books.find_ended(db, ends, [HOST + path for path in paths])
    assert (found.kept, found.gone) == (kept, gone)
    assert len(found.numbers) == sum(kept.values())
    assert found.urls == ({f"{HOST}/dns"} if paths and kept else set())


async def test_hosts_are_listed_with_the_busiest_first(crawl: Crawl, reading):
    await three_ends(crawl)
    await crawl.add("http://c.test/")
    with reading() as db:
        assert list(books.hosts(db)) == [(HOST, 1, 3), ("http://c.test", 1, 0)]


async def test_a_damaged_file_is_named_in_the_middle_of_a_list_too(tmp_path: pathlib.Path):
    crawl = Crawl(opener, tmp_path)
    await crawl.open()
    await crawl.add(*(f"/{n}" for n in range(3000)))
    for _ in range(30):
        for got in await crawl.lease(n=100):
            await crawl.report(got, FAILED, reason="dns", detail="x" * 200)
    await crawl.close()
    path = tmp_path / "job.db"
    with Database(str(path)) as db:
        db.run("pragma wal_checkpoint(truncate)")
        (page,) = db.one("select max(pageno) from dbstat where name = 'ledger' and pagetype = 'leaf'")
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)
    with Database(str(path), reading=True) as db, pytest.raises(EnvironmentProblem, match=r"job\.db.*damaged"):
        list(books.ended(db, FAILED))


# -- the audit


async def test_an_audit_and_its_lists_are_of_one_moment(crawl: Crawl, reading):
    await three_ends(crawl)
    with reading() as db, db.snapshot():
        before = books.audit(db)
        await crawl.add("/late")
        (got,) = [one for one in await crawl.lease() if one.url == f"{HOST}/queued"]
        await crawl.report(got, FAILED, reason="dns")
        assert books.audit(db) == before
        assert list(books.hosts(db)) == [(HOST, 1, 3)]
        assert len(list(books.ended(db, FAILED))) == 2
    with reading() as db:
        after = books.audit(db)
    assert (before.problems, after.problems) == ([], [])
    assert (before.discovered, before.queued, before.done) == (5, 1, 4)
    assert (after.discovered, after.queued, after.done) == (6, 1, 5)


async def test_an_audit_counts_ends_hosts_and_what_is_undelivered(crawl: Crawl, reading):
    await three_ends(crawl)
    await crawl.report(await crawl.one(), items=[item("1"), item("2")])
    with reading() as db:
        result = books.audit(db)
    assert result.ends == {"excluded(offsite)": 1, "failed(dns)": 1, "failed(timeout)": 1, "fetched": 2}
    assert (result.hosts, result.undelivered) == (1, 2)


MEDDLED = {
    "host": ("update queue set host = (select id from host where name = 'http://c.test')", [HOST, "http://c.test"]),
    "ending": ("update ending set requests = requests + 1 where reason = 'dns'", ["failed(dns)", "2 ended"]),
    "outbox": ("update outbox set request = 5", ["items in the outbox"]),
    "kept out": ("update ledger set url = 'http://d.test/' where host = 0", ["that was kept out", "1 discovered"]),
}


@pytest.mark.parametrize(("statement", "words"), MEDDLED.values(), ids=MEDDLED)
async def test_an_audit_names_what_does_not_balance(tmp_path, statement: str, words: list[str]):
    crawl = Crawl(opener, tmp_path)
    await crawl.open(gate=OpenGate(offsite=[OFFSITE]))
    await crawl.add("http://c.test/")
    (got,) = await crawl.lease(n=1)
    await crawl.report(got, items=[item("1")])
    await three_ends(crawl)
    await crawl.close()
    with Database(str(tmp_path / "job.db")) as db:
        assert books.audit(db).problems == []
        db.run(statement)
        problems = "\n".join(books.audit(db).problems)
    for word in words:
        assert word in problems


# -- reading beside others


async def test_a_reader_makes_nothing(tmp_path: pathlib.Path):
    with pytest.raises(EnvironmentProblem, match="cannot be opened"):
        Database(str(tmp_path / "job.db"), reading=True)
    assert list(tmp_path.iterdir()) == []


async def test_a_reader_cannot_write(crawl: Crawl, reading):
    with reading() as db, pytest.raises(EnvironmentProblem, match="readonly"):
        db.run("delete from queue")


@pytest.mark.parametrize("opened", [{}, {"reading": True}])
async def test_another_programs_file_is_left_as_it_is(tmp_path: pathlib.Path, opened):
    path = tmp_path / "job.db"
    other = sqlite3.connect(path)
    other.execute("create table songs(title)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(JobConflict, match="not of a crawl"):
        Database(str(path), **opened)
    assert path.read_bytes() == before


# -- trying again


async def test_what_is_queued_again_is_fetched_as_it_was(crawl: Crawl, mending):
    await crawl.add(Request(f"{HOST}/first"), Request(f"{HOST}/a", meta={"k": 1}, priority=5, depth=2), "/b")
    for got in await crawl.lease():
        await crawl.report(got, FETCHED if got.url.endswith("first") else FAILED, links=[], size=100)
    await crawl.restart()
    await crawl.close()
    with mending() as db:
        found = books.find_ended(db, [(FAILED, "")])
        assert revival.revive(db, found.numbers) == 2
        assert revival.revive(db, found.numbers) == 0  # a second time there is nothing
        result = books.audit(db)
        assert (result.problems, result.queued, result.ends) == ([], 2, {"fetched": 1})
    await crawl.restart()
    now = await crawl.snapshot()
    assert (now.discovered, now.queued, now.failed, now.bytes) == (3, 2, 0, 100)
    await crawl.clock.advance(2)
    assert [got.url for got in await crawl.lease_until(2)] == [f"{HOST}/a", f"{HOST}/b"]


async def test_items_of_another_visit_are_other_items_and_those_of_the_first_are_kept(crawl: Crawl, mending):
    await crawl.add("/a")
    await crawl.report(await crawl.one(), FAILED, reason="callback", items=[item("before it raised")])
    (first,) = await crawl.outbox()
    await crawl.close()
    with mending() as db:
        assert revival.revive(db, [1]) == 1
        assert books.audit(db).problems == []  # its item waits in the outbox, while it is queued again
    await crawl.restart()
    await crawl.clock.advance(2)
    await crawl.report(await crawl.one(), items=[item("before it raised"), item("after")])
    deliveries = await crawl.outbox()
    assert [one.item.body.decode() for one in deliveries] == ["before it raised", "before it raised", "after"]
    assert deliveries[0].item_id == first.item_id
    assert len({one.item_id for one in deliveries}) == 3


async def test_only_what_was_kept_is_queued_again(crawl: Crawl, mending):
    await three_ends(crawl)
    await crawl.frontier.stop("limit")
    await crawl.close()
    with mending() as db:
        numbers = [number for (number,) in db.all("select id from ledger")]
        assert len(numbers) == 5
        assert revival.revive(db, [*numbers, 77]) == 3
        assert [url for (url,) in db.all("select url from queue order by id")] == [
            f"{HOST}/timeout", f"{HOST}/dns", f"{HOST}/queued",
        ]  # fmt: skip
        assert books.audit(db).problems == []
        assert revival.revive(db, []) == 0


async def test_a_lost_worker_is_not_counted_twice(tmp_path: pathlib.Path, mending):
    crawl = Crawl(opener, tmp_path)
    await crawl.open({"frontier.max_lost": 2})
    await crawl.add("/poison")
    for worker in ("v", "w"):
        got = await crawl.one(worker)
        await crawl.frontier.renew(worker, crawl.epoch, {got.token: 1})
        await crawl.frontier.lost(worker)
        await crawl.clock.advance(1)
    await crawl.until_state("/poison", "quarantined(worker-lost)")
    tries = (await crawl.story("/poison")).tries
    assert [(one.reason, one.detail) for one in tries] == [("worker-lost", "v"), ("worker-lost", "w")]
    await crawl.close()
    with mending() as db:
        assert revival.revive(db, [1]) == 1
        assert stories.story(db, f"{HOST}/poison").tries == tries
    await crawl.restart()
    await crawl.clock.advance(2)
    await crawl.report(await crawl.one())  # it has a whole new life: not a suspect's last
    assert await crawl.state("/poison") == "fetched"
    await crawl.end()


async def test_the_limits_of_a_host_count_without_what_is_tried_again(tmp_path: pathlib.Path, mending):
    crawl = Crawl(opener, tmp_path)
    await crawl.open({"limits.host_errors": 2})
    await crawl.add("/a", "/b")
    for got in await crawl.lease():
        await crawl.report(got, FAILED, reason="dns")
    await crawl.close()
    with mending() as db:
        assert revival.revive(db, [1, 2]) == 2
    await crawl.restart()
    await crawl.clock.advance(2)
    assert sorted(await crawl.fetch_all()) == [f"{HOST}/a", f"{HOST}/b"]
    await crawl.end()


async def test_what_came_in_after_a_limit_is_queued_again_but_nothing_that_never_belonged(crawl: Crawl, mending):
    await crawl.add("/1", "/2")
    got = await crawl.one()
    await crawl.frontier.stop("limit")
    await crawl.report(got, links=["/late", f"{OFFSITE}/late"])
    await crawl.close()
    with mending() as db:
        found = books.find_ended(db, [(EXCLUDED, "limit")], [])
        assert revival.revive(db, found.numbers) == 2
    await crawl.restart()
    await crawl.clock.advance(10)
    assert sorted(await crawl.fetch_all()) == [f"{HOST}/2", f"{HOST}/late"]
    assert await crawl.state(f"{OFFSITE}/late") == "excluded(offsite)"


# -- what is dead, and what has moved


async def test_a_head_that_failed_counts_unless_a_get_has_the_last_word(crawl: Crawl, reading):
    urls = [f"{HOST}/{name}" for name in ("dead", "overruled", "both", "waiting")]
    await crawl.add(*(Request(url, method="HEAD") for url in urls))
    for got in await crawl.lease_until(4):
        await crawl.report(got, FAILED, reason="http-405", http_status=405)
    await crawl.add(*urls[1:])
    for got in await crawl.lease_until(2, n=2):
        status = FETCHED if got.url == urls[1] else FAILED
        await crawl.report(got, status, reason="" if status == FETCHED else "http-404", http_status=404)
    with reading() as db:
        assert [(end.url, end.reason, end.http_status) for end in books.dead(db)] == [
            (urls[0], "http-405", 405),
            (urls[2], "http-404", 404),
        ]


async def test_what_has_moved_is_told_with_its_target(crawl: Crawl, reading):
    await crawl.add("/a", "/b", "/c")
    target = f"{HOST}/x,y"
    details = [f"to {target}", f"to {target}, from the cache", "to nowhere"]
    reasons = ["redirect", "redirect", ""]
    for got, detail, reason in zip(await crawl.lease_until(3), details, reasons, strict=True):
        await crawl.report(got, FETCHED, reason=reason, detail=detail, http_status=301)
    with reading() as db:
        told = [(one.url, one.target, one.http_status) for one in books.redirects(db)]
    assert told == [(f"{HOST}/a", target, 301), (f"{HOST}/b", target, 301)]
