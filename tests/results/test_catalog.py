"""The catalog: one row a digest, one name, and every write may come again."""

import contextlib
import errno
import hashlib
import os
import sqlite3

import msgspec
import pytest

from acrawl.errors import CrawlFailed, FolderProblem, VersionMismatch
from acrawl.outcome import FileFact
from acrawl.results.catalog import Catalog
from acrawl.results.files.objects import object_path
from acrawl.results.listing import FailedItem
from acrawl.testing import ManualClock
from results.helpers import png, readable, sightings


@pytest.fixture
def root(tmp_path):
    return tmp_path / "root"


@pytest.fixture
def catalog(tmp_path, root):
    catalog = Catalog(tmp_path / "job" / "results.db", root)
    yield catalog
    catalog.close()


def stored(root, url, data, **facts):
    """Put an object there and return its fact."""
    sha256 = hashlib.sha256(data).hexdigest()
    path = object_path(root, sha256)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return FileFact(url, sha256, len(data), **({"type": "image/png", "width": 4, "height": 4} | facts))


def added(catalog, *facts):
    with catalog.batch():
        return catalog.add_files(facts)


def test_the_first_url_of_a_digest_names_it(catalog, root):
    names = added(catalog, *(stored(root, f"https://e.org/{name}.png", png(1)) for name in "abc"))
    assert names == ["e.org/a.png"] * 3
    assert readable(root) == {"e.org/a.png": png(1)}
    assert [image.url for image in catalog.images()] == [f"https://e.org/{name}.png" for name in "abc"]


def test_a_readable_name_is_a_hard_link(catalog, root):
    fact = stored(root, "https://e.org/a.png", png(1))
    added(catalog, fact)
    assert (root / "e.org/a.png").samefile(object_path(root, fact.sha256))


def test_everything_may_come_again(catalog, root):
    facts = [stored(root, f"https://e.org/{i}.png", png(i % 3)) for i in range(9)]
    seen = sightings("https://e.org/", ("https://e.org/1.png", "one"), ("https://e.org/2.png", "two"))
    failed = FailedItem("id", "https://e.org/", "item", "why", "", b"")
    states = []
    for _ in range(2):
        with catalog.batch():
            catalog.add_files(facts)
            catalog.add_sightings(seen)
            catalog.add_failed([failed])
        pages = [catalog.pages_of(fact.url, 10) for fact in facts]
        states.append((list(catalog.images()), pages, list(catalog.failed()), catalog.totals(), readable(root)))
    assert states[0] == states[1]


def test_names_that_differ_only_in_case_are_kept_apart(catalog, root):
    names = added(
        catalog, *(stored(root, f"https://e.org/{name}.png", png(i)) for i, name in enumerate(("A", "a", "Á", "á")))
    )
    assert names == ["e.org/A.png", "e.org/a-2.png", "e.org/\u00c1.png", "e.org/\u00e1-2.png"]


def test_a_file_may_not_be_a_folder_too(catalog, root):
    urls = [
        "https://e.org/a",
        "https://e.org/a/b.png",
        "https://e.org/a/c/d.png",
        "https://e.org/x/y/z.png",
        "https://e.org/x",
    ]
    names = added(catalog, *(stored(root, url, png(i), type="") for i, url in enumerate(urls)))
    assert names == ["e.org/a", "e.org/a-2/b.png", "e.org/a-2/c/d.png", "e.org/x/y/z.png", "e.org/x-2"]
    assert set(readable(root)) == set(names)


def test_a_file_and_a_folder_that_differ_in_case_are_kept_apart(catalog, root):
    urls = ["https://e.org/a", "https://e.org/A/b.png", "https://e.org/x/y.png", "https://e.org/X"]
    names = added(catalog, *(stored(root, url, png(i), type="") for i, url in enumerate(urls)))
    assert names == ["e.org/a", "e.org/A-2/b.png", "e.org/x/y.png", "e.org/X-2"]


