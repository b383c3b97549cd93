"""The made-up web behind a real server: the same answers, over real connections, and a true log."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from acrawl.errors import FetchError
from acrawl.fetch import Fetcher
from acrawl.request import Request
from acrawl.settings import resolve
from acrawl.testing import FakeServer, FakeWeb, Faults, Hit, gaps, quantile, read_hits
from acrawl.url import host_of

SETTINGS = resolve(("test", {"fetch.allow_private": True}))


async def fetch_all(urls):
    """What the real transport makes of them: status and body, or the reason."""
    found = {}
    async with Fetcher(SETTINGS) as fetcher:
        for url in urls:
            try:
                response = await fetcher.fetch(Request(url))
                found[url] = response.status, response.body
            except FetchError as error:
                found[url] = error.reason
    return found


@pytest.mark.asyncio
@pytest.mark.parametrize("spread", [False, True])
async def test_it_answers_as_the_web_does(spread):
    with FakeServer(FakeWeb(40, hosts=4, faults=Faults(moved=0.2, private=0.2)), spread=spread) as server:
        urls = [*server.web.urls(), server.web.place.url(0, "/robots.txt"), server.web.place.url(9, "/")]
        found = await fetch_all(urls)
    answers = {url: server.web.answer(url) for url in urls}
    assert found == {url: (answer.status, answer.body) for url, answer in answers.items()}
    assert len({host_of(url) for url in urls}) == (5 if spread else 1)


@pytest.mark.asyncio
async def test_it_breaks_connections_and_slows_down_as_it_is_told():
    for fault, first in (("reset", "reset"), ("truncated", "truncated"), ("busy", 429)):
        with FakeServer(FakeWeb(1, faults=Faults(**{fault: 1.0}))) as server:
            (url,) = server.web.seeds
            found = (await fetch_all([url]))[url]
            assert found in {first, (first, b"")}
            assert (await fetch_all([url]))[url] == (200, server.web.answer(url, 2).body)
    for fault in ("slow", "drip"):
        with FakeServer(FakeWeb(1, faults=Faults(**{fault: 1.0}, seconds=0.3))) as server:
            began = time.monotonic()
            await fetch_all(server.web.seeds)
            assert time.monotonic() - began > 0.25


@pytest.mark.asyncio
@pytest.mark.parametrize("in_file", [False, True])
async def test_it_logs_who_asked_for_what_and_when(tmp_path, in_file):
    log = tmp_path / "access.log" if in_file else None
    with FakeServer(FakeWeb(5, faults=Faults(reset=1.0)), log=log) as server:
        (url,) = server.web.seeds
        await fetch_all([url, url + "nothing?x=1"])
        await fetch_all([url])
        server.wait_for(3)
        hits = server.hits()
        assert server.count == 3
        with pytest.raises(TimeoutError, match="3 of 4"):
            server.wait_for(4, 0.01)
    assert [hit.url for hit in hits] == [url, url + "nothing?x=1", url]
    assert [hit.status for hit in hits] == [0, 404, 200]
    assert 0 <= hits[0].at <= hits[1].at <= hits[2].at < 5
    assert server.hits() == hits
    if log:
        assert read_hits(log) == hits


def test_a_line_that_is_being_written_is_not_read(tmp_path):
    hit = Hit(1.5, "http://127.0.0.1:1", "/a?b=c", 200)
    (tmp_path / "log").write_text(hit.line() + hit.line()[:9])
    assert read_hits(tmp_path / "log") == [hit]


def test_gaps_are_those_of_each_host():
    hits = [Hit(at, host, "/", 200) for at, host in [(0, "a"), (0.5, "b"), (1, "a"), (3, "a"), (3.25, "b")]]
    assert gaps(hits) == [1, 2, 2.75]
    assert (quantile(gaps(hits), 0.01), quantile(gaps(hits), 0.5), quantile(gaps(hits), 1)) == (1, 2, 2.75)
    with pytest.raises(ValueError, match="nothing"):
        quantile([], 0.5)


def test_the_log_of_a_crawl_counts_each_request(tmp_path):
    with FakeServer(FakeWeb(3)) as server:
        assert Counter(hit.path for hit in server.hits()) == {}
