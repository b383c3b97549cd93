"""What must hold after every crawl, whatever was killed on the way."""

from __future__ import annotations

import collections
import hashlib
import pathlib

import server
from crawl.command import records
from crawl.site import LiveSite
from process.spiders import PAGES, PICTURES


def furnish(site: LiveSite) -> None:
    """`PAGES` pages, each with a picture of its own address; `PICTURES` different bodies."""
    paths = ["/" if n == 0 else f"/page/{n}" for n in range(PAGES)]
    for n, path in enumerate(paths):
        children = [paths[child] for child in (2 * n + 1, 2 * n + 2) if child < PAGES]
        site.page(path, [*children, "/"], f'<img src="/picture/{n}.png">')
        site.picture(f"/picture/{n}.png", n % PICTURES)


def all_delivered(site: LiveSite, folder: pathlib.Path) -> None:
    """Every page and every picture is an item, each once; each picture's bytes are on disk, each digest once."""
    items = records(folder / "items.jsonl")
    urls = collections.Counter(item["url"] for item in items)
    pages = {site.url("/" if n == 0 else f"/page/{n}") for n in range(PAGES)}
    pictures = {site.url(f"/picture/{n}.png") for n in range(PAGES)}
    assert {url: count for url, count in urls.items() if count > 1} == {}
    assert set(urls) == pages | pictures
    files = [item for item in items if "sha256" in item]
    for file in files:
        assert hashlib.sha256((folder / "files" / file["path"]).read_bytes()).hexdigest() == file["sha256"]
    assert {file["sha256"] for file in files} == {hashlib.sha256(server.png(n)).hexdigest() for n in range(PICTURES)}
    found = [path for path in (folder / "files").rglob("*") if path.is_file() and ".acrawl" not in path.parts]
    pictures_on_disk = [path for path in found if path.read_bytes().startswith(b"\x89PNG")]
    assert len({path.stat().st_ino for path in pictures_on_disk}) == PICTURES
