"""Whole crawls that begin at sitemaps: in virtual time, and as processes."""

import gzip
import logging
import pathlib
import re
import runpy
from datetime import UTC, datetime
from typing import ClassVar

import msgspec
import pytest

from acrawl import SitemapSpider, Spider
from acrawl.errors import EXIT_OK, SpiderError
from acrawl.settings import Settings
from acrawl.spider import Source
from acrawl.spiders.images import Images
from acrawl.spiders.mirror import Mirror
from acrawl.spiders.sitemap import MAX_LEVEL, PLACES, Sitemaps
from acrawl.testing import Answer, Pages, crawl
from crawl.command import records

HOST = "https://a.test"


def xml(body, content_type="application/xml", **more):
    return Answer(body.encode() if isinstance(body, str) else body, content_type=content_type, **more)


def urlset(*urls, more=""):
    return xml("<urlset>" + "".join(f"<url><loc>{url}</loc>{more}</url>" for url in urls) + "</urlset>")


def index(*urls, more=""):
    inner = "".join(f"<sitemap><loc>{url}</loc>{more}</sitemap>" for url in urls)
    return xml(f"<sitemapindex>{inner}</sitemapindex>")


def robots(*lines):
    return xml("\n".join(lines), "text/plain")


def site(pages, *, found=("/1", "/2", "/3", "/other/1")):
    """A site with the pages that its sitemaps name, and no links between them."""
    return Pages(
        {f"{HOST}{path}": "<p>a page</p>" for path in found} | {f"{HOST}{p}": body for p, body in pages.items()}
    )


class Listed(SitemapSpider):
    start_urls = (f"{HOST}/any/where?x=1",)

    def parse(self, response):
        yield {"path": response.url.removeprefix(HOST)}


def paths(done, name="path"):
    return sorted(item[name] for item in done.items)


def warnings(caplog):
    return [record.getMessage() for record in caplog.records if record.name == "acrawl.spiders.sitemap"]


def test_sitemaps_that_robots_txt_names_are_read_wherever_they_lie():
    pages = {
        "/robots.txt": robots(f"Sitemap: {HOST}/deep/map.xml", "Sitemap: http://cdn.test/a.xml", "Sitemap: /r.txt"),
        "/deep/map.xml": urlset("/1"),
        "/r.txt": xml(f"{HOST}/3\n", "text/plain"),
        "/sitemap.xml": urlset("/other/1"),
    }
    web = site(pages)
    cdn = Pages({"http://cdn.test/a.xml": urlset(f"{HOST}/2", "http://cdn.test/not-ours")})

    class Both:
        def answer(self, url, attempt=1, at=0.0):
            return (web if url.startswith(HOST) else cdn).answer(url, attempt, at)

        def varies(self, url):
            return False

    done = crawl(Listed, Both())
    assert paths(done) == ["/1", "/2", "/3"]
    assert "excluded(offsite)" in done.counts.reasons
    assert f"{HOST}/sitemap.xml" not in done.ended
    assert done.audit.problems == []


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("without", [None, robots("User-agent: *", "Disallow: /private")])
def test_without_any_in_robots_txt_the_usual_places_are_tried_until_one_is_there(place, without):
    body = (
        f"{HOST}/1\n{HOST}/2\n"
        if place.endswith(".txt")
        else "<urlset><url><loc>/1</loc></url><url><loc>/2</loc></url>"
    )
    answer = xml(gzip.compress(body.encode()) if place.endswith(".gz") else body, "application/octet-stream")
    pages = {place: answer} | ({"/robots.txt": without} if without else {})
    done = crawl(Listed, site(pages))
    assert paths(done) == ["/1", "/2"]
    asked = [hit.path for hit in done.hits if hit.path in PLACES]
    assert asked == list(PLACES[: PLACES.index(place) + 1])


def test_a_page_in_place_of_a_sitemap_is_passed_over():
    found = "<!doctype html><title>Sorry</title><a href=/3>home</a>"
    done = crawl(Listed, site({"/sitemap.xml": found, "/sitemap_index.xml": urlset("/1")}))
    assert paths(done) == ["/1"]


def test_a_host_without_sitemaps_is_one_warning(caplog):
    done = crawl(Listed, site({}))
    assert done.items == []
    assert done.counts.failed == 1 + len(PLACES)
    assert [f"{HOST}: no sitemap" in text for text in warnings(caplog)] == [True]


