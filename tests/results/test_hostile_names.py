"""Names that a site would choose to do harm, on a real disk: each body once, under one name, and nothing outside."""

import contextlib
import hashlib
import os
import pathlib
import tempfile
import unicodedata

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from acrawl.outcome import FileFact
from acrawl.results.catalog import Catalog
from acrawl.results.files.objects import object_path
from acrawl.results.files.template import DEFAULT, NameTemplate
from results.helpers import objects, png, readable
from results.test_names import SEGMENTS

NAMES = st.one_of(SEGMENTS, st.sampled_from(["a", "A", "a/b", "A/B/c", "á", "a\u0301", "ﬁ", "fi", "b.png", "B.PNG"]))
TEMPLATES = st.sampled_from(
    [DEFAULT, "{name}", "{stem}{ext}", "{host}/{stem}/{name}", "same", "{type}", "{path}", "{n}", "{sha256:1}/{stem:1}"]
)


def stored(root, data, url, **more):
    """Put an object there as a worker does."""
    sha256 = hashlib.sha256(data).hexdigest()
    path = object_path(root, sha256)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return FileFact(url, sha256, len(data), **more)


@contextlib.contextmanager
def folder():
    """A folder in another, so that one can see what came to lie beside it; no disk keeps an example waiting."""
    memory = "/dev/shm"
    with tempfile.TemporaryDirectory(dir=memory if os.path.isdir(memory) else None) as above:
        yield pathlib.Path(above, "files"), pathlib.Path(above)


def listed(root, facts, template, batch):
    """Have the facts named, ``batch`` at a time; returns the name of each."""
    catalog = Catalog(root.parent / "results.db", root, template=NameTemplate(template))
    names = []
    for start in range(0, len(facts), batch):
        with catalog.batch():
            names += catalog.add_files(facts[start : start + batch])
    catalog.close()
    return names


