"""A worker that meets pages meant to stall it: it reads what it may, says why not more, and stays small."""

from __future__ import annotations

import pathlib
import time

import pytest

from acrawl.errors import EXIT_OK
from crawl.command import Command, records
from crawl.monsters import MONSTERS, page

SPIDER = pathlib.Path(__file__).with_name("monsters.py")
DEADLINE = 150
OPTIONS = ("--workers", 1, "-s", "scope.max_depth=1", "-s", "fetch.max_body=200000000", "-a", "xpath=1")


@pytest.mark.process
@pytest.mark.timeout(2 * DEADLINE)
def test_no_page_stalls_a_worker_or_fills_its_memory(acrawl, typed, live, tmp_path):
    for name in MONSTERS:
        live.add(f"/{name}", page(name))
    live.page("/end")
    options = [*OPTIONS, "-a", f"origin={live.origin}", "--job", "job", "-o", "items.jsonl"]
    done = acrawl("run", SPIDER, *options, deadline=DEADLINE)
    assert done.code == EXIT_OK, done.err
    items = records(tmp_path / "items.jsonl")
    read = {item["page"]: item for item in items if "page" in item}
    assert {name: read[name]["cut"].partition(":")[0] for name in MONSTERS} == {
        name: "" if name.startswith("whole") else name.partition("-")[0] for name in MONSTERS
    }
    assert {item["first"] for item in read.values()} == {live.url("/first")}
    assert max(item["peak"] for item in items if "peak" in item) < 600 << 20
    cut = sum(bool(item["cut"]) for item in read.values())
    assert f"{cut} pages are so large" in done.err
    assert "links: more than 100,000 at byte" in typed("why", live.url("/links"), "--job", "job").out
    audit = typed("audit", "--job", "job")
    assert audit.code == EXIT_OK, audit.out
    assert f"fetched(cut) {cut}" in " ".join(audit.out.replace(":", " ").split()), audit.out


@pytest.mark.process
@pytest.mark.timeout(2 * DEADLINE)
@pytest.mark.parametrize("verb", ["pages", "images", "links"])
def test_huge_pages_are_read_one_after_the_other(live, tmp_path, verb):
    paths = [f"/{n}" for n in range(4)]
    for path in paths:
        live.add(path, f"<!doctype html><title>{path}</title>" + f"<p><b>{path}</b> {'word ' * 9}" * 250_000)
    live.page("/", paths)
    output = () if verb == "links" else ("-o", "out")
    command = Command(verb, live.url("/"), "--workers", 1, *output, cwd=tmp_path)
    peak, end = 0, time.monotonic() + DEADLINE
    try:
        while command.alive and time.monotonic() < end:
            peak = max(peak, *map(memory, command.children()), 0)
            time.sleep(0.02)
        done = command.end(1)
    finally:
        command.close()
    assert done.code == EXIT_OK, done.err
    assert "so large that only" not in done.err + done.out
    assert 100 << 20 < peak < 420 << 20


def memory(pid: int) -> int:
    """The most memory that a process has had, in bytes; 0 when it is gone."""
    try:
        found = pathlib.Path(f"/proc/{pid}/status").read_text().partition("VmHWM:")[2].split()
    except OSError:
        return 0
    return int(found[0]) * 1024 if found else 0