def test_a_broken_and_a_missing_sitemap_are_one_warning_each_and_the_crawl_goes_on(caplog):
    class Named(Listed):
        sitemap_urls: ClassVar = [f"{HOST}/{name}.xml" for name in ("missing", "html", "cut", "good")]

    broken = gzip.compress(urlset("/1", *(f"/x{n * 7919 % 10007}" for n in range(200))).body)[:-300]
    pages = {"/html.xml": "<!doctype html><p>no", "/cut.xml": xml(broken), "/good.xml": urlset("/2")}
    done = crawl(Named, site(pages))
    assert paths(done) == ["/1", "/2"]
    assert done.ended[f"{HOST}/missing.xml"] == "failed(http-404)"
    assert done.ended[f"{HOST}/html.xml"] == "fetched"
    told = warnings(caplog)
    assert len(told) == 3
    assert any("missing.xml could not be had: http-404" in text for text in told)
    assert any("html.xml is no sitemap" in text for text in told)
    assert any("cut.xml: the rest was left out: the gzip data are cut off" in text for text in told)


def test_many_broken_sitemaps_do_not_fill_the_log(caplog):
    caplog.set_level(logging.INFO, "acrawl.spiders.sitemap")
    pages = {"/sitemap.xml": index(*(f"/missing{n}.xml" for n in range(40)))}
    crawl(Listed, site(pages))
    levels = [record.levelno for record in caplog.records if record.name == "acrawl.spiders.sitemap"]
    assert levels.count(logging.WARNING) == 21
    assert levels.count(logging.INFO) == 20


def test_rules_choose_the_callback_and_what_fits_none_is_passed_over():
    class Ruled(SitemapSpider):
        sitemap_urls = (f"{HOST}/robots.txt",)
        sitemap_rules = ((r"/other/", "parse_other"), (r"/[12]$", "parse"))

        def parse(self, response):
            yield {"plain": response.url.removeprefix(HOST)}

        def parse_other(self, response):
            yield {"other": response.url.removeprefix(HOST)}

    pages = {"/robots.txt": robots("Sitemap: /map.xml"), "/map.xml": urlset("/1", "/2", "/3", "/other/1")}
    done = crawl(Ruled, site(pages))
    assert sorted(map(str, done.items)) == ["{'other': '/other/1'}", "{'plain': '/1'}", "{'plain': '/2'}"]
    assert f"{HOST}/3" not in done.ended


def test_a_rule_may_name_the_method_itself():
    class Ruled(Listed):
        def __init__(self):
            self.sitemap_rules = [("", self.parse_one)]
            super().__init__()

        def parse_one(self, response):
            yield {"path": "one"}

    assert paths(crawl(Ruled, site({"/sitemap.xml": urlset("/1")}))) == ["one"]


def test_indexes_are_followed_where_they_may_be():
    class Followed(Listed):
        sitemap_follow = ("/maps/",)

    pages = {
        "/sitemap.xml": index("/maps/1.xml", "/others/2.xml", "/sitemap.xml", "http://b.test/maps/3.xml"),
        "/maps/1.xml": index("/maps/1a.xml", "/maps/1.xml"),
        "/maps/1a.xml": urlset("/1"),
        "/others/2.xml": urlset("/2"),
    }
    done = crawl(Followed, site(pages))
    assert paths(done) == ["/1"]
    assert done.counts.reasons["excluded(offsite)"] == 1


def test_indexes_end_at_some_depth(caplog):
    pages = {"/sitemap.xml": index("/0.xml")}
    pages |= {f"/{n}.xml": index(f"/{n + 1}.xml") for n in range(20)}
    done = crawl(Listed, site(pages))
    assert f"{HOST}/{MAX_LEVEL - 1}.xml" in done.ended
    assert f"{HOST}/{MAX_LEVEL}.xml" not in done.ended
    assert ["levels deep" in text for text in warnings(caplog)] == [True]


def test_sitemaps_are_no_steps_from_the_seed():
    pages = {"/sitemap.xml": index("/0.xml"), "/0.xml": index("/00.xml"), "/00.xml": urlset("/1")}
    assert paths(crawl(Listed, site(pages), {"scope.max_depth": 1})) == ["/1"]


def test_scrapys_filter_works_unchanged():
    class Filtered(Listed):
        def sitemap_filter(self, entries):
            for entry in entries:
                if "lastmod" not in entry or datetime.strptime(entry["lastmod"], "%Y-%m-%d").year >= 2005:
                    yield entry

    pages = {
        "/sitemap.xml": index("/a.xml", "/b.xml"),
        "/a.xml": urlset("/1", "/2", more="<lastmod>2005-01-01</lastmod>"),
        "/b.xml": urlset("/3", more="<lastmod>2004-01-01</lastmod>"),
    }
    assert paths(crawl(Filtered, site(pages))) == ["/1", "/2"]


