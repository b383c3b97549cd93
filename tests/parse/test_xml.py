"""XML and JSON documents: recognised, decoded, selected from as with Scrapy's XmlResponse, and bounded."""

import json
import pathlib
import time

import msgspec
import parsel
import pytest
from multidict import CIMultiDict

from acrawl.response import Response

FEED = """<?xml version="1.0"?><rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>T</title>
<item><title>One</title><link>http://h.test/1</link><dc:creator>A</dc:creator><pubDate>x</pubDate></item>
<item><title>Two &amp; more</title><link>http://h.test/2</link><description><![CDATA[<b>bold</b>]]></description></item>
</channel></rss>"""
ATOM = '<feed xmlns="http://www.w3.org/2005/Atom"><entry><title>E</title><link href="/e"/></entry></feed>'
DC = {"d": "http://purl.org/dc/elements/1.1/"}


def answer(body, content_type="application/xml"):
    body = body.encode() if isinstance(body, str) else body
    headers = CIMultiDict({"Content-Type": content_type} if content_type else {})
    return Response("https://h.test/a", body=body, headers=headers)


def test_a_feed_is_selected_from_as_xml():
    feed = answer(FEED, "application/rss+xml; charset=utf-8")
    assert feed.xpath("//item/title/text()").getall() == ["One", "Two & more"]
    assert feed.xpath("//item/link/text()").getall() == ["http://h.test/1", "http://h.test/2"]
    assert feed.css("item > link::text").getall() == ["http://h.test/1", "http://h.test/2"]
    assert feed.css("pubDate::text").get() == "x"
    assert feed.css("pubdate") == []
    assert feed.xpath("//description/text()").get() == "<b>bold</b>"
    assert feed.selector.type == feed.css("title::text")[0].type == "xml"
    assert answer(ATOM).xpath("/*/*/*")[1].get() == '<link xmlns="http://www.w3.org/2005/Atom" href="/e"/>'


def test_namespaces_are_given_registered_or_removed():
    feed = answer(FEED)
    assert feed.xpath("//d:creator/text()", namespaces=DC).get() == "A"
    with pytest.raises(ValueError, match="not a valid xpath query"):
        feed.xpath("//d:creator")
    feed.selector.register_namespace("d", DC["d"])
    assert feed.xpath("//item").xpath("d:creator/text()").getall() == ["A"]
    atom = answer(ATOM, "application/atom+xml")
    assert atom.xpath("//entry") == []
    atom.selector.remove_namespaces()
    assert atom.xpath("//entry/link/@href").getall() == atom.css("link::attr(href)").getall() == ["/e"]


@pytest.mark.parametrize(
    ("content_type", "body", "kind"),
    [
        ("application/xml", "<a/>", "xml"),
        ("text/xml; charset=utf-8", "<html xmlns='http://www.w3.org/1999/xhtml'/>", "xml"),
        ("Application/Atom+XML", ATOM, "xml"),
        ("image/svg+xml", "<svg/>", "xml"),
        ("application/xhtml+xml", "<?xml version='1.0'?><html/>", "html"),
        ("text/html", FEED, "html"),
        ("", FEED, "xml"),
        ("text/plain", "\ufeff" + FEED, "xml"),
        ("application/octet-stream", FEED.encode("utf-16"), "xml"),
        ("", FEED.encode("utf-16-be"), "xml"),
        ("", "<?xml version='1.0'?>\n<!DOCTYPE html PUBLIC 'x' 'y'><p>", "html"),
        ("", "<a/>", "html"),
        ("", "", "html"),
        ("application/json", "{}", "json"),
        ("application/ld+json", "nonsense", "json"),
        ("", ' {"a": [1]}', "json"),
        ("text/plain", "[1, 2", "html"),
        ("text/html", '{"a": 1}', "html"),
        ("image/png", "<?xml version='1.0'?>", "html"),
    ],
)
def test_what_a_document_is(content_type, body, kind):
    page = answer(body, content_type)
    assert page.document.type == kind
    assert page.selector.type == kind


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ('<?xml version="1.0" encoding="windows-1251"?><a>Привет</a>'.encode("windows-1251"), "text/xml"),
        ('<?xml version="1.0" encoding="utf-8"?><a>Привет</a>'.encode("koi8-r"), "text/xml; charset=koi8-r"),
        ("\ufeff<?xml version='1.0' encoding='ascii'?><a>Привет</a>".encode("utf-16-le"), "text/xml; charset=koi8-r"),
        ("<?xml version='1.0'?><a>Привет</a>".encode("utf-16-be"), "application/xml"),
        ("\n <?xml version='1.0' encoding='KOI8-R'?><a>Привет</a>".encode("koi8-r"), "application/xml"),
        ("<a>Привет</a>".encode(), "application/xml"),
        ("<a>Привет<b><![CDATA[<meta charset=koi8-r>]]></b></a>".encode(), "application/xml"),
    ],
)
def test_the_encoding_of_xml(body, content_type):
    assert answer(body, content_type).xpath("/a/text()").get() == "Привет"


