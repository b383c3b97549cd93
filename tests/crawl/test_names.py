"""How saved files are called, in whole crawls: of a hostile site, by templates, and by the spider."""

from __future__ import annotations

import hashlib
import http.server
import pathlib
import signal
import threading
import unicodedata
import zlib
from collections.abc import Iterator

import pytest

import server
from acrawl.errors import EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE
from acrawl.url import join
from crawl.command import records
from results.helpers import objects, readable

#: Paths as they stand in the page; each answers with bytes of its own.
PATHS = [
    *("/..%2f..%2fup.png", "/%2e%2e%5c%2e%2e%5cup.png", "/a/%2e%2e/%2E%2E/up.png", "/....//x.png", "/%2fetc%2fx"),
    *("/nul%00l.png", "/%00", "/line%0d%0abreak.png", "/bidi%E2%80%AEgnp.exe", "/%ff%fe.png", "/" + "%F0%9F%98" * 99),
    *("/" + "x" * 4000 + ".png", "/" + "x" * 4000 + "y.png", "/" + "d/" * 400 + "deep.png"),
    *("/nul.png", "/CON", "/aux.tar.png", "/com1", "/LPT9.png", "/conin$", "/nul%20.png"),
    *("/Case.png", "/case.png", "/CASE.PNG", "/%C3%89.png", "/e%CC%81.png", "/%C3%A9.png", "/%C3%9F.png", "/SS.png"),
    *("/q.png?w=1", "/q.png?w=2", "/q.png", "/q?file=../../etc/passwd", "/q.png%3Fw=1"),
    *("/dot", "/dot.", "/dot..", "/dot%20", "/dot%20.", "/.hidden", "/-rf", "/~root", "/colon:x.png", "/a%7Cb%3E.png"),
    *("/f", "/f/g.png", "/F/h.png", "/f/g.png/i", "/index.html", "/images.jsonl", "/gallery-2.html", "/.acrawl/job.db"),
]  # fmt: skip
#: What the server calls the file, in its header.
DISPOSITIONS = [
    *('"../../../up3.png"', '"..\\..\\up3.png"', '"/etc/passwd"', '"C:\\x"', '"a\x01b.png"', '""', '".."'),
    *('"NUL"', '"same.png"', '"SAME.png"', '"same.png."', '"' + "y" * 4000 + '.png"', '".objects"', '"images.jsonl"'),
]  # fmt: skip
#: The same in the form of RFC 8187.
EXTENDED = ["%2e%2e%2fup4.png", "x%00.png", "same.png", "%E2%80%AEgnp.exe", "%2Fetc%2Fpasswd"]
#: All that the page names; the twins are of the same bytes.
NAMED = [*PATHS, "/twin/1.png", "/twin/2.png"]
NAMED += [f"/cd/{n}" for n in range(len(DISPOSITIONS))] + [f"/ext/{n}" for n in range(len(EXTENDED))]


def body(path: str) -> bytes:
    return server.png(zlib.crc32(path.encode()) & 0xFFFFFF) + path[-30:].encode()


