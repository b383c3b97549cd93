"""Whole crawls by ``acrawl run``: one spider that does everything, with one worker and with three."""

from __future__ import annotations

import collections
import hashlib
import itertools
import pathlib

import msgspec
import pytest

import server
from acrawl.errors import EXIT_LIMIT, EXIT_OK, EXIT_USAGE
from acrawl.master.seeds import gate_of
from acrawl.settings import Settings
from acrawl.spider import Spider
from crawl.command import Command, Done, records
from crawl.site import LiveSite, woods

SPIDER = pathlib.Path(__file__).with_name("many.py")
BYTES = server.pattern(200_000)


class Crawl(msgspec.Struct):
    """A finished crawl of `SPIDER` and its two sites."""

    done: Done
    home: LiveSite
    other: LiveSite
    folder: pathlib.Path

    @property
    def items(self) -> list[dict]:
        return records(self.folder / "items.jsonl")

    def kind(self, kind: str) -> list[dict]:
        return [item for item in self.items if item.get("kind") == kind]

    def paths(self, kind: str) -> list[str]:
        return sorted(
            item["url"].replace(self.home.origin, "").replace(self.other.origin, "") for item in self.kind(kind)
        )


def furnish(home: LiveSite, other: LiveSite) -> None:
    deeper = '<a class="deeper" href="/depth/1">1</a><a class="deeper" href="/depth/1#again">1</a>'
    home.add("/", f"<title>Home</title>{deeper}")
    for path in ("/async", "/coroutine", "/list", "/raises", "/denied", "/again", "/twice", "/new-place"):
        home.page(path)
    for n in range(1, 5):
        home.page(f"/depth/{n}", [f"/depth/{n + 1}"])
    home.add("/moved", "", status=301, location="/new-place")
    home.picture("/picture.png", 3)
    home.add("/report.bin", BYTES, "application/octet-stream")
    home.add("/robots.txt", "User-agent: *\nDisallow: /denied\n", "text/plain")
    for path in ("/offsite", "/invited"):
        other.page(path)


def crawl(folder: pathlib.Path, home: LiveSite, other: LiveSite, workers: int) -> Crawl:
    command = Command(
        "run", SPIDER, "-o", "items.jsonl", "--files", "files", "--workers", workers, "-a", f"origin={home.origin}",
        "-a", f"other={other.origin}", "-a", "tag=blue", "-s", "scope.max_depth=3", "-s", "fetch.allow_private=true",
        cwd=folder,
    )  # fmt: skip
    try:
        return Crawl(command.end(), home, other, folder)
    finally:
        command.close()


@pytest.fixture(scope="module", params=[1, 3], ids=["one-worker", "three-workers"])
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    with LiveSite() as home, LiveSite() as other:
        furnish(home, other)
        yield crawl(tmp_path_factory.mktemp("whole"), home, other, request.param)


def test_a_finished_crawl_exits_with_0_and_tells_the_spider(whole):
    assert whole.done.code == EXIT_OK, whole.done.err
    assert whole.done.out == "closed: finished\n"


def test_every_shape_of_callback_gives_its_items(whole):
    assert whole.paths("async") == ["/async"]
    assert whole.paths("coroutine") == ["/coroutine"]
    assert whole.paths("list") == ["/list"]
    assert whole.paths("dict") == ["/"]


def test_cb_kwargs_meta_and_arguments_arrive(whole):
    assert [item["extra"] for item in whole.kind("extra")] == [7]
    assert [item["seen"] for item in whole.kind("meta")] == [[1, 2]]
    assert [(item["tag"], item["title"]) for item in whole.kind("dict")] == [("blue", "Home")]


def test_every_item_is_in_the_feed_once(whole):
    kinds = collections.Counter(item.get("kind", "file") for item in whole.items)
    assert kinds == {
        "dict": 1, "async": 1, "extra": 1, "coroutine": 1, "meta": 1, "list": 1, "before": 1, "depth": 3, "facts": 1,
        "lost": 1, "plain": 5, "file": 2,
    }  # fmt: skip
    urls = collections.Counter(item["url"] for item in whole.kind("plain"))
    assert {url for url, count in urls.items() if count > 1} == {whole.home.url("/twice")}


def test_no_url_is_fetched_twice_unless_the_spider_says_so(whole):
    assert whole.home.repeated == {"/twice": 2}
    assert whole.other.repeated == {}


def test_offsite_requests_are_excluded_unless_invited(whole):
    assert set(whole.other.hits) == {"/invited"}


def test_robots_txt_is_obeyed(whole):
    assert "/denied" not in whole.home.hits
    assert "robots 1" in whole.done.err


