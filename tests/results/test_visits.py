"""Further visits with what else there is: web archives, buckets, thumbnails, workers that send, names of one's own."""

from __future__ import annotations

import collections
import hashlib
import json
import pathlib

import pytest

from acrawl.errors import EXIT_OK
from crawl.changing import ChangingSite
from crawl.command import records, until
from results.exchanges import records as archived
from results.helpers import readable
from results.pictures import encoded, photo
from results.s3 import contents

pytestmark = [pytest.mark.process]

#: What is at each path in the first visit and in the second, and how its server takes conditions.
IMAGES = {
    "/same.png": (1, 1, "obeys"),
    "/repeated.png": (2, 2, "ignores"),
    "/changed.png": (3, 4, "obeys"),
    "/next.png": (5, 3, "obeys"),  # the old bytes of the one before
}


@pytest.fixture
def site():
    with ChangingSite() as site:
        site.put("/", "".join(f'<img src="{path}">' for path in IMAGES), etag='"1"')
        furnish(site, 0)
        yield site


def furnish(site: ChangingSite, visit: int) -> None:
    for path, (*visits, habit) in IMAGES.items():
        picture = visits[visit]
        site.put(path, encoded(photo(picture), "PNG"), etag=f'"{picture}"', habit=habit, type="image/png")


def check(lines: list[dict], found: dict[str, bytes], visit: int) -> None:
    """Fail unless the list tells each image and its thumbnail of a visit, and nothing else is there."""
    names = {}
    for line in lines:
        picture = IMAGES["/" + line["url"].rpartition("/")[2]][visit]
        thumb = line["thumbs"]["60x60"]
        assert found[line["path"]] == encoded(photo(picture), "PNG")
        assert hashlib.sha256(found[thumb["path"]]).hexdigest() == thumb["sha256"]
        assert thumb["path"] == f"thumbs/60x60/{line['path']}.jpg"
        names |= {line["path"]: picture, thumb["path"]: picture}
    assert len(lines) == len(IMAGES)
    assert found.keys() == names.keys()


def profiles(folder: pathlib.Path) -> dict[str, list[str]]:
    """Of each path how its answers are archived, robots.txt left out."""
    found = collections.defaultdict(list)
    for path in sorted(folder.glob("*.warc.gz")):
        for kind, fields, _ in archived(path):
            if kind in {"response", "revisit"}:
                how = fields.get("WARC-Profile", "").rpartition("/")[2] or kind
                found["/" + fields["WARC-Target-URI"].split("/", 3)[3]].append(how)
    found.pop("/robots.txt")
    return found


AS_ARCHIVED = {
    "/": ["response", "server-not-modified"],
    "/same.png": ["response", "server-not-modified"],
    "/repeated.png": ["response", "identical-payload-digest"],
    "/changed.png": ["response", "response"],
    "/next.png": ["response", "identical-payload-digest"],
}


def visiting(site, place, *more):
    return ["images", site.url("/"), "-o", place, "--thumbs", "60x60", "--warc", "a/site", *more]


def test_a_folder_of_images_with_thumbnails_and_an_archive_is_visited_again(site, acrawl, tmp_path):
    words = visiting(site, "pictures", "--job", "job", "--workers", 1)
    for visit in range(2):
        done = acrawl(*words, *["--again"] * visit)
        assert done.code == EXIT_OK, done.err
        found = readable(tmp_path / "pictures")
        for name in ("index.html", "images.jsonl"):
            found.pop(name)
        lines = records(tmp_path / "pictures" / "images.jsonl")
        check(lines, found, visit)
        kept = {path.name for path in (tmp_path / "pictures" / ".objects").glob("?/*")}
        assert kept == {hashlib.sha256(data).hexdigest() for data in found.values()}
        furnish(site, 1)
    assert profiles(tmp_path / "a") == AS_ARCHIVED


@pytest.mark.parametrize("store", ["rclone"], indirect=True)
def test_a_bucket_of_images_with_thumbnails_and_an_archive_is_visited_again(site, acrawl, shop, tmp_path):
    words = visiting(site, f"{shop}/p", "--workers", 2)
    for visit in range(2):
        done = acrawl(*words, *["--again"] * visit)
        assert done.code == EXIT_OK, done.err
        found = contents(f"{shop}/p")
        found.pop("index.html")
        lines = [json.loads(line) for line in found.pop("images.jsonl").splitlines()]
        check(lines, found, visit)
        furnish(site, 1)
    assert profiles(tmp_path / "a") == AS_ARCHIVED
    # A report says where the files are, and what has changed.
    figures = json.loads(acrawl("report", "--json").out)
    assert figures["crawl"]["bucket"] == f"{shop}/p"
    assert figures["saved"]["archived"] >= 10
    assert figures["changes"]["visits"] == 2
    assert figures["changes"]["counts"] == {"added": 0, "changed": 2, "unchanged": 3, "removed": 0, "failed": 0}
    assert [(one["change"], one["url"], one["status"]) for one in figures["changes"]["examples"]] == [
        ("changed", site.url(path), 200) for path in ("/changed.png", "/next.png")
    ]
    assert acrawl("report").code == EXIT_OK
    page = (tmp_path / "report.html").read_text()
    assert f"They are in {shop}/p." in page
    assert "0 added, 2 changed, 3 unchanged, 0 removed, 0 failed" in page
    assert f"images were saved in {shop}/p; none of them can be shown here" in page


def test_a_worker_that_sends_its_files_visits_again(site, start, tmp_path):
    words = visiting(site, "pictures", "--job", "job", "--workers", 0)
    for visit in range(2):
        master = start(*words, "--listen", "127.0.0.1:0", *["--again"] * visit)
        join = tmp_path / "job" / "join.json"
        until(join.exists, 30)
        worker = start("work", "--join", join, "--send-files", "acrawl.spiders.images:Images")
        assert master.end().code == EXIT_OK
        assert worker.end().code == EXIT_OK
        found = readable(tmp_path / "pictures")
        for name in ("index.html", "images.jsonl"):
            found.pop(name)
        check(records(tmp_path / "pictures" / "images.jsonl"), found, visit)
        furnish(site, 1)
    assert profiles(tmp_path / "a") == AS_ARCHIVED


COVERS = """
from acrawl import Spider

class Covers(Spider):
    def __init__(self, url):
        super().__init__(start_urls=[url])

    def parse(self, response):
        for n, image in enumerate(response.images()):
            yield response.download(image.url, save_as=f"covers/No. {n}" if n % 2 else "")
"""


def test_names_that_a_spider_or_a_template_chose_stay_with_what_they_were_chosen_for(site, acrawl, tmp_path):
    (tmp_path / "covers.py").write_text(COVERS)
    words = ["run", "covers.py", "-a", f"url={site.url('/')}", "--files", "files", "--job", "job", "--workers", 1]
    words += ["-s", "files.name={type}/{stem}"]
    assert acrawl(*words).code == EXIT_OK
    names = {"image/same.png": 1, "covers/No. 1.png": 2, "image/changed.png": 3, "covers/No. 3.png": 5}
    assert readable(tmp_path / "files") == {name: encoded(photo(n), "PNG") for name, n in names.items()}
    for path, n in {"/changed.png": 6, "/next.png": 7}.items():
        site.put(path, encoded(photo(n), "PNG"), etag=f'"{n}"', type="image/png")
    assert acrawl(*words, "--again").code == EXIT_OK
    names |= {"image/changed.png": 6, "covers/No. 3.png": 7}
    assert readable(tmp_path / "files") == {name: encoded(photo(n), "PNG") for name, n in names.items()}
