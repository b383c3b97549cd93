import random
import re

import parsel
import pytest

from acrawl.parse.document import Document
from acrawl.parse.selectors import Selector, SelectorList

PAGE = """<!doctype html><html><head><title>A &amp; B</title></head><body>
<div id="one" class="card big">d1<p>p1 <a href="/x" data-n="1">link <b>bold</b></a> p2</p>d2
<div>inner<br>after</div>d3</div>
<p class="price">12.50 EUR &lt;</p><a href>empty</a><ul><li>1<li>2</ul>
</body></html>"""


@pytest.fixture
def page():
    return Document(PAGE.encode(), "http://h.test/").selector


def test_get_gives_the_first_or_the_default(page):
    assert page.css("title::text").get() == "A & B"
    assert page.css("h1::text").get() is None
    assert page.css("h1::text").get("none") == "none"
    assert page.css("b").get() == "<b>bold</b>"


def test_text_is_each_direct_text_node(page):
    assert page.css("p::text").getall() == ["p1 ", " p2", "12.50 EUR <"]


def test_text_of_nested_matches_comes_in_document_order(page):
    assert [text.strip() for text in page.css("div::text").getall()] == ["d1", "d2", "inner", "after", "d3"]


def test_text_after_a_space_is_all_text_below_once(page):
    assert [text.strip() for text in page.css("div ::text").getall()] == [
        *("d1", "p1", "link", "bold", "p2", "d2", "inner", "after", "d3")
    ]


def test_an_attribute_without_value_is_empty_and_a_missing_one_is_left_out(page):
    assert page.css("a::attr(href)").getall() == ["/x", ""]
    assert page.css("a::attr(data-n)").getall() == ["1"]
    assert page.css("a").attrib == {"href": "/x", "data-n": "1"}
    assert page.css("h1").attrib == {}


def test_an_attribute_of_another_name_space_is_not_meant():
    selector = Document(b"<svg><a xlink:href=x>s</a></svg><a href=y>", "http://h.test/").selector
    assert selector.css("a::attr(href)").getall() == ["y"]


def test_selection_goes_on_from_what_was_selected(page):
    card = page.css("div.card")
    assert card.css("a").css("b::text").get() == "bold"
    assert [link.attrib["href"] for link in card.css("a")] == ["/x"]


def test_xpath_goes_on_from_css_and_css_from_xpath(page):
    card = page.css("div.card")[0]
    assert card.xpath("./p/a/@href").getall() == ["/x"]
    assert card.xpath("string(./p/a)").get() == "link bold"
    assert card.xpath("//title/text()").get() == "A & B"  # the whole page, as in parsel
    assert page.xpath("//p").css("a::attr(href)").getall() == ["/x"]
    assert page.css("li").xpath("text()").getall() == ["1", "2"]
    assert page.css("div > div").xpath("ancestor::div/@id").getall() == ["one"]


def test_xpath_takes_variables_and_gives_numbers_as_text(page):
    assert page.xpath("//a[@href=$where]/b/text()", where="/x").get() == "bold"
    assert page.xpath("count(//a)").get() == "2.0"


def test_xpath_works_where_the_two_parsers_build_different_trees():
    selector = Document(b"<table><tr><td><form><a href=1>x</form><td>y</table><p><a href=2>", "http://h.test/").selector
    assert selector.css("tbody")[0].xpath(".//a/@href").getall() == ["1"]
    assert selector.css("html").xpath("//a/@href").getall() == ["1", "2"]


def test_what_lexbor_does_not_know_parsel_answers(page):
    assert page.css("p:contains('EUR')::text").getall() == ["12.50 EUR <"]
    assert page.css("title::text, b::text").getall() == ["A & B", "bold"]
    assert page.css("b::text, a::attr(href)").getall() == ["/x", "bold", ""]
    assert page.css("div:is(.card, .none)::attr(id)").getall() == ["one"]


