"""Crawls from the cache: a site that has not changed is not downloaded again, and a recorded one not even asked."""

import hashlib
import re

import pytest

import server
from acrawl.errors import EXIT_OK
from crawl.command import records
from crawl.site import LiveSite

SPIDER = """
from acrawl import Spider

class Words(Spider):
    name = "words"

    def __init__(self, url):
        super().__init__(url=url)
        self.start_urls = [url]

    def parse(self, response):
        yield {"url": response.url, "status": response.status, "title": response.css("title::text").get(),
               "type": response.headers["Content-Type"], "text": response.text}
        yield from response.follow_all(css="a", callback=self.parse)
        for image in response.images():
            yield response.download(image.url)
"""


def furnish(site: LiveSite, tag: str | None) -> None:
    more = {"etag": tag} if tag else {}
    images = "".join(f'<img src="/{n}.png">' for n in range(8))
    links = '<a href="/second">s</a><a href="/moved">m</a><a href="/gone">g</a><a href="/private/x">p</a>'
    site.add("/robots.txt", "User-agent: *\nDisallow: /private/", "text/plain", **more)
    site.add("/", f"<title>Home</title>{links}{images}", "text/html; charset=utf-8", **more)
    site.add("/second", "<title>Zw\xf6lf</title>".encode("latin-1"), "text/html; charset=latin-1", **more)
    site.add("/moved", "", status=301, location="/third", cache_control="max-age=600")
    site.add("/third", "<title>Third</title>", **more)
    for n in range(8):
        site.add(f"/{n}.png", server.png(n), "image/png", **more)


def contents(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and ".acrawl" not in path.parts and ".objects" not in path.parts
    }


@pytest.mark.process
def test_a_recrawl_of_an_image_site_downloads_nothing(acrawl, typed, tmp_path):
    with LiveSite() as site:
        furnish(site, '"1"')
        crawl = ["images", site.url(), "-o", "pictures", "-s", "cache.mode=http", "--workers", 2]
        first = acrawl(*crawl)
        assert first.code == EXIT_OK, first.err
        assert "from the cache" not in first.err
        before, sent = contents(tmp_path / "pictures"), site.sent
        assert len([name for name in before if name.endswith(".png")]) == 8
        site.sent = 0
        second = acrawl(*crawl, "--fresh")
        assert second.code == EXIT_OK, second.err
        missing = len(b"nothing here")
        assert sent > 8 * len(server.png(0))
        assert site.sent == missing, "only the page that is not there was sent again"
        assert site.unchanged == 12  # robots.txt, three pages and eight pictures
        assert re.search(r"from the cache +11 \(11 of them said to be unchanged", second.err)
        assert contents(tmp_path / "pictures").keys() == before.keys()
        assert {n: h for n, h in contents(tmp_path / "pictures").items() if n.endswith(".png")} == {
            n: h for n, h in before.items() if n.endswith(".png")
        }
        told = typed("why", site.url("/second"), "--job", "pictures/.acrawl").out
        assert "fetched(unchanged): its server says" in told


@pytest.mark.process
def test_what_was_recorded_is_replayed_without_a_network(acrawl, typed, tmp_path):
    (tmp_path / "words.py").write_text(SPIDER)
    with LiveSite() as site:
        furnish(site, None)
        url = site.url()
        crawl = ["run", "words.py", "-a", f"url={url}", "--files", "files", "--workers", 2, "--fresh"]
        recorded = acrawl(*crawl, "-o", "first.jsonl", "-s", "cache.mode=keep")
        assert recorded.code == EXIT_OK, recorded.err
    replayed = acrawl(*crawl, "-o", "second.jsonl", "-s", "cache.mode=replay")
    assert replayed.code == EXIT_OK, replayed.err
    first, second = ((tmp_path / name).read_bytes().splitlines() for name in ("first.jsonl", "second.jsonl"))
    assert sorted(second) == sorted(first)
    assert len(first) == 3 + 8
    assert re.search(r"from the cache +11\n", replayed.err)
    assert re.search(r"excluded +1 \(robots 1\)", replayed.err)
    assert {record["title"] for record in records(tmp_path / "second.jsonl") if "title" in record} == {
        "Home",
        "Zw\xf6lf",
        "Third",
    }
    lost = typed("why", f"{url}gone", "--job", "files/.acrawl").out
    assert "failed(http-404)" in lost
    assert "from the cache" in lost


@pytest.mark.process
def test_what_was_not_recorded_is_named(acrawl, tmp_path):
    (tmp_path / "words.py").write_text(SPIDER)
    (tmp_path / "empty").mkdir()
    replay = ["-s", "cache.mode=replay", "-s", "politeness.obey_robots=false", "--workers", 1]
    done = acrawl("run", "words.py", "-a", "url=http://nowhere.invalid/", *replay, "-s", "cache.folder=empty")
    assert done.code == EXIT_OK, done.err
    assert "failed" in done.err
    assert "not-cached 1" in done.err
