"""Whole crawls of pages that ask robots to leave their links, their items or their images."""

from __future__ import annotations

from typing import ClassVar

import pytest
from multidict import CIMultiDict

from acrawl import Request, Response, Spider
from acrawl.outcome import Sighting, Sightings
from acrawl.parse.robots_tags import Tags
from acrawl.spiders.images import Images
from acrawl.testing import Answer, Pages, crawl
from acrawl.worker.tags import PageTags

HOST = "http://a.test"


class Follow(Spider):
    start_urls = (f"{HOST}/",)
    custom_settings: ClassVar = {"politeness.obey_robots": False}

    def parse(self, response):
        yield {"page": response.url}
        yield from response.follow_all()


def meta(content, rest=""):
    return f'<head><meta name="robots" content="{content}"></head><body>{rest}'


def ends(done):
    return {url.removeprefix(HOST): end for url, end in done.ended.items()}


def links(*names):
    return "".join(f"<a href={name}>x</a>" for name in names)


def test_links_of_a_nofollow_page_are_recorded_and_not_followed():
    done = crawl(Follow, {f"{HOST}/": meta("nofollow", links("/1", "/2")), f"{HOST}/1": "", f"{HOST}/2": ""})
    assert ends(done) == {"/": "fetched"}
    assert done.counts.reasons == {"excluded(nofollow)": 2, "fetched": 1}
    assert len(done.items) == 1
    assert done.audit.problems == []


@pytest.mark.parametrize("order", [("/shy", "/open"), ("/open", "/shy")])
@pytest.mark.parametrize("width", [1, 8])
def test_a_link_that_another_page_has_too_is_followed_for_its_sake(order, width):
    pages = {
        f"{HOST}/": links(*order),
        f"{HOST}/shy": meta("nofollow", links("/1", "/2")),
        f"{HOST}/open": links("/1"),
        f"{HOST}/1": links("/shy"),
    }
    done = crawl(Follow, pages, {"politeness.concurrency": width})
    assert ends(done) == {"/": "fetched", "/shy": "fetched", "/open": "fetched", "/1": "fetched"}
    assert done.counts.reasons["fetched"] == 4
    assert done.counts.reasons["excluded(nofollow)"] in {1, 2}
    assert done.audit.problems == []


def test_items_of_a_noindex_page_are_left_out_and_its_line_says_so_and_its_links_are_followed():
    pages = {f"{HOST}/": meta("noindex", links("/1")), f"{HOST}/1": ""}
    done = crawl(Follow, pages)
    assert ends(done) == {"/": "fetched(noindex)", "/1": "fetched"}
    assert done.details == {f"{HOST}/": "1 items were left out"}
    assert [item["page"] for item in done.items] == [f"{HOST}/1"]
    assert done.counts.reasons == {"fetched": 1, "fetched(noindex)": 1}


def test_the_header_says_the_same_for_any_type():
    pages = {f"{HOST}/": Answer(b'{"a": 1}', content_type="application/json", headers={"X-Robots-Tag": "none"})}

    class Reads(Follow):
        def parse(self, response):
            yield response.json()
            yield response.follow("/1")

    done = crawl(Reads, Pages(pages))
    assert done.counts.reasons == {"fetched(noindex)": 1, "excluded(nofollow)": 1}


def test_what_other_robots_are_told_is_not_for_us():
    pages = {f"{HOST}/": Answer(links("/1").encode(), headers={"X-Robots-Tag": "otherbot: none"}), f"{HOST}/1": ""}
    done = crawl(Follow, Pages(pages))
    assert done.counts.reasons == {"fetched": 2}
    assert crawl(Follow, Pages(pages), {"fetch.user_agent": "OtherBot/2"}).counts.reasons["excluded(nofollow)"] == 1


@pytest.mark.parametrize(
    ("obeyed", "kept", "followed"),
    [("[]", 1, True), ("nofollow", 1, False), ("noindex", 0, True)],
)
def test_each_of_them_is_a_setting(obeyed, kept, followed):
    done = crawl(Follow, {f"{HOST}/": meta("none", links("/1"))}, {"politeness.obey_robots_tags": obeyed})
    assert len(done.items) == kept
    assert (f"{HOST}/1" in done.ended) is followed


def test_a_page_may_ask_for_itself_again_and_for_what_it_saves():
    class Insists(Follow):
        def parse(self, response, again=True):
            if again and response.url == f"{HOST}/":
                yield response.request.replace(dont_filter=True, cb_kwargs={"again": False})
                yield Request(f"{HOST}/file", save=True)

    pages = {f"{HOST}/": meta("nofollow"), f"{HOST}/file": "f"}
    done = crawl(Insists, pages)
    assert done.counts.reasons == {"fetched": 3}


class Sees(Images):
    custom_settings: ClassVar = Follow.custom_settings

    def __init__(self):
        super().__init__(f"{HOST}/")


@pytest.mark.parametrize(
    ("asked", "reasons"),
    [
        ("nofollow", {"excluded(nofollow)": 1, "fetched": 3}),
        ("noindex", {"fetched": 4}),
        ("noimageindex", {"excluded(noimageindex)": 2, "fetched": 2}),
    ],
)
def test_the_images_spider_saves_what_a_page_shows_unless_that_is_what_it_asks(asked, reasons):
    shown = "<img src=/1.png><img src=/2.png><a href=/1.png>x</a><a href=/next>x</a>"
    pages = {f"{HOST}/": meta(asked, shown), f"{HOST}/1.png": b"1", f"{HOST}/2.png": b"2", f"{HOST}/next": ""}
    done = crawl(Sees, pages)
    assert done.counts.reasons == reasons


def test_sightings_are_no_items():
    class Sights(Follow):
        def parse(self, response):
            yield Sightings(response.url, [Sighting(f"{HOST}/1.png")])
            yield {"page": response.url}

    done = crawl(Sights, {f"{HOST}/": meta("noindex")})
    assert done.counts.delivered == 1
    assert done.details[f"{HOST}/"] == "1 items were left out"


def answered(body, content_type, url=f"{HOST}/x"):
    headers = CIMultiDict({"Content-Type": content_type, "X-Robots-Tag": "nofollow, noimageindex"})
    return Response(url, headers=headers, body=body)


def test_what_is_no_page_is_not_parsed_as_one():
    response = answered(b"<urlset><url><loc>/1.png</loc></url></urlset>", "application/xml")
    tags = PageTags(response, frozenset(Tags._fields), "acrawl", float)
    assert tags.forbids(Request(f"{HOST}/1.png", save="image/")) == ""
    assert tags.forbids(Request(f"{HOST}/1")) == "nofollow"
    assert not response.document.is_parsed


def test_what_a_callback_reads_as_a_page_is_one():
    response = answered(b"<html><img src='/1.png'/><a href='/1'>x</a></html>", "application/xml")
    assert len(response.links()) == 1
    tags = PageTags(response, frozenset(Tags._fields), "acrawl", float)
    assert tags.forbids(Request(f"{HOST}/1.png", save="image/")) == "noimageindex"
    assert tags.forbids(Request(f"{HOST}/1", save="image/")) == "nofollow"
