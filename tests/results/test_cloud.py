"""Buckets of real servers that speak S3: what they keep, what they refuse, and what is said then."""

import hashlib
import os
import subprocess
import sys
import uuid

import pytest

from acrawl.errors import CrawlFailed, EnvironmentProblem, UsageError
from acrawl.outcome import Derived, FileFact
from acrawl.results.catalog import Catalog
from acrawl.results.cloud.address import address_of, path_of
from acrawl.results.cloud.bucket import PART, PROBE, Bucket
from acrawl.results.cloud.faults import explained
from acrawl.results.cloud.tree import BucketTree
from acrawl.results.feeds.spec import parse, shown
from acrawl.settings import Cloud
from results.s3 import Refusing, contents, environ, environment, free_port

HASTE = Cloud(patience=0.5)


@pytest.fixture
def bucket(shop):
    bucket = Bucket(address_of(f"{shop}/a b/c", "-o"))
    yield bucket
    bucket.close()


def test_bytes_and_files_come_back_as_they_were_put(bucket, tmp_path):
    large = tmp_path / "large"
    large.write_bytes(os.urandom(2 * PART + 5))
    heard = []
    bucket.put("x/ü%20 1.png", b"small", "image/png")
    bucket.put("large", large, advance=heard.append)
    bucket.put("empty", b"")
    assert sum(heard) == bucket.head("large") == 2 * PART + 5
    bucket.copy("large", "y/copy", 2 * PART + 5)
    assert {one.key: one.size for one in bucket.below("")} == {
        "x/ü%20 1.png": 5, "large": 2 * PART + 5, "y/copy": 2 * PART + 5, "empty": 0,
    }  # fmt: skip
    assert b"".join(bucket.read("y/copy")) == large.read_bytes()
    assert b"".join(bucket.read("x/ü%20 1.png")) == b"small"
    assert [one.key for one in bucket.names("x")] == ["x/ü%20 1.png"]
    bucket.delete(["large", "gone", "x/ü%20 1.png", "y/copy", "empty"])
    assert list(bucket.below("")) == []
    assert bucket.head("large") is None


def test_whatever_stands_in_a_name_or_a_type_is_no_trouble(bucket):
    names = [
        "a~^{}`[]#%&=+@!$'(),;.png",
        "%2e%2e",
        "\u202e\U0001f600 .txt",
        "a\u0301.b",
        "c" * 200,
        "-",
        "&amp;<x>?*|:\\",
    ]
    types = ["", "image/png", "text/\xff", "a/b\r\nx: y", "nonsense", "x/" + "y" * 500]
    for name in names:
        for kind in types:
            bucket.put(f"names/{name}", name.encode(), kind)
        bucket.copy(f"names/{name}", f"copies/{name}", len(name))
    assert {one.key: b"".join(bucket.read(one.key)) for one in bucket.below("copies")} == {
        f"copies/{name}": name.encode() for name in names
    }


def test_what_is_too_large_for_the_store_to_copy_is_copied_all_the_same(bucket, monkeypatch):
    monkeypatch.setattr("acrawl.results.cloud.bucket.MOST_COPIED", 3)
    bucket.put("source", b"12345")
    bucket.copy("source", "target", 5)
    assert b"".join(bucket.read("target")) == b"12345"


def test_only_one_of_many_creates_an_object(moto):
    name = f"shop-{uuid.uuid4().hex[:12]}"
    moto.make(name)
    with environ(environment(moto.url)):
        bucket = Bucket(address_of(f"s3://{name}/x", "-o"))
        tasks = [bucket.threads.submit(bucket.create, "key", b"%d" % n) for n in range(30)]
        made = [n for n, task in enumerate(tasks) if task.result()]
        assert len(made) == 1
        assert b"".join(bucket.read("key")) == b"%d" % made[0]
        bucket.close()


@pytest.mark.parametrize("store", ["rclone"], indirect=True)
def test_a_server_that_refuses_half_of_the_writes_is_survived(store, tmp_path):
    name, refusing = f"shop-{uuid.uuid4().hex[:12]}", Refusing(store)
    store.make(name)
    large = tmp_path / "large"
    large.write_bytes(os.urandom(2 * PART))
    with environ(environment(refusing.url)):
        bucket = Bucket(address_of(f"s3://{name}", "-o"))
        bucket.probe("-o")
        for n in range(2):
            bucket.put(f"small/{n}", b"%d" % n)
            assert bucket.create(f"new/{n}", b"%d" % n)
        bucket.put("large", large)
        bucket.close()
        refusing.close()
    assert refusing.refused >= 6
    with environ(environment(store.url)):
        found = contents(f"s3://{name}")
    assert found.pop("large") == large.read_bytes()
    assert found == {f"{kind}/{n}": b"%d" % n for kind in ("small", "new") for n in range(2)}