def test_broken_xml_gives_what_is_well_formed():
    assert answer("<a><b>1</b><c>2</a>").xpath("//b/text()").get() == "1"
    for nothing in (b"", b"\0", b"no markup", b"<", b"<?xml version='1.0'?>"):
        assert answer(nothing).css("a").getall() == []


def test_entities_are_not_read_from_outside(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("secret")
    for where in (secret.as_uri(), "http://127.0.0.1:9/"):
        page = answer(
            f"<!DOCTYPE a [<!ENTITY e SYSTEM '{where}'><!ENTITY % p SYSTEM '{where}'> %p;]><a x='1'>&e;<b/></a>"
        )
        assert "secret" not in page.selector.get()
        assert len(page.xpath("//b")) == 1
    assert "secret" in secret.read_text()


@pytest.mark.parametrize("use", ["<r>&e9;</r>", "<r x='&e9;'/>"])
def test_a_billion_laughs_are_not_laughed(use):
    laughs = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 10))
    page = answer(f'<!DOCTYPE r [<!ENTITY e0 "{"ha" * 10}">{laughs}]>{use}')
    assert len(page.selector.get()) < 1_000_000
    assert len(page.xpath("string()").get()) < 1_000_000


def test_deep_and_long_xml_is_cut():
    began = time.process_time()
    assert len(answer(b"<a>" * 100_000).xpath("//a")) < 300
    assert len(answer(b"<r>" + b"<i>x</i>" * 100_000 + b"</r>").xpath("//i")) == 100_000
    answer(b"<r " + b"a=1 " * 50_000 + b"/>").xpath("//i")
    assert time.process_time() - began < 30


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ('{"a": "é"}', "application/json"),
        ('\ufeff{"a": "é"}', "application/json"),
        ('{"a": "é"}'.encode("utf-16"), ""),
        ('{"a": "é"}'.encode("utf-16-le"), "application/json"),
        ('{"a": "é"}'.encode("utf-16-be"), "application/json; charset=utf-16be"),
        ('{"a": "é"}'.encode("utf-32"), "application/json"),
        ('{"a": "é"}'.encode("utf-32-be"), "application/json"),
        ('{"a": "é"}'.encode("latin-1"), "application/json; charset=iso-8859-1"),
        ('{"a": "é"}'.encode("latin-1"), "application/json"),
    ],
)
def test_json_in_any_encoding(body, content_type):
    page = answer(body, content_type)
    assert page.json() == {"a": "é"}
    assert page.jmespath("a").get() == "é"


def test_json_as_servers_write_it():
    assert answer('[NaN, Infinity, "\\ud800"]').json()[1:] == [float("inf"), "\ud800"]
    for broken in ("", "{", "nothing", "[" * 100_000, "{'a': 1}", b"\xff\xfe"):
        with pytest.raises(msgspec.DecodeError, match=r"https://h\.test/a: the body is not JSON"):
            answer(broken).json()
        assert answer(broken, "application/json").jmespath("a").getall() == []


def test_jmespath_selects_from_json_wherever_it_is():
    data = {"items": [{"name": "a", "price": 1.5, "tags": ["x", "y"]}, {"name": "b", "html": "<i>z</i>"}]}
    page = answer(json.dumps(data), "application/json")
    assert page.jmespath("items[*].name").getall() == ["a", "b"]
    assert page.jmespath("items[0]").jmespath("price").get() == 1.5
    assert page.jmespath("items[].tags[]").getall() == ["x", "y"]
    assert page.jmespath("items[1].html").css("i::text").get() == "z"
    assert page.jmespath("items[0].name").re_first("(.)") == "a"
    with pytest.raises(ValueError, match="not a valid jmespath query"):
        page.jmespath("items[")
    with pytest.raises(ValueError, match="'a'"):
        page.css("a")
    script = answer(f"<script type=application/json>{json.dumps(data)}</script><p>x", "text/html")
    assert script.css("script").jmespath("items[*].name").getall() == ["a", "b"]
    assert script.css("script::text").jmespath("items[0].price").get() == 1.5
    assert script.xpath("//script").jmespath("items[0].price").get() == 1.5
    assert script.css("p").jmespath("a") == script.jmespath("a") == []


def test_an_xml_document_is_selected_from_as_parsel_does():
    theirs = parsel.Selector(text=FEED, type="xml")
    ours = answer(FEED).selector
    for query in ("item", "item title::text", "rss::attr(version)", "item:nth-child(2) > link", "channel > *"):
        assert ours.css(query).getall() == theirs.css(query).getall()
    for query in ("//*[local-name()='creator']", "//title/text()", "count(//item)", "//@version", "//item[2]/*"):
        assert ours.xpath(query).getall() == theirs.xpath(query).getall()


def test_links_and_images_are_still_those_of_the_markup():
    page = answer('<svg xmlns="http://www.w3.org/2000/svg"><a href="x"/><image href="y.png"/></svg>', "image/svg+xml")
    assert [link.url for link in page.links()] == ["https://h.test/x"]
    assert [image.url for image in page.images()] == ["https://h.test/y.png"]
    assert pathlib.PurePosixPath(page.url).name == "a"
