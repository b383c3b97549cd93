"""A process that makes the browsable copy of the same crawl, and kills itself at the n-th point where that could hurt.

``python mirrored.py FOLDER N``; points are those of ``drained.py``. With N = 0 it lives to the end and prints how many
points it passed.
"""

from __future__ import annotations

import asyncio
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

from acrawl.results.catalog import Catalog
from acrawl.results.files.folder import FolderStore
from acrawl.results.files.objects import Objects
from acrawl.results.publish.mirror import write_mirror
from results.drained import Points, watch
from results.helpers import png, save

PAGES = 30
SITE = "https://e.org"
REDIRECTS = [(f"{SITE}/old", f"{SITE}/older"), (f"{SITE}/older", f"{SITE}/3/")]


async def saved(folder: pathlib.Path) -> None:
    store = FolderStore(folder / "files")
    facts = []
    for n in range(PAGES):
        page = f'<a href="/{n + 1}/">next</a><a href="/old">old</a><img src="/{n % 5}.png"><a href="/gone">gone</a>'
        facts.append(await save(store, f"{SITE}/{n}/", page.encode(), content_type="text/html"))
        facts.append(await save(store, f"{SITE}/{n}.png", png(n % 5)))
    store.close()
    catalog = Catalog(folder / "results.db", folder / "files", named=False)
    with catalog.batch():
        catalog.add_files(facts)
    catalog.close()


def main(folder: pathlib.Path, fatal: int) -> None:
    if not (folder / "results.db").exists():
        asyncio.run(saved(folder))
    Objects(folder / "files").sweep()  # as the master does before it publishes
    catalog = Catalog(folder / "results.db", folder / "files", named=False)
    point = Points(fatal)
    watch(point)
    point.armed = True
    write_mirror(catalog, [f"{SITE}/0/"], REDIRECTS)
    point.armed = False
    catalog.close()
    print(point.passed)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), int(sys.argv[2]))
