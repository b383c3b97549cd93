"""A process that has others deliver exchanges into a web archive, and die at each point where that could hurt.

``python warced.py FOLDER [STEP]`` prints how many deaths there were, at each STEP-th point. It fails at the first one
after which the archive does not have every exchange once and in order, valid to its last byte. Points are those of
`drained`, and around each statement of the archive's index. Whoever goes on after a death dies as well, at some point;
only the third one lives.
"""

from __future__ import annotations

import asyncio
import logging
import os
import pathlib
import shutil
import signal
import sys
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

from acrawl.outcome import Captured, Item
from acrawl.results import outbox
from acrawl.results.catalog import Catalog
from acrawl.results.outbox import Drain
from acrawl.results.pipelines import Pipelines
from acrawl.results.warc.archive import Archive
from acrawl.results.warc.index import Index
from results.drained import Points, watch
from results.exchanges import exchange, records
from results.helpers import JournalFrontier, Spider, encode

EXCHANGES = 10
#: Some of them have the same content; the answers to the others are long, and stored.
SAME = {3, 4, 9}


def urls() -> list[str]:
    return [f"http://e.org/{n}" for n in range(EXCHANGES)]


def made(folder: pathlib.Path) -> list[Captured]:
    return [
        exchange(url, b"same" if n in SAME else b"%d" % n * 700, stored=folder / "stored" if n % 2 else None)
        for n, url in enumerate(urls())
    ]


async def deliver(folder: pathlib.Path, exchanges: list[Captured], point: Points) -> None:
    outbox.BATCH = 3
    frontier = JournalFrontier(folder / "journal", [Item("exchange", encode(it)) for it in exchanges])
    forget = frontier.done

    async def done(*arguments: Any) -> None:
        point()
        await forget(*arguments)
        point()

    frontier.done = done  # type: ignore[method-assign]
    watch(point)
    point.armed = True
    index = Index(folder / "warc.db")
    index._db.set_trace_callback(lambda _: point())
    archive = Archive(folder / "a" / "site", index, frontier.marks, folder / "stored", max_bytes=3000)
    catalog = Catalog(folder / "results.db", folder / "files")
    drain = Drain(frontier, [], catalog, Pipelines.of(Spider()), archive=archive)
    await drain.open()
    await drain.drain()
    await drain.finish()
    await drain.close()
    point.armed = False


def lives(folder: pathlib.Path, exchanges: list[Captured], fatal: int) -> bool:
    """Whether a process that dies at a point got to the end before it."""
    child = os.fork()
    if not child:
        code = 1
        try:
            asyncio.run(deliver(folder, exchanges, Points(fatal)))
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL), f"status {status} at point {fatal}"
    return status == 0


def check(folder: pathlib.Path) -> None:
    found, asked, contents = [], [], {}
    for path in sorted((folder / "a").glob("*.gz")):
        for kind, fields, block in records(path):
            if kind in {"response", "revisit"}:
                found.append(fields["WARC-Target-URI"])
                contents[found[-1]] = (kind, block.partition(b"\r\n\r\n")[2])
            elif kind == "request":
                asked.append(fields["WARC-Target-URI"])
    assert found == asked == urls(), (found, asked)
    revisits = [url for url, (kind, _) in contents.items() if kind == "revisit"]
    assert revisits == [f"http://e.org/{n}" for n in sorted(SAME)[1:]]
    assert all(body == b"%d" % n * 700 for n, (_, body) in enumerate(contents.values()) if n not in SAME)
    assert sorted(path.name for path in (folder / "a").iterdir())[-1] == "site.cdxj"
    assert len((folder / "a" / "site.cdxj").read_bytes().splitlines()) == EXCHANGES


def main(root: pathlib.Path, step: int) -> int:
    logging.disable()
    deaths, point = 0, 1
    while True:
        folder = root / str(point)
        folder.mkdir()
        exchanges = made(folder)
        done = lives(folder, exchanges, point)
        deaths += (not done) + (not lives(folder, exchanges, point * 7 % 60 + 1))
        assert lives(folder, exchanges, 0)
        try:
            check(folder)
        except Exception as error:
            error.add_note(f"killed at point {point}, then {point * 7 % 60 + 1}, in {folder}")
            raise
        if done:
            return deaths
        shutil.rmtree(folder)
        point += step


if __name__ == "__main__":
    print(main(pathlib.Path(sys.argv[1]), int((sys.argv[2:] or [1])[0])))