def test_names_do_not_depend_on_what_arrives_together(tmp_path):
    urls = [
        "a",
        "a/b.png",
        "A/c.png",
        "a/B.png",
        "d/e",
        "D",
        "d/e/f",
        "d/E/g",
        "a/b.png?x",
        "h",
        "H",
        "h-2",
        "é",
        "É/i",
    ]
    found = []
    for name, size in (("one", 1), ("three", 3), ("all", len(urls))):
        root = tmp_path / name
        catalog = Catalog(root / "results.db", root)
        facts = [stored(root, f"https://e.org/{url}", png(i), type="") for i, url in enumerate(urls)]
        found.append([name for at in range(0, len(facts), size) for name in added(catalog, *facts[at : at + size])])
        assert set(readable(root)) - {"results.db", "results.db-wal", "results.db-shm"} == set(found[-1])
        catalog.close()
    assert len({name.casefold() for name in found[0]}) == len(urls)
    assert found[0] == found[1] == found[2]


def test_many_files_of_one_name_are_kept_apart(catalog, root):
    facts = [stored(root, f"https://e.org/dl/{i}", png(i), name="image.png") for i in range(40)]
    names = added(catalog, *facts)
    assert len(set(names)) == 40
    assert names[:2] == ["e.org/dl/image.png", "e.org/dl/image-2.png"]
    assert {name: png(i) for i, name in enumerate(names)} == readable(root)


@pytest.mark.parametrize("kind", ["file", "folder", "symlink", "broken-symlink"])
def test_what_is_not_ours_is_never_touched(catalog, root, kind):
    own = root / "e.org" / "a.png"
    own.parent.mkdir(parents=True)
    if kind == "file":
        own.write_bytes(b"mine")
    elif kind == "folder":
        own.mkdir()
    else:
        (root / "target").write_bytes(png(1))
        own.symlink_to(root / ("target" if kind == "symlink" else "nowhere"))
    before = own.lstat()
    assert added(catalog, stored(root, "https://e.org/a.png", png(1))) == ["e.org/a-2.png"]
    assert own.lstat() == before


def test_a_users_file_in_the_place_of_a_folder_is_passed_by(catalog, root):
    root.mkdir()
    (root / "e.org").write_text("mine")
    assert added(catalog, stored(root, "https://e.org/a.png", png(1))) == ["e.org-2/a.png"]
    assert (root / "e.org").read_text() == "mine"


def test_a_crash_between_link_and_commit_is_repaired_by_the_repeat(catalog, root):
    fact = stored(root, "https://e.org/a.png", png(1))
    with contextlib.suppress(KeyboardInterrupt), catalog.batch():
        catalog.add_files([fact])
        raise KeyboardInterrupt
    assert readable(root) == {"e.org/a.png": png(1)}
    assert list(catalog.images()) == []
    assert added(catalog, fact) == ["e.org/a.png"]
    assert readable(root) == {"e.org/a.png": png(1)}


def test_the_same_bytes_left_by_an_earlier_crawl_are_accepted(catalog, root):
    fact = stored(root, "https://e.org/a.png", png(1))
    (root / "e.org").mkdir()
    (root / "e.org/a.png").write_bytes(png(1))
    assert added(catalog, fact) == ["e.org/a.png"]


@pytest.mark.parametrize("refusal", [errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK])
def test_where_links_are_refused_a_copy_is_made(catalog, root, monkeypatch, refusal):
    def refuse(*_arguments, **_options):
        raise OSError(refusal, os.strerror(refusal))

    monkeypatch.setattr(os, "link", refuse)
    (root / "e.org").mkdir(parents=True)
    (root / "e.org/b.png").write_text("mine")
    facts = [stored(root, f"https://e.org/{name}.png", png(i)) for i, name in enumerate("ab")]
    assert added(catalog, *facts) == ["e.org/a.png", "e.org/b-2.png"]
    assert readable(root) == {"e.org/a.png": png(0), "e.org/b.png": b"mine", "e.org/b-2.png": png(1)}
    assert added(catalog, *facts) == ["e.org/a.png", "e.org/b-2.png"]


