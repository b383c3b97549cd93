import pytest

from acrawl.parse.refresh import parse


@pytest.mark.parametrize(
    ("content", "meaning"),
    [
        ("0", (0, None)),
        (" 5 ; URL = 'a b' ignored", (5, "a b")),
        ("5.9, x", (5, "x")),
        (".5; x", (0, "x")),
        ('1; url="unclosed', (1, "unclosed")),
        ("3 url=x", (3, "x")),
        ("3; urls", (3, "urls")),
        ("3; u\n r\tl", (3, "u rl")),
        ("99999999999999999999999; x", (10**9, "x")),
        ("5;", (5, None)),
        ("", None),
        ("x", None),
        ("-1; x", None),
        ("5x", None),
        ("٣; x", None),
    ],
)
def test_content_is_read_as_browsers_read_it(content, meaning):
    assert parse(content) == meaning
