"""The site and its manifest: the same from the same seed, and true."""

import io
import json
from collections import Counter
from hashlib import sha256
from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin
from xml.etree import ElementTree

from PIL import Image

from acrawl.demo.builder import Resource
from acrawl.demo.gallery import WAYS
from acrawl.demo.site import CDN, ORIGIN, build
from acrawl.url import canonical


def digest(site):
    whole = sha256(json.dumps(site.manifest, sort_keys=True).encode())
    for url, resource in sorted(site.resources.items()):
        whole.update(f"{url} {resource!r}".encode())
    return whole.hexdigest()


def test_the_same_seed_gives_the_same_site(gallery):
    assert digest(build(1)) == digest(gallery)
    assert digest(build(2)) != digest(gallery)


def test_images_do_not_depend_on_the_ports(gallery):
    moved = build(1, "http://127.0.0.1:1234", "http://127.0.0.1:1235")
    here = {
        url.removeprefix(ORIGIN).replace(CDN, "cdn "): facts["sha256"]
        for url, facts in gallery.manifest["images"].items()
    }
    there = {
        url.removeprefix(moved.origin).replace(moved.cdn, "cdn "): facts["sha256"]
        for url, facts in moved.manifest["images"].items()
    }

    assert there == here


def test_the_site_is_as_large_as_promised(gallery):
    counts = gallery.manifest["counts"]

    assert 500 <= counts["pages"] <= 600
    assert 2000 <= counts["images"] <= 2300
    assert counts["distinct"] + counts["duplicates"] == counts["images"] == len(gallery.manifest["images"])


def test_every_image_is_what_the_manifest_says(gallery):
    names = {"image/png": "PNG", "image/jpeg": "JPEG", "image/gif": "GIF", "image/webp": "WEBP", "image/bmp": "BMP"}
    seen = Counter()
    for url, facts in gallery.manifest["images"].items():
        body = gallery.resources[url].body
        assert (sha256(body).hexdigest(), len(body)) == (facts["sha256"], facts["size"]), url
        if facts["type"] == "image/svg+xml":
            root = ElementTree.fromstring(body)
            size = int(root.get("width")), int(root.get("height"))
        else:
            with Image.open(io.BytesIO(body)) as image:
                image.load()
                assert image.format == names.get(facts["type"], "ICO"), url
                size = image.size
        assert size == (facts["width"], facts["height"]), url
        seen[facts["type"]] += 1

    assert seen.keys() == names.keys() | {"image/x-icon", "image/svg+xml"}


def test_only_declared_duplicates_share_their_bytes(gallery):
    shared = [{url.removeprefix(ORIGIN).replace(CDN, "cdn") for url in urls} for urls in gallery.manifest["duplicates"]]
    covers = [urls for urls in shared if any(url.startswith("/albums/") for url in urls)]
    others = [urls for urls in shared if urls not in covers]

    assert len(covers) == 20
    assert all(len(urls) == 2 for urls in covers)
    assert sorted(others, key=len) == [
        {"/duplicates/near.webp", "cdn/duplicates/far.webp"},
        {"/duplicates/first.jpg", "/duplicates/second.jpg", "/duplicates/third.png", "/duplicates/fourth.php?id=4"},
    ]


def test_no_refused_body_is_an_images(gallery):
    bodies = {facts["sha256"] for facts in gallery.manifest["images"].values()}

    assert gallery.manifest["refused_sha256"]
    assert not bodies & set(gallery.manifest["refused_sha256"])


def test_every_url_is_written_as_browsers_ask_for_it(gallery):
    assert [url for url in gallery.resources if canonical(url) != url] == []
    assert gallery.manifest["requests"].keys() == gallery.resources.keys()


def test_each_url_has_one_part_to_play(gallery):
    books = gallery.manifest
    parts = Counter(
        url
        for part in ("images", "pages", "stylesheets", "errors", "not_images", "forbidden", "never")
        for url in books[part]
    )

    assert [url for url, n in parts.items() if n > 1] == []
    others = set(gallery.resources) - set(parts)
    hops = {url for url in others if 300 <= gallery.resources[url].status < 400}
    assert others - hops == {f"{ORIGIN}/robots.txt", f"{CDN}/robots.txt", f"{ORIGIN}/sitemap.xml"}


