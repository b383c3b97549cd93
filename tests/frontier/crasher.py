"""A crawl of a made-up web through the SQLite engine, in a process of its own that may be killed at any moment.

``python crasher.py FOLDER [VISIT]`` prints one line for each report that was acknowledged, and ends when nothing is
left. With a number from 1 on it is that visit of the job, begun where it has not been.
"""

from __future__ import annotations

import asyncio
import pathlib
import sys

from acrawl.clock import SystemClock
from acrawl.frontier.database import Database
from acrawl.frontier.gate import ScopeGate
from acrawl.frontier.revisit import open_visit
from acrawl.frontier.sqlite import SqliteFrontier
from acrawl.outcome import FAILED, FETCHED, RETRY, Item, Outcome
from acrawl.request import Request, Sealed, seal, unseal
from acrawl.settings import resolve
from acrawl.ticket import Lease, Version

PAGES = 4000
HOSTS = 12
SEEDS = (0, 1, 2)


class FastClock(SystemClock):
    """Twenty times as fast as the machine's: the second a host rests after a restart is soon over."""

    def now(self) -> float:
        return super().now() * 20

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds / 20)


def url(page: int) -> str:
    return f"http://h{page % HOSTS}.test/{page}"


def links(page: int) -> list[int]:
    return [(page + 1) % PAGES, *((page * 7 + k * k * 31) % PAGES for k in range(8))]


def items(page: int) -> list[str]:
    return [f"{page}:{ordinal}" for ordinal in range(page % 3)]


def fails(page: int) -> bool:
    return page % 23 == 5


def changes(page: int) -> bool:
    return page % 5 == 1


def vanishes(page: int) -> bool:
    return page % 29 == 7 and not fails(page)


def outcome(lease: Lease, secret: bytes, visit: int) -> Outcome:
    """What comes of a page depends on nothing but the page, the attempt and the visit."""
    page = int(unseal(lease.url, lease.body).url.rpartition("/")[2])
    version = Version(f'"{page}:{visit if changes(page) else 0}"')
    if page % 17 == 3 and lease.attempt == 1:
        return Outcome(lease.token, RETRY, "reset", ago=0.0)
    if visit and vanishes(page):
        return Outcome(lease.token, FAILED, "http-404", "", 404, ago=0.0)
    if lease.former == version:
        return Outcome(lease.token, FETCHED, "unchanged", "", 304, ago=0.0, version=version)
    found = [sealed(link, secret) for link in links(page)]
    made = [Item("item", text.encode()) for text in items(page)]
    return Outcome(
        lease.token, FAILED if fails(page) else FETCHED, "callback" if fails(page) else "", "", 200, 10, 0.0, 0.0,
        requests=found, items=made, version=version,
    )  # fmt: skip


def sealed(page: int, secret: bytes) -> Sealed:
    return seal(Request(url(page)), secret)


async def plant(frontier: SqliteFrontier) -> None:
    taken = await frontier.seeds()
    if taken is None:
        return
    for ordinal in range(taken, len(SEEDS)):
        await frontier.add([sealed(SEEDS[ordinal], frontier.secret)], seeds=ordinal + 1)
    await frontier.seeds_exhausted()


async def work(frontier: SqliteFrontier, worker: str) -> None:
    while True:
        batch = await frontier.lease(worker, 12, 2.0)
        leases = [lease for ticket in batch.tickets for lease in ticket.leases]
        await frontier.renew(worker, batch.epoch, {lease.token: True for lease in leases})
        for part in (leases[:5], leases[5:]):
            if part:
                outcomes = [outcome(lease, frontier.secret, frontier.visit) for lease in part]
                receipt = await frontier.report(worker, batch.epoch, outcomes)
                print(receipt.accepted, flush=True)


async def deliver(frontier: SqliteFrontier, feed: pathlib.Path) -> None:
    committed = (await frontier.marks()).get("feed", 0)
    with feed.open("ab") as file:
        file.truncate(committed)
        while True:
            found = await frontier.outbox(40)
            file.write(b"".join(b"%s %s\n" % (one.item_id.encode(), one.item.body) for one in found))
            file.flush()
            if found:
                await frontier.done([one.id for one in found], {"feed": file.tell()})
            else:
                await asyncio.sleep(0.005)


async def crawl(folder: pathlib.Path, visit: int) -> None:
    settings = resolve(("test", {
        "frontier.commit_seconds": 0, "frontier.window": 16, "frontier.max_lost": 1000,
        "politeness.obey_robots": False, "scope.within": "any",
    }))  # fmt: skip
    path = str(folder / "crawl.sqlite")
    if visit:
        with Database(path) as db:
            open_visit(db, visit - 1)
    frontier = await SqliteFrontier.open(path, settings, ScopeGate(settings.scope), FastClock())
    parts = [
        asyncio.create_task(part)
        for part in (plant(frontier), deliver(frontier, folder / "feed"), work(frontier, "a"), work(frontier, "b"))
    ]
    while not (await frontier.snapshot()).finished:
        for part in parts:
            if part.done():
                part.result()  # raises what ended it
        await asyncio.sleep(0.01)
    for part in parts:
        part.cancel()
    await asyncio.gather(*parts, return_exceptions=True)
    await frontier.close()


if __name__ == "__main__":
    asyncio.run(crawl(pathlib.Path(sys.argv[1]), int(sys.argv[2]) if sys.argv[2:] else 0))
