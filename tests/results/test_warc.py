"""Web archives: what was captured is in them byte for byte, and other readers find and believe it."""

import base64
import gzip
import hashlib
import io
import json
import pathlib
import resource
import subprocess
import sys

import fastwarc.warc
import msgspec
import pytest
from warcio.archiveiterator import ArchiveIterator

from acrawl.errors import CrawlFailed, EnvironmentProblem, FolderProblem
from acrawl.results.warc.archive import LENGTH, NUMBER, Archive
from acrawl.results.warc.index import Index
from acrawl.results.warc.surt import surt
from results.exchanges import HEAD, exchange, read, records

GB = 1 << 30


def opened(folder, marks=None, max_bytes=GB, **options):
    return Archive(
        folder / "a" / "site",
        Index(folder / "warc.db"),
        marks or {},
        folder / "stored",
        max_bytes=max_bytes,
        content=[("software", "x/1")],
        **options,
    )


def archived(folder, *exchanges, marks=None, **options):
    """Write into an archive, one commit for each; returns its last marks."""
    archive = opened(folder, marks, **options)
    found = archive.commit()
    for n, it in enumerate(exchanges):
        archive.write(f"id{n} {it.url} {it.date}", it)
        found = archive.commit()
        archive.forget()
    archive.finish()
    archive.close()
    return found


def files(folder):
    return sorted(path for path in (folder / "a").iterdir() if path.suffix == ".gz")


def cdxj(folder):
    """The lines of the index: key, time, facts."""
    lines = (folder / "a" / "site.cdxj").read_bytes().splitlines()
    assert lines == sorted(lines)
    return [
        (key.decode(), stamp.decode(), json.loads(facts)) for key, stamp, facts in (x.split(b" ", 2) for x in lines)
    ]


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_two_independent_readers_find_the_very_bytes_and_believe_the_digests(tmp_path):
    odd = exchange("http://e.org/odd", b"body", head=b"HTTP/1.1 200 Sch\xf6n\nx-A:1\nX-a:  2\nContent-Length: 4\n\n")
    chunked = exchange("http://e.org/chunked", b"1\r\no\r\n1;a=b\r\nk\r\n0\r\n\r\n", head=CHUNKED, content=b"ok")
    large = exchange("http://e.org/large", bytes(range(256)) * 20_000, stored=tmp_path / "stored")
    empty = exchange("http://e.org/empty", b"", head=b"HTTP/1.1 204 No Content\r\n\r\n", status=204)
    everything = [odd, chunked, large, empty]
    archived(tmp_path, *everything)
    (path,) = files(tmp_path)
    found = records(path)
    assert [kind for kind, *_ in found] == ["warcinfo", *["response", "request"] * 4]
    for it, (_, _, block), (_, asked, request) in zip(everything, found[1::2], found[2::2], strict=True):
        raw = read(it, tmp_path / "stored") if it is not large else None
        assert hashlib.sha1(block, usedforsecurity=False).digest() == base64.b32decode(it.block)
        assert raw is None or raw == request + block
        assert asked["WARC-Concurrent-To"] == found[found.index(("request", asked, request)) - 1][1]["WARC-Record-ID"]
    with path.open("rb") as file:
        for record in fastwarc.warc.ArchiveIterator(file, parse_http=False):
            assert record.verify_block_digest()
    verified = 0
    with path.open("rb") as file:
        for record in fastwarc.warc.ArchiveIterator(file, parse_http=True):
            if "WARC-Payload-Digest" in record.headers and "odd" not in record.headers["WARC-Target-URI"]:
                assert record.verify_payload_digest()  # its parser of heads knows no line feed without its CR
                verified += 1
    assert verified == 2
    command = [sys.executable, "-m", "warcio.cli", "check", "-v", path]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
    assert checked.stdout.count("digest pass") >= 4
    assert "fail" not in checked.stdout
    with path.open("rb") as file:
        bodies = [r.content_stream().read() for r in ArchiveIterator(file) if r.rec_type == "response"]
    assert bodies == [b"body", b"ok", bytes(range(256)) * 20_000, b""]


