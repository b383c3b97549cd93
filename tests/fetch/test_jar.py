"""What a server may set and what it gets back, rule by rule (RFC 6265; "bis" is RFC 6265bis)."""

import calendar

import msgspec
import pytest

from acrawl.cookie import Cookie, put
from acrawl.fetch.jar import Jar, date, default_path, domain_matches, parsed, path_matches
from acrawl.settings import Cookies

NOW = 1_800_000_000.0
HTTPS, HTTP = "https://www.example.com/shop/cart?x=/y", "http://www.example.com/shop/cart"


def jar(*lines, url=HTTPS, **terms):
    made = Jar(Cookies(**terms))
    made.answered(url, lines, NOW)
    return made


def sent(made, url=HTTPS, at=NOW, **more):
    return "; ".join(made.pairs(url, at, **more))


# -- 5.1.1: dates


@pytest.mark.parametrize(
    "text",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "06 november 1994 8:49:37",
        "1994 6 nov 8:49:37",
        "08:49:37 6 Nov 94",
        "Sun,06-Nov-1994/08:49:37",
        "6th Nov 1994ad 08:49:37.5 +0900",  # a zone is not looked at
    ],
)
def test_a_date_in_any_form_is_read(text):
    assert date(text) == 784111777.0


@pytest.mark.parametrize(("year", "meant"), [("69", 2069), ("70", 1970), ("99", 1999), ("00", 2000), ("1601", 1601)])
def test_a_year_of_two_digits_is_of_our_time(year, meant):
    assert date(f"1 Jan {year} 0:0:0") == calendar.timegm((meant, 1, 1, 0, 0, 0))


@pytest.mark.parametrize(
    "text",
    [
        "", "never", "6 Nov 1994", "Nov 1994 08:49:37", "6 1994 08:49:37", "6 Nov 08:49:37", "6 Nov 1600 08:49:37",
        "31 Feb 1994 08:49:37", "0 Nov 1994 08:49:37", "6 Nov 1994 24:00:00", "6 Nov 1994 00:60:00",
        "6 Nov 12345 1:1:1", "6 Nov 1994 1:1", "\x00\xff", "9" * 5000,
    ],
)  # fmt: skip
def test_what_is_no_date_is_none(text):
    assert date(text) is None


# -- 5.1.3, 5.1.4: matching


