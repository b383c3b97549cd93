"""The gist of a page: what is new on it, and not what machines count on."""

from __future__ import annotations

import pytest

from acrawl.parse.gist import EVERY, LARGEST, MOST, gist, is_looked_at, pieces


def of(text: str, *, markup: bool = True) -> set[int]:
    return set(pieces(gist(text.encode(), markup=markup)))


PAGE = "<title>Events in July</title><p>There are no events on {}.</p><a href='/{}'>A day before, and one after it</a>"


def test_pages_that_differ_by_numbers_and_addresses_have_the_same_gist():
    assert of(PAGE.format("2031-07-01", 17)) == of(PAGE.format("2032-11-30", 18)) != set()


def test_a_new_sentence_is_one_new_piece():
    assert len(of(PAGE + "<p>But tonight there will be music.</p>") - of(PAGE)) == 1


def test_a_picture_counts_by_its_path_and_not_by_its_query():
    first = of("<img alt='' src=\"/1.jpg?sid=1\">")
    assert len(first) == 1
    assert first == of("<IMG SRC='/1.jpg?sid=2' >")
    assert first != of("<img src=/2.jpg>")


@pytest.mark.parametrize(
    "text", ["", "<p>too short", "<b>2031</b>", "<p>12345678901234567890123</p>", "<<<>>><", "no end"]
)
def test_what_says_nothing_has_no_pieces(text: str):
    assert of(text) == set()


def test_what_is_no_markup_is_one_piece():
    assert len(of('{"a": 1}', markup=False)) == 1
    assert of('{"a": 1}', markup=False) != of('{"a": 2}', markup=False)


def test_what_scripts_and_styles_say_does_not_count():
    page = "<script nonce=x>token = 'abcdefghijklmnop'</script><p>A sentence that counts.</p><STYLE>abcdefghijklmnopqr"
    assert len(of(page)) == 1
    assert of(page) == of(page.replace("token", "another"))


def test_equal_parts_of_large_pages_give_equal_pieces():
    many = "".join(f"<p>{'abcdefghij'[n % 10] * (20 + n // 10)}</p>" for n in range(1000))
    assert len(of(many)) == MOST
    assert len(of(many) & of(many + "<p>One sentence more is on this page.</p>")) >= MOST - 1


def test_hostile_pages_take_no_longer_than_others():
    for text in (
        "<img " * 100_000,
        ">" * 1_000_000,
        ">" + "a" * 1_000_000,
        "<img src" * 50_000,
        "<script>" * 50_000,
        "<img src   " * 30_000,
        "<img\n" + " " * 500_000,
    ):
        assert len(of(text)) <= MOST


def test_only_the_beginning_of_a_huge_page_is_read():
    assert of("x" * LARGEST + "<p>Nobody will ever read this.</p>") == set()


@pytest.mark.parametrize("packed", [b"", b"abc", bytes(4 * MOST + 4)])
def test_bytes_that_are_no_gist_have_no_pieces(packed: bytes):
    assert list(pieces(packed)) == []


def test_about_every_fourth_page_is_looked_at():
    looked = sum(is_looked_at(f"http://a.test/page/{n}") for n in range(8000))
    assert 800 < looked * EVERY / 8 < 1200
