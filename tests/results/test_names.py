"""Names for files: confined to their folder, accepted everywhere, the same each time."""

import os
import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from acrawl.results.files.names import EXTENSIONS, distinct, folded, name_for, split_extension

WINDOWS = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)\s*(\..*)?", re.IGNORECASE)
SEGMENTS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["..", ".", "", "%2e%2e", "%2F", "%00", "CON", "aux.png", "a.", "a ", "%5c..", "x" * 300, "é" * 200]
    ),
    st.binary(max_size=20).map(lambda data: "".join(f"%{byte:02X}" for byte in data)),
)
URLS = st.builds(
    lambda host, path, query: f"https://{host}/{'/'.join(path)}{query}",
    st.sampled_from(["example.org", "e.org:8443", "[::1]", "..", "index.html", "user:pw@e.org", "con"]),
    st.lists(SEGMENTS, max_size=40),
    st.one_of(st.just(""), st.text(max_size=10).map(lambda text: f"?{text}")),
)
TYPES = st.sampled_from(["", "application/octet-stream", *EXTENSIONS])


@given(URLS, TYPES, st.one_of(st.just(""), SEGMENTS))
@example("https://e.org/..%5C..%5Cetc%2Fpasswd", "", "../../../etc/passwd")
@example("https://e.org/%E2%80%AEgnp.exe", "image/png", "")
@example("https://e.org/a.%2e", "", "NUL")
def test_a_name_stays_in_its_folder_and_is_accepted_everywhere(url, content_type, server_name):
    name = name_for(url, content_type, server_name)
    parts = name.split("/")
    assert len(parts) >= 2
    assert os.path.normpath(os.path.join("/base", name)) == f"/base/{name}"
    assert len(name.encode()) < 1400
    for part in parts:
        assert part
        assert part[0] not in ".-~ "
        assert part[-1] not in ". "
        assert not set(part) & set('<>:"\\|?*\0')
        assert not [char for char in part if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl")]
        assert not WINDOWS.fullmatch(part)
        assert len(part.encode()) <= 200
        assert unicodedata.is_normalized("NFC", part)
    assert name == name_for(url, content_type, server_name)


@given(URLS, TYPES, st.integers(2, 999))
def test_a_distinct_name_is_another_one_in_the_same_folder(url, content_type, n):
    name = name_for(url, content_type)
    other = distinct(name, n)
    assert folded(other) != folded(name)
    assert other.rpartition("/")[0] == name.rpartition("/")[0]
    assert split_extension(other)[1] == split_extension(name)[1]


@pytest.mark.parametrize(
    ("url", "content_type", "name"),
    [
        ("https://example.org/a/b.png", "image/png", "example.org/a/b.png"),
        ("https://example.org/a/b.JPEG", "image/jpeg", "example.org/a/b.JPEG"),
        ("https://example.org/a/b.jpg", "image/webp", "example.org/a/b.webp"),
        ("https://example.org/logo", "image/svg+xml", "example.org/logo.svg"),
        ("https://example.org/v1.2", "image/png", "example.org/v1.2.png"),
        ("https://example.org/a.php", "image/gif", "example.org/a.php.gif"),
        ("https://example.org/a.xyz", "application/unheard-of", "example.org/a.xyz"),
        ("https://example.org/", "text/html", "example.org/index.html"),
        ("https://example.org/a/", "", "example.org/a/index"),
        ("https://example.org:8443/x", "", "example.org+8443/x"),
        ("https://user:secret@example.org/x", "", "example.org/x"),
        ("https://example.org/%C3%A9.png", "image/png", "example.org/\u00e9.png"),
        ("https://example.org/e%CC%81.png", "image/png", "example.org/\u00e9.png"),
        ("https://example.org/%E9.png", "image/png", "example.org/%E9.png"),
        ("https://example.org/a%2Fb.png", "image/png", "example.org/a_b.png"),
        ("https://example.org/.htaccess", "", "example.org/_.htaccess"),
        ("https://example.org/-rf", "", "example.org/_-rf"),
        ("https://example.org/nul.png", "image/png", "example.org/_nul.png"),
        ("https://images.jsonl/x", "", "_images.jsonl/x"),
        ("https://gallery-2.html/x", "", "_gallery-2.html/x"),
    ],
)
def test_names_are_readable(url, content_type, name):
    assert name_for(url, content_type) == name


def test_queries_give_different_names_of_the_same_look():
    one, two = (name_for(f"https://e.org/p.jpg?w={w}", "image/jpeg") for w in (1, 2))
    assert one != two
    assert re.fullmatch(r"e\.org/p-[0-9a-f]{8}\.jpg", one)


def test_what_the_server_calls_a_file_counts_but_not_where_it_wants_it():
    assert name_for("https://e.org/dl?id=3", "image/jpeg", "C:\\x\\..\\my holiday.jpg") == "e.org/my holiday.jpg"


def test_long_names_differ_where_their_cut_ends_differ():
    one, two = (name_for(f"https://e.org/{'x' * 400}{end}.jpg", "image/jpeg") for end in "ab")
    assert one != two
    assert one.endswith(".jpg")


def test_case_does_not_make_a_name_distinct():
    assert folded("e.org/Stra\u00dfe.PNG") == folded("e.org/STRASSE.png")
