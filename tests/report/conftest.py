"""Two real crawls, made once: one of pages with items and everything that goes wrong, one of some hundred images."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pytest

from cli.conftest import acrawl, live, start, typed
from crawl.command import Command
from crawl.site import LiveSite

__all__ = ["acrawl", "live", "start", "typed"]

IMAGES = 300
SPIDER = """
from acrawl import DropItem, Request, Spider


class Shop(Spider):
    name = "shop"
    custom_settings = {"scope.within": "any", "fetch.allow_private": True, "retry.delay": 0.01, "retry.times": 2}

    async def start(self):
        yield Request(self.home)

    async def parse(self, response):
        yield {"url": response.url}
        for link in response.links():
            yield response.follow(link)


class Early:
    where = "worker"

    async def process_item(self, item, spider):
        if item["url"].endswith("/1"):
            raise DropItem("not wanted so soon")
        return item


class Strict:
    async def process_item(self, item, spider):
        if item["url"].endswith("/dropped"):
            raise DropItem("not wanted")
        if item["url"].endswith("/fatal"):
            raise ValueError("out of paper")
        return item


Shop.pipelines = [Early, Strict]
"""


class Told:
    """A crawl that has ended: its folder, its job, and how often each path of its sites was asked for."""

    def __init__(self, folder: pathlib.Path, job: str, home: LiveSite, other: LiveSite) -> None:
        self.folder = folder
        self.job = job
        self.home = home
        self.other = other


def run(folder: pathlib.Path, *arguments: object) -> None:
    command = Command(*arguments, "--workers", 2, cwd=folder)
    try:
        done = command.end()
    finally:
        command.close()
    assert done.code == 0, done.err


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """Pages of two hosts, items, redirects, refusals, retries, a robots.txt that forbids."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "shop.py").write_text(SPIDER)
    with LiveSite() as home, LiveSite() as other:
        home.add("/robots.txt", "User-agent: *\nDisallow: /private\n", "text/plain")
        home.page("/", ["/a", "/moved", "/missing", "/broken", "/private", "/dropped", "/fatal", other.url("/")])
        home.page("/a", ["/a/b", "/missing"])
        for path in ("/a/b", "/target", "/dropped", "/fatal"):
            home.page(path)
        home.add("/moved", "", status=302, location="/target")
        home.add("/broken", "out of order", status=500)
        other.page("/", ["/1", "/2"], text="x" * 50_000)
        other.page("/1")
        other.page("/2")
        run(folder, "run", "shop.py", "-a", f"home={home.url()}", "-a", "token=hush-hush", "-o", "items.jsonl",
            "-s", 'auth.hosts={ "http://shop.test" = "basic ann:tell-nobody" }')  # fmt: skip
        yield Told(folder, ".acrawl/shop", home, other)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """`IMAGES` images on pages of twenty, one of them an SVG with a script."""
    folder = tmp_path_factory.mktemp("pictures")
    with LiveSite() as home, LiveSite() as other:
        pages = [f"/p{n}" for n in range(0, IMAGES, 20)]
        home.page("/", pages)
        for page in pages:
            first = int(page[2:])
            home.add(page, "".join(f'<img src="/i/{n}.png" alt="no. {n}">' for n in range(first, first + 20)))
        for n in range(1, IMAGES):
            home.picture(f"/i/{n}.png", n)
        script = '<script>top.document.title="owned"</script>'
        svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">{script}</svg>'
        home.add("/i/0.png", svg, "image/svg+xml")
        run(folder, "images", home.url(), "-o", "made")
        yield Told(folder, "made/.acrawl", home, other)
