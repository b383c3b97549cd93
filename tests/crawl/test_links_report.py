"""What ``acrawl links`` says when little could be checked, when it is repeated, and when there is very much to tell."""

from __future__ import annotations

import json
import re

import pytest

from acrawl.errors import EXIT_FAILED, EXIT_OK, EXIT_USAGE
from crawl.command import records
from crawl.site import LiveSite

ANYWHERE = ("-s", "fetch.allow_private=true", "--workers", 1)


@pytest.fixture
def other():
    """Another site, at another host."""
    with LiveSite() as site:
        yield site


@pytest.mark.parametrize(("fail", "code"), [((), EXIT_OK), (("--fail",), EXIT_FAILED)])
def test_a_site_that_has_moved_to_another_host_gets_no_clean_bill(fail, code, live, other, acrawl):
    other.page("/", ["/missing"])
    live.add("/", "", status=301, location=other.url("/"))
    done = acrawl("links", live.url(), *ANYWHERE, *fail)
    assert done.code == code
    moved, last = done.out.split("\n\n")
    assert moved.splitlines() == [f"moved  {live.url()}", f"    to {other.url()} (301)", "    as typed"]
    assert "NO PAGE OF THE SITE WAS READ" in last
    (warning,) = [line for line in done.err.splitlines() if "lies outside the scope" in line]
    assert f"{live.url()} leads to {other.url()}" in warning
    assert f"begin with {other.url()} instead" in warning


@pytest.mark.parametrize("verb", ["pages", "mirror", "images"])
def test_every_verb_for_sites_tells_of_a_seed_that_leads_out_of_the_scope(verb, live, other, acrawl):
    other.page("/", ["/missing"])
    live.add("/", "", status=302, location="/in")
    live.add("/in", "", status=302, location=other.url("/"))
    done = acrawl(verb, live.url(), "-o", "made", *ANYWHERE)
    assert done.code == EXIT_OK, done.err
    assert done.err.count("lies outside the scope") == 1
    assert f"{live.url('/in')} leads to {other.url()}" in done.err


def test_a_seed_that_leads_out_of_its_folder_is_told_which_option_takes_it_in(live, acrawl):
    live.add("/docs/", "", status=302, location="/handbook/")
    live.page("/handbook/", ["/handbook/a"])
    done = acrawl("links", live.url("/docs/"), "--scope", "path", "--workers", 1)
    assert "--scope host" in done.err
    assert "NO PAGE OF THE SITE WAS READ" in done.out


def test_a_site_that_robots_may_not_read_gets_no_clean_bill(live, acrawl):
    live.add("/robots.txt", "User-agent: *\nDisallow: /\n", "text/plain")
    done = acrawl("links", live.url(), "--fail", "--workers", 1)
    assert done.code == EXIT_FAILED
    assert "not checked: 1 robots, and NO PAGE OF THE SITE WAS READ" in done.out


def test_what_the_guard_refuses_is_not_checked_and_not_broken(live, other, acrawl):
    live.page("/", [other.url("/private"), "/missing"])
    done = acrawl("links", live.url(), "--external", "--workers", 1)
    assert done.code == EXIT_OK, done.err
    assert done.out.splitlines()[-1] == "1 broken, 0 moved, 2 checked, not checked: 1 blocked"
    assert other.url("/private") not in done.out


def test_where_a_typed_url_leads_is_told_with_what_was_typed(live, acrawl):
    live.add("/", "", status=302, location="/gone")
    done = acrawl("links", live.url(), "--workers", 1)
    assert done.out.split("\n\n")[0].splitlines() == [
        f"broken  {live.url('/gone')}",
        "    http-404: the server answered 404",
        f"    as typed  by way of {live.url()}",
    ]