def test_a_filter_may_give_dicts():
    class Filtered(Listed):
        def sitemap_filter(self, entries):
            return [{"loc": f"{HOST}/2"} for _ in entries]

    assert paths(crawl(Filtered, site({"/sitemap.xml": urlset("/1")}))) == ["/2"]


@pytest.mark.parametrize(
    ("since", "found"),
    [
        ("2024-05-01", ["/1", "/2", "/3"]),
        ("2024-05-02", ["/2", "/3"]),
        ("2024-05-02T12:00", ["/2", "/3"]),
        ("2024-05-02T12:00:01+00:00", ["/2"]),
        ("2024-05-03", []),
        ("", ["/1", "/2", "/3", "/other/1"]),
    ],
)
def test_since_takes_what_has_changed(since, found):
    pages = {
        "/sitemap.xml": index("/old.xml", more="<lastmod>2023-01-01</lastmod>"),
        "/robots.txt": robots("Sitemap: /sitemap.xml", "Sitemap: /index.xml"),
        "/index.xml": index("/map.xml"),
        "/old.xml": urlset("/other/1", more="<lastmod>2023-01-01</lastmod>"),
        "/map.xml": xml(
            "<urlset><url><loc>/1</loc><lastmod>2024-05-01</lastmod></url>"
            "<url><loc>/2</loc><lastmod>2024-05-02</lastmod></url>"
            "<url><loc>/3</loc><lastmod>2024-05-02T12:00:00Z</lastmod></url></urlset>"
        ),
    }
    done = crawl(Listed, site(pages), arguments={"since": since})
    assert paths(done) == found
    assert (f"{HOST}/old.xml" in done.ended) == (since == "")


def test_since_may_be_a_time():
    class Recent(Listed):
        since = datetime(2024, 5, 2, tzinfo=UTC)

    pages = {"/sitemap.xml": urlset("/1", more="<lastmod>2024-05-01</lastmod>")}
    assert crawl(Recent, site(pages)).items == []


def test_alternates_and_priorities_count_where_they_are_asked_for():
    link = "<xhtml:link rel='alternate' hreflang='de' href='/2'/>"
    body = (
        f"<urlset><url><loc>/1</loc>{link}<priority>0.1</priority></url>"
        "<url><loc>/3</loc><priority>1.0</priority></url><url><loc>/other/1</loc></url></urlset>"
    )

    class Asked(Listed):
        sitemap_alternate_links = True
        sitemap_priority = True
        custom_settings: ClassVar = {"politeness.concurrency": 1}

    order = [hit.path for hit in crawl(Asked, site({"/sitemap.xml": xml(body)})).hits]
    assert [path for path in order if not path.endswith((".xml", ".txt"))] == ["/3", "/other/1", "/1", "/2"]
    assert paths(crawl(Listed, site({"/sitemap.xml": xml(body)}))) == ["/1", "/3", "/other/1"]


def test_robots_txt_holds_for_sitemaps_and_their_pages():
    pages = {
        "/robots.txt": robots("User-agent: *", "Disallow: /no", "Sitemap: /no/map.xml", "Sitemap: /map.xml"),
        "/map.xml": urlset("/1", "/no/page"),
    }
    done = crawl(Listed, site(pages))
    assert paths(done) == ["/1"]
    assert done.ended[f"{HOST}/no/map.xml"] == done.ended[f"{HOST}/no/page"] == "excluded(robots)"


def test_a_sitemap_may_be_longer_than_a_page():
    pages = {"/sitemap.xml": urlset("/1", more=" " * 5000), "/1": "x" * 5000}
    done = crawl(Listed, site(pages), {"fetch.max_body": 4000, "fetch.spill": 1000})
    assert done.ended[f"{HOST}/sitemap.xml"] == "fetched"
    assert done.ended[f"{HOST}/1"] == "failed(too-large)"


def test_a_feed_is_a_sitemap():
    feed = "<rss><channel><item><link>/1</link></item><item><link>/2</link></item></channel></rss>"

    class Fed(Listed):
        sitemap_urls = (f"{HOST}/feed",)

    assert paths(crawl(Fed, site({"/feed": xml(feed, "application/rss+xml")}))) == ["/1", "/2"]


