"""Which links a LinkExtractor takes: Scrapy's arguments, one after the other."""

import re

import pytest
from multidict import CIMultiDict

from acrawl.errors import UsageError
from acrawl.linkextractor import LinkExtractor
from acrawl.response import Response

PAGE = """<base href="https://a.example/shop/"><body>
<div id=top><a href="/one?b=2&amp;a=1#part" rel="nofollow me">The <b>first</b></a>
<a href=" two.html ">second</a></div>
<ul><li><a href=https://b.example/three>third</a><li><a href=https://sub.a.example/four.PDF>a paper</a></ul>
<map><area href=five alt=fifth></map><a href="javascript:go('../six')">sixth</a><a href=mailto:x@y.example>mail</a>
<img src=seven.gif data-page=eight><a href=two.html>once more</a></body>"""


def page(markup=PAGE):
    headers = CIMultiDict({"Content-Type": "text/html"})
    return Response("https://a.example/", headers=headers, body=markup.encode())


def taken(**arguments):
    links = LinkExtractor(**arguments).extract_links(page())
    return [link.url.removeprefix("https://a.example/") for link in links]


ALL = ["one?b=2&a=1", "shop/two.html", "https://b.example/three", "shop/five"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, ALL),
        ({"allow": "two|five"}, ["shop/two.html", "shop/five"]),
        ({"allow": [re.compile("TWO", re.IGNORECASE), "five$"]}, ["shop/two.html", "shop/five"]),
        ({"deny": "#part$"}, ALL[1:]),
        ({"allow": "shop", "deny": "five"}, ["shop/two.html"]),
        ({"allow_domains": "a.example", "deny_extensions": ()}, [*ALL[:2], "https://sub.a.example/four.PDF", ALL[3]]),
        ({"deny_domains": ["a.example"]}, ["https://b.example/three"]),
        ({"deny_extensions": ["html", ".pdf"]}, [ALL[0], *ALL[2:]]),
        ({"restrict_css": "#top"}, ALL[:2]),
        ({"restrict_xpaths": "//div[@id='top']"}, ALL[:2]),
        ({"restrict_xpaths": ["//ul", "//map"], "restrict_css": "#top a"}, [ALL[2], ALL[3], ALL[0], ALL[1]]),
        ({"restrict_css": "li::text"}, []),
        ({"restrict_text": "^The first$|third"}, [ALL[0], ALL[2]]),
        ({"tags": "area"}, ["shop/five"]),
        ({"tags": "img", "attrs": "data-page"}, ["shop/eight"]),
        ({"tags": ["img", "area"], "attrs": ["src", "href"], "deny_extensions": ()}, ["shop/five", "shop/seven.gif"]),
        ({"tags": "*", "deny_tags": ["a", "base"], "allow": "five"}, ["shop/five"]),
        ({"tags": "img", "attrs": "*", "deny_attrs": "src"}, ["shop/eight"]),
        ({"canonicalize": True, "allow": "one"}, ["one?a=1&b=2"]),
        ({"unique": False, "allow": "two"}, ["shop/two.html", "shop/two.html"]),
    ],
)
def test_an_argument_takes_the_links_it_names(arguments, expected):
    assert taken(**arguments) == expected


def test_a_value_can_be_replaced_before_anything_is_asked_of_it():
    def target(value):
        found = re.search(r"go\('(.*?)'", value)
        return found and found[1]

    assert taken(process_value=target) == ["six"]


def test_a_link_tells_its_text_its_fragment_and_whether_it_is_followed():
    first, *_ = LinkExtractor().extract_links(page())
    assert (first.text, first.fragment, first.nofollow, first.tag) == ("The first", "part", True, "a")


def test_white_space_around_a_value_may_be_left():
    assert LinkExtractor(strip=False, allow="two").extract_links(page("<a href=' two '>x</a>"))[0].url.endswith("/two")


@pytest.mark.parametrize(("url", "matches"), [("https://a.example/x", True), ("https://a.example/y", False),
                                              ("https://b.example/x", False)])  # fmt: skip
def test_a_url_can_be_judged_without_a_page(url, matches):
    assert LinkExtractor(allow="x$", allow_domains="a.example").matches(url) is matches


@pytest.mark.parametrize("argument", ["allow", "deny", "restrict_text"])
def test_a_malformed_expression_is_named_where_it_is_given(argument):
    with pytest.raises(UsageError, match=rf"LinkExtractor\({argument}='\('\): no regular expression: "):
        LinkExtractor(**{argument: ["fine", "("]})


def test_extractors_that_look_in_the_same_places_share_what_a_page_has():
    response = page()
    found = [LinkExtractor(allow=allow).extract_links(response) for allow in ("one", "two", "one|two")]
    assert [len(links) for links in found] == [1, 1, 2]
    assert found[2] == [*found[0], *found[1]]
    LinkExtractor(restrict_css="#top").extract_links(response)
    assert len(response.document.memo) == 2
    response.css("#top").drop()
    assert LinkExtractor(allow="one|two").extract_links(response)[0].text == "once more"


def test_regions_selected_by_xpath_give_their_values_as_they_are_written():
    links = LinkExtractor(restrict_xpaths="//li").extract_links(page("<ul><li><a href='a b?c=d e'>x</a></ul>"))
    assert [link.url for link in links] == ["https://a.example/a%20b?c=d%20e"]
