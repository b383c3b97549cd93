import operator
import pickle
import random
import re

import parsel
import pytest
from parsel.selector import CannotDropElementWithoutParent, CannotRemoveElementWithoutRoot

from acrawl.errors import RequestError
from acrawl.parse.document import Document
from acrawl.parse.selectors import Selector, SelectorList, whole
from acrawl.parse.trees import Page
from acrawl.request import Request
from acrawl.worker.invalid import InvalidItem
from acrawl.worker.items import as_item

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


LAZY = (
    "<div>a<p>1<div>2</div>3</p></div><p><!-- c --><b>x</b>y</p><p id=z checked>w</p><svg><a xlink:href=q>s</a></svg>"
    "<a href=r>t</a><i></i><i>u</i>"
)


@pytest.mark.parametrize(
    "query",
    [
        *("p", "p::text", "div::text", "div ::text", "b::text", "::attr(href)", "a::attr(href)", "i::text", "i ::text"),
        *("nothing", "nothing::text", "p, b", "::attr(checked)", "::text", "p ::attr(id)", "div > p", "b, div::text"),
    ],
)
def test_the_first_is_the_first_of_all_however_it_is_found(query):
    selector = Selector(text=LAZY)
    everything = [each.get() for each in list(selector.css(query))]
    assert selector.css(query).get() == selector.css(query).extract_first() == next(iter(everything), None)
    assert selector.css(query).getall() == selector.css(query).extract() == everything
    assert bool(selector.css(query)) == bool(everything)
    assert len(selector.css(query)) == len(everything)
    found = selector.css(query)
    assert (found.get("none"), found.getall(), len(found)) == (
        next(iter(everything), "none"),
        everything,
        len(everything),
    )


@pytest.mark.parametrize(
    "use",
    [
        list,
        tuple,
        sorted,
        lambda found: [*found],
        lambda found: operator.add([], found),
        lambda found: operator.add(found, []),
        lambda found: operator.iadd([], found),
        lambda found: found * 1,
        lambda found: found.copy(),
        lambda found: found[:],
        lambda found: list(reversed(found))[::-1],
        lambda found: [found.pop(0), *found],
        lambda found: (found.append(1), found)[1][:-1],
        lambda found: [each for (each,) in zip(found, strict=True)],
    ],
)
def test_a_list_that_nobody_has_looked_into_is_a_list_like_any_other(use):
    selector = Selector(text="<p>1<p>2<p>3")
    texts = selector.css("p::text")
    if use is sorted:
        texts.sort(key=str)
        assert [each.get() for each in texts] == ["1", "2", "3"]
    else:
        assert [each.get() for each in use(texts)] == ["1", "2", "3"]
    assert selector.css("nothing") == [] == selector.css("nothing")
    assert selector.css("p") != []
    assert repr(selector.css("b")) == "[]"
    assert texts[0] in texts


@pytest.mark.parametrize("query", ["p", "p::text", "nothing"])
def test_a_selection_given_for_its_text_cannot_travel_whether_it_was_looked_into_or_not(query):
    selector = Selector(text="<p>1<p>2")
    with pytest.raises(InvalidItem, match=r"dict\.texts.* cannot travel: .*Selector"):
        as_item({"texts": selector.css(query)})
    with pytest.raises(RequestError, match=r"meta cannot travel .*Selector"):
        Request("https://a.test/", meta={"texts": selector.css(query)})


def test_what_was_selected_before_a_drop_is_still_there():
    selector = Selector(text="<div>a<p>1</p>b<p>2</p>c</div>")
    before, seen = selector.css("p"), selector.css("p")
    assert len(seen) == 2
    selector.css("p")[0].drop()
    assert before.getall() == seen.getall() == ["<p>1</p>", "<p>2</p>"]
    assert selector.css("p").getall() == selector.xpath("//p").getall() == ["<p>2</p>"]
    assert selector.css("div::text").getall() == selector.xpath("//div/text()").getall() == ["ab", "c"]
    selector.xpath("//p").drop()
    assert selector.css("div").get() == selector.xpath("//div").get() == "<div>abc</div>"
    for wrong in (selector, selector.css("div::text"), selector.xpath("//div/text()")):
        with pytest.raises((CannotDropElementWithoutParent, CannotRemoveElementWithoutRoot)):
            wrong.drop()


