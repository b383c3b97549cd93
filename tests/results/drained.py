"""A process that drains the same crawl into a folder, and kills itself at the n-th point where that could hurt.

``python drained.py FOLDER N``; with N = 0 it lives to the end and prints how many points it passed. Points are: each
link, rename, made folder, truncation, removed and opened file; each fsync; each write, of which half is done before
the death; and the moments before and after the frontier forgets a batch.
"""

from __future__ import annotations

import asyncio
import os
import pathlib
import signal
import sys
from collections.abc import Callable
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

from acrawl.outcome import Item, Refused
from acrawl.results import outbox
from acrawl.results.catalog import Catalog
from acrawl.results.feeds import open_feed
from acrawl.results.files.folder import FolderStore
from acrawl.results.outbox import Drain
from acrawl.results.pipelines import Pipelines
from results.helpers import JournalFrontier, Spider, encode, png, save, sightings

#: The crawl: image ``i`` has one of so many contents, so most digests come from several URLs.
IMAGES, CONTENTS = 60, 25
WATCHED = frozenset({"os.link", "os.rename", "os.mkdir", "os.truncate", "os.remove", "open"})


class Points:
    """Counts points and dies at the chosen one."""

    def __init__(self, fatal: int) -> None:
        self.passed = 0
        self.fatal = fatal
        self.armed = False

    def __call__(self, before_death: Callable[[], Any] = lambda: None) -> None:
        if self.armed:
            self.passed += 1
            if self.passed == self.fatal:
                self.armed = False
                before_death()
                os.kill(os.getpid(), signal.SIGKILL)


def watch(point: Points) -> None:
    write, fsync = os.write, os.fsync

    def torn_write(descriptor: int, data: Any) -> int:
        point(lambda: write(descriptor, bytes(data)[: len(data) // 2]))
        return write(descriptor, data)

    def watched_fsync(descriptor: int) -> None:
        point()
        fsync(descriptor)

    os.write, os.fsync = torn_write, watched_fsync
    sys.addaudithook(lambda event, _: point() if event in WATCHED else None)


def item_or_file(i: int, facts: list[Any]) -> list[Any]:
    seen = sightings(f"https://e.org/{i}.html", (facts[i].url, f"image {i}"), (facts[0].url, "logo"))
    refused = Item("refused", encode(Refused("Product.n", f"Product.n: {i}", "", encode({"n": i}))))
    return [{"n": i, "text": "x" * 50}, facts[i], seen, refused]


async def main(folder: pathlib.Path, fatal: int) -> None:
    outbox.BATCH = 7
    store = FolderStore(folder / "files")
    facts = [
        await save(store, f"https://e.org/{'a/' * (i % 3)}{'Ab'[i % 2]}.png?{i}", png(i % CONTENTS))
        for i in range(IMAGES)
    ]
    store.close()
    point = Points(fatal)
    watch(point)
    point.armed = True
    frontier = JournalFrontier(folder / "journal", [thing for i in range(IMAGES) for thing in item_or_file(i, facts)])
    forget = frontier.done

    async def done(*arguments: Any) -> None:
        point()
        await forget(*arguments)
        point()

    frontier.done = done  # type: ignore[method-assign]
    feed = open_feed(str(folder / "items.jsonl"), frontier.marks)
    catalog = Catalog(folder / "results.db", folder / "files")
    drain = Drain(frontier, [feed], catalog, Pipelines.of(Spider()))
    await drain.open()
    await drain.drain()
    await drain.close()
    point.armed = False
    print(point.passed)


if __name__ == "__main__":
    asyncio.run(main(pathlib.Path(sys.argv[1]), int(sys.argv[2])))
