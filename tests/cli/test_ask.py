"""``acrawl why`` and ``acrawl audit`` on a finished crawl in which requests ended in every way there is."""

from __future__ import annotations

import pathlib
import re
import socket

import pytest

from acrawl.cli.reasons import REASONS, explained
from acrawl.errors import EXIT_FAILED, EXIT_OK, EXIT_USAGE
from acrawl.fetch import failures
from cli.conftest import Typed
from crawl.command import Command
from crawl.site import LiveSite

SPIDER = pathlib.Path(__file__).with_name("stories.py")


class Told:
    """A finished crawl of `SPIDER`, and where its sites were."""

    def __init__(self, folder: pathlib.Path, home: str, **others: str) -> None:
        self.folder = folder
        self.home = home
        self.others = others

    def url(self, place: str) -> str:
        """``/path`` at home, the name of another site, or a whole URL."""
        return self.home + place if place.startswith("/") else self.others.get(place, place)


def furnish(home: LiveSite, busy: LiveSite) -> None:
    home.add("/robots.txt", "User-agent: *\nDisallow: /private/\nAllow: /\n", "text/plain")
    for path in ("/", "/new", "/raises", "/private/page"):
        home.page(path)
    for n in range(1, 4):
        home.page(f"/d{n}", [f"/d{n + 1}"])
        home.add(f"/r{n}", "", status=302, location=f"/r{n + 1}")
    for path, target in (("/moved", "/new"), ("/a", "/b"), ("/b", "/a"), ("/ftp", "ftp://elsewhere.test/")):
        home.add(path, "", status=302, location=target)
    home.add("/broken", "out of order", status=500)
    home.add("/large", "x" * 30_000)
    busy.add("/robots.txt", "", "text/plain")
    busy.add("/", "", status=429, retry_after="0")


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stories")
    with LiveSite() as home, LiveSite() as busy, socket.socket() as silent, socket.socket() as nobody:
        furnish(home, busy)
        for other in (silent, nobody):
            other.bind(("127.0.0.1", 0))
        silent.listen()
        silent_url, nobody_url = (f"http://127.0.0.1:{other.getsockname()[1]}" for other in (silent, nobody))
        command = Command(
            "run", SPIDER, "-o", "items.jsonl", "--workers", 1, "-a", f"home={home.origin}",
            "-a", f"busy={busy.origin}", "-a", f"silent={silent_url}", "-a", f"nobody={nobody_url}",
            "-s", "scope.max_depth=2", "-s", "retry.times=1", "-s", "retry.delay=0.05",
            "-s", "fetch.max_body=20000", "-s", "fetch.max_redirects=2", "-s", "fetch.idle_timeout=0.3",
            "-s", "politeness.max_pauses=1", "-s", "politeness.max_pause=0.1",
            cwd=folder,
        )  # fmt: skip
        try:
            done = command.end()
        finally:
            command.close()
        assert done.code == EXIT_OK, done.err
        yield Told(folder, home.origin, busy=busy.url(), silent=f"{silent_url}/", nobody=f"{nobody_url}/")


STORIES = {
    "fetched": ("/", "fetched", ["  a seed\n", "one try", "HTTP 200"]),
    "redirect": ("/moved", "fetched(redirect)", ["HTTP 302", "(to http", "/new)"]),
    "robots": ("/private/page", "excluded(robots)", ["(Disallow: /private/)", "politeness.obey_robots"]),
    "offsite": ("http://elsewhere.test/", "excluded(offsite)", ["scope.within", "allowed_domains"]),
    "depth": ("/d3", "excluded(depth)", ["scope.max_depth", "depth 3"]),
    "filter": ("/unwanted", "excluded(filter)", ["IgnoreRequest", "no such page, please"]),
    "robots-unreachable": ("silent", "excluded(robots-unreachable)", ["politeness.give_up_after"]),
    "rate-limited": ("busy", "failed(rate-limited)", ["politeness.max_pauses", "http-429"]),
    "http-404": ("/missing", "failed(http-404)", ["the server answered 404", "acrawl retry"]),
    "http-500": ("/broken", "failed(http-500)", ["retry.times", "2 tries", "1. 20", "2. 20", "HTTP 500"]),
    "refused": ("nobody", "failed(refused)", ["refused the connection"]),
    "blocked": ("http://10.0.0.1/", "failed(blocked)", ["fetch.allow_private=true"]),
    "dns": ("http://name.invalid/", "failed(dns)", ["could not be resolved"]),
    "too-large": ("/large", "failed(too-large)", ["fetch.max_body", "20000 bytes"]),
    "redirect-loop": ("/b", "failed(redirect-loop)", ["back to http"]),
    "too-many-redirects": ("/r3", "failed(too-many-redirects)", ["fetch.max_redirects"]),
    "redirect-refused": ("/ftp", "failed(redirect-refused)", ["ftp://elsewhere.test/"]),
    "callback": ("/raises", "failed(callback)", ["callback raised an error", "    Traceback (most recent call last)"]),
    "stage": ("/stage", "failed(stage)", ["ZeroDivisionError: in a stage", "priority 7"]),
}