@pytest.mark.parametrize(
    ("name", "domain", "matches"),
    [
        ("example.com", "example.com", True),
        ("www.example.com", "example.com", True),
        ("a.b.example.com", "example.com", True),
        ("badexample.com", "example.com", False),
        ("example.com", "www.example.com", False),
        ("10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "0.0.1", False),
        ("[::1]", "[::1]", True),
    ],
)
def test_domains_match_at_their_dots(name, domain, matches):
    assert domain_matches(name, domain) is matches


@pytest.mark.parametrize(
    ("path", "cookie_path", "matches"),
    [
        ("/", "/", True),
        ("/shop", "/", True),
        ("/shop", "/shop", True),
        ("/shop/", "/shop", True),
        ("/shop/x", "/shop", True),
        ("/shop/x", "/shop/", True),
        ("/shopping", "/shop", False),
        ("/", "/shop", False),
        ("/shop", "/shop/", False),
    ],
)
def test_paths_match_at_their_slashes(path, cookie_path, matches):
    assert path_matches(path, cookie_path) is matches


@pytest.mark.parametrize(
    ("path", "folder"), [("/", "/"), ("/a", "/"), ("/a/", "/a"), ("/a/b", "/a"), ("/a/b/c", "/a/b")]
)
def test_the_path_of_a_cookie_that_names_none_is_the_folder(path, folder):
    assert default_path(path) == folder


# -- 5.2, 5.3: what a header says


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a=1", Cookie("a", "1", "www.example.com", "/shop")),
        (" a = 1 ;Path=/", Cookie("a", "1", "www.example.com")),
        ('a="1 2"; path=/', Cookie("a", '"1 2"', "www.example.com")),
        ("a=1=2; PATH = /", Cookie("a", "1=2", "www.example.com")),
        ("a=; Path=/", Cookie("a", "", "www.example.com")),
        ("=1; Path=/", Cookie("", "1", "www.example.com")),
        ("1; Path=/", Cookie("", "1", "www.example.com")),
        ("a=1; Path=shop", Cookie("a", "1", "www.example.com", "/shop")),
        ("a=1; Path=/x; Path=/", Cookie("a", "1", "www.example.com")),
        ("a=1; Path=/; Domain=example.com", Cookie("a", "1", "example.com", host_only=False)),
        ("a=1; Path=/; Domain=.EXAMPLE.com", Cookie("a", "1", "example.com", host_only=False)),
        ("a=1; Path=/; Domain=www.example.com", Cookie("a", "1", "www.example.com", host_only=False)),
        ("a=1; Path=/; Domain=", Cookie("a", "1", "www.example.com")),
        ("a=1; Path=/; Secure; HttpOnly; SameSite=Lax; X=y", Cookie("a", "1", "www.example.com", secure=True)),
        ("a=1; Path=/; Max-Age=60", Cookie("a", "1", "www.example.com", expires=NOW + 60)),
        ("a=1; Path=/; Max-Age=60; Expires=1 Jan 1990 0:0:0", Cookie("a", "1", "www.example.com", expires=NOW + 60)),
        ("a=1; Path=/; Max-Age=60; Max-Age=soon", Cookie("a", "1", "www.example.com", expires=NOW + 60)),
        ("a=1; Path=/; Max-Age=1.5", Cookie("a", "1", "www.example.com")),
        ("a=1; Path=/; Max-Age=0", Cookie("a", "1", "www.example.com", expires=1.0)),
        ("a=1; Path=/; Max-Age=-5", Cookie("a", "1", "www.example.com", expires=1.0)),
        ("a=1; Path=/; Expires=1 Jan 1990 0:0:0", Cookie("a", "1", "www.example.com", expires=1.0)),
        ("a=1; Path=/; Expires=soon", Cookie("a", "1", "www.example.com")),
        ("a=1; Path=/; Max-Age=" + "9" * 400, Cookie("a", "1", "www.example.com", expires=NOW + 400 * 86400)),
        ("a=1; Path=/" + "x" * 1024, Cookie("a", "1", "www.example.com", "/shop")),  # too long to be looked at
        ("\u00e4=\u00f6; Path=/", Cookie("\u00e4", "\u00f6", "www.example.com")),
        ("__Secure-a=1; Path=/; Secure", Cookie("__Secure-a", "1", "www.example.com", secure=True)),
        ("__Host-a=1; Path=/; Secure", Cookie("__Host-a", "1", "www.example.com", secure=True)),
    ],
)
def test_a_cookie_is_what_its_header_says(line, expected):
    assert parsed(line, HTTPS, NOW) == msgspec.structs.replace(expected, created=NOW, set_at=NOW)


@pytest.mark.parametrize(
    "line",
    [
        "", "=", ";", "; Path=/", "a=1\x00", "a\x1f=1", "a=1; Path=/\x7f", "a=1\r\nX: y", "a=\udcff",
        "a=" + "x" * 4096, "\u00e4" * 2049,
        "a=1; Domain=example.org", "a=1; Domain=other.example.com", "a=1; Domain=le.com", "a=1; Domain=com",
        "a=1; Domain=ex\u00e4mple.com", "a=1; Domain=..example.com",
        "__Secure-a=1; Path=/", "__secure-a=1; Path=/", "__Host-a=1; Secure", "__Host-a=1; Path=/",
        "__Host-a=1; Secure; Path=/shop", "__Host-a=1; Secure; Path=/; Domain=www.example.com",
        "=__Host-a=1; Secure; Path=/", "__Secure-a; Secure",
    ],
)  # fmt: skip
def test_what_must_be_ignored_is_no_cookie(line):
    assert parsed(line, HTTPS, NOW) is None