def test_a_name_that_the_filesystem_refuses_is_replaced(catalog, root, monkeypatch):
    link = os.link

    def strict(source, target):
        if len(os.path.basename(target)) > 60:
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
        link(source, target)

    monkeypatch.setattr(os, "link", strict)
    fact = stored(root, f"https://e.org/{'x' * 100}.png", png(1))
    assert added(catalog, fact) == [f"e.org/{fact.sha256[:16]}.png"]


def test_bytes_that_are_gone_are_told_and_record_nothing(catalog, root):
    fact = stored(root, "https://e.org/a.png", png(1))
    object_path(root, fact.sha256).unlink()
    (problem,) = added(catalog, fact)
    assert isinstance(problem, FileNotFoundError)
    assert catalog.totals().files == 0


def test_a_file_that_cannot_be_listed_harms_no_other(catalog, root):
    good, gone, more = (stored(root, f"https://e.org/{i}.png", png(i)) for i in range(3))
    object_path(root, gone.sha256).unlink()
    bad = msgspec.structs.replace(gone, sha256="../../etc/passwd")
    elsewhere = msgspec.structs.replace(gone, where="worker-7")
    names = added(catalog, good, gone, bad, elsewhere, more, msgspec.structs.replace(gone, url="https://e.org/x.png"))
    assert [type(name) for name in names] == [str, FileNotFoundError, ValueError, type(None), str, FileNotFoundError]
    assert set(readable(root)) == {"e.org/0.png", "e.org/2.png"}
    assert [image.url for image in catalog.images()] == [good.url, gone.url, more.url]
    assert added(catalog, good, elsewhere, more) == ["e.org/0.png", None, "e.org/2.png"]


def test_bytes_on_a_worker_have_no_name_until_they_are_here(catalog, root):
    fact = stored(root, "https://e.org/a.png", png(1))
    assert added(catalog, msgspec.structs.replace(fact, where="worker-7")) == [None]
    assert [(image.path, image.place) for image in catalog.images()] == [(None, "worker-7")]
    assert catalog.totals().elsewhere == 1
    assert added(catalog, msgspec.structs.replace(fact, url="https://e.org/b.png")) == ["e.org/b.png"]
    assert {image.path for image in catalog.images()} == {"e.org/b.png"}


def test_a_url_whose_bytes_changed_has_the_latest(catalog, root):
    added(catalog, stored(root, "https://e.org/a.png", png(1)), stored(root, "https://e.org/a.png", png(2)))
    assert [image.path for image in catalog.images()] == ["e.org/a-2.png"]


def test_pages_are_listed_in_the_order_in_which_they_were_read(catalog):
    with catalog.batch():
        for n in (3, 1, 2):
            catalog.add_sightings(sightings(f"https://e.org/{n}", ("https://e.org/a.png", f"text {n}")))
    seen, count = catalog.pages_of("https://e.org/a.png", 2)
    assert [(page.page, page.alt) for page in seen] == [("https://e.org/3", "text 3"), ("https://e.org/1", "text 1")]
    assert count == 3


def test_a_picture_knows_a_page_and_a_text(catalog, root):
    with catalog.batch():
        catalog.add_files([stored(root, "https://e.org/a.png", png(1))])
        catalog.add_files([stored(root, "https://e.org/b.png", png(1))])
        catalog.add_sightings(sightings("https://e.org/1", ("https://e.org/a.png", "")))
        catalog.add_sightings(sightings("https://e.org/2", ("https://e.org/b.png", "text")))
    (picture,) = catalog.pictures(0, 10)
    assert (picture.path, picture.url, picture.page, picture.alt) == (
        "e.org/a.png", "https://e.org/b.png", "https://e.org/2", "text",
    )  # fmt: skip


def test_a_batch_is_all_or_nothing(catalog, root):
    def full_disk():
        with catalog.batch():
            catalog.add_files([stored(root, "https://e.org/a.png", png(1))])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(CrawlFailed, match="No space left"):
        full_disk()
    assert catalog.totals().files == 0
    assert added(catalog, stored(root, "https://e.org/b.png", png(2))) == ["e.org/b.png"]