@pytest.mark.parametrize(("place", "end", "words"), STORIES.values(), ids=STORIES)
def test_why_says_how_a_request_ended_and_what_would_change_it(told: Told, typed: Typed, place, end, words):
    done = typed("why", told.url(place), cwd=told.folder)
    assert (done.code, done.err) == (EXIT_OK, "")
    assert done.out.startswith(f"{told.url(place)}\n  {end}")
    for word in words:
        assert word in done.out


def test_why_names_the_pages_that_led_there_from_the_seed_on(told: Told, typed: Typed):
    done = typed("why", told.url("/d3"), cwd=told.folder)
    chain = [told.url(path) for path in ("/", "/d1", "/d2")]
    assert "depth 3, by way of\n" + "".join(f"    {url}\n" for url in chain) in done.out


def test_a_servers_words_cannot_steer_the_terminal(told: Told, typed: Typed):
    done = typed("why", told.url("/raises"), cwd=told.folder)
    assert "price" in done.out
    assert "\033" not in done.out


def test_an_unknown_url_is_said_to_be_unknown_and_known_ones_like_it_are_named(told: Told, typed: Typed):
    port = told.home.rpartition(":")[2]
    near = {
        f"{told.home}/moved/": "/moved",
        f"{told.home}/moved?page=2": "/moved",
        f"https://127.0.0.1:{port}/moved": "/moved",
        f"127.0.0.1:{port}/moved": "/moved",
    }
    for url, path in near.items():
        done = typed("why", url, cwd=told.folder)
        assert (done.code, done.err) == (EXIT_FAILED, ""), done.out
        assert "unknown" in done.out
        assert f"it knows {told.url(path)}\n" in done.out
    done = typed("why", "http://nothing.test/like/it", cwd=told.folder)
    assert (done.code, "it knows" in done.out) == (EXIT_FAILED, False)


def test_the_same_url_in_another_form_is_the_same_url(told: Told, typed: Typed):
    done = typed("why", f"{told.home.replace('http', 'HTTP')}/x/../moved#part", cwd=told.folder)
    assert done.out.startswith(f"{told.url('/moved')}\n")


@pytest.mark.parametrize("url", ["ftp://x/", "http://", "not a url", ""])
def test_what_is_no_url_is_wrong_usage(told: Told, typed: Typed, url: str):
    done = typed("why", url, cwd=told.folder)
    assert (done.code, done.out) == (EXIT_USAGE, "")
    assert done.complaint


def test_every_reason_that_the_program_knows_is_explained():
    words = set(failures.REASONS.values()) | set(failures._ERRNOS.values())
    assert sorted(words - REASONS.keys()) == []
    source = "".join(path.read_text() for path in pathlib.Path(failures.__file__).parents[1].rglob("*.py"))
    words = set(re.findall(r'(?:FetchError\(|FAILED, |EXCLUDED, |FETCHED, )"([a-z][a-z-]+)"(?!:)', source))
    assert len(words) > 8
    assert sorted(words - REASONS.keys()) == []


def test_a_reason_of_somebody_elses_is_told_as_it_is():
    assert "'because'" in explained("because").text
    assert explained("http-418").change == ""
    assert "retry.times" in explained("http-502").change


# -- audit

STATES = {"fetched", "failed", "excluded", "quarantined"}


def test_audit_counts_the_books_and_says_that_they_balance(told: Told, typed: Typed):
    done = typed("audit", cwd=told.folder)
    assert (done.code, done.err) == (EXIT_OK, "")
    sums = dict(line.rsplit(None, 1) for line in done.out.splitlines() if line and line[-1].isdigit())
    sums = {name.strip(): int(count) for name, count in sums.items()}
    assert sums["discovered"] == sums["done"] == sum(n for name, n in sums.items() if name.partition("(")[0] in STATES)
    assert (sums["queued"], sums["undelivered"], sums["failed(http-404)"]) == (0, 0, 1)
    assert done.out.splitlines()[-1] == "the books balance"


def test_audit_lists_hosts_and_what_failed(told: Told, typed: Typed):
    done = typed("audit", "--hosts", "--failed", "--quarantine", cwd=told.folder)
    assert done.code == EXIT_OK
    assert re.search(rf"^{told.home} +0 +\d\d$", done.out, re.MULTILINE)
    assert f"failed(http-404)  {told.url('/missing')}\n" in done.out
    assert "quarantined" not in done.out
    few = typed("audit", "--hosts", 1, cwd=told.folder)
    assert told.home in few.out
    assert told.url("busy")[:-1] not in few.out