def test_the_facts_of_a_record_are_those_of_the_exchange(tmp_path):
    it = exchange(
        "https://e.org/x", b"body", date=1_700_000_000.25, address="::1", truncated="disconnect",
        protocols=["http/1.1", "tls/1.3"], cipher="TLS_AES_128_GCM_SHA256",
    )  # fmt: skip
    archived(tmp_path, it)
    (_, first, info), (_, fields, _), (_, asked, _) = records(files(tmp_path)[0])
    assert info == b"software: x/1\r\n"
    assert first["WARC-Filename"] == "site-00000.warc.gz"
    assert fields | {"WARC-Record-ID": ""} == {
        "WARC-Type": "response",
        "WARC-Record-ID": "",
        "WARC-Warcinfo-ID": first["WARC-Record-ID"],
        "WARC-Target-URI": "https://e.org/x",
        "WARC-Date": "2023-11-14T22:13:20.250000Z",
        "WARC-IP-Address": "::1",
        "WARC-Protocol": "http/1.1, tls/1.3",
        "WARC-Cipher-Suite": "TLS_AES_128_GCM_SHA256",
        "WARC-Truncated": "disconnect",
        "WARC-Payload-Digest": f"sha1:{it.payload}",
        "WARC-Block-Digest": f"sha1:{it.block}",
        "Content-Type": "application/http;msgtype=response",
        "Content-Length": str(it.size),
    }
    assert asked["Content-Type"] == "application/http;msgtype=request"


def test_the_index_leads_to_each_answer_and_is_sorted(tmp_path):
    urls = [f"http://www.e.org/{name}" for name in ("z", "a", "a?c", "a!", "b/", "A")] + ["http://d.org:8080/"]
    marks = archived(tmp_path, *(exchange(url, url.encode()) for url in urls), max_bytes=2000)
    assert marks[NUMBER] > 0
    found = cdxj(tmp_path)
    assert sorted(facts["url"] for _, _, facts in found) == sorted(urls)
    for key, stamp, facts in found:
        data = (tmp_path / "a" / facts["filename"]).read_bytes()
        offset, length = int(facts["offset"]), int(facts["length"])
        record = next(iter(ArchiveIterator(io.BytesIO(data[offset : offset + length]))))
        assert record.rec_headers["WARC-Target-URI"] == facts["url"]
        assert record.content_stream().read() == facts["url"].encode()
        assert not gzip.decompress(data[offset : offset + length]).startswith(b"WARC/1.0")
        assert (facts["mime"], facts["status"], stamp) == ("text/html", "200", "20231114221320")
        assert key == surt(facts["url"])


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("http://www.Example.com/A/B.html", "com,example)/a/b.html"),
        ("https://www2.example.co.uk:8443/a/?y=2&x=1&X=0", "uk,co,example:8443)/a?x=0&x=1&y=2"),
        ("http://example.com:80", "com,example)/"),
        ("https://example.com:443/?", "com,example)/"),
        ("http://127.0.0.1:8080/x", "127.0.0.1:8080)/x"),
        ("http://[::1]:81/x", "[::1]:81)/x"),
        ("http://e.org./a%2Fb", "org,e)/a%2fb"),
    ],
)
def test_the_keys_of_the_index_are_those_of_replay_tools(url, key):
    assert surt(url) == key


def test_a_content_is_archived_once_and_what_has_not_changed_refers_to_it(tmp_path):
    first = exchange("http://e.org/1", b"same")
    again = exchange("http://e.org/2", b"same", date=1_800_000_000.0, head=HEAD % 4 + b"X-Second: 1\r\n\r\n")
    unchanged = exchange(
        "http://e.org/1", b"", date=1_900_000_000.0, head=b"HTTP/1.1 304 Not Modified\r\n\r\n", status=304
    )
    unknown = exchange("http://e.org/3", b"", head=b"HTTP/1.1 304 Not Modified\r\n\r\n", status=304)
    nothing = [exchange(f"http://e.org/none/{n}", b"") for n in range(2)]
    cut = [exchange(f"http://e.org/cut/{n}", b"beginning", truncated="length") for n in range(2)]
    marks = archived(tmp_path, first)
    archived(tmp_path, again, unchanged, unknown, *nothing, *cut, marks=marks)
    answers = [
        (fields, block) for kind, fields, block in records(files(tmp_path)[0]) if kind in {"response", "revisit"}
    ]
    one, two, three, four, *others = answers
    assert one[0]["WARC-Type"] == "response"
    assert two[0]["WARC-Type"] == three[0]["WARC-Type"] == four[0]["WARC-Type"] == "revisit"
    assert two[0]["WARC-Profile"].endswith("/1.1/revisit/identical-payload-digest")
    assert two[0]["WARC-Payload-Digest"] == one[0]["WARC-Payload-Digest"]
    assert two[1] == HEAD % 4 + b"X-Second: 1\r\n\r\n"
    assert three[0]["WARC-Profile"].endswith("/1.1/revisit/server-not-modified")
    for fields, _ in (two, three):
        assert fields["WARC-Refers-To-Target-URI"] == "http://e.org/1"
        assert fields["WARC-Refers-To-Date"] == one[0]["WARC-Date"]
    assert "WARC-Refers-To-Date" not in four[0]
    assert [fields["WARC-Type"] for fields, _ in others] == ["response"] * 4
    mimes = {facts["url"]: facts["mime"] for _, stamp, facts in cdxj(tmp_path)}
    assert mimes["http://e.org/2"] == mimes["http://e.org/3"] == "warc/revisit"


