"""Deliver a crawl into a bucket, and die at one point after the other: whoever lives then finds all of it once.

``python clouded.py FOLDER s3://BUCKET ROUNDS SEED`` prints how many deaths there were. A round is a crawl of its own:
each of its lives dies at a random one of the next points, until it may live. Points are the moments before and after
each request to the bucket and each part of a large one, each fsync, and around the frontier's forgetting of a batch.
Workers have put the files into the bucket before; all of them pause half way, when all that there is gets uploaded.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import pathlib
import random
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

from acrawl.outcome import FileFact
from acrawl.results import outbox
from acrawl.results.catalog import Catalog
from acrawl.results.cloud.address import address_of
from acrawl.results.cloud.bucket import Bucket
from acrawl.results.cloud.site import bring
from acrawl.results.cloud.tree import BucketTree
from acrawl.results.feeds import Crawl, open_feed
from acrawl.results.outbox import Drain
from acrawl.results.pipelines import Pipelines
from acrawl.results.publish.images import write_images
from acrawl.settings import Feeds
from results.drained import Points
from results.fed import around
from results.helpers import JournalFrontier, Spider, png

IMAGES, CONTENTS = 30, 12
STAGED = ".objects/job"
FEEDS = ("items.jsonl.gz", "part-{batch}.csv")


def image(n: int) -> bytes:
    """One of so many contents; the last one goes in parts."""
    data = png(n % CONTENTS)
    return data + bytes(9 << 20) if n % CONTENTS == CONTENTS - 1 else data


def address(n: int) -> str:
    """One URL a content, of which several would like the same name."""
    return f"https://e.org/{n % 3}.png?{n % CONTENTS}"


def things() -> list[Any]:
    made: list[Any] = []
    for n in range(IMAGES):
        data = image(n)
        fact = FileFact(address(n), hashlib.sha256(data).hexdigest(), len(data), "image/png")
        made += [{"n": n, "late": n} if n > 12 else {"n": n}, fact]
    return made


def stage(bucket: Bucket) -> None:
    """What workers do: again after a crash, for their leases are granted again."""
    for n in range(CONTENTS):
        bucket.put(f"files/{STAGED}/{hashlib.sha256(image(n)).hexdigest()}", image(n), "image/png")
    bucket.put(f"files/{STAGED}/{'0' * 64}", b"never reported")


async def life(folder: pathlib.Path, url: str, point: Points) -> None:
    outbox.BATCH = 7
    frontier = JournalFrontier(folder / "journal", things())
    forget = frontier.done

    async def done(*arguments: Any) -> None:
        point()
        await forget(*arguments)
        point()

    frontier.done = done  # type: ignore[method-assign]
    for name in ("_put", "_put_parts", "copy", "delete", "create"):
        around(point, Bucket, name)
    around(point, os, "fsync")
    point.armed = True
    crawl = Crawl(Feeds(batch_items=11), "shop", folder)
    await frontier.done([], {"feeds:began": 1})
    feeds = [open_feed(f"{url}/{name}", frontier.marks, crawl=crawl) for name in FEEDS]
    bucket = Bucket(address_of(f"{url}/files", "-o"))
    tree = BucketTree(bucket, STAGED)
    catalog = Catalog(folder / "results.db", folder / "published", shelf=tree, since=0.0)
    drain = Drain(frontier, feeds, catalog, Pipelines.of(Spider()), files_to_feeds=False)
    await drain.open()
    while frontier.waiting:
        await drain._step()
        if len(frontier.waiting) % 4 == 0:
            await drain.finish()
    tree.sweep()
    await drain.finish()
    await drain.in_thread(bring, bucket, folder / "published", lambda: write_images(catalog))
    await drain.close()
    bucket.close()
    point.armed = False


def check(url: str, folder: pathlib.Path) -> None:
    import gzip

    bucket = Bucket(address_of(url, "-o"))
    found = {one.key: b"".join(bucket.read(one.key)) for one in bucket.below("")}
    bucket.close()
    items = [json.loads(line)["n"] for line in gzip.decompress(found.pop("items.jsonl.gz")).splitlines()]
    assert items == list(range(IMAGES)), items
    parts = [found.pop(f"part-{n}.csv").decode().splitlines()[1:] for n in (1, 2, 3)]
    assert [int(line.split(",")[0]) for part in parts for line in part] == list(range(IMAGES))
    listed = [json.loads(line) for line in found.pop("files/images.jsonl").splitlines()]
    assert sorted(found.values()) == sorted(image(n) for n in range(CONTENTS)), sorted(found)
    by_url = {address(n): image(n) for n in range(IMAGES)}
    assert {line["url"]: found[f"files/{line['path']}"] for line in listed} == by_url


def in_child(function: Callable[[], Any]) -> bool:
    """Whether it got to its end; False where it was killed. obstore has threads, which no fork takes along."""
    child = os.fork()
    if not child:
        code = 1
        try:
            function()
            code = 0
        except Exception:  # noqa: BLE001 - shown, and told by the code
            traceback.print_exc()
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL), f"status {status}"
    return status == 0


def staging(url: str) -> None:
    bucket = Bucket(address_of(url, "-o"))
    stage(bucket)
    bucket.close()


def main(root: pathlib.Path, url: str, rounds: int, seed: int) -> int:
    chance = random.Random(seed)
    deaths = 0
    for number in range(rounds):
        folder, place = root / str(number), f"{url}/{number}"
        folder.mkdir()
        assert in_child(lambda place=place: staging(place))
        try:
            for _ in range(4):
                fatal = chance.randint(1, 60)
                if in_child(lambda: asyncio.run(life(folder, place, Points(fatal)))):  # noqa: B023
                    break
                deaths += 1
            for _ in range(2):
                assert in_child(lambda: asyncio.run(life(folder, place, Points(0))))  # noqa: B023
            assert in_child(lambda: check(place, folder))  # noqa: B023
        except AssertionError as error:
            error.add_note(f"round {number} of seed {seed}")
            raise
    return deaths


if __name__ == "__main__":
    print(main(pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
