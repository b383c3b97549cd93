import pytest

from acrawl.parse.bounds import MAX_ATTRIBUTES, MAX_DEPTH, MAX_REOPENED, bounded
from acrawl.parse.document import Document
from acrawl.parse.links import urls


def elements(markup):
    return len(Document(markup, "http://h.test/", "text/html; charset=utf-8").root.css("*"))


def depth(markup):
    node = Document(markup, "http://h.test/", "text/html; charset=utf-8").root.css("*")[-1]
    levels = 0
    while node is not None:
        node, levels = node.parent, levels + 1
    return levels


@pytest.mark.parametrize(
    "bomb",
    [
        b"<div>" * 30_000,
        b"<ul><li>" * 30_000,
        b"<div></x>" * 30_000,
        b"<div><object></div>" * 10_000,
        b"<x><div></x>" * 10_000,
        b"<!--><div><!-- -->" * 10_000,
        b"<svg>" + b"<style><g>" * 10_000,
        b"<dl><dd>" * 30_000,
    ],
)
def test_a_deep_page_is_cut(bomb):
    assert depth(bomb[: len(bomb) // 50]) > 50  # it does nest
    cut = bounded(bomb)
    assert len(cut) < len(bomb)
    assert depth(cut) <= 3 * MAX_DEPTH


@pytest.mark.parametrize(
    "bomb",
    [
        b"".join(b"<p><font a=%d>" % i for i in range(4000)),
        b"".join(b"<div><p><code a=%d>x</div>" % i for i in range(4000)),
        b"".join(b"<b a=%d></b><p><i a=%d>" % (i, i) for i in range(4000)),
        # Ends of elements that are none: in a comment, in an attribute, and in tags with markup in their names.
        b"".join(b'<i a="%d">x<!--</i>-->' % i for i in range(1500)) + b"<p>" * 4500,
        b"".join(b'<i a="%d">x<u b="</i>"></u>' % i for i in range(1300)) + b"<p>" * 3800,
        b"".join(b'<i a="%d">x</i<b c="d">y</b>>' % i for i in range(1300)) + b"<p>" * 3800,
        b"".join(b'<i a="%d">x</<b c="d">y</b>i>' % i for i in range(1300)) + b"<p>" * 3800,
        b"".join(b'<i a="%d"><b c="d">y</b>' % i for i in range(1300)) + b"<p>" * 3800,
    ],
)
def test_a_page_that_reopens_formatting_for_ever_is_cut(bomb):
    assert elements(bounded(bomb)) < 2 * MAX_REOPENED


def test_a_tag_with_too_many_attributes_is_cut_with_all_after_it():
    bomb = b"<p>kept</p><a " + b" ".join(b"a%d='>'" % i for i in range(60_000)) + b"><p>"
    assert bounded(bomb) == b"<p>kept</p>"
    assert MAX_ATTRIBUTES < 60_000


@pytest.mark.parametrize("before", [0, 1, 14_999, 15_000, 29_999, 40_000])
def test_a_long_tag_is_looked_at_wherever_it_stands(before):
    start = (b"<p>" + b"x" * 9_997) * (before // 10_000) + b"y" * (before % 10_000)
    bomb = start + b"<a " + b" ".join(b"a%d" % i for i in range(6_000)) + b">" + b"<p>z" * 100
    assert bounded(bomb) == start


def test_what_stands_before_the_cut_is_read():
    page = Document(b"<a href=/x>x</a>" + b"<div>" * 50_000 + b"<a href=/y>", "http://h.test/")
    assert urls(page) == ["http://h.test/x"]


@pytest.mark.parametrize(
    "page",
    [
        b"<div><p>text<br></div>" * 20_000,
        b"<ul>" + b"<li>item" * 20_000 + b"</ul>",
        b"<table>" + b"<tr><td><font size=1>cell" * 5_000 + b"</table>",
        b"<script>if (a<b) { c = '<div>' }</script>" * 5_000,
        b"<p>" + b"<i class=icon></i><a href=x>y</a>" * 5_000,
        b"<svg><path d='M0 0'/><g></g></svg>" * 5_000,
        b"<!-- <div> --><img src='data:," + b"A" * 400_000 + b"'>",
        b"<div><span></div>" * 9_000,
        b'<p><i class="p"><code class="q">x<span>y</span></code></i>' * 600 + b"<p>" * 600,
    ],
)
def test_a_large_ordinary_page_is_left_whole(page):
    assert bounded(page) is page
