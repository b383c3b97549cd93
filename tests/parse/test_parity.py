"""acrawl's selectors against parsel's, on the same bytes of real pages; and the differences that are meant, by name."""

import pathlib

import parsel
import pytest

from acrawl.parse.document import Document
from parse.parity import Counts, compare

PAGES = sorted((pathlib.Path(__file__).parent / "pages").glob("*.html"))


def both(markup):
    markup = markup.encode() if isinstance(markup, str) else markup
    return Document(markup, "http://h.test/", "text/html").selector, parsel.Selector(body=markup, type="html")


def asked(markup, query):
    return [selector.css(query).getall() for selector in both(markup)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_query_gives_what_parsel_gives_or_a_rule_of_the_standard_says_why(page):
    counts = compare(page.read_bytes(), page.name)
    assert counts.repaired == counts.unexplained == []
    assert counts.nodes > 1000


def test_the_comparison_finds_a_difference():
    wrong = compare(b"<html><head><title>t</title></head><body><p class=PRE>no doctype: any case</p></body></html>")
    assert " .pre" in wrong.unexplained
    total = Counts()
    total.add(wrong)
    total.add(wrong)
    assert (total.pages, len(total.unexplained)) == (2, 2 * len(wrong.unexplained))


def test_misnested_markup_is_counted_apart():
    assert compare(b"<p>a</p></p><p>b", "page").repaired == ["page"]


@pytest.mark.parametrize(
    ("markup", "query", "ours", "theirs"),
    [
        ("<table><tr><td>1</table>", "tbody td::text", ["1"], []),
        ("<pre>\nx</pre>", "pre::text", ["x"], ["\nx"]),
        ("<meta http-equiv=Refresh content=1>", "[http-equiv=refresh]::attr(content)", ["1"], []),
        ("<p class=Big>x", ".big::text", ["x"], []),
        ("<!doctype html><p class=Big>x", ".big::text", [], []),
        ("<template><p>x</p></template>", "p::text", [], ["x"]),
        ("<svg viewBox=1></svg>", "::attr(viewBox)", ["1"], []),
        ("<div>a<wbr>b</div>", "div::text", ["a", "b"], ["a"]),
    ],
)
def test_what_the_standard_says_and_libxml2_does_not(markup, query, ours, theirs):
    assert asked(markup, query) == [ours, theirs]


BOOLEAN = """<!doctype html><input checked disabled="" readonly=x data-y><select multiple><option selected>1</select>
<script defer async></script><p nowrap hidden></p>"""


def test_attributes_without_a_value_have_the_values_that_parsel_gives_them():
    ours, theirs = both(BOOLEAN)
    for name in (
        "checked",
        "disabled",
        "readonly",
        "data-y",
        "multiple",
        "selected",
        "defer",
        "async",
        "nowrap",
        "hidden",
    ):
        query = f"::attr({name})"
        assert len(ours.css(query)) == 1
        assert ours.css(query).getall() == theirs.css(query).getall()
    assert ours.css("input").attrib == theirs.css("input").attrib
    assert ours.css("input")[0].xpath("/html/body/input/@checked").get() == "checked"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("table > tr td::text", ["1"]),
        ("table.x>tr td::text", ["1"]),
        (".x > tr > td::text", ["1"]),
        ("table > [id] td::text", ["1"]),
        ("tbody > tr td::text", []),
    ],
)
def test_the_children_of_a_table_are_those_that_are_written(query, found):
    ours, theirs = asked("<table class=x><tr id=r><td>1</table>", query)
    assert theirs == found
    assert ours == (found or ["1"])


NESTED = """<div class=a><h2>0</h2><div class=b><p class=a>1<i>2</i></p><p>3<i>4</i></p><ul><li>5<li>6</ul></div></div>
<i>7</i>"""
INNER = [
    *(".a p", ".a > i", "div p::text", ".a i::text", "body i", "p > i::text", "p + p", "li + li::text", "h2 + div p"),
    *("h2 ~ div", ".a ::text", "div ::attr(class)", ".b, .a i", "p i, .a li", "*", "> p", "html", ".b p", "div li"),
]


@pytest.mark.parametrize("query", INNER)
@pytest.mark.parametrize("outer", [".a", ".b", "p", "ul", "li"])
def test_a_query_does_not_look_outside_of_the_element_that_it_begins_at(outer, query):
    answers = []
    for selector in both(NESTED):
        try:
            answers.append([each.css(query).getall() for each in selector.css(outer)])
        except (ValueError, SyntaxError, RuntimeError):
            answers.append("malformed")
    assert answers[0] == answers[1]


@pytest.mark.parametrize("query", ["p[class", "p:not(.a", "p[class='a", "p:is(.a", "p)", "p:unheard-of", "x|p", "p >"])
def test_what_parsel_refuses_is_refused(query):
    ours, theirs = both(NESTED)
    with pytest.raises((ValueError, SyntaxError, RuntimeError)):
        theirs.css(query)
    with pytest.raises(ValueError, match="not a valid css query"):
        ours.css(query)
