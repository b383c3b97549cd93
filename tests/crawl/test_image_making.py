"""``acrawl images`` with everything that may be made of images."""

from __future__ import annotations

import hashlib
import html
import re
from urllib.parse import unquote

import pytest
from PIL import Image

from acrawl.errors import EXIT_OK, EXIT_USAGE
from crawl.command import Command, records, until
from crawl.site import LiveSite
from results.helpers import objects, temporaries
from results.pictures import bomb, encoded, photo

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="90" height="90"><rect width="9" height="9"/></svg>'
OPTIONS = "--thumbs", "60x60", "--thumbs", "big=200x200", "--convert", "webp", "--near", "4", "--min-size", "32x32"
#: Path, bytes, media type of images that are kept.
IMAGES = {
    "/a.jpg": (encoded(photo(1)), "image/jpeg"),
    "/a-large.png": (encoded(photo(1, (640, 400)), "PNG"), "image/png"),
    "/again/a.jpg": (encoded(photo(1)), "image/jpeg"),
    "/b.webp": (encoded(photo(2), "WEBP"), "image/webp"),
    "/moving.gif": (encoded(photo(3), "GIF", save_all=True, append_images=[photo(4)]), "image/gif"),
    "/red.png": (encoded(Image.new("RGB", (40, 40), "red"), "PNG"), "image/png"),
    "/blue.png": (encoded(Image.new("RGB", (40, 40), "blue"), "PNG"), "image/png"),
    "/half.jpg": (encoded(photo(5))[:3000], "image/jpeg"),
    "/wrong.png": (encoded(photo(6)), "image/png"),
    "/bomb.png": (bomb(), "image/png"),
    "/drawing.svg": (SVG, "image/svg+xml"),
}  # fmt: skip
SMALL = {"/dot.gif": (encoded(Image.new("L", (1, 1)), "GIF"), "image/gif"), "/strip.png": (
    encoded(photo(7, (400, 20)), "PNG"), "image/png")}  # fmt: skip


def furnish(site: LiveSite) -> None:
    site.add("/", "".join(f'<img src="{path}">' for path in (*IMAGES, *SMALL)))
    for path, (data, media_type) in {**IMAGES, **SMALL}.items():
        site.add(path, data, media_type)


@pytest.fixture(scope="module")
def crawled(tmp_path_factory):
    """The crawl: (site, its folder, lines of images.jsonl by path)."""
    folder = tmp_path_factory.mktemp("made")
    with LiveSite() as site:
        furnish(site)
        command = Command("images", site.url(), "-o", "pictures", "--workers", 2, *OPTIONS, cwd=folder)
        try:
            done = command.end()
        finally:
            command.close()
        assert done.code == EXIT_OK, done.err
        lines = records(folder / "pictures" / "images.jsonl")
        yield site, folder, {line["url"].removeprefix(site.origin): line for line in lines}


def test_every_original_is_kept_as_it_came(crawled):
    _, folder, lines = crawled
    assert lines.keys() == IMAGES.keys()
    for path, line in lines.items():
        assert (folder / "pictures" / line["path"]).read_bytes() == IMAGES[path][0]


def test_what_is_made_lies_beside_under_the_name_of_the_original(crawled):
    _, folder, lines = crawled
    pictures = folder / "pictures"
    for path, form in {"/a.jpg": "webp", "/a-large.png": "webp", "/red.png": "webp", "/wrong.png": "webp"}.items():
        line = lines[path]
        made = {"60x60": line["thumbs"]["60x60"], "big": line["thumbs"]["big"], "": line["converted"]}
        for name, one in made.items():
            place = f"thumbs/{name}/{line['path']}.jpg" if name else f"converted/{line['path']}.{form}"
            assert one["path"] == place
            data = (pictures / place).read_bytes()
            assert (hashlib.sha256(data).hexdigest(), len(data)) == (one["sha256"], one["bytes"])
            with Image.open(pictures / place) as image:
                assert image.size == (one["width"], one["height"])
    assert (lines["/a.jpg"]["thumbs"]["60x60"]["width"], lines["/a.jpg"]["converted"]["width"]) == (60, 320)


def test_the_extension_is_that_of_the_bytes_whatever_the_url_says(crawled):
    _, _, lines = crawled
    assert lines["/wrong.png"]["type"] == "image/jpeg"
    assert lines["/wrong.png"]["path"].endswith("wrong.jpg")


def test_a_copy_is_made_only_where_the_format_is_another_and_nothing_moves(crawled):
    _, _, lines = crawled
    assert "converted" not in lines["/b.webp"]
    assert lines["/b.webp"]["thumbs"].keys() == {"60x60", "big"}
    assert "converted" not in lines["/moving.gif"]
    assert lines["/moving.gif"]["note"] == "not converted: there is more than one picture in it"


def test_an_image_that_cannot_be_decoded_says_why(crawled):
    _, _, lines = crawled
    assert "truncated" in lines["/half.jpg"]["broken"]
    assert "images.max_pixels" in lines["/bomb.png"]["note"]
    for path in ("/half.jpg", "/bomb.png", "/drawing.svg"):
        assert not lines[path].keys() & {"thumbs", "converted", "dhash"}
    assert not lines["/drawing.svg"].keys() & {"broken", "note"}


