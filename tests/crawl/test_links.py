"""``acrawl links``: what is broken, what has moved, and on which pages."""

from __future__ import annotations

import csv
import json
import signal

import pytest

from acrawl.errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE
from crawl.command import gone, records, until
from crawl.site import LiveSite, woods


def furnish(site: LiveSite, elsewhere: str = "https://elsewhere.invalid") -> None:
    site.add(
        "/",
        '<h1 id="here">Home</h1><a href="/a">A</a><a href="/missing">Lost page</a><img src="/lost.png" alt="picture">'
        '<a href="/old">Old</a><a href="/old-missing">Older</a><a href="/loop">Loop</a><a href="/secret/x">Secret</a>'
        '<a href="/a#there">good</a><a href="/a#not-there">bad</a><a href="#here">up</a><a href="#top">top</a>'
        '<a href="/old#not-there">moved and bad</a><link rel="stylesheet" href="/style.css"><a href="/manual.pdf">M</a>'
        f'<a href="{elsewhere}/fine">fine</a><a href="{elsewhere}/dead">dead elsewhere</a>'
        '<script src="/lost.js"></script>',
    )
    site.add("/a", '<p id="there">A</p><a href="/missing">lost again</a><a href="/missing">and again</a>')
    site.add("/style.css", "p {}", "text/css")
    site.add("/manual.pdf", "%PDF", "application/pdf")
    site.add("/old", "", status=301, location="/a")
    site.add("/old-missing", "", status=302, location="/missing")
    site.add("/loop", "", status=302, location="/loop2")
    site.add("/loop2", "", status=302, location="/loop")
    site.add("/robots.txt", "User-agent: *\nDisallow: /secret/\n", "text/plain")


def found(path):
    return {(line["kind"], line["url"], line["page"], line["text"]): line for line in records(path)}


def test_what_is_broken_is_told_with_every_page_that_holds_it(live, acrawl):
    furnish(live)
    done = acrawl("links", live.url(), "--workers", 2)
    assert done.code == EXIT_OK, done.err
    paragraphs = done.out.split("\n\n")
    (missing,) = [text for text in paragraphs if text.startswith(f"broken  {live.url('/missing')}\n")]
    assert missing.splitlines()[1:] == [
        "    http-404: the server answered 404",
        f"    on {live.url('/')}  'Lost page', and 1 more there",
        f"    on {live.url('/a')}  'lost again'",
    ]
    (moved,) = [text for text in paragraphs if text.startswith("moved")]
    assert moved.splitlines() == [
        f"moved  {live.url('/old')}", f"    to {live.url('/a')} (301)", f"    on {live.url('/')}  'Old'"
    ]  # fmt: skip
    assert "4 broken, 1 moved" in paragraphs[-1]
    assert " 11 checked, not checked: 2 offsite, 1 robots" in paragraphs[-1]
    assert "--external" in paragraphs[-1]


def test_the_list_says_how_each_link_is_held(live, acrawl, tmp_path):
    furnish(live)
    done = acrawl("links", live.url(), "--anchors", "-o", "found.jsonl", "--workers", 2)
    assert done.code == EXIT_OK, done.err
    told = found(tmp_path / "found.jsonl")
    home, a = live.url("/"), live.url("/a")
    assert {(kind, url.removeprefix(live.origin), page, text) for kind, url, page, text in told} == {
        ("broken", "/missing", home, "Lost page"),
        ("broken", "/missing", home, "Older"),
        ("broken", "/missing", a, "lost again"),
        ("broken", "/lost.png", home, "picture"),
        ("broken", "/lost.js", home, ""),
        ("broken", "/loop2", home, "Loop"),
        ("no-such-place", "/a#not-there", home, "bad"),
        ("no-such-place", "/old#not-there", home, "moved and bad"),
        ("moved", "/old", home, "moved and bad"),
    }
    by_way = told["broken", live.url("/missing"), home, "Older"]
    assert (by_way["link"], by_way["reason"], by_way["status"]) == (live.url("/old-missing"), "http-404", 404)
    assert told["broken", live.url("/loop2"), home, "Loop"]["reason"] == "redirect-loop"
    assert len(done.out.splitlines()) == 1


def test_nothing_is_asked_for_twice_and_files_are_not_read(live, acrawl):
    furnish(live)
    acrawl("links", live.url(), "--workers", 2)
    # HEAD is refused with 404, so GET has the last word: twice for what is no page and is not there.
    assert set(live.repeated) <= {"/lost.png", "/lost.js", "/loop"}
    assert "/secret/x" not in live.hits


def test_a_page_that_is_called_like_a_file_is_read_all_the_same(live, acrawl, tmp_path):
    live.page("/", ["/wiki/File:a.png"])
    live.page("/wiki/File:a.png", ["/missing"])
    done = acrawl("links", live.url(), "-o", "found.jsonl", "--workers", 1)
    assert done.code == EXIT_OK, done.err
    assert [line["page"] for line in records(tmp_path / "found.jsonl")] == [live.url("/wiki/File:a.png")]


