"""Kills of masters and workers whose feeds and files are in buckets; servers that refuse, and that go away."""

import contextlib
import hashlib
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time
import uuid

import pytest

import server
from acrawl.errors import EXIT_FAILED, EXIT_OK
from results.s3 import Refusing, Store, contents, environ, environment

pytestmark = [pytest.mark.process]

CLOUDED = pathlib.Path(__file__).with_name("clouded.py")
PICTURES, CONTENTS = 90, 40


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


def told(url, album, items):
    """Fail unless every picture is in the bucket, once for each content, and listed; and every item delivered once."""
    found = contents(url)
    listed = {line["url"]: line for line in map(json.loads, found.pop("pictures/images.jsonl").splitlines())}
    assert {url: found[f"pictures/{line['path']}"] for url, line in listed.items()} == album
    names = {f"pictures/{line['path']}" for line in listed.values()}
    assert len(names) == len({hashlib.sha256(data).digest() for data in album.values()})
    feed = [json.loads(line)["url"] for line in found.pop(items).splitlines()]
    assert sorted(feed) == sorted(album), (len(feed), len(album))
    assert set(found) == names, sorted(set(found) - names)


@pytest.mark.parametrize("name", ["rclone", "moto"])
def test_feeds_and_files_survive_deaths_at_every_request(name, request, tmp_path):
    store = request.getfixturevalue(name)
    bucket, seed = f"shop-{uuid.uuid4().hex[:12]}", random.randrange(1 << 32)
    store.make(bucket)
    command = [sys.executable, CLOUDED, tmp_path, f"s3://{bucket}", "1", str(seed)]
    with environ(environment(store.url)):
        done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, f"seed {seed}: {done.stderr}"
    assert int(done.stdout) >= 2


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


def test_masters_and_workers_are_killed_and_nothing_is_lost_or_doubled(live, album, start, acrawl, moto, tmp_path):
    live.delay = 0.02
    bucket, seed = f"shop-{uuid.uuid4().hex[:12]}", random.randrange(1 << 32)
    chance, refusing = random.Random(seed), Refusing(moto)
    moto.make(bucket)
    (tmp_path / "album.py").write_text(SPIDER)
    words = ["run", "album.py", "-a", f"url={live.url('/')}", "--workers", 2, "--files", f"s3://{bucket}/pictures"]
    words += ["-o", f"s3://{bucket}/items.jsonl", "-s", "frontier.lease_seconds=5"]
    with environ(environment(refusing.url)):
        kills = 0
        for _ in range(3):
            command = start(*words)
            time.sleep(chance.uniform(0.5, 2.5))  # a moment like any other
            for worker in chance.sample(command.children(), k=min(1, len(command.children()))):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGKILL)
            time.sleep(chance.uniform(0, 0.7))
            kills += command.alive
            command.close()
        live.delay = 0
        done = acrawl(*words)
    refusing.close()
    print(kills)
    with environ(environment(moto.url)):
        assert done.code == EXIT_OK or "has finished" in done.err, f"seed {seed}: {done.err}"
        told_of_files(f"s3://{bucket}", album, seed)


def told_of_files(url, album, seed):
    found = contents(url)
    feed = [json.loads(line) for line in found.pop("items.jsonl").splitlines()]
    assert sorted(line["url"] for line in feed) == sorted(album), f"seed {seed}"
    assert {line["url"]: found[f"pictures/{line['path']}"] for line in feed} == album, f"seed {seed}"
    names = {f"pictures/{line['path']}" for line in feed}
    assert set(found) == names, f"seed {seed}: {sorted(set(found) ^ names)}"
    assert len(names) == len({hashlib.sha256(data).digest() for data in album.values()}), f"seed {seed}"


def test_a_store_that_goes_away_ends_the_crawl_in_one_line_and_it_goes_on_later(live, acrawl, tmp_path):
    store = Store("rclone")
    try:
        store.make("shop")
        (tmp_path / "gone.py").write_text(
            "import os, signal\nfrom acrawl import Spider\n"
            "class Gone(Spider):\n"
            f"    start_urls = [{live.page('/')!r}]\n"
            "    def parse(self, response):\n"
            "        yield {'url': response.url}\n"
            "    def closed(self, reason): pass\n"
        )
        words = ["run", "gone.py", "--workers", 1, "-o", "s3://shop/items.jsonl", "-s", "cloud.patience=1"]
        with environ(environment(store.url)):
            live.delay = 2
            command = __import__("crawl.command").command.Command(*words, cwd=tmp_path)
            live.wait_for(1)
            store.stop()
            broken = command.end()
            command.close()
            assert broken.code == EXIT_FAILED, broken.err
            line = broken.err.strip().splitlines()[-1]
            assert "the feed cannot be uploaded: s3://shop/items.jsonl: 127.0.0.1" in line
            assert "Traceback" not in broken.err
            store.start()
            done = acrawl(*words)
            assert done.code == EXIT_OK, done.err
            assert [json.loads(line)["url"] for line in contents("s3://shop")["items.jsonl"].splitlines()] == [
                live.url("/")
            ]
    finally:
        store.reap()
