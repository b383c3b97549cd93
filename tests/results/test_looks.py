"""What the catalog records of decoded images, and the names of what was made of them."""

from __future__ import annotations

import hashlib

import msgspec
import pytest

from acrawl.outcome import Derived, FileFact
from acrawl.results.catalog import Catalog
from acrawl.results.files.objects import object_path
from acrawl.results.looks import Look
from results.helpers import png, readable


@pytest.fixture
def catalog(tmp_path):
    catalog = Catalog(tmp_path / "job" / "results.db", tmp_path / "root")
    yield catalog
    catalog.close()


@pytest.fixture
def put(catalog):
    """Store bytes as a worker does; returns their digest."""

    def at(data):
        sha256 = hashlib.sha256(data).hexdigest()
        path = object_path(catalog.root, sha256)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return sha256

    return at


@pytest.fixture
def fact(put):
    """An image of a number, with a thumbnail and a copy."""

    def of(n, url="", kinds=("thumb:small", "converted"), **more):
        data = png(n)
        size = len(data)
        derived = [Derived(kind, put(kind.encode() + data), len(kind) + size, "image/jpeg", 2, 2) for kind in kinds]
        more = {"derived": derived, "dhash": f"{n:016x}"} | more
        return FileFact(url or f"https://e.org/{n}.png", put(data), size, "image/png", 4, 4, **more)

    return of


def add(catalog, *facts):
    with catalog.batch():
        return catalog.add_files(facts)


def paths(catalog, fact):
    return {one.kind: one.path for one in catalog.looks.made_of(fact.sha256)}


def test_what_was_made_is_named_after_its_image_however_often_it_is_told(catalog, fact):
    one = fact(1)
    for _ in range(2):
        add(catalog, one, msgspec.structs.replace(one, url="https://e.org/other.png"))
    assert paths(catalog, one) == {
        "thumb:small": "thumbs/small/e.org/1.png.jpg",
        "converted": "converted/e.org/1.png.jpg",
    }
    assert set(readable(catalog.root)) == {"e.org/1.png", *paths(catalog, one).values()}


def test_a_run_that_died_before_its_commit_is_gone_on_with(catalog, fact):
    def die():
        catalog.add_files([fact(1)])
        raise RuntimeError

    with pytest.raises(RuntimeError), catalog.batch():
        die()
    assert paths(catalog, fact(1)) == {}
    add(catalog, fact(1))
    assert set(readable(catalog.root)) == {"e.org/1.png", *paths(catalog, fact(1)).values()}


def test_files_of_others_in_its_place_are_left_alone(catalog, fact):
    theirs = catalog.root / "thumbs" / "small" / "e.org" / "1.png.jpg"
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(b"mine")
    (catalog.root / "converted").write_bytes(b"a file where a folder should be")
    one = fact(1)
    add(catalog, one)
    assert paths(catalog, one) == {
        "thumb:small": f"thumbs/small/e.org/1.png-{one.derived[0].sha256[:12]}.jpg",
        "converted": None,
    }
    assert theirs.read_bytes() == b"mine"


def test_a_site_called_thumbs_has_its_images_beside_the_thumbnails(catalog, fact):
    site = fact(1, "https://thumbs/small/e.org/2.png.jpg", kinds=())
    add(catalog, site, fact(2))
    (name,) = add(catalog, site)
    assert name != paths(catalog, fact(2))["thumb:small"]
    data = readable(catalog.root)
    assert data[name] == png(1)
    assert data[paths(catalog, fact(2))["thumb:small"]] == b"thumb:small" + png(2)


def test_what_a_worker_keeps_has_no_name_until_another_brings_it(catalog, fact):
    kept = fact(1, where="far")
    add(catalog, kept)
    assert paths(catalog, kept) == {"thumb:small": None, "converted": None}
    add(catalog, fact(1))
    assert None not in paths(catalog, kept).values()
    add(catalog, kept)
    assert None not in paths(catalog, kept).values()


@pytest.mark.parametrize("kind", ["thumb:../../x", "thumb:", "thumb:a/b", "other", "thumb:.objects"])
def test_a_kind_that_cannot_be_is_not_recorded_and_the_image_is(catalog, fact, kind):
    one = fact(1, kinds=(kind,))
    assert add(catalog, one) == ["e.org/1.png"]
    assert paths(catalog, one) == {}
    assert set(readable(catalog.root)) == {"e.org/1.png"}


def test_a_thumbnail_that_is_not_there_is_not_listed(catalog, fact):
    one = fact(1)
    object_path(catalog.root, one.derived[0].sha256).unlink()
    bad = Derived("thumb:bad", "no digest", 1, "image/jpeg", 1, 1)
    one = msgspec.structs.replace(one, derived=[*one.derived, bad])
    assert add(catalog, one) == ["e.org/1.png"]
    assert paths(catalog, one).keys() == {"converted"}


