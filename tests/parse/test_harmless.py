"""A page that is let through without a look at its tags does no harm."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from acrawl.parse.bounds import MAX_ATTRIBUTES, MAX_NAMES, bounded
from acrawl.parse.harmless import _UNCLOSED, is_harmless

FORMATTING = frozenset(("b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"))
PIECES = r"""
<i a="{}">| <I a='{}'>| <b/a={}>| <code class="{}"><span class="x">y</span></code>| <em a="{}">x</em>| <u b="</i>">|
<u b='<i a="{}">x</i>'>| <font color=red a={}>| <strong a="{}"><a href="b">c</a></strong>| </i>| </b>| </code>| </em>|
</u<i>| <p>| </p>| <div>| </div>| <table>| <td>| </table>| <object>| </object>| <!--| -->| <!-->| <script>| </script>|
<style>| </style>| <textarea>| </textarea>| <select>| </select>| <svg>| </svg>| <desc>| <math><mi>| </math>| <![CDATA[|
]]>| <template>| </template>| <title>| </title>| "| '| >| <| =| x| <a href="y">| </a>| <li>| <tt a="{}"x="y">z</tt>|
<s a="b"c="{}">d</s>| <i a="=" b="{}">c</i>| <i ="x" b="{}">c</i>| <small\\a="{}">b</small>| <nobr a="{}">|
<plaintext>"""
pieces = [piece.strip().replace("\n", " ") for piece in PIECES.split("|")]
soup = st.lists(st.sampled_from(pieces), max_size=25)


def numbered(pieces, times=1):
    return "".join("".join(pieces).replace("{}", str(number)) for number in range(times)).encode()


def open_at_the_end(markup):
    """Formatting elements with attributes that a paragraph is in that comes after the markup."""
    node, opened = LexborHTMLParser(markup + b"</p><p><q id=end>x</q>").css_first("#end"), 0
    while node is not None:
        opened += node.tag in FORMATTING and bool(node.attributes)
        node = node.parent
    return opened


@pytest.mark.parametrize(
    "markup",
    [
        b'<i a=">x</i>">',
        b"<i a='\">x</i>'>",
        b'<i ="a=" >x</i>">',
        b'<i a="b"c=">x</i>">',
        b'<i a="b">x<!--</i>-->',
        b'<i a="b">x<p></i></p>',
        b'<i a="b">x</<u>i>',
        b'<i a="b">x<span c="></i>"></span>',
        b'<i a="b">x<span><div></span></i>',
        b'<i a="b">x</u>',
    ],
)
def test_an_end_is_believed_only_where_nothing_can_undo_it(markup):
    assert len(_UNCLOSED.findall(markup)) == 1
    assert not _UNCLOSED.findall(b'<i a="b">x<span c="d">y</span>z</i>')


@settings(max_examples=300, deadline=None)
@given(soup, soup)
def test_no_formatting_stays_open_that_is_taken_for_closed(before, after):
    pieces = [piece.replace("{}", f"{number}") for number, piece in enumerate(before + after)]
    markup = numbered(pieces)
    assert open_at_the_end(markup) <= len(_UNCLOSED.findall(markup))


shreds = st.sampled_from(
    ("<i", "<i", ' a="', ' a="', '"', '"', ">", ">", "</i>", "</i>", "=", "'", "<!--", "-->", " b='")
)
inner = st.sampled_from(("x", "<span>", "</span>", '<u b="c">', "</u>", "<p>", "</p>", "</i", "/"))


@settings(max_examples=1000, deadline=None)
@given(st.lists(st.one_of(shreds, inner), max_size=12))
def test_no_end_is_believed_that_is_none(shreds):
    markup = ('<p><i a="' + "".join(shreds)).encode()
    assert open_at_the_end(markup) <= len(_UNCLOSED.findall(markup))


@settings(max_examples=30, deadline=None)
@given(soup, st.integers(1, 1500), soup, st.integers(1, 4000))
def test_what_is_let_through_makes_no_more_elements_than_is_borne(first, some, then, more):
    markup = numbered(first, some) + numbered(then, more)
    markup = markup[:400_000]
    if is_harmless(markup, markup.count(b"<")):
        assert len(LexborHTMLParser(markup).css("*")) < 2_000_000


def names(count, form):
    return b"".join(form % (number, number) for number in range(count))


def test_a_page_of_ever_new_names_is_cut():
    for form in (b"<t%d></t%d>", b"<p data-x%d='%d'>", b"<P a='>' x%d=<%d>"):
        cut, why = bounded(names(100_000, form))
        assert why == f"names: more than {MAX_NAMES:,} of elements and attributes at byte {len(cut):,}"
        assert 0 < len(cut) < len(names(MAX_NAMES + 1, form))
        assert bounded(names(15_000, form) * 2)[1] == ""


def test_attributes_after_a_value_with_the_end_of_a_tag_are_counted():
    many = b" ".join(b"a%d" % number for number in range(30_000))
    for size in (140_000, 200_000, 240_000):
        page = b"<p>x<p>" * 1000 + b"<a x='>' " + many[: size - 7000] + b">"
        assert bounded(page)[1] == f"attributes: more than {MAX_ATTRIBUTES:,} of one tag at byte 7,000"


def test_tags_that_give_their_attributes_to_one_element_are_counted_together():
    tags = (b"<body " + b" ".join(b"a%d=x" % (10 * n + m) for m in range(10)) + b"><p>" for n in range(3000))
    page = b"".join(tags)
    assert len(page) < 300_000
    assert bounded(page)[1].startswith(f"attributes: more than {MAX_ATTRIBUTES:,} of all tags of body at byte ")
    assert bounded(page.upper())[1].startswith("attributes: ")


def test_a_page_of_many_closed_elements_is_let_through_without_a_walk():
    page = b'<p><i class="p"><code class="q">x<span>y</span></code></i><pre><span class="n">z</span></pre>' * 800
    assert is_harmless(page, page.count(b"<"))
    assert bounded(page) == (page, "")
