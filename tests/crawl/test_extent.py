"""What belongs to a crawl and which URLs are one: whole crawls, and what is told of them."""

from __future__ import annotations

from typing import ClassVar

import pytest

from acrawl import Spider
from acrawl.errors import SettingsError
from acrawl.frontier.gate import ScopeGate
from acrawl.settings import Scope
from acrawl.testing import Answer, Pages, crawl

PAGE = "http://a.test/"
LINKS = (
    '<a href="/list?b=2&a=1">1</a><a href="/list?a=1&b=2&utm_source=x">2</a><a href="/s;jsessionid=1">3</a>'
    '<a href="/s;jsessionid=2">4</a><a href="/d/">5</a><a href="/d">6</a><a href="http://www.a.test/w">7</a>'
    '<a href="/private/x.html">8</a>'
)


class Every(Spider):
    start_urls: ClassVar = [PAGE]

    def parse(self, response):
        yield {"url": response.url}
        yield from response.follow_all()


def fetched(settings, pages=None):
    answers = {PAGE: LINKS, **dict.fromkeys(
        ("http://a.test/list?b=2&a=1", "http://a.test/list?a=1&b=2&utm_source=x", "http://a.test/s;jsessionid=1",
         "http://a.test/s;jsessionid=2", "http://a.test/d/", "http://a.test/d", "http://a.test/w",
         "http://www.a.test/w", "http://a.test/private/x.html"), "<p>text</p>"
    )}  # fmt: skip
    done = crawl(Every, Pages(answers | (pages or {})), settings)
    assert not done.audit.problems
    return sorted(item["url"].removeprefix("http://") for item in done.items), done


def test_urls_that_make_no_difference_are_fetched_once_in_the_first_spelling():
    urls, done = fetched({
        "urls.sort_query": True, "urls.drop_params": ["utm_*"], "urls.drop_sessions": True, "urls.fold_slash": True,
        "urls.host_aliases": {"www.a.test": "a.test"},
    })  # fmt: skip
    assert urls == ["a.test/", "a.test/d/", "a.test/list?b=2&a=1", "a.test/private/x.html", "a.test/s;jsessionid=1",
                    "a.test/w"]  # fmt: skip
    assert {hit.url.split("/")[2] for hit in done.hits} == {"a.test"}


def test_without_options_each_of_them_is_a_page_of_its_own():
    urls, _ = fetched({})
    assert len(urls) == 9


def test_a_redirect_to_the_spelling_with_a_slash_is_followed():
    class Moved(Every):
        start_urls: ClassVar = ["http://a.test/d"]

    web = Pages(
        {"http://a.test/d": Answer(status=301, headers={"Location": "/d/"}), "http://a.test/d/": "<a href=/d>again</a>"}
    )
    done = crawl(Moved, web, {"urls.fold_slash": True})
    assert [item["url"] for item in done.items] == ["http://a.test/d/"]
    assert not done.audit.problems


def test_patterns_leave_what_they_are_found_in_and_what_they_are_not_found_in():
    denied, done = fetched({"scope.deny": ["/private/", "(?i)JSESSIONID"]})
    assert denied == ["a.test/", "a.test/d", "a.test/d/", "a.test/list?a=1&b=2&utm_source=x", "a.test/list?b=2&a=1",
                      "www.a.test/w"]  # fmt: skip
    assert done.audit.ends["excluded(pattern)"] == 3
    allowed, _ = fetched({"scope.allow": ["/list", "/d$"]})
    assert allowed == ["a.test/", "a.test/d", "a.test/list?a=1&b=2&utm_source=x", "a.test/list?b=2&a=1"]


@pytest.mark.parametrize("name", ["allow", "deny"])
def test_what_is_no_pattern_is_named(name):
    with pytest.raises(SettingsError, match=rf"scope.{name} = '\(': not a regular expression"):
        ScopeGate(Scope(**{name: ("(",)}))
