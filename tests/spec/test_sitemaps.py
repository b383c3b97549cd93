"""Sitemaps: the protocol's own examples, Google's for images, videos, news and languages, and what people write.

https://www.sitemaps.org/protocol.html, and https://developers.google.com/search/docs/crawling-indexing/sitemaps/
(image-sitemaps, video-sitemaps, news-sitemap) and .../specialty/international/localized-versions.
"""

import gzip
from datetime import UTC, datetime

import pytest

from acrawl.parse.sitemap import Alternate, Sitemap, SitemapEntry, SitemapImage, SitemapVideo

BASE = "https://www.example.com/sitemap.xml"
SCHEMA = "http://www.sitemaps.org/schemas/sitemap/0.9"
DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'


def read(document, content_type="application/xml", **more):
    body = document.encode() if isinstance(document, str) else document
    return list(Sitemap(body, BASE, content_type, **more))


def urls(document, content_type="application/xml"):
    return [entry.url for entry in read(document, content_type)]


def urlset(*entries, root="urlset"):
    return f'{DECLARATION}<{root} xmlns="{SCHEMA}">{"".join(entries)}</{root}>'


def url(loc, more=""):
    return f"<url><loc>{loc}</loc>{more}</url>"


def test_the_protocols_example_of_a_sitemap():
    document = urlset(
        url("http://www.example.com/", "<lastmod>2005-01-01</lastmod><changefreq>monthly</changefreq>"
            "<priority>0.8</priority>"),
        url("http://www.example.com/catalog?item=12&amp;desc=vacation_hawaii", "<changefreq>weekly</changefreq>"),
        url("http://www.example.com/catalog?item=74&amp;desc=vacation_newfoundland",
            "<lastmod>2004-12-23T18:00:15+00:00</lastmod><priority>0.3</priority>"),
    )  # fmt: skip
    first, second, third = read(document)
    assert first.url == "http://www.example.com/"
    assert (first.lastmod, first.changefreq, first.priority) == (datetime(2005, 1, 1, tzinfo=UTC), "monthly", 0.8)
    assert second.url == "http://www.example.com/catalog?item=12&desc=vacation_hawaii"
    assert (second.lastmod, second.changefreq, second.priority) == (None, "weekly", None)
    assert third.lastmod == datetime(2004, 12, 23, 18, 0, 15, tzinfo=UTC)


def test_the_protocols_example_of_an_index():
    document = urlset(
        "<sitemap><loc>http://www.example.com/sitemap1.xml.gz</loc><lastmod>2004-10-01T18:23:17+00:00</lastmod></sitemap>",
        "<sitemap><loc>http://www.example.com/sitemap2.xml.gz</loc><lastmod>2005-01-01</lastmod></sitemap>",
        root="sitemapindex",
    )
    index = Sitemap(document.encode(), BASE)
    assert index.kind == "sitemapindex"
    assert [(entry.url, entry.lastmod.year) for entry in index] == [
        ("http://www.example.com/sitemap1.xml.gz", 2004),
        ("http://www.example.com/sitemap2.xml.gz", 2005),
    ]


def test_the_protocols_example_of_a_text_file():
    document = "http://www.example.com/catalog?item=1\r\nhttp://www.example.com/catalog?item=11\n"
    sitemap = Sitemap(document.encode(), BASE, "text/plain")
    assert sitemap.kind == "text"
    assert [entry.url for entry in sitemap] == document.split()


def test_googles_example_of_images():
    images = "".join(
        f"<image:image><image:loc>https://example.com/{name}.jpg</image:loc></image:image>" for name in "ab"
    )
    (entry,) = read(urlset(url("https://example.com/sample1.html", images)))
    assert entry.url == "https://example.com/sample1.html"
    assert entry.images == [SitemapImage("https://example.com/a.jpg"), SitemapImage("https://example.com/b.jpg")]


def test_titles_and_captions_of_images_which_google_gave_up_in_2022():
    image = (
        "<image:image><image:loc>/a.jpg?x=1&amp;y=2</image:loc><image:caption>A &lt;cat&gt;</image:caption>"
        "<image:title>Cat</image:title><image:license>https://example.com/license</image:license></image:image>"
    )
    (entry,) = read(urlset(url("/a", image + "<lastmod>2024</lastmod>")))
    assert entry.images == [SitemapImage("https://www.example.com/a.jpg?x=1&y=2", "Cat", "A <cat>")]
    assert entry.lastmod is not None


def test_googles_example_of_a_video():
    video = (
        "<video:video><video:thumbnail_loc>https://www.example.com/thumbs/123.jpg</video:thumbnail_loc>"
        "<video:title>Grilling steaks for summer</video:title><video:description>Alkis</video:description>"
        "<video:content_loc>http://streamserver.example.com/video123.mp4</video:content_loc>"
        "<video:player_loc>https://www.example.com/videoplayer.php?video=123</video:player_loc>"
        "<video:uploader info='https://www.example.com/users/grillymcgrillerson'>GrillyMcGrillserson</video:uploader>"
        "<video:publication_date>2007-11-05T19:20:30+08:00</video:publication_date></video:video>"
    )
    (entry,) = read(urlset(url("https://www.example.com/videos/some_video_landing_page.html", video)))
    assert entry.videos == [
        SitemapVideo(
            "https://www.example.com/thumbs/123.jpg",
            "http://streamserver.example.com/video123.mp4",
            "https://www.example.com/videoplayer.php?video=123",
            "Grilling steaks for summer",
        )
    ]


