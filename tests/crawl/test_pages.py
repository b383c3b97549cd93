"""``acrawl pages``: every page of a site as Markdown, each distinct text once."""

from __future__ import annotations

import hashlib
import re

import pytest

from acrawl.errors import EXIT_ENVIRONMENT, EXIT_OK
from crawl.command import gone, records, until
from crawl.site import LiveSite, woods

NAVIGATION = '<nav><a href="/">home</a><a href="/list/">list</a></nav>'


def furnish(site: LiveSite) -> None:
    site.add(
        "/",
        '<html lang="en"><title>A "title":\n of two lines</title><meta name="description" content="What it is">'
        f'{NAVIGATION}<main><h1>Home</h1><p>See <a href="list/">the list</a>.</p></main>'
        '<a href="/twin?a=1">one</a><a href="/twin?a=2">two</a><a href="/manual.pdf">no page</a><img src="/i.png">'
        '<a href="/data.json">data</a><a href="/hidden">hidden</a><a href="/gone">gone</a><a href="/.htaccess">dot</a>',
    )
    site.add("/list/", f"<title>List</title>{NAVIGATION}<main><ul><li>a<li>b</ul></main>")
    for n in (1, 2):
        site.add(f"/twin?a={n}", f"<title>Twin {n}</title><main><p>The same text.</p></main>")
    site.add("/data.json", "{}", "application/json")
    site.add("/hidden", '<meta name="robots" content="noindex"><main>Not for robots.</main>')
    site.add("/.htaccess", "<main>A name that hides.</main>")


def texts(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*.md")}


@pytest.fixture
def crawled(live, acrawl, tmp_path):
    furnish(live)
    done = acrawl("pages", live.url(), "-o", "texts", "--workers", 2)
    assert done.code == EXIT_OK, done.err
    return tmp_path / "texts"


def test_each_page_becomes_a_file_with_what_is_known_above_its_text(crawled, live):
    host = live.origin.partition("://")[2].replace(":", "+")
    head, text = re.fullmatch(
        r"---\n(.*?)\n---\n\n(.*)\n", (crawled / host / "index.md").read_text(), re.DOTALL
    ).groups()
    assert text == f"# Home\n\nSee [the list]({live.url('/list/')})."
    *known, fetched = head.splitlines()
    assert known == [
        f'url: "{live.url()}"', 'title: "A \\"title\\": of two lines"', 'lang: "en"', 'description: "What it is"'
    ]  # fmt: skip
    assert re.fullmatch(r"fetched: \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", fetched)


def test_every_page_is_listed_and_equal_texts_are_one_file(crawled, live):
    listed = {record["url"]: record for record in records(crawled / "pages.jsonl")}
    assert listed.keys() == {live.url(path) for path in ("/", "/list/", "/twin?a=1", "/twin?a=2", "/.htaccess")}
    twins = [listed[live.url(f"/twin?a={n}")] for n in (1, 2)]
    assert twins[0]["file"] == twins[1]["file"]
    assert [twin["title"] for twin in twins] == ["Twin 1", "Twin 2"]
    assert texts(crawled) == {record["file"] for record in listed.values()}
    home = listed[live.url()]
    assert (home["lang"], home["description"], home["status"], home["links"]) == ("en", "What it is", 200, 9)
    text = f"# Home\n\nSee [the list]({live.url('/list/')})."
    assert (home["sha256"], home["length"]) == (hashlib.sha256(text.encode()).hexdigest(), len(text))


def test_what_no_listed_file_needs_is_not_kept(crawled):
    kept = {path.stat().st_ino for path in (crawled / ".objects").rglob("*") if path.is_file() and len(path.name) == 64}
    assert kept == {path.stat().st_ino for path in crawled.rglob("*.md") if path.is_file()}


def test_the_whole_page_has_its_navigation(live, acrawl, tmp_path):
    furnish(live)
    done = acrawl("pages", live.url("/list/"), "-o", "texts", "--whole", "--scope", "path", "--workers", 1)
    assert done.code == EXIT_OK, done.err
    (record,) = records(tmp_path / "texts" / "pages.jsonl")
    assert f"[home]({live.url()})" in (tmp_path / "texts" / record["file"]).read_text()


@pytest.mark.process
def test_a_killed_crawl_goes_on_and_has_every_page_once(live, start, acrawl, tmp_path):
    paths = woods(live, 60)
    live.delay = 0.1
    command = ("pages", live.url(), "-o", "texts", "--workers", 2)
    for requests in (10, 40):
        master = start(*command)
        live.wait_for(requests)
        workers = master.children()
        master.kill()
        master.end(10)
        until(lambda pids=workers: all(gone(pid) for pid in pids))
    done = acrawl(*command)
    assert done.code == EXIT_OK, done.err
    listed = records(tmp_path / "texts" / "pages.jsonl")
    assert sorted(record["url"] for record in listed) == sorted(map(live.url, paths))
    assert texts(tmp_path / "texts") == {record["file"] for record in listed}
    assert len({record["file"] for record in listed}) == len(paths)


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_file_in_place_of_the_folder_is_told_in_one_line(place, acrawl, tmp_path):
    (tmp_path / "file").write_text("in the way\n")
    done = acrawl("pages", "http://127.0.0.1:1/", "-o", place)
    assert done.code == EXIT_ENVIRONMENT
    assert "file" in done.complaint


def test_a_missing_package_is_told_with_the_command_that_brings_it(acrawl, tmp_path):
    (tmp_path / "markdownify.py").write_text("raise ImportError\n")
    done = acrawl("pages", "http://127.0.0.1:1/", "-o", "texts", env={"PYTHONPATH": str(tmp_path)})
    assert done.code == EXIT_ENVIRONMENT
    assert "pip install 'acrawl[markdown]'" in done.complaint
    assert not (tmp_path / "texts").exists()


def test_a_page_that_is_read_in_part_says_so(live, acrawl, tmp_path):
    live.page("/", ["/long"], text="<p>Short.")
    live.add("/long", "<p>Beginning</p>" + "<a href=/>home</a>" * 200 + "<p>End</p>")
    done = acrawl("pages", live.url(), "-o", "texts", "--workers", 1, "-s", "parse.max_links=100")
    assert done.code == EXIT_OK, done.err
    told = {
        line["url"].removeprefix(live.origin): line.get("cut", "") for line in records(tmp_path / "texts/pages.jsonl")
    }
    assert told["/"] == ""
    assert told["/long"].startswith("links: more than 100 at byte ")
