"""How traps are told from real sites: shapes, what paths repeat, and models of both crawled in small."""

from __future__ import annotations

import importlib
import pathlib
from typing import Any

import pytest

from acrawl.frontier.shapes import pattern_of, repetition, shape_of
from acrawl.frontier.traps import Link, Traps
from acrawl.parse.gist import gist
from acrawl.settings import Traps as Terms

BENCHMARKS = pathlib.Path(__file__).resolve().parents[2] / "benchmarks"
HOST = "http://a.test"
SMALL = Terms(session=100, calendar=100, query=100, path=100)
REAL = {
    "News": 3000, "Blog": 1000, "Wiki": 4000, "Shop": 3000, "Forum": 3000, "Photos": 1000, "GitWeb": 1500,
    "Manuals": 2000,
}  # fmt: skip
TRAPS = [
    "Months", "Days", "Facets", "TitledFacets", "SessionQuery", "SessionPath", "Relative", "Deep", "Pages", "Growing",
    "Filters",
]  # fmt: skip


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module


@pytest.mark.parametrize("name", REAL)
def test_a_real_site_loses_nothing_by_small_budgets(models: Any, name: str):
    site = getattr(models("trapping.sites"), name)(REAL[name])
    done = models("trapping.crawl").crawl(site, Terms(session=200, calendar=200, query=200, path=200), 10**6)
    assert done.stopped
    assert done.lost == []
    assert done.fetched > REAL[name]


@pytest.mark.parametrize("name", TRAPS)
def test_a_trap_is_left_after_a_few_times_its_budget_and_the_rest_of_its_site_is_whole(models: Any, name: str):
    site = getattr(models("trapping.traps"), name)(50)
    done = models("trapping.crawl").crawl(site, SMALL, 10_000)
    assert done.stopped
    assert done.lost == []
    assert done.trapped < 5000
    assert sum(done.why.values()) > 0


@pytest.mark.parametrize("name", TRAPS)
def test_without_budgets_only_what_urls_look_like_ends_a_trap(models: Any, name: str):
    terms = Terms(session=0, calendar=0, query=0, path=0)
    done = models("trapping.crawl").crawl(getattr(models("trapping.traps"), name)(10), terms, 500)
    assert done.stopped == (name in {"Deep", "Growing"})


@pytest.mark.parametrize(
    ("path", "family"),
    [
        ("/", "/"),
        ("/2019/03/12/some-slug-here", "/0/03/*"),
        ("/wiki/Title", "/wiki/*"),
        ("/product/123456", "/product/0"),
        ("/viewtopic.php?t=123&start=40", "/viewtopic.php?*"),
        ("/page?page=2", "/page?page"),
        ("/docs/15/sql-select.html", "/docs/15/*.html"),
        ("/docs/v2.1/guide/a.HTML", "/docs/v2.1/guide/*.html"),
        ("/a/b/a/b/a/", "/a/b/"),
        ("/red-1/wool-2/small-3/", "/*/"),
        ("/x/(S(abc123))/item/7", "/x/*/item/0"),
    ],
)
def test_the_family_of_a_url_is_what_stays_when_things_change(path: str, family: str):
    assert shape_of(HOST + path).family == family


def test_long_shapes_are_cut_and_told_apart():
    names = [f"{HOST}/a/?{'k' * 8000}{end}=1&b" for end in "xy"]
    folders = [
        f"{HOST}/{'/'.join(f'{chr(97 + n)}{chr(97 + m)}' for n in range(26) for m in range(15))}/{end}/" for end in "xy"
    ]
    shapes = [shape_of(url) for url in (*names, *folders)]
    assert len(set(shapes)) == 4
    assert all(len(part) < 300 for shape in shapes for part in shape)


def test_names_in_a_query_count_in_any_order_and_once():
    assert shape_of(f"{HOST}/?b=1&a=2&a=3") == shape_of(f"{HOST}/?a=9;b=8")
    assert shape_of(f"{HOST}/?b=1&a=2&a=3").names == "a&b"


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("/calendar/2031/07", "calendar"),
        ("/?month=7&year=2031", "calendar"),
        ("/events?date=2031-07-01", "calendar"),
        ("/shop?color=red&size=m", "query"),
        ("/shop;jsessionid=ABC", "session"),
        ("/shop?PHPSESSID=1", "session"),
        (f"/x/{'0a' * 16}/y", "session"),
        ("/(S(abc))/x", "session"),
        ("/list?page=7", "path"),
        ("/about/2000-years-of-art", "path"),
    ],
)
def test_the_pattern_names_what_a_trap_would_live_on(path: str, pattern: str):
    assert pattern_of(HOST + path) == pattern


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("a/b/c", ("", 1)),
        ("a/b/a/b/a/b", ("a/b", 3)),
        ("x/x/x/x", ("x", 4)),
        ("0/0/0/0", ("", 1)),
        ("", ("", 1)),
        ("a/1/a/2/a/3/a/4/a/5/a/6", ("a", 3)),
    ],
)
def test_what_a_path_repeats(path: str, what: tuple[str, int]):
    assert repetition(path.split("/")) == what


def test_what_hostile_hosts_make_it_remember_is_bounded():
    traps = Traps(SMALL)
    for n in range(3000):
        letters = "".join(chr(97 + int(digit)) for digit in f"{n:05}")
        words = "".join(f"<p>{letters} and some words {chr(97 + k % 26) * (k // 26 + 1)}</p>" for k in range(120))
        page = f"{HOST}/{letters}/{letters}/x"
        traps.learn(
            f"{HOST}{n % 1500}", page, gist(words.encode(), markup=True), [Link(HOST, page)], pages=999, items=False
        )
    assert len(traps._hosts) <= 1000
    assert traps._size <= 500_000
    assert traps._size == sum(host.size for host in traps._hosts.values())