def test_a_spider_may_read_sitemaps_beside_its_pages():
    class Mixed(Sitemaps, Spider):
        start_urls = (f"{HOST}/docs/",)
        custom_settings: ClassVar = {"scope.within": "path"}

        def parse(self, response):
            yield {"path": response.url.removeprefix(HOST)}
            if response.request.depth == 0:
                yield from self.sitemap_requests([response.url])

        def from_sitemap(self, entry, response):
            yield response.follow(entry.url)

    found = ("/docs/", "/docs/1", "/elsewhere")
    done = crawl(Mixed, site({"/sitemap.xml": urlset("/docs/1", "/elsewhere")}, found=found))
    assert paths(done) == ["/docs/", "/docs/1"]


def test_the_manual_says_what_is_so(tmp_path):
    manual = pathlib.Path(__file__).parent.parent.parent / "docs" / "sitemaps.md"
    blocks = re.findall(r"^```python\n(.*?)^```", manual.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) > 3
    for number, block in enumerate(blocks):
        path = tmp_path / f"block{number}.py"
        path.write_text(block)
        runpy.run_path(str(path), run_name="__main__")


@pytest.mark.parametrize(
    ("arguments", "rules", "text"),
    [
        ({"since": "yesterday"}, (), "since='yesterday' is no date: write 2024-05-01"),
        ({}, (("(", "parse"),), "is no regular expression"),
        ({}, (("/x/", "parse_x"),), "sitemap_rules name 'parse_x', and Wrong has no such method"),
    ],
)
def test_a_mistake_is_told_before_anything_begins(tmp_path, arguments, rules, text):
    path = tmp_path / "wrong.py"
    path.write_text(f"from acrawl import SitemapSpider\n\nclass Wrong(SitemapSpider):\n    sitemap_rules = {rules!r}\n")
    with pytest.raises(SpiderError, match=text):
        Source(str(path)).make(arguments, Settings())


SPIDER = """
from acrawl import SitemapSpider


class Listed(SitemapSpider):
    sitemap_rules = [("/page/[0-9]$", "parse_page")]

    def parse_page(self, response):
        yield {"url": response.url}
"""


@pytest.mark.process
def test_long_sitemaps_by_processes(live, acrawl, tmp_path):
    # Given one in a temporary file, longer than a page may be, and another that comes packed
    live.add("/robots.txt", f"Sitemap: {live.url('/index.xml')}", "text/plain")
    live.add("/index.xml", "<sitemapindex><sitemap><loc>/0.xml</loc></sitemap><sitemap><loc>/1.xml.gz</loc></sitemap>")
    listed = [[live.url(f"/page/{2 * n + odd}") for n in range(25_000)] for odd in (0, 1)]
    plain, packed = ("".join(f"<url><loc>{url}</loc></url>\n" for url in urls).encode() for urls in listed)
    live.add("/0.xml", b"<urlset>" + plain, "application/xml")
    live.add("/1.xml.gz", gzip.compress(b"<urlset>" + packed), "application/octet-stream")
    for n in range(10):
        live.page(f"/page/{n}")
    (tmp_path / "listed.py").write_text(SPIDER)
    most = 1_100_000
    assert len(plain) > most
    # When
    start = f"start_urls={live.url('/')}"
    done = acrawl("run", "listed.py", "-a", start, "-o", "items.jsonl", "--workers", 2, "-s", f"fetch.max_body={most}")
    # Then
    assert done.code == EXIT_OK, done.err
    assert {record["url"] for record in records(tmp_path / "items.jsonl")} == {
        live.url(f"/page/{n}") for n in range(10)
    }
    assert live.repeated == {}


@pytest.mark.process
def test_images_with_sitemaps(live, acrawl, tmp_path):
    live.page("/", ["/linked"])
    live.page("/linked")
    live.page("/hidden", text='<img src="/on-hidden.png" alt="hidden">')
    image = "<image:image><image:loc>/only-named.png</image:loc><image:title>A title</image:title></image:image>"
    live.add("/sitemap.xml", f"<urlset><url><loc>/hidden</loc>{image}</url></urlset>", "application/xml")
    live.picture("/on-hidden.png", 1)
    live.picture("/only-named.png", 2)
    done = acrawl("images", live.url("/"), "-o", "without", "--workers", 1)
    assert done.code == EXIT_OK, done.err
    assert records(tmp_path / "without" / "images.jsonl") == []
    assert "/sitemap.xml" not in live.hits
    done = acrawl("images", live.url("/"), "-o", "with", "--workers", 1, "--sitemaps")
    assert done.code == EXIT_OK, done.err
    found = {record["url"]: record["pages"] for record in records(tmp_path / "with" / "images.jsonl")}
    assert set(found) == {live.url("/on-hidden.png"), live.url("/only-named.png")}
    (page,) = found[live.url("/only-named.png")]
    assert (page["page"], page["alt"]) == (live.url("/hidden"), "A title")