class Reader(HTMLParser):
    """Another reader than the crawler's: collects hyperlinks and the sources of plain images."""

    def __init__(self):
        super().__init__()
        self.links, self.sources, self.base = [], [], ""

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag == "base":
            self.base = attributes["href"]
        elif tag == "a":
            self.links.append(attributes.get("href", ""))
        elif tag == "img":
            self.sources.append(attributes.get("src", ""))

    @classmethod
    def read(cls, url, resource: Resource, charset):
        reader = cls()
        reader.feed(resource.body.decode(charset))
        base = urljoin(url, reader.base)
        return [[urldefrag(urljoin(base, ref.strip())).url for ref in refs] for refs in (reader.links, reader.sources)]


def charset_of(resource):
    for charset in ("utf-16", "windows-1251", "koi8-r", "shift_jis", "gb18030", "iso-8859-2", "utf-8"):
        if charset == "utf-16" and resource.body[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return charset
        if charset in resource.content_type.lower() or f'"{charset}"' in repr(resource.body[:300]):
            return charset
        if f"charset={charset}" in repr(resource.body[:600]):
            return charset
    return "utf-8-sig"


def test_every_page_is_reached_by_links_from_the_home_page(gallery):
    pages = set(gallery.manifest["pages"])
    reached, waiting = set(), [f"{ORIGIN}/"]
    while waiting:
        url = waiting.pop()
        resource = gallery.resources.get(url)
        if resource is not None and 300 <= resource.status < 400:
            waiting.append(urljoin(url, dict(resource.headers)["Location"]))
        if url in reached or url not in pages:
            continue
        reached.add(url)
        links, _ = Reader.read(url, resource, charset_of(resource))
        waiting += [canonical(link) for link in links if link.startswith(ORIGIN)]

    assert pages - reached == set()


def test_what_another_reader_finds_in_plain_images_is_in_the_manifest(gallery):
    """Not all the ways, but an independent witness for the commonest one."""
    books = gallery.manifest
    known = {place for part in ("errors", "not_images", "forbidden", "never", "redirects") for place in books[part]}
    witnessed = 0
    for page in books["pages"]:
        for source in Reader.read(page, gallery.resources[page], charset_of(gallery.resources[page]))[1]:
            if not source.startswith((ORIGIN, CDN)) or any(odd in source for odd in ("\\", "\n", "collapsed")):
                continue  # what browsers make of these urljoin does not know
            url = canonical(source)
            if url in books["images"]:
                assert page in books["images"][url]["pages"], f"{page} names {url}"
                witnessed += 1
            else:
                assert url in known | {page} or gallery.resources[url].status == 302, f"{page} names {url}"
    assert witnessed > 1500


def test_what_must_not_be_fetched_is_there_to_tempt(gallery):
    """Each URL that no crawl may ask for is written somewhere, so that obedience and care are tested."""
    kinds = "text/html", "text/css", "application/xhtml"
    written = [r.body for r in gallery.resources.values() if r.content_type.startswith(kinds)]
    written += [dict(r.headers).get("Location", "").encode() for r in gallery.resources.values()]
    text = b"\n".join(written).decode("utf-8", "replace").replace("'", "")
    urls = [url.removeprefix(ORIGIN) for part in ("forbidden", "never") for url in gallery.manifest[part]]

    assert len(urls) > 25
    # A stylesheet names its neighbours by their last part alone.
    assert [url for url in urls if url not in text and f"url({url.rpartition('/')[2]}" not in text] == []


def test_every_way_of_naming_is_used_many_times(gallery):
    bodies = [gallery.resources[url].body.decode() for url in gallery.manifest["pages"] if "/pictures/" in url]
    openings = {way: way.partition("REF")[0].replace("SPACER", "data:") for way in WAYS}
    used = {way: sum(opening.split("data:")[-1] in body for body in bodies) for way, opening in openings.items()}

    assert min(used.values()) >= 20, used