@settings(max_examples=60, deadline=None)
@given(
    st.lists(  # other bytes of the same URL would take the place of the first
        st.tuples(NAMES, NAMES, st.sampled_from(["", "image/png", "text/html"])),
        min_size=2,
        max_size=12,
        unique_by=lambda one: one[0],
    ),
    st.sampled_from(["url", "server", "spider"]),
    TEMPLATES,
    st.sampled_from([1, 3, 12]),
)
@example([("a", "", ""), ("a/b", "", ""), ("A", "", ""), ("A/c", "", "")], "url", DEFAULT, 1)
@example([("x", "a/b", ""), ("y", "A", ""), ("z", "a/B/c", "")], "spider", "{n}", 3)
@example([("w", "../../x", ""), ("x", "..", ""), ("y", "/", ""), ("z", "\0", "")], "spider", "{name}", 3)
def test_each_body_has_one_name_that_no_other_could_be_taken_for(wanted, decides, template, batch):
    with folder() as (root, above):
        facts = []
        for i, (path, name, media_type) in enumerate(wanted):
            fact = stored(root, b"%d" % (i // 2), f"https://e.org/{path}", type=media_type)
            if decides == "server":
                fact = msgspec.structs.replace(fact, name=name)
            elif decides == "spider":
                fact = msgspec.structs.replace(fact, save_as=name)
            facts.append(fact)
        names = listed(root, facts, template, batch)
        bodies = {fact.sha256: name for fact, name in zip(facts, names, strict=True)}
        # Each distinct body once, under exactly one name, and beside the folder nothing but the catalog.
        assert objects(root) == sorted(bodies)
        assert set(names) == set(readable(root)) == set(bodies.values())
        for sha256, name in bodies.items():
            assert hashlib.sha256((root / name).read_bytes()).hexdigest() == sha256
            assert (root / name).samefile(object_path(root, sha256))
        assert {path.name for path in above.iterdir()} == {"files", "results.db"}
        # No two the same to a filesystem that folds case and composes, and no file in the place of a folder.
        alike = {
            unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold()) for name in bodies.values()
        }
        assert len(alike) == len(bodies)
        folders = {parent for name in alike for parent in map(str, pathlib.PurePosixPath(name).parents)}
        assert not folders & alike


@pytest.mark.parametrize("template", [DEFAULT, "{name}"])
def test_a_site_that_has_taken_every_usual_name_harms_no_file(tmp_path, template):
    root = tmp_path / "files"
    victim = hashlib.sha256(b"victim").hexdigest()
    marks = ["", *(f"-{n}" for n in range(2, 9)), f"-{victim[:12]}", f"-{victim}"]
    taken = [f"x{mark}.png" for mark in marks] + [f"{victim[:16]}.png", f"{victim[:16]}-2.png"]
    facts = [stored(root, b"%d" % i, f"https://e.org/{name}") for i, name in enumerate(taken)]
    *names, last = listed(root, [*facts, stored(root, b"victim", "https://e.org/x.png")], template, 500)
    assert [pathlib.PurePosixPath(name).name for name in names] == taken
    assert pathlib.PurePosixPath(last).name == f"{victim[:16]}-3.png"


def test_a_file_for_which_no_name_is_left_is_told_and_the_others_are_named(tmp_path):
    root = tmp_path / "files"
    victim = hashlib.sha256(b"victim").hexdigest()
    marks = ["", *(f"-{n}" for n in range(2, 9)), f"-{victim[:12]}", f"-{victim}"]
    taken = [f"x{mark}" for mark in marks] + [
        f"{victim[:16]}{mark}" for mark in ["", *(f"-{n}" for n in range(2, 100))]
    ]
    facts = [stored(root, b"%d" % i, f"https://e.org/{name}") for i, name in enumerate(taken)]
    *names, last, after = listed(
        root, [*facts, stored(root, b"victim", "https://e.org/x"), stored(root, b"y", "https://e.org/y")], DEFAULT, 500
    )
    assert isinstance(last, ValueError)
    assert "no name can be found for https://e.org/x" in str(last)
    assert [*names, after] == [f"e.org/{name}" for name in [*taken, "y"]]


def test_a_template_that_is_the_same_for_all_is_numbered(tmp_path):
    root = tmp_path / "files"
    facts = [stored(root, png(i), f"https://e.org/{i}", type="image/png") for i in range(3)]
    assert listed(root, facts, "picture", 2) == ["picture.png", "picture-2.png", "picture-3.png"]


def test_the_number_of_a_file_goes_on_where_it_was(tmp_path):
    root = tmp_path / "files"
    facts = [stored(root, png(i), f"https://e.org/{i}", type="image/png") for i in range(5)]
    assert listed(root, facts[:3], "{n:03}", 2) == ["001.png", "002.png", "003.png"]
    assert listed(root, facts, "{n:03}", 2) == ["001.png", "002.png", "003.png", "004.png", "005.png"]


def test_another_template_names_what_is_new_and_leaves_what_is_there(tmp_path):
    root = tmp_path / "files"
    facts = [stored(root, png(i), f"https://e.org/{i}.png", type="image/png") for i in range(3)]
    assert listed(root, facts[:2], DEFAULT, 2) == ["e.org/0.png", "e.org/1.png"]
    assert listed(root, facts, "{name}", 2) == ["e.org/0.png", "e.org/1.png", "2.png"]
    assert set(readable(root)) == {"e.org/0.png", "e.org/1.png", "2.png"}


@pytest.mark.parametrize("template", ["{sha256}/{n}", "{name}"])
def test_a_batch_that_comes_again_after_a_crash_has_the_same_names(tmp_path, template):
    root = tmp_path / "files"
    facts = [stored(root, png(i), f"https://e.org/{i}.png", type="image/png") for i in range(3)]
    catalog = Catalog(tmp_path / "results.db", root, template=NameTemplate(template))
    with contextlib.suppress(KeyboardInterrupt), catalog.batch():
        names = catalog.add_files(facts)
        raise KeyboardInterrupt
    catalog.close()
    assert listed(root, facts, template, 3) == names
    assert set(readable(root)) == set(names)
    assert os.path.getsize(root / names[0]) == len(png(0))
