"""URL standard (WHATWG); each table names its section."""

import pytest

from acrawl.errors import RequestError
from acrawl.url import Joiner, canonical, join

BASE = "https://h.test/a/b/c?d=e#f"


@pytest.mark.parametrize(
    ("href", "url"),
    [
        ("", "https://h.test/a/b/c?d=e"),
        ("#x", "https://h.test/a/b/c?d=e"),
        ("?x", "https://h.test/a/b/c?x"),
        ("x", "https://h.test/a/b/x"),
        ("/x", "https://h.test/x"),
        ("//o.test/x", "https://o.test/x"),
        ("https:x", "https://h.test/a/b/x"),
        ("http:x", "http://x/"),
        ("..", "https://h.test/a/"),
        ("../../../../x", "https://h.test/x"),
        ("./%2e%2E/x", "https://h.test/a/x"),
        (r"\x\y", "https://h.test/x/y"),
        (" x\t\n", "https://h.test/a/b/x"),
        ("mailto:x", None),
        ("javascript:x", None),
        ("data:,x", None),
        ("ftp://h.test/", None),
        ("https://", None),
        ("//[", None),
    ],
)
def test_section_4_4_a_reference_is_resolved(href, url):
    assert join(BASE, href) == url
    assert Joiner(BASE)(href) == url


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("HTTP://H.TEST:80", "http://h.test/"),
        ("https://h.test:443/", "https://h.test/"),
        ("https://h.test:8443/", "https://h.test:8443/"),
        ("https://bücher.test/", "https://xn--bcher-kva.test/"),
        ("http://0x7f.1/", "http://127.0.0.1/"),
        ("http://[::0:1]/", "http://[::1]/"),
        ("http://h%2etest/", "http://h.test/"),
        ("http://h.test/ü?ü", "http://h.test/%C3%BC?%C3%BC"),
        ("http://h.test/a b?c d", "http://h.test/a%20b?c%20d"),
        ("http://h.test/%7e%zz", "http://h.test/%7e%zz"),
    ],
)
def test_sections_3_5_and_4_5_hosts_and_paths_have_one_form(written, url):
    assert canonical(written) == url
    assert canonical(url) == url


@pytest.mark.parametrize(
    "written",
    ["", "h.test", "/x", "http://", "http://h test/", "http://1.2.3.256/", "http://h.test:99999/", "file:///x"],
)
def test_section_3_5_what_is_no_http_url_is_refused(written):
    with pytest.raises(RequestError):
        canonical(written)
