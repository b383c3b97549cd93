"""Plain mistakes: one line that names what is wrong, the right exit code, and nothing left behind."""

from __future__ import annotations

import contextlib
import pathlib
import socket
from collections.abc import Iterator

import pytest

from acrawl.errors import EXIT_ENVIRONMENT, EXIT_OK, EXIT_USAGE
from acrawl.queues.join import Join, read
from crawl.command import records, until

SPIDER = """
from acrawl import Spider

class One(Spider):
    def __init__(self, url="http://127.0.0.1:1/"):
        super().__init__(url=url)
        self.start_urls = [url]

    def parse(self, response):
        yield {"url": response.url}
"""
FILES = {
    "one.py": SPIDER,
    "two.py": SPIDER + "\nclass Two(One): pass\n",
    "none.py": "x = 1\n",
    "broken.py": "def f(:\n    pass\n",
    "imports.py": "import no_such_module_anywhere\n",
    "scrapys.py": "\n\nimport scrapy.http\n",
    "rules.py": "from acrawl import CrawlSpider, Rule\n\nclass One(CrawlSpider):\n    rules = Rule()\n",
    "text.py": SPIDER.replace("[url]", "url"),
    "domain.py": SPIDER.replace("class One(Spider):", "class One(Spider):\n    allowed_domains = 'a.example'"),
    "raises.py": "raise RuntimeError('boom at import')\n",
    "refuses.py": SPIDER.replace("super()", "raise ValueError('no such shop') or super()"),
    "badset.py": SPIDER.replace("class One(Spider):", "class One(Spider):\n    custom_settings = {'POLITE': 1}"),
    "nourl.py": SPIDER.replace("self.start_urls = [url]", "self.start_urls = ['example.org/no-scheme']"),
    "bad.toml": "politeness = [\n",
    "unknown.toml": "[politeness]\ndealy = 1\n",
    "short.key": "too-short\n",
    "garbage.json": "{not json",
    "file": "in place of a folder\n",
}


@pytest.fixture
def home(tmp_path: pathlib.Path) -> pathlib.Path:
    """A folder with spiders and settings, right and wrong."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "garbage.json").chmod(0o600)
    (tmp_path / "folder").mkdir()
    return tmp_path


@pytest.fixture
def busy() -> Iterator[int]:
    """A port somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def untouched(home: pathlib.Path) -> None:
    """Nothing was made in the folder but what Python keeps of the modules it read."""
    left = {entry.name for entry in home.iterdir()} - {"__pycache__"}
    assert left == {*FILES, "folder"}
    assert not list((home / "folder").iterdir())


