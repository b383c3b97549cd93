"""The other ready-made crawls on the demo site: its manifest says what they must find."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from acrawl.errors import EXIT_OK
from crawl.command import Command, records

pytestmark = pytest.mark.process

#: What HEAD cannot tell: the head of these answers is whole.
BODIES_THAT_BREAK_OFF = "truncated"
#: The demo's words for ends, where they are not the ledger's.
WORDS = {"dropped": "reset"}


@pytest.fixture
def demo(tmp_path):
    """The site in a process of its own: its URL and its manifest."""
    manifest = tmp_path / "manifest.json"
    command = [sys.executable, "-m", "acrawl.demo.server", "--until-eof", "--manifest", manifest]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        yield server.stdout.readline().split()[1], json.loads(manifest.read_text())
        server.stdin.close()


@pytest.fixture
def crawled(demo, tmp_path):
    def run(*arguments):
        command = Command(*arguments, "--workers", 2, "-s", "retry.delay=0.1", cwd=tmp_path)
        try:
            done = command.end(50)
        finally:
            command.close()
        assert done.code == EXIT_OK, done.err
        return done

    return run


def test_every_page_is_there(demo, crawled, tmp_path):
    url, manifest = demo
    crawled("pages", url, "-o", "texts")
    listed = records(tmp_path / "texts" / "pages.jsonl")
    assert sorted(record["url"] for record in listed) == sorted(manifest["pages"])
    assert all((tmp_path / "texts" / record["file"]).is_file() for record in listed)


def test_everything_that_is_broken_is_told_and_nothing_else(demo, crawled, tmp_path):
    url, manifest = demo
    crawled("links", url, "-o", "found.jsonl")
    told = {line["url"]: line["reason"] for line in records(tmp_path / "found.jsonl") if line["kind"] == "broken"}
    links = {line["link"] for line in records(tmp_path / "found.jsonl")}
    broken = {
        where: WORDS.get(why, why)
        for where, why in manifest["errors"].items()
        if where.startswith(url) and why != BODIES_THAT_BREAK_OFF
    }
    malformed = {where for where, why in told.items() if why == "malformed-url"}
    assert malformed == {"http://", "https://a b/c.png"}, "see acrawl.demo.oddities"
    told = {where: why for where, why in told.items() if where not in malformed}
    assert told.items() <= broken.items()
    # of two that lead to each other one is the end, and both are told
    assert broken.keys() <= told.keys() | links
