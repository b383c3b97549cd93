"""``acrawl retry``, and the verbs beside a crawl that runs, or was killed."""

from __future__ import annotations

import asyncio
import pathlib
import re
import shlex
import socket

import pytest

from acrawl.errors import EXIT_ENVIRONMENT, EXIT_FAILED, EXIT_LIMIT, EXIT_OK, EXIT_USAGE
from acrawl.queues.client import QueueClient
from acrawl.queues.join import read
from cli.conftest import Typed
from crawl.command import gone, records, until
from crawl.site import LiveSite

LINKS = """
import asyncio, os, pathlib, signal

from acrawl import Spider

class Links(Spider):
    def __init__(self, *urls, **named):
        super().__init__(**named)
        self.start_urls = named["urls"].split()

    async def parse(self, response):
        if response.url.endswith("/poison") and not pathlib.Path("mended").exists():
            await asyncio.sleep(1.2)  # until the master has heard that it has begun
            os.kill(os.getpid(), signal.SIGKILL)
        yield {"url": response.url}
        for request in response.follow_all():
            yield request
"""
#: A worker that has gone is not waited for long.
SOON = ("-s", "queues.grace_seconds=0.2", "-s", "frontier.lease_seconds=3", "-s", "queues.poll_seconds=1")


@pytest.fixture
def home(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / "links.py").write_text(LINKS)
    return tmp_path


def crawl(*urls: str) -> list[object]:
    """The words of a crawl from these URLs; what kills a worker is given up after the second one."""
    urls_given = f"urls={' '.join(urls)}"
    once = ("-s", "retry.times=0", "-s", "frontier.max_lost=2")
    return ["run", "links.py", "-o", "items.jsonl", "--workers", 1, "-a", urls_given, *once, *SOON]


def found(home: pathlib.Path, live: LiveSite) -> list[str]:
    return sorted(item["url"].removeprefix(live.origin) for item in records(home / "items.jsonl"))


def test_what_failed_or_killed_its_workers_is_fetched_once_it_is_mended(acrawl, typed: Typed, live, home):
    # Given a crawl in which one page failed and another killed every worker that was at it,
    live.page("/", ["/flaky", "/poison", "/fine"])
    live.page("/poison")
    live.page("/fine")
    live.add("/flaky", "not now", status=500)
    done = acrawl(*crawl(live.url()))
    assert done.code == EXIT_OK, done.err
    assert found(home, live) == ["/", "/fine"]
    listed = typed("audit", "--quarantine", "--failed")
    assert listed.code == EXIT_OK, listed.out
    assert f"quarantined(worker-lost)  {live.url('/poison')}\n" in listed.out
    assert f"failed(http-500)  {live.url('/flaky')}\n" in listed.out
    story = typed("why", live.url("/poison"))
    assert "quarantined(worker-lost): each worker that was at it died" in story.out
    assert "frontier.max_lost" in story.out
    assert "  2 tries\n" in story.out

    # when both are mended and tried again by the command that is named,
    live.page("/flaky")
    (home / "mended").touch()
    tried = typed("retry")
    assert (tried.code, tried.err) == (EXIT_OK, "")
    first, second = tried.out.splitlines()
    assert first == "2 queued again: 1 failed(http-500), 1 quarantined(worker-lost)"
    program, *words = shlex.split(second.removeprefix("go on with: "))
    assert program == "acrawl"
    assert "2 tries" in typed("why", live.url("/poison")).out
    again = acrawl(*words)
    assert again.code == EXIT_OK, again.err

    # then they are items, as all the others, each once.
    assert found(home, live) == ["/", "/fine", "/flaky", "/poison"]
    assert typed("audit").code == EXIT_OK
    assert "  3 tries\n" in typed("why", live.url("/poison")).out
    nothing = typed("retry")
    assert (nothing.code, nothing.out) == (EXIT_FAILED, "nothing to try again\n")
    assert "has finished" in acrawl(*words).complaint


def test_a_url_that_cannot_be_tried_again_is_named_in_a_line_and_the_others_are(acrawl, typed: Typed, live, home):
    live.add("/robots.txt", "User-agent: *\nDisallow: /private\n", "text/plain")
    live.page("/", ["/a", "/b", "/private", "http://elsewhere.test/"])
    live.add("/a", "", status=500)
    live.add("/b", "", status=404)
    assert acrawl(*crawl(live.url())).code == EXIT_OK
    urls = [live.url(path) for path in ("/", "/a", "/private", "/never")] + ["http://elsewhere.test/"]
    tried = typed("retry", *urls)
    assert tried.code == EXIT_OK
    assert tried.out.startswith("1 queued again: 1 failed(http-500)\n")
    assert tried.err.splitlines() == [
        f"acrawl: {live.url('/')}: fetched; it needs no further try",
        f"acrawl: {live.url('/private')}: excluded(robots): not asked for, or nothing of it is kept to try again",
        f"acrawl: {live.url('/never')}: this crawl has never met it",
        "acrawl: http://elsewhere.test/: excluded(offsite): not asked for, or nothing of it is kept to try again",
    ]
    assert typed("retry", live.url("/a")).complaint.endswith("/a: it is queued already")
    nothing = typed("retry", "--status", "excluded")
    assert (nothing.code, nothing.out) == (EXIT_FAILED, "nothing to try again\n")
    assert "1 excluded(offsite), 1 excluded(robots)" in nothing.complaint
    assert typed("retry", "--status", "failed", "--reason", "dns").code == EXIT_FAILED
    only = typed("retry", "--reason", "http-404")
    assert only.out.startswith("1 queued again: 1 failed(http-404)\n")


