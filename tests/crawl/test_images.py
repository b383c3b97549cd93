"""``acrawl images`` on a small site with a second one beside it."""

from __future__ import annotations

import collections
import hashlib
import pathlib
from collections.abc import Iterator

import pytest

import server
from acrawl.errors import EXIT_OK
from acrawl.spiders.images import DEEPEST_SHEET
from crawl.command import Command, Done, records
from crawl.site import LiveSite


def furnish(home: LiveSite, other: LiveSite) -> None:
    home.add(
        "/",
        '<title>Home</title><link rel="stylesheet" href="/style/main.css"><img src="/a.png" alt="the letter A">'
        '<a href="/second">second</a><a href="/pages/third?x=1">third</a><img src="/html-not-image.png">'
        '<a href="/linked.png">a big one</a><a href="/notes.pdf">notes</a>'
        f'<img src="{other.origin}/far.png" alt="far">',
    )
    home.add("/second", '<img src="a.png" alt="A again"><img srcset="/b.png 1x, /b2.png 2x"><a href="/">home</a>')
    home.add("/pages/third?x=1", '<img src="../same-as-a.png"><div style="background: url(/inline.png)"></div>')
    home.add("/style/main.css", '@import "more.css"; body { background: url("../css.png") }', "text/css")
    home.add("/style/more.css", "@import url(main.css); p { background: url(imported.png) }", "text/css")
    # Named as an image, but a page: it is read like one.
    home.add("/html-not-image.png", '<img src="/behind.png" alt="behind the page">')
    other.add("/", '<img src="/never.png">')
    for n, path in enumerate(("/a.png", "/b.png", "/b2.png", "/inline.png", "/css.png", "/style/imported.png")):
        home.picture(path, n)
    home.picture("/same-as-a.png", 0)
    home.picture("/behind.png", 20)
    home.add("/linked.png", server.png(21), "application/octet-stream")
    other.picture("/far.png", 30)


#: Path and number of every image at home.
HOME = {
    "/a.png": 0, "/same-as-a.png": 0, "/b.png": 1, "/b2.png": 2, "/inline.png": 3, "/css.png": 4,
    "/style/imported.png": 5, "/behind.png": 20, "/linked.png": 21,
}  # fmt: skip


def crawl(folder: pathlib.Path, *arguments: object) -> Done:
    command = Command("images", *arguments, "-o", "pictures", "--workers", 2, cwd=folder)
    try:
        return command.end()
    finally:
        command.close()


@pytest.fixture(scope="module")
def sites() -> Iterator[tuple[LiveSite, LiveSite]]:
    with LiveSite() as home, LiveSite() as other:
        furnish(home, other)
        yield home, other


@pytest.fixture(scope="module")
def anywhere(sites, tmp_path_factory):
    """The crawl that takes images from any host: (site, other site, folder, what it said)."""
    home, other = sites
    folder = tmp_path_factory.mktemp("any")
    done = crawl(folder, home.url(), "-s", "fetch.allow_private=true")
    assert done.code == EXIT_OK, done.err
    return home, other, folder / "pictures", done


def test_every_image_is_listed_once_with_where_it_was_found(anywhere):
    home, other, folder, _ = anywhere
    listed = {record["url"]: record for record in records(folder / "images.jsonl")}
    assert len(listed) == len(records(folder / "images.jsonl"))
    digests = {home.url(path): hashlib.sha256(server.png(n)).hexdigest() for path, n in HOME.items()}
    digests[other.url("/far.png")] = hashlib.sha256(server.png(30)).hexdigest()
    assert {url: record["sha256"] for url, record in listed.items()} == digests
    first = listed[home.url("/a.png")]
    assert (first["type"], first["width"], first["height"], first["bytes"]) == ("image/png", 4, 3, len(server.png(0)))


