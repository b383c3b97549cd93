"""Saved files in callbacks: they are read where they were saved, on whichever disk that is."""

from __future__ import annotations

import json
import pathlib

import pytest

import server
from acrawl.errors import EXIT_OK
from acrawl.outcome import FileFact
from acrawl.response import Response
from crawl.command import records, until
from crawl.site import LiveSite

READS = """
import pathlib
from acrawl import Spider

class Reads(Spider):
    def __init__(self, url):
        super().__init__(start_urls=[url])
        self.held = []

    async def start(self):
        async for request in super().start():
            yield request.replace(save=True, callback="parse")

    def parse(self, response):
        title = response.css("title::text").get()
        yield {"title": title, "size": len(response.body), "there": response.path.read_bytes() == response.body}
        for link in response.links():
            yield response.follow(link, "part", save=True)
        self.held.append(response)

    def part(self, response):
        try:
            held = len(self.held[0].body)
        except (ValueError, IndexError) as error:
            held = type(error).__name__
        yield {"size": len(response.body), "path": str(response.path), "held": held}
"""
PAGE = "<!doctype html><title>saved</title><a href=/a>a</a><a href=/b>b</a>"


def furnish(site: LiveSite) -> None:
    site.add("/", PAGE)
    site.add("/a", b"x" * 3_000_000, "application/octet-stream")
    site.add("/b", server.png(1), "image/png")


@pytest.mark.parametrize("more", [[], ["--send-files"], ["--keep-here", "mine"]], ids=["shared", "sent", "kept"])
def test_a_callback_reads_what_was_saved(tmp_path, start, live, more):
    furnish(live)
    (tmp_path / "reads.py").write_text(READS)
    (tmp_path / "tmp").mkdir()
    job = ("--workers", 0, "--listen", "127.0.0.1:0", "--job", "job", "-s", "fetch.allow_private=true")
    feed = ("-o", "items.jsonl", "--files", "files")
    master = start("run", "reads.py", "-a", f"url={live.url()}", *feed, *job)
    until((tmp_path / "job" / "join.json").exists)
    work = ("work", "--join", "job/join.json", *more, "reads.py")
    worker = start(*work, env={"TMPDIR": str(tmp_path / "tmp")})
    assert master.end().code == EXIT_OK
    assert worker.end().code == EXIT_OK
    items = [item for item in records(tmp_path / "items.jsonl") if "sha256" not in item]
    assert {"title": "saved", "size": len(PAGE), "there": True} in items
    parts = {item["size"]: item for item in items if "path" in item}
    assert set(parts) == {3_000_000, len(server.png(1))}
    assert {item["held"] for item in parts.values()} == {"ValueError"}, "none is read after its callback"
    folder = {"": "files", "--send-files": "tmp", "--keep-here": "mine"}[more[0] if more else ""]
    assert all(pathlib.Path(tmp_path, folder) in (tmp_path / item["path"]).parents for item in parts.values())
    assert list((tmp_path / "tmp").iterdir()) == [], "what was sent does not stay"


def test_what_is_not_at_hand_is_one_clear_error():
    response = Response("http://a.example/", file=FileFact("http://a.example/", "0" * 64, 7))
    for use in (lambda: response.body, lambda: response.text, lambda: response.path, response.links):
        with pytest.raises(ValueError, match="not on this worker"):
            use()
    assert response.size == 7


def test_a_copy_of_a_saved_file_is_a_file_of_its_own(tmp_path):
    (tmp_path / "object").write_bytes(b'{"n": 1}')
    response = Response("http://a.example/")
    response.content.lend(str(tmp_path / "object"), 8)
    response.save(tmp_path / "mine")
    assert (tmp_path / "mine").stat().st_ino != (tmp_path / "object").stat().st_ino
    assert (response.json(), response.path) == (json.loads(response.body), tmp_path / "object")
    response.content.release()
    assert (tmp_path / "object").exists()
    with pytest.raises(ValueError, match="its callback is done"):
        response.body  # noqa: B018