def test_what_a_limit_kept_out_is_fetched_when_the_limit_is_gone(acrawl, typed: Typed, live, home):
    paths = [f"/{n}" for n in range(6)]
    for path in paths:
        live.page(path)
    live.delay = 0.05
    begun = crawl(*map(live.url, paths))
    assert acrawl(*begun, "-s", "limits.max_pages=2").code == EXIT_LIMIT
    assert "limits.max_pages" in typed("why", live.url("/5")).out
    tried = typed("retry", "--reason", "limit")
    assert tried.out.startswith("4 queued again: 4 excluded(limit)\n")
    done = acrawl(*begun)
    assert done.code == EXIT_OK, done.err
    assert found(home, live) == paths
    assert live.repeated == {}


def test_the_command_to_go_on_with_leads_to_its_folder_and_never_begins_anew(acrawl, typed: Typed, live, home):
    live.add("/", "", status=500)
    assert acrawl(*crawl(live.url()), "--fresh").code == EXIT_OK
    (home / "other").mkdir()
    tried = typed("retry", "--job", home / ".acrawl" / "links", cwd=home / "other")
    _, command = tried.out.splitlines()
    assert command.startswith(f"go on with: cd {home} && acrawl run links.py -o items.jsonl")
    assert "--fresh" not in command


def test_a_job_without_a_record_of_its_command_can_be_mended(acrawl, typed: Typed, live, home):
    live.add("/", "", status=500)
    assert acrawl(*crawl(live.url())).code == EXIT_OK
    (home / ".acrawl" / "links" / "job.json").unlink()
    assert "go on with: the command that began the crawl" in typed("retry").out


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--status", "fetched"), EXIT_USAGE),
        (("ftp://x/",), EXIT_USAGE),
        (("--job", "nowhere"), EXIT_USAGE),
        (("--reason",), EXIT_USAGE),
    ],
)
def test_mistakes_of_retry_are_one_line(typed: Typed, home, words, code):
    done = typed("retry", *words)
    assert (done.code, done.out) == (code, "")
    assert done.complaint


# -- beside a crawl


def command(folder: pathlib.Path, name: str) -> None:
    """Say a word to the master that works there."""

    async def say() -> None:
        join = read(str(folder / "join-local.json"))
        client = QueueClient((join.host, join.port), join.authkey)
        try:
            await client.command(join.control, name)
        finally:
            await client.close()

    asyncio.run(say())


def test_a_running_crawl_is_asked_itself_and_a_killed_one_by_its_books(start, typed: Typed, live, home):
    # Given a crawl that is at /1, may not yet ask for /400, and tries a page of another host again in a minute:
    live.page("/", [f"/{n}" for n in range(1, 401)])
    live.delay = 0.5
    with LiveSite() as other:
        other.add("/", "", status=500)
        master = start(
            *crawl(live.url(), other.url()), "-s", "politeness.concurrency=1", "-s", "retry.delay=60",
            "-s", "retry.times=1",
        )  # fmt: skip
        live.wait_for(1)
        live.delay = 60
        live.wait_for(2)
        one, last = live.url("/1"), live.url("/400")
        until(lambda: "leased: a worker is at it now" in typed("why", one).out)
        assert re.search(r"  queued: its (host is being asked for \d+ other requests|turn )", typed("why", last).out)
        until(lambda: "  queued: not before 20" in typed("why", other.url()).out)
        assert "http-500, HTTP 500" in typed("why", other.url()).out
        assert typed("why", live.url("/never")).code == EXIT_FAILED

        # its books are read beside it, and not mended under it;
        books = typed("audit", "--hosts")
        assert (books.code, books.err) == (EXIT_OK, "")
        assert "the books balance" in books.out
        refused = typed("retry")
        assert refused.code == EXIT_ENVIRONMENT
        assert f"process {master.pid} on host {socket.gethostname()}" in refused.complaint

        # while it is paused, that is what everything waits for;
        command(home / ".acrawl" / "links", "pause")
        assert "  queued: the crawl is paused\n" in typed("why", last).out

        # and when it was killed, its books still tell.
        workers = master.children()
        master.kill()
        until(lambda: not master.alive and all(map(gone, workers)))
        assert (home / ".acrawl" / "links" / "join-local.json").exists()
        assert "  queued: no crawl is running" in typed("why", one).out
        assert typed("audit").code == EXIT_OK
        assert typed("retry").out == "nothing to try again\n"


def test_a_join_file_of_a_crawl_that_is_gone_does_not_mislead(acrawl, typed: Typed, live, home):
    """Its port may be somebody else's by now."""
    live.page("/")
    assert acrawl(*crawl(live.url())).code == EXIT_OK
    file = home / ".acrawl" / "links" / "join-local.json"
    key = '{"host": "127.0.0.1", "port": %d, "authkey": "c2l4dGVlbiBieXRlcyBvZiBrZXk="}'
    port = int(live.origin.rpartition(":")[2])  # a web server
    for text in (key % port, "{not json", key % 1):
        file.write_text(text)
        file.chmod(0o600)
        done = typed("why", live.url())
        assert (done.code, done.err) == (EXIT_OK, ""), text
        assert "fetched" in done.out
