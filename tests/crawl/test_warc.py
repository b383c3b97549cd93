"""Whole crawls into a web archive: every answer is in it once, however the bytes got there and whoever was killed."""

import collections
import json
import random
import sqlite3

import pytest

from acrawl.errors import EXIT_ENVIRONMENT, EXIT_OK
from acrawl.testing.kill import strikes, under_fire
from crawl.command import until
from crawl.site import woods
from results.exchanges import records
from server import pattern

pytestmark = [pytest.mark.process]

SPIDER = """
from acrawl import Request, Spider
from acrawl.outcome import MadeFile

class Woods(Spider):
    name = "woods"

    def __init__(self, url):
        super().__init__(url=url)
        self.start_urls = [url]

    def parse(self, response):
        yield {"url": response.url}
        if response.url.endswith("/page/1"):
            yield MadeFile(response.url, b"# made", "text/markdown")
            yield Request(response.urljoin("/big"), save=True, callback="ignore")
            yield Request(response.urljoin("/moved"), callback="ignore")
            yield Request(response.urljoin("/gone"), callback="ignore")
        yield from response.follow_all()

    def ignore(self, response):
        pass
"""
BIG = pattern(2_500_000)


@pytest.fixture
def crawl(live, tmp_path):
    """The words of a crawl of a wood with something odd in it."""
    (tmp_path / "woods.py").write_text(SPIDER)
    live.add("/big", BIG, "application/octet-stream")
    live.add("/moved", b"", status=302, Location="/page/2")
    return ["run", "woods.py", "-a", f"url={live.url('/')}", "--warc", "a/site", "--files", "files"]


def archive(folder):
    """All records, file by file; each file is read to its last byte."""
    return [record for path in sorted((folder / "a").glob("*.warc.gz")) for record in records(path)]


def answers(folder, *kinds):
    wanted = kinds or ("response", "revisit")
    return collections.Counter(fields["WARC-Target-URI"] for kind, fields, _ in archive(folder) if kind in wanted)


def test_a_crawl_of_two_workers_archives_each_answer_once(crawl, acrawl, typed, live, tmp_path):
    paths = woods(live, 40)
    done = acrawl(*crawl, "--workers", 2, "-s", "warc.max_bytes=20000")
    assert done.code == EXIT_OK, done.err
    expected = {live.url(path) for path in {*paths, "/robots.txt", "/big", "/moved", "/gone"}}
    assert answers(tmp_path) == answers(tmp_path, "request") == dict.fromkeys(expected, 1)
    (big,) = [
        block for kind, fields, block in archive(tmp_path)
        if kind == "response" and fields["WARC-Target-URI"].endswith("/big")
    ]  # fmt: skip
    assert big.partition(b"\r\n\r\n")[2] == BIG
    (made,) = [block for kind, _, block in archive(tmp_path) if kind == "conversion"]
    assert made == b"# made"
    assert len(list((tmp_path / "a").glob("*.gz"))) > 1
    lines = [line.split(" ", 2) for line in (tmp_path / "a" / "site.cdxj").read_text().splitlines()]
    assert {json.loads(facts)["url"]: json.loads(facts)["status"] for *_, facts in lines} == {
        **dict.fromkeys(expected, "200"),
        live.url("/moved"): "302",
        live.url("/gone"): "404",
        live.url("/robots.txt"): "404",
    }
    assert not (tmp_path / "files" / ".acrawl" / "exchanges").exists()
    assert typed("audit", "--job", "files/.acrawl").code == EXIT_OK


def test_workers_of_other_machines_send_what_is_long(crawl, start, acrawl, live, tmp_path):
    paths = woods(live, 5)
    master = start(*crawl, "--workers", 0, "--listen", "127.0.0.1:0", "--job", "job")
    until((tmp_path / "job" / "join.json").exists, 30)
    worker = start("work", "--join", "job/join.json", "--keep-here", "mine", "--send-files", "woods.py")
    assert master.end().code == EXIT_OK
    assert worker.end().code == EXIT_OK
    assert set(answers(tmp_path)) >= {live.url(path) for path in {*paths, "/big"}}
    (big,) = [b for k, f, b in archive(tmp_path) if k == "response" and f["WARC-Target-URI"].endswith("/big")]
    assert big.endswith(BIG)


@pytest.mark.timeout(120)
def test_kills_of_master_and_workers_lose_and_double_nothing(crawl, live, tmp_path):
    paths = woods(live, 60)
    live.delay = 0.03
    seed = random.randrange(1 << 32)
    print("seed", seed)
    losses = under_fire(
        [*crawl, "--workers", "2", "--resume", "-s", "warc.max_bytes=15000", "-s", "politeness.delay=0"],
        strikes(seed, 3, len(paths), pause=0.2),
        lambda: len(live.log),
        cwd=tmp_path,
        seconds=100,
        seed=seed,
    )
    assert losses.masters + losses.workers >= 2
    expected = {live.url(path) for path in {*paths, "/big", "/moved", "/gone"}}
    found = answers(tmp_path)
    assert found.pop(live.url("/robots.txt")) >= 1  # it is asked for in each life
    assert found == dict.fromkeys(expected, 1)
    assert not (tmp_path / "files" / ".acrawl" / "exchanges").exists()


def test_without_an_archive_nothing_of_it_is_made(live, acrawl, tmp_path):
    live.page("/")
    (tmp_path / "woods.py").write_text(SPIDER)
    assert acrawl("run", "woods.py", "-a", f"url={live.url('/')}", "--workers", 1, "--job", "job").code == EXIT_OK
    assert not (tmp_path / "job" / "warc.db").exists()
    assert not (tmp_path / "job" / "exchanges").exists()
    with sqlite3.connect(tmp_path / "job" / "job.db") as db:
        assert db.execute("select feed from mark where feed like '%warc%'").fetchall() == []
    db.close()


def test_what_is_there_is_told_of_before_anything_is_fetched(crawl, acrawl, live, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "site-00003.warc.gz").write_bytes(b"somebody's")
    done = acrawl(*crawl)
    assert done.code == EXIT_ENVIRONMENT
    assert "site-00003.warc.gz is there already" in done.complaint
    assert live.log == []
