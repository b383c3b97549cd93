"""The browsable copy: killed at any point and made again, it is the same; and it takes nobody else's files."""

import os
import pathlib
import random
import signal
import subprocess
import sys

import pytest

from acrawl.errors import CrawlFailed
from acrawl.results.catalog import Catalog
from acrawl.results.files.folder import FolderStore
from acrawl.results.publish.mirror import write_mirror
from results.helpers import readable, save, temporaries
from results.mirrored import PAGES

SCRIPT = pathlib.Path(__file__).with_name("mirrored.py")


def made(folder, fatal):
    return subprocess.run(
        [sys.executable, SCRIPT, folder, str(fatal)], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What a run without a death makes, and how many points it passes."""
    folder = tmp_path_factory.mktemp("whole")
    finished = made(folder, 0)
    assert finished.returncode == 0, finished.stderr
    return readable(folder / "files"), int(finished.stdout)


@pytest.mark.process
@pytest.mark.parametrize("seed", [random.randrange(1 << 32) for _ in range(3)] if "CI" not in os.environ else [1, 2, 3])
def test_whatever_is_killed_the_copy_is_the_same(memory, whole, seed):
    files, points = whole
    assert len(files) == 2 * PAGES + 1
    chance = random.Random(seed)
    kills = 0
    for _ in range(5):
        killed = made(memory, chance.randint(1, points // 2))
        assert killed.returncode in (-signal.SIGKILL, 0), killed.stderr
        kills += killed.returncode != 0
        part = readable(memory / "files")
        assert part.items() <= files.items()
    assert kills >= 2
    finished = made(memory, 0)
    assert finished.returncode == 0, finished.stderr
    assert readable(memory / "files") == files
    assert temporaries(memory / "files") == []
    # Made once more, nothing is written.
    before = {name: (memory / "files" / name).stat().st_mtime_ns for name in files if name != "index.html"}
    made(memory, 0)
    assert before == {name: (memory / "files" / name).stat().st_mtime_ns for name in before}


async def copied(folder, pages, redirects=(), starts=()):
    """Save pages by URL, and make the copy."""
    store = FolderStore(folder)
    facts = [await save(store, url, body, content_type=kind) for url, (body, kind) in pages.items()]
    store.close()
    catalog = Catalog(folder / "results.db", folder, named=False)
    with catalog.batch():
        assert set(catalog.add_files(facts)) == {None}
    try:
        write_mirror(catalog, starts, redirects)
    finally:
        catalog.close()
    return {name: data.decode("latin-1") for name, data in readable(folder).items()}


def html(text):
    return text.encode(), "text/html; charset=utf-8"


@pytest.mark.asyncio
async def test_same_bytes_lead_from_each_folder_to_its_own_files(tmp_path):
    page = html("<a href=x>")
    files = await copied(tmp_path, {f"http://a/{at}": page for at in ("b/", "b/index.html", "c/", "c/x")})
    assert files["a/b/index.html"] == '<a href="http://a/b/x">'
    assert files["a/c/index.html"] == '<a href="x.html">'
    assert "a/b/index-2.html" not in files


@pytest.mark.asyncio
async def test_redirects_in_a_circle_lead_nowhere(tmp_path):
    circle = [("http://a/1", "http://a/2"), ("http://a/2", "http://a/1")]
    files = await copied(tmp_path, {"http://a/": html("<a href=1>")}, circle, ["http://a/", "http://a/1"])
    assert files["a/index.html"] == '<a href="http://a/1">'
    assert "(not in this copy)" in files["index.html"]


@pytest.mark.asyncio
async def test_what_names_nothing_is_the_saved_file_itself(tmp_path):
    await copied(tmp_path, {"http://a/x.css": (b"a { b: c }", "text/css"), "http://a/": html("text")})
    assert (tmp_path / "a/x.css").stat().st_nlink == 2
    assert (tmp_path / "a/index.html").stat().st_nlink == 2


@pytest.mark.asyncio
async def test_a_folder_that_has_become_a_link_is_not_followed(tmp_path):
    root = tmp_path / "copy"
    await copied(root, {"http://a/b/": html("<a href=/>")})
    (tmp_path / "outside").mkdir()
    (root / "a/b/index.html").unlink()
    (root / "a/b").rmdir()
    (root / "a/b").symlink_to(tmp_path / "outside")
    with pytest.raises(CrawlFailed, match="symbolic link"):
        await copied(root, {"http://a/b/": html("<a href=/>")})
    assert list((tmp_path / "outside").iterdir()) == []


@pytest.mark.asyncio
async def test_a_file_that_changed_its_type_gets_another_name(tmp_path):
    await copied(tmp_path, {"http://a/x": html("page")})
    files = await copied(tmp_path, {"http://a/x": (b"a{}", "text/css"), "http://a/": html("<link rel=icon href=x>")})
    assert 'href="x.css"' in files["a/index.html"]
    assert files["a/x.css"] == "a{}"


@pytest.mark.asyncio
async def test_no_reference_leads_into_the_files_of_the_reader(tmp_path):
    long = "a" * 9000
    hostile = ["file:///etc/x", " fi\tle:x", f"../../../etc/passwd?{long}", f"//host/share?{long}", "//a b/share"]
    page = "".join(f'<img src="{reference}">' for reference in [*hostile, "blob:x", "http://["])
    files = await copied(tmp_path, {"http://a/": html(page)})
    assert files["a/index.html"] == '<img src="about:invalid">' * 5 + '<img src="blob:x"><img src="http://[">'


@pytest.mark.asyncio
async def test_what_was_not_served_as_a_page_does_not_become_one(tmp_path):
    text = b"<script>alert(1)</script>"
    files = await copied(tmp_path, {"http://a/x.html": (text, "text/plain"), "http://a/y.txt": (text, "text/plain")})
    assert {"a/x.html.txt", "a/y.txt"} <= files.keys()
    assert "a/x.html" not in files
