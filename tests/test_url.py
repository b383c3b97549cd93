"""URLs: canonical forms, joining, and what stands for a request in the seen set."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from acrawl import url as urls
from acrawl.errors import RequestError
from acrawl.url import Joiner, canonical, fingerprint, folded, host_of, join, name_of, registrable_domain

TEXT = st.text(max_size=60)
#: Text made of what URLs are made of: more of it parses.
PIECES = st.lists(
    st.sampled_from(
        ["/", "//", "?", "#", ":", "@", ".", "..", "./", "a", "B", "%41", "%zz", "é", " ", "\t", "\\", "[", "]", "&",
         "=", "+", "http:", "https://", "x.org", ":80", "javascript:", "\ud800", "\0", "xn--", "127.1"]
    ),
    max_size=12,
).map("".join)  # fmt: skip
URLISH = TEXT | PIECES


@pytest.mark.parametrize(
    ("given_url", "expected"),
    [
        ("HTTP://Example.ORG", "http://example.org/"),
        ("https://example.org:443/a/../b/./c", "https://example.org/b/c"),
        ("http://example.org:8080/?q=a b#top", "http://example.org:8080/?q=a%20b"),
        ("http://bücher.example/ö", "http://xn--bcher-kva.example/%C3%B6"),
        ("  http://example.org/x\n", "http://example.org/x"),
        ("http:\\\\example.org\\a", "http://example.org/a"),
        ("http://127.1/", "http://127.0.0.1/"),
        ("http://[::1]:80/", "http://[::1]/"),
        ("http://example.org/?", "http://example.org/?"),
    ],
)
def test_canonical_form(given_url, expected):
    assert canonical(given_url) == expected


@pytest.mark.parametrize(
    "wrong", ["", "example.org", "/path", "http://", "ftp://example.org/", "mailto:a@example.org", "javascript:1",
              "http://exa mple.org/", "http://[::1", "http://a:99999/", "data:,x"]
)  # fmt: skip
def test_what_is_no_web_address_is_refused_with_its_text(wrong):
    with pytest.raises(RequestError) as caught:
        canonical(wrong)
    assert repr(wrong) in str(caught.value)


def test_a_url_longer_than_the_limit_is_refused():
    longest = "http://example.org/" + "a" * (urls.MAX_LENGTH - len("http://example.org/"))
    assert canonical(longest) == longest
    with pytest.raises(RequestError):
        canonical(longest + "a")
    assert join("http://example.org/", longest + "a") is None


def test_a_name_that_the_dns_cannot_hold_is_refused():
    name = ".".join(["a" * 63] * 3 + ["a" * 57, "com"]) + "."
    assert canonical(f"http://{name}/") == f"http://{name}/"
    with pytest.raises(RequestError):
        canonical(f"http://a{name}/")
    assert join("http://example.org/", f"//user:{'p' * 300}@{name}/") is not None
    assert join("http://example.org/", f"//a{name}/") is None


@pytest.mark.parametrize("base", ["http://example.org/", f"http://example.org/{'a' * 5000}/"])
def test_long_urls_fill_no_memory(base):
    known, joiner = len(urls._known), Joiner(base)
    for n in range(100):
        assert len(joiner(f"/{n}/{'a' * 5000}")) > 5000
        assert joiner(f"{n}") == f"{base}{n}"
    assert len(urls._known) - known <= 100
    assert base == "http://example.org/" or not urls._memo.get(base)


@given(URLISH)
@example("http://x.org/\ud800")
def test_canonical_is_idempotent_and_raises_only_its_own_error(text):
    try:
        once = canonical(text)
    except RequestError:
        return
    urls._known.clear()  # what has been met is not parsed again: it must be for this
    assert canonical(once) == once
    assert "#" not in once
    assert once.startswith(("http://", "https://"))
    assert once.isascii()


@given(URLISH)
@example("\ud800")
@example("//[")
def test_join_never_raises_and_gives_canonical_urls(text):
    found = join("http://example.org/a/b?c", text)
    if found is not None:
        urls._known.clear()
        assert canonical(found) == found


#: What leads through folders.
PATHS = st.lists(st.sampled_from(["../", "/", "a/", "b.c", "..", "?q=../", "#../f", "~x", "./", "%2e%2e/"]), max_size=6)


@given(st.sampled_from(["", "a", "a/", "a/b/c?x=/y/", "a//b//c", "/", "a/b/c/d/e.html"]), PATHS.map("".join))
@example("a//b/c", "..//../x")
@example("a/b", "../../../x#y")
def test_the_short_way_through_folders_is_the_long_way(base, text):
    for start in ("http://example.org/", "https://u:p@[::1]:81/"):
        assert Joiner(start + base)(text) == join(start + base, text)


@given(URLISH)
@example("%7Ea")
@example("a/./b")
@example("#x")
@example("?y")
@example("x:1/y")
@example("\x1b")
@example("\x00?x")
@example("http:?x")
@example("HTTP: #x")
@example("ht\ntp:")
@example("http:")
def test_the_short_way_of_joining_a_page_is_the_long_way(text):
    base = "http://example.org/a/b?c"
    joiner = Joiner(base)
    assert joiner(text) == join(base, text)
    assert joiner(text) == join(base, text)  # from memory
    assert Joiner("http://example.org/a/other")(text) == join("http://example.org/a/other", text)


@pytest.mark.parametrize(
    ("url", "host", "name", "site"),
    [
        ("https://www.example.org/a", "https://www.example.org", "www.example.org", "example.org"),
        ("http://example.org:8080/?x=http://y/", "http://example.org:8080", "example.org", "example.org:8080"),
        ("http://me:secret@example.org/", "http://example.org", "example.org", "example.org"),
        ("http://[::1]:81/", "http://[::1]:81", "[::1]", "[::1]:81"),
    ],
)
def test_the_politeness_key(url, host, name, site):
    assert (host_of(url), name_of(host), folded(host)) == (host, name, site)


@pytest.mark.parametrize(
    ("name", "domain"),
    [("a.b.example.co.uk", "example.co.uk"), ("example.org", "example.org"), ("localhost", "localhost"),
     ("foo.github.io", "foo.github.io"), ("127.0.0.1", "127.0.0.1")],
)  # fmt: skip
def test_the_registrable_domain(name, domain):
    assert registrable_domain(name) == domain


def test_a_fingerprint_depends_on_key_host_url_method_and_body():
    host, url = "http://example.org", "http://example.org/a"
    plain = fingerprint(b"k", host, url)
    others = [
        fingerprint(b"other", host, url),
        fingerprint(b"k", "http://example.com", url),
        fingerprint(b"k", host, url + "b"),
        fingerprint(b"k", host, url, "POST"),
        fingerprint(b"k", host, url, "GET", b"x"),
        fingerprint(b"k", host, url, "POST", b"x"),
    ]
    assert len(plain) == 16
    assert len({plain, *others}) == 1 + len(others)
    assert plain == fingerprint(b"k", host, url)


def test_the_fingerprints_of_one_host_lie_together():
    first, second = (fingerprint(b"k", "http://example.org", f"http://example.org/{n}") for n in range(2))
    assert first[:4] == second[:4]
    assert first[4:] != second[4:]