def test_what_lies_outside_a_path_is_not_read(live, acrawl):
    live.page("/docs/", ["/docs/a", "/elsewhere"])
    live.page("/docs/a", ["/docs/missing"])
    live.page("/elsewhere", ["/never"])
    done = acrawl("links", live.url("/docs/"), "--scope", "path", "--external", "--workers", 1)
    assert done.code == EXIT_OK, done.err
    assert "1 broken, 0 moved, 4 checked" in done.out
    assert "/never" not in live.hits


def test_links_that_leave_the_site_are_asked_for_only_when_told_so(live, acrawl, tmp_path):
    with LiveSite() as other:
        other.add("/fine", '<a href="/never">never followed</a>')
        furnish(live, other.origin)
        assert acrawl("links", live.url(), "--workers", 1).code == EXIT_OK
        assert not other.log
        done = acrawl(
            "links", live.url(), "--external", "-o", "found.csv", "--fresh", "--workers", 1,
            "-s", "fetch.allow_private=true",
        )  # fmt: skip
        assert done.code == EXIT_OK, done.err
        assert other.hits == {"/fine": 1, "/dead": 2}
        with open(tmp_path / "found.csv", newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["url"] == other.url("/dead")]
        assert [(row["kind"], row["page"], row["text"]) for row in rows] == [
            ("broken", live.url("/"), "dead elsewhere")
        ]


def test_a_table_has_no_formulas_of_strangers(live, acrawl, tmp_path):
    live.add("/", '<a href="/lost">=HYPERLINK("http://a.test")</a>')
    assert acrawl("links", live.url(), "-o", "found.csv", "--workers", 1).code == EXIT_OK
    with open(tmp_path / "found.csv", newline="") as file:
        assert [row["text"] for row in csv.DictReader(file)] == ['\'=HYPERLINK("http://a.test")']


def test_a_server_that_refuses_head_is_asked_by_get(live, acrawl, tmp_path):
    class Stubborn(LiveSite):
        async def _answer(self, request):
            response = await super()._answer(request)
            if request.method == "HEAD":
                response.set_status(405)
            return response

    with Stubborn() as site:
        site.add("/", '<a href="/there.pdf">there</a><a href="/lost.pdf">lost</a>')
        site.add("/there.pdf", "%PDF", "application/pdf")
        done = acrawl("links", site.url(), "-o", "found.jsonl", "--workers", 1)
        assert done.code == EXIT_OK, done.err
    assert [line["url"] for line in records(tmp_path / "found.jsonl")] == [site.url("/lost.pdf")]


@pytest.mark.parametrize(("fail", "code"), [((), EXIT_OK), (("--fail",), EXIT_FAILED)])
def test_a_dead_seed_is_told_and_fails_only_when_asked_to(fail, code, refused_url, acrawl):
    done = acrawl("links", refused_url, "--workers", 1, "-s", "retry.times=0", *fail)
    assert done.code == code
    assert "refused: its host refused the connection\n    as typed" in done.out


def test_a_whole_site_has_nothing_to_fail_for(live, acrawl):
    live.page("/", ["/a"])
    live.page("/a", ["/"])
    done = acrawl("links", live.url(), "--fail", "--workers", 1)
    assert (done.code, done.out) == (EXIT_OK, "0 broken, 0 moved, 2 checked\n")


@pytest.mark.process
def test_a_stopped_crawl_tells_what_it_knows_and_a_killed_one_goes_on(live, start, acrawl, tmp_path):
    paths = woods(live, 60)
    for n, path in enumerate(sorted(paths)):
        live.page(path, [*sorted(paths)[: n + 3], "/missing"])
    live.delay = 0.1
    command = ("links", live.url(), "-o", "found.jsonl", "--workers", 2)
    stopped = start(*command)
    live.wait_for(15)
    stopped.kill(signal.SIGINT)
    done = stopped.end()
    assert done.code == EXIT_INTERRUPTED
    assert done.out.startswith("so far: ")
    killed = start(*command)
    live.wait_for(45)
    workers = killed.children()
    killed.kill()
    killed.end(10)
    until(lambda: all(gone(pid) for pid in workers))
    done = acrawl(*command)
    assert done.code == EXIT_OK, done.err
    pages = [line["page"] for line in records(tmp_path / "found.jsonl") if line["url"] == live.url("/missing")]
    assert sorted(pages) == sorted(map(live.url, paths))


@pytest.mark.parametrize("name", ["found.txt", "folder.csv", "nowhere/found.csv"])
def test_a_list_that_cannot_be_written_is_told_before_the_crawl(name, acrawl, tmp_path):
    (tmp_path / "folder.csv").mkdir()
    done = acrawl("links", "http://127.0.0.1:1/", "-o", name)
    assert done.code == EXIT_USAGE
    assert name in done.complaint
    assert not (tmp_path / ".acrawl").exists()


