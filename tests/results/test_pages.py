"""The texts of pages in the catalog, and ``pages.jsonl``."""

from __future__ import annotations

import hashlib
import json

import pytest

from acrawl.outcome import FileFact, PageFacts, PageFile
from acrawl.results.catalog import Catalog
from acrawl.results.files.objects import object_path
from acrawl.results.publish.pages import write_pages
from results.helpers import readable


@pytest.fixture
def root(tmp_path):
    return tmp_path / "root"


@pytest.fixture
def catalog(tmp_path, root):
    catalog = Catalog(tmp_path / "results.db", root)
    yield catalog
    catalog.close()


def page(root, path, text, *, where=""):
    """A page whose file has its URL above the text, as a worker has stored it."""
    url = f"https://e.org/{path}"
    data = f"{url}\n{text}".encode()
    sha256 = hashlib.sha256(data).hexdigest()
    if not where:
        place = object_path(root, sha256)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    facts = PageFacts(hashlib.sha256(text.encode()).hexdigest(), len(text), f"Title of {path}", fetched_at=1e9)
    return PageFile(FileFact(url, sha256, len(data), "text/markdown", where=where), facts)


def added(catalog, *pages):
    with catalog.batch():
        return catalog.add_pages(pages)


def objects(root):
    return {path.name for path in (root / ".objects").rglob("*") if path.is_file()}


def test_the_first_of_equal_texts_stands_for_all(catalog, root):
    a, b, c = page(root, "a", "same"), page(root, "b", "same"), page(root, "c", "other")
    assert added(catalog, a, b) == ["e.org/a.md", "e.org/a.md"]
    d = page(root, "d", "same")
    assert added(catalog, c, d) == ["e.org/c.md", "e.org/a.md"]
    assert objects(root) == {a.file.sha256, c.file.sha256}
    assert readable(root).keys() == {"e.org/a.md", "e.org/c.md"}


def test_everything_may_come_again(catalog, root):
    pages = [page(root, str(n), f"text {n % 3}") for n in range(7)]
    states = []
    for _ in range(2):
        names = added(catalog, *pages)
        states.append((names, list(catalog.pages()), readable(root), objects(root)))
    assert states[0] == states[1]


def test_a_batch_that_fails_leaves_what_it_had_no_need_of(catalog, root):
    a, b = page(root, "a", "same"), page(root, "b", "same")

    def fail():
        with catalog.batch():
            catalog.add_pages([a, b])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert objects(root) == {a.file.sha256, b.file.sha256}
    assert added(catalog, a, b) == ["e.org/a.md"] * 2


def test_a_text_whose_bytes_are_gone_is_told_and_so_are_its_equals(catalog, root):
    a, b, c = page(root, "a", "same"), page(root, "b", "same"), page(root, "c", "other")
    object_path(root, a.file.sha256).unlink()
    names = added(catalog, a, b, c)
    assert [type(name) for name in names[:2]] == [FileNotFoundError] * 2
    assert names[2] == "e.org/c.md"
    assert [text.url for text in catalog.pages()] == ["https://e.org/c"]


def test_what_a_worker_has_kept_is_listed_with_its_place(catalog, root):
    a, b = page(root, "a", "same", where="w1"), page(root, "b", "same", where="w2")
    assert added(catalog, a, b) == [None] * 2
    lines = [json.loads(line) for line in write_pages(catalog).read_text().splitlines()]
    assert [(line["file"], line["where"]) for line in lines] == [(None, "w1")] * 2  # the first one's file is meant


def test_a_list_that_a_killed_process_had_begun_is_cleared_away(catalog, root):
    added(catalog, page(root, "a", "text"))
    (root / ".pages.jsonl.4711.new").write_text("half a li")
    write_pages(catalog)
    assert [path.name for path in root.glob("*pages*")] == ["pages.jsonl"]


def test_the_list_is_of_all_pages_in_the_order_of_urls(catalog, root):
    added(catalog, page(root, "b", "same"), page(root, "a", "same"))
    lines = [json.loads(line) for line in write_pages(catalog).read_text().splitlines()]
    assert [(line["url"], line["file"], line["title"]) for line in lines] == [
        ("https://e.org/a", "e.org/b.md", "Title of a"),
        ("https://e.org/b", "e.org/b.md", "Title of b"),
    ]
    assert lines[0]["fetched"] == "2001-09-09T01:46:40+00:00"


def test_a_page_that_changes_has_its_new_text_under_its_name(catalog, root):
    with catalog.batch():
        catalog.add_pages([page(root, "a", "old"), page(root, "b", "other")])
    with catalog.batch():  # and another page now has the text of then
        names = catalog.add_pages([page(root, "a", "new"), page(root, "c", "old"), page(root, "b", "otherwise")])
    catalog.forget_replaced()
    texts = {one.url.rpartition("/")[2]: (root / one.path).read_bytes() for one in catalog.pages()}
    assert {name: text.split()[-1] for name, text in texts.items()} == {"a": b"new", "b": b"otherwise", "c": b"old"}
    assert names[2] == "e.org/b.md"


@pytest.mark.parametrize("order", ["ab", "ba"])
@pytest.mark.parametrize("together", [True, False])
def test_a_text_that_no_page_has_any_more_goes_also_when_several_had_it(catalog, root, order, together):
    with catalog.batch():
        catalog.add_pages([page(root, name, "old") for name in "ab"])
    news = [page(root, name, "new") for name in order]
    for some in [news] if together else [news[:1], news[1:]]:
        with catalog.batch():
            catalog.add_pages(some)
    catalog.forget_replaced()
    files = list(root.rglob("*.md"))
    assert [path.read_bytes().split()[-1] for path in files] == [b"new"]
    assert {(root / one.path) for one in catalog.pages()} == set(files)