def test_an_image_knows_every_page_that_names_it(anywhere):
    home, _, folder, _ = anywhere
    listed = {record["url"]: record for record in records(folder / "images.jsonl")}
    pages = {(page["page"], page["alt"]) for page in listed[home.url("/a.png")]["pages"]}
    assert pages == {(home.url("/"), "the letter A"), (home.url("/second"), "A again")}
    assert [page["page"] for page in listed[home.url("/css.png")]["pages"]] == [home.url("/style/main.css")]
    assert [page["page"] for page in listed[home.url("/style/imported.png")]["pages"]] == [home.url("/style/more.css")]


def test_the_bytes_lie_where_the_list_says_and_once_each(anywhere):
    _, _, folder, _ = anywhere
    for record in records(folder / "images.jsonl"):
        data = (folder / record["path"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == record["sha256"]
    bodies = [path for path in folder.rglob("*.png") if path.is_file() and ".acrawl" not in path.parts]
    inodes = collections.Counter(path.stat().st_ino for path in bodies)
    contents = {path.stat().st_ino: path.read_bytes() for path in bodies}
    assert len(contents) == len(set(contents.values())) == len(set(HOME.values())) + 1, inodes


def test_a_page_in_place_of_an_image_is_read_and_not_listed(anywhere):
    home, _, folder, _ = anywhere
    urls = {record["url"] for record in records(folder / "images.jsonl")}
    assert home.url("/html-not-image.png") not in urls
    assert home.url("/behind.png") in urls


def test_the_gallery_is_there(anywhere):
    _, _, folder, _ = anywhere
    assert "<html" in (folder / "index.html").read_text()


def test_nothing_is_fetched_twice_and_documents_not_at_all(anywhere):
    home, other, _, _ = anywhere
    assert home.repeated == other.repeated == {}
    assert "/notes.pdf" not in home.hits
    assert set(other.hits) == {"/far.png"}


def test_another_host_is_left_alone_with_hosts_same(tmp_path):
    with LiveSite() as home, LiveSite() as other:
        furnish(home, other)
        done = crawl(tmp_path, home.url(), "--hosts", "same", "-s", "fetch.allow_private=true")
        assert done.code == EXIT_OK, done.err
        assert not other.log
        urls = {record["url"] for record in records(tmp_path / "pictures" / "images.jsonl")}
        assert urls == {home.url(path) for path in HOME}
        assert "offsite 1" in done.err


def test_a_private_address_that_no_seed_names_is_not_asked(tmp_path):
    with LiveSite() as home, LiveSite() as other:
        furnish(home, other)
        done = crawl(tmp_path, home.url(), "-s", "retry.times=0")
        assert done.code == EXIT_OK, done.err
        assert not other.log
        assert "blocked 1" in done.err


def test_two_seeds_are_two_sites(tmp_path):
    with LiveSite() as home, LiveSite() as other:
        furnish(home, other)
        other.picture("/never.png", 99)
        done = crawl(tmp_path, home.url(), other.url())
        assert done.code == EXIT_OK, done.err
        urls = {record["url"] for record in records(tmp_path / "pictures" / "images.jsonl")}
        assert urls == {home.url(path) for path in HOME} | {other.url("/far.png"), other.url("/never.png")}


def test_a_dead_seed_ends_the_crawl_with_nothing_and_0(tmp_path, refused_url):
    done = crawl(tmp_path, refused_url, "-s", "retry.times=0")
    assert done.code == EXIT_OK, done.err
    assert records(tmp_path / "pictures" / "images.jsonl") == []


def test_the_host_of_a_stylesheet_cannot_keep_the_crawl_going(live, acrawl):
    with LiveSite() as other:
        live.page("/", text=f'<link rel=stylesheet href="{other.url("/0.css")}">')
        for n in range(40):
            other.add(f"/{n}.css", f'@import "{n + 1}.css"; a {{ b: url(page.html) }}', "text/css")
        other.page("/page.html", text='<img src="/never.png">')
        done = acrawl("images", live.url(), "-o", "pictures", "--workers", 1, "-s", "fetch.allow_private=true")
        assert done.code == EXIT_OK, done.err
        assert other.hits.keys() == {f"/{n}.css" for n in range(DEEPEST_SHEET)} | {"/page.html"}
