"""The elements of a long document, and the rows of a long table."""

import gzip

import pytest

from acrawl.parse.nodes import nodes, rows

SHOP = """<?xml version="1.0"?>
<rss xmlns:g="http://base.google.com/ns/1.0" xmlns="http://default.test/"><channel><title>no</title>
<!-- <item><title>hidden</title></item> -->
<item id="1"><title>One &amp; more</title><g:price>5 EUR</g:price><link>http://a.test/?a=1&b=2</link></item>
<item id="2"/><item id="3" note="a/b"/>
<item id="4"><title><![CDATA[Four & <b>]]></title><itemised>x</itemised></item>
<items>5</items></channel></rss>"""
SPACES = {"shop": "http://base.google.com/ns/1.0", "d": "http://default.test/"}


@pytest.mark.parametrize("size", [1, 2, 3, 10, 64, 10_000])
def test_elements_come_whole_with_their_namespaces(size):
    body = SHOP.encode()
    found = list(nodes((body[n : n + size] for n in range(0, len(body), size)), "item", SPACES))
    assert [node.attrib["id"] for node in found] == ["1", "2", "3", "4"]
    first = found[0]
    assert first.xpath("d:title/text()").get() == "One & more"
    assert first.xpath("g:price/text()").get() == first.xpath("shop:price/text()").get() == "5 EUR"
    assert first.css("d|link::text").get() == "http://a.test/?a=1&b=2"
    assert found[3].xpath("string(d:title)").get() == "Four & <b>"


def test_a_prefix_of_the_tag_does_not_matter():
    document = "<x><a:item>1</a:item><item>2</item><b:item>3</b:item></x>"
    for tag in ("item", "a:item"):
        assert [node.xpath("string()").get() for node in nodes(document.encode(), tag, {})] == ["1", "2", "3"]


def test_what_is_broken_in_one_element_does_not_touch_the_others():
    document = "<x><item><b>1</item><item>\x01</b>2</item><item><c d=>3</item><item>4"
    assert len(list(nodes(document.encode(), "item", {}))) == 3


def test_an_element_that_never_ends_is_not_kept():
    body = b"<x><item>1</item><item>" + b"x" * (3 << 20) + b"<item>2</item>"
    texts = [node.xpath("string()").get() for node in nodes(gzip.compress(body), "item", {})]
    assert texts == ["1", "2"]


def test_a_tag_that_is_no_name_is_refused():
    with pytest.raises(ValueError, match="no name of an element"):
        list(nodes(b"", "a b", {}))


@pytest.mark.parametrize(
    ("table", "options", "found"),
    [
        ("a,b\n1,2\n", {}, [{"a": "1", "b": "2"}]),
        ("a,b\r\n1,2\r\n\r\n3,4", {}, [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]),
        ("a,b\r1,2\r", {}, [{"a": "1", "b": "2"}]),
        ("\ufeffa, b\n1,é\n", {}, [{"a": "1", "b": "é"}]),
        ('a,b\n"x,\ny","say ""no"""\n', {}, [{"a": "x,\ny", "b": 'say "no"'}]),
        ("1;'2;3'\n", {"delimiter": ";", "quotechar": "'", "headers": ["a", "b"]}, [{"a": "1", "b": "2;3"}]),
        ("a,b\n1\n1,2\n", {}, ["line 2 has 1 columns, and 2 have a name", {"a": "1", "b": "2"}]),
        ("", {}, []),
    ],
)
def test_rows(table, options, found):
    body = table.encode()
    assert list(rows(body, **options)) == found
    assert list(rows((body[n : n + 1] for n in range(len(body))), **options)) == found


def test_a_field_that_is_too_long_ends_the_table():
    found = list(rows(b"a,b\n1,2\n" + b"x" * 200_000 + b",3\n4,5\n"))
    assert found[0] == {"a": "1", "b": "2"}
    assert len(found) == 2
    assert "the rest is left out" in found[1]


@pytest.mark.timeout(20)
def test_an_element_of_sections_that_never_end_takes_no_more_time_than_others():
    (node,) = nodes(b"<r><item>a &" + b"<![CDATA[" * 100_000 + b"</item></r>", "item", {})
    assert node.xpath("string()").get().startswith("a &")


@pytest.mark.timeout(60)
def test_a_line_without_end_is_read_no_further():
    first, why = rows(b"a,b\n1,2\n" + b"x" * (64 << 20))
    assert first == {"a": "1", "b": "2"}
    assert "the rest is left out" in str(why)
