"""Robots tags, by Google's specification of the robots meta tag and the X-Robots-Tag header, and by the HTML standard.

https://developers.google.com/search/docs/crawling-indexing/robots-meta-tag, HTML 4.2.5 (names of metadata).
"""

import pytest

from acrawl.parse.document import Document
from acrawl.parse.robots_tags import NONE, Tags, may_ask, of_document, of_headers

NOW = 1_500_000_000.0  # in 2017
NOINDEX, NOFOLLOW = Tags(noindex=True), Tags(nofollow=True)
BOTH = Tags(noindex=True, nofollow=True)


def headers(*values, product="acrawl"):
    return of_headers(values, product, NOW)


@pytest.mark.parametrize(
    ("values", "tags"),
    [
        ([], NONE),
        (["noindex"], NOINDEX),
        (["NoIndex"], NOINDEX),
        (["nofollow"], NOFOLLOW),
        (["noindex, nofollow"], BOTH),
        (["noindex,nofollow"], BOTH),
        (["none"], BOTH),
        (["noimageindex"], Tags(noimageindex=True)),
        (["all"], NONE),
        (["index, follow"], NONE),
        (["noarchive, nosnippet, notranslate, indexifembedded"], NONE),
        (["max-snippet:20, max-image-preview:large, max-video-preview:-1"], NONE),
        (["max-snippet:20, noindex"], NOINDEX),
        (["noindex", "nofollow"], BOTH),  # several headers add up
        (["all", "noindex"], NOINDEX),  # the most restrictive one wins
        (["noindex, index"], NOINDEX),
        ([""], NONE),
        ([", ,:,"], NONE),
    ],
)
def test_headers_for_everybody(values, tags):
    assert headers(*values) == tags


@pytest.mark.parametrize(
    ("values", "tags"),
    [
        (["googlebot: nofollow"], NONE),
        (["otherbot: noindex, nofollow"], NONE),
        (["acrawl: noindex"], NOINDEX),
        (["ACRAWL : noindex , nofollow"], BOTH),
        (["googlebot: nofollow", "acrawl: noindex"], NOINDEX),
        (["nofollow", "acrawl: noindex"], BOTH),  # the sum of both
        (["noindex, otherbot: nofollow"], NOINDEX),
        (["otherbot: noindex, acrawl: nofollow"], NOFOLLOW),  # lines that a proxy has joined
        (["acrawl: nofollow, otherbot: noindex"], NOFOLLOW),
        (["otherbot: unavailable_after: 25 Jun 2010 15:00:00 GMT"], NONE),
        (["acrawl: unavailable_after: 25 Jun 2010 15:00:00 GMT"], NOINDEX),
        (["*: noindex"], NOINDEX),
        (["acrawl-images: noindex"], NONE),
    ],
)
def test_headers_for_one_robot(values, tags):
    assert headers(*values) == tags


@pytest.mark.parametrize(
    ("date", "is_over"),
    [
        ("25 Jun 2010 15:00:00 PST", True),
        ("Fri, 25 Jun 2010 15:00:00 GMT", True),
        ("Friday, 25-Jun-10 15:00:00 UTC", True),
        ("2010-06-25", True),
        ("2010-06-25T15:00:00+02:00", True),
        ("25 Jun 2030 15:00:00 PST", False),
        ("Tue, 25 Jun 2030 15:00:00 GMT", False),
        ("2030-06-25", False),
        ("soon", False),
        ("", False),
        ("25 Jun 99999 15:00:00 GMT", False),
    ],
)
def test_a_page_is_not_to_be_indexed_after_its_date(date, is_over):
    assert headers(f"unavailable_after: {date}") == Tags(noindex=is_over)
    assert headers(f"unavailable_after: {date}, nofollow") == Tags(noindex=is_over, nofollow=True)
    assert headers(f"nofollow, unavailable_after:{date}") == Tags(noindex=is_over, nofollow=True)


def tags(markup, product="acrawl"):
    body = markup if isinstance(markup, bytes) else markup.encode()
    document = Document(body, "http://a.example/")
    return of_document(document, product, NOW) if may_ask(document, product) else NONE


@pytest.mark.parametrize(
    ("markup", "found"),
    [
        ('<meta name="robots" content="noindex">', NOINDEX),
        ('<META NAME="ROBOTS" CONTENT="NOINDEX, NOFOLLOW">', BOTH),
        ("<meta content=none name=robots>", BOTH),
        ("<meta name=' Robots ' content='nofollow'>", NOFOLLOW),
        ('<meta name="RoBoTs" content="noindex nofollow">', BOTH),
        ('<meta name="googlebot" content="noindex">', NONE),
        ('<meta name="acrawl" content="noindex">', NOINDEX),
        ('<meta name="robots" content="nofollow"><meta name="acrawl" content="noindex">', BOTH),
        ('<meta name="robots" content="index, follow"><meta name="acrawl" content="all">', NONE),
        ('<meta name="robots" content="noindex"><meta name="robots" content="nofollow">', BOTH),
        ('<meta name="robots" content="unavailable_after: 2010-01-01">', NOINDEX),
        ('<meta name="robots" content="otherbot: noindex">', NONE),  # a tag names its robot by its name only
        ('<meta name="robots">', NONE),
        ('<meta property="robots" content="noindex">', NONE),
        ("<!-- <meta name=robots content=noindex> -->", NONE),
        ("<title>&lt;meta name=robots content=noindex></title>", NONE),
        ("<script>'<meta name=robots content=noindex>'</script>", NONE),
    ],
)
def test_meta_tags(markup, found):
    assert tags(f"<!doctype html><html><head>{markup}</head><body><p>x</body></html>") == found
    assert tags(markup) == found


def test_meta_tags_in_utf_16_are_seen():
    assert tags("\ufeff<meta name=robots content=noindex>".encode("utf-16-le")) == NOINDEX


def test_a_page_that_says_nothing_of_robots_is_not_parsed():
    document = Document(b"<head><title>x</title></head><body>robots are welcome</body>", "http://a.example/")
    assert not may_ask(document, "acrawl")
    assert "root" not in vars(document)


@pytest.mark.parametrize("text", ["x:" * 50_000, "," * 1_000_000, "unavailable_after:," * 20_000, "a" * 1_000_000])
def test_endless_values_are_cut(text):
    assert headers(text) == NONE