RUN = ("run", "one.py")
IMAGES = ("images", "http://127.0.0.1:1/", "-o", "pictures")
USAGE = {
    "no-host": (("images", "http://", "-o", "p"), ["http://", "https://host/path"]),
    "ftp": (("images", "ftp://x", "-o", "p"), ["ftp://x", "http"]),
    "words": (("images", "not a url", "-o", "p"), ["not a url"]),
    "empty-url": (("images", "", "-o", "p"), ["URL"]),
    "seed-without-scheme": (("run", "nourl.py"), ["example.org/no-scheme"]),
    "no-folder": (("images", "http://127.0.0.1:1/"), ["--files"]),
    "unknown-setting": ((*RUN, "-s", "politeness.dealy=1"), ["politeness.dealy", "politeness.delay"]),
    "unknown-section": ((*RUN, "-s", "polite.delay=1"), ["polite.delay", "politeness.delay"]),
    "setting-without-value": ((*RUN, "-s", "politeness.delay"), ["section.key=value"]),
    "negative-setting": ((*RUN, "-s", "politeness.delay=-1"), ["politeness.delay", "-1"]),
    "setting-no-number": ((*RUN, "-s", "retry.times=many"), ["retry.times", "many"]),
    "bad-scope": ((*RUN, "-s", "scope.within=world"), ["scope.within", "world"]),
    "login-without-password": ((*RUN, "-s", 'auth.hosts={"a.example" = "basic me"}'), ["auth.hosts: a.example"]),
    "no-such-secret": ((*RUN, "-s", 'auth.hosts={"a.example" = "bearer env:NO_SUCH"}'), ["a.example", "NO_SUCH"]),
    "no-such-secret-file": ((*RUN, "-s", 'auth.hosts={"a.example" = "basic me:file:none"}'), ["a.example", "none"]),
    "no-such-proxies": ((*RUN, "-s", "proxy.urls=file:none.txt"), ["proxy.urls: file:none.txt"]),
    "no-such-proxy-variable": ((*RUN, "-s", "proxy.urls=env:NO_SUCH"), ["proxy.urls", "NO_SUCH"]),
    "setting-of-the-spider": (("run", "badset.py"), ["POLITE"]),
    "missing-toml": ((*RUN, "--config", "none.toml"), ["none.toml"]),
    "bad-toml": ((*RUN, "--config", "bad.toml"), ["bad.toml", "TOML"]),
    "toml-is-folder": ((*RUN, "--config", "folder"), ["folder"]),
    "unknown-in-toml": ((*RUN, "--config", "unknown.toml"), ["unknown.toml", "politeness.delay"]),
    "syntax-error": (("run", "broken.py"), ["broken.py:1"]),
    "missing-spider": (("run", "nobody.py"), ["nobody.py"]),
    "missing-module": (("run", "no_such_module_anywhere:One"), ["no_such_module_anywhere"]),
    "spider-is-folder": (("run", "folder"), ["folder"]),
    "empty-spider": (("run", ""), []),
    "no-spider": (("run", "none.py"), ["none.py", "found none"]),
    "two-spiders": (("run", "two.py"), ["One", "Two", "two.py:Class"]),
    "no-such-class": (("run", "one.py:Three"), ["Three", "One"]),
    "import-error": (("run", "imports.py"), ["imports.py:1", "no_such_module_anywhere"]),
    "scrapy-import": (("run", "scrapys.py"), ["scrapys.py:3", "docs/from-scrapy.md"]),
    "error-at-import": (("run", "raises.py"), ["raises.py:1", "boom at import"]),
    "rule-without-list": (("run", "rules.py"), ["One.rules", "list"]),
    "seed-without-list": (("run", "text.py"), ["One.start_urls", "['http://127.0.0.1:1/']"]),
    "domain-without-list": (("run", "domain.py"), ["One.allowed_domains", "['a.example']"]),
    "path": (("images", "/var/www", "-o", "p"), ["'/var/www'", "https://host/path"]),
    "path-in-shell": (("shell", "./none.html"), ["./none.html", "https://host/path"]),
    "argument-without-value": ((*RUN, "-a", "url"), ["-a url", "name=value"]),
    "argument-not-taken": ((*RUN, "-a", "colour=red"), ["colour"]),
    "argument-refused": (("run", "refuses.py"), ["no such shop"]),
    "unknown-command": (("crwal",), ["crwal"]),
    "unknown-option": ((*RUN, "--wrokers", "2"), ["--wrokers", "--workers"]),
    "no-spider-given": (("run",), ["SPIDER"]),
    "workers-no-number": ((*RUN, "--workers", "many"), ["many"]),
    "workers-negative": ((*RUN, "--workers", "-1"), ["-1"]),
    "nobody-works": ((*RUN, "--workers", "0"), ["--workers 0", "--listen"]),
    "listen-no-port": ((*RUN, "--listen", "127.0.0.1:port"), ["127.0.0.1:port", "HOST:PORT"]),
    "listen-big-port": ((*RUN, "--listen", "127.0.0.1:70000"), ["70000"]),
    "both-resume-and-fresh": ((*RUN, "--resume", "--fresh"), ["--resume", "--fresh"]),
    "no-join": (("work", "one.py"), ["--join"]),
    "archive-in-a-bucket": ((*RUN, "--warc", "s3://shop/web"), ["--warc s3://shop/web", "a place on this machine"]),
    "job-in-a-bucket": ((*RUN, "--job", "s3://shop/job"), ["--job s3://shop/job", "a place on this machine"]),
    "report-in-a-bucket": (("report", "folder", "-o", "s3://shop/r.html"), ["--output s3://shop/r.html"]),
    "links-in-a-bucket": (("links", "http://127.0.0.1:1/", "-o", "gs://shop/l.csv"), ["--output gs://shop/l.csv"]),
    "page-in-a-bucket": (("fetch", "http://127.0.0.1:1/", "-o", "az://shop/p"), ["--output az://shop/p"]),
    "one-slash": (("images", "http://127.0.0.1:1/", "-o", "s3:/shop/pictures"), ["two slashes: s3://shop/pictures"]),
    "wrong-images-option": ((*IMAGES, "--hosts", "some"), ["some"]),
}


