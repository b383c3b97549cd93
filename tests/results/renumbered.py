"""Deliver two visits of a site whose images are renumbered between them into a bucket, and die at one point.

``python renumbered.py FOLDER s3://BUCKET FIRST LAST`` has a round for each point of the second visit from FIRST to
LAST, dies there, goes on, and prints how many deaths there were. Each URL gives the image of the one before it now, so
bytes that have just lost their name get another one, and the thumbnails of two images are the same. Workers sent what
had no name when they asked: nothing but the new image, and all thumbnails.
"""

from __future__ import annotations

import asyncio
import hashlib
import pathlib
import sys
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

from acrawl.outcome import Derived, FileFact
from acrawl.results import outbox
from acrawl.results.catalog import Catalog
from acrawl.results.cloud.address import address_of
from acrawl.results.cloud.bucket import Bucket
from acrawl.results.cloud.tree import BucketTree
from acrawl.results.outbox import Drain
from acrawl.results.pipelines import Pipelines
from results.clouded import in_child
from results.drained import Points
from results.fed import around
from results.helpers import JournalFrontier, Spider, png

STAGED = ".objects/job"
IMAGES = 4


def thumb(n: int) -> bytes:
    """Two images have the same."""
    return b"thumbnail %d" % (n or 1)


def fact(url: int, n: int) -> FileFact:
    data, small = png(n), thumb(n)
    made = [Derived("thumb:s", hashlib.sha256(small).hexdigest(), len(small), "image/jpeg", 2, 2)]
    digest = hashlib.sha256(data).hexdigest()
    return FileFact(f"https://e.org/{url}.png", digest, len(data), "image/png", 4, 4, derived=made)


def visit(number: int) -> list[Any]:
    return [fact(url, url - number) for url in range(1, IMAGES + 1)]


def stage(url: str, bodies: list[bytes]) -> None:
    bucket = Bucket(address_of(url, "-o"))
    for data in bodies:
        bucket.put(f"{STAGED}/{hashlib.sha256(data).hexdigest()}", data)
    bucket.close()


async def life(folder: pathlib.Path, url: str, number: int, point: Points) -> None:
    outbox.BATCH = 1
    frontier = JournalFrontier(folder / f"journal-{number}", visit(number))
    for name in ("copy", "delete"):
        around(point, Bucket, name)
    bucket = Bucket(address_of(url, "-o"))
    tree = BucketTree(bucket, STAGED)
    catalog = Catalog(folder / "results.db", folder / "published", shelf=tree)
    drain = Drain(frontier, [], catalog, Pipelines.of(Spider()), files_to_feeds=False)
    await drain.open(frontier.marks.get(outbox.BEGUN, 0) if number else None)
    point.armed = True
    await drain.drain()
    tree.sweep()
    await drain.in_thread(catalog.forget_replaced)
    point.armed = False
    await drain.close()
    bucket.close()


def check(folder: pathlib.Path, url: str) -> None:
    bucket = Bucket(address_of(url, "-o"))
    found = {one.key: b"".join(bucket.read(one.key)) for one in bucket.below("")}
    bucket.close()
    catalog = Catalog(folder / "results.db", folder / "published")
    images = list(catalog.images())
    made = {image.url: catalog.looks.made_of(image.sha256) for image in images}
    catalog.close()
    wanted = {f"https://e.org/{n}.png": n - 1 for n in range(1, IMAGES + 1)}
    assert {image.url: found[image.path or ""] for image in images} == {url: png(n) for url, n in wanted.items()}
    thumbs = {url: [found[one.path or ""] for one in some] for url, some in made.items()}
    assert thumbs == {url: [thumb(n)] for url, n in wanted.items()}
    names = {image.path for image in images} | {one.path for some in made.values() for one in some}
    assert found.keys() == names, sorted(found.keys() ^ names)


def main(root: pathlib.Path, url: str, first: int, last: int) -> int:
    deaths = 0
    for fatal in range(first, last + 1):
        folder, place = root / str(fatal), f"{url}/{fatal}"
        folder.mkdir()

        def lived(number: int, at: int = 0, folder: pathlib.Path = folder, place: str = place) -> bool:
            return in_child(lambda: asyncio.run(life(folder, place, number, Points(at))))

        everything = [make(n) for n in range(1, IMAGES + 1) for make in (png, thumb)]
        assert in_child(lambda place=place, bodies=everything: stage(place, bodies))
        assert lived(0)
        assert in_child(lambda place=place: stage(place, [png(0), *map(thumb, range(IMAGES))]))
        deaths += not lived(1, fatal)
        assert lived(1)
        assert in_child(lambda folder=folder, place=place: check(folder, place)), f"died at point {fatal}"
    return deaths


if __name__ == "__main__":
    print(main(pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