def test_nothing_below_the_depth_limit_is_fetched(whole):
    found = sorted((item["url"][-1], item["depth"]) for item in whole.kind("depth"))
    assert found == [("1", 1), ("2", 2), ("3", 3)]
    assert "/depth/4" not in whole.home.hits


def test_a_redirect_leads_to_the_callback_under_the_new_url(whole):
    assert "/new-place" in whole.paths("plain")
    assert whole.home.hits["/moved"] == whole.home.hits["/new-place"] == 1


def test_a_missing_page_reaches_the_errback_and_is_counted(whole):
    assert [(item["url"], item["reason"]) for item in whole.kind("lost")] == [(whole.home.url("/missing"), "http-404")]
    assert "http-404 2" in whole.done.err


def test_a_callback_that_raises_fails_its_request_alone_and_leaves_a_traceback(whole):
    assert whole.paths("before") == ["/raises"]
    assert "callback 1" in whole.done.err
    assert 'raise ValueError("the page has no price")' in whole.done.err
    assert f"parse_raises failed on {whole.home.url('/raises')}" in whole.done.err


def test_downloads_give_file_items_and_their_bytes_are_where_they_say(whole):
    files = {item["url"]: item for item in whole.items if "kind" not in item}
    report, picture = files[whole.home.url("/report.bin")], files[whole.home.url("/picture.png")]
    assert report["sha256"] == hashlib.sha256(BYTES).hexdigest()
    assert (whole.folder / "files" / report["path"]).read_bytes() == BYTES
    assert (whole.folder / "files" / picture["path"]).read_bytes() == server.png(3)
    assert (picture["type"], picture["width"], picture["height"]) == ("image/png", 4, 3)
    assert [(item["sha"], item["width"]) for item in whole.kind("facts")] == [(picture["sha256"], 4)]


# -- other crawls

LINKS = """
from acrawl import Request, Spider

class Links(Spider):
    def __init__(self, url):
        super().__init__(url=url)
        self.start_urls = [url]

    def parse(self, response):
        yield {"url": response.url}
        yield from response.follow_all()
"""

ORDER = """
from acrawl import Request, Spider

class Order(Spider):
    custom_settings = {"CONCURRENT_REQUESTS_PER_DOMAIN": 1}

    def __init__(self, url):
        super().__init__(url=url)
        self.start_urls = [url]

    def parse(self, response):
        for priority in (0, 5, -3, 9):
            yield response.follow(f"/p/{priority}", self.leaf, priority=priority)

    def leaf(self, response):
        return []
"""


def test_a_limit_ends_the_crawl_with_4_and_records_the_rest(acrawl, live, tmp_path):
    woods(live, 60)
    live.delay = 0.05
    (tmp_path / "links.py").write_text(LINKS)
    done = acrawl(
        "run", "links.py", "-o", "items.jsonl", "--workers", 1, "-a", f"url={live.url()}", "-s", "limits.max_pages=5"
    )
    assert done.code == EXIT_LIMIT, done.err
    assert "limits.max_pages" in done.err
    assert "limit " in done.err.partition("excluded")[2]
    assert 5 <= len(live.log) < 60
    assert len(records(tmp_path / "items.jsonl")) == len(live.log)


def test_a_higher_priority_goes_first(acrawl, live, tmp_path):
    (tmp_path / "order.py").write_text(ORDER)
    live.page("/")
    for priority in (0, 5, -3, 9):
        live.page(f"/p/{priority}")
    # The politeness of one at a time makes the order visible.
    done = acrawl("run", "order.py", "--workers", 1, "-a", f"url={live.url()}")
    assert done.code == EXIT_OK, done.err
    assert [path for path, _ in live.log] == ["/", "/p/9", "/p/5", "/p/0", "/p/-3"]


def test_a_delay_holds_for_all_workers_together(acrawl, live, tmp_path):
    woods(live, 6)
    (tmp_path / "links.py").write_text(LINKS)
    done = acrawl("run", "links.py", "--workers", 3, "-a", f"url={live.url()}", "-s", "politeness.delay=0.3")
    assert done.code == EXIT_OK, done.err
    times = [moment for _, moment in live.log]
    assert len(times) == 6
    assert min(later - former for former, later in itertools.pairwise(times)) > 0.2


def test_concurrency_at_a_host_holds_for_all_workers_together(acrawl, live, tmp_path):
    woods(live, 40)
    live.delay = 0.05
    (tmp_path / "links.py").write_text(LINKS)
    done = acrawl("run", "links.py", "--workers", 3, "-a", f"url={live.url()}", "-s", "politeness.concurrency=4")
    assert done.code == EXIT_OK, done.err
    assert set(live.hits) == set(woods(live, 40))
    assert live.busiest <= 4


