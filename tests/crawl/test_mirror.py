"""``acrawl mirror``: the copy of an odd site, opened in a browser when its servers are gone."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
import http.server
import os
import pathlib
import signal
import threading
from collections.abc import Iterator

import pytest
import pytest_asyncio

import server
from acrawl.errors import EXIT_INTERRUPTED, EXIT_OK
from acrawl.spiders.mirror import DEEPEST_PART
from browser import browser
from crawl.command import Command, Done, until
from crawl.odd import HOME, PAGES, furnish
from crawl.site import LiveSite, woods

MORE = ("--workers", 2, "-s", "fetch.allow_private=true")
#: What a visitor sees of a page: text, pictures, and what styles and scripts made of it.
LOOK = """(async () => {
    await Promise.all([...document.images].map(image => image.complete || new Promise(done => {
        image.onload = image.onerror = done })));
    const frames = [...document.querySelectorAll('iframe')].length, style = getComputedStyle(document.body);
    return JSON.stringify([document.title, document.body.innerText, document.compatMode, frames,
        [...document.images].map(image => [image.naturalWidth, image.naturalHeight]), style.color,
        style.backgroundImage.length > 4, document.documentElement.dataset.ran || '',
        [...document.styleSheets].length])
})()"""


def mirror(folder: pathlib.Path, *arguments: object) -> Done:
    command = Command("mirror", *arguments, "-o", "copy", *MORE, cwd=folder)
    try:
        done = command.end()
    finally:
        command.close()
    assert done.code == EXIT_OK, done.err
    return done


def tree(folder: pathlib.Path) -> dict[str, str]:
    """The readable files of a copy and their digests."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and not {".objects", ".acrawl"} & set(path.parts)
    }