def test_what_a_callback_made_is_a_conversion_and_not_in_the_index(tmp_path):
    page = exchange("http://e.org/", b"<p>text")
    made = exchange("http://e.org/", b"text", head=b"", request=b"", status=0, type="text/markdown")
    archived(tmp_path, page, made)
    kind, fields, block = records(files(tmp_path)[0])[-1]
    assert (kind, block, fields["Content-Type"]) == ("conversion", b"text", "text/markdown")
    assert [facts["mime"] for _, _, facts in cdxj(tmp_path)] == ["text/html"]


def test_a_file_that_is_full_is_followed_by_the_next_one(tmp_path):
    marks = archived(tmp_path, *(exchange(f"http://e.org/{n}", hashlib.sha512(b"%d" % n).digest() * 9) for n in range(30)), max_bytes=5000)  # fmt: skip  # noqa: E501
    paths = files(tmp_path)
    assert [path.name for path in paths] == [f"site-{n:05}.warc.gz" for n in range(len(paths))]
    assert marks == {NUMBER: len(paths) - 1, LENGTH: paths[-1].stat().st_size}
    assert all(5000 <= path.stat().st_size < 7000 for path in paths[:-1])
    assert {records(path)[0][0] for path in paths} == {"warcinfo"}
    assert len({records(path)[0][1]["WARC-Record-ID"] for path in paths}) == len(paths) > 3


def test_a_batch_that_is_repeated_gives_the_same_bytes(tmp_path):
    first, second = exchange("http://e.org/1", b"x" * 900), exchange("http://e.org/2", b"x" * 900)
    archive = opened(tmp_path, max_bytes=300)
    archive.write("a", first)
    marks = archive.commit()
    for _ in range(2):
        archive.write("b", second)
        archive.write("c", second)
        archive.commit()
        archive.close()
        before = {path.name: path.read_bytes() for path in files(tmp_path)}
        archive = opened(tmp_path, marks, max_bytes=300)
        assert [path.name for path in files(tmp_path)] == ["site-00000.warc.gz"]
    for name in ("b", "c"):
        archive.write(name, second)
    archive.commit()
    archive.close()
    assert {path.name: path.read_bytes() for path in files(tmp_path)} == before
    assert len(before) == 3


def test_what_is_there_is_not_overwritten_unless_that_is_asked_for(tmp_path):
    marks = archived(tmp_path, exchange("http://e.org/1", b"x"))
    with pytest.raises(EnvironmentProblem, match="is there already"):
        opened(tmp_path)
    assert len(records(files(tmp_path)[0])) == 3
    with pytest.raises(EnvironmentProblem, match="give the --warc that it was begun with"):
        opened(tmp_path, marks | {LENGTH: 10_000})
    archive = opened(tmp_path, marks)
    archive.write("a", exchange("http://e.org/2", b"y"))
    with pytest.raises(EnvironmentProblem, match="another crawl"):
        opened(tmp_path, marks)
    archive.close()
    files(tmp_path)[0].unlink()
    with pytest.raises(EnvironmentProblem, match=r"site\.cdxj is there already"):
        opened(tmp_path)
    archived(tmp_path, exchange("http://e.org/3", b"z"), overwrite=True)
    assert [facts["url"] for _, _, facts in cdxj(tmp_path)] == ["http://e.org/3"]
    opened(tmp_path, overwrite=True).close()
    assert files(tmp_path) == []