def test_what_looks_alike_is_told_and_plain_images_do_not(crawled):
    site, _, lines = crawled
    firsts = {path: line["near"]["url"].removeprefix(site.origin) for path, line in lines.items() if "near" in line}
    assert firsts in ({"/a-large.png": "/a.jpg"}, {"/a.jpg": "/a-large.png", "/again/a.jpg": "/a-large.png"})


def test_what_is_too_small_is_not_kept_and_why_says_so(crawled):
    site, folder, _ = crawled
    digests = {hashlib.sha256(data).hexdigest() for data, _ in SMALL.values()}
    assert not digests & set(objects(folder / "pictures"))
    command = Command("why", site.url("/strip.png"), "--job", "pictures/.acrawl", cwd=folder)
    try:
        done = command.end()
    finally:
        command.close()
    assert "fetched(too-small)" in done.out
    assert "400 x 20 pixels" in done.out
    assert "--min-size" in done.out


def test_each_body_is_stored_once_and_nothing_is_left_over(crawled):
    _, folder, lines = crawled
    made = [one for line in lines.values() for one in [*line.get("thumbs", {}).values(), line.get("converted")] if one]
    expected = {line["sha256"] for line in lines.values()} | {one["sha256"] for one in made}
    assert objects(folder / "pictures") == sorted(expected)
    assert temporaries(folder / "pictures") == []


def test_the_gallery_shows_thumbnails_and_folds_what_looks_alike(crawled):
    _, folder, lines = crawled
    page = html.unescape((folder / "pictures" / "index.html").read_text())
    shown = [unquote(source) for source in re.findall(r'<img src="([^"]*)"', page)]
    for path in ("/b.webp", "/moving.gif", "/wrong.png"):
        assert lines[path]["thumbs"]["big"]["path"] in shown
        assert lines[path]["path"] not in shown
    assert lines["/drawing.svg"]["path"] in shown
    assert "1 alike" in page
    assert "1 looks like another and is not shown" in page
    assert len(shown) == len({line["sha256"] for line in lines.values()}) - 1


def test_without_the_options_nothing_is_made(tmp_path, live, acrawl):
    furnish(live)
    done = acrawl("images", live.url(), "-o", "pictures", "--workers", 1)
    assert done.code == EXIT_OK, done.err
    lines = records(tmp_path / "pictures" / "images.jsonl")
    assert len(lines) == len(IMAGES) + len(SMALL)
    assert not {"thumbs", "converted", "dhash", "broken", "note", "near"} & {key for line in lines for key in line}
    assert not {"thumbs", "converted"} & {path.name for path in (tmp_path / "pictures").iterdir()}


def test_a_spider_of_scrapys_names_its_thumbnails_and_items_say_where_they_are(tmp_path, live, start):
    live.add("/a.jpg", IMAGES["/a.jpg"][0], "image/jpeg")
    live.add("/dot.gif", SMALL["/dot.gif"][0], "image/gif")
    (tmp_path / "spider.py").write_text(
        "from acrawl import Request, Spider\n"
        "class Shop(Spider):\n"
        '    custom_settings = {"IMAGES_THUMBS": {"small": (50, 50)}, "IMAGES_MIN_WIDTH": 9, "IMAGES_MIN_HEIGHT": 9}\n'
        "    async def start(self):\n"
        '        for name in ("a.jpg", "dot.gif"):\n'
        '            yield Request(f"{self.url}/{name}", "parse", save=True)\n'
        "    def parse(self, response):\n"
        '        yield {"seen": response.url}\n'
    )
    master = start(
        "run", "spider.py", "-a", f"url={live.origin}", "-o", "items.jsonl", "--files", "files", "--job", "job",
        "--workers", 0, "--listen", "127.0.0.1:0", "-s", "fetch.allow_private=true",
    )  # fmt: skip
    until((tmp_path / "job" / "join.json").exists)
    (tmp_path / "tmp").mkdir()
    worker = start(
        "work", "--join", "job/join.json", "--send-files", "spider.py", env={"TMPDIR": str(tmp_path / "tmp")}
    )
    assert master.end().code == worker.end().code == EXIT_OK
    (file, seen) = sorted(records(tmp_path / "items.jsonl"), key=len, reverse=True)
    assert seen == {"seen": live.url("/a.jpg")}
    with Image.open(tmp_path / "files" / file["thumbs"]["small"]) as thumb:
        assert thumb.size == (50, 31)
    assert list((tmp_path / "tmp").rglob("*")) == [], "what was sent does not stay"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--min-size", "64"], "--min-size 64: write WIDTHxHEIGHT"),
        (["--thumbs", "big"], "write WIDTHxHEIGHT"),
    ],
)
def test_a_size_that_is_none_is_refused_before_anything_begins(tmp_path, acrawl, arguments, said):
    done = acrawl("images", "http://127.0.0.1:9/", "-o", "pictures", *arguments)
    assert done.code == EXIT_USAGE
    assert said in done.complaint
    assert not (tmp_path / "pictures").exists()


def test_without_pillow_it_is_said_before_anything_begins(tmp_path, acrawl):
    hidden = tmp_path / "site"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text("import sys\nsys.modules['PIL'] = None\n")
    env = {"PYTHONPATH": str(hidden)}
    done = acrawl("images", "http://127.0.0.1:9/", "-o", "pictures", "--thumbs", "9x9", env=env)
    assert (done.code, "pip install 'acrawl[images]'" in done.complaint) == (3, True)
    assert not (tmp_path / "pictures").exists()
