"""Whole crawls of hosts whose robots.txt forbids, moves or cannot be had."""

from __future__ import annotations

import itertools
from typing import ClassVar

import pytest

from acrawl import Spider
from acrawl.testing import Answer, Pages, crawl, gaps

HOST = "http://a.test"


class Follow(Spider):
    start_urls = (f"{HOST}/",)
    custom_settings: ClassVar = {"scope.within": "any"}

    def parse(self, response):
        yield from response.follow_all()


def text(body):
    return Answer(body.encode(), content_type="text/plain")


def moved(to, status=302):
    return Answer(b"", status, headers={"Location": to})


CLOSED = text("User-agent: *\nDisallow: /private/\n")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_into_a_forbidden_path_is_not_followed(status):
    pages = {
        f"{HOST}/robots.txt": CLOSED,
        f"{HOST}/": "<a href=/moved>x</a><a href=http://b.test/moved>x</a>",
        f"{HOST}/moved": moved("/private/1", status),
        "http://b.test/moved": moved(f"{HOST}/private/2", status),
        f"{HOST}/private/1": "secret",
        f"{HOST}/private/2": "secret",
    }
    done = crawl(Follow, Pages(pages))
    assert [hit.path for hit in done.hits if hit.path.startswith("/private")] == []
    assert {done.ended[f"{HOST}/private/{n}"] for n in (1, 2)} == {"excluded(robots)"}
    assert done.details[f"{HOST}/private/1"] == "Disallow: /private/"
    assert done.counts.reasons["fetched(redirect)"] == 2
    assert done.audit.problems == []


def test_a_robots_txt_that_moves_within_its_host_keeps_the_hosts_distance():
    pages = {
        f"{HOST}/robots.txt": moved("/elsewhere.txt"),
        f"{HOST}/elsewhere.txt": moved("/at-last.txt"),
        f"{HOST}/at-last.txt": CLOSED,
        f"{HOST}/": "<a href=/1>x</a><a href=/private/>x</a>",
        f"{HOST}/1": "",
    }
    done = crawl(Follow, Pages(pages), {"politeness.delay": 5})
    assert [hit.path for hit in done.hits] == ["/robots.txt", "/elsewhere.txt", "/at-last.txt", "/", "/1"]
    assert gaps(done.hits)[0] >= 5.0


@pytest.mark.parametrize("workers", [1, 3])
def test_a_robots_txt_that_leads_to_another_host_and_back_keeps_both_distances(workers):
    pages = {
        f"{HOST}/robots.txt": moved("http://b.test/robots.txt"),
        "http://b.test/robots.txt": moved(f"{HOST}/at-last.txt"),
        f"{HOST}/at-last.txt": CLOSED,
        f"{HOST}/": "",
    }
    done = crawl(Follow, Pages(pages), {"politeness.delay": 5}, workers=workers)
    at = {hit.url: hit.at for hit in done.hits}
    assert at[f"{HOST}/at-last.txt"] - at[f"{HOST}/robots.txt"] >= 5.0
    assert at[f"{HOST}/"] - at[f"{HOST}/at-last.txt"] >= 5.0


def test_a_crawl_delay_that_a_moved_robots_txt_asks_for_is_kept_from_its_last_request():
    pages = {
        f"{HOST}/robots.txt": moved("/at-last.txt"),
        f"{HOST}/at-last.txt": text("User-agent: *\nCrawl-delay: 7\n"),
        f"{HOST}/": "<a href=/1>x</a>",
        f"{HOST}/1": "",
    }
    done = crawl(Follow, Pages(pages))
    at = {hit.path: hit.at for hit in done.hits}
    assert at["/"] - at["/at-last.txt"] >= 7.0
    assert at["/1"] - at["/"] >= 7.0


def test_a_host_that_others_lead_to_is_asked_no_sooner_for_their_sake():
    hosts = [f"http://{number}.test" for number in range(8)]
    pages = {f"{host}/robots.txt": moved("http://b.test/robots.txt") for host in hosts}
    pages |= {f"{host}/": "" for host in hosts}
    pages |= {"http://b.test/robots.txt": CLOSED, "http://b.test/": "<a href=/1>x</a><a href=/2>x</a>"}
    pages |= {f"http://b.test/{n}": "" for n in (1, 2)}

    class Many(Follow):
        start_urls = (*(f"{host}/" for host in hosts), "http://b.test/")

    done = crawl(Many, Pages(pages), {"politeness.delay": 5}, workers=3)
    assert done.counts.reasons == {"fetched": 11}
    assert gaps(done.hits)[0] >= 5.0
    assert len([hit for hit in done.hits if hit.host == "http://b.test"]) == 8 + 4


@pytest.mark.parametrize(
    "answer", [Answer(b"", 503), Answer(b"", 500), Answer(b"", 429), Answer(ending="reset"), Answer(delay=999.0)]
)
def test_while_a_robots_txt_cannot_be_had_nothing_is_fetched(answer):
    pages = {f"{HOST}/robots.txt": answer, f"{HOST}/": "secret"}
    done = crawl(Follow, Pages(pages), {"politeness.max_pauses": 3})
    assert {hit.path for hit in done.hits} == {"/robots.txt"}
    assert done.counts.reasons == {"excluded(robots-unreachable)": 1}


def test_a_host_that_is_always_busy_is_given_up_and_one_that_recovers_is_not():
    busy = Answer(b"", 429, headers={"Retry-After": "0"})
    pages = {f"{HOST}/": busy, "http://b.test/": [busy, busy, busy, "<a href=/1>x</a>"], "http://b.test/1": [busy, ""]}

    class Both(Follow):
        start_urls = (f"{HOST}/", "http://b.test/")

    done = crawl(Both, Pages(pages), {"politeness.max_pauses": 6})
    assert done.counts.reasons == {"failed(rate-limited)": 1, "fetched": 2}
    # Whoever asks again and again, if only for a moment, rests longer and longer before it is given up.
    asked = [hit.at for hit in done.hits if hit.url == f"{HOST}/"]
    assert len(asked) == 7
    assert [round(later - sooner) for sooner, later in itertools.pairwise(asked)] == [0, 1, 2, 4, 8, 16]
