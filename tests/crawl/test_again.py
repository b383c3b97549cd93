"""Visits of a site that changes: what is fetched again, what is called back for, and what is told of it."""

from __future__ import annotations

import json
import pathlib
import re

import pytest

import server
from acrawl.errors import EXIT_OK, EXIT_USAGE
from crawl.changing import ChangingSite
from crawl.command import records

SPIDER = """
from acrawl import Request, Spider

class Visits(Spider):
    name = "visits"

    def __init__(self, url):
        super().__init__(url=url)
        self.start_urls = [url]

    def start(self):
        for url in self.start_urls:
            yield Request(url, dont_filter=True)

    def parse(self, response):
        yield {"url": response.url, "title": response.css("title::text").get()}
        yield from response.follow_all()
"""
OLD, NEW, FUTURE = (f"{day}, 21 Oct {year} 07:28:00 GMT" for day, year in (("Mon", 2024), ("Tue", 2025), ("Sun", 2096)))
#: Of each page its server's habits; whether it changes, by the second visit, is in the name.
PAGES = {
    "/strong-same": {"etag": '"1"'},
    "/strong-changed": {"etag": '"1"'},
    "/weak-same": {"etag": 'W/"1"'},
    "/dated-same": {"modified": OLD},
    "/dated-changed": {"modified": OLD},
    "/bare-same": {},
    "/bare-changed": {},
    "/future-same": {"modified": FUTURE},
    "/no-date-same": {"modified": "yesterday"},
    "/ignores-same": {"etag": '"1"', "modified": OLD, "habit": "ignores"},
    "/never-same": {"etag": '"1"', "habit": "never"},
    "/other-changed": {"etag": '"1"', "habit": "other"},
    "/fails-same": {"etag": '"1"', "habit": "fails"},
    "/varies-changed": {"modified": OLD, "headers": {"Vary": "Cookie"}, "habit": "obeys"},
    "/gone-removed": {"etag": '"1"'},
    "/trouble-failed": {"etag": '"1"'},
}


def page(title: str, links: list[str] | tuple[str, ...] = ()) -> str:
    return f"<title>{title}</title>" + "".join(f'<a href="{link}">{link}</a>' for link in links)


def furnish(site: ChangingSite) -> None:
    site.put("/robots.txt", "User-agent: *\nDisallow: /private/", type="text/plain")
    site.put("/", page("home", [*PAGES, "/moved-same", "/moved-changed", "/left-same", "/private/x"]), etag='"1"')
    for path, more in PAGES.items():
        site.put(path, page(path), **more)
    site.put("/left-same", page("nobody links to it later"), etag='"1"')
    site.put("/moved-same", "", status=301, headers={"Location": "/strong-same"})
    site.put("/moved-changed", "", status=301, headers={"Location": "/bare-same"})


def change(site: ChangingSite) -> None:
    """What happens between the first visit and the second."""
    home = page("home", [*PAGES, "/moved-same", "/moved-changed", "/new-added"])
    site.put("/", home, etag='"2"')
    for path, more in PAGES.items():
        if path.endswith("-changed"):
            tag = '"2"' if more.get("etag") else ""
            modified = NEW if path == "/dated-changed" else more.get("modified", "")
            site.put(path, page(f"{path} anew"), **{**more, "etag": tag, "modified": modified})
    site.put("/gone-removed", page("gone"), status=410)
    site.put("/trouble-failed", page("trouble"), status=500)
    site.put("/moved-changed", "", status=301, headers={"Location": "/strong-same"})
    site.put("/new-added", page("new"), etag='"1"')


def told(acrawl, site: ChangingSite, *kinds: str) -> dict[str, dict]:
    done = acrawl("changes", "--json", *kinds)
    assert done.code == EXIT_OK, done.err
    return {line["url"].removeprefix(site.origin): line for line in map(json.loads, done.out.splitlines())}


def balanced(acrawl) -> None:
    done = acrawl("audit")
    assert done.code == EXIT_OK, done.out + done.err


def crawled(acrawl, site: ChangingSite, *more: object):
    command = ["run", "visits.py", "-a", f"url={site.url('/')}", "--workers", 2, "-s", "retry.times=0"]
    done = acrawl(*command, *more)
    assert done.code == EXIT_OK, done.err
    return done


def titles(site: ChangingSite, path: pathlib.Path) -> dict[str, str]:
    lines = records(path)
    found = {line["url"].removeprefix(site.origin): line["title"] for line in lines}
    assert len(found) == len(lines), "a page gave its item twice"
    return found