@pytest.mark.parametrize(("arguments", "words"), USAGE.values(), ids=USAGE)
def test_wrong_usage_is_one_line_and_2(acrawl, home, arguments, words):
    done = acrawl(*arguments)
    assert done.code == EXIT_USAGE, done.err
    assert done.out == ""
    for word in words:
        assert word in done.complaint
    untouched(home)


ENVIRONMENT = {
    "job-is-file": ((*RUN, "--job", "file/job"), ["file/job"]),
    "job-in-proc": ((*RUN, "--job", "/proc/acrawl-job"), ["/proc/acrawl-job"]),
    "pictures-in-proc": (("images", "http://127.0.0.1:1/", "-o", "/proc/pictures"), ["/proc/pictures"]),
    "pictures-is-file": (("images", "http://127.0.0.1:1/", "-o", "file"), ["file"]),
    "short-key": ((*RUN, "--listen", "127.0.0.1:0", "--authkey-file", "short.key"), ["short.key", "16"]),
    "missing-key": ((*RUN, "--listen", "127.0.0.1:0", "--authkey-file", "none.key"), ["none.key"]),
    "no-join-file": (("work", "--join", "none.json", "one.py"), ["none.json"]),
    "garbage-join-file": (("work", "--join", "garbage.json", "one.py"), ["garbage.json", "no join file"]),
    "join-is-folder": (("work", "--join", "folder", "one.py"), ["folder"]),
}


@pytest.mark.parametrize(("arguments", "words"), ENVIRONMENT.values(), ids=ENVIRONMENT)
def test_what_the_machine_refuses_is_one_line_and_3(acrawl, home, arguments, words):
    done = acrawl(*arguments)
    assert done.code == EXIT_ENVIRONMENT, done.err
    for word in words:
        assert word in done.complaint
    untouched(home)


# What is found out only once the job folder is open; the folder itself may stay.
LATE = {
    "unknown-format": (("-o", "items.parkay"), EXIT_USAGE, ["items.parkay", "jsonl"]),
    "unknown-format-named": (("-o", "items.jsonl:xlm"), EXIT_USAGE, ["xlm", "jsonl"]),
    "feed-is-folder": (("-o", "folder"), EXIT_ENVIRONMENT, ["folder: is a folder; name a file in it"]),
    "feed-is-folder-with-format": (("-o", "folder:jsonl"), EXIT_ENVIRONMENT, ["folder"]),
    "feed-in-proc": (("-o", "/proc/items.jsonl"), EXIT_ENVIRONMENT, ["/proc/items.jsonl"]),
    "feed-below-file": (("-o", "file/items.jsonl"), EXIT_ENVIRONMENT, ["file/items.jsonl"]),
    "files-is-file": (("--files", "file", "--job", "job"), EXIT_ENVIRONMENT, ["file"]),
    "files-in-proc": (("--files", "/proc/pictures", "--job", "job"), EXIT_ENVIRONMENT, ["/proc/pictures"]),
    "log-in-proc": (("-s", "log.file=/proc/acrawl.log"), EXIT_ENVIRONMENT, ["log.file"]),
}


@pytest.mark.parametrize(("more", "code", "words"), LATE.values(), ids=LATE)
def test_results_that_cannot_be_written_stop_the_crawl_before_it_begins(acrawl, home, live, more, code, words):
    live.page("/")
    command = (*RUN, "--workers", 1, "-a", f"url={live.url()}")
    done = acrawl(*command, *more)
    assert done.code == code, done.err
    for word in words:
        assert word in done.complaint
    assert not live.log
    assert (home / "file").read_text() == FILES["file"]
    # The mistake mended, in the spider or in the command, the crawl begins, without a word about --fresh.
    job = ("--job", "job") if "--job" in more else ()
    (home / "one.py").write_text(f"{SPIDER}# mended")
    mended = acrawl(*command, *job, "-o", "items.jsonl")
    assert mended.code == EXIT_OK, mended.err
    assert "going on" not in mended.err
    assert records(home / "items.jsonl") == [{"url": live.url()}]


