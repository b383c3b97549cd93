"""RFC 9309, Robots Exclusion Protocol; each table names its section."""

import pytest

from acrawl.parse.robots import parse


def allowed(text, path, product="ExampleBot"):
    return parse(text.encode(), product).allowed(f"https://h.test{path}")


@pytest.mark.parametrize(
    ("agents", "applies"),
    [
        ("examplebot", True),
        ("EXAMPLEBOT", True),
        ("ExampleBot/1.0 (+https://h.test)", True),
        ("ExampleBot-News", False),
        ("Example", False),
        ("*", True),
        ("OtherBot\nUser-agent: ExampleBot", True),
        ("OtherBot", False),
    ],
)
def test_section_2_2_1_the_group_is_found_by_product_token(agents, applies):
    assert allowed(f"User-agent: {agents}\nDisallow: /x", "/x") is not applies


def test_section_2_2_1_groups_of_one_product_are_combined():
    text = "User-agent: ExampleBot\nDisallow: /a\n\nUser-agent: *\nDisallow: /\n\nUser-agent: ExampleBot\nDisallow: /b"
    assert [allowed(text, path) for path in ("/a", "/b", "/c")] == [False, False, True]


def test_section_2_2_1_the_group_of_all_counts_only_without_an_own():
    text = "User-agent: *\nDisallow: /\n\nUser-agent: ExampleBot\nAllow: /only"
    assert allowed(text, "/anything")
    assert not allowed(text, "/anything", "OtherBot")


def test_section_2_2_1_no_group_means_no_rules():
    assert allowed("Disallow: /", "/x")
    assert allowed("User-agent: OtherBot\nDisallow: /", "/x")


@pytest.mark.parametrize(
    ("rules", "path", "verdict"),
    [
        ("Allow: /p\nDisallow: /", "/page", True),
        ("Allow: /folder\nDisallow: /folder", "/folder/page", True),
        ("Allow: /page\nDisallow: /*.htm", "/page.htm", False),
        ("Allow: /$\nDisallow: /", "/", True),
        ("Allow: /$\nDisallow: /", "/page.htm", False),
        ("Disallow: /example/\nAllow: /example/page/", "/example/page/x", True),
        ("Disallow:", "/x", True),
        ("Disallow: /X", "/x", True),
        ("Disallow: /x", "/X", True),
        ("Disallow: /x?y", "/x?y=1", False),
    ],
)
def test_section_2_2_2_the_most_octets_win_and_allow_wins_a_tie(rules, path, verdict):
    assert allowed(f"User-agent: *\n{rules}", path) is verdict


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("/foo/bar?baz=quz", "/foo/bar?baz=quz"),
        ("/foo/bar?baz=https://foo.bar", "/foo/bar?baz=https://foo.bar"),
        ("/foo/bar/ツ", "/foo/bar/%E3%83%84"),
        ("/foo/bar/%E3%83%84", "/foo/bar/%e3%83%84"),
        ("/foo/bar/%62%61%7A", "/foo/bar/baz"),
        ("/foo/bar/baz", "/foo/bar/%62a%7a"),
    ],
)
def test_section_2_2_2_percent_encoding_is_compared_in_one_form(pattern, path):
    assert not allowed(f"User-agent: *\nDisallow: {pattern}", path)


def test_section_2_2_2_reserved_characters_stay_encoded():
    assert allowed("User-agent: *\nDisallow: /a/b", "/a%2Fb")


def test_section_2_2_2_robots_txt_itself_is_always_allowed():
    assert allowed("User-agent: *\nDisallow: /", "/robots.txt")
    assert not allowed("User-agent: *\nDisallow: /", "/robots.txt/x")


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("/*.gif$", "/a/b.gif", True),
        ("/*.gif$", "/a/b.gif?x", False),
        ("/publish*/x", "/published/a/x/y", True),
        ("*/x", "/a/x", True),
        ("/**a**$", "/bab", True),
        ("/a*a$", "/a", False),
        ("/a*a$", "/aa", True),
        ("/a$b", "/a$bc", True),
        ("/*", "/", True),
        ("$", "/", False),
    ],
)
def test_section_2_2_3_special_characters(pattern, path, matches):
    assert allowed(f"User-agent: *\nDisallow: {pattern}", path) is not matches


def test_section_2_2_3_a_hash_begins_a_comment():
    assert not allowed("User-agent: * # all\n# Allow: /x\nDisallow: /x # no", "/x")


def test_section_2_2_4_other_records_do_not_end_a_group():
    text = "User-agent: OtherBot\nSitemap: https://h.test/s.xml\nUser-agent: ExampleBot\nDisallow: /x"
    assert not allowed(text, "/x")
    assert not allowed(text, "/x", "OtherBot")


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n", "\n\n"])
def test_section_2_2_line_ends_and_the_byte_order_mark(end):
    assert not parse(f"\ufeffUser-agent: *{end}Disallow: /x{end}".encode(), "ExampleBot").allowed("https://h.test/x")


def test_section_2_3_bytes_that_are_not_utf_8_spoil_only_their_line():
    assert not parse(b"\xff\xfe\nUser-agent: *\nDisallow: /\xff\nDisallow: /x", "b").allowed("https://h.test/x")