@pytest.mark.parametrize(
    ("place", "more", "said"),
    [
        ("s3://BUCKET/x", {"AWS_SECRET_ACCESS_KEY": "wrong"}, "the key is refused (SignatureDoesNotMatch)"),
        ("s3://BUCKET/x", {"AWS_ACCESS_KEY_ID": "wrong"}, "the key is refused (InvalidAccessKeyId)"),
        ("s3://nowhere-at-all/x", {}, "there is no such bucket (NoSuchBucket)"),
        ("s3://BUCKET/x", {"AWS_ENDPOINT_URL": "127.0.0.1:9000"}, "AWS_ENDPOINT_URL is no URL"),
        ("s3://BUCKET/x", {"AWS_ENDPOINT_URL": "http://127.0.0.1:CLOSED"}, "127.0.0.1:CLOSED cannot be reached"),
        ("s3://BUCKET/x", {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}, "no credentials are found"),
        ("s3://BUCKET/x", {"AWS_ACCESS_KEY_ID": None, "AWS_PROFILE": "nobody"}, "AWS_PROFILE: ProfileNotFound"),
        ("az://box/x", {}, "set AZURE_STORAGE_ACCOUNT_NAME"),
    ],
)
def test_what_is_wrong_with_a_bucket_is_said_before_anything_begins(rclone, monkeypatch, place, more, said):
    monkeypatch.setattr("acrawl.results.cloud.bucket.PROBE_PATIENCE", 0.5)
    name, closed = f"shop-{uuid.uuid4().hex[:12]}", str(free_port())
    rclone.make(name)
    place, said = place.replace("BUCKET", name), said.replace("CLOSED", closed)
    with environ(environment(rclone.url)):
        for key, value in more.items():
            os.environ.pop(key) if value is None and key in os.environ else None
            if value is not None:
                os.environ[key] = value.replace("CLOSED", closed)
        with pytest.raises(EnvironmentProblem) as raised:
            Bucket(address_of(place, "-o")).probe("-o")
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "text", "said"),
    [
        (
            "s3://shop",
            "status code: 403 Forbidden: <Code>AccessDenied</Code>",
            "that is not allowed (AccessDenied): the key needs s3",
        ),
        (
            "s3://shop",
            "status code: 400 Bad Request: <Code>ExpiredToken</Code>",
            "the credentials have expired (ExpiredToken)",
        ),
        (
            "s3://shop",
            "status code: 301: <Code>PermanentRedirect</Code>",
            "is in another region (PermanentRedirect): set AWS_REGION",
        ),
        ("s3://shop", "status code: 403: <Code>RequestTimeTooSkewed</Code>", "the clocks differ too much"),
        (
            "gs://shop",
            "Error performing token request: Error performing GET http://169.254.169.254/x",
            "no credentials are found: set GOOGLE",
        ),
        (
            "az://box",
            "https://x:s3cret@box.net/y?sig=s3cret status code: 503: <Code>ServerBusy</Code>",
            "box.net answers 503 (ServerBusy)",
        ),
        ("az://box", "status code: 403: <Code>AuthenticationFailed</Code>", "check AZURE_STORAGE_ACCOUNT_NAME"),
        ("s3://shop", "HTTP error: http://h:1/x?sig=s3cret kind: Timeout", "h:1 has not answered in time"),
    ],
)
def test_what_stores_answer_is_said_in_words_and_without_secrets(url, text, said):
    explanation = explained(text, address_of(url, "-o"))
    assert said in explanation
    assert "s3cret" not in explanation


