"""Whole crawls into buckets of real servers that speak S3: feeds and files, refused, resumed, published."""

import gzip
import hashlib
import json
import sqlite3

import pyarrow.parquet as pq
import pytest

import server
from acrawl.errors import EXIT_ENVIRONMENT, EXIT_OK, EXIT_USAGE
from results.s3 import contents

pytestmark = [pytest.mark.process]

PAGES = 60
SPIDER = """
from acrawl import Spider

class Shelf(Spider):
    def __init__(self, url):
        super().__init__(url=url)
        self.start_urls = [url]

    def parse(self, response):
        yield {"url": response.url, "n": len(response.url)}
        yield from response.follow_all()
"""


@pytest.fixture
def shelf(live, tmp_path):
    """A site whose pages name some others, and the words of a crawl of it."""
    (tmp_path / "shelf.py").write_text(SPIDER)
    live.page("/", [f"/{n}" for n in range(1, 10)])
    for n in range(1, PAGES):
        live.page(f"/{n}", [f"/{m}" for m in range(10 * n, min(10 * n + 10, PAGES))])
    return ["run", "shelf.py", "-a", f"url={live.url('/')}", "--workers", 2]


@pytest.fixture
def pictures(live):
    """A site with images: two of one content, one whose folder is a file too, one of several parts. Path to bytes."""
    live.page("/second", ["/"], "")
    live.add("/", '<img src="/a.png" alt="A"><img src="/b.png"><img src="/b.png/c.png"><a href="/more">more</a>')
    live.add("/more", '<img src="/x/a.png"><img src="/large.png"><img src="/b.png?v=2">')
    large = server.png(7) + bytes(range(256)) * (20 << 12)
    found = {"/a.png": server.png(1), "/x/a.png": server.png(1), "/b.png": server.png(2), "/b.png/c.png": server.png(3)}
    found |= {"/large.png": large, "/b.png?v=2": server.png(4)}
    for path, data in found.items():
        live.add(path, data, "image/png")
    return found


def expected(live):
    return sorted({live.url("/"), *(live.url(f"/{n}") for n in range(1, PAGES))})


def test_a_crawl_writes_feeds_of_all_kinds_into_a_bucket(shelf, acrawl, live, shop, tmp_path):
    names = ["a/items.jsonl.gz", "items.json", "items.csv", "items.xml.zst", "items.parquet", "items.db"]
    feeds = [word for name in names for word in ("-o", f"{shop}/{name}")]
    batches = ["-o", f"{shop}/b/{{name}}-{{batch:03}}.jsonl", "-s", "feeds.batch_items=25"]
    done = acrawl(*shelf, *feeds, *batches)
    assert done.code == EXIT_OK, done.err
    found = contents(shop)
    batched = [f"b/shelf-00{n}.jsonl" for n in (1, 2, 3)]
    assert sorted(found) == sorted([*names, *batched])
    (tmp_path / "items.parquet").write_bytes(found["items.parquet"])
    (tmp_path / "items.db").write_bytes(found["items.db"])
    connection = sqlite3.connect(tmp_path / "items.db")
    urls = [
        [json.loads(line)["url"] for line in gzip.decompress(found["a/items.jsonl.gz"]).splitlines()],
        [item["url"] for item in json.loads(found["items.json"])],
        [line.split(",")[0] for line in found["items.csv"].decode().splitlines()[1:]],
        pq.read_table(tmp_path / "items.parquet").column("url").to_pylist(),
        [url for (url,) in connection.execute("SELECT url FROM items")],
        [json.loads(line)["url"] for name in batched for line in found[name].splitlines()],
    ]
    connection.close()
    assert [sorted(one) for one in urls] == [expected(live)] * len(urls)
    assert [len(found[name].splitlines()) for name in batched] == [25, 25, 10]
    kept = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(b"s3cret/+key" in data for data in [*kept, done.err.encode(), done.out.encode()])


def test_what_is_there_already_is_refused_and_replaced_by_fresh_only(shelf, acrawl, shop):
    feed = ["-o", f"{shop}/items.jsonl"]
    assert acrawl(*shelf, *feed, "--job", "one").code == EXIT_OK
    before = contents(shop)
    refused = acrawl(*shelf, *feed, "--job", "other")
    assert refused.code == EXIT_ENVIRONMENT
    assert f"{shop}/items.jsonl is there already" in refused.complaint
    assert contents(shop) == before
    assert acrawl(*shelf, *feed, "--job", "other", "--fresh").code == EXIT_OK
    assert sorted(contents(shop)["items.jsonl"].splitlines()) == sorted(before["items.jsonl"].splitlines())


def test_images_get_readable_names_in_the_bucket_and_nothing_else_stays(live, pictures, acrawl, start, shop):
    done = acrawl("images", live.url(), "-o", f"{shop}/pictures", "--workers", 2)
    assert done.code == EXIT_OK, done.err
    found = contents(f"{shop}/pictures")
    listed = {line["url"]: line for line in map(json.loads, found.pop("images.jsonl").splitlines())}
    assert {url: found[line["path"]] for url, line in listed.items()} == {
        live.url(path): data for path, data in pictures.items()
    }
    assert all(hashlib.sha256(found[line["path"]]).hexdigest() == line["sha256"] for line in listed.values())
    gallery = found.pop("index.html")
    assert b"acrawl gallery" in gallery
    assert len(found) == len(set(pictures.values())), sorted(found)


def test_a_later_crawl_takes_nothing_from_anybody(live, pictures, acrawl, shop):
    from acrawl.results.cloud.address import address_of
    from acrawl.results.cloud.bucket import Bucket

    bucket = Bucket(address_of(f"{shop}/pictures", "-o"))
    host = live.url("/").split("/")[2]
    theirs = {"index.html": b"my own page", "images.txt": b"notes"}
    for key, data in theirs.items():
        bucket.put(key, data)
    assert acrawl("images", live.url(), "-o", f"{shop}/pictures", "--workers", 1).code == EXIT_OK
    first = contents(f"{shop}/pictures")
    assert {key: first[key] for key in theirs} == theirs
    assert b"acrawl gallery" in first["gallery.html"]
    again = acrawl("images", live.url(), "-o", f"{shop}/pictures", "--workers", 1, "--fresh")
    assert again.code == EXIT_OK, again.err
    assert sorted(contents(f"{shop}/pictures")) == sorted(first), host
    bucket.close()


def test_a_mirror_needs_a_folder(acrawl, live):
    refused = acrawl("mirror", live.url(), "-o", "s3://shop/copy")
    assert refused.code == EXIT_USAGE
    assert "s3://shop/copy: this needs a folder" in refused.complaint
