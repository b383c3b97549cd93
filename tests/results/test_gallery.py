"""What is rendered at the end: images.jsonl and the gallery."""

import hashlib
import html.parser
import json
import re

import pytest

from acrawl.errors import CrawlFailed
from acrawl.outcome import FileFact
from acrawl.results.catalog import Catalog
from acrawl.results.files.objects import object_path
from acrawl.results.publish import gallery, images
from acrawl.results.publish.gallery import write_gallery
from acrawl.results.publish.images import write_images
from browser import browser
from results.helpers import png, readable, sightings

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30"><rect width="40" height="30" fill="teal"/></svg>'
TAGS = {
    "html", "head", "meta", "title", "style", "body", "header", "h1", "p", "main", "figure", "a", "img", "span", "div",
    "figcaption", "footer",
}  # fmt: skip
HOSTILE = '"><script>document.title="owned"</script><img src=x onerror=document.title="owned"> \u202egnp.\u2066'


@pytest.fixture
def catalog(tmp_path):
    catalog = Catalog(tmp_path / "job" / "results.db", tmp_path / "root")
    yield catalog
    catalog.close()


@pytest.fixture
def root(catalog):
    return catalog.root


def put(catalog, url, data, alt="", page="https://e.org/page", **facts):
    sha256 = hashlib.sha256(data).hexdigest()
    path = object_path(catalog.root, sha256)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    with catalog.batch():
        fact = FileFact(url, sha256, len(data), **({"type": "image/png", "width": 4, "height": 4} | facts))
        (name,) = catalog.add_files([fact])
        catalog.add_sightings(sightings(page, (url, alt)))
    return name


