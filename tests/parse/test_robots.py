import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acrawl.parse.robots import ALLOW_ALL, DISALLOW_ALL, MAX_BYTES, Rules, decode, encode, parse, sitemaps


def rules(text, product="acrawl"):
    return parse(text.encode(), product)


def test_rules_travel():
    made = rules("User-agent: *\nDisallow: /a*b$\nAllow: /é\nCrawl-delay: 2.5")
    back = decode(encode(made))
    assert back == made
    assert back.crawl_delay == 2.5
    assert not back.allowed("https://h.test/axxb")


def test_asking_does_not_change_what_travels():
    made = rules("User-agent: *\nDisallow: /a")
    before = encode(made)
    made.allowed("https://h.test/a")
    assert encode(made) == before
    assert decode(before) is decode(before)


DECISIVE = """
User-agent: *
Disallow: /private/
Allow: /private/open
Disallow: /*.pdf$
Disallow: /caf\u00e9
Disallow: /same
Allow: /same
Disallow: /deep*er
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("/", ""),
        ("/private/page?x=1", "Disallow: /private/"),
        ("/private/open/door", "Allow: /private/open"),
        ("/a/b.pdf", "Disallow: /*.pdf$"),
        ("/a/b.pdfx", ""),
        ("/caf\u00e9", "Disallow: /caf%C3%A9"),
        ("/same", "Allow: /same"),
        ("/deep/and/deeper", "Disallow: /deep*er"),
        ("/private/open/b.pdf", "Allow: /private/open"),
    ],
)
def test_the_line_that_decides_is_named(path, line):
    made = rules(DECISIVE)
    assert made.decisive(f"https://h.test{path}") == line
    assert made.allowed(f"https://h.test{path}") == (not line.startswith("Disallow"))


@given(
    st.lists(st.tuples(st.text("/ab*$", min_size=1, max_size=6), st.booleans()), max_size=8), st.text("/ab", max_size=8)
)
def test_the_line_that_decides_agrees_with_the_verdict(lines, path):
    text = "".join(f"{'Allow' if allow else 'Disallow'}: /{pattern}\n" for pattern, allow in lines)
    made = rules(f"User-agent: *\n{text}")
    url = f"https://h.test/{path}"
    assert made.allowed(url) == (not made.decisive(url).startswith("Disallow"))


def test_all_or_nothing():
    assert ALLOW_ALL.allowed("https://h.test/x")
    assert not DISALLOW_ALL.allowed("https://h.test/")
    assert not decode(encode(DISALLOW_ALL)).allowed("https://h.test/x?y")
    assert DISALLOW_ALL.allowed("https://h.test/robots.txt")
    assert rules("") == ALLOW_ALL


@pytest.mark.parametrize(
    ("delay", "seconds"),
    [("5", 5.0), ("0.5", 0.5), ("-1", None), ("nan", None), ("inf", None), ("soon", None), ("", None)],
)
def test_a_delay_is_a_finite_number_of_seconds(delay, seconds):
    assert rules(f"User-agent: *\nCrawl-delay: {delay}").crawl_delay == seconds


def test_the_delay_belongs_to_the_group():
    text = "User-agent: other\nCrawl-delay: 9\nDisallow: /\n\nUser-agent: acrawl\nCrawl-delay: 1\nDisallow: /x"
    assert rules(text).crawl_delay == 1
    assert rules(text, "other").crawl_delay == 9
    assert rules(text, "third") == Rules()


def test_rules_that_an_earlier_version_stored_with_their_sitemaps_are_read():
    stored = msgspec.msgpack.encode(([("/a", False)], 2.5, ["https://h.test/s.xml"]))
    assert decode(stored) == Rules([("/a", False)], 2.5)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("Sitemap: https://h.test/1.xml", "https://h.test/1.xml"),
        ("SITEMAP:http://other.test/2.xml", "http://other.test/2.xml"),
        ("sitemap: /relative.xml", "https://h.test/relative.xml"),
        ("Sitemap: https://h.test/1.xml # the first", "https://h.test/1.xml"),
        ("Sitemap: https://h.test/?a=1&b=%20", "https://h.test/?a=1&b=%20"),
        ("Sitemap:", None),
        ("Sitemap: ftp://h.test/1.xml", None),
        ("Sitemap of our site", None),
        ("# Sitemap: https://h.test/1.xml", None),
    ],
)
def test_sitemaps_belong_to_no_group_and_are_absolute(line, found):
    text = f"{line}\nUser-agent: x\nDisallow: /\n{line}\n"
    assert sitemaps(text.encode(), "https://h.test/robots.txt") == ([] if found is None else [found])


def test_what_stands_after_the_limit_is_not_read():
    body = b"#" + b"x" * MAX_BYTES + b"\nUser-agent: *\nDisallow: /"
    assert parse(body, "acrawl") == ALLOW_ALL


def test_many_plain_rules_are_all_kept():
    text = "User-agent: *\nDisallow: /\n" + "\n".join(f"Allow: /page{n}/" for n in range(5000))
    many = rules(text)
    assert many.allowed("https://h.test/page4321/x")
    assert not many.allowed("https://h.test/pageX/x")


@pytest.mark.timeout(10)
def test_wildcards_of_a_hostile_host_take_linear_time():
    hostile = rules("User-agent: *\n" + "".join(f"Disallow: /{'*a' * 500}*b{n}\n" for n in range(50)))
    assert hostile.allowed("https://h.test/" + "a" * 8000)
    assert not hostile.allowed("https://h.test/" + "a" * 8000 + "b7")


def slow_match(pattern, path):
    """Wildcard matching by definition."""
    if not pattern:
        return True
    if pattern == "$":
        return not path
    if pattern[0] == "*":
        return any(slow_match(pattern[1:], path[at:]) for at in range(len(path) + 1))
    return path[:1] == pattern[0] and slow_match(pattern[1:], path[1:])


@given(st.text("ab*", max_size=7), st.booleans(), st.text("ab", max_size=8))
def test_a_pattern_matches_as_defined(pattern, anchored, path):
    pattern, path = f"/{pattern}{'$' * anchored}", f"/{path}"
    assert Rules([(pattern, False)]).allowed(f"https://h.test{path}") is not slow_match(pattern, path)


@given(st.binary(max_size=400), st.text(max_size=30))
def test_no_bytes_raise(body, tail):
    made = parse(b"User-agent: *\nDisallow: " + body, "acrawl")
    made.allowed("https://h.test/" + tail)
    assert decode(encode(made)) == made