def test_a_profile_gives_the_key(rclone, tmp_path):
    name = f"shop-{uuid.uuid4().hex[:12]}"
    rclone.make(name)
    named = environment(rclone.url)
    key, secret = named.pop("AWS_ACCESS_KEY_ID"), named.pop("AWS_SECRET_ACCESS_KEY")
    (tmp_path / "keys").write_text(f"[shop]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n")
    with environ(named | {"AWS_PROFILE": "shop", "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "keys")}):
        for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            os.environ.pop(variable, None)
        Bucket(address_of(f"s3://{name}", "-o")).probe("-o")


def test_a_server_that_is_gone_is_waited_for_and_then_told_of():
    with environ(environment(f"http://127.0.0.1:{free_port()}")):
        bucket = Bucket(address_of("s3://shop", "-o"), HASTE)
        with pytest.raises(CrawlFailed, match=r"s3://shop/x: 127\.0\.0\.1:\d+ cannot be reached: check") as raised:
            bucket.put("x", b"x")
        assert "\n" not in str(raised.value)
        bucket.close()


def test_a_name_is_taken_for_an_object_only_if_nobody_else_has_it(bucket):
    tree = BucketTree(bucket, ".objects/job")
    digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    bucket.put(f".objects/job/{digest}", b"hello")
    bucket.put("theirs.txt", b"other")
    bucket.put("ours.txt", b"hello")
    tree.expect([(digest, "theirs.txt/below"), (digest, "theirs.txt"), (digest, "new.txt")])
    assert tree.blocks("theirs.txt")
    assert not tree.blocks("new")
    bucket.put("folder.txt/below.txt", b"other")
    assert not tree.place(digest, "folder.txt")
    bucket.delete(["folder.txt/below.txt"])
    assert not tree.place(digest, "theirs.txt")
    assert tree.place(digest, "ours.txt")
    assert tree.place(digest, "new.txt")
    tree.settle()
    with pytest.raises(FileNotFoundError):
        tree.place("0" * 64, "gone.txt")
    tree.committed([digest, "not a digest"])
    bucket.put(f".objects/job/{'1' * 64}", b"never reported")
    assert tree.sweep() == 1
    tree.close()
    assert {one.key: b"".join(bucket.read(one.key)) for one in bucket.below("")} == {
        "theirs.txt": b"other", "ours.txt": b"hello", "new.txt": b"hello",
    }  # fmt: skip


def test_what_a_killed_probe_left_goes_with_the_next(bucket):
    bucket.put(PROBE, b"left")
    bucket.probe("-o")
    assert list(bucket.below("")) == []


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("s3://KEY:SECRET@shop/x.jsonl", "credentials do not belong into a URL"),
        ("s3://shop/x.jsonl?region=eu", "has no options"),
        ("s3://", "names no bucket"),
        ("s3://shop", "names a bucket, and no object in it"),
        ("s3://../x.jsonl", "no bucket can be called"),
        ("s3://shop/a//x.jsonl", "a part that is empty"),
        ("s3://shop/../x.jsonl", "a part that is empty, . or .."),
        ("s3://shop/x.txt", "the name does not tell the format"),
        ("s3://shop/x.txt:jsonk", "did you mean 'json"),
        ("file://host/x.jsonl", "write file:///path"),
        ("ftp://host/x.jsonl", "s3://"),
    ],
)
def test_a_url_that_names_no_object_is_refused(typed, said):
    with pytest.raises(UsageError) as raised:
        parse(typed)
    assert said in str(raised.value)
    assert "SECRET" not in str(raised.value)


def test_urls_are_read_as_people_mean_them():
    spec = parse("s3://shop/a/items.txt.gz:csv")
    assert (spec.path, spec.format, spec.codec) == ("s3://shop/a/items.txt.gz", "csv", ".gz")
    assert parse("gs://shop/items.db#pages").table == "pages"
    assert parse("file:///tmp/a%20b/items.jsonl").path == "/tmp/a b/items.jsonl"
    assert path_of("pictures", "-o") == "pictures"
    assert address_of("S3://shop/pictures/", "-o").url == "s3://shop/pictures"
    assert shown("s3://KEY:SECRET@shop/x") == "s3://KEY:***@shop/x"


def test_nothing_of_it_is_loaded_by_those_who_do_not_use_it():
    code = "import acrawl.cli, acrawl.master.master, acrawl.worker.session, sys; sys.exit('obstore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_missing_extra_is_named(tmp_path):
    code = (
        "import sys; sys.modules['obstore'] = None\n"
        "from acrawl.results.cloud.bucket import Bucket\nfrom acrawl.results.cloud.address import Address\n"
        "from acrawl.errors import MissingExtra\n"
        "try: Bucket(Address('s3', 'shop'))\nexcept MissingExtra as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "s3://shop: needs obstore: pip install 'acrawl[cloud]'\n"


def test_a_copy_that_fails_is_told_of_whatever_is_named_after_it(bucket):
    tree = BucketTree(bucket, ".objects/job")
    digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    bucket.put(f".objects/job/{digest}", b"hello")
    tree.expect([(digest, "a.txt")])
    bucket.delete([f".objects/job/{digest}"])  # somebody empties it under us
    assert tree.place(digest, "a.txt")
    tree.expect([])  # the texts of pages, say, of the same batch
    with pytest.raises(CrawlFailed, match="is gone; crawl anew with --fresh"):
        tree.settle()
    tree.close()


def test_thumbnails_that_are_the_same_have_a_name_each_whenever_they_come(bucket, tmp_path):
    catalog = Catalog(tmp_path / "results.db", tmp_path, shelf=BucketTree(bucket, ".objects/job"))
    for n in (1, 2):
        data = b"image %d" % n
        digests = [hashlib.sha256(body).hexdigest() for body in (data, b"thumbnail")]
        bucket.put(f".objects/job/{digests[0]}", data)
        if n == 1:  # the other worker looked just before this was committed, and did not send it again
            bucket.put(f".objects/job/{digests[1]}", b"thumbnail")
        made = [Derived("thumb:s", digests[1], 9, "image/jpeg", 1, 1)]
        with catalog.batch():
            catalog.add_files([FileFact(f"https://e.org/{n}.png", digests[0], 7, "image/png", 4, 4, derived=made)])
    catalog.close()
    found = {one.key: b"".join(bucket.read(one.key)) for one in bucket.below("")}
    assert found == {f"e.org/{n}.png": b"image %d" % n for n in (1, 2)} | {
        f"thumbs/s/e.org/{n}.png.jpg": b"thumbnail" for n in (1, 2)
    }
