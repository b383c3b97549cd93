"""Saved images as a page shows them: made small, left out where they are none, never more than there is room for."""

from __future__ import annotations

import hashlib
import io

import PIL.Image
import pytest

from acrawl.outcome import Derived, FileFact
from acrawl.results import previews
from acrawl.results.catalog import Catalog
from acrawl.results.files.objects import object_path
from acrawl.results.previews import pictures
from results.helpers import png, sightings

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30"/>'


@pytest.fixture
def catalog(tmp_path):
    catalog = Catalog(tmp_path / "results.db", tmp_path / "root")
    yield catalog
    catalog.close()


@pytest.fixture
def shown(catalog, tmp_path):
    return lambda most=10: pictures(tmp_path / "results.db", catalog.root, most)


def put(catalog, name, data, **facts):
    url, sha256 = f"https://e.org/{name}", hashlib.sha256(data).hexdigest()
    path = object_path(catalog.root, sha256)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    with catalog.batch():
        facts = {"type": "image/png", "width": 40, "height": 30} | facts
        catalog.add_files([FileFact(url, sha256, len(data), **facts)])
        catalog.add_sightings(sightings("https://e.org/page", (url, "what it shows")))


def noise(width=900, height=700, form="PNG", **how):
    file = io.BytesIO()
    PIL.Image.effect_noise((width, height), 80).convert("RGB").save(file, form, **how)
    return file.getvalue()


def test_a_photograph_is_made_small_and_an_icon_stays_as_it_is(catalog, shown):
    put(catalog, "large.jpg", noise(form="JPEG"), type="image/jpeg", width=900, height=700)
    put(catalog, "icon.png", png(1))
    large, icon = shown()
    assert (large.url, large.page, large.alt) == ("https://e.org/large.jpg", "https://e.org/page", "what it shows")
    assert (large.width, large.height, large.shown) == (900, 700, "image/jpeg")
    with PIL.Image.open(io.BytesIO(large.data)) as image:
        assert max(image.size) == previews.SIDE
    assert len(large.data) < previews.MOST_ORIGINAL < large.size
    assert (icon.shown, icon.data) == ("image/png", png(1))


def test_a_turned_photograph_is_shown_upright(catalog, shown):
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # as a camera held upright says
    put(catalog, "turned.jpg", noise(900, 300, "JPEG", exif=exif), type="image/jpeg")
    (picture,) = shown()
    with PIL.Image.open(io.BytesIO(picture.data)) as image:
        assert image.width < image.height


def test_what_cannot_be_decoded_or_is_too_large_is_left_out(catalog, shown, monkeypatch):
    put(catalog, "cut.png", noise()[:70_000])
    put(catalog, "lie.png", b"GIF89a and no more")
    put(catalog, "huge.png", noise(1000, 600), width=1000, height=600)
    put(catalog, "fine.png", noise(100, 100))
    monkeypatch.setattr(previews, "_MOST_PIXELS", 500_000)
    assert [picture.url for picture in shown()] == ["https://e.org/fine.png"]


def test_counting_pixels_and_other_files_are_no_pictures(catalog, shown):
    put(catalog, "pixel.png", png(2), width=1, height=1)
    put(catalog, "text.pdf", b"%PDF", type="application/pdf")
    put(catalog, "drawing.svg", SVG, type="image/svg+xml")
    assert [(picture.shown, picture.data) for picture in shown()] == [("image/svg+xml", SVG)]


def test_pictures_are_as_many_as_wanted_and_as_there_is_room_for(catalog, shown, monkeypatch):
    for n in range(8):
        put(catalog, f"{n}.png", png(n))
    assert len(shown(3)) == 3
    assert shown(0) == []
    monkeypatch.setattr(previews, "MOST_BYTES", 3 * len(png(0)) + 10)
    assert len(shown()) == 3


def test_files_that_are_gone_are_left_out_and_without_a_catalog_there_is_none(catalog, shown, tmp_path):
    put(catalog, "gone.png", png(1))
    put(catalog, "here.png", png(2))
    object_path(catalog.root, hashlib.sha256(png(1)).hexdigest()).unlink()
    (catalog.root / "e.org" / "gone.png").unlink()
    assert [picture.url for picture in shown()] == ["https://e.org/here.png"]
    assert pictures(tmp_path / "none.db", tmp_path, 10) == []


def test_a_thumbnail_that_the_crawl_has_made_is_shown_as_it_is(catalog, shown, tmp_path):
    small = noise(200, 150, "JPEG")
    sha256 = hashlib.sha256(small).hexdigest()
    path = object_path(catalog.root, sha256)
    path.parent.mkdir(parents=True)
    path.write_bytes(small)
    made = [Derived("thumb:s", sha256, len(small), "image/jpeg", 200, 150)]
    put(catalog, "large.jpg", noise(form="JPEG"), type="image/jpeg", width=900, height=700, derived=made)
    (picture,) = shown()
    assert (picture.shown, picture.data) == ("image/jpeg", small)
    (catalog.root / "thumbs/s/e.org/large.jpg.jpg").unlink()
    (picture,) = shown()
    assert picture.shown == "image/jpeg"
