"""Pages that lead to more than one message can hold: their outcomes travel in parts and take effect in one step."""

from __future__ import annotations

import asyncio
import collections
import pathlib
import sqlite3

import pytest

from acrawl.clock import SystemClock
from acrawl.frontier.gate import ScopeGate
from acrawl.frontier.sqlite import SqliteFrontier
from acrawl.settings import Settings
from crawl.command import records

LINKS = 60_000
SPIDER = """
import asyncio, os, signal
from acrawl import Spider

class Large(Spider):
    name = "large"

    def __init__(self, start, mark=""):
        super().__init__()
        self.start_urls = [start]
        self.mark = mark

    def parse(self, response):
        if response.request.depth:
            yield {"page": response.url}
            return
        for number, request in enumerate(response.follow_all()):
            yield request
            if number % 10 == 0:
                yield {"number": number}
            if number == 50_000 and self.mark and not os.path.exists(self.mark):
                open(self.mark, "w").close()
                os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def site(live):
    links = "".join(f'<a href="/x/{number}">{number}</a>' for number in range(LINKS))
    live.add("/", f"<title>Large</title>{links}<a href='/end'>end</a>")
    live.page("/end")
    return live


def ends(job: pathlib.Path) -> dict[tuple[str, str], int]:
    database = sqlite3.connect(job / "job.db")
    try:
        rows = database.execute(
            "select status, reason, count(*) from ledger join ending e on e.id = ending group by 1, 2"
        )
        return {(status, reason): count for status, reason, count in rows}
    finally:
        database.close()


async def problems(job: pathlib.Path) -> list[str]:
    frontier = await SqliteFrontier.open(str(job / "job.db"), Settings(), ScopeGate(Settings().scope), SystemClock())
    try:
        return (await frontier.audit()).problems
    finally:
        await frontier.close()


@pytest.mark.process
@pytest.mark.parametrize("killed", [False, True])
def test_a_page_of_very_many_links_is_taken_whole_and_once(site, acrawl, tmp_path, killed):
    (tmp_path / "large.py").write_text(SPIDER)
    mark = ("-a", f"mark={tmp_path / 'mark'}") if killed else ()
    done = acrawl(
        "run", "large.py", "-a", f"start={site.url()}", *mark, "-o", "items.jsonl", "--workers", 1, "-q",
        "-s", "limits.max_errors=50", "-s", "worker.report_count=5", "-s", "politeness.obey_robots=false",
    )  # fmt: skip
    assert done.code == 4, done.err
    job = tmp_path / ".acrawl" / "large"
    found = ends(job)
    assert found["fetched", ""] + found.get(("failed", "http-404"), 0) + found["excluded", "limit"] == LINKS + 2
    numbers = collections.Counter(item["number"] for item in records(tmp_path / "items.jsonl") if "number" in item)
    assert numbers == collections.Counter(range(0, LINKS + 1, 10))
    assert (tmp_path / "mark").exists() == killed
    assert asyncio.run(problems(job)) == []
