"""A worker that meets pages meant to stall it: it reads what it may, says why not more, and stays small."""

from __future__ import annotations

import pathlib

import pytest

from acrawl.errors import EXIT_OK
from crawl.command import records
from crawl.monsters import MONSTERS, page

SPIDER = pathlib.Path(__file__).with_name("monsters.py")
DEADLINE = 150
OPTIONS = ("--workers", 1, "-s", "scope.max_depth=1", "-s", "fetch.max_body=200000000", "-a", "xpath=1")


@pytest.mark.process
@pytest.mark.timeout(2 * DEADLINE)
def test_no_page_stalls_a_worker_or_fills_its_memory(acrawl, live, tmp_path):
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
    assert "links: more than 100,000 at byte" in acrawl("why", live.url("/links"), "--job", "job").out
    audit = acrawl("audit", "--job", "job")
    assert audit.code == EXIT_OK, audit.out
    assert f"fetched(cut) {cut}" in " ".join(audit.out.replace(":", " ").split()), audit.out