class Hostile(http.server.BaseHTTPRequestHandler):
    """Names as they were sent: nothing between the wire and these answers puts them right."""

    def do_GET(self) -> None:
        path, headers, content = self.path, {"Content-Type": "image/png"}, body(self.path)
        if path == "/":
            headers = {"Content-Type": "text/html"}
            named = [
                *PATHS,
                *(f"/cd/{n}" for n in range(len(DISPOSITIONS))),
                *(f"/ext/{n}" for n in range(len(EXTENDED))),
            ]
            named += ["/twin/1.png", "/twin/2.png"]
            alt = "../" * 9 + "\0<x>"
            content = "".join(f'<img src="{one}" alt="{alt}">' for one in NAMED).encode()
        elif path.startswith("/cd/"):
            headers["Content-Disposition"] = f"attachment; filename={DISPOSITIONS[int(path[4:])]}"
        elif path.startswith("/ext/"):
            headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{EXTENDED[int(path[5:])]}"
        elif path.startswith("/twin/"):
            content = body("twin")
        found = path != "/robots.txt"
        self.send_response(200 if found else 404)
        for name, value in (headers | {"Content-Length": str(len(content))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def hostile() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hostile) as site:
        thread = threading.Thread(target=site.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{site.server_address[1]}/"
        site.shutdown()
        thread.join()


OURS = {"index.html", "images.jsonl"}


def saved(root: pathlib.Path) -> dict[str, bytes]:
    """The files that are no one's but the crawl's, by name."""
    return {name: data for name, data in readable(root).items() if name not in OURS and not name.startswith(".acrawl/")}


@pytest.mark.parametrize("template", ["{host}/{path}", "{name}"])
def test_a_hostile_site_writes_nothing_but_its_files_below_the_folder(acrawl, tmp_path, hostile, template):
    home = tmp_path / "home"
    home.mkdir()
    done = acrawl("images", hostile, "-o", "pictures", "--workers", 1, "-s", f"files.name={template}", cwd=home)
    assert done.code == EXIT_OK, done.err
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
    assert [path.name for path in home.iterdir()] == ["pictures"]
    root = home / "pictures"
    listed = {record["url"]: record for record in records(root / "images.jsonl")}
    assert listed.keys() == {join(hostile, path) for path in NAMED}
    # Each body once, under one name, and every name is told.
    bodies = {record["sha256"]: record["path"] for record in listed.values()}
    assert objects(root) == sorted(bodies)
    found = saved(root)
    assert sorted(found) == sorted(bodies.values()) == sorted({record["path"] for record in listed.values()})
    assert {hashlib.sha256(data).hexdigest(): name for name, data in found.items()} == bodies
    assert len({record["path"] for url, record in listed.items() if "/twin/" in url}) == 1
    # What Windows and macOS would take for the same, or refuse.
    assert len({unicodedata.normalize("NFC", name).casefold() for name in found}) == len(found)
    for name in found:
        for part in name.split("/"):
            assert part.rstrip(". ") == part
            assert part.partition(".")[0].lower() not in {"nul", "con", "aux", "com1", "lpt9", "conin$"}
            assert len(part.encode()) <= 255
    assert (root / ".acrawl" / "job.db").read_bytes().startswith(b"SQLite format 3")


def test_another_template_on_a_resumed_crawl_is_for_new_files(start, acrawl, tmp_path, live):
    live.page("/", text="".join(f'<img src="/{n}.png">' for n in range(6)))
    for n in range(6):
        live.picture(f"/{n}.png", n)
    command = ("images", live.url(), "-o", "pictures", "--workers", 1)
    live.delay = 0.3
    half = start(*command, "-s", "politeness.concurrency=1", "-s", "files.name={sha256:8}")
    live.wait_for(4)
    half.kill(signal.SIGINT)
    assert half.end().code == EXIT_INTERRUPTED, half.err
    before = saved(tmp_path / "pictures")
    assert 0 < len(before) < 6
    assert all(len(name) == len("01234567.png") for name in before)
    whole = acrawl(*command, "-s", "files.name={date}/{stem}")
    assert whole.code == EXIT_OK, whole.err
    after = saved(tmp_path / "pictures")
    assert sorted(after.values()) == sorted(server.png(n) for n in range(6))
    assert before.items() <= after.items()
    assert {name.count("/") for name in after.keys() - before.keys()} == {1}


SHOP = """
from acrawl import Spider

class Shop(Spider):
    name = "shop"

    def __init__(self, url):
        super().__init__(start_urls=[url])

    def parse(self, response):
        for n, link in enumerate(response.links()):
            yield response.download(link, save_as=f"covers/No. {n}" if n % 2 else "../rest/")
"""


def test_a_spider_names_the_files_it_saves(acrawl, tmp_path, live):
    live.page("/", ["/a.png", "/b.png", "/moved", "/d.png"])
    for n, name in enumerate("abcd"):
        live.picture(f"/{name}.png", n)
    live.add("/moved", "", status=302, location="/c.png")
    (tmp_path / "shop.py").write_text(SHOP)
    template = ("-s", "files.name={spider}/{n}")
    done = acrawl("run", "shop.py", "-a", f"url={live.url()}", "--files", "files", "-o", "-", "--workers", 1, *template)
    assert done.code == EXIT_OK, done.err
    names = {"_/rest/a.png": 0, "covers/No. 1.png": 1, "_/rest/c.png": 2, "covers/No. 3.png": 3}
    assert saved(tmp_path / "files") == {name: server.png(n) for name, n in names.items()}


@pytest.mark.parametrize(
    ("verb", "template", "words"),
    [
        ("images", "{hots}/{path}", ["files.name", "{host}"]),
        ("images", "../{path}", ["files.name", "dot"]),
        ("pages", "/{path}", ["files.name", "below the folder"]),
        ("mirror", "{sha256}", ["files.name", "mirror"]),
    ],
)
def test_a_template_that_cannot_be_is_refused_before_anything_begins(acrawl, tmp_path, verb, template, words):
    done = acrawl(verb, "http://127.0.0.1:1/", "-o", "files", "-s", f"files.name={template}")
    assert done.code == EXIT_USAGE
    for word in words:
        assert word in done.complaint
    assert not list(tmp_path.iterdir())


def test_texts_of_pages_are_named_by_the_template_too(acrawl, tmp_path, live):
    live.page("/", ["/deep/er/page"], text="<p>one</p>")
    live.page("/deep/er/page", text="<p>two</p>")
    done = acrawl("pages", live.url(), "-o", "texts", "--workers", 1, "-s", "files.name={stem}")
    assert done.code == EXIT_OK, done.err
    named = {record["file"]: record["url"] for record in records(tmp_path / "texts" / "pages.jsonl")}
    assert named == {"index.md": live.url("/"), "page.md": live.url("/deep/er/page")}


def test_what_the_job_of_the_same_folder_removes_of_its_own_is_no_file_of_the_crawl(acrawl, tmp_path, live):
    live.page("/", ["/a.png", "/b.png"])
    for n, name in enumerate("ab"):
        live.picture(f"/{name}.png", n)
    (tmp_path / "shop.py").write_text(SHOP.replace("covers/No. {n}", "exchanges/").replace("../rest/", "uploads/"))
    command = ["run", "shop.py", "-a", f"url={live.url()}", "--files", "all", "--job", "all", "--workers", 1]
    done = acrawl(*command, "--warc", "w/site")
    assert done.code == EXIT_OK, done.err
    found = {path.relative_to(tmp_path / "all").as_posix() for path in (tmp_path / "all").glob("*/*.png")}
    assert found == {"_uploads/a.png", "_exchanges/b.png"}
