"""HTML standard, 4.8.4.3.10 "Parsing a srcset attribute"; the steps are named by what they do."""

import pytest

from acrawl.parse.srcset import candidates


@pytest.mark.parametrize(
    ("srcset", "urls"),
    [
        # Splitting loop: white space and commas are collected first.
        ("", []),
        (" \t\n\f\r,", []),
        (", ,a", ["a"]),
        # Collect code points that are not ASCII white space: commas belong to the URL, but not at its end.
        ("a,b", ["a,b"]),
        ("a, b", ["a", "b"]),
        ("a,,, b", ["a", "b"]),
        ("/c_fill,w_100/a.jpg 1x, /c_fill,w_200/a.jpg 2x", ["/c_fill,w_100/a.jpg", "/c_fill,w_200/a.jpg"]),
        ("a\u2003b 1x", ["a\u2003b"]),
        # Descriptor tokeniser: a comma ends the candidate, except in parentheses.
        ("a 1x,b 2x", ["a", "b"]),
        ("a 1x,,b", ["a", "b"]),
        ("a x(1,2), b", ["b"]),
        ("a (1, b", []),
        # Descriptor parser.
        ("a 100w, b 200w", ["a", "b"]),
        ("a 100w 50h", ["a"]),
        ("a 1.5x, b .5x, c 2e1x", ["a", "b", "c"]),
        ("a 0w", []),
        ("a 100w 2x, b", ["b"]),
        ("a 1x 2x, b", ["b"]),
        ("a 50h, b", ["b"]),
        ("a 1x 50h, b", ["b"]),
        ("a 100w 50h 60h, b", ["b"]),
    ],
)
def test_candidates(srcset, urls):
    assert candidates(srcset) == urls


@pytest.mark.timeout(10)
@pytest.mark.parametrize("piece", [",", " ", "a ", "(", "a (", "a 1x,", "()", "1x "])
def test_hostile_values_take_linear_time(piece):
    assert candidates(piece * 200_000) is not None
    assert candidates("a " + piece * 200_000) is not None


def test_enormous_numbers_are_numbers():
    assert candidates(f"a {'9' * 10_000}w, b {'9' * 10_000}x") == ["a", "b"]
