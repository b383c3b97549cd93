"""The made-up web: the same for everybody, as large as you like, and right about itself."""

from __future__ import annotations

import itertools
import time
import tracemalloc
from collections import Counter

import pytest

from acrawl.parse.document import Document
from acrawl.parse.links import urls as links
from acrawl.testing import Answer, FakeWeb, Faults, Pages, Shape
from acrawl.testing.answers import Visitor
from acrawl.testing.layout import FAN, Layout, chance, mix
from acrawl.testing.places import Addresses, Folders, Names

BESIDE = Faults(moved=0.1, dead=0.1, private=0.1, calendar=0.05, deep=0.05, trap=3)


def walk(web: FakeWeb) -> Counter[str]:
    """Crawl by hand, following all there is; returns how often each kind of answer was met."""
    seen, waiting, met = set(web.seeds), list(web.seeds), Counter()
    while waiting:
        url = waiting.pop()
        answer = web.answer(url, attempt=100)
        met[answer.status] += 1
        found = [answer.headers["Location"]] if answer.status == 301 else links(Document(answer.body, url))
        new = [link for link in dict.fromkeys(found) if link not in seen]
        seen.update(new)
        waiting += [link for link in new if "/private/" not in link]
    assert seen == set(web.urls())
    return met


def test_the_same_arguments_make_the_same_web_and_another_seed_another():
    one, two, other = (FakeWeb(100, hosts=5, seed=seed, faults=BESIDE) for seed in (1, 1, 2))
    assert list(one.urls()) == list(two.urls())
    assert [one.answer(url) for url in one.urls()] == [two.answer(url) for url in one.urls()]
    assert list(one.records()) != list(other.records())


@pytest.mark.parametrize("hosts", [1, 7, 60])
def test_every_url_it_tells_of_can_be_reached_and_no_other(hosts):
    web = FakeWeb(300, hosts=hosts, seed=hosts, faults=BESIDE)
    met, ends = walk(web), web.ends()
    traps = sum("/calendar/" in url or "/deep/" in url for url in web.urls())
    assert traps > 0
    assert met == {200: 300 + traps, 301: ends["fetched(redirect)"], 404: ends["failed(http-404)"]}
    assert Counter(web.end(url) for url in web.urls()) == ends
    assert ends["excluded(robots)"] > 10


def test_urls_that_it_does_not_tell_of_are_not_there():
    web = FakeWeb(20, faults=BESIDE)
    for path in (
        "/page/0",
        "/page/20",
        "/page/07",
        "/page/x",
        "/nothing",
        "/calendar/1/9",
        "/moved/0",
        "/page/" + "9" * 40,
    ):
        assert web.answer(web.place.url(0, path)).status == 404
    assert web.answer("http://h1.test/").status == 404
    assert web.answer("http://elsewhere.test/").status == 404
    with pytest.raises(ValueError, match="no URL of this web"):
        web.end("http://h1.test/")


def test_a_million_hosts_cost_no_memory_and_little_time():
    tracemalloc.start()
    began = time.process_time()
    web = FakeWeb(10_000_000, hosts=1_000_000)
    for number in range(2000):
        host, local = web.layout.locate(mix(number) % 10_000_000)
        assert web.answer(web.place.url(host, f"/page/{local}" if local else "/")).status == 200
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    assert time.process_time() - began < 10
    tracemalloc.stop()


def test_an_endless_trap_has_no_end_and_is_left_out_of_the_truth():
    web = FakeWeb(50, faults=Faults(calendar=1.0, deep=1.0))
    assert web.ends() == {"fetched": 50}
    for start in ("http://h0.test/calendar/3/0", "http://h0.test/deep/3/x/"):
        way = [start]
        while len(way) < 50:
            way.append(links(Document(web.answer(way[-1]).body, way[-1]))[0])
        assert web.answer(way[-1]).status == 200
        assert len(set(way)) == 50


def test_a_page_suffers_from_one_thing_at_most_and_recovers():
    shares = {"slow": 0.1, "drip": 0.1, "busy": 0.1, "reset": 0.1, "truncated": 0.1}
    web = FakeWeb(2000, faults=Faults(**shares, times=2, retry_after=7))
    met: Counter[str] = Counter()
    for url in web.urls():
        first, second, third = (web.answer(url, attempt) for attempt in (1, 2, 3))
        assert web.varies(url) == (first != third)
        assert first == second
        assert (third.status, third.ending) == (200, "")
        met["slow"] += first.delay > 0
        met["drip"] += first.pace > 0
        met["busy"] += first.headers == {"Retry-After": "7"} and first.status in {429, 503}
        met[first.ending] += 1
    del met[""]
    assert all(120 < met[name] < 280 for name in shares), met