def test_a_note_gives_way_to_what_a_later_worker_finds(catalog, fact):
    one = fact(1)
    add(catalog, fact(1, derived=[], dhash="", note="not decoded: its process died"))
    add(catalog, one)
    add(catalog, fact(1, derived=[], dhash="", note="not decoded: its process died"))
    assert catalog.looks.look_of(one.sha256) == Look(f"{1:016x}")
    assert len(paths(catalog, one)) == 2


def test_what_looks_alike_is_found_anew_each_time(catalog, fact):
    add(catalog, *(fact(n) for n in (0b0, 0b11, 0b1111, 0xFF00)), fact(7, dhash=""))
    digests = {n: fact(n).sha256 for n in (0b0, 0b11, 0b1111, 0xFF00)}
    for near, firsts in ((2, {0b11: 0b0, 0b1111: 0b11}), (4, {0b11: 0b0, 0b1111: 0b0}), (0, {})):
        catalog.find_alike(near)
        found = {n: catalog.looks.look_of(sha256).near for n, sha256 in digests.items()}
        assert found == {n: digests[firsts[n]] if n in firsts else "" for n in digests}
        assert catalog.totals().alike == len(firsts)
        assert len(catalog.pictures(0, 100)) == 5 - len(firsts)
        assert catalog.pictures(0, 1)[0].alike == len(firsts)


def test_of_a_copy_to_read_nothing_made_has_a_name_of_its_own(tmp_path, fact):
    catalog = Catalog(tmp_path / "mirror" / "results.db", tmp_path / "root", named=False)
    add(catalog, fact(1))
    assert paths(catalog, fact(1)) == {"thumb:small": None, "converted": None}
    catalog.close()


def test_what_was_made_of_replaced_bytes_goes_and_that_of_the_new_ones_gets_its_names(catalog, fact):
    old, new = fact(1, "https://e.org/a.png"), fact(2, "https://e.org/a.png")
    add(catalog, old)
    names = paths(catalog, old)
    for _ in range(2):  # it may come again, as everything may
        add(catalog, new)
    catalog.forget_replaced()
    assert paths(catalog, old) == {}
    assert catalog.looks.look_of(old.sha256) == Look()
    assert paths(catalog, new) == names
    assert sorted(readable(catalog.root)) == sorted(["e.org/a.png", *names.values()])
    for made in old.derived:
        assert not object_path(catalog.root, made.sha256).exists()
    for made in new.derived:
        assert object_path(catalog.root, made.sha256).exists()


def test_a_thumbnail_that_another_image_shares_stays_when_one_of_them_is_replaced(catalog, fact, put):
    shared = [Derived("thumb:small", put(b"grey"), 4, "image/jpeg", 2, 2)]
    one, other = fact(1, derived=shared), fact(2, derived=shared)
    add(catalog, one, other)
    add(catalog, fact(3, one.url))
    catalog.forget_replaced()
    assert paths(catalog, other) == {"thumb:small": "thumbs/small/e.org/2.png.jpg"}
    assert (catalog.root / "thumbs/small/e.org/2.png.jpg").read_bytes() == b"grey"
    assert object_path(catalog.root, shared[0].sha256).exists()


def test_a_batch_that_dies_while_it_replaces_thumbnails_is_made_whole_when_it_comes_again(catalog, fact):
    old, new = fact(1, "https://e.org/a.png"), fact(2, "https://e.org/a.png")
    add(catalog, old)
    names = paths(catalog, old)

    def die():
        catalog.add_files([new])
        raise RuntimeError

    with pytest.raises(RuntimeError), catalog.batch():
        die()
    add(catalog, new)
    assert paths(catalog, new) == names
    assert sorted(readable(catalog.root)) == sorted(["e.org/a.png", *names.values()])


def test_bytes_that_come_back_at_another_url_have_their_thumbnails_there(catalog, fact):
    old, new = fact(1, "https://e.org/a.png"), fact(2, "https://e.org/a.png")
    add(catalog, old)
    add(catalog, new)
    add(catalog, fact(1, "https://e.org/b.png"))
    catalog.forget_replaced()
    assert paths(catalog, old)["thumb:small"] == "thumbs/small/e.org/b.png.jpg"
    assert (catalog.root / "thumbs/small/e.org/b.png.jpg").read_bytes() == b"thumb:small" + png(1)


def test_what_an_image_looks_like_is_no_image_that_was_replaced(catalog, fact):
    first, second = fact(1, dhash="00ff00ff00ff00ff"), fact(2, dhash="00ff00ff00ff00fe")
    add(catalog, first, second)
    catalog.find_alike(4)
    add(catalog, fact(3, first.url))  # and nobody asks again what looks alike
    assert catalog.looks.look_of(second.sha256).near == ""