@pytest.mark.parametrize("where", ["master", "worker"])
def test_a_pipeline_that_cannot_be_opened_leaves_no_crawl_behind(acrawl, home, live, where):
    live.page("/")
    pipeline = f"""
class Broken:
    where = {where!r}

    def open_spider(self):
        raise OSError("no such database")

    def process_item(self, item):
        return item


One.pipelines = [Broken]
"""
    command = (*RUN, "--workers", 1, "-a", f"url={live.url()}", "-o", "items.jsonl")
    (home / "one.py").write_text(SPIDER + pipeline)
    done = acrawl(*command)
    assert done.code == EXIT_USAGE, done.err
    (home / "one.py").write_text(SPIDER)
    mended = acrawl(*command)
    assert mended.code == EXIT_OK, mended.err
    assert records(home / "items.jsonl") == [{"url": live.url()}]


def test_a_busy_port_is_named(acrawl, home, busy):
    done = acrawl(*RUN, "--workers", 1, "--listen", f"127.0.0.1:{busy}")
    assert done.code == EXIT_ENVIRONMENT
    assert str(busy) in done.complaint


def test_an_address_of_another_machine_cannot_be_listened_on(acrawl, home):
    done = acrawl(*RUN, "--listen", "192.0.2.1:8001")
    assert done.code == EXIT_ENVIRONMENT
    assert "192.0.2.1" in done.complaint


# -- joining


@contextlib.contextmanager
def listening(start, live, home: pathlib.Path) -> Iterator[pathlib.Path]:
    """A master that waits for workers, and its join file."""
    live.page("/")
    master = start(*RUN, "--job", "job", "--listen", "127.0.0.1:0", "-a", f"url={live.url()}")
    file = home / "job" / "join.json"
    until(file.exists)
    yield file
    assert master.alive, master.err


def test_a_worker_with_another_key_is_refused(start, acrawl, home, live):
    with listening(start, live, home) as file:
        join = read(str(file))
        Join(join.host, join.port, b"another key of 32 bytes, not it.").write(home / "other.json")
        done = acrawl("work", "--join", "other.json", "one.py", "-q")
    assert done.code == EXIT_ENVIRONMENT
    assert "key" in done.complaint


def test_a_worker_with_another_source_of_the_spider_is_refused(start, acrawl, home, live):
    with listening(start, live, home) as file:
        (home / "folder" / "one.py").write_text(SPIDER + "# changed\n")
        done = acrawl("work", "--join", file, "folder/one.py", "-q")
    assert done.code == EXIT_ENVIRONMENT
    assert "source of the spider" in done.complaint


def test_a_worker_with_another_spider_is_refused(start, acrawl, home, live):
    with listening(start, live, home) as file:
        done = acrawl("work", "--join", file, "two.py:Two", "-q")
    assert done.code == EXIT_ENVIRONMENT
    assert "One" in done.complaint
    assert "Two" in done.complaint


def test_nobody_at_the_masters_address_is_said_after_a_while(acrawl, home, refused_url):
    port = int(refused_url.rpartition(":")[2].strip("/"))
    Join("127.0.0.1", port, b"x" * 32).write(home / "join.json")
    done = acrawl("work", "--join", "join.json", "one.py", "-q")
    assert done.code == EXIT_ENVIRONMENT
    assert f"127.0.0.1:{port}" in done.complaint


def test_off_loopback_the_connection_is_encrypted(start, acrawl, home, live):
    live.page("/")
    master = start(
        *RUN, "-o", "items.jsonl", "--job", "job", "--workers", 1, "--listen", "0.0.0.0:0", "-a", f"url={live.url()}"
    )
    done = master.end()
    assert done.code == EXIT_OK, done.err
    assert records(home / "items.jsonl") == [{"url": live.url()}]


@pytest.mark.parametrize("option", ["-o", "--files", "--warc", "--job"])
def test_a_name_that_no_record_can_keep_is_refused(typed, home, option):
    done = typed("run", "one.py", option, "caf\udce9.jsonl", cwd=home)
    assert done.code == EXIT_USAGE
    assert "caf\\udce9.jsonl: has bytes in it that are no UTF-8" in done.complaint
    untouched(home)