@pytest.mark.parametrize("nothing", [True, False])
def test_the_archive_of_another_job_is_not_cut(tmp_path, nothing):
    for name in ("mine", "other"):
        (tmp_path / name).mkdir()
    marks = archived(tmp_path / "mine", *([] if nothing else [exchange("http://e.org/1", b"x")]))
    archived(tmp_path / "other", *(exchange(f"http://d.org/{n}", b"%d" % n * 900) for n in range(3)), max_bytes=300)
    before = {path.name: path.read_bytes() for path in files(tmp_path / "other")}
    assert len(before) == 3
    with pytest.raises(EnvironmentProblem, match="is not of this job: give the archive its own name"):
        Archive(tmp_path / "other" / "a" / "site", Index(tmp_path / "mine" / "warc.db"), marks, tmp_path, max_bytes=GB)
    assert {path.name: path.read_bytes() for path in files(tmp_path / "other")} == before


def test_a_folder_is_no_name_of_files(tmp_path):
    (tmp_path / "a" / "site").mkdir(parents=True)
    with pytest.raises(EnvironmentProblem, match=r"is a folder: name the files in it, as in .*/a/site/site"):
        opened(tmp_path)


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "a").write_text("a file")
    with pytest.raises(FolderProblem, match="cannot be written"):
        opened(tmp_path)


def test_a_full_disk_fails_the_crawl_and_what_was_committed_stays(tmp_path):
    archive = opened(tmp_path)
    archive.write("a", exchange("http://e.org/1", b"x"))
    marks = archive.commit()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (marks[LENGTH] + 100, hard))
    try:
        with pytest.raises(CrawlFailed, match="cannot be written: File too large; mend it and resume"):
            archive.write("b", exchange("http://e.org/2", hashlib.sha512().digest()))
        archive.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert archived(tmp_path, exchange("http://e.org/2", b"y"), marks=marks)[LENGTH] > marks[LENGTH]
    assert len(records(files(tmp_path)[0])) == 5


def test_what_was_stored_and_is_gone_or_short_is_told_before_anything_is_written(tmp_path):
    it = exchange("http://e.org/", bytes(100_000), stored=tmp_path / "stored")
    (path,) = (path for path in (tmp_path / "stored").rglob("*") if path.is_file())
    archive = opened(tmp_path)
    path.write_bytes(b"short")
    with pytest.raises(ValueError, match="bytes 5 are there"):
        archive.write("a", it)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        archive.write("a", it)
    assert archive.commit()[LENGTH] == 0
    archive.close()


@pytest.mark.process
@pytest.mark.timeout(120)
def test_wherever_it_is_killed_an_archive_has_every_exchange_once(memory):
    script = pathlib.Path(__file__).with_name("warced.py")
    finished = subprocess.run(
        [sys.executable, script, memory, "5"], capture_output=True, text=True, timeout=110, check=False
    )
    assert finished.returncode == 0, finished.stderr
    assert int(finished.stdout) >= 20


@pytest.mark.parametrize(
    ("lie", "more", "why"),
    [
        ("http://e.org/\r\nContent-Length: 0", {}, "line break"),
        ("http://e.org/", {"address": "::1\nWARC-Type: warcinfo"}, "line break"),
        ("http://e.org/", {"head": b"x" * 50, "size": 10}, "bytes"),
        ("http://e.org/", {"date": float("nan")}, "NaN"),
    ],
)
def test_an_exchange_that_no_worker_can_have_seen_is_refused_before_anything_is_written(tmp_path, lie, more, why):
    size = more.pop("size", None)
    it = exchange(lie, b"x", **more)
    it = it if size is None else msgspec.structs.replace(it, size=size)
    archive = opened(tmp_path)
    archive.write("id1", exchange("http://e.org/1", b"1"))
    before = archive.commit()
    with pytest.raises(ValueError, match=why):
        archive.write("id2", it)
    assert archive.commit() == before
    archive.finish()
    archive.close()
    assert [facts["url"] for _, _, facts in cdxj(tmp_path)] == ["http://e.org/1"]
