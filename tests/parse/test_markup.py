"""XML as the web has it: the same tags come, however it is cut into pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acrawl.parse.markup import LONGEST, attributes_of, resolved, tags


def found(markup, size=10**9):
    return list(tags(markup[start : start + size] for start in range(0, len(markup), size)))


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<a>x</a>", "x"),
        ("<a>x &amp; y</a>", "x & y"),
        ("<a>?b=1&c=2&copy=3&lt;</a>", "?b=1&c=2&copy=3<"),
        ("<a>&#65;&#x42;&#0;</a>", "AB\ufffd"),
        ("<a>x<!-- <b> -->y</a>", "xy"),
        ("<a><![CDATA[<b>&amp;</b>]]></a>", "<b>&amp;</b>"),
        ("<a>x<?php echo ?>y</a>", "xy"),
        ("<a>1 < 2</a>", "1 < 2"),
        ("<a>x <</a>", "x <"),
        ("<a\n>x</a >", "x"),
        ("<a b='>'>x</a>", "x"),
        ('<a b="it\'s">x</a>', "x"),
        ("<a b=it's>x</a>", "x"),
        ("<a>x</a", None),
        ("<a>x</a<b>", "x"),
        ('<!DOCTYPE a [<!ENTITY e "boom">]><a>&e;</a>', "&e;"),
    ],
)
def test_the_text_of_an_element(markup, text):
    for size in (1, 2, 3, 7, 1000):
        ends = [text for text, name, _, closes in found(markup, size) if (name, closes) == ("a", True)]
        assert ends == ([] if text is None else [text]), size


@given(st.text(alphabet="<>/!?-[]CDAT&;#ab =\"'\n", max_size=60), st.integers(1, 10))
def test_it_does_not_matter_where_the_pieces_end(markup, size):
    assert found(markup, size) == found(markup)


ENDLESS = ["<", "<a ", "<!--", "<a b='", "<a b=\"'", "<![CDATA[", "x", "<?", "</", "<a>", "&#", "<!---->x", "< a"]


@pytest.mark.parametrize("unit", ENDLESS)
def test_what_never_ends_is_neither_kept_nor_looked_at_again_and_again(unit):
    pieces = (unit * (65536 // len(unit)) for _ in range(4 * LONGEST // 65536))
    longest = max((len(text) for text, *_ in tags(pieces)), default=0)
    assert longest <= 2 * LONGEST


def test_a_comment_that_is_too_long_does_not_hide_what_comes_after_it():
    pieces = ["<!--", *["x" * 65536] * 40, "--><a>y</a>"]
    assert [name for _, name, _, _ in tags(pieces)] == ["a", "a"]


def test_attributes():
    written = " xlink:HREF='a?b=1&amp;c=2' rel = \"x y\" bare=1 empty='' alone /"
    assert attributes_of(written) == {"href": "a?b=1&c=2", "rel": "x y", "bare": "1", "empty": ""}


def test_an_ampersand_that_begins_nothing_stays():
    assert resolved("&amp;amp; & &nbsp; &copy=1 &#9999999; &#x110000;") == "&amp; & &nbsp; &copy=1 \ufffd \ufffd"


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", ["a", " ", "a ", "=", "a=", '"', "a='", "/", ":"])
def test_attributes_take_time_in_proportion_to_their_length(piece):
    assert attributes_of(f"{piece * 500_000} href='x'").keys() <= {"href", "a", "a" * 500_000}