def test_hosts_go_down_at_times_and_say_for_how_long():
    web = FakeWeb(100, hosts=100, faults=Faults(outage=0.5, outage_seconds=2, outage_every=10))
    down = [[web.answer(web.place.url(host, "/"), at=at / 2).status == 503 for at in range(20)] for host in range(100)]
    assert {sum(times) for times in down} == {0, 4}
    assert 30 < sum(any(times) for times in down) < 70
    host = next(host for host, times in enumerate(down) if any(times))
    at = down[host].index(True) / 2
    wait = int(web.answer(web.place.url(host, "/"), at=at).headers["Retry-After"])
    assert web.answer(web.place.url(host, "/"), at=at + wait).status == 200
    assert web.answer(web.place.url(host, "/robots.txt"), at=at).status == 503


def test_its_shape_is_as_asked_for():
    web = FakeWeb(400, hosts=4, shape=Shape(items=5, size=2000, links=0, skew=0, crawl_delay=1.5))
    bodies = [web.answer(url).body for url in web.urls()]
    assert 1000 < sorted(map(len, bodies))[200] < 3200
    assert max(map(len, bodies)) > 16_000
    assert {body.count(b'class="item"') for body in bodies} == set(range(6))
    assert [web.layout.size(host) for host in range(4)] == [100] * 4
    assert b"Crawl-delay: 1.5" in web.answer("http://h2.test/robots.txt").body
    assert len({record.get("id") for record in web.records()} - {None}) == sum(len(r) == 4 for r in web.records())


@pytest.mark.parametrize(("pages", "hosts", "skew"), [(1000, 10, 1.0), (1000, 1000, 2.0), (5000, 77, 0.5), (9, 1, 1.0)])
def test_every_host_has_a_page_and_every_page_a_host(pages, hosts, skew):
    layout = Layout(pages, hosts, skew)
    sizes = [layout.size(host) for host in range(hosts)]
    assert sum(sizes) == pages
    assert min(sizes) >= 1
    assert sizes[0] == max(sizes)
    located = [layout.locate(page) for page in range(pages)]
    assert located == [(host, local) for host, size in enumerate(sizes) for local in range(size)]
    assert sorted(itertools.chain([0], *(layout.children(0, local) for local in range(sizes[0])))) == [*range(sizes[0])]
    assert all(len(layout.neighbours(host)) <= FAN for host in range(hosts))


@pytest.mark.parametrize(("pages", "hosts"), [(0, 1), (5, 6), (5, 0)])
def test_a_web_without_a_page_for_each_host_is_refused(pages, hosts):
    with pytest.raises(ValueError, match="every host needs a page"):
        FakeWeb(pages, hosts)


@pytest.mark.parametrize("faults", [{"slow": 1.5}, {"outage": -0.1}, {"busy": 0.6, "reset": 0.6}])
def test_shares_that_are_none_are_refused(faults):
    with pytest.raises(ValueError, match="1"):
        Faults(**faults)


def test_chance_is_even():
    draws = [chance(3, number) for number in range(20_000)]
    assert all(1800 < sum(tenth / 10 <= draw < (tenth + 1) / 10 for draw in draws) < 2200 for tenth in range(10))


@pytest.mark.parametrize("place", [Names(), Folders("http://127.0.0.1:80"), Addresses(80)])
@pytest.mark.parametrize("host", [0, 5, 255, 256, 70_000, 16_000_000])
def test_places_find_what_they_name_and_nothing_else(place, host):
    assert place.find(place.url(host, "/page/3?x=1")) == (host, "/page/3?x=1")
    for url in ("http://example.org/", "http://h01.test/", "http://127.0.0.1:80/page/1", "http://127.0.0.1:81/h1/"):
        found = place.find(url)
        assert found is None or place.url(*found) == url


def test_written_pages_answer_one_after_the_other_and_the_last_one_stays():
    busy = Answer(status=503, headers={"Retry-After": "1"})
    visitor = Visitor(Pages({"http://a.test": [busy, "<p>there"], "http://a.test/b": b"bytes"}), lambda: 0.0)
    assert [visitor.ask("http://a.test/").body for _ in range(3)] == [b"", b"<p>there", b"<p>there"]
    assert visitor.ask("http://a.test/b").body == b"bytes"
    assert visitor.ask("http://a.test/robots.txt").status == 404


def test_a_visitor_counts_what_varies_and_keeps_the_time():
    web = FakeWeb(50, faults=Faults(busy=1.0, times=2))
    visitor = Visitor(web, iter(range(1000)).__next__)
    assert [visitor.ask(web.seeds[0]).status for _ in range(3)] == [429, 429, 200]