class Elements(html.parser.HTMLParser):
    """All elements of a page, with their attributes."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def of(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


def test_each_image_url_is_one_line(catalog, root):
    put(catalog, "https://e.org/b.png", png(1), "first", page="https://e.org/1")
    put(catalog, "https://e.org/a.png", png(1), "second", page="https://e.org/2")
    put(catalog, "https://e.org/b.png", png(1), "third", page="https://e.org/3")
    put(catalog, "https://e.org/page.html", b"<p>", type="text/html")
    assert write_images(catalog) == root / "images.jsonl"
    lines = [json.loads(line) for line in (root / "images.jsonl").read_text().splitlines()]
    assert [line["url"] for line in lines] == ["https://e.org/a.png", "https://e.org/b.png"]
    assert lines[1] == {
        "url": "https://e.org/b.png", "path": "e.org/b.png", "sha256": hashlib.sha256(png(1)).hexdigest(),
        "bytes": len(png(1)), "type": "image/png", "width": 4, "height": 4, "page_count": 2,
        "pages": [
            {"page": "https://e.org/1", "alt": "first", "source": "img"},
            {"page": "https://e.org/3", "alt": "third", "source": "img"},
        ],
    }  # fmt: skip


def test_the_pages_of_one_line_are_bounded(catalog, root, monkeypatch):
    monkeypatch.setattr(images, "MAX_PAGES", 3)
    for n in range(5):
        put(catalog, "https://e.org/logo.png", png(1), page=f"https://e.org/{n}")
    write_images(catalog)
    line = json.loads((root / "images.jsonl").read_text())
    assert (len(line["pages"]), line["page_count"]) == (3, 5)


def test_a_rendering_that_fails_leaves_the_old_one(catalog, root, monkeypatch):
    put(catalog, "https://e.org/a.png", png(1))
    write_images(catalog)
    before = readable(root)
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(CrawlFailed, match="No space left"):
        write_images(catalog)
    assert readable(root) == before


def test_every_distinct_image_has_a_card(catalog, root):
    for n in range(5):
        put(catalog, f"https://e.org/{n} é.png", png(n % 3), f"image {n}")
    assert write_gallery(catalog, "A title") == root / "index.html"
    page = Elements((root / "index.html").read_text())
    shown = page.of("img")
    assert [(image["src"], image["alt"], image["loading"], image["width"]) for image in shown] == [
        (f"e.org/{n}%20%C3%A9.png", f"image {n}", "lazy", "4") for n in range(3)
    ]
    assert len(page.of("figure")) == 3
    assert page.of("script") == []


def test_an_empty_gallery_says_so(catalog, root):
    write_gallery(catalog, "Nothing")
    assert "No images yet" in (root / "index.html").read_text()


def test_a_long_gallery_has_pages_and_a_shorter_one_removes_them(catalog, root, monkeypatch):
    monkeypatch.setattr(gallery, "PER_PAGE", 3)
    names = [put(catalog, f"https://e.org/{n}.png", png(n)) for n in range(22)]
    write_gallery(catalog, "Pages")
    pages = ["index.html", *(f"gallery-{n}.html" for n in range(2, 9))]
    shown = [image["src"] for page in pages for image in Elements((root / page).read_text()).of("img")]
    assert shown == names
    second = Elements((root / "gallery-2.html").read_text())
    assert {link["href"] for link in second.of("a")} >= {
        "index.html",
        "gallery-3.html",
        "gallery-5.html",
        "gallery-8.html",
    }
    (root / "gallery-9.html").write_text("mine")
    monkeypatch.setattr(gallery, "PER_PAGE", 100)
    write_gallery(catalog, "One")
    assert sorted(path.name for path in root.glob("*.html")) == ["gallery-9.html", "index.html"]
    assert (root / "gallery-9.html").read_text() == "mine"


def test_pages_of_the_users_are_never_overwritten(catalog, root, monkeypatch):
    monkeypatch.setattr(gallery, "PER_PAGE", 1)
    for n in range(3):
        put(catalog, f"https://e.org/{n}.png", png(n))
    (root / "index.html").write_text("mine")
    (root / "gallery-2.html").mkdir()
    for _ in range(2):
        assert write_gallery(catalog, "Title") == root / "gallery.html"
    assert (root / "index.html").read_text() == "mine"
    assert sorted(path.name for path in root.glob("*.html") if path.is_file()) == [
        "gallery-3.html", "gallery-4.html", "gallery.html", "index.html",
    ]  # fmt: skip


def test_a_site_called_index_html_does_not_meet_the_gallery(catalog, root):
    assert put(catalog, "http://index.html/a.png", png(1)) == "_index.html/a.png"
    assert write_gallery(catalog, "Title") == root / "index.html"


def test_text_of_strangers_stays_text(catalog, root):
    put(catalog, "https://e.org/a.png", png(1), HOSTILE, page='javascript:alert(1)//"><b>')
    put(catalog, "https://e.org/b.svg", SVG, type="image/svg+xml", page='https://e.org/"onmouseover="x')
    put(catalog, "https://e.org/c.heic", b"heic", type="image/heic<b>", page="https://u:p@e.org/[")
    write_gallery(catalog, HOSTILE)
    text = (root / "index.html").read_text()
    page = Elements(text)
    assert {tag for tag, _ in page.found} <= TAGS
    assert not [name for _, attributes in page.found for name in attributes if name.startswith("on")]
    assert not [
        link["href"]
        for link in page.of("a")
        if not re.match(r"https://e\.org/|https://u:p@|e\.org/|images\.jsonl", link["href"])
    ]
    assert "\u202e" not in text
    assert "e.org/b.svg" not in [link["href"] for link in page.of("a")]  # an SVG is not opened by itself
    (policy,) = [meta["content"] for meta in page.of("meta") if meta.get("http-equiv")]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy


@pytest.mark.browser
@pytest.mark.asyncio
async def test_chromium_shows_every_image_from_disk(catalog, root):
    # Given images of hard names and hostile texts
    put(catalog, "https://e.org/plain.png", png(0xAA3355, 300, 200), HOSTILE)
    put(
        catalog,
        "https://e.org/100%25%20%23%3F%20sure.png",
        png(0x3355AA, 20, 300),
        "' onload='document.title=\"owned\"",
    )
    put(catalog, "https://[::1]:8080/%E2%82%AC/caf%C3%A9.svg", SVG, type="image/svg+xml", width=40, height=30)
    put(catalog, f"https://e.org/{'x' * 300}.png", png(7), "x" * 5000)
    put(catalog, "https://e.org/photo.heic", b"heic", type="image/heic", width=9, height=9)
    first = write_gallery(catalog, "Title")
    # When a browser opens the page from disk
    async with browser() as page:
        await page.open(first.as_uri())
        loaded = await page.evaluate(
            "Promise.all([...document.images].map(async image => { image.loading = 'eager';"
            " await image.decode().catch(() => 0); return image.naturalWidth; }))"
        )
        # Then every image is there, and the texts are texts
        assert loaded == [300, 20, 40, 4]
        assert await page.evaluate("document.title") == "Title"
        assert await page.evaluate("document.querySelectorAll('script, [onload], [onerror]').length") == 0
        assert "<script>" in await page.evaluate("document.querySelector('figcaption .alt').textContent")
        # and the policy lets the style in
        assert await page.evaluate("getComputedStyle(document.querySelector('main')).display") == "grid"
        assert page.console == []
        # and nothing is wider than the window
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
