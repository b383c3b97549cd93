"""A page never raises out of what is read from it, whatever its bytes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acrawl.parse.css import references
from acrawl.parse.document import Document
from acrawl.parse.image import probe
from acrawl.parse.links import links, urls
from acrawl.parse.media import images, stylesheets
from acrawl.parse.refresh import parse
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
    found = [*links(page), *images(page)]
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