def test_items_can_go_to_standard_output(acrawl, live, tmp_path):
    woods(live, 3)
    (tmp_path / "links.py").write_text(LINKS)
    done = acrawl("run", "links.py", "-o", "-", "--workers", 1, "-q", "-a", f"url={live.url()}")
    assert done.code == EXIT_OK, done.err
    assert sorted(msgspec.json.decode(line)["url"] for line in done.out.splitlines()) == sorted(
        live.url(path) for path in woods(live, 3)
    )
    assert done.err == ""


def test_a_start_that_raises_ends_the_crawl_in_one_line_and_can_be_resumed(acrawl, live, tmp_path):
    source = LINKS + "    async def start(self):\n        yield Request(self.url)\n        raise KeyError('the list')\n"
    (tmp_path / "links.py").write_text(source)
    live.page("/")
    done = acrawl("run", "links.py", "--workers", 1, "-q", "-a", f"url={live.url()}")
    assert done.code == 1
    assert "start() failed: KeyError: 'the list'" in done.complaint
    (tmp_path / "links.py").write_text(LINKS)
    changed = acrawl("run", "links.py", "--workers", 1, "-a", f"url={live.url()}")
    assert changed.code == EXIT_USAGE
    assert "source has changed" in changed.complaint
    done = acrawl("run", "links.py", "--workers", 1, "-o", "items.jsonl", "--resume", "-a", f"url={live.url()}")
    assert done.code == EXIT_OK, done.err
    assert records(tmp_path / "items.jsonl") == [{"url": live.url()}]


def test_a_spider_that_begins_nowhere_is_told_so(acrawl, tmp_path):
    (tmp_path / "typo.py").write_text(
        "from acrawl import Spider\n\nclass Typo(Spider):\n    start_url = ['http://127.0.0.1:1/']\n"
    )
    done = acrawl("run", "typo.py", "--workers", 1, "-q")
    assert done.code == EXIT_OK
    assert "Typo has nothing to begin with: start_urls is empty" in done.err


def test_a_url_among_the_allowed_domains_is_told(caplog):
    class Shop(Spider):
        allowed_domains = ("https://shop.example/", "shop.example:8080", "shop.example", "[::1]")

    gate_of(Shop.made({}, Settings()))
    assert [record.message for record in caplog.records] == [
        f"allowed_domains: no host belongs to '{domain}'; write a domain, as example.org"
        for domain in Shop.allowed_domains[:2]
    ]


def test_a_seed_is_crawled_while_start_waits_for_what_comes_of_it(acrawl, live, tmp_path):
    source = LINKS + (
        "    async def start(self):\n"
        "        import asyncio, os\n"
        "        yield Request(self.url)\n"
        "        while not os.path.exists('items.jsonl') or not os.path.getsize('items.jsonl'):\n"
        "            await asyncio.sleep(0.05)\n"
        "        yield Request(self.url + 'second')\n"
    )
    (tmp_path / "links.py").write_text(source)
    live.page("/")
    live.page("/second")
    done = acrawl("run", "links.py", "-o", "items.jsonl", "--workers", 1, "-a", f"url={live.url()}", deadline=20)
    assert done.code == EXIT_OK, done.err
    assert [path for path, _ in live.log] == ["/", "/second"]


SLOW_AND_FAST = """
from acrawl import Request, Spider

class Both(Spider):
    def __init__(self, slow, fast):
        super().__init__()
        self.start_urls = [f"{slow}/{n}" for n in range(3)] + [f"{fast}/{n}" for n in range(12)]

    def parse(self, response):
        return None
"""


def test_a_slow_host_does_not_hold_up_a_faster_one(acrawl, live, tmp_path):
    # Given a host that wants 3 s between two requests and one that wants 0.15 s, both at one worker,
    (tmp_path / "both.py").write_text(SLOW_AND_FAST)
    with LiveSite() as fast:
        for n in range(12):
            fast.page(f"/{n}")
            live.page(f"/{n}")
        live.add("/robots.txt", "User-agent: *\nCrawl-delay: 3\n", "text/plain")
        fast.add("/robots.txt", "User-agent: *\nCrawl-delay: 0.15\n", "text/plain")
        done = acrawl("run", "both.py", "--workers", 1, "-a", f"slow={live.origin}", "-a", f"fast={fast.origin}")
        assert done.code == EXIT_OK, done.err
        # then all twelve of the fast one are there before the third of the slow one.
        assert len(fast.log) == 12
        assert max(moment for _, moment in fast.log) < live.log[2][1]