@pytest.mark.process
@pytest.mark.timeout(120)
def test_three_visits_fetch_what_has_changed_and_tell_of_it(acrawl, tmp_path):
    (tmp_path / "visits.py").write_text(SPIDER)
    with ChangingSite() as site:
        furnish(site)
        # In the first visit everything is fetched.
        crawled(acrawl, site, "-o", "first.jsonl")
        first = site.asked()
        assert site.twice == []
        assert not any(conditions for _, conditions in first.values())
        assert set(titles(site, tmp_path / "first.jsonl")) == {"/", "/left-same", *PAGES}

        # In the second one, only what has changed comes again, and goes to the spider.
        change(site)
        done = crawled(acrawl, site, "-o", "second.jsonl", "--again")
        second = site.asked()
        assert second.keys() == {*first, "/new-added"}  # robots.txt is among them, and what nobody links to any more
        assert sorted(site.twice) == ["/fails-same", "/other-changed"]  # they could not take the condition
        assert second["/strong-same"] == (304, ("If-None-Match",))
        assert second["/weak-same"] == (304, ("If-None-Match",))
        assert second["/dated-same"] == (304, ("If-Modified-Since",))
        assert second["/future-same"] == (304, ("If-Modified-Since",))
        assert second["/no-date-same"] == second["/bare-same"] == second["/varies-changed"] == (200, ())
        assert second["/ignores-same"] == (200, ("If-None-Match", "If-Modified-Since"))
        assert second["/never-same"][0] == 304
        assert second["/new-added"] == second["/fails-same"] == second["/other-changed"] == (200, ())
        changed = {path for path in PAGES if path.endswith("-changed")}
        items = titles(site, tmp_path / "second.jsonl")
        assert items.keys() == {"/", "/new-added", *changed}
        assert all(items[path] == f"{path} anew" for path in changed)

        # Each change is told of, by the right word.
        lines = told(acrawl, site)
        words = {path: line["change"] for path, line in lines.items()}
        assert words == {
            "/": "changed", "/moved-changed": "changed", **dict.fromkeys(changed, "changed"),
            "/new-added": "added", "/gone-removed": "removed", "/trouble-failed": "failed",
        }  # fmt: skip
        assert lines["/moved-changed"]["to"] == site.url("/strong-same")
        assert lines["/trouble-failed"]["reason"] == "failed(http-500)"
        same = {path for path in PAGES if path.endswith("-same")}
        assert told(acrawl, site, "unchanged").keys() == {*same, "/left-same", "/moved-same"}
        counts = f"1 added, {len(changed) + 2} changed, {len(same) + 2} unchanged, 1 removed, 1 failed"
        assert re.search(rf"since the last visit +{counts}\n", done.err)
        assert acrawl("changes").out.endswith(f"\n{counts}\n")
        balanced(acrawl)

        # In the third one, what was in trouble is compared with what was there before, and what is back is new.
        site.put("/trouble-failed", page("/trouble-failed"), etag='"1"')
        site.put("/gone-removed", page("back"), etag='"1"')
        crawled(acrawl, site, "-o", "third.jsonl", "--again")
        third = site.asked()
        assert third["/trouble-failed"] == (304, ("If-None-Match",))
        assert third["/gone-removed"] == (200, ())
        assert titles(site, tmp_path / "third.jsonl") == {"/gone-removed": "back"}
        assert {path: line["change"] for path, line in told(acrawl, site).items()} == {"/gone-removed": "added"}
        balanced(acrawl)


@pytest.mark.process
def test_a_visit_begins_only_where_one_has_finished(acrawl, start, tmp_path):
    (tmp_path / "visits.py").write_text(SPIDER)
    with ChangingSite() as site:
        command = ["run", "visits.py", "-a", f"url={site.url('/')}", "--workers", 1]
        none = acrawl(*command, "--again")
        assert none.code == EXIT_USAGE
        assert none.complaint.endswith("no crawl has begun here; run it once without --again")
        assert acrawl(*command, "--again", "--fresh").code == EXIT_USAGE

        site.put("/", page("home", [f"/{n}" for n in range(30)]))
        for n in range(30):
            site.put(f"/{n}", page(str(n)), etag='"1"')
        running = start(*command, "-s", "politeness.delay=0.3")
        running.says("has joined")
        running.kill()
        running.end()
        half = acrawl(*command, "--again")
        assert half.complaint.endswith("this crawl has not finished; finish it first, without --again")

        assert acrawl(*command).code == EXIT_OK
        over = acrawl(*command)
        assert "this crawl has finished; fetch what has changed by --again" in over.complaint
        site.asked()
        # A visit that was interrupted goes on by the same command, or by that without --again.
        visiting = start(*command, "--again", "-s", "politeness.delay=0.3")
        visiting.says("has joined")
        visiting.kill()
        visiting.end()
        assert acrawl(*command, "--again", "-s", "limits.max_pages=31").code == EXIT_OK  # 31 of this visit
        asked = site.asked()
        assert {path for path, (status, _) in asked.items() if status == 304} == {f"/{n}" for n in range(30)}
        balanced(acrawl)


