"""Kills of masters and workers whose feeds and files are in buckets; servers that refuse, and that go away."""

import contextlib
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import threading
import uuid

import pytest

import server
from acrawl.errors import EXIT_FAILED, EXIT_OK
from crawl.command import until
from results.s3 import Refusing, Store, contents, environ, environment

pytestmark = [pytest.mark.process]

CLOUDED = pathlib.Path(__file__).with_name("clouded.py")
PICTURES, CONTENTS = 30, 12


@pytest.fixture
def album(live):
    """A site of pictures, of which some are alike and one goes in parts. URL to bytes."""
    found = {}
    for n in range(PICTURES):
        found[f"/{n % 7}/{n}.png"] = server.png(n % CONTENTS)
    found["/large.png"] = server.png(1000) + os.urandom(9 << 20)
    paths = list(found)
    for path, data in found.items():
        live.add(path, data, "image/png")
    for page in range(10):
        images = "".join(f'<img src="{path}">' for path in paths[page::10])
        live.add(f"/{page}.html" if page else "/", f'{images}<a href="/{page + 1}.html">next</a>')
    return {live.url(path): data for path, data in found.items()}


def told(url, album, seed):
    """Fail unless each item was delivered once, and each content is there once, under its name, and nothing else."""
    found = contents(url)
    feed = [json.loads(line) for line in found.pop("items.jsonl").splitlines()]
    assert sorted(line["url"] for line in feed) == sorted(album), f"seed {seed}"
    assert {line["url"]: found[f"pictures/{line['path']}"] for line in feed} == album, f"seed {seed}"
    names = {f"pictures/{line['path']}" for line in feed}
    assert set(found) == names, f"seed {seed}: {sorted(set(found) ^ names)}"
    assert len(names) == len(set(album.values())), f"seed {seed}"


def test_feeds_and_files_survive_deaths_at_requests(moto, tmp_path):
    bucket, seed = f"shop-{uuid.uuid4().hex[:12]}", random.randrange(1 << 32)
    moto.make(bucket)
    command = [sys.executable, CLOUDED, tmp_path, f"s3://{bucket}", "1", str(seed)]
    with environ(environment(moto.url)):
        done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, f"seed {seed}: {done.stderr}"
    assert int(done.stdout) >= 2


def test_images_that_are_renumbered_between_visits_survive_deaths_at_any_request(moto, tmp_path):
    bucket, first = f"shop-{uuid.uuid4().hex[:12]}", random.randint(1, 36)
    moto.make(bucket)
    script = CLOUDED.with_name("renumbered.py")
    command = [sys.executable, script, tmp_path, f"s3://{bucket}", str(first), str(first + 3)]
    with environ(environment(moto.url)):
        done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, f"from point {first}: {done.stderr}"
    assert int(done.stdout) == 4


SPIDER = """
from acrawl import Request, Spider

class Album(Spider):
    def __init__(self, url):
        super().__init__(url=url)
        self.start_urls = [url]

    def parse(self, response):
        for src in response.css("img::attr(src)").getall():
            yield response.follow(src, save=True, callback=None)
        yield from response.follow_all(css="a")
"""


@pytest.mark.timeout(150)
def test_masters_and_workers_are_killed_and_nothing_is_lost_or_doubled(live, album, start, acrawl, moto, tmp_path):
    live.delay = 0.05
    bucket, seed = f"shop-{uuid.uuid4().hex[:12]}", random.randrange(1 << 32)
    chance, refusing = random.Random(seed), Refusing(moto)
    moto.make(bucket)
    (tmp_path / "album.py").write_text(SPIDER)
    words = ["run", "album.py", "-a", f"url={live.url('/')}", "--workers", 2, "--files", f"s3://{bucket}/pictures"]
    words += ["-o", f"s3://{bucket}/items.jsonl", "--resume"]
    with environ(environment(refusing.url)):
        kills = 0
        for _ in range(2):
            asked, command = len(live.log), start(*words)
            until(lambda begun=asked: len(live.log) > begun or not command.alive, 30)  # noqa: B023 - asked at once
            threading.Event().wait(chance.random())
            for worker in command.children()[:1]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGKILL)
            threading.Event().wait(chance.random())
            kills += command.alive
            command.close()
        live.delay = 0
        done = acrawl(*words)
    refusing.close()
    assert done.code == EXIT_OK, f"seed {seed}: {done.err}"
    assert kills >= 1
    assert refusing.refused > 10
    with environ(environment(moto.url)):
        told(f"s3://{bucket}", album, seed)


def test_a_store_that_goes_away_ends_the_crawl_in_one_line_and_it_goes_on_later(live, start, acrawl, tmp_path):
    store = Store("rclone")
    store.make("shop")
    (tmp_path / "page.py").write_text(
        "from acrawl import Spider\nclass Page(Spider):\n"
        f"    start_urls = [{live.page('/')!r}]\n"
        "    def parse(self, response):\n        yield {'url': response.url}\n"
    )
    words = ["run", "page.py", "--workers", 1, "-o", "s3://shop/items.jsonl", "-s", "cloud.patience=1"]
    try:
        with environ(environment(store.url)):
            live.delay = 1.0
            crawl = start(*words)
            live.wait_for(1)
            store.stop()
            broken = crawl.end()
            assert broken.code == EXIT_FAILED, broken.err
            last = broken.err.strip().splitlines()[-1]
            assert "the feed cannot be uploaded: s3://shop/items.jsonl: 127.0.0.1" in last
            assert "Traceback" not in broken.err
            store.start()
            live.delay = 0.0
            assert acrawl(*words).code == EXIT_OK
            assert [json.loads(line) for line in contents("s3://shop")["items.jsonl"].splitlines()] == [
                {"url": live.url("/")}
            ]
    finally:
        store.reap()


def test_a_bucket_that_goes_away_costs_no_saved_file(live, start, acrawl, tmp_path):
    store = Store("rclone")
    store.make("shop")
    (tmp_path / "album.py").write_text(SPIDER)
    pictures = {live.picture(f"/{n}.png", n): server.png(n) for n in range(4)}
    live.add("/", "".join(f'<img src="{url}">' for url in pictures))
    words = ["run", "album.py", "-a", f"url={live.url('/')}", "--workers", 1, "--files", "s3://shop/files"]
    words += ["-s", "cloud.patience=0.3", "-s", "retry.delay=0.05", "-s", "retry.times=1", "--job", "job", "-q"]
    try:
        with environ(environment(store.url)):
            live.delay = 0.5
            crawl = start(*words)
            live.wait_for(1)
            store.stop()
            broken = crawl.end()
            assert broken.code == EXIT_FAILED, broken.err
            assert "cannot be reached" in broken.complaint
            assert broken.complaint.endswith("mend that and run the same command again")
            store.start()
            live.delay = 0.0
            assert acrawl(*words).code == EXIT_OK
            found = contents("s3://shop/files")
        assert sorted(found.values()) == sorted(pictures.values())
    finally:
        store.reap()