@pytest.mark.parametrize(
    ("url", "domain", "kept"),
    [
        ("https://shop.example.co.uk/", "co.uk", None),
        ("https://shop.example.co.uk/", "example.co.uk", ("example.co.uk", False)),
        ("https://me.github.io/", "github.io", None),
        ("https://me.github.io/", "me.github.io", ("me.github.io", False)),
        ("https://github.io/", "github.io", ("github.io", True)),
        ("http://intranet/", "intranet", ("intranet", True)),
        ("http://a.intranet/", "intranet", None),
        ("http://10.0.0.1/", "10.0.0.1", ("10.0.0.1", True)),
        ("http://10.0.0.1/", "0.0.1", None),
        ("http://[::1]:8080/", "[::1]", ("[::1]", True)),
        ("https://a.kobe.jp/", "kobe.jp", None),
        ("https://www.city.kobe.jp/", "city.kobe.jp", ("city.kobe.jp", False)),
    ],
)
def test_no_cookie_is_for_all_below_a_public_suffix(url, domain, kept):
    made = parsed(f"a=1; Domain={domain}", url, NOW)
    assert (made and (made.domain, made.host_only)) == kept


# -- 5.4: what is sent


def test_longer_paths_go_first_then_what_is_older():
    made = Jar(Cookies())
    made.answered(HTTPS, ["old=1; Path=/", "deep=1; Path=/shop"], NOW)
    made.answered(HTTPS, ["new=1; Path=/", "cart=1; Path=/shop/cart"], NOW + 1)
    made.answered(HTTPS, ["old=2; Path=/"], NOW + 2)  # it keeps its place
    assert sent(made, at=NOW + 3) == "cart=1; deep=1; old=2; new=1"


def test_a_cookie_goes_where_it_belongs_and_nowhere_else():
    made = jar("host=1; Path=/", "all=1; Path=/; Domain=example.com", "shop=1")
    assert sent(made, "https://www.example.com/") == "host=1; all=1"
    assert sent(made, "https://example.com/") == "all=1"
    assert sent(made, "https://cdn.example.com/shop/x") == "all=1"
    assert sent(made, "http://www.example.com:8080/shop?/") == "shop=1; host=1; all=1"  # ports are no borders
    assert sent(made, "https://example.com.evil.org/shop/") == ""


def test_a_secure_cookie_is_not_sent_in_the_clear_nor_replaced_from_there():
    made = jar("sid=secret; Path=/; Secure", "plain=1; Path=/")
    assert sent(made, HTTP) == "plain=1"
    # A cookie that came in the clear cannot say that it is secure, nor stand in the place of one that is:
    assert made.answered(HTTP, ["x=1; Secure", "sid=evil; Path=/", "sid=evil; Domain=example.com"], NOW) == []
    # below another path it is another one.
    assert [cookie.path for cookie in jar("sid=1; Path=/a; Secure").answered(HTTP, ["sid=2; Path=/"], NOW)] == ["/"]
    assert sent(made) == "sid=secret; plain=1"


def test_what_is_over_is_not_sent_and_session_cookies_stay():
    made = jar("short=1; Path=/; Max-Age=60", "session=1; Path=/")
    assert sent(made, at=NOW + 59.9) == "short=1; session=1"
    assert sent(made, at=NOW + 60) == "session=1"
    assert sent(made, at=NOW + 1e9) == "session=1"


def test_a_server_takes_a_cookie_back():
    made = jar("a=1; Path=/", "b=1; Path=/")
    told = made.answered(HTTPS, ["a=; Path=/; Max-Age=0", "never=; Path=/; Max-Age=0"], NOW)
    assert [(cookie.name, cookie.is_over(NOW)) for cookie in told] == [("a", True)]
    assert sent(made) == "b=1"
    # The last word of an answer counts.
    made.answered(HTTPS, ["c=1; Path=/", "c=; Path=/; Max-Age=0", "b=; Path=/; Max-Age=0", "b=2; Path=/"], NOW)
    assert sent(made) == "b=2"


def test_what_the_user_gives_is_for_the_whole_host_and_not_in_the_clear():
    made = Jar(Cookies())
    made.given(HTTPS, {"sid": "1"}, NOW)
    assert sent(made, "https://www.example.com/") == "sid=1"
    assert sent(made, HTTP) == ""
    assert sent(made, but={"sid"}) == ""


# -- what travels


