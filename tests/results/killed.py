"""A process that has others deliver items into a feed, and die at each point where that could hurt, one after another.

``python killed.py FOLDER SPEC`` prints how many deaths there were; it fails at the first one after which the feed does
not have every item once and in order. The points are those of `drained`. Whoever goes on after a death dies as well,
at some point, and only the third one lives. All of them pause half way: the feed is made whole, and opened again.
``items.kept`` are the items that stay in the job. In ``gathered.csv`` the second new field is no column any more.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import pathlib
import shutil
import signal
import sys
from collections.abc import Mapping
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

import msgspec

from acrawl.results.base import Feed, Row
from acrawl.results.feeds import Crawl, growing, open_feed
from acrawl.results.kept import keep, kept
from acrawl.settings import Feeds
from results.drained import Points, watch
from results.helpers import JournalFrontier
from results.reading import records

ITEMS: list[dict[str, Any]] = [
    {"n": n, "text": f'a "quoted" line,\n{n}é' * 3}
    | ({"late": n} if n > 8 else {})
    | ({"later": "x"} if n > 15 else {})
    for n in range(24)
]
BATCH = 5
KEPT, GATHERED = "items.kept", "gathered.csv"
#: Several files, where the path has a number in it.
LIMITS = Feeds(batch_items=7, batch_bytes=600)


def opened(folder: pathlib.Path, spec: str, marks: Mapping[str, int]) -> Feed:
    if spec == KEPT:
        return keep(folder, marks)
    if spec == GATHERED:
        growing.SMALL, growing.REWRITES = 0, 2
    crawl = Crawl(LIMITS if "{batch}" in spec else Feeds(), "shop")
    return open_feed(str(folder / spec), marks, crawl=crawl)


async def deliver(folder: pathlib.Path, spec: str, point: Points) -> None:
    frontier = JournalFrontier(folder / "journal", ITEMS)
    point.armed = True
    going = True
    while going:
        feed = opened(folder, spec, frontier.marks)
        await frontier.done([], feed.commit())
        for _ in range(3):
            await turn(frontier, feed, point)
        going = bool(frontier.waiting)
        feed.finish()
        feed.close()
    point.armed = False


async def turn(frontier: JournalFrontier, feed: Feed, point: Points) -> None:
    batch = await frontier.outbox(BATCH)
    assert feed.write([Row(entry.item_id, msgspec.msgpack.decode(entry.item.body)) for entry in batch]) == []
    marks = feed.commit()
    point()
    await frontier.done([entry.id for entry in batch], marks)
    point()


def lives(folder: pathlib.Path, spec: str, fatal: int) -> bool:
    """Whether a process that dies at a point got to the end before it."""
    child = os.fork()
    if not child:
        code = 1
        try:
            point = Points(fatal)
            watch(point)
            asyncio.run(deliver(folder, spec, point))
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL), f"{spec}: status {status} at point {fatal}"
    return status == 0


def check(folder: pathlib.Path, spec: str) -> None:
    files = [path for path in folder.iterdir() if path.name != "journal"]
    if "{batch}" in spec:
        before, after = spec.split("{batch}")
        files.sort(key=lambda path: int(path.name.removeprefix(before).removesuffix(after)))
        parts = [records(path) for path in files]
        assert all(parts)
        found = [item for part in parts for item in part]
    else:
        assert [path.name for path in files] == [spec]
        found = kept_in(folder) if spec == KEPT else records(files[0])
    if spec == GATHERED:
        found = [item | json.loads(item.pop("_more_fields", "{}")) for item in found]
    assert found == [{key: str(value) for key, value in item.items()} for item in ITEMS]


def kept_in(folder: pathlib.Path) -> list[dict[str, str]]:
    mark = JournalFrontier(folder / "journal", ITEMS).marks["kept"]
    return [{key: str(value) for key, value in row.value.items()} for rows in kept(folder, mark) for row in rows]


def main(root: pathlib.Path, spec: str) -> int:
    logging.disable()
    point = 1
    while True:
        folder = root / str(point)
        folder.mkdir()
        done = lives(folder, spec, point)
        lives(folder, spec, point * 7 % 40 + 1)
        assert lives(folder, spec, 0)
        try:
            check(folder, spec)
        except Exception as error:
            error.add_note(f"{spec}: killed at point {point}, then {point * 7 % 40 + 1}, in {folder}")
            raise
        if done:
            return point - 1
        shutil.rmtree(folder)
        point += 1


if __name__ == "__main__":
    print(main(pathlib.Path(sys.argv[1]), sys.argv[2]))
