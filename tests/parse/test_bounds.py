import pytest

from acrawl.parse.bounds import MAX_ATTRIBUTES, MAX_DEPTH, MAX_LINGERING, MAX_OPTIONS, MAX_REOPENED, bounded
from acrawl.parse.document import Document
from acrawl.parse.links import urls
from acrawl.settings import Parse


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
        b"<li><dd>" * 30_000,
        b"<LI><Dt>x</p>" * 30_000,
        b"<optgroup>" * 30_000,
        b"<b>" * 30_000,
        b"<i></u>" * 30_000,
        b"".join(b"<font color=%d></a>" % i for i in range(30_000)),
        b"<b><object></b></object>" * 10_000,
        b"<svg><desc><p></svg></p>" * 10_000,
        b"<svg><title><p></svg></p>" * 10_000,
        b"<math><mi><p></math></p>" * 10_000,
        b"<div><object><p></div></object>" * 10_000,
        b"<form><div></form>" * 10_000,
    ],
)
def test_a_deep_page_is_cut(bomb):
    assert depth(bomb[: len(bomb) // 50]) > 50  # it does nest
    cut, why = bounded(bomb)
    assert why.startswith("depth: ")
    assert len(cut) < len(bomb)
    assert depth(cut) <= 3 * MAX_DEPTH


@pytest.mark.parametrize(
    "unit",
    [
        b"<button><b></button>",
        b"<div><b></div>x",
        b"<table><i></table>x",
        b"<select><b></select>x",
        b"<div><b>x</div><object></b></object>",
    ],
)
def test_formatting_that_goes_on_after_what_it_stands_in_is_bounded(unit):
    assert depth(unit * 300) > 200
    cut, why = bounded(unit * 20_000)
    assert why.startswith("depth: ")
    assert depth(cut) <= MAX_LINGERING + 2 * MAX_DEPTH


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
    assert elements(bounded(bomb)[0]) < 2 * MAX_REOPENED


def test_a_tag_with_too_many_attributes_is_cut_with_all_after_it():
    bomb = b"<p>kept</p><a " + b" ".join(b"a%d='>'" % i for i in range(60_000)) + b"><p>"
    assert bounded(bomb) == (b"<p>kept</p>", "attributes: more than 2,000 of one tag at byte 11")
    assert MAX_ATTRIBUTES < 60_000


@pytest.mark.parametrize("before", [0, 1, 14_999, 15_000, 29_999, 40_000])
def test_a_long_tag_is_looked_at_wherever_it_stands(before):
    start = (b"<p>" + b"x" * 9_997) * (before // 10_000) + b"y" * (before % 10_000)
    bomb = start + b"<a " + b" ".join(b"a%d" % i for i in range(6_000)) + b">" + b"<p>z" * 100
    assert bounded(bomb)[0] == start


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
        b"<ul><li>a<li>b<dl><dt>c<dd>d<dd>e</dl></ul>" * 3_000,
        b"<ol>" + b"<li><dl><dt>a</dt><dd>b</dd></dl></li>" * 3_000 + b"</ol>",
        b"<select>" + b"<optgroup label=a><option>b</option></optgroup>" * 3_000 + b"</select>",
        b"<div class=post>" + b"<p><b>never closed" * 400 + b"</div>" + b"<p><b></b>" * 9_000,
        b"<table>" + b"<tr><td><b>never closed<td><i><tt>x" * 5_000 + b"</table>",
        b'<p><i class="p"><code class="q">x<span>y</span></code></i>' * 600 + b"<p>" * 600,
    ],
)
def test_a_large_ordinary_page_is_left_whole(page):
    markup, why = bounded(page)
    assert markup is page
    assert why == ""


NESTED = b"<object><svg><desc></svg></object></select><select></select></desc></svg></object>"


@pytest.mark.parametrize(
    ("bomb", "why"),
    [
        (b"<SELECT>" + b"<oPtion>a" * 20_000, "options: too many in one list"),
        (b"<select>" + b"<option>a<template><select></select></template>" * 20_000, "options: too many in one list"),
        (b"<select>" + b"<option>a<svg><select></select></svg>" * 20_000, "options: too many in one list"),
        (b"<select>" + (b"<option>a" + NESTED) * 20_000, "depth: more than 1,000 elements in each other"),
        (b"<select><option>a</select>" * 60_000, f"options: more than {MAX_OPTIONS:,}"),
        ((b"<p " + b" ".join(b"a%d" % n for n in range(1900)) + b">") * 400, "attributes: too many of too many tags"),
        ((b"<P " + b"/".join(b"a%d" % n for n in range(1900)) + b">") * 400, "attributes: too many of too many tags"),
    ],
)
def test_what_is_compared_with_each_other_is_bounded_over_the_page(bomb, why):
    cut, told = bounded(bomb)
    assert told == f"{why} at byte {len(cut):,}"
    assert 1000 < len(cut) < len(bomb)


def test_many_lists_of_usual_length_are_left_whole():
    page = (b"<select>" + b"<option>a</option>" * 200 + b"</select><SELECT>" + b"<option>a" * 20 + b"</SELECT>") * 200
    assert bounded(page)[1] == ""


@pytest.mark.parametrize(
    ("limits", "page", "why"),
    [
        (Parse(max_tags=3), b"<p>a</p><!-- x --><p>b", "tags: more than 3 at byte 18"),
        (Parse(max_links=2), b"<a href=1>a</a><A>b</A><area><p>", "links: more than 2 at byte 23"),
        (Parse(max_links=2), b"<abbr>" * 9 + b"<script>'<a><a><a>'</script>", ""),
        (Parse(max_tags=0, max_links=0, max_bytes=0), b"<p><a>" * 9_000, ""),
        (Parse(max_attributes=3), b"<p a b><p x='a b c d e'><p c>", "attributes: more than 3 of all tags at byte 24"),
        (Parse(max_attributes=3), b"<p a b>" + b"a b c d e f", ""),
        (Parse(max_attributes=0), b"<p a b c d e f>" * 90_000, ""),
        (Parse(), b"<p a b c d e f>" * 83_333, ""),
        (Parse(), b"<p a b c d e f>" * 83_334, "attributes: more than 500,000 of all tags at byte 1,249,995"),
        (Parse(max_tags=2), b"a < b << c <<< d", ""),
    ],
)
def test_the_settings_say_how_much_is_read_and_zero_is_no_limit(limits, page, why):
    assert bounded(page, limits)[1] == why


@pytest.mark.parametrize("charset", ["utf-8", "windows-1251", "utf-16-le"])
def test_a_page_is_parsed_up_to_so_many_bytes_and_has_all_of_its_text(charset):
    body = ("<a href=/x>\u0436</a>" * 100).encode(charset)
    page = Document(body, "http://h.test/", f"text/html; charset={charset}", bounds=Parse(max_bytes=1001))
    assert page.cut == f"bytes: 1,001 of {len(body):,} were read"
    assert len(page.root.css("a")) < 70
    assert len(page.text) == 1600
    assert urls(page) == ["http://h.test/x"]


def test_a_page_tells_that_it_was_cut_once_it_is_parsed():
    page = Document(b"<div>" * 9_000, "http://h.test/")
    assert not page.is_parsed
    assert page.cut == "depth: more than 1,000 elements in each other at byte 5,000"
    assert page.is_parsed
    assert Document(b"<p>", "http://h.test/").cut == ""


def test_xpath_sees_the_same_part_of_a_page():
    page = Document(
        b"<p>kept</p><a " + b" ".join(b"a%d" % i for i in range(60_000)) + b">lost</a><p>", "http://h.test/"
    )
    assert page.selector.xpath("//p").getall() == ["<p>kept</p>"]
    assert page.selector.xpath("//a").getall() == []


HIDERS = [b"<p a'>", b"<p 'x'=1 \">", b'<p a=b"c>', b'<p a="x"\'>', b'<p =">', b'<p a/=">', b'<p a=\v"x>', b'<p\va="x>']
HIDERS += [b"<p a='>'\">", b'</p a="><!--">', b"</3 <!-- >", b"<!x <!-- >", b"<? <!-- >"]


@pytest.mark.parametrize("hider", HIDERS)
def test_no_quote_and_no_comment_hides_what_follows(hider):
    assert bounded(hider + b"<div>" * 30_000)[1].startswith("depth: ")
    assert elements(hider + b"<br>" * 100) >= 100


def test_attributes_are_counted_as_the_parser_sees_them():
    assert bounded(b"<p a' " + b"b c d " * 20_000 + b"'>")[1].startswith("attributes: ")
    assert bounded(b"<p " + b" = x " * 20_000 + b">")[1].startswith("attributes: ")
    assert bounded(b'<p a="' + b"b c=d " * 20_000 + b'">')[1] == ""


def test_a_slash_in_a_value_closes_nothing():
    assert bounded(b"<svg>" + b"<g a=b/>" * 30_000)[1].startswith("depth: ")
    assert bounded(b"<svg>" + b'<g a="b"/><g/><g a />' * 30_000)[1] == ""
