"""The proof: it passes a perfect crawl and finds every kind of flaw. The crawls here are made up, not acrawl's."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

import acrawl.demo.proof
from acrawl.demo.proof import prove, table

PROGRAM = pathlib.Path(acrawl.demo.proof.__file__)


class Crawl:
    """The folder and the log of a crawl without flaws, written straight from the site; tests then spoil it."""

    def __init__(self, site, books, folder):
        self.site, self.books = site, books
        self.manifest, self.log, self.root = folder / "manifest.json", folder / "log.jsonl", folder / "pictures"
        self.manifest.write_text(json.dumps(books))
        self.lines, self.asked = {}, []
        for place in (".objects", ".acrawl", "host"):
            (self.root / place).mkdir(parents=True)
        (self.root / ".acrawl" / "job.db").write_bytes(b"the crawler's own")
        (self.root / "index.html").write_text("a gallery")
        for number, (url, facts) in enumerate(books["images"].items()):
            self.store(url, facts, f"host/{number}.bin")
        for url, (least, _) in books["requests"].items():
            for _ in range(least):
                self.ask(url, site.resources[url].status)

    def store(self, url, facts, path):
        known = [line["path"] for line in self.lines.values() if line["sha256"] == facts["sha256"]]
        if not known:
            held = self.root / ".objects" / facts["sha256"]
            held.write_bytes(self.site.resources[url].body)
            os.link(held, self.root / path)
        self.lines[url] = {
            "url": url,
            "path": known[0] if known else path,
            "sha256": facts["sha256"],
            "bytes": facts["size"],
            "type": facts["type"],
            "width": facts["width"],
            "height": facts["height"],
            "pages": [{"url": page, "alt": "\u2028", "source": "img"} for page in facts["pages"]],
        }

    def path_of(self, url):
        return self.root / self.lines[url]["path"]

    def write(self):
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in self.lines.values())
        (self.root / "images.jsonl").write_text(text, encoding="utf-8")
        self.log.write_text("".join(json.dumps(line) + "\n" for line in self.asked))

    def failed(self, more=0):
        """The names of the checks that fail."""
        self.write()
        return {check.name for check in prove(self.manifest, self.root, self.log, more) if not check.ok}

    def ask(self, url, status=200):
        self.asked.append({"url": url, "status": status})


def halls_only(books):
    """The manifest without albums and pictures: every odd thing is still there, in a tenth of the files."""

    def kept(urls):
        return [
            url
            for url in urls
            if not any(part in url for part in ("/albums/", "/pictures/", "/photos/", "/originals/"))
        ]

    images = {
        url: books["images"][url] | {part: kept(books["images"][url][part]) for part in ("pages", "also")}
        for url in kept(books["images"])
    }
    duplicates = len(images) - len({facts["sha256"] for facts in images.values()})
    requests = {url: books["requests"][url] for url in kept(books["requests"])}
    parts = {"images": images, "pages": kept(books["pages"]), "requests": requests}
    return books | parts | {"counts": books["counts"] | {"duplicates": duplicates}}


@pytest.fixture(scope="session")
def halls(gallery):
    return halls_only(gallery.manifest)


@pytest.fixture
def crawl(gallery, halls, tmp_path):
    return Crawl(gallery, halls, tmp_path)


@pytest.fixture
def image(crawl):
    """An image without duplicates, asked for once, and named by one page or more."""
    shared = {url for urls in crawl.books["duplicates"] for url in urls}
    return next(
        url
        for url, facts in crawl.books["images"].items()
        if url not in shared and facts["pages"] and crawl.books["requests"][url] == [1, 1]
    )


def run(crawl, *options):
    # -I and -S: neither this package nor any other can be imported.
    command = [sys.executable, "-I", "-S", str(PROGRAM), str(crawl.manifest), str(crawl.root), str(crawl.log), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)


def test_a_perfect_crawl_is_proved_by_the_program_alone(gallery, tmp_path):
    crawl = Crawl(gallery, gallery.manifest, tmp_path)
    crawl.write()
    done = run(crawl)

    assert done.stdout.endswith("\nPROOF: ok\n"), done.stdout
    assert (done.returncode, done.stderr) == (0, "")
    row = next(line for line in done.stdout.splitlines() if line.startswith("images found "))
    assert row.split()[2:] == [str(len(gallery.manifest["images"]))] * 2 + ["ok"]


def test_the_program_names_what_differs_and_ends_with_1(crawl, image):
    crawl.path_of(image).unlink()
    crawl.write()
    done = run(crawl)

    assert done.returncode == 1
    assert f"({image})" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("PROOF: FAILED (1 of")


def test_the_program_needs_no_more_than_the_standard_library():
    imported = {line.split()[1] for line in PROGRAM.read_text().splitlines() if line.startswith(("import ", "from "))}

    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names


def test_without_manifest_there_is_no_proof(crawl, capsys):
    crawl.write()
    crawl.manifest.unlink()

    assert acrawl.demo.proof.main([str(crawl.manifest), str(crawl.root), str(crawl.log)]) == 1
    assert capsys.readouterr().out.endswith("PROOF: FAILED\n")


def test_an_empty_folder_proves_nothing(crawl, tmp_path):
    crawl.write()
    checks = prove(crawl.manifest, tmp_path / "nowhere", tmp_path / "no-log")

    assert "PROOF: FAILED" in table(checks)
    assert {check.name for check in checks if not check.ok} >= {"images found", "pages fetched", "errors: http-404"}


def test_a_missing_file_is_found(crawl, image):
    crawl.path_of(image).unlink()

    assert crawl.failed() == {"images identical, byte for byte"}


def test_an_altered_file_is_found(crawl, image):
    path = crawl.path_of(image)
    body = bytearray(path.read_bytes())
    body[-1] ^= 1
    path.write_bytes(body)

    assert crawl.failed() >= {"images identical, byte for byte", "files that belong to nothing"}


def test_a_shortened_file_is_found(crawl, image):
    path = crawl.path_of(image)
    path.write_bytes(path.read_bytes()[:-1])

    assert "images identical, byte for byte" in crawl.failed()


def test_a_doubled_file_is_found(crawl, image):
    path = crawl.path_of(image)
    path.with_name("copy").write_bytes(path.read_bytes())

    assert crawl.failed() == {"distinct images, each stored once"}


def test_a_second_name_for_the_same_file_is_no_copy(crawl, image):
    path = crawl.path_of(image)
    os.link(path, path.with_name("link"))

    assert crawl.failed() == set()


def test_a_file_that_belongs_to_nothing_is_found(crawl):
    (crawl.root / "host" / "leftover.tmp").write_bytes(b"half a download")

    assert crawl.failed() == {"files that belong to nothing"}


@pytest.mark.parametrize("part", ["forbidden", "never", "not_images"])
def test_a_file_that_must_not_be_there_is_found(crawl, part):
    url = next(url for url in crawl.books[part] if crawl.site.resources[url].body)
    (crawl.root / "host" / "file").write_bytes(crawl.site.resources[url].body)

    assert crawl.failed() == {"files that must not be there"}


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("forbidden", "asked for though robots.txt forbids it"),
        ("never", "asked for though it is no image or page"),
    ],
)
def test_a_request_that_must_not_be_made_is_found(crawl, part, name):
    for url in crawl.books[part]:
        crawl.asked = [line for line in crawl.asked if line["url"] != url]
        crawl.ask(url)
        assert name in crawl.failed(), url
        crawl.asked.pop()


def test_an_unlisted_image_is_found(crawl, image):
    del crawl.lines[image]

    assert "images found" in crawl.failed()


def test_an_invented_image_is_found(crawl, image):
    crawl.lines["http://127.0.0.1/x"] = {**crawl.lines[image], "url": "http://127.0.0.1/x"}

    assert "images found" in crawl.failed()


def test_a_missing_duplicate_is_found(crawl):
    shared = next(urls for urls in crawl.books["duplicates"] if urls[1] in crawl.lines)
    del crawl.lines[shared[1]]

    assert crawl.failed() >= {"images found", "duplicates"}


@pytest.mark.parametrize(
    ("field", "value", "name"),
    [
        ("type", "image/tiff", "types right"),
        ("width", 1000, "dimensions right"),
        ("height", 0, "dimensions right"),
        ("sha256", "0" * 64, "images identical, byte for byte"),
        ("bytes", 1, "images identical, byte for byte"),
        ("path", "../pictures-of-others/x.png", "images identical, byte for byte"),
        ("path", "/etc/hostname", "images identical, byte for byte"),
        ("path", None, "images.jsonl can be read"),
        ("pages", [], "pages right"),
        ("pages", [{"url": "http://127.0.0.1/another"}], "pages right"),
    ],
)
def test_a_wrong_line_is_found(crawl, image, field, value, name):
    crawl.lines[image][field] = value

    assert name in crawl.failed()


def test_pages_may_be_cut_short_where_the_line_says_so(crawl):
    logo = f"{crawl.site.origin}/frame/logo.svg"
    pages = crawl.lines[logo]["pages"]
    crawl.lines[logo] |= {"pages": pages[:10], "page_count": len(pages)}
    assert crawl.failed() == set()

    crawl.lines[logo]["page_count"] = len(pages) - 1
    assert crawl.failed() == {"pages right"}


def test_a_line_that_is_no_json_is_found(crawl):
    crawl.write()
    with (crawl.root / "images.jsonl").open("a") as file:
        file.write('{"url": "http://')

    assert [c.name for c in prove(crawl.manifest, crawl.root, crawl.log) if not c.ok] == ["images.jsonl can be read"]


def test_a_url_fetched_twice_is_found_unless_a_kill_explains_it(crawl, image):
    crawl.ask(image)
    crawl.ask(f"{crawl.site.origin}/")

    assert crawl.failed() == {"asked for again without need"}
    assert crawl.failed(more=1) == {"asked for again without need"}
    assert crawl.failed(more=2) == set()


@pytest.mark.parametrize("change", [-1, 1])
def test_a_failing_url_is_tried_three_times_and_no_more(crawl, change):
    url = next(url for url, why in crawl.books["errors"].items() if why == "http-500")
    if change > 0:
        crawl.ask(url, 500)
        assert crawl.failed() == {"asked for again without need"}
    else:
        crawl.asked.remove({"url": url, "status": 500})
        assert crawl.failed() == {"asked for too seldom"}


@pytest.mark.parametrize("reason", ["http-404", "http-500", "truncated", "dropped", "redirect-loop"])
def test_an_error_nobody_met_is_found(crawl, reason):
    url = next(url for url, why in crawl.books["errors"].items() if why == reason)
    crawl.asked = [line for line in crawl.asked if line["url"] != url]

    assert crawl.failed() == {f"errors: {reason}", "asked for too seldom"}


def test_a_page_nobody_read_is_found(crawl):
    url = crawl.books["pages"][7]
    crawl.asked = [line for line in crawl.asked if line["url"] != url]

    assert crawl.failed() == {"pages fetched", "asked for too seldom"}


def test_a_request_for_what_is_not_there_is_found(crawl):
    crawl.ask(f"{crawl.site.origin}/names/%D1%84.png", 404)

    assert crawl.failed() == {"asked for and not there"}


def test_a_file_that_climbed_out_of_the_folder_is_found(crawl):
    (crawl.root / ".." / "up-and-out.png").write_bytes(b"")

    assert crawl.failed() == {"files outside of the folder"}
