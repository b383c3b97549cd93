"""What hides markup from the walk, and not from the parser."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from acrawl.parse.bounds import bounded
from acrawl.settings import Parse

#: Each was read to its end as text or as a comment once, or believed to close what it does not.
HIDERS = [
    b"<svg><![CDATA[ > <!-- ]]></svg>",
    b"<svg><desc><style><!--</style></desc></svg>",
    b"<svg><p><style><!--</style>",
    b"<math><mi><xmp><!--</xmp></mi></math>",
    b"<svg><desc><p></svg></p></desc><style>",
    b"<svg><desc><p></desc></svg></p></desc><style>",
    b"<svg></g><style>",
    b"<math></svg><style>",
    b"<math><annotation-xml encoding=text/html><p></math></p></annotation-xml><style>",
    b'<script><!--<script></script><x a="--></script>',
    b"<script></script\v<!--</script>",
    b"<template><col><script></template>",
]
BOMBS = {
    "depth": b"<div>" * 30_000,
    "attributes": b"<p " + b" ".join(b"a%d" % n for n in range(40_000)) + b">",
    "formatting": b"".join(b"<p><font a=%d>" % n for n in range(4000)),
    "options": b"<select>" + b"<option>" * 60_000,
    "names": b"".join(b"<p data-%d=0123456>" % n for n in range(30_000)),
    "links": b"<a href=x>" * 150_000,
}


def depth(markup):
    node = LexborHTMLParser(markup).css("*")[-1]
    levels = 0
    while node is not None:
        node, levels = node.parent, levels + 1
    return levels


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("hider", HIDERS)
def test_what_is_no_text_and_no_comment_hides_no_bomb(hider, bomb):
    assert depth(hider + b"<div>" * 300) > 250  # it hides nothing from the parser
    assert bounded(hider + BOMBS[bomb])[1]


@pytest.mark.parametrize(
    "bomb",
    [
        b"<svg>" + b"<a>" * 30_000,
        b"<svg>" + b"<td>" * 30_000,
        b"<svg><p>" + b"<path/>" * 30_000,
        b"<g><svg></g>" + b"<div/>" * 30_000,
        b"<div><svg></div><svg></svg>" + b"<div/>" * 30_000,
        b"<select><svg><input>" + b"<path/><link>" * 15_000,
    ],
)
def test_no_slash_and_no_end_tag_is_believed_where_it_may_close_nothing(bomb):
    assert depth(bomb[: len(bomb) // 30]) > 250
    assert bounded(bomb)[1].startswith("depth: ")


@pytest.mark.parametrize(
    "page",
    [
        b"<p>" + b"<svg><title>a</title><style>a > b {}</style><g><path/><a><rect/></a></g></svg>" * 5_000,
        b"<svg><style><![CDATA[ a > b { } ]]></style><path/></svg><div>x</div>" * 5_000,
        b"<math><mrow><mi>x</mi><mo>=</mo><mn>1</mn></mrow></math><br>" * 5_000,
        b"<svg><foreignObject><div>x</div></foreignObject></svg>" * 20
        + b"<script>if (a < b) c('<div>')</script><div><p>x</p></div>" * 300
        + b"<div><a href=x>y</a><br></div>" * 5_000,
        b"<svg><path>" + b"<div><a href=x>y</a><img><br/></div><script>'<i>'</script>" * 5_000,
        b"<script><!-- if (a<b) c('<div>') --></script>" * 5_000,
    ],
)
def test_pages_with_pictures_and_formulas_are_left_whole(page):
    assert bounded(page) == (page, "")


def test_markup_that_may_be_read_in_many_ways_is_not_read_too_often():
    bomb = b"<svg></g>" + b"<![CDATA[>" * 50_000
    assert bounded(bomb)[1].startswith("doubt: ")


NAMES = "svg math g desc title foreignObject mi annotation-xml p div span a b font br li select option table tr td "
NAMES += "template style script xmp textarea iframe noframes object button frameset col colgroup body input h1 noscript"
TAGS = st.builds(
    "<{}{}{}>".format,
    st.sampled_from(["", "", "/"]),
    st.sampled_from(NAMES.split()),
    st.sampled_from(["", " x='-->'", "/"]),
)
MARKS = st.sampled_from(["<!--", "-->", "--!>", "<![CDATA[", "]]>", ">", "<", "'", '"', "<x a='", "</script\v", "x"])
SOUP = st.lists(TAGS | MARKS, max_size=10).map(lambda parts: "".join(parts).encode())
UNITS = [b"<div>", b"<path/>", b"<a>", b"<td>", b"<link>", b"<div/>", b"<source>", b"<object>", b"<x><div></x>"]


@settings(max_examples=300, deadline=None)
@given(SOUP, st.sampled_from(UNITS))
def test_whatever_stands_before_it_what_is_deep_is_cut(soup, unit):
    if depth(soup + unit * 300) > 250:
        assert bounded(soup + unit * 9000)[1]


@settings(max_examples=200, deadline=None)
@given(st.lists(SOUP, max_size=6).map(b"<area>".join))
def test_no_link_that_the_parser_sees_is_left_out(soup):
    seen = len(LexborHTMLParser(soup).css("area"))
    if seen > 1:
        assert bounded(soup, Parse(max_links=seen - 1))[1].startswith("links: ")


@settings(max_examples=200, deadline=None)
@given(SOUP)
def test_no_tag_with_too_many_attributes_is_hidden(soup):
    tag = b"<br " + b" ".join(b"a%d" % number for number in range(20_000)) + b">"
    if any(len(node.attributes) > 100 for node in LexborHTMLParser(soup + tag[:1000] + b">").css("br")):
        assert bounded(soup + tag)[1].startswith("attributes: ")