@pytest.fixture(scope="module")
def copied(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[str, str, pathlib.Path, dict[str, pathlib.Path]]:
    """Origin, the other origin, the copy, and its file of each page. The servers are gone."""
    folder = tmp_path_factory.mktemp("odd")
    with LiveSite() as home, LiveSite() as other:
        furnish(home, other)
        mirror(folder, home.url())
        origin, far = home.origin, other.origin
    return origin, far, folder / "copy", files(folder / "copy", origin)


def files(copy: pathlib.Path, origin: str) -> dict[str, pathlib.Path]:
    host = copy / origin.partition("//")[2].replace(":", "+")
    names = {"/": "index.html", "/docs": "docs.html", "/docs/": "docs/index.html", "/latin": "latin.html"}
    names |= {"/wide": "wide.html", "/based/deep/": "based/deep/index.html", "/svg": "svg.html", "/new": "new.html"}
    names |= {"/a%20b/c%23d%3F.html": "a b/c#d_.html", "/x/y.html": "x-2/y.html", "/untyped": "untyped.html"}
    names |= {"/Case": "Case.html", "/case": "case-2.html"}
    found = {page: host / name for page, name in names.items()}
    for n in (1, 2):
        found[f"/list?page={n}"] = next(path for path in host.glob("list-*.html") if f"list {n}" in path.read_text())
    assert set(found) == set(PAGES)
    return found


def test_every_page_has_a_name_that_a_browser_opens(copied):
    *_, pages = copied
    assert [page for page, path in pages.items() if not path.is_file()] == []


def test_references_lead_to_files_or_to_the_origin(copied):
    origin, far, copy, pages = copied
    text = pages["/"].read_text()
    assert "<a href=\"docs.html\">docs</a><a href='docs/index.html'>docs/</a>" in text
    assert f'<a href="{pages["/list?page=2"].name}?page=2#end">2</a>' in text
    assert '<a href="new.html#part">old</a>' in text
    assert f'<a href="{origin}/gone">gone</a><a href="mailto:a@b.example">mail</a><a href="#top">top</a>' in text
    assert f'<a href="{far}/page">elsewhere</a><form action="{origin}/search">' in text
    assert f'<link rel="canonical" href="{origin}/">' in text
    assert 'src="pics/1.png" srcset="pics/2.png 2x, pics/comma%2C3.png 3x"' in text
    assert '<a href="x">x</a><a href="x-2/y.html">y</a>' in text
    assert 'data-src="pics/lazy.png"' in text
    assert "<a href='/never'>never</a>" in text
    assert '<!-- <img src="/never.png"> -->' in text
    assert '<base href="">' in pages["/based/deep/"].read_text()
    assert '<a href="../../docs/index.html#a">there</a>' in pages["/based/deep/"].read_text()
    assert tree(copy).keys() >= {"index.html"}


def test_the_bytes_that_came_are_kept_beside_the_copy(copied):
    copy = copied[2]
    objects = {path.name: path for path in (copy / ".objects").glob("?/*")}
    assert all(hashlib.sha256(path.read_bytes()).hexdigest() == name for name, path in objects.items())
    sent = {path.read_bytes() for path in objects.values()}
    assert server.png(1) in sent
    assert "<!doctype html><title>Привет</title><p>Привет</p><a href='/'>home</a>".encode("cp1251") in sent
    assert any(b"integrity=" in data and HOME.encode()[:40] in data for data in sent)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def served(copied) -> Iterator[str]:
    """The copy, served as files; its URL."""
    handler = functools.partial(Quiet, directory=str(copied[2]))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as site:
        thread = threading.Thread(target=site.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{site.server_address[1]}"
        site.shutdown()
        thread.join()


@pytest_asyncio.fixture
async def page():
    async with browser() as page:
        yield page


async def looks(page, urls: dict[str, str]) -> dict[str, str]:
    found = {}
    for name, url in urls.items():
        await page.open(url)
        found[name] = await page.evaluate(LOOK)
        assert page.console == [], f"{url}: {page.console}"
    return found


@pytest.mark.browser
@pytest.mark.asyncio
async def test_a_browser_shows_the_copy_as_the_original_without_its_servers(page, tmp_path):
    with LiveSite() as home, LiveSite() as other:
        furnish(home, other)
        mirror(tmp_path, home.url())
        before = await looks(page, {path: home.url(path) for path in PAGES if path != "/latin"})
        pages = files(tmp_path / "copy", home.origin)
    del pages["/latin"]
    assert await looks(page, {path: file.as_uri() for path, file in pages.items()}) == before
    assert '"yes"' in before["/"]


@pytest.mark.browser
@pytest.mark.asyncio
async def test_the_copy_can_be_served_and_walked(page, served, copied):
    _, _, copy, pages = copied
    await looks(
        page, {path: f"{served}/{file.relative_to(copy)}" for path, file in pages.items() if "#" not in str(file)}
    )
    await page.open(f"{served}/index.html")
    await arrives(page, "Home")
    for link, title in (("latin", "Привет"), ("index", "Home"), ("moved", "new")):
        await page.evaluate(f"document.querySelector('a[href*={link}]').click()")
        await arrives(page, title)


async def arrives(page, title: str) -> None:
    """Wait until the browser shows the page of this title."""
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(AssertionError):  # it is on its way
                if await page.evaluate("document.readyState == 'complete' && document.title") == title:
                    return


def test_files_of_the_users_stay_and_nothing_is_written_through_links(tmp_path):
    with LiveSite() as home:
        woods(home, 3)
        host = tmp_path / "copy" / home.origin.partition("//")[2].replace(":", "+")
        host.mkdir(parents=True)
        (host / "index.html").write_text("mine")
        (tmp_path / "copy" / "index.html").write_text("mine, too")
        (tmp_path / "outside").mkdir()
        (host / "page").symlink_to(tmp_path / "outside")
        mirror(tmp_path, home.url())
    assert (host / "index.html").read_text() == "mine"
    assert (tmp_path / "copy" / "index.html").read_text() == "mine, too"
    assert list((tmp_path / "outside").iterdir()) == []
    assert '<a href="page-2/1.html">' in (host / "index-2.html").read_text()
    assert '<a href="../index-2.html">' in (host / "page-2" / "1.html").read_text()


def test_a_site_that_is_crawled_anew_keeps_its_names(tmp_path):
    with LiveSite() as home:
        woods(home, 5)
        home.picture("/a.png", 1)
        home.page("/page/1", ["/"], "<img src=/a.png>")
        mirror(tmp_path, home.url())
        before = tree(tmp_path / "copy")
        mirror(tmp_path, home.url(), "--fresh")
        assert tree(tmp_path / "copy") == before
        home.picture("/a.png", 2)
        home.page("/page/1", ["/", "/page/2"], "<img src=/a.png>new")
        mirror(tmp_path, home.url(), "--fresh")
        after = tree(tmp_path / "copy")
    assert after.keys() == before.keys()
    changed = {name.partition("/")[2] for name in after if after[name] != before[name]}
    assert changed == {"a.png", "page/1.html"}


def test_a_page_is_copied_though_the_one_that_shared_its_file_is_gone(tmp_path):
    with LiveSite() as site:
        for path, body in {
            "/": "<a href=/a/>1</a><a href=/a/index.html>2</a>",
            "/a/": "same",
            "/a/index.html": "same",
        }.items():
            site.add(path, body)
        mirror(tmp_path, site.url("/"))
        (page,) = (tmp_path / "copy").rglob("a/index.html")
        page.unlink()
        site.add("/", "<a href=/a/index.html>2</a>")
        mirror(tmp_path, site.url("/"), "--fresh")
        assert page.read_text() == "same"


def test_depth_and_requisites_can_be_limited(tmp_path):
    with LiveSite() as home:
        home.page("/", ["/one"], '<link rel=stylesheet href="/s.css"><iframe src=/frame></iframe>')
        home.add("/s.css", "a { b: url(/p.png) }", "text/css")
        home.picture("/p.png", 1)
        home.page("/frame", ["/two"])
        home.page("/one", ["/two"])
        home.page("/two")
        mirror(tmp_path, home.url(), "--depth", 0)
        assert set(home.hits) == {"/", "/s.css", "/p.png", "/frame"}
        home.log.clear()
        mirror(tmp_path, home.url(), "--depth", 1, "--no-requisites", "--fresh")
        assert set(home.hits) == {"/", "/one"}


def test_the_host_of_a_part_cannot_keep_the_crawl_going(tmp_path):
    with LiveSite() as home, LiveSite() as other:
        home.page("/", text=f'<link rel=stylesheet href="{other.url("/0.css")}">')
        for n in range(40):
            other.add(f"/{n}.css", f'@import "{n + 1}.css"', "text/css")
        mirror(tmp_path, home.url())
        assert other.hits.keys() == {f"/{n}.css" for n in range(DEEPEST_PART)}


def test_a_crawl_that_is_killed_and_run_again_gives_the_same_copy(tmp_path):
    with LiveSite() as home, LiveSite() as other:
        furnish(home, other)
        mirror(tmp_path, home.url())
        whole = tree(tmp_path / "copy")
        again = tmp_path / "again"
        again.mkdir()
        for enough in (4, 15, 30):
            home.log.clear()
            home.delay = 0.05
            command = Command("mirror", home.url(), "-o", "copy", *MORE, "-s", "politeness.delay=0.02", cwd=again)
            until(lambda: len(home.log) >= enough or not command.alive)  # noqa: B023
            command.kill()
            command.close()
        mirror(again, home.url(), "--resume")
        assert tree(again / "copy") == whole


def test_workers_that_send_their_files_read_them_too(tmp_path, start):
    with LiveSite() as home, LiveSite() as other:
        furnish(home, other)
        mirror(tmp_path, home.url())
        whole = tree(tmp_path / "copy")
        apart = tmp_path / "apart"
        apart.mkdir()
        job = ("--workers", 0, "--listen", "127.0.0.1:0", "--job", "job", *MORE[2:])
        master = start("mirror", home.url(), "-o", "copy", *job, cwd=apart)
        until((apart / "job" / "join.json").exists)
        work = ("work", "--join", "job/join.json", "--send-files", "acrawl.spiders.mirror:Mirror")
        worker = start(*work, cwd=apart, env={"TMPDIR": str(tmp_path)})
        assert master.end().code == EXIT_OK
        assert worker.end().code == EXIT_OK
        assert tree(apart / "copy") == whole


def test_references_lead_to_a_page_in_whatever_spelling_it_was_saved(tmp_path):
    with LiveSite() as home:
        alias = home.origin.replace("127.0.0.1", "localhost")
        spellings = ["/docs/", "/docs", "/docs/?utm_source=x", f"{alias}/docs/", "/%7Eme", "/~me", "/old?utm_y=1"]
        home.page("/", ["/docs/?utm_campaign=first", "/old?utm_x=1", *spellings])
        home.page("/docs/?utm_campaign=first", ["/?utm_source=docs", f"{alias}/"])
        home.page("/%7Eme")
        home.add("/old?utm_x=1", "", status=302, location=f"{alias}/docs")
        hosts = [origin.partition("//")[2] for origin in (alias, home.origin)]
        mirror(
            tmp_path, home.url(), "-s", "urls.drop_params=utm_*", "-s", "urls.fold_slash=true",
            "-s", f'urls.host_aliases={{"{hosts[0]}" = "{hosts[1]}"}}',
        )  # fmt: skip
        host = tmp_path / "copy" / hosts[1].replace(":", "+")
    pages = {path.relative_to(host).as_posix(): path.read_text() for path in host.rglob("*.html")}
    assert len(pages) == 3
    for text in pages.values():
        assert 'href="http' not in text
    (docs,) = [name for name in pages if name.startswith("docs/")]
    assert pages["index.html"].count(f'href="{docs}') == 7
    assert pages[docs].count('href="../index.html') == 2


def test_a_copy_of_an_endless_calendar_ends(tmp_path):
    class Endless(LiveSite):
        async def _answer(self, request):
            day = request.path.partition("/day/")[2]
            if day:
                year, month, number = map(int, day.split("-"))
                after = year * 336 + (month - 1) * 28 + number
                path = f"/day/{after // 336}-{after % 336 // 28 + 1:02}-{after % 28 + 1:02}"
                self.page(request.path, [path], text="<p>There are no events on this day.</p>")
            return await super()._answer(request)

    with Endless() as home:
        home.page("/", ["/day/2020-01-01", "/about"])
        home.page("/about", text="<p>About us, at some length</p>")
        at_once = ("-s", "worker.report_count=1", "-s", "frontier.commit_seconds=0.001")
        done = mirror(tmp_path, home.url(), "-s", "traps.calendar=30", *at_once)
        assert "[traps] settings" in done.err
        assert 30 < len(home.log) < 100
        copy = tmp_path / "copy" / home.origin.partition("//")[2].replace(":", "+")
        assert (copy / "about.html").is_file()


@pytest.mark.parametrize("presses", [1, 2])
def test_ctrl_c_while_the_copy_is_made_lets_it_be_finished_and_twice_ends_at_once(live, start, tmp_path, presses):
    live.page("/")
    index = tmp_path / "copy" / "index.html"
    index.parent.mkdir()
    os.mkfifo(index)  # whoever looks whose it is has to wait
    command = start("mirror", live.url("/"), "-o", "copy", *MORE)
    writer = os.open(index, os.O_WRONLY)  # returns when it is being looked at
    command.kill(signal.SIGINT)
    command.says("once more to stop at once")
    if presses == 2:
        command.kill(signal.SIGINT)
        done = command.end()
        os.close(writer)
    else:
        os.close(writer)
        done = command.end()
    assert done.code == (EXIT_OK, EXIT_INTERRUPTED)[presses - 1]
    assert "Traceback" not in done.err
