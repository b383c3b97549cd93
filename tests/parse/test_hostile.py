"""A page never raises out of what is read from it, whatever its bytes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acrawl.parse import header_links, strings
from acrawl.parse.css import references
from acrawl.parse.document import Document
from acrawl.parse.image import probe
from acrawl.parse.links import links, urls
from acrawl.parse.media import images, stylesheets
from acrawl.parse.refresh import parse
from acrawl.parse.resources import resources
from acrawl.parse.srcset import candidates

PIECES = r"""
<a href=| <a href="x">| </a>| <img src=| <img data-src="{| srcset='a 1x, b| <style>| </style>| </script>| <script type=
application/ld+json>| {"image":[[| {"@graph":| <base href=| <meta http-equiv=refresh content="| <link rel=icon href=|
<svg><image xlink:href=| <svg><a xlink:href=|
<template>| </template>| <table background=| <noscript>| url(| '| "| >| <| &#0;| &#xD800;|
@import| <!--| -->| <plaintext>| <select>| <math>| <frameset>| style="background:url(| http://[| //| #| ?| data:,|
javascript:| <meta charset=utf-16>| <meta charset=iso-2022-jp>"""
pieces = [piece.strip().replace("\n", " ").encode() for piece in PIECES.split("|")] + [
    b"\0",
    b"\x1b$B",
    b"\xed\xa0\x80",
]
junk = st.lists(st.one_of(st.sampled_from(pieces), st.binary(max_size=12)))
headers = st.sampled_from(
    ["", "text/html; charset=utf-8", "text/html; charset=utf-16", "text/html; charset=big5", "charset="]
)


def read_everything(body, content_type=""):
    page = Document(body, "https://h.test/a/b?c", content_type)
    found = [*links(page, forms=True, citations=True), *images(page), *resources(page, pick="largest")]
    found += strings.strings(page)
    assert all(each.url.startswith(("http://", "https://")) for each in found)
    assert set(urls(page)) == {link.url for link in links(page)}
    stylesheets(page)
    assert isinstance(page.text, str)
    page.encoding.encode("ascii")
    page.text.encode(page.encoding, "replace")
    page.selector.css("a::text").getall()
    page.selector.xpath("//a/@href").getall()
    for each in page.selector.css("a, img"):
        each.xpath("..")


@settings(max_examples=300, deadline=None)
@given(junk, headers)
def test_junk_is_read(pieces, content_type):
    read_everything(b"".join(pieces), content_type)


@settings(deadline=None)
@given(st.text(max_size=200))
def test_small_parsers_never_raise(text):
    candidates(text)
    parse(text)
    references(text)
    header_links.parse(text)
    strings.references(text)


@settings(deadline=None)
@given(st.lists(st.sampled_from(["<", ">", ";", ",", '"', "\\", "=", "rel", "title*=UTF-8''%", " ", "\n", "next"])))
def test_a_link_header_never_raises(pieces):
    header_links.of_headers([("Link", "".join(pieces)), ("Refresh", "".join(pieces))])


@given(st.binary(max_size=200))
def test_an_image_header_never_raises(head):
    assert len(probe(head)) == 3


@pytest.mark.parametrize(
    "piece", [b"<div>", b"<b>", b"<a href=x>", b"<svg>", b"<template>", b"<table><td>", b"<select>", b"{", b"<", b"&"]
)
def test_deep_nesting_is_read(piece):
    read_everything(piece * 20_000)


def test_deep_json_is_passed_over():
    markup = b"<img src=a.png><script type=application/ld+json>" + b'{"image":[' * 50_000 + b"</script>"
    assert [image.url for image in images(Document(markup, "https://h.test/"))] == ["https://h.test/a.png"]


MANY = 300_000


@pytest.mark.parametrize(
    "text",
    [
        "url(x" * MANY,
        "url('" * MANY,
        "/*" * MANY + "url(",
        "@import " * MANY,
        "a-" * MANY + "url(x)",
        "{;}" * MANY + "url(x)",
        "image-set(" * MANY,
        "\\" * MANY + "url(\\",
        "'url(\n" * MANY,
    ],
)
def test_long_css_takes_time_in_proportion(text):
    references(text)


@pytest.mark.parametrize(
    "piece", ["<", "<a>;", "<a>;b", '<a>;b="', '<a>;b="\\', ",", "<a>,", ";", "<a> ", "=", "\t", "<a>;title*=utf-8''%"]
)
def test_long_link_headers_take_time_in_proportion(piece):
    header_links.parse(piece * MANY)
    header_links.parse("<a>" + piece * MANY)


@pytest.mark.parametrize(
    "piece",
    ["http://", "http:", "h", "'", "'/a", "\\/", "'/'", "a.", "/", "http://a.b(", "'a/", "(", "://", "//a.", "\\u002f"],
)
def test_long_text_takes_time_in_proportion(piece):
    strings.references(piece * MANY)
    strings.references("'" + piece * MANY + ".html'")


def test_a_million_links_are_read_to_the_limit():
    page = Document(b"".join(b"<a href=/%d>" % n for n in range(1_000_000)), "https://h.test/")
    assert [len(read(page)) for read in (links, urls)] == [100_000, 100_000]
    assert page.cut.startswith("links: more than 100,000 at byte ")


def test_unclosed_comments_are_read_once():
    assert strings.strings(Document(b"<!--" * MANY, "https://h.test/")) == []


def test_two_hundred_thousand_lazy_attributes_are_read():
    markup = b"".join(b"<img data-src=/%d data-x=y>" % n for n in range(200_000))
    page = Document(markup, "https://h.test/")
    assert (len(images(page)), page.cut[:6]) == (100_000, "links:")


def test_a_long_text_is_not_repeated_for_each_candidate():
    srcset = ", ".join(f"/{n}" for n in range(10_000))
    page = Document(f"<img alt='{'x' * 1_000_000}' srcset='{srcset}'>".encode(), "https://h.test/")
    assert {len(image.alt) for image in images(page)} == {1000}
