import pytest

from acrawl.parse.document import Document
from acrawl.parse.links import Link, links, urls

URL = "https://h.test/a/b"


def found(markup):
    page = Document(markup.encode(), URL)
    everything = links(page)
    assert sorted(urls(page)) == sorted(link.url for link in everything)
    return everything


@pytest.mark.parametrize(
    ("markup", "link"),
    [
        ("<a href=x>t</a>", Link("https://h.test/a/x", "t", "a", "href")),
        (
            "<a href=/x rel='nofollow ugc'>\n two  <b>words</b>\t</a>",
            Link("https://h.test/x", "two words", rel="nofollow ugc"),
        ),
        (
            "<map><area href=?q=1 alt='left part'></map>",
            Link("https://h.test/a/b?q=1", "left part", "area", alt="left part"),
        ),
        ("<iframe src=f.html></iframe>", Link("https://h.test/a/f.html", "", "iframe", "src")),
        ("<frameset><frame src=f.html></frameset>", Link("https://h.test/a/f.html", "", "frame", "src")),
        ("<link rel=next href=2>", Link("https://h.test/a/2", "", "link", "href", "next")),
        ("<link rel=PREV href=2>", Link("https://h.test/a/2", "", "link", "href", "PREV")),
        ("<link rel=canonical href=/c>", Link("https://h.test/c", "", "link", "href", "canonical")),
        ("<link rel=alternate hreflang=de href=/de>", Link("https://h.test/de", "", "link", "href", "alternate")),
        (
            "<link rel=alternate type='text/html; charset=x' href=/m>",
            Link("https://h.test/m", "", "link", "href", "alternate"),
        ),
        ("<meta http-equiv=REFRESH content='5; url=/next'>", Link("https://h.test/next", "", "meta", "content")),
        ("<noscript><a href=n>n</a></noscript>", Link("https://h.test/a/n", "n")),
        ("<a href=''>self</a>", Link(URL, "self")),
        ("<a href='x#one'>1</a><a href='x#two'>2</a>", Link("https://h.test/a/x", "1", fragment="one")),
        ("<base href=/base/><a href=x>t</a>", Link("https://h.test/base/x", "t")),
    ],
)
def test_a_link_is_found(markup, link):
    assert found(markup) == [link]


@pytest.mark.parametrize(
    "markup",
    [
        "<a>no</a>",
        "<a href=javascript:x()>s</a>",
        "<a href=mailto:a@h.test>m</a>",
        "<a href=tel:1>p</a>",
        "<a href='data:,x'>d</a>",
        "<a href='ftp://h.test/'>f</a>",
        "<a href='http://[x'>bad</a>",
        "<form action=/search><input name=q></form>",
        "<link rel=stylesheet href=s.css>",
        "<link rel='alternate stylesheet' href=s.css>",
        "<link rel=alternate type=application/rss+xml href=feed>",
        "<link href=nothing>",
        "<meta http-equiv=refresh content=30>",
        "<meta http-equiv=content-type content='0; url=x'>",
        "<!-- <a href=x>c</a> -->",
        "<script>'<a href=x>'</script>",
        "<img src=x.png>",
        "<svg><a xlink:href=x>s</a></svg>",
        "<a href>nothing</a>",
        "<base href=/>",
        "<svg><image href=x /><use href=#y /></svg>",
        "<a src=x>s</a><link rel=next src=x><script src=x></script><div href=x>d</div>",
    ],
)
def test_what_is_no_link_is_not_found(markup):
    assert found(markup) == []


def test_links_come_in_document_order_each_url_once():
    markup = "<a href=1>one</a><iframe src=2></iframe><a href=./1>again</a><a href=3>three</a><a href=1>more</a>"
    assert [(link.url[-1], link.text) for link in found(markup)] == [("1", "one"), ("2", ""), ("3", "three")]
