"""References that are meant for a web site and are no URLs."""

from __future__ import annotations

from acrawl.parse.document import Document
from acrawl.parse.malformed import malformed


def found(markup):
    return list(malformed(Document(markup.encode(), "https://e.org/", "text/html")))


def test_each_is_told_once_as_browsers_read_it():
    assert found(
        '<a href="http://">a <b>text</b></a><a href=" http://\n#x">again</a><img src="//[bad/" alt="an image">'
        '<script src="HTTPS://h:1:99/"></script><template><a href="http://[in">t</a></template>'
    ) == [("http://", "a text"), ("//[bad/", "an image"), ("HTTPS://h:1:99/", ""), ("http://[in", "t")]  # fmt: skip


def test_what_is_meant_for_others_or_can_be_asked_for_is_no_mistake():
    assert found(
        '<a href="mailto:a@b">m</a><a href="javascript:void(0)">j</a><img src="data:,x"><a href="">here</a>'
        '<a href="#top">top</a><a href="a b:c">x</a><a href="{{ url }}">t</a><a href>n</a><a href="tel:1">t</a>'
    ) == []  # fmt: skip