@pytest.fixture
def orphaned(live):
    """A site whose sitemap alone names two pages: one that is there, and one that is not."""
    live.page("/", ["/linked"])
    live.page("/linked", text="<main>Linked</main>")
    live.page("/orphan", ["/below"], text="<main>Nothing links here</main>")
    live.page("/below", text="<main>Below the orphan</main>")
    live.add("/sitemap.xml", "<urlset><url><loc>/orphan</loc></url><url><loc>/dead</loc></url></urlset>", "text/xml")
    return live


@pytest.mark.process
def test_texts_of_pages_that_only_a_sitemap_names(orphaned, acrawl, tmp_path):
    for folder, options in (("without", ()), ("with", ("--sitemaps",))):
        done = acrawl("pages", orphaned.url("/"), "-o", folder, "--workers", 1, *options)
        assert done.code == EXIT_OK, done.err
    without, found = (
        {record["url"].removeprefix(orphaned.origin) for record in records(tmp_path / folder / "pages.jsonl")}
        for folder in ("without", "with")
    )
    assert without == {"/", "/linked"}
    assert found == {"/", "/linked", "/orphan", "/below"}


@pytest.mark.process
def test_a_copy_of_pages_that_only_a_sitemap_names(orphaned, acrawl, tmp_path):
    copied = {}
    for folder, *options in (["without"], ["at-once", "--sitemaps", "--depth", 0], ["with", "--sitemaps"]):
        done = acrawl("mirror", orphaned.url("/"), "-o", folder, "--workers", 1, *options)
        assert done.code == EXIT_OK, done.err
        host = tmp_path / folder / orphaned.origin.partition("//")[2].replace(":", "+")
        copied[folder] = {path.name for path in host.iterdir()}
    assert copied["without"] == {"index.html", "linked.html"}
    assert copied["at-once"] == {"index.html"}
    assert copied["with"] == {"index.html", "linked.html", "orphan.html", "below.html"}


@pytest.mark.process
def test_links_that_only_a_sitemap_names(orphaned, acrawl, tmp_path):
    done = acrawl("links", orphaned.url("/"), "--workers", 1)
    assert done.out == "0 broken, 0 moved, 2 checked\n"
    orphaned.add("/robots.txt", f"Sitemap: {orphaned.url('/sitemap.xml')}", "text/plain")
    done = acrawl("links", orphaned.url("/"), "-o", "found.jsonl", "--workers", 1, "--sitemaps", "--fresh")
    assert done.code == EXIT_OK, done.err
    (dead,) = records(tmp_path / "found.jsonl")
    assert (dead["kind"], dead["url"], dead["page"], dead["source"]) == (
        "broken", orphaned.url("/dead"), orphaned.url("/sitemap.xml"), "sitemap",
    )  # fmt: skip
    assert orphaned.hits["/below"] == 1


@pytest.mark.process
def test_a_site_without_sitemaps_has_no_broken_links_for_that(live, acrawl):
    live.page("/")
    done = acrawl("links", live.url("/"), "--workers", 1, "--sitemaps", "--fail")
    assert done.code == EXIT_OK, done.err
    assert done.out.startswith("0 broken, 0 moved, ")
    assert "/sitemap.xml" in live.hits


@pytest.mark.parametrize("spider", [Images, Mirror])
def test_a_sitemap_that_asks_to_follow_nothing_gives_no_files_either(spider):
    pages = {"/": "<p>a page", "/sitemap.xml": urlset("/1")}
    for sitemap, found in (({}, True), ({"headers": {"X-Robots-Tag": "nofollow"}}, False)):
        web = site(pages | {"/sitemap.xml": msgspec.structs.replace(urlset("/1"), **sitemap)})
        done = crawl(spider, web, arguments={"urls": f"{HOST}/", "sitemaps": "yes"})
        assert done.ended[f"{HOST}/sitemap.xml"] == "fetched"
        assert (f"{HOST}/1" in done.ended) == found