def test_a_folder_that_cannot_be_written_fails_the_batch(catalog, root):
    fact = stored(root, "https://e.org/a.png", png(1))
    temporary = root / ".objects" / "tmp"
    temporary.write_text("in the way of copies")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError(errno.EROFS, os.strerror(errno.EROFS))))
        with pytest.raises(CrawlFailed, match="Read-only"):
            added(catalog, fact)


def test_a_catalog_that_cannot_be_opened_is_told(tmp_path):
    (tmp_path / "file").write_text("this is no database, and it is long enough for a header of one hundred bytes" * 9)
    with pytest.raises(FolderProblem, match="cannot open the catalog"):
        Catalog(tmp_path / "file", tmp_path)
    with pytest.raises(FolderProblem, match="cannot open the catalog"):
        Catalog(tmp_path / "file" / "results.db", tmp_path)


def test_a_catalog_of_another_version_is_refused(tmp_path):
    with sqlite3.connect(tmp_path / "results.db") as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(VersionMismatch, match="version 99"):
        Catalog(tmp_path / "results.db", tmp_path)


def test_a_catalog_goes_on_after_it_was_closed(tmp_path, root):
    first = Catalog(tmp_path / "results.db", root)
    added(first, stored(root, "https://e.org/a.png", png(1)))
    first.close()
    again = Catalog(tmp_path / "results.db", root)
    assert added(again, stored(root, "https://e.org/A.png", png(2))) == ["e.org/A-2.png"]
    again.close()


def test_a_catalog_of_the_version_before_is_brought_up_to_date(tmp_path, root):
    path = tmp_path / "results.db"
    catalog = Catalog(path, root)
    fact = stored(root, "https://e.org/a.png", png(1))
    added(catalog, fact)
    catalog.close()
    with contextlib.closing(sqlite3.connect(path)) as database:
        for column in ("type", "charset"):
            database.execute(f"ALTER TABLE files DROP COLUMN {column}")
        database.execute("PRAGMA user_version = 1")
    catalog = Catalog(path, root)
    (saved,) = catalog.saved("", 10)
    catalog.close()
    assert (saved.url, saved.sha256, saved.type, saved.charset) == (fact.url, fact.sha256, "image/png", "")


def test_without_names_what_is_gone_is_told_and_nothing_is_linked(tmp_path, root):
    here, gone = stored(root, "https://e.org/a", b"a", type="text/html", charset="utf-8"), FileFact("x", "0" * 64, 1)
    catalog = Catalog(tmp_path / "results.db", root, named=False)
    name, error = added(catalog, here, gone)
    assert name is None
    assert isinstance(error, FileNotFoundError)
    assert [(saved.url, saved.charset) for saved in catalog.saved("", 10)] == [("https://e.org/a", "utf-8")]
    assert catalog.saved("https://e.org/a", 10) == []
    assert readable(root) == {}
    catalog.close()


def dying(_):
    raise ZeroDivisionError


def test_bytes_that_take_the_place_of_others_take_their_name(catalog, root):
    old, new = (stored(root, "https://e.org/a.png", png(n)) for n in (1, 2))
    added(catalog, old)
    for _ in range(2):  # it may come again, as everything may
        assert added(catalog, new) == ["e.org/a.png"]
    assert readable(root) == {"e.org/a.png": png(2)}
    assert [image.sha256 for image in catalog.images()] == [new.sha256]
    assert object_path(root, old.sha256).exists()  # a worker may just have found them there for another URL
    assert added(catalog, stored(root, "https://e.org/b.png", png(1))) == ["e.org/b.png"]
    catalog.forget_replaced()
    assert object_path(root, old.sha256).exists()


def test_replaced_bytes_go_when_nobody_can_want_them(catalog, root):
    old, new = (stored(root, "https://e.org/a.png", png(n)) for n in (1, 2))
    added(catalog, old)
    added(catalog, new)
    catalog.forget_replaced()
    assert not object_path(root, old.sha256).exists()
    assert readable(root) == {"e.org/a.png": png(2)}


