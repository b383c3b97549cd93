"""Whole crawls into buckets of real servers that speak S3: feeds and files, refused, resumed, published."""

import asyncio
import gzip
import hashlib
import json
import sqlite3

import pyarrow.parquet as pq
import pytest

import server
from acrawl.errors import EXIT_ENVIRONMENT, EXIT_OK, EXIT_USAGE, EnvironmentProblem, FetchError
from acrawl.results.base import Row
from acrawl.results.catalog import Catalog
from acrawl.results.cloud.address import address_of
from acrawl.results.cloud.bucket import Bucket
from acrawl.results.cloud.known import Known
from acrawl.results.cloud.tree import BucketTree
from acrawl.results.feeds import Crawl, open_feed
from acrawl.settings import Cloud, Feeds
from acrawl.worker.upload import ToBucket, UploadStore
from results.helpers import save
from results.s3 import contents, environ, environment, free_port

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
    return ["run", "shelf.py", "-a", f"url={live.url('/')}", "--workers", 1]


@pytest.fixture
def pictures(live):
    """A site with images: two of one content, one whose folder is a file too, one of several parts. Path to bytes."""
    live.page("/second", ["/"], "")
    live.add("/", '<img src="/a.png" alt="A"><img src="/b.png"><img src="/b.png/c.png"><a href="/more">more</a>')
    live.add("/more", '<img src="/x/a.png"><img src="/large.png"><img src="/b.png?v=2">')
    large = server.png(7) + bytes(range(256)) * (9 << 12)
    found = {"/a.png": server.png(1), "/x/a.png": server.png(1), "/b.png": server.png(2), "/b.png/c.png": server.png(3)}
    found |= {"/large.png": large, "/b.png?v=2": server.png(4)}
    for path, data in found.items():
        live.add(path, data, "image/png")
    return found


def expected(live):
    return sorted({live.url("/"), *(live.url(f"/{n}") for n in range(1, PAGES))})


@pytest.mark.parametrize("store", ["moto"], indirect=True)
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


@pytest.mark.parametrize("name", ["items.jsonl", "part-{batch}.csv"])
def test_what_is_there_already_is_refused_and_replaced_by_fresh_only(shop, tmp_path, name):
    before = deliver(shop, name, tmp_path / "one", 1)
    with pytest.raises(EnvironmentProblem, match="is there already, and is not this job's") as refused:
        deliver(shop, name, tmp_path / "other", 2)
    assert "\n" not in str(refused.value)
    assert contents(shop) == before
    after = deliver(shop, name, tmp_path / "other", 2, overwrite=True)
    assert after.keys() == before.keys()
    assert after != before


def deliver(shop, name, folder, n, *, overwrite=False):
    crawl = Crawl(Feeds(batch_items=1), "shop", folder)
    feed = open_feed(f"{shop}/{name}", {}, overwrite=overwrite, crawl=crawl)
    try:
        feed.write([Row("id", {"n": n})])
        feed.commit()
        feed.finish()
    finally:
        feed.close()
    return contents(shop)


@pytest.mark.parametrize("store", ["rclone"], indirect=True)
def test_images_get_readable_names_and_nothing_is_taken_from_anybody(live, pictures, acrawl, shop):
    bucket = Bucket(address_of(f"{shop}/pictures", "-o"))
    theirs = {"index.html": b"my own page", "notes.txt": b"notes"}
    for key, data in theirs.items():
        bucket.put(key, data)
    bucket.close()
    words = ["images", live.url(), "-o", f"{shop}/pictures", "--workers", 2]
    done = acrawl(*words)
    assert done.code == EXIT_OK, done.err
    found = first = contents(f"{shop}/pictures")
    assert {key: found[key] for key in theirs} == theirs
    listed = {line["url"]: line for line in map(json.loads, found["images.jsonl"].splitlines())}
    assert {url: found[line["path"]] for url, line in listed.items()} == {
        live.url(path): data for path, data in pictures.items()
    }
    assert all(hashlib.sha256(found[line["path"]]).hexdigest() == line["sha256"] for line in listed.values())
    assert b"acrawl gallery" in found["gallery.html"]
    names = {line["path"] for line in listed.values()}
    assert len(names) == len(set(pictures.values()))
    assert found.keys() == {*names, *theirs, "images.jsonl", "gallery.html"}
    again = acrawl(*words, "--fresh")
    assert again.code == EXIT_OK, again.err
    assert contents(f"{shop}/pictures").keys() == first.keys()


@pytest.mark.asyncio
async def test_bytes_that_have_a_name_are_not_sent_again(shop, tmp_path):
    staged = Bucket(address_of(f"{shop}/.objects/job", "-o"))
    catalog = Catalog(
        tmp_path / "results.db", tmp_path / "site", shelf=BucketTree(Bucket(address_of(shop, "-o")), ".objects/job")
    )
    known = Known(tmp_path / "results.db")
    store = UploadStore(ToBucket(Direct(known), "worker", staged))
    first = await save(store, "https://e.org/a.png", server.png(1))
    assert await save(store, "https://e.org/a.png", server.png(1)) == first
    assert sorted(contents(shop)) == [f".objects/job/{first.sha256}"]
    assert await store.sink().kept(first) is None
    with catalog.batch():
        assert catalog.add_files([first]) == ["e.org/a.png"]
    assert contents(shop) == {"e.org/a.png": server.png(1)}
    assert await store.sink().kept(first) == first
    await save(store, "https://e.org/again.png", server.png(1))
    assert contents(shop) == {"e.org/a.png": server.png(1)}
    with catalog.batch():
        assert catalog.add_files([first]) == ["e.org/a.png"], "a batch may come again"
    catalog.close()
    known.close()
    await asyncio.to_thread(store.close)


@pytest.mark.asyncio
async def test_a_worker_whose_store_does_not_answer_says_so_of_the_file(tmp_path):
    with environ(environment(f"http://127.0.0.1:{free_port()}")):
        bucket = Bucket(address_of("s3://shop/files", "-o"), Cloud(patience=0.2))
        store = UploadStore(ToBucket(Direct(None), "worker", bucket))
        with pytest.raises(FetchError, match=r"127\.0\.0\.1:\d+ cannot be reached") as raised:
            await save(store, "https://e.org/a.png", server.png(1))
        assert raised.value.reason == "bucket-gone"
        await asyncio.to_thread(store.close)


class Direct:
    """The connection to a master that is here."""

    def __init__(self, known):
        self._known = known

    async def chunk(self, worker, upload, offset, data, sha256):
        return self._known is not None and await self._known.put(upload, offset, data, sha256)


def test_what_is_wrong_is_one_line_before_anything_is_fetched(shelf, acrawl, live, rclone):
    with environ(environment(rclone.url)):
        for words in (["-o", "s3://nowhere-at-all/items.jsonl"], ["--files", "s3://nowhere-at-all/files"]):
            refused = acrawl(*shelf, *words, "--fresh")
            assert refused.code == EXIT_ENVIRONMENT
            assert f"{words[0]} s3://nowhere-at-all: there is no such bucket" in refused.complaint.replace("/files", "")
    assert live.log == []


def test_a_mirror_needs_a_folder(acrawl, live):
    refused = acrawl("mirror", live.url(), "-o", "s3://shop/copy")
    assert refused.code == EXIT_USAGE
    assert "s3://shop/copy: this needs a folder" in refused.complaint