def test_googles_example_of_news():
    news = (
        "<news:news><news:publication><news:name>The Example Times</news:name><news:language>en</news:language>"
        "</news:publication><news:publication_date>2008-12-23</news:publication_date>"
        "<news:title>Companies A, B in Merger Talks</news:title></news:news>"
    )
    (entry,) = read(urlset(url("http://www.example.org/business/article55.html", news)))
    assert entry.news == datetime(2008, 12, 23, tzinfo=UTC)


def test_googles_example_of_languages():
    links = "".join(
        f'<xhtml:link rel="alternate" hreflang="{language}" href="https://www.example.{top}/page.html"/>'
        for language, top in (("de", "de"), ("de-ch", "de"), ("en", "com"))
    )
    (entry,) = read(urlset(url("https://www.example.com/english/page.html", links)))
    assert entry.alternates == [
        Alternate("https://www.example.de/page.html", "de"),
        Alternate("https://www.example.de/page.html", "de-ch"),
        Alternate("https://www.example.com/page.html", "en"),
    ]
    assert entry["alternate"] == [alternate.url for alternate in entry.alternates]


def test_an_alternate_for_small_screens():
    link = "<xhtml:link rel='alternate' media='only screen and (max-width: 640px)' href='http://m.example.com/1'></xhtml:link>"
    (entry,) = read(urlset(url("/1", link)))
    assert entry.alternates == [Alternate("http://m.example.com/1", "", "only screen and (max-width: 640px)")]


RSS = (
    '<rss version="2.0"><channel><title>T</title><link>https://www.example.com/</link><image><url>/logo.png</url></image>'
    "<item><title>One</title><link>https://www.example.com/1?a=b&amp;c=d</link><pubDate>Wed, 01 May 2024 10:00:00 GMT"
    "</pubDate></item><item><link>/2</link></item></channel></rss>"
)
ATOM = (
    '<feed xmlns="http://www.w3.org/2005/Atom"><link href="/" rel="self"/><entry><link href="/1"/><link rel="edit" '
    'href="/edit"/><updated>2024-05-01T10:00:00Z</updated></entry></feed>'
)


def test_feeds_are_sitemaps():
    day = datetime(2024, 5, 1, 10, tzinfo=UTC)
    assert [(e.url, e.lastmod) for e in read(RSS)] == [
        ("https://www.example.com/1?a=b&c=d", day),
        ("https://www.example.com/2", None),
    ]
    assert [(e.url, e.lastmod) for e in read(ATOM)] == [("https://www.example.com/1", day)]


GOOD = urlset(url("https://a.test/1"), url("https://a.test/?a=1&amp;b=2"), url("https://a.test/3"))
FOUND = ["https://a.test/1", "https://a.test/?a=1&b=2", "https://a.test/3"]


@pytest.mark.parametrize(
    "document",
    [
        GOOD,
        GOOD.replace("&amp;", "&"),
        GOOD.replace("?a=1&amp;b=2", "<![CDATA[?a=1&b=2]]>"),
        GOOD.replace(f' xmlns="{SCHEMA}"', ""),
        GOOD.replace(SCHEMA, "http://www.google.com/schemas/sitemap/0.84"),
        GOOD.replace(f'xmlns="{SCHEMA}"', f"xmlns:sm='{SCHEMA}'").replace("<", "<sm:").replace("<sm:/", "</sm:")
        .replace("<sm:?", "<?"),
        GOOD.replace("<url", "<URL").replace("</url", "</Url").replace("loc>", "LOC>"),
        f"\n\n  {GOOD}",
        f"\ufeff{GOOD}",
        f"<br />\n<b>Warning</b>: session in /x.php on line <b>3</b><br />\n{GOOD}",
        GOOD.removeprefix(DECLARATION),
        f"{GOOD}<!-- generated in 0.1 s --></body>",
        GOOD.replace("<loc>", "<loc>\n\t "),
        GOOD.replace("</loc>", "\r\n </loc>"),
        GOOD.replace("</url>", "", 1),
        GOOD.replace("</loc>", "</Loc>"),
        GOOD.replace("</loc>", "</loc", 1),
        GOOD.replace("</url>", "<title>1 < 2</title></url>", 1),
        GOOD.replace("<loc>", "<!-- the first --><loc>", 1),
        GOOD.replace("</url>", "<lastmod>yesterday</lastmod><priority>high</priority></url>"),
        GOOD.replace("</url>", "\x0b</url>", 1),
        GOOD.replace("</url>", "<x>&nbsp;&undefined;</x></url>", 1),
        GOOD.replace("<url>", DECLARATION + "<url>", 1),
        GOOD.replace("<urlset", "<!DOCTYPE urlset [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><urlset"),
        GOOD.replace("<urlset", '<?xml-stylesheet type="text/xsl" href="/main-sitemap.xsl"?><urlset'),
        GOOD.replace("<loc>https://a.test/", "<loc>//a.test/"),
        GOOD.replace("</url>", "<loc>https://a.test/second</loc></url>", 1),
        GOOD.replace("<url>", "<url><loc></loc></url><url>", 1),
        GOOD.replace("<url>", "<url><loc>mailto:me@a.test</loc></url><url><loc>http://[</loc></url><url>", 1),
        "\n".join(["# ours", *FOUND, "", "not a url", "ftp://a.test/4"]),
        "\r".join(FOUND),
        "\ufeff" + "\n".join(FOUND),
    ],
)  # fmt: skip
def test_what_people_write_is_read_as_they_meant_it(document):
    assert urls(document) == FOUND