def test_bytes_that_other_urls_give_keep_their_name(catalog, root):
    added(catalog, *(stored(root, f"https://e.org/{name}.png", png(1)) for name in "ab"))
    assert added(catalog, stored(root, "https://e.org/a.png", png(2))) == ["e.org/a-2.png"]
    assert readable(root) == {"e.org/a.png": png(1), "e.org/a-2.png": png(2)}


def test_bytes_that_no_url_gives_any_more_go_also_when_several_gave_them_until_then(catalog, root):
    added(catalog, *(stored(root, f"https://e.org/{name}.png", png(1)) for name in "ab"))
    new = [stored(root, f"https://e.org/{name}.png", png(2)) for name in "ab"]
    assert added(catalog, *new) == ["e.org/a.png"] * 2
    catalog.forget_replaced()
    assert readable(root) == {"e.org/a.png": png(2)}
    assert not object_path(root, hashlib.sha256(png(1)).hexdigest()).exists()


def test_bytes_that_change_places_keep_both(catalog, root):
    one, two = (stored(root, f"https://e.org/{name}.png", png(n)) for n, name in enumerate("ab"))
    added(catalog, one, two)
    added(catalog, msgspec.structs.replace(one, url=two.url), msgspec.structs.replace(two, url=one.url))
    catalog.forget_replaced()
    assert {image.url: image.sha256 for image in catalog.images()} == {two.url: one.sha256, one.url: two.sha256}
    assert sorted(readable(root).values()) == sorted([png(0), png(1)])


def test_a_batch_that_dies_while_it_replaces_is_made_whole_when_it_comes_again(catalog, root):
    old, new = (stored(root, "https://e.org/a.png", png(n)) for n in (1, 2))
    added(catalog, old)
    with pytest.raises(ZeroDivisionError), catalog.batch():
        dying(catalog.add_files([new]))
    assert added(catalog, new) == ["e.org/a.png"]
    assert readable(root) == {"e.org/a.png": png(2)}


def test_a_name_under_which_somebody_has_put_something_else_is_left_alone(catalog, root):
    old, new = (stored(root, "https://e.org/a.png", png(n)) for n in (1, 2))
    added(catalog, old)
    (root / "e.org/a.png").unlink()
    (root / "e.org/a.png").write_bytes(b"mine")
    assert added(catalog, new) == ["e.org/a-2.png"]
    assert (root / "e.org/a.png").read_bytes() == b"mine"


def test_what_has_vanished_is_marked_and_kept(catalog, root):
    added(catalog, *(stored(root, f"https://e.org/{n}.png", png(n)) for n in (1, 2)))
    catalog.note_gone(["https://e.org/2.png", "https://e.org/never-had.png"])
    assert {image.url: image.gone for image in catalog.images()} == {
        "https://e.org/1.png": False,
        "https://e.org/2.png": True,
    }


def test_what_one_url_gives_in_one_visit_is_kept_whatever_it_gives_next(tmp_path, root):
    for visit in range(2):
        catalog = Catalog(tmp_path / "results.db", root, ManualClock(time=100.0 * visit), since=100.0 * visit)
        for n in (10 * visit, 10 * visit + 1):  # of a camera, say, that is asked every minute
            added(catalog, stored(root, "https://e.org/a.png", png(n)))
        catalog.forget_replaced()
        catalog.close()
        kept = [png(0), png(10), png(11)] if visit else [png(0), png(1)]  # another visit replaces the last one
        assert sorted(readable(root).values()) == sorted(kept)


def test_bytes_that_never_came_take_nobodys_name(catalog, root):
    before = stored(root, "https://e.org/a.png", png(1))
    added(catalog, before)
    for sha256 in (hashlib.sha256(png(2)).hexdigest(), "../../no/digest"):
        assert isinstance(added(catalog, msgspec.structs.replace(before, sha256=sha256))[0], OSError | ValueError)
        catalog.forget_replaced()
        assert readable(root) == {"e.org/a.png": png(1)}
        assert [image.path for image in catalog.images()] == ["e.org/a.png"]
