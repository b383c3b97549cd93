"""A disk that is full, or refuses: one line says so, and after room is made the same command brings all, once."""

from __future__ import annotations

import collections
import pathlib

import pytest

from acrawl.errors import EXIT_ENVIRONMENT, EXIT_FAILED, EXIT_OK
from crawl.command import records
from crawl.disk import small_disk

#: Files, and items beside each; both of the same size.
COUNT, SIZE = 60, 30_000
SPIDER = """
from acrawl import Spider

class Filling(Spider):
    name = "filling"

    def __init__(self, url):
        super().__init__(start_urls=[url])

    def parse(self, response):
        for link in response.links():
            yield response.download(link, "saved")

    def saved(self, response):
        yield {"name": response.url.rpartition("/")[2], "text": "x" * len(response.body)}
"""


@pytest.fixture
def site(live):
    live.page("/", [f"/{n}.bin" for n in range(COUNT)])
    for n in range(COUNT):
        live.add(f"/{n}.bin", bytes([n]) * SIZE, "application/octet-stream")
    return live


def command(site, folder: pathlib.Path, **places: pathlib.Path) -> list[object]:
    (folder / "filling.py").write_text(SPIDER)
    where = {"files": folder / "files", "job": folder / "job", "feed": folder / "items.jsonl"} | places
    spots = ("--files", where["files"], "--job", where["job"], "-o", where["feed"])
    return ["run", folder / "filling.py", "-a", f"url={site.url()}", *spots, "--workers", 1, "-q"]


def complete(files: pathlib.Path, feed: pathlib.Path) -> bool:
    """Everything is there, and nothing twice."""
    lines = records(feed)
    items = collections.Counter(line["name"] for line in lines if "text" in line)
    facts = collections.Counter(line["url"].rpartition("/")[2] for line in lines if "sha256" in line)
    wanted = {f"{n}.bin": 1 for n in range(COUNT)}
    saved = {path.name: path.read_bytes() for path in files.rglob("*.bin") if ".objects" not in path.parts}
    assert items == facts == wanted
    assert saved == {f"{n}.bin": bytes([n]) * SIZE for n in range(COUNT)}
    return True


@pytest.mark.parametrize(
    ("full", "words"),
    [
        ("files", ["no file can be kept in", "No space left", "make room and run the same command"]),
        ("job", ["full", "make room"]),
        ("feed", ["items.jsonl", "No space left"]),
        ("all", ["make room"]),
    ],
)
def test_a_disk_that_is_full_in_the_middle_of_a_crawl_loses_nothing(acrawl, tmp_path, site, full, words):
    with small_disk(tmp_path / "disk", "1100k") as disk:
        names = {"files": "files", "job": "job", "feed": "items.jsonl"}
        there = names if full == "all" else {full: names[full]}
        line = command(site, tmp_path, **{key: disk.mount / name for key, name in there.items()})
        broken = acrawl(*line, within=disk.within)
        assert broken.code == EXIT_FAILED, broken.err
        for word in words:
            assert word in broken.complaint
        disk.remount("size=64m")
        whole = acrawl(*line, within=disk.within)
        assert whole.code == EXIT_OK, whole.err
        files = (disk.path if "files" in there else tmp_path) / "files"
        assert complete(files, (disk.path if "feed" in there else tmp_path) / "items.jsonl")


@pytest.mark.parametrize(("place", "name"), [("files", "files"), ("job", "job"), ("feed", "items.jsonl")])
def test_a_disk_that_is_read_only_is_told_before_the_crawl_begins(acrawl, tmp_path, site, place, name):
    with small_disk(tmp_path / "disk", "1100k") as disk:
        disk.remount("ro")
        line = command(site, tmp_path, **{place: disk.mount / name})
        refused = acrawl(*line, within=disk.within)
        assert refused.code == EXIT_ENVIRONMENT, refused.err
        assert f"{disk.mount / name}" in refused.complaint
        assert "Read-only" in refused.complaint
        assert not site.log


def test_a_device_that_is_always_full_ends_the_crawl_in_one_line(acrawl, tmp_path, site):
    full = acrawl(*command(site, tmp_path, feed=pathlib.Path("/dev/full:jsonl")))
    assert full.code == EXIT_FAILED, full.err
    assert "/dev/full" in full.complaint
    assert "No space left" in full.complaint


def test_a_limit_of_the_size_of_files_ends_the_crawl_in_one_line(acrawl, tmp_path, site):
    limited = acrawl(*command(site, tmp_path), within=["prlimit", "--fsize=200000"])
    assert limited.code == EXIT_FAILED, limited.err
    assert "the same command again" in limited.complaint
    whole = acrawl(*command(site, tmp_path))
    assert whole.code == EXIT_OK, whole.err
    assert complete(tmp_path / "files", tmp_path / "items.jsonl")