def test_http_and_https_may_be_mixed():
    assert urls(urlset(url("http://a.test/"), url("HTTPS://A.test/x"))) == ["http://a.test/", "https://a.test/x"]


@pytest.mark.parametrize("end", range(len(DECLARATION), len(GOOD)))
def test_a_file_that_is_cut_off_gives_what_is_whole(end):
    found = urls(GOOD[:end])
    assert found == FOUND[: len(found)]
    assert len(found) >= GOOD[:end].count("</url><url>")


@pytest.mark.parametrize(
    "document",
    [
        "",
        " \n",
        "<!DOCTYPE html><title>404</title><a href='https://a.test/'>home</a><url><loc>https://a.test/</loc></url>",
        "<html><body><urlset></urlset></body></html>",
        "<?xml version='1.0'?><!DOCTYPE html PUBLIC '-//W3C//DTD XHTML 1.0//EN'><html><p>https://a.test/</p></html>",
        "<svg xmlns='http://www.w3.org/2000/svg'/>",
        "<urlset>",
        urlset(),
        "not found",
        '{"error": "https://a.test/"}',
        "\x00\x01\x02",
        b"\x1f\x8b",
        b"\x1f\x8b\x08garbage",
    ],
)
def test_what_is_no_sitemap_gives_nothing(document):
    assert read(document) == []


BOMB = '<!DOCTYPE urlset [<!ENTITY a "https://a.test/">' + "".join(
    f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9)
)


def test_no_entity_is_expanded():
    (entry,) = read(f"{BOMB}]><urlset>{url('https://a.test/&j;')}</urlset>")
    assert entry.url == "https://a.test/&j;"


@pytest.mark.parametrize(
    ("codec", "declared", "content_type"),
    [
        ("utf-8", "UTF-8", ""),
        ("iso-8859-1", "ISO-8859-1", ""),
        ("iso-8859-1", "UTF-8", "application/xml; charset=iso-8859-1"),
        ("utf-16", "UTF-16", ""),
        ("utf-16-le", "UTF-16", ""),
        ("utf-16-be", "UTF-16", ""),
        ("utf-8-sig", "ISO-8859-1", ""),
        ("windows-1252", "windows-1252", ""),
    ],
)
def test_the_encoding(codec, declared, content_type):
    document = urlset(url("https://a.test/é")).replace("UTF-8", declared)
    assert urls(document.encode(codec), content_type) == ["https://a.test/%C3%A9"]


def test_bytes_that_do_not_decode_spoil_one_url_and_no_more():
    assert urls(GOOD.encode().replace(b"/1<", b"/\xff<")) == ["https://a.test/%EF%BF%BD", *FOUND[1:]]


def members(document, size=50):
    body = document.encode()
    return b"".join(gzip.compress(body[start : start + size]) for start in range(0, len(body), size))


@pytest.mark.parametrize(
    "body",
    [
        gzip.compress(GOOD.encode()),
        gzip.compress(gzip.compress(GOOD.encode())),
        members(GOOD),
        members(GOOD) + b"\0" * 1000,
        gzip.compress(GOOD.encode()) + b"rubbish",
        gzip.compress(GOOD.encode(), 0),
        gzip.compress("\n".join(FOUND).encode()),
    ],
)
@pytest.mark.parametrize("content_type", ["application/gzip", "application/octet-stream", "application/xml", ""])
def test_gzip_is_known_by_its_bytes(body, content_type):
    sitemap = Sitemap(body, BASE, content_type)
    assert [entry.url for entry in sitemap] == FOUND
    assert sitemap.cut == ""


def test_entries_are_read_as_scrapys_dicts_are():
    (entry,) = read(urlset(url("/a b", "<lastmod>2024-05-01</lastmod><priority>0.80</priority><x:rank>7</x:rank>")))
    assert isinstance(entry, SitemapEntry)
    assert (entry["loc"], entry["lastmod"], entry["priority"]) == (
        "https://www.example.com/a%20b",
        "2024-05-01",
        "0.80",
    )
    assert (entry.get("rank"), entry.get("changefreq"), entry.get("alternate", "-")) == ("7", None, "-")
    assert "lastmod" in entry
    assert "changefreq" not in entry
    with pytest.raises(KeyError):
        entry["changefreq"]