def test_regular_expressions_see_text_with_entities_replaced(page):
    assert page.css(".price::text").re_first(r"([\d.]+)") == "12.50"
    assert page.css(".price::text").re(r"(\d+)\.(\d+)") == ["12", "50"]
    assert page.css(".price::text").re_first(r"x", default="?") == "?"
    assert page.css("a")[0].re_first(r'href="(?P<extract>.*?)"') == "/x"


def test_a_list_is_a_list(page):
    found = page.css("p")
    assert isinstance(found, SelectorList)
    assert isinstance(found, list)
    assert isinstance(found[0], Selector)
    assert isinstance(found[:1], SelectorList)
    assert found[1:].css("::text").get() == "12.50 EUR <"
    assert [bool(each) for each in found] == [True, True]
    assert not page.css("h1")


def test_extract_is_another_name(page):
    assert page.css("b::text").extract() == ["bold"]
    assert page.css("b::text").extract_first() == "bold"
    assert page.css("b::text")[0].extract() == "bold"


@pytest.mark.parametrize("query", ["a[", "", "a::text::text", "p:unheard-of", "a,", "::attr()", "a::before"])
def test_a_malformed_css_query_is_named(page, query):
    with pytest.raises(ValueError, match=re.escape(repr(query))):
        page.css(query)


@pytest.mark.parametrize("query", ["//a[", "", "foo(", "//a[@href=$missing]"])
def test_a_malformed_xpath_query_is_named(page, query):
    with pytest.raises(ValueError, match=re.escape(repr(query))):
        page.xpath(query)


def test_nothing_is_selected_from_text_but_itself(page):
    text = page.css("title::text")
    assert text.css("b") == text.xpath("//b") == []
    assert text.xpath(".").getall() == ["A & B"]
    with pytest.raises(ValueError, match=r"'b\['"):
        text.css("b[")


def generated(seed):
    """A well-formed page of nested elements, texts, comments and attributes."""
    chance = random.Random(seed)

    def content(depth):
        parts = []
        for _ in range(chance.randint(0, 4)):
            parts.append(
                chance.choice(["", "text", " a &amp; b ", "é—x", "<!-- c -->", "<br>", "<img src='i.png' alt=''>"])
            )
            if depth < 6:
                tag = chance.choice(["div", "section", "span", "em", "ul"])
                attributes = "".join(
                    f' {name}="{chance.choice(["k", "k l", "", "x&amp;y"])}"'
                    for name in ("class", "id", "title")
                    if chance.random() < 0.4
                )
                parts.append(f"<{tag}{attributes}>{content(depth + 1)}</{tag}>")
        return "".join(parts)

    return f"<!DOCTYPE html><html><head><title>t{seed}</title></head><body><div>{content(0)}</div></body></html>"


QUERIES = [
    *("title::text", "div::text", "div ::text", "span::text", "*::text", "::text", "div > em::text", "div>::text"),
    *("::attr(class)", "div::attr(id)", "div ::attr(title)", ".k::attr(class)", "ul .l::text", "section + div::text"),
    *("div:not(.k)::text", "em, span", "em::text, span::text", "div[id]:first-child::text", "body > div > *::attr(id)"),
    *(
        "span:nth-of-type(2)::text",
        "div:contains('text')::attr(class)",
        "img::attr(alt)",
        "em ~ span::text",
        "#x::text",
    ),
]


@pytest.mark.parametrize("seed", range(25))
def test_well_formed_pages_give_what_parsel_gives(seed):
    markup = generated(seed)
    ours, theirs = Document(markup.encode(), "http://h.test/").selector, parsel.Selector(markup, type="html")
    for query in QUERIES:
        if "::" in query:
            assert ours.css(query).getall() == theirs.css(query).getall(), query
        else:
            assert [each.attrib for each in ours.css(query)] == [dict(each.attrib) for each in theirs.css(query)], query
    for outer, other in zip(ours.css("div"), theirs.css("div"), strict=True):
        for query in ("./@class", "count(.//*)", "ancestor::*/@id", "string()"):
            assert outer.xpath(query).getall() == other.xpath(query).getall()
