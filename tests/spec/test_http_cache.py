"""RFC 9111 for a private cache, with RFC 8246 (immutable) and RFC 5861 (stale-if-error): each case with its section."""

from email.utils import formatdate

import pytest
from multidict import CIMultiDict

from acrawl.fetch.freshness import (
    FRESH,
    STALE,
    VALIDATE,
    Kept,
    age,
    delta,
    directives,
    freshened,
    invalidates,
    judge,
    kept_headers,
    lifetime,
    moment,
    outlives_errors,
    preconditions,
    selecting,
    storable,
)

#: When the answers of these tests came; "@-60" in a header is the date 60 seconds earlier.
NOW = 1_800_000_000.0


def fields(text):
    """Headers from "Name: value | Name: value"."""
    found = CIMultiDict()
    for line in filter(None, text.split(" | ")):
        name, _, value = line.partition(": ")
        found.add(name, formatdate(NOW + float(value[1:]), usegmt=True) if value.startswith("@") else value)
    return found


def answer(headers, status=200, asked_at=NOW):
    return Kept(status, fields(headers), asked_at, NOW)


@pytest.mark.parametrize(
    ("section", "request_", "status", "headers", "stored"),
    [
        ("3", "", 200, "ETag: x", True),
        ("3", "", 200, "Cache-Control: max-age=60", True),
        ("3", "", 200, "Expires: @60", True),
        ("3", "", 200, "Last-Modified: @-60", True),
        ("3 (of no use: never fresh, no validator)", "", 200, "", False),
        ("3 (private is for us)", "", 200, "Cache-Control: private, max-age=60", True),
        ("3 (s-maxage is not)", "", 200, "Cache-Control: s-maxage=60", False),
        ("3 (authorization binds shared caches only)", "Authorization: x", 200, "Cache-Control: max-age=60", True),
        ("3 (interim)", "", 103, "Cache-Control: max-age=60", False),
        ("3 (partial)", "", 206, "Cache-Control: max-age=60 | ETag: x", False),
        ("3 (not understood)", "", 304, "Cache-Control: max-age=60 | ETag: x", False),
        ("3 (heuristic status)", "", 404, "ETag: x", True),
        ("3 (heuristic status)", "", 301, "ETag: x", True),
        ("3 (not a heuristic status)", "", 302, "ETag: x", False),
        ("3 (told so)", "", 302, "Cache-Control: max-age=60", True),
        ("3 (told so)", "", 302, "Cache-Control: public | ETag: x", True),
        ("3 (told so)", "", 403, "Expires: @60", True),
        ("5.2.1.5", "Cache-Control: no-store", 200, "Cache-Control: max-age=60", False),
        ("5.2.2.5", "", 200, "Cache-Control: no-store, max-age=60", False),
        ("5.2.2.5", "", 200, "Cache-Control: max-age=60 | Cache-Control: No-Store", False),
        (
            "5.2.2.3 (understood: no-store is ignored)",
            "",
            200,
            "Cache-Control: must-understand, no-store, max-age=9",
            True,
        ),
        ("5.2.2.3 (not understood)", "", 299, "Cache-Control: must-understand, max-age=9", False),
        ("5.2.2.4 (no-cache may be stored)", "", 200, "Cache-Control: no-cache | ETag: x", True),
        ("5.2.3 (unknown directives are ignored)", "", 200, "Cache-Control: no-storage, max-age=9", True),
    ],
)
def test_what_is_stored(section, request_, status, headers, stored):
    assert storable(fields(request_), answer(headers, status)) is stored