def test_what_is_no_url_is_broken(live, acrawl, tmp_path):
    live.add("/", '<a href="http://">none</a><a href="http://[bad/#x">bracket</a><a href="mailto:me@a.test">me</a>'
                  '<img src="http://h:1:99/" alt="port"><a href="/a">A</a>')  # fmt: skip
    live.add("/a", '<a href=" http://\n[bad/">again</a><a href="http://a&#27;b">odd</a>')
    done = acrawl("links", live.url(), "-o", "found.jsonl", "--workers", 1, "-s", "urls.drop_params=x")
    assert done.code == EXIT_OK, done.err
    assert {
        (line["reason"], line["url"], line["page"], line["text"]) for line in records(tmp_path / "found.jsonl")
    } == {
        ("malformed-url", "http://", live.url(), "none"),
        ("malformed-url", "http://[bad/", live.url(), "bracket"),
        ("malformed-url", "http://[bad/", live.url("/a"), "again"),
        ("malformed-url", "http://h:1:99/", live.url(), "port"),
        ("malformed-url", "http://a\x1bb", live.url("/a"), "odd"),
    }
    assert done.out.startswith("4 broken, 0 moved, 2 checked")
    told = acrawl("links", live.url(), "--workers", 1)
    assert "malformed-url: what stands there is no URL" in told.out
    assert all(char.isprintable() or char == "\n" for char in told.out)


def test_a_link_of_every_page_names_ten_of_them_and_the_file_names_all(live, acrawl, tmp_path):
    paths = [f"/{n}" for n in range(14)]
    live.page("/", [*paths, "/missing"])
    for path in paths:
        live.page(path, ["/missing"])
    done = acrawl("links", live.url(), "--workers", 1)
    lines = done.out.splitlines()
    assert len([line for line in lines if line.startswith("    on ")]) == 10
    assert "    and on 5 more pages; -o FILE names them all" in lines
    acrawl("links", live.url(), "-o", "found.jsonl", "--workers", 1)
    assert len(records(tmp_path / "found.jsonl")) == 15


# -- once more


def test_a_finished_check_is_begun_anew_and_sites_have_folders_of_their_own(live, other, acrawl, tmp_path):
    live.page("/", ["/missing"])
    other.page("/")
    assert "1 broken" in acrawl("links", live.url(), "--workers", 1).out
    live.page("/missing")
    for options in ((), ("--anchors",), ("--external",)):
        done = acrawl("links", live.url(), "--workers", 1, *options)
        assert (done.code, done.out[:9]) == (EXIT_OK, "0 broken,"), done.err
    assert acrawl("links", other.url(), "--workers", 1).code == EXIT_OK
    hosts = [
        re.sub(r"\W", "-", site.origin.partition("//")[2].replace(".", "_")).replace("_", ".") for site in (live, other)
    ]
    assert sorted(path.name for path in (tmp_path / ".acrawl").iterdir()) == sorted(f"links-{host}" for host in hosts)


def test_a_check_that_was_ended_before_it_was_told_is_told_by_the_same_command(live, acrawl, tmp_path):
    live.page("/", ["/missing"])
    command = ("links", live.url(), "-o", "folder/found.jsonl", "--workers", 1)
    (tmp_path / "folder").mkdir()
    done = acrawl(*command)
    assert done.code == EXIT_OK, done.err
    (job,) = (tmp_path / ".acrawl").glob("*/job.json")
    assert json.loads(job.read_text())["state"] == "finished"
    hits = live.hits
    job.write_text(job.read_text().replace('"finished"', '"begun"'))  # as a kill leaves it
    (tmp_path / "folder" / "found.jsonl").unlink()
    assert acrawl(*command).out == done.out
    assert len(records(tmp_path / "folder" / "found.jsonl")) == 1
    assert live.hits == hits


def test_a_report_that_cannot_be_written_leaves_the_check_unfinished(live, start, acrawl, tmp_path):
    live.page("/", ["/missing"])
    live.delay = 0.5
    command = ("links", live.url(), "-o", "found.jsonl", "--workers", 1)
    running = start(*command)
    live.wait_for(1)
    (tmp_path / "found.jsonl").mkdir()
    assert running.end().code != EXIT_OK
    (tmp_path / "found.jsonl").rmdir()
    hits = live.hits
    done = acrawl(*command)
    assert (done.code, done.out) == (EXIT_OK, "1 broken, 0 moved, 2 checked\n"), done.err
    assert live.hits == hits


def test_an_unfinished_check_with_other_options_is_refused_by_their_names(live, acrawl, tmp_path):
    live.page("/")
    acrawl("links", live.url(), "--workers", 1)
    (job,) = (tmp_path / ".acrawl").glob("*/job.json")
    job.write_text(job.read_text().replace('"finished"', '"begun"'))
    done = acrawl("links", live.url(), "--anchors", "--workers", 1)
    assert done.code == EXIT_USAGE
    assert "(anchors: '' then, 'yes' now)" in done.complaint
