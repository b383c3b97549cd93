"""A process that drains a crawl of items into one feed, and kills itself at the n-th point where that could hurt.

``python fed.py FOLDER N SPEC``; with N = 0 it lives to the end and prints how many points it passed. Points are: each
statement of a database, each link, rename, removal and opened file, each fsync, each request, and the moments around
each write and commit of the feed and around the frontier's forgetting of a batch. A resumed process goes on.
"""

from __future__ import annotations

import asyncio
import os
import pathlib
import sys
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

from acrawl.results import outbox
from acrawl.results.catalog import Catalog
from acrawl.results.feeds import open_feed
from acrawl.results.outbox import Drain
from acrawl.results.pipelines import Pipelines
from results.drained import Points
from results.helpers import JournalFrontier, Spider

ITEMS = 60
WATCHED = frozenset({"os.link", "os.rename", "os.remove", "os.mkdir", "os.truncate", "open"})


def item(n: int) -> dict[str, Any]:
    """A crawl whose items have more fields, and other values, the longer it lasts."""
    made: dict[str, Any] = {"n": n, "text": f"é{n}", "tags": [str(n), "x"], "price": n if n < ITEMS // 3 else n + 0.5}
    if n >= ITEMS // 2:
        made["late"] = {"deep": n} if n % 2 else "flat"
    return made


def around(point: Points, thing: Any, name: str) -> None:
    """Make points of the moments before and after each call."""
    inner = getattr(thing, name)

    def called(*arguments: Any, **options: Any) -> Any:
        point()
        result = inner(*arguments, **options)
        point()
        return result

    setattr(thing, name, called)


def watch(point: Points, spec: str) -> None:
    around(point, os, "fsync")
    sys.addaudithook(lambda event, _: point() if event in WATCHED else None)
    if spec.startswith("postgresql:"):
        import psycopg

        for name in ("execute", "commit"):
            around(point, psycopg.Connection, name)


async def main(folder: pathlib.Path, fatal: int, spec: str) -> None:
    outbox.BATCH = 7
    point = Points(fatal)
    frontier = JournalFrontier(folder / "journal", [item(n) for n in range(ITEMS)])
    watch(point, spec)
    point.armed = True
    forget = frontier.done

    async def done(*arguments: Any) -> None:
        point()
        await forget(*arguments)
        point()

    frontier.done = done  # type: ignore[method-assign]
    feed = await asyncio.to_thread(open_feed, spec, frontier.marks)
    for name in ("write", "commit", "finish"):
        around(point, feed, name)
    if "sqlite" in spec:
        feed._connection.set_trace_callback(lambda _: point())  # type: ignore[attr-defined]
    catalog = Catalog(folder / "results.db", folder / "files")
    drain = Drain(frontier, [feed], catalog, Pipelines.of(Spider()))
    await drain.open()
    await drain.drain()
    await drain.finish()
    await drain.close()
    point.armed = False
    print(point.passed)


if __name__ == "__main__":
    asyncio.run(main(pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