@pytest.mark.parametrize(
    ("section", "headers", "seconds"),
    [
        ("4.2.1", "Cache-Control: max-age=60", 60),
        ("4.2.1 (max-age before Expires)", "Cache-Control: max-age=60 | Expires: @600 | Date: @0", 60),
        ("4.2.1 (max-age before Expires)", "Cache-Control: max-age=0 | Expires: @600 | Date: @0", 0),
        ("4.2.1 (s-maxage is for shared caches)", "Cache-Control: s-maxage=600, max-age=60", 60),
        ("4.2.1 (the first of two)", "Cache-Control: max-age=60, max-age=600", 60),
        ("4.2.1 (invalid is stale)", "Cache-Control: max-age=soon", 0),
        ("4.2.1 (invalid is stale)", "Cache-Control: max-age=-1", 0),
        ("4.2.1 (invalid is stale)", "Cache-Control: max-age=1.5", 0),
        ("4.2.1 (invalid is stale)", "Cache-Control: max-age", 0),
        ("5.2 (either form of an argument)", 'Cache-Control: max-age="60"', 60),
        ("5.2 (names in any case)", "Cache-Control: MAX-AGE=60", 60),
        ("5.2 (a comma inside of quotes)", 'Cache-Control: x="a, max-age=9", max-age=60', 60),
        ("1.2.2 (too large)", "Cache-Control: max-age=99999999999999999999", 1 << 31),
        ("5.3", "Expires: @600 | Date: @0", 600),
        ("5.3 (from Date, not from now)", "Expires: @600 | Date: @500", 100),
        ("5.3 (without Date from when it came)", "Expires: @600", 600),
        ("5.3 (in the past)", "Expires: @-600 | Date: @0", 0),
        ("5.3 (no date is the past)", "Expires: 0 | Last-Modified: @-1000", 0),
        ("5.3 (the first of two)", "Expires: @60 | Expires: @600 | Date: @0", 60),
        ("4.2.2", "Last-Modified: @-1000 | Date: @0", 100),
        ("4.2.2 (bounded)", "Last-Modified: @-90000000 | Date: @0", 86400),
        ("4.2.2 (from the future)", "Last-Modified: @1000 | Date: @0", 0),
        ("4.2.2 (nothing to guess by)", "ETag: x", 0),
    ],
)
def test_how_long_it_is_fresh(section, headers, seconds):
    assert lifetime(answer(headers)) == seconds


@pytest.mark.parametrize(
    ("section", "status", "headers", "seconds"),
    [
        ("4.2.2 (heuristic status)", 410, "Last-Modified: @-1000 | Date: @0", 100),
        ("4.2.2 (no guess for others)", 302, "Last-Modified: @-1000 | Date: @0", 0),
        ("4.2.2 (unless public)", 302, "Cache-Control: public | Last-Modified: @-1000 | Date: @0", 100),
    ],
)
def test_what_may_be_guessed_depends_on_the_status(section, status, headers, seconds):
    assert lifetime(answer(headers, status)) == seconds


@pytest.mark.parametrize(
    ("section", "headers", "took", "later", "seconds"),
    [
        ("4.2.3 (resident time)", "Date: @0", 0, 10, 10),
        ("4.2.3 (apparent age)", "Date: @-30", 0, 10, 40),
        ("4.2.3 (a date from the future)", "Date: @30", 0, 10, 10),
        ("4.2.3 (no date)", "", 0, 10, 10),
        ("4.2.3 (age of other caches)", "Date: @0 | Age: 100", 0, 10, 110),
        ("4.2.3 (the larger of the two)", "Date: @-300 | Age: 100", 0, 10, 310),
        ("4.2.3 (response delay)", "Date: @0 | Age: 100", 5, 10, 115),
        ("5.1 (invalid is ignored)", "Date: @0 | Age: old", 0, 10, 10),
        ("5.1 (negative is ignored)", "Date: @0 | Age: -7", 0, 10, 10),
        ("5.1 (the first of a list)", "Date: @0 | Age: 7, 9", 0, 10, 17),
    ],
)
def test_how_old_it_is(section, headers, took, later, seconds):
    assert age(answer(headers, asked_at=NOW - took), NOW + later) == seconds


