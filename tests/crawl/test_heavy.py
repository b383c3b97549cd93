"""Long pages in a whole crawl: their files live as long as their callbacks, and the worker's memory stays flat."""

from __future__ import annotations

import pathlib

import pytest

import server
from acrawl.errors import EXIT_OK
from crawl.command import records
from crawl.site import LiveSite

SPIDER = pathlib.Path(__file__).with_name("heavy.py")
MIB = 1 << 20
PAGES = 10


def crawl(acrawl, site: LiveSite, folder: pathlib.Path, pages: int, at_once: int) -> list[dict]:
    """Crawl with one worker; returns the items."""
    (folder / "tmp").mkdir()
    (folder / "out").mkdir()
    for path in ("/", "/end"):
        site.page(path)
    for path in ("/gen", "/async", "/plain"):
        site.add(path, server.pattern(2 * MIB), "text/plain")
    site.add("/missing", server.pattern(2 * MIB), "text/plain", status=404)
    arguments = [f"origin={site.origin}", f"out={folder / 'out'}", f"pages={pages}"]
    options = ["--workers", 1, "-s", f"politeness.concurrency={at_once}", *(f"-a{text}" for text in arguments)]
    done = acrawl("run", SPIDER, "-o", "items.jsonl", *options, env={"TMPDIR": str(folder / "tmp")}, deadline=55)
    assert done.code == EXIT_OK, done.err
    return records(folder / "items.jsonl")


def test_the_file_of_a_long_page_is_there_until_its_callback_is_done(acrawl, live, tmp_path):
    items = crawl(acrawl, live, tmp_path, pages=0, at_once=1)
    assert sorted(item["kind"] for item in items if item.get("there")) == [
        "errback", "first", "first", "plain", "then", "then",
    ]  # fmt: skip
    assert [(item["left"], item["of"]) for item in items if "left" in item] == [([], 6)]
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.process
def test_ten_pages_of_thirty_megabytes_at_once_leave_the_worker_small(acrawl, live, tmp_path):
    body = server.pattern(30 * MIB)
    for n in range(PAGES):
        live.add(f"/heavy/{n}", body, "text/plain")
    live.delay = 0.3  # so that they come together
    items = crawl(acrawl, live, tmp_path, pages=PAGES, at_once=PAGES)
    assert live.busiest >= PAGES
    kept = sorted((tmp_path / "out").iterdir())
    assert [path.read_bytes() == body for path in kept] == [True] * PAGES
    peaks = [item["peak"] for item in items if "peak" in item]
    assert len(peaks) == PAGES + 1
    assert max(peaks) - items[0]["begin"] < 80 * 1024


@pytest.mark.process
def test_bombs_of_each_coding_at_once_leave_the_worker_small(acrawl, live, tmp_path):
    codings = ["gzip", "deflate", "raw-deflate", "br", "zstd"]
    for n in range(PAGES):
        coding = codings[n % len(codings)]
        live.add(f"/heavy/{n}", server.bomb(coding), "text/html", content_encoding=coding.removeprefix("raw-"))
    live.delay = 0.3
    items = crawl(acrawl, live, tmp_path, pages=PAGES, at_once=PAGES)
    assert [item["reason"] for item in items if "reason" in item] == ["bomb"] * PAGES
    assert list((tmp_path / "out").iterdir()) == []
    assert max(item["peak"] for item in items if "peak" in item) - items[0]["begin"] < 80 * 1024