@pytest.mark.process
def test_images_that_changed_get_their_new_bytes_under_their_names_and_vanished_ones_stay(acrawl, tmp_path):
    folder = tmp_path / "pictures"
    with ChangingSite() as site:
        names = ("same", "changed", "vanished", "twin-1", "twin-2")
        site.put("/", "".join(f'<img src="/{name}.png" alt="{name}">' for name in names), etag='"1"')
        for n, name in enumerate(names):
            site.put(f"/{name}.png", server.png(min(n, 3)), etag=f'"{n}"', type="image/png")
        command = ["images", site.url("/"), "-o", "pictures", "--workers", 2]
        assert acrawl(*command).code == EXIT_OK
        before = {line["url"].rpartition("/")[2]: line for line in records(folder / "images.jsonl")}
        site.put("/changed.png", server.png(7), etag='"7"', type="image/png")
        site.put("/twin-1.png", server.png(8), etag='"8"', type="image/png")
        del site.things["/vanished.png"]
        site.asked()
        done = acrawl(*command, "--again")
        assert done.code == EXIT_OK, done.err
        asked = site.asked()
        assert {path: status for path, (status, _) in asked.items() if path != "/robots.txt"} == {
            "/": 304, "/same.png": 304, "/twin-2.png": 304, "/changed.png": 200, "/twin-1.png": 200,
            "/vanished.png": 404,
        }  # fmt: skip
        after = {line["url"].rpartition("/")[2]: line for line in records(folder / "images.jsonl")}
        assert after.keys() == before.keys()
        assert after["changed.png"]["path"] == before["changed.png"]["path"]
        assert (folder / after["changed.png"]["path"]).read_bytes() == server.png(7)
        assert (folder / after["vanished.png"]["path"]).read_bytes() == server.png(2)
        assert [name for name, line in after.items() if line.get("gone")] == ["vanished.png"]
        # What two URLs gave stays under its name, for the one that still gives it.
        assert (folder / after["twin-2.png"]["path"]).read_bytes() == server.png(3)
        assert (folder / after["twin-1.png"]["path"]).read_bytes() == server.png(8)
        objects = {path.name for path in (folder / ".objects").glob("?/*")}
        assert objects == {line["sha256"] for line in after.values()}  # the replaced bytes are gone
        # A saved file whose bytes are lost is fetched whatever its server says.
        (folder / ".objects" / after["same.png"]["sha256"][0] / after["same.png"]["sha256"]).unlink()
        assert acrawl(*command, "--again").code == EXIT_OK
        assert site.asked()["/same.png"] == (200, ())
        balanced(acrawl)


@pytest.mark.process
def test_with_the_cache_unchanged_pages_are_told_by_what_it_gives(acrawl, tmp_path):
    (tmp_path / "visits.py").write_text(SPIDER)
    with ChangingSite() as site:
        site.put("/", page("home", ["/same", "/changed"]), etag='"1"')
        site.put("/same", page("same"), etag='"1"')
        site.put("/changed", page("changed"), etag='"1"')
        crawl = ["-o", "items-{time}.jsonl", "-s", "cache.mode=http"]
        crawled(acrawl, site, *crawl)
        site.put("/changed", page("changed anew"), etag='"2"')
        crawled(acrawl, site, *crawl, "--again")
        first, second = sorted(tmp_path.glob("items-*.jsonl"))  # each visit has a time of its own
        assert titles(site, first).keys() == {"/", "/same", "/changed"}
        assert titles(site, second) == {"/changed": "changed anew"}
        assert {path: line["change"] for path, line in told(acrawl, site).items()} == {"/changed": "changed"}


@pytest.mark.process
def test_the_items_of_one_visit_or_the_newest_of_each_page_are_exported(acrawl, tmp_path):
    (tmp_path / "visits.py").write_text(SPIDER)

    def exported(*words):
        assert acrawl("export", "-o", "x.jsonl", "--overwrite", *words).code == EXIT_OK
        return [(line["url"].removeprefix(site.origin), line["title"]) for line in records(tmp_path / "x.jsonl")]

    with ChangingSite() as site:
        site.put("/", page("home", ["/same", "/changed", "/gone"]), etag='"1"')
        for name in ("same", "changed", "gone"):
            site.put(f"/{name}", page(name), etag='"1"')
        crawled(acrawl, site)
        site.put("/changed", page("second"), etag='"2"')
        del site.things["/gone"]
        crawled(acrawl, site, "--again")
        crawled(acrawl, site, "--again")  # nothing is new
        site.put("/changed", page("fourth"), etag='"4"')
        crawled(acrawl, site, "--again")
        first = [("/", "home"), ("/changed", "changed"), ("/gone", "gone"), ("/same", "same")]
        assert sorted(exported()) == sorted([*first, ("/changed", "second"), ("/changed", "fourth")])
        assert sorted(exported("--visit", "1")) == first
        assert exported("--visit", "2") == [("/changed", "second")]
        assert exported("--visit", "3") == []
        assert exported("--visit", "4") == exported("--visit", "last") == [("/changed", "fourth")]
        assert sorted(exported("--visit", "newest")) == [("/", "home"), ("/changed", "fourth"), ("/same", "same")]
        refused = acrawl("export", "-o", "y.jsonl", "--visit", "5")
        assert refused.code == EXIT_USAGE
        assert refused.complaint.endswith("--visit 5: give a number from 1 to 4, last or newest")
        assert (
            "of files there is the present state only"
            in acrawl("export", "-o", "y.csv", "--files", "--visit", "1").complaint
        )