@pytest.mark.parametrize(
    ("section", "request_", "headers", "later", "verdict"),
    [
        ("4.2 (fresh)", "", "Cache-Control: max-age=60", 59, FRESH),
        ("4.2 (as old as its lifetime is stale)", "", "Cache-Control: max-age=60", 60, VALIDATE),
        ("4.2.3 (old when it came)", "", "Cache-Control: max-age=60 | Age: 50", 11, VALIDATE),
        ("5.2.2.4", "", "Cache-Control: no-cache, max-age=60", 1, VALIDATE),
        ("5.2.2.4 (qualified, taken for unqualified)", "", 'Cache-Control: no-cache="Foo", max-age=60', 1, VALIDATE),
        ("5.2.1.4", "Cache-Control: no-cache", "Cache-Control: max-age=60", 1, VALIDATE),
        ("5.4", "Pragma: no-cache", "Cache-Control: max-age=60", 1, VALIDATE),
        (
            "5.4 (Cache-Control wins)",
            "Pragma: no-cache | Cache-Control: max-age=9",
            "Cache-Control: max-age=60",
            1,
            FRESH,
        ),
        ("5.2.1.1", "Cache-Control: max-age=10", "Cache-Control: max-age=60", 10, FRESH),
        ("5.2.1.1", "Cache-Control: max-age=10", "Cache-Control: max-age=60", 11, VALIDATE),
        ("5.2.1.3", "Cache-Control: min-fresh=20", "Cache-Control: max-age=60", 40, FRESH),
        ("5.2.1.3", "Cache-Control: min-fresh=20", "Cache-Control: max-age=60", 41, VALIDATE),
        ("5.2.1.2", "Cache-Control: max-stale=10", "Cache-Control: max-age=60", 70, STALE),
        ("5.2.1.2", "Cache-Control: max-stale=10", "Cache-Control: max-age=60", 71, VALIDATE),
        ("5.2.1.2 (any)", "Cache-Control: max-stale", "Cache-Control: max-age=60", 99999, STALE),
        ("5.2.1.2 (and max-age)", "Cache-Control: max-stale, max-age=10", "Cache-Control: max-age=60", 99, VALIDATE),
        ("5.2.2.2", "Cache-Control: max-stale", "Cache-Control: max-age=60, must-revalidate", 61, VALIDATE),
        ("5.2.2.2 (while fresh it may be used)", "", "Cache-Control: max-age=60, must-revalidate", 59, FRESH),
        (
            "5.2.2.8 (for shared caches)",
            "Cache-Control: max-stale",
            "Cache-Control: max-age=9, proxy-revalidate",
            61,
            STALE,
        ),
        ("8246, 2", "Cache-Control: max-age=0", "Cache-Control: max-age=60, immutable", 30, FRESH),
        ("8246, 2 (reload by force)", "Cache-Control: no-cache", "Cache-Control: max-age=60, immutable", 30, VALIDATE),
        ("8246, 2 (only while fresh)", "", "Cache-Control: max-age=60, immutable", 61, VALIDATE),
        ("5861, 3 (not used)", "", "Cache-Control: max-age=60, stale-while-revalidate=99", 61, VALIDATE),
        ("5861, 4 (only on errors)", "", "Cache-Control: max-age=60, stale-if-error=99", 61, VALIDATE),
    ],
)
def test_whether_it_may_be_used(section, request_, headers, later, verdict):
    assert judge(fields(request_), answer(headers), NOW + later) == verdict


@pytest.mark.parametrize(
    ("section", "request_", "headers", "later", "may"),
    [
        ("5861, 4", "", "Cache-Control: max-age=60, stale-if-error=30", 90, True),
        ("5861, 4", "", "Cache-Control: max-age=60, stale-if-error=30", 91, False),
        ("5861, 4 (by the request)", "Cache-Control: stale-if-error=30", "Cache-Control: max-age=60", 90, True),
        ("5861, 4 (not allowed)", "", "Cache-Control: max-age=60", 61, False),
        ("4.2.4", "", "Cache-Control: max-age=60, stale-if-error=30, must-revalidate", 61, False),
        ("4.2.4", "", "Cache-Control: max-age=60, stale-if-error=30, no-cache", 61, False),
        ("4.2.4", "Cache-Control: no-cache", "Cache-Control: max-age=60, stale-if-error=30", 61, False),
    ],
)
def test_whether_it_may_stand_in_for_an_error(section, request_, headers, later, may):
    assert outlives_errors(fields(request_), answer(headers), NOW + later) is may


@pytest.mark.parametrize(
    ("section", "headers", "by_tag", "names"),
    [
        ("4.3.1", "ETag: x | Last-Modified: @-9", False, ["If-None-Match", "If-Modified-Since"]),
        ("4.3.1", "Last-Modified: @-9", False, ["If-Modified-Since"]),
        ("4.3.1 (no date)", "Last-Modified: yesterday", False, []),
        ("4.3.1 (of another request: the tag alone)", "ETag: x | Last-Modified: @-9", True, ["If-None-Match"]),
        ("4.3.1 (of another request: a date says nothing)", "Last-Modified: @-9", True, []),
        ("9110, 8.8.3 (bytes that cannot be sent back)", "ETag: \udcff", False, []),
    ],
)
def test_how_its_server_is_asked(section, headers, by_tag, names):
    assert list(preconditions(fields(headers), by_tag=by_tag)) == names


