"""Limits of a whole crawl: they end it however many seeds there are, and a raised one lets it go on."""

from __future__ import annotations

import sqlite3

from acrawl.errors import EXIT_LIMIT, EXIT_OK
from crawl.command import records

ENDLESS = """
import itertools
from acrawl import Request, Spider

class Endless(Spider):
    name = "endless"

    def __init__(self, origin):
        super().__init__()
        self.origin = origin

    def start(self):
        return (Request(f"{self.origin}/{number}") for number in itertools.count())

    def parse(self, response):
        yield {"url": response.url}
"""

HEAVY = """
from acrawl import Spider

class Heavy(Spider):
    name = "heavy"

    def __init__(self, origin):
        super().__init__()
        self.start_urls = [origin + "/"]

    def parse(self, response):
        if response.request.depth:
            yield {"url": response.url}
            return
        for number in range(2000):
            yield response.follow(f"/{number}", meta={"weight": "x" * 20_000})
        yield {"whole": True}

    def huge(self, response):
        yield {"huge": "x" * 50_000_000}
"""


def ledger(folder):
    database = sqlite3.connect(folder / "job.db")
    try:
        query = "select status, reason, count(*) from ledger join ending e on e.id = ending group by 1, 2"
        return {f"{status} {reason}".strip(): count for status, reason, count in database.execute(query)}
    finally:
        database.close()


def test_a_limit_ends_a_crawl_of_endless_seeds_and_a_raised_one_goes_on(acrawl, typed, live, tmp_path):
    for number in range(200):
        live.page(f"/{number}")
    (tmp_path / "endless.py").write_text(ENDLESS)
    command = ("run", "endless.py", "-a", f"origin={live.origin}", "-o", "items.jsonl", "--workers", 1, "-q")
    done = acrawl(*command, "-s", "limits.max_pages=7")
    assert done.code == EXIT_LIMIT, done.err
    assert len(records(tmp_path / "items.jsonl")) == 7
    assert acrawl("retry", "--status", "excluded", "--reason", "limit").code == EXIT_OK
    done = acrawl(*command, "-s", "limits.max_pages=60")
    assert done.code == EXIT_LIMIT, done.err
    urls = [record["url"] for record in records(tmp_path / "items.jsonl")]
    assert len(urls) == len(set(urls)) == 60
    assert typed("audit").code == EXIT_OK


def test_heavy_requests_travel_in_parts(acrawl, live, tmp_path):
    live.page("/")
    (tmp_path / "heavy.py").write_text(HEAVY)
    done = acrawl(
        "run", "heavy.py", "-a", f"origin={live.origin}", "-o", "items.jsonl", "--workers", 1, "-q",
        "-s", "limits.max_errors=20",
    )  # fmt: skip
    assert done.code == EXIT_LIMIT, done.err
    found = ledger(tmp_path / ".acrawl" / "heavy")
    assert sum(found.values()) == 2001
    assert (found["fetched"], found.get("quarantined worker-lost", 0)) == (1, 0)
    assert records(tmp_path / "items.jsonl") == [{"whole": True}]


def test_an_item_too_large_to_travel_is_told_of_in_the_ledger_and_names_the_setting(acrawl, typed, live, tmp_path):
    live.page("/")
    (tmp_path / "huge.py").write_text(HEAVY.replace("def parse", "def pages").replace("def huge", "def parse"))
    done = acrawl("run", "huge.py", "-a", f"origin={live.origin}", "-o", "items.jsonl", "--workers", 1, "-q")
    assert done.code == EXIT_OK, done.err[:2000]
    assert "queues.max_message" in typed("why", live.url()).out
    assert ledger(tmp_path / ".acrawl" / "heavy") == {"fetched invalid-item": 1}


def test_a_key_function_that_raises_ends_the_crawl_in_one_line(acrawl, live, tmp_path):
    live.page("/")
    broken = ENDLESS + "\n    def politeness_key(self, host):\n        return {}[host]\n"
    (tmp_path / "broken.py").write_text(broken)
    command = (
        "run",
        "broken.py",
        "-a",
        f"origin={live.origin}",
        "-s",
        "politeness.budget_by=spider",
        "--workers",
        1,
        "-q",
    )
    for _ in range(2):
        done = acrawl(*command)
        assert done.code in {1, 2}
        assert "politeness_key" in done.complaint
