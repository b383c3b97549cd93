import subprocess
import sys

import pytest

from acrawl.parse.document import Document


def document(markup, url="https://h.test/a/b?c", content_type="text/html"):
    return Document(markup.encode() if isinstance(markup, str) else markup, url, content_type)


def test_text_drops_the_byte_order_mark_and_replaces_what_does_not_decode():
    assert document(b"\xef\xbb\xbfa\xffb").text == "a\ufffdb"
    assert document("\ufeffé".encode("utf-16-le")).text == "é"


def test_the_tree_of_a_page_in_another_encoding_is_transcoded():
    body = '<meta charset="windows-1251"><title>Привет</title>'.encode("windows-1251")
    assert document(body).root.css_first("title").text() == "Привет"
    assert document("<title>日本</title>".encode("cp932"), content_type="text/html; charset=Shift_JIS").text == (
        "<title>日本</title>"
    )


def test_the_mark_is_no_text_of_the_tree():
    assert document(b"\xef\xbb\xbf<p>x").root.body.text() == "x"


def test_an_empty_page_has_a_root_and_nothing_in_it():
    empty = document(b"")
    assert (empty.text, empty.encoding, empty.base) == ("", "utf-8", "https://h.test/a/b?c")
    assert empty.selector.css("p").getall() == []


@pytest.mark.parametrize(
    ("markup", "base"),
    [
        ("<p>", "https://h.test/a/b?c"),
        ("<base href=/x/>", "https://h.test/x/"),
        ("<base href=//other.test/y>", "https://other.test/y"),
        ("<base target=_top><base href=one/><base href=two/>", "https://h.test/a/one/"),
        ("<base href=mailto:x@y>", "https://h.test/a/b?c"),
        ("<base href='http://['>", "https://h.test/a/b?c"),
        ("<base href>", "https://h.test/a/b?c"),
        ("<body><BASE HREF=/late/>", "https://h.test/late/"),
        ("<!-- <base href=/no/> -->", "https://h.test/a/b?c"),
    ],
)
def test_base_is_the_first_base_href_that_is_a_url(markup, base):
    assert document(markup).base == base


def test_references_are_joined_to_the_base():
    page = document("<base href=/x/>")
    assert page.join("y#z") == "https://h.test/x/y"
    assert page.join("javascript:void(0)") is None


def test_noscript_is_markup():
    assert document("<noscript><img src=a></noscript>").root.css_first("img") is not None


def test_what_few_pages_need_is_not_loaded_with_the_room():
    code = (
        "import sys; from acrawl.parse import document, links, media, robots, image;"
        "page = document.Document(b'<a href=x>y', 'http://h.test/'); links.links(page); media.images(page);"
        "page.selector.css('a::text').getall();"
        "print(*({'parsel', 'lxml', 'cchardet', 'w3lib'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"