def test_only_changes_are_told():
    made = Jar(Cookies())
    first = made.answered(HTTPS, ["a=1; Max-Age=1000", "b=1"], NOW)
    assert [cookie.name for cookie in first] == ["a", "b"]
    # While the job does not have them, they are news: the first report may never arrive.
    assert len(made.answered(HTTPS, ["a=1; Max-Age=1000", "b=1"], NOW)) == 2
    made.renew(first, NOW)
    assert made.answered(HTTPS, ["a=1; Max-Age=1000", "b=1"], NOW + 90) == []  # its end moves by less than a tenth
    (moved,) = made.answered(HTTPS, ["a=1; Max-Age=1000", "b=1"], NOW + 110)
    assert (moved.name, moved.expires, moved.created) == ("a", NOW + 1110, NOW)
    for line in ("b=2", "b=2; Secure", "b=2; Secure; Max-Age=9", "b=2; Secure"):
        assert [cookie.name for cookie in made.answered(HTTPS, [line], NOW)] == ["b"], line


def test_a_jar_that_is_told_of_changes_is_the_same_jar():
    mine, job, told = Jar(Cookies(per_jar=5)), {}, 0
    for n in range(60):
        lines = [f"c{n * k % 11}={n}; Path=/" for k in range(4)] + [f"c{n % 7}=; Path=/; Max-Age=0"]
        changes = mine.answered(HTTPS, lines, NOW + n)
        put(job, changes, NOW + n, most=5, size=10_000)
        told += len(changes)
        other = Jar(Cookies())
        other.renew(job.values(), NOW + n)
        assert sent(mine, at=NOW + n) == sent(other, at=NOW + n)
        if n % 7 == 0:
            mine.renew(job.values(), NOW + n)
    assert len(mine) == 5
    assert told > 100


OLD, MINE, THEIRS = (Cookie("a", value, "www.example.com", set_at=n) for n, value in enumerate("123"))
BACK = msgspec.structs.replace(OLD, set_at=9.0)


@pytest.mark.parametrize(
    ("before", "here", "after", "sees"),
    [
        ([OLD], "2", [OLD], "a=2"),  # not reported yet
        ([OLD], "2", [MINE], "a=2"),
        ([OLD], "2", [THEIRS], "a=3"),  # before it or after it: that is for the job to say
        ([OLD], "2", [BACK], "a=1"),
        ([OLD], "2", [], ""),
        ([OLD], None, [OLD], ""),
        ([OLD], None, [THEIRS], "a=3"),
        ([], "2", [], "a=2"),
        ([], "2", [THEIRS], "a=3"),
    ],
)
def test_what_was_set_here_stays_until_the_job_knows_of_a_change(before, here, after, sees):
    made = Jar(Cookies())
    made.renew(before, NOW)
    made.answered(HTTPS, ["a=; Path=/; Max-Age=0" if here is None else f"a={here}; Path=/"], NOW)
    made.renew(after, NOW)
    assert sent(made) == sees
    made.renew(after, NOW)
    assert sent(made) == sees


# -- limits


def test_of_thousands_of_cookies_those_set_last_are_kept():
    made = Jar(Cookies())
    told = made.answered(HTTPS, [f"c{n}={n}; Path=/" for n in range(3000)], NOW)
    assert [cookie.name for cookie in told] == [f"c{n}" for n in range(2900, 3000)]
    assert len(made) == 100


def test_what_is_over_goes_first_then_what_is_not_secure():
    made = jar("login=1; Secure; Path=/", "old=1; Path=/", "short=1; Path=/; Max-Age=5", per_jar=3)
    made.answered(HTTPS, ["a=1; Path=/"], NOW + 6)
    assert sent(made, at=NOW + 6) == "login=1; old=1; a=1"
    made.answered(HTTPS, ["b=1; Path=/"], NOW + 7)
    assert sent(made, at=NOW + 7) == "login=1; a=1; b=1"


def test_a_jar_has_only_so_many_bytes():
    made = jar(*(f"c{n}={'x' * 4000}; Path=/" for n in range(30)))
    assert len(made) == 8
    assert len(sent(made)) < 32768 + 100
    kept = {}
    put(kept, [Cookie("a", "x" * 5000, "a.test")], NOW, most=100, size=1000)  # whoever reported it
    assert kept == {}
