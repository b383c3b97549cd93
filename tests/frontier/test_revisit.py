"""A further visit: what is queued again, with what, and what is told of it."""

from __future__ import annotations

import os
import pathlib
import signal
from collections.abc import Callable, Iterator

import msgspec
import pytest

from acrawl.frontier import books, changes, revival
from acrawl.frontier.database import Database
from acrawl.frontier.revisit import open_visit, visit
from acrawl.frontier.rows import TRAPS
from acrawl.frontier.shapes import shape_of
from acrawl.frontier.sqlite import SqliteFrontier
from acrawl.outcome import EXCLUDED, FAILED, FETCHED, Item, Outcome
from acrawl.request import Request, seal, unseal
from acrawl.settings import resolve
from acrawl.testing import ManualClock
from acrawl.ticket import Lease, Version
from contracts.crawl import DEFAULTS, OpenGate

A = "http://a.test"
#: What comes of a lease: more facts than that it was fetched.
Play = Callable[[Lease], dict[str, object]]


def found(lease: Lease) -> dict[str, object]:
    return {"version": Version('"1"')}


class Visits:
    """A job that is visited again and again; the test plays the web. ``items`` are the ids of all that it made."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.path = str(folder / "job.db")
        self.secret = b""
        self.seen: dict[str, Version | None] = {}
        self.items: list[str] = []

    def sealed(self, path: str, **facts: object):
        journey = {"continuation": True} if facts.pop("continuation", False) else {}
        return seal(Request(A + path, **facts), self.secret, **journey)

    async def visit(self, play: Play = found, *seeds: Request, again: bool = True, **overrides: object) -> None:
        """One visit to its end; ``seen`` are its leases, and what they said of the visit before."""
        if again:
            with Database(self.path) as db:
                open_visit(db, visit(db))
        settings = resolve(("test", DEFAULTS | {name.replace("__", "."): v for name, v in overrides.items()}))
        frontier = await SqliteFrontier.open(self.path, settings, OpenGate(), ManualClock())
        self.secret, self.seen = frontier.secret, {}
        try:
            await frontier.add([seal(seed, self.secret) for seed in seeds], seeds=len(seeds))
            await frontier.seeds_exhausted()
            while not (await frontier.snapshot()).finished:
                await self._work(frontier, play)
            assert (await frontier.audit()).problems == []
        finally:
            await frontier.close()

    async def _work(self, frontier: SqliteFrontier, play: Play) -> None:
        await frontier._clock.advance(2)
        batch = await frontier.lease("w", 1, 0.0)
        for ticket in batch.tickets:
            for lease in ticket.leases:
                assert lease.url not in self.seen, "twice in one visit"
                self.seen[lease.url] = lease.former
                facts = {"status": FETCHED, "ago": 0.0} | play(lease)
                await frontier.report("w", frontier.epoch, [Outcome(lease.token, **facts)])
        delivered = await frontier.outbox(100)
        self.items += [one.item_id for one in delivered]
        await frontier.done([one.id for one in delivered])

    def told(self) -> dict[str, str]:
        with Database(self.path, reading=True) as db:
            return {change.url.removeprefix(A): change.change for change in changes.listed(db)}


@pytest.fixture
def visits(tmp_path: pathlib.Path) -> Visits:
    return Visits(tmp_path)


def _rows(path: str) -> Iterator[tuple[object, ...]]:
    with Database(path, reading=True) as db:
        for table in ("queue", "ledger", "former", "meta", "mark", "ending"):
            yield from db.all(f"select '{table}', * from {table} order by 2")


@pytest.mark.asyncio
async def test_killed_at_any_statement_a_job_has_finished_or_is_visited_again(visits: Visits):
    seeds = [Request(f"{A}/{n}") for n in range(20)]
    await visits.visit(found, *seeds, again=False)
    before, after, statements = list(_rows(visits.path)), [], 0
    while not after:
        statements += 1
        child = os.fork()
        if not child:
            _open_and_die(visits.path, statements)
        _, status = os.waitpid(child, 0)
        now = list(_rows(visits.path))
        with Database(visits.path) as db:
            assert books.audit(db).problems == []
            if now != before:
                assert visit(db) == 1
                assert db.value("select count(*) from queue") == db.value("select count(*) from former") == 20
                after = now
        assert after or (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL)
    assert statements > 15
    with Database(visits.path) as db:  # whoever comes again finds it begun
        assert open_visit(db, 0) == 1
    assert list(_rows(visits.path)) == after


def _open_and_die(path: str, statements: int) -> None:
    """In a process of its own: begin a visit, and be killed at that statement, or just after the last."""
    left = [statements]

    def count(_: str) -> None:
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)

    try:
        db = Database(path)
        db.connection.set_trace_callback(count)
        open_visit(db, 0)
    finally:
        os._exit(0)


@pytest.mark.asyncio
async def test_a_lease_brings_what_was_found_and_the_request_is_what_it_was(visits: Visits):
    def play(lease: Lease) -> dict[str, object]:
        if lease.url == f"{A}/":
            link = visits.sealed(
                "/page", callback="parse_page", cb_kwargs={"n": 1}, priority=3, depth=1, referrer=f"{A}/"
            )
            return {"requests": [link], "version": Version('"home"', "a date", b"0" * 16)}
        bodies.append(unseal(lease.url, lease.body))
        return {"version": Version(digest=b"1" * 32, length=77)}

    bodies: list[Request] = []
    await visits.visit(play, Request(f"{A}/"), again=False)
    assert visits.seen == {f"{A}/": None, f"{A}/page": None}
    await visits.visit(play)
    assert visits.seen == {
        f"{A}/": Version('"home"', "a date", b"0" * 16),
        f"{A}/page": Version(digest=b"1" * 32, length=77),
    }
    assert bodies[0] == bodies[1]
    with Database(visits.path, reading=True) as db:
        assert db.one("select depth, parent, rank, visit from ledger where url like '%/page'") == (1, 1, -3, 1)


@pytest.mark.asyncio
async def test_what_was_kept_out_stays_out_and_what_cannot_be_asked_for_again_is_not(visits: Visits):
    def play(lease: Lease) -> dict[str, object]:
        ends: dict[str, dict[str, object]] = {
            "/post": {},
            "/filtered": {"status": EXCLUDED, "reason": "filter"},
            "/failed": {"status": FAILED, "reason": "http-500"},
        }
        return ends.get(lease.url.removeprefix(A), found(lease))

    paths = ("/", "/post", "/filtered", "/failed")
    await visits.visit(play, *(Request(A + path) for path in paths), again=False)
    await visits.visit(play)
    assert visits.seen == {f"{A}/": Version('"1"'), f"{A}/failed": None}
    with Database(visits.path) as db:
        assert revival.revive(db, books.find_ended(db, [("", "")], [f"{A}/"]).numbers) == 0  # it needs no further try


@pytest.mark.asyncio
async def test_what_a_visit_did_not_come_to_is_compared_with_the_one_before_it(visits: Visits):
    await visits.visit(found, Request(f"{A}/1"), Request(f"{A}/2"), again=False)

    def trouble(lease: Lease) -> dict[str, object]:
        reason = {"/1": (EXCLUDED, "robots"), "/2": (FAILED, "http-500")}[lease.url.removeprefix(A)]
        return dict(zip(("status", "reason"), reason, strict=True))

    await visits.visit(trouble)
    assert visits.told() == {"/1": "failed", "/2": "failed"}
    await visits.visit(trouble)
    assert visits.seen == {f"{A}/1": Version('"1"'), f"{A}/2": Version('"1"')}
    await visits.visit(lambda _: {"status": FAILED, "reason": "http-404"})
    assert visits.told() == {"/1": "removed", "/2": "removed"}
    await visits.visit(lambda _: {"status": FAILED, "reason": "http-404"})
    assert visits.told() == {}
    await visits.visit(found)
    assert visits.seen == {f"{A}/1": None, f"{A}/2": None}
    assert visits.told() == {"/1": "added", "/2": "added"}


@pytest.mark.asyncio
async def test_limits_count_this_visit(visits: Visits):
    # Of the first visit two requests stand that are not asked for again: they are in no limit.
    def play(lease: Lease) -> dict[str, object]:
        return {} if "/post" in lease.url else found(lease)

    paths = ("/post1", "/post2", "/1", "/2", "/3")
    await visits.visit(play, *(Request(A + path) for path in paths), again=False)
    await visits.visit(play, limits__max_pages=3)
    assert visits.seen.keys() == {f"{A}/1", f"{A}/2", f"{A}/3"}


@pytest.mark.asyncio
async def test_a_redirect_that_turned_around_is_no_loop(visits: Visits):
    leads = {"/a": "/b", "/b": ""}

    def play(lease: Lease) -> dict[str, object]:
        to = leads.get(lease.url.removeprefix(A), "")
        if not to:
            return found(lease)
        following = visits.sealed(to, hops=1, continuation=True)
        version = Version(digest=to.encode())
        return {"reason": "redirect", "detail": f"to {A}{to}", "requests": [following], "version": version}

    await visits.visit(play, Request(f"{A}/a"), again=False)
    assert visits.seen.keys() == {f"{A}/a", f"{A}/b"}
    leads |= {"/a": "/c", "/b": "/a"}
    await visits.visit(play)
    assert visits.told() == {"/a": "changed", "/b": "changed", "/c": "added"}
    await visits.visit(play)
    assert visits.told() == {"/a": "unchanged", "/b": "unchanged", "/c": "changed"}


@pytest.mark.asyncio
async def test_what_asks_for_no_filter_comes_once_in_a_visit(visits: Visits):
    def play(lease: Lease) -> dict[str, object]:
        if lease.url == f"{A}/":
            return {"requests": [visits.sealed("/news", dont_filter=True, depth=1)], **found(lease)}
        return found(lease)

    await visits.visit(play, Request(f"{A}/"), again=False)
    for _ in range(2):
        await visits.visit(play)
        assert visits.seen.keys() == {f"{A}/", f"{A}/news"}
    with Database(visits.path, reading=True) as db:
        assert db.value("select count(*) from ledger") == 2


@pytest.mark.asyncio
async def test_items_of_each_visit_have_ids_of_their_own(visits: Visits):
    def play(lease: Lease) -> dict[str, object]:
        return {"items": [Item("item", b"1")], **found(lease)}

    await visits.visit(play, Request(f"{A}/"), again=False)
    await visits.visit(play)
    await visits.visit(play)
    assert len(visits.items) == len(set(visits.items)) == 3


@pytest.mark.asyncio
async def test_pages_that_were_fetched_before_are_in_no_trap(visits: Visits):
    page, other = "/list?a=1&b=1", "/list?a=2&b=2"

    def play(lease: Lease) -> dict[str, object]:
        links = [visits.sealed(path, depth=1) for path in linked] if lease.url == f"{A}/" else []
        return {"requests": links, **found(lease)}

    linked = [page]
    await visits.visit(play, Request(f"{A}/"), again=False)
    shape = shape_of(A + page)
    spent = msgspec.msgpack.encode([[shape.family, "query", 1e6, 0, {shape.names: 1000}]])
    with Database(visits.path) as db:
        db.set_meta(f"{TRAPS}{A}", spent)
    linked.append(other)
    await visits.visit(play)
    assert visits.seen.keys() == {f"{A}/", A + page}
    with Database(visits.path, reading=True) as db:
        assert [one.url for one in books.ended(db, EXCLUDED, "trap")] == [A + other]
