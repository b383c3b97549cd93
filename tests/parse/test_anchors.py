"""Places of a page, and the links to them."""

from acrawl.parse.anchors import placed, places
from acrawl.parse.document import Document


def document(body: str) -> Document:
    return Document(body.encode(), "https://e.org/a", "text/html; charset=utf-8")


def test_every_id_and_every_named_anchor_is_a_place():
    page = document('<p id="b">x<a name="c">y</a><a id="d" name="e">z</a><input name="no"><p id="b">twice<p id="">')
    assert places(page) == ["b", "c", "d", "e"]


def test_each_distinct_link_to_a_place_counts_and_the_top_is_always_there():
    page = document(
        '<a href="#x">one\n two</a><a href="/b#x">b</a><a href="/b#y">b</a><a href="/b#x">b again</a>'
        '<a href="#">top</a><a href="#Top">top</a><a href="/b">b</a><a href="#:~:text=word">text</a>'
        '<a href="#z:~:text=word">text</a><a href="mailto:a@b#c">mail</a><area href="#map">'
    )
    assert [(link.url, link.fragment, link.text, link.tag) for link in placed(page)] == [
        ("https://e.org/a", "x", "one two", "a"),
        ("https://e.org/b", "x", "b", "a"),
        ("https://e.org/b", "y", "b", "a"),
        ("https://e.org/a", "z", "text", "a"),
        ("https://e.org/a", "map", "", "area"),
    ]
