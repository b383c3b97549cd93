"""Links and the pages that hold them, joined with what became of the links."""

from __future__ import annotations

import pytest

from acrawl.errors import FolderProblem
from acrawl.outcome import FAILED, QUARANTINED, Ended, Redirected, Sighting, Sightings
from acrawl.results.catalog import Catalog
from acrawl.results.publish.linkbook import PLACE, LinkBook
from acrawl.settings import Urls
from acrawl.spelling import EXACT, Spelling


def url(path):
    return f"https://e.org/{path}"


@pytest.fixture
def book(tmp_path):
    """A book of three pages; the fixture is what makes it: ``book(dead, moved)``."""
    catalog = Catalog(tmp_path / "results.db", tmp_path)
    pages = {
        "1": [("x", "first", "a"), ("x#part", "with a place", "a"), ("old", "moved", "a"), ("x$", "another", "a")],
        "2": [("x", "again", "img"), ("way", "by the way", "a"), ("3#here", "ok", "a"), ("3#b%C3%A9", "encoded", "a")],
        "3": [
            ("3#", "", PLACE),
            ("3#here", "", PLACE),
            ("3#bé", "", PLACE),
            ("old#lost", "lost", "a"),
            ("4#x", "", "a"),
        ],
    }
    with catalog.batch():
        for page, named in pages.items():
            catalog.add_sightings(Sightings(url(page), [Sighting(url(u), text, kind) for u, text, kind in named]))
    catalog.close()
    with LinkBook(tmp_path / "results.db") as book:

        def judged(dead=(), moved=(), spelling=EXACT):
            ends = [Ended(url(path), FAILED, reason) for path, reason in dead]
            book.judge(
                ends, [Redirected(n, url(a), url(b), status) for n, (a, b, status) in enumerate(moved)], spelling
            )
            return book

        yield judged


def test_every_page_that_holds_a_dead_link_is_told_with_what_stands_there(book):
    found = book(dead=[("x", "http-404")])
    assert [(dead.url, dead.reason) for dead in found.dead()] == [(url("x"), "http-404")]
    assert [(at.page, at.text, at.source) for at in found.holders(url("x"))] == [
        (url("1"), "first", "a"),
        (url("1"), "with a place", "a"),
        (url("2"), "again", "img"),
    ]


def test_another_spelling_of_a_dead_link_is_held_like_it(book):
    found = book(dead=[("x?utm_source=a", "http-404")], spelling=Spelling(Urls(drop_params=("utm_*",))))
    assert [(at.text, at.via, at.redirected) for at in found.holders(url("x?utm_source=a"))] == [
        (text, url("x"), False) for text in ("first", "with a place", "again")
    ]


def test_what_has_moved_is_held_in_every_spelling_and_a_place_is_found_in_each(book):
    found = book(moved=[("OLD", "3", 301)], spelling=Spelling(Urls(host_aliases={"a.org": "e.org"})))
    assert list(found.holders(url("OLD"))) == []
    aliased = Spelling(Urls(fold_slash=True))
    found = book(moved=[("old/", "3/", 301)], spelling=aliased)
    assert [(at.text, at.redirected) for at in found.holders(url("old/"))] == [("moved", False), ("lost", False)]
    assert [link for link, _ in found.placeless()] == [url("old#lost")]


def test_a_link_that_leads_to_a_dead_one_is_held_like_it(book):
    found = book(dead=[("x", "dns")], moved=[("way", "way2", 302), ("way2", "x", 302), ("x", "x", 302)])
    assert [(at.text, at.via) for at in found.holders(url("x"))][-1] == ("by the way", url("way"))


def test_redirects_in_a_circle_end(book):
    found = book(dead=[("b", "redirect-loop")], moved=[("way", "b", 301), ("b", "way", 301)])
    assert [at.text for at in found.holders(url("b"))] == ["by the way"]


def test_what_moved_for_good_is_told_with_its_end_unless_that_is_dead(book):
    moved = [("old", "old2", 301), ("old2", "3", 302), ("way", "x", 308), ("1", "2", 302)]
    found = book(dead=[("x", "http-404")], moved=moved)
    assert [(one.url, one.target, one.status) for one in found.moved()] == [(url("old"), url("3"), 301)]


def test_places_are_looked_for_where_redirects_end_and_only_where_they_are_known(book):
    found = book(moved=[("old", "3", 301)])
    assert [(link, [at.text for at in holders]) for link, holders in found.placeless()] == [(url("old#lost"), ["lost"])]


def test_what_was_quarantined_has_its_status_for_a_reason(tmp_path):
    Catalog(tmp_path / "results.db", tmp_path).close()
    with LinkBook(tmp_path / "results.db") as book:
        book.judge([Ended(url("x"), QUARANTINED, "")], [])
        assert [dead.reason for dead in book.dead()] == [QUARANTINED]


def test_a_book_that_is_not_there_is_told(tmp_path):
    with pytest.raises(FolderProblem, match=r"results\.db"):
        LinkBook(tmp_path / "results.db")