def test_no_page_writes_to_the_terminal(live, acrawl):
    live.add("/", '<a href="#&#27;[31mred">&#27;[31mtext</a><a href="/missing&#27;x">&#7;</a>')
    done = acrawl("links", live.url(), "--anchors", "--workers", 1)
    assert done.code == EXIT_OK, done.err
    assert "1 broken, 1 to places that do not exist" in done.out
    assert all(char.isprintable() or char == "\n" for char in done.out)


def test_lines_are_json_that_anybody_reads(live, acrawl, tmp_path):
    live.page("/", ['/missing?a=é&b="'])
    acrawl("links", live.url(), "-o", "found.jsonl", "--workers", 1)
    (line,) = (tmp_path / "found.jsonl").read_text().splitlines()
    assert json.loads(line)["status"] == 404


def test_every_reference_of_a_page_is_checked(live, acrawl, tmp_path):
    live.add(
        "/",
        '<link rel="manifest" href="/lost.webmanifest"><meta property="og:image" content="/lost-card">'
        "<style>@font-face { src: url(/lost.woff2) }</style><video src=/lost.mp4></video><a href=/a cite=/no>a</a>"
        "<blockquote cite=/lost-source>q</blockquote><embed src=/lost.svg><img src=/there.png longdesc=/lost-text>",
        link="</lost-next>; rel=next, </lost-preloaded.css>; rel=preload; as=style",
    )
    live.page("/a")
    live.picture("/there.png", 1)
    done = acrawl("links", live.url(), "-o", "found.jsonl", "--workers", 1)
    assert done.code == EXIT_OK, done.err
    assert {line["url"].removeprefix(live.origin): line["source"] for line in records(tmp_path / "found.jsonl")} == {
        "/lost.webmanifest": "link", "/lost-card": "meta", "/lost.woff2": "style", "/lost.mp4": "video",
        "/lost-source": "blockquote", "/lost.svg": "object", "/lost-text": "img", "/lost-next": "Link",
        "/lost-preloaded.css": "stylesheet",
    }  # fmt: skip
    # What has another name than a page's is refused once as HEAD, and once more when GET has the last word.
    assert live.hits["/lost.mp4"] == 2
    assert live.hits["/lost-card"] == 1


def test_patterns_say_what_is_read_but_a_seed_is_read_in_any_case(live, acrawl):
    live.page("/", ["/docs/a", "/docs/private/x", "/other"])
    live.page("/docs/a", ["/docs/missing"])
    live.page("/other", ["/never"])
    words = ("links", live.url(), "--allow", "/docs/", "--deny", "private", "--workers", 1)
    done = acrawl(*words)
    assert done.code == EXIT_OK, done.err
    assert "1 broken, 0 moved, 3 checked, not checked: 2 pattern" in done.out
    done = acrawl(*words, "--external", "--fresh")
    assert "1 broken, 0 moved, 4 checked, not checked: 1 pattern" in done.out
    assert not {"/never", "/docs/private/x"} & set(live.hits)


def test_a_link_is_held_by_every_page_however_it_is_spelled(live, acrawl, tmp_path):
    alias = live.origin.replace("127.0.0.1", "localhost")
    live.page("/", [f"{alias}/a", "/missing?utm_source=home", "/old/?utm_x=1"])
    live.page("/a", ["/missing", f"{alias}/missing?utm_medium=b", f"{alias}/old"])
    live.add("/old/?utm_x=1", "", status=301, location=f"{alias}/a")
    hosts = [origin.partition("//")[2] for origin in (alias, live.origin)]
    done = acrawl(
        "links", live.url(), "-o", "found.jsonl", "--workers", 1, "-s", "urls.drop_params=utm_*",
        "-s", "urls.fold_slash=true", "-s", f'urls.host_aliases={{"{hosts[0]}" = "{hosts[1]}"}}',
    )  # fmt: skip
    assert done.code == EXIT_OK, done.err
    assert {
        (line["kind"], line["url"], line["page"], line["link"].replace(live.origin, ""))
        for line in records(tmp_path / "found.jsonl")
    } == {
        ("broken", live.url("/missing?utm_source=home"), live.url(), "/missing?utm_source=home"),
        ("broken", live.url("/missing?utm_source=home"), live.url("/a"), "/missing"),
        ("broken", live.url("/missing?utm_source=home"), live.url("/a"), f"{alias}/missing?utm_medium=b"),
        ("moved", live.url("/old/?utm_x=1"), live.url(), "/old/?utm_x=1"),
        ("moved", live.url("/old/?utm_x=1"), live.url("/a"), f"{alias}/old"),
    }


def test_pages_that_are_read_in_part_are_told_of(live, acrawl):
    live.page("/", ["/a"])
    live.add("/a", "<a href=/b>b</a>" * 200)
    live.page("/b")
    done = acrawl("links", live.url(), "--workers", 1, "-s", "parse.max_links=100")
    assert done.code == EXIT_OK, done.err
    assert done.out == (
        "0 broken, 0 moved, 3 checked, 1 so large that only their beginnings were read ([parse] settings)\n"
    )