@pytest.mark.parametrize("depth", [3, 150, 250, 900])
def test_texts_of_deeply_nested_elements_are_in_document_order(depth):
    markup = "<div>".join(map(str, range(depth))) + "".join(f"</div>{each}" for each in range(depth))
    ours, theirs = Selector(text=markup), parsel.Selector(text=markup)
    assert ours.css("div::text").getall() == theirs.css("div::text").getall()


def test_a_page_forgets_the_lists_that_nobody_has():
    page = Page.of(b"<p>1")
    selector = whole(page)
    kept = selector.css("p")
    for _ in range(100):
        selector.css("p::text").get()
    assert len(page.pending) == 1
    del kept
    assert page.pending == {}


@pytest.mark.parametrize(
    ("made", "type_", "root"),
    [
        ({"text": "<p>x"}, "html", "html"),
        ({"text": '{"a": 1}'}, "json", {"a": 1}),
        ({"text": "[1"}, "html", "html"),
        ({"text": "<?xml version='1.0'?><A/>"}, "xml", "A"),
        ({"text": "<A/>", "type": "xml"}, "xml", "A"),
        ({"text": "<A/>", "type": "text"}, "text", "<A/>"),
        ({"text": "1", "type": "json"}, "json", 1),
        ({"body": "<p>é".encode("latin-1"), "encoding": "latin-1"}, "html", "html"),
        ({"root": {"a": [1]}}, "json", {"a": [1]}),
    ],
)
def test_selectors_are_made_of_text_bytes_and_roots(made, type_, root):
    ours, theirs = Selector(**made), parsel.Selector(**made)
    assert ours.type == theirs.type == type_
    assert getattr(ours.root, "tag", ours.root) == getattr(theirs.root, "tag", theirs.root) == root
    assert str(ours) == str(ours.get())
    assert bool(ours) == bool(theirs)


def test_a_selector_is_made_of_an_element_of_lxml():
    found = parsel.Selector(text="<div><p class='a b'>x</div>").css("p")[0].root
    assert Selector(root=found).xpath("self::*[has-class('b')]/text()").get() == "x"
    with pytest.raises(ValueError, match="one of html, xml, json, text"):
        Selector(text="", type="pdf")
    with pytest.raises(ValueError, match="needs text, body or root"):
        Selector()
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(Selector(text="x"))


def test_a_selector_tells_of_itself_as_parsels_does():
    for query in ("p", "p::text", "b"):
        ours, theirs = Selector(text="<p>" + "long " * 20), parsel.Selector(text="<p>" + "long " * 20)
        assert [repr(each).partition("data=")[2] for each in ours.css(query)] == [
            repr(each).partition("data=")[2] for each in theirs.css(query)
        ]
    assert repr(ours.xpath("//p/text()")[0]) == repr(theirs.xpath("//p/text()")[0])
    assert not Selector(text="<p title=''>x").css("p::attr(title)")[0]


def test_expressions_may_have_variables_namespaces_and_exslt(page):
    assert page.xpath("//a[re:test(@href, '^/X$', 'i')]/b/text()").getall() == ["bold"]
    assert len(page.xpath("set:difference(//p, //p[@class])")) == 1
    assert page.xpath("//*[has-class('big', 'card')]/@id").getall() == ["one"]
    assert page.css("p").xpath("a[@data-n=$n]/@href", n="1").getall() == ["/x"]
    assert page.xpath("//s:p", namespaces={"s": "urn:none"}) == []
    page.register_namespace("t", "urn:none")
    assert page.css("div").xpath(".//t:p") == []
    page.remove_namespaces()
    assert page.css("title").get() == "<title>A &amp; B</title>"
