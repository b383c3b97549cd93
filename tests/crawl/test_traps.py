"""Traps in whole crawls: in virtual time on models of sites, and from the shell with ``acrawl why`` and ``retry``."""

from __future__ import annotations

import importlib
import pathlib
from typing import Any

import pytest

from acrawl import Spider
from acrawl.errors import EXIT_OK
from acrawl.testing import Answer, FakeWeb, Faults, WebSpider, crawl
from crawl.command import records

BENCHMARKS = pathlib.Path(__file__).resolve().parents[2] / "benchmarks"
SMALL = {f"traps.{pattern}": 100 for pattern in ("session", "calendar", "query", "path")}
#: A chain of pages waits for nothing.
AT_ONCE = ("-s", "worker.report_count=1", "-s", "frontier.commit_seconds=0.001")
HOST = "http://site.test"

FOLLOW = """
from acrawl import Spider

class Follow(Spider):
    name = "follow"

    def __init__(self, url):
        super().__init__()
        self.start_urls = [url]

    def parse(self, response):
        if "article" in response.url:
            yield {"url": response.url}
        yield from response.follow_all()
"""


class Everything(Spider):
    start_urls = (f"{HOST}/",)

    def parse(self, response):
        if "/article/" in response.url or "/product/" in response.url:
            yield {"url": response.url}
        yield from response.follow_all()


class Modelled:
    """A model of a site as a web."""

    def __init__(self, site: Any) -> None:
        self.site = site

    def answer(self, url: str, attempt: int = 1, at: float = 0.0) -> Answer:
        path = url.removeprefix(HOST)
        return Answer(b"", status=404) if path == "/robots.txt" else Answer(self.site(path)[0])

    def varies(self, url: str) -> bool:
        return False


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module


@pytest.mark.parametrize("name", ["Days", "Facets", "SessionPath", "SessionQuery", "Relative", "Deep", "Pages"])
def test_a_crawl_leaves_a_trap_and_brings_the_rest_of_the_site_home(models: Any, name: str):
    site = getattr(models("trapping.traps"), name)(30)
    site.values = 2
    done = crawl(Everything, Modelled(site), SMALL, workers=2)
    assert done.audit.problems == []
    assert len(done.items) == 30
    assert done.counts.finished
    assert done.counts.reasons["excluded(trap)"] > 0
    assert done.counts.fetched < 3000
    assert set(done.ended.values()) <= {"fetched", "excluded(trap)"}


@pytest.mark.parametrize(("name", "size"), [("News", 300), ("Shop", 300), ("Forum", 300), ("Blog", 200)])
def test_a_crawl_of_a_real_site_brings_all_of_it(models: Any, name: str, size: int):
    done = crawl(Everything, Modelled(getattr(models("trapping.sites"), name)(size)))
    assert done.audit.problems == []
    assert set(done.counts.reasons) == {"fetched"}
    assert done.counts.fetched > size


def test_endless_traps_in_a_made_up_web_are_left_and_its_items_are_whole():
    web = FakeWeb(300, hosts=2, faults=Faults(calendar=0.02, deep=0.02, trap=0))
    settings = SMALL | {"scope.within": "any"}
    done = crawl(WebSpider, web, settings, arguments={"url": web.seeds[0]}, workers=2)
    assert done.counts.reasons["excluded(trap)"] > 0
    ids = {record["id"] for record in web.records() if "id" in record}
    assert {item["id"] for item in done.items if "id" in item} == ids
    assert done.audit.problems == []


def test_why_tells_of_the_trap_and_retry_brings_it_back_under_a_larger_budget(acrawl, typed, live, tmp_path):
    days = [f"/day/{2020 + n // 28}-01-{n % 28 + 1:02}" for n in range(300)]
    for today, tomorrow in zip(days, [*days[1:], "/"], strict=True):
        live.page(today, [tomorrow], text="<p>There are no events on this day.</p>")
    live.page("/", [*(f"/article/{n}" for n in range(5)), days[0]])
    for n in range(5):
        live.page(f"/article/{n}", text=f"<p>An article about {'letters' * n} and more</p>")
    (tmp_path / "follow.py").write_text(FOLLOW)
    command = ("run", "follow.py", "-a", f"url={live.url('/')}", "-o", "items.jsonl", "--workers", 1, "-q", *AT_ONCE)
    done = acrawl(*command, "-s", "traps.calendar=40")
    assert done.code == EXIT_OK, done.err
    assert len(records(tmp_path / "items.jsonl")) == 5
    fetched = len(live.log)
    assert 40 < fetched < 300

    story = typed("why", live.url(days[fetched - 6])).out
    assert "excluded(trap)" in story
    assert "calendar: some 40 pages like /day/* brought nothing but more of them (traps.calendar is 40)" in story
    assert "traps.enabled=false" in story

    assert acrawl("retry", "--status", "excluded", "--reason", "trap").code == EXIT_OK
    done = acrawl(*command, "-s", "traps.calendar=5000")
    assert done.code == EXIT_OK, done.err
    assert len(live.log) == 306
    assert live.repeated == {}
    assert typed("audit").code == EXIT_OK
