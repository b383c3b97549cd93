"""A further visit under fire: master and workers are killed, and each change is told of once."""

from __future__ import annotations

import collections
import json
import pathlib
import random
import subprocess
import sys

import pytest

from acrawl.testing.kill import MASTER, WORKER, Strike, under_fire
from crawl.changing import ChangingSite
from crawl.command import records

SPIDER = """
from acrawl import Spider

class Visits(Spider):
    def __init__(self, url):
        super().__init__(url=url)
        self.start_urls = [url]

    def parse(self, response):
        yield {"url": response.url, "text": response.css("p::text").get()}
        yield from response.follow_all()
"""
PAGES = 40


def furnish(site: ChangingSite, visit: int) -> None:
    """Page n changes where n % 4 is 1, vanishes where it is 2; every other one has an entity tag."""
    for n in range(PAGES):
        links = "".join(f'<a href="/{m}">{m}</a>' for m in ((2 * n + 1) % PAGES, (2 * n + 2) % PAGES))
        version = visit if n % 4 == 1 else 0
        status = 404 if visit and n % 4 == 2 else 200
        etag = f'"{n}-{version}"' if n % 2 or n % 8 == 0 else ""
        site.put(f"/{n}", f"<p>{n} {version}</p>{links}", etag=etag, status=status)


def acrawl(folder: pathlib.Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "acrawl", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.process
@pytest.mark.timeout(150)
def test_a_visit_under_fire_tells_of_each_change_once(tmp_path: pathlib.Path):
    (tmp_path / "visits.py").write_text(SPIDER)
    with ChangingSite() as site:
        furnish(site, 0)
        run = ["run", "visits.py", "-a", f"url={site.url('/0')}", "-o", "items.jsonl", "--workers", "2", "-q"]
        first = acrawl(tmp_path, *run)
        assert first.returncode == 0, first.stderr
        assert len(records(tmp_path / "items.jsonl")) == PAGES
        furnish(site, 1)
        site.log.clear()
        seed = random.randrange(1 << 30)
        print("seed", seed)
        chance = random.Random(seed)
        moments = sorted(chance.randrange(PAGES * 3 // 4) for _ in range(3))
        targets = (MASTER, WORKER, MASTER)
        plan = [Strike(*strike, chance.uniform(0, 0.2)) for strike in zip(targets, moments, strict=True)]
        slowly = ["-s", "politeness.delay=0.03", "-s", "queues.grace_seconds=0.2"]
        losses = under_fire(
            [*run, *slowly, "--again"], plan, lambda: len(site.log), cwd=tmp_path, seconds=100, seed=seed
        )
        assert (losses.masters, losses.workers, losses.surprises) == (2, 1, [])

        # Every page that changed has its item once, and no other page has one.
        items = [line["text"] for line in records(tmp_path / "items.jsonl")[PAGES:]]
        assert sorted(items) == sorted(f"{n} 1" for n in range(1, PAGES, 4))
        # Nothing is asked for again but what was under way when its master or its worker died.
        hits = collections.Counter(path for path, _, _ in site.log if path != "/robots.txt")
        assert hits.keys() == {f"/{n}" for n in range(PAGES)}
        assert max(hits.values()) <= 1 + len(plan)
        assert acrawl(tmp_path, "audit").returncode == 0
        told = acrawl(tmp_path, "changes", "--json", "added", "changed", "unchanged", "removed", "failed")
        lines = [json.loads(line) for line in told.stdout.splitlines()]
        assert {int(line["url"].rpartition("/")[2]): line["change"] for line in lines} == {
            n: {1: "changed", 2: "removed"}.get(n % 4, "unchanged") for n in range(PAGES)
        }
        assert len(lines) == PAGES
