import pytest

from acrawl.parse.document import Document
from acrawl.parse.links import Link, chosen, links, urls

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
        (
            "<link rel=alternate hreflang=de href=/de>",
            Link("https://h.test/de", "", "link", "href", "alternate", hreflang="de"),
        ),
        (
            "<link rel=alternate type='text/html; charset=x' href=/m>",
            Link("https://h.test/m", "", "link", "href", "alternate"),
        ),
        ("<meta http-equiv=REFRESH content='5; url=/next'>", Link("https://h.test/next", "", "meta", "content")),
        ("<noscript><a href=n>n</a></noscript>", Link("https://h.test/a/n", "n")),
        ("<template><template><a href=n>n</a></template></template>", Link("https://h.test/a/n", "n")),
        ("<svg><a xlink:href=x>s</a></svg>", Link("https://h.test/a/x", "s", attr="xlink:href")),
        ("<svg><a href=y xlink:href=x>s</a></svg>", Link("https://h.test/a/y", "s")),
        ("<link rel='NEXT nofollow' href=2>", Link("https://h.test/a/2", "", "link", "href", "NEXT nofollow")),
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


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("Link", "</2>; rel=next", [Link("https://h.test/2", "", "", "Link", "next")]),
        (
            "link",
            """<c?a,b;c>; REL="canonical nofollow"; rel=next, </x>;rel=stylesheet ,, </de>;rel=alternate;hreflang=de;
            title="a \\"b\\", c" """,
            [
                Link("https://h.test/a/c?a,b;c", "", "", "Link", "canonical nofollow"),
                Link("https://h.test/de", 'a "b", c', "", "Link", "alternate", hreflang="de"),
            ],
        ),
        ("Link", "</1>; title*=UTF-8''%e2%82%ac; rel=prev", [Link("https://h.test/1", "€", "", "Link", "prev")]),
        ("Link", '</1>; x="<no>; rel=next, ', []),
        ("Link", "no, </1>; rel=next", []),
        ("Link", '</\udce9>; rel=next; title="\udce9"', [Link("https://h.test/%E9", "%E9", "", "Link", "next")]),
        ("Refresh", "0;url=/\udce9", [Link("https://h.test/%E9", "", "", "Refresh")]),
        ("Refresh", "5; url=r#s", [Link("https://h.test/a/r", "", "", "Refresh", fragment="s")]),
        ("Refresh", "5", []),
        ("Location", " /l ", [Link("https://h.test/l", "", "", "Location")]),
        ("Content-Location", "b.en", [Link("https://h.test/a/b.en", "", "", "Content-Location")]),
        ("Content-Location", "", []),
        ("X-Link", "</2>; rel=next", []),
    ],
)
def test_headers_name_links(name, value, expected):
    page = Document(b"<base href=/base/><a href=last>", URL, "text/html", [("Server", "x"), (name, value)])
    last = Link("https://h.test/base/last")
    assert links(page) == [*expected, last]
    assert urls(page) == [link.url for link in links(page)]


def test_other_relations_forms_and_citations_are_links_for_those_who_ask():
    page = Document(
        b"<head profile=1><link rel=Author href=2><link rel=next href=3></head><form action=4></form>"
        b"<form method=post action=no></form><form method=nonsense action=5></form><q cite=6>q</q>"
        b"<del cite=7></del><iframe src=8 longdesc=9></iframe><p cite=no></p>",
        "https://h.test/",
    )
    assert [link.url[-1] for link in links(page)] == ["3", "8"]
    everything = links(page, rels=("author",), forms=True, citations=True)
    assert [link.url[-1] for link in everything] == ["1", "2", "4", "5", "6", "7", "8", "9"]
    assert [(link.tag, link.attr) for link in everything][-3:] == [
        ("del", "cite"),
        ("iframe", "src"),
        ("iframe", "longdesc"),
    ]


@pytest.mark.parametrize("read", [links, urls])
def test_what_is_beyond_the_limit_is_left_out_and_said(read):
    page = Document(b"<a href=1><a href=2><a href=2#a><a href=mailto:x><a href=./1><a href=3>", URL)
    assert len(read(page, limit=3)) == 3
    assert page.cut == ""
    assert len(read(page, limit=2)) == 2
    assert page.cut.startswith("links: ")


MARKUP = (
    """<div id=d><a href=1>one</a><a href=1>two</a><area href=2></div><a data-url='open("3")' href=4>3</a><p src=5>"""
)


def taken(page, tags=("a", "area"), attrs=("href",), **options):
    return [(link.url[-1], link.text, link.attr) for link in chosen(page, tags, attrs, **options)]


def test_extractors_choose_by_tag_attribute_and_place():
    page = Document(MARKUP.encode(), URL)
    within = [("1", "one", "href"), ("1", "two", "href"), ("2", "", "href")]
    assert taken(page) == [*within, ("4", "3", "href")]
    assert taken(page, within=page.selector.css("#d")) == within
    assert taken(page, within=page.selector.xpath("//*[@id='d']")) == within
    assert taken(page, within=[]) == []
    assert taken(page, ("p",), ("src", "x:y")) == [("5", "", "src")]


def test_extractors_see_values_before_they_are_joined():
    page = Document(MARKUP.encode(), URL)
    found = taken(page, ("a",), ("data-url",), process=lambda value: value.partition('"')[2].partition('"')[0])
    assert found == [("3", "3", "data-url")]
    assert taken(page, process=lambda value: None) == []


def test_texts_within_each_other_are_not_taken_again_and_again():
    depth, text = 400, "x" * 100_000
    page = Document(("<svg>" + "".join(f"<a href={n}>" for n in range(depth)) + text).encode(), URL)
    found = links(page)
    assert (len(found), found[0].text) == (depth, text)
    assert sum(len(link.text) for link in found) < 4 * len(page.body)
    assert sum(len(link.text) for link in chosen(page, ["a"], ["href"])) < 4 * len(page.body)