@pytest.mark.parametrize(
    ("section", "stored", "news", "result"),
    [
        ("3.2", "A: 1 | B: 1", "B: 2 | C: 2", "A: 1 | B: 2 | C: 2"),
        ("3.2 (all of one name)", "A: 1 | A: 2", "a: 3 | a: 4", "a: 3 | a: 4"),
        ("3.2 (not the length)", "Content-Length: 5", "Content-Length: 0", "Content-Length: 5"),
        (
            "3.2 (nor what the body was processed by)",
            "Content-Type: a/b",
            "Content-Encoding: gzip",
            "Content-Type: a/b",
        ),
        ("3.1 (nor what is about the connection)", "A: 1", "Connection: close, B | B: 2 | Keep-Alive: 9", "A: 1"),
        ("4.3.4 (the same tag)", 'ETag: "1" | A: 1', 'ETag: "1" | A: 2', 'ETag: "1" | A: 2'),
        ("4.3.4 (another strong tag)", 'ETag: "1" | A: 1', 'ETag: "2" | A: 2', 'ETag: "1" | A: 1'),
        ("4.3.4 (no validator: the only one stored)", "A: 1", "A: 2", "A: 2"),
    ],
)
def test_what_a_304_changes(section, stored, news, result):
    assert sorted(freshened(fields(stored), fields(news)).items()) == sorted(fields(result).items())


@pytest.mark.parametrize(
    ("section", "came", "stored"),
    [
        ("3.1", "Connection: X | X: 1 | A: 1", "A: 1 | Content-Length: 7"),
        ("3.1", "Transfer-Encoding: chunked | Upgrade: h2c | Proxy-Authenticate: b | TE: x", "Content-Length: 7"),
        ("8 of 9110 (decoded)", "Content-Encoding: br | Content-Length: 3 | Vary: a", "Content-Length: 7 | Vary: a"),
        ("3.1 (repeated ones all)", "Link: a | Link: b", "Link: a | Link: b | Content-Length: 7"),
    ],
)
def test_which_headers_are_stored(section, came, stored):
    assert sorted(kept_headers(fields(came), 7).items()) == sorted(fields(stored).items())


@pytest.mark.parametrize(
    ("section", "vary", "first", "second", "same"),
    [
        ("4.1", "", "Accept: a", "Accept: b", True),
        ("4.1", "Vary: Accept", "Accept: a", "Accept: a | X: 1", True),
        ("4.1", "Vary: Accept", "Accept: a", "Accept: b", False),
        ("4.1 (absent in both)", "Vary: Accept", "", "X: 1", True),
        ("4.1 (absent in one)", "Vary: Accept", "Accept: a", "", False),
        ("4.1 (names in any case and order)", "Vary: b, A", "a: 1 | B: 2", "A: 1 | b: 2", True),
        ("4.1 (white space)", "Vary: Accept", "Accept: a,  b", "Accept: a, b", True),
        ("4.1 (lines combined)", "Vary: Accept", "Accept: a | Accept: b", "Accept: a, b", True),
        ("4.1 (two lines of Vary)", "Vary: a | Vary: b", "a: 1 | b: 2", "a: 1 | b: 3", False),
    ],
)
def test_which_requests_are_alike(section, vary, first, second, same):
    assert (selecting(fields(vary), fields(first)) == selecting(fields(vary), fields(second))) is same


def test_nothing_is_like_a_request_whose_answer_varies_by_everything():  # 4.1
    assert selecting(fields("Vary: Accept, *"), fields("")) == "*"


@pytest.mark.parametrize(
    ("section", "method", "status", "gone"),
    [
        ("4.4", "POST", 200, True),
        ("4.4", "PUT", 204, True),
        ("4.4", "DELETE", 303, True),
        ("4.4 (unknown methods count as unsafe)", "PURGE", 200, True),
        ("4.4 (errors change nothing)", "POST", 404, False),
        ("4.4 (errors change nothing)", "POST", 500, False),
        ("4.4 (safe)", "GET", 200, False),
        ("4.4 (safe)", "OPTIONS", 200, False),
    ],
)
def test_what_makes_an_answer_invalid(section, method, status, gone):
    assert invalidates(method, status) is gone


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784111777),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 784111777),
        ("Sun Nov  6 08:49:37 1994", 784111777),
        ("0", None),
        ("-1", None),
        ("", None),
        ("Sun, 06 Nov 99999999 08:49:37 GMT", None),
    ],
)
def test_dates_have_three_forms(text, at):  # 9110, 5.6.7
    assert moment(text) == at


@pytest.mark.parametrize(("text", "seconds"), [("0", 0), ("007", 7), ("", 0), ("\u0663", 0), ("9" * 5000, 1 << 31)])
def test_seconds_are_digits(text, seconds):  # 1.2.2
    assert delta(text) == seconds


def test_directives_may_be_anything():
    assert directives(fields('Cache-Control: ,, =, a="\\"", b=\t, ;;, c = 1')) == {"a": '"', "b": "", "c": "1"}
