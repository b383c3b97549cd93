"""Feeds as links: examples of each specification, and what people write."""

import itertools
import json
from datetime import UTC, datetime

import pytest

from acrawl.parse.feed import MAX_JSON, Enclosure, Feed, FeedEntry

URL = "https://a.test/blog/feed.xml"
DAY = datetime(2024, 5, 1, 10, tzinfo=UTC)


def read(document, content_type=""):
    return list(Feed(document.encode(), URL, content_type))


RSS_2 = """<?xml version="1.0"?>
<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom" xmlns:media="http://search.yahoo.com/mrss/">
<channel><title>Channel</title><link>https://a.test/</link><atom:link href="https://a.test/feed" rel="self"/>
<image><url>/logo.png</url><title>Logo</title><link>https://a.test/</link></image>
<item><title>Star &amp; City</title><link>https://a.test/1?x=1&amp;y=2</link>
<description>&lt;a href="/no"&gt;</description>
<pubDate>Wed, 01 May 2024 10:00:00 GMT</pubDate><guid isPermaLink="false">id-1</guid>
<media:title>not this</media:title><source url="https://b.test/feed"><title>B</title></source>
<enclosure url="http://a.test/1.mp3" length="12216320" type="audio/mpeg"/>
<media:content url="/1.jpg" fileSize="99" type="image/jpeg"/></item>
<item><title><![CDATA[Two  <b>bold</b>]]></title><guid>https://a.test/2</guid></item>
<item><title>nothing</title></item>
<item><enclosure url="/3.mp3"/></item>
</channel></rss>"""


def test_rss_2():
    feed = Feed(RSS_2.encode(), URL)
    assert feed.kind == "rss"
    sound = Enclosure("http://a.test/1.mp3", "audio/mpeg", 12216320)
    picture = Enclosure("https://a.test/1.jpg", "image/jpeg", 99)
    assert list(feed) == [
        FeedEntry("https://a.test/1?x=1&y=2", "Star & City", DAY, None, "id-1", [sound, picture]),
        FeedEntry("https://a.test/2", "Two <b>bold</b>", id="https://a.test/2"),
        FeedEntry("https://a.test/3.mp3", enclosures=[Enclosure("https://a.test/3.mp3")]),
    ]


RSS_1 = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/">
<channel rdf:about="https://a.test/feed"><title>C</title><link>https://a.test/</link><items><rdf:Seq>
<rdf:li resource="https://a.test/1"/></rdf:Seq></items></channel>
<item rdf:about="https://a.test/1"><title>One</title><link>https://a.test/1</link><dc:date>2024-05-01T10:00:00Z</dc:date></item>
<item rdf:about="https://a.test/2"><title>Two</title></item></rdf:RDF>"""


def test_rss_1():
    assert read(RSS_1) == [FeedEntry("https://a.test/1", "One", DAY), FeedEntry("https://a.test/2", "Two")]


def test_rss_0_91():
    document = "<rss version='0.91'><channel><item><title>One</title><link>/1</link></item></channel></rss>"
    assert read(document) == [FeedEntry("https://a.test/1", "One")]


ATOM = """<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xml:base="https://base.test/a/"><title>dive into mark</title>
<link rel="alternate" href="/"/><updated>2005-07-31T12:29:29Z</updated>
<entry><title type="html">Atom &lt;em&gt;draft&lt;/em&gt;</title>
<link rel="alternate" type="text/html" href="2005/04/02/atom"/>
<link rel="enclosure" type="audio/mpeg" length="1337" href="https://example.org/audio/ph34r.mp3"/>
<id>tag:example.org,2003:3.2397</id><updated>2024-05-01T12:00:00+02:00</updated><published>2024-05-01T10:00:00Z</published>
<author><name>Mark</name><uri>https://example.org/</uri></author>
<source><title>S</title><id>s</id><link href="/s"/></source>
<content type="xhtml" xml:base="http://diveintomark.org/"><div><a href="x">x</a></div></content></entry>
<entry><id>https://base.test/by-id</id></entry></feed>"""


@pytest.mark.parametrize("prefix", ["", "atom:"])
def test_atom(prefix):
    document = ATOM
    if prefix:
        for name in ("feed", "title", "link", "updated", "entry", "id", "published", "author", "source", "content"):
            document = document.replace(f"<{name}", f"<{prefix}{name}").replace(f"</{name}", f"</{prefix}{name}")
    feed = Feed(document.encode(), URL)
    assert feed.kind == "atom"
    sound = Enclosure("https://example.org/audio/ph34r.mp3", "audio/mpeg", 1337)
    first = "https://base.test/a/2005/04/02/atom"
    assert list(feed) == [
        FeedEntry(first, "Atom <em>draft</em>", DAY, DAY, "tag:example.org,2003:3.2397", [sound]),
        FeedEntry("https://base.test/by-id", id="https://base.test/by-id"),
    ]


JSON = {
    "version": "https://jsonfeed.org/version/1.1",
    "title": "My Example Feed",
    "items": [
        {"id": "2", "content_text": "no url"},
        {"id": "1", "url": "/1", "title": "One", "date_published": "2024-05-01T10:00:00Z",
         "attachments": [{"url": "1.mp3", "mime_type": "audio/mpeg", "size_in_bytes": 89970236}, {}, 3]},
        {"id": 7, "external_url": "https://b.test/", "title": 3, "date_modified": "2024-05-01T10:00:00Z"},
        "what",
    ],
}  # fmt: skip


def test_json_feed():
    feed = Feed(json.dumps(JSON).encode(), URL, "application/feed+json")
    assert feed.kind == "json"
    sound = Enclosure("https://a.test/blog/1.mp3", "audio/mpeg", 89970236)
    assert list(feed) == [
        FeedEntry("https://a.test/1", "One", DAY, None, "1", [sound]),
        FeedEntry("https://b.test/", "", None, DAY, "7"),
    ]


@pytest.mark.parametrize(
    "document",
    ["", "{", "{}", '{"items": 3}', "[]", "<!doctype html><rss><item><link>/1</link></item>", "<urlset/>", "hello"],
)
def test_what_is_no_feed_gives_nothing(document):
    assert read(document) == []


def test_a_feed_that_is_cut_off_gives_what_is_whole():
    for end in range(len(RSS_2)):
        found = read(RSS_2[:end])
        assert found == read(RSS_2)[: len(found)]


def test_json_that_is_too_long_is_left_out_and_it_says_so():
    feed = Feed(itertools.chain([b'{"items": ['], itertools.repeat(b" " * 65536, MAX_JSON // 65536)), URL)
    assert list(feed) == []
    assert "characters of JSON" in feed.cut
