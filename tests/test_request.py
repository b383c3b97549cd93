"""Requests: made right or refused where they are made; the same after the journey."""

from __future__ import annotations

import datetime
import functools
import threading

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acrawl.errors import RequestError
from acrawl.request import BARE_BODY, Request, seal, unseal
from acrawl.spider import Spider

URL = "http://example.org/a"
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)


class Shop(Spider):
    def parse_price(self, response):
        return None


def test_the_url_takes_its_canonical_form():
    assert Request("HTTP://Example.org:80/x#y").url == "http://example.org/x"
    assert Request("http://example.org:81/x").host == "http://example.org:81"


@pytest.mark.parametrize("wrong", [None, 3, b"http://example.org/", "example.org", "ftp://example.org/"])
def test_a_wrong_url_is_refused_where_it_was_made(wrong):
    with pytest.raises(RequestError):
        Request(wrong)


def test_callbacks_travel_by_name():
    spider = Shop()
    request = Request(URL, spider.parse_price, errback="parse")
    assert (request.callback, request.errback) == ("parse_price", "parse")


@pytest.mark.parametrize("wrong", [lambda response: None, print, functools.partial(print), Shop.parse_price, 3])
def test_a_callback_that_is_no_method_of_a_spider_is_refused(wrong):
    with pytest.raises(RequestError, match="callback="):
        Request(URL, wrong)
    with pytest.raises(RequestError, match="errback="):
        Request(URL, errback=wrong)


@pytest.mark.parametrize("field", ["meta", "cb_kwargs"])
@pytest.mark.parametrize(
    "value", [threading.Lock(), object(), lambda: None, 2**70, {1: {2: object()}}], ids=["lock", "object", "lambda",
                                                                                        "huge", "deep"]
)  # fmt: skip
def test_what_cannot_travel_is_refused_naming_the_field_and_the_url(field, value):
    with pytest.raises(RequestError) as caught:
        Request(URL, **{field: {"x": value}})
    assert field in str(caught.value)
    assert URL in str(caught.value)


def test_a_value_that_holds_itself_is_refused():
    loop: dict = {}
    loop["x"] = loop
    with pytest.raises(RequestError, match="meta"):
        Request(URL, meta=loop)


@pytest.mark.parametrize("headers", [{"A": "b\r\nC: d"}, {"A": "b\nc"}, {"A": 3}, {3: "a"}, {"A": None}])
def test_headers_are_text_on_one_line(headers):
    with pytest.raises(RequestError, match="header"):
        Request(URL, headers=headers)


def test_a_request_cannot_be_changed_but_replaced():
    request = Request(URL, meta={"a": 1})
    with pytest.raises(AttributeError):
        request.url = "http://example.org/b"
    assert request.replace(url="http://example.org/c#d").url == "http://example.org/c"
    assert request.url == URL


def test_replacing_checks_again():
    with pytest.raises(RequestError, match="meta"):
        Request(URL).replace(meta={"x": object()})
    with pytest.raises(RequestError):
        Request(URL).replace(url="nothing")


def test_a_text_body_is_encoded():
    assert Request(URL, method="POST", body="é").body == "é".encode()
    assert Request(URL, method="POST", body="é", encoding="latin-1").body == b"\xe9"


@given(st.dictionaries(st.text(max_size=8), PLAIN, max_size=4), st.integers(-(2**40), 2**40), st.booleans())
def test_a_request_is_the_same_after_the_journey(meta, priority, dont_filter):
    request = Request(
        URL, "parse", meta=meta, cb_kwargs=meta, priority=priority, dont_filter=dont_filter, save="image/"
    )
    sealed = seal(request, b"secret")
    assert unseal(sealed.url, sealed.body) == request
    assert (sealed.url, sealed.host, sealed.priority) == (URL, "http://example.org", priority)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(sealed), type=type(sealed)) == sealed


def test_bytes_that_are_no_request_cannot_be_unsealed():
    for body in (b"", b"\xc1", *map(msgspec.msgpack.encode, ({"depth": 3}, ["3"], [0, "", "3"], [0, "", 1, b""], 3))):
        with pytest.raises(msgspec.DecodeError):
            unseal(URL, body)
    with pytest.raises(RequestError):
        unseal("example.org", BARE_BODY)


PATHS = st.lists(st.sampled_from(["", "a", "b", "ab", "?q=/a/", "é"]), max_size=5).map("/".join)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "callback": st.none() | st.sampled_from(["parse", "parse_price"]),
        "method": st.sampled_from(["GET", "POST", "HEAD"]),
        "headers": st.dictionaries(st.sampled_from(["A", "B"]), st.sampled_from(["", "x"])),
        "body": st.binary(max_size=3),
        "cookies": st.dictionaries(st.sampled_from(["", "a", "\u00fc"]), st.sampled_from(["", "1", "x=y"]), max_size=2),
        "cookiejar": st.sampled_from(["", "0", "anna"]),
        "dont_merge_cookies": st.booleans(),
        "encoding": st.sampled_from(["utf-8", "latin-1"]),
        "errback": st.none() | st.just("parse"),
        "flags": st.lists(st.text(max_size=3), max_size=2),
        "depth": st.integers(0, 2**40),
        "save": st.booleans() | st.sampled_from(["", "image/"]),
        "not_before": st.floats(allow_nan=False),
        "referrer": PATHS.map("http://example.org/".__add__) | PATHS | st.text(),
        "allow_offsite": st.booleans(),
        "hops": st.integers(0, 20),
    },
)


@given(PATHS, FIELDS)
def test_every_field_is_the_same_after_the_journey(path, fields):
    request = Request(f"http://example.org/{path}", **fields)
    sealed = seal(request, b"secret")
    assert unseal(sealed.url, sealed.body) == request


def test_a_followed_link_takes_little_room_beside_its_url():
    page, link = "http://example.org/docs/9.6/intro.html", "http://example.org/docs/9.6/next.html"
    assert len(seal(Request(link, referrer=page, depth=3), b"k").body) == len("intro.html") + 4
    assert len(seal(Request(link), b"k").body) == 4


def test_opened_requests_share_nothing_that_can_be_changed():
    body = seal(Request(URL), b"k").body
    one, other = unseal(URL, body), unseal(URL, body)
    one.meta["seen"] = True
    one.headers["A"] = "b"
    assert (other.meta, other.headers) == ({}, {}) == (unseal(URL, body).meta, Request(URL).headers)


@pytest.mark.parametrize(
    ("save", "media_type", "saved"),
    [(True, "text/html", True), (False, "image/png", False), ("image/", "image/png", True),
     ("image/", "text/html", False), ("", "image/png", False)],
)  # fmt: skip
def test_what_is_saved(save, media_type, saved):
    assert Request(URL, save=save).saves(media_type) is saved


@pytest.mark.parametrize("digest", ["sha-256=" + "0f" * 32, "md5=AAAAAAAAAAAAAAAAAAAAAA=="])
def test_the_digest_of_a_saved_file_travels(digest):
    request = Request(URL, save=True, digest=digest)
    assert unseal(URL, seal(request, b"k").body).digest == digest


@pytest.mark.parametrize(
    ("fields", "told"),
    [({"digest": "0f" * 32}, "is no digest"), ({"digest": "sha-256=00"}, "32 bytes"), ({"digest": 5}, "digest: ")],
)
def test_a_digest_that_is_none_is_refused_where_it_is_made(fields, told):
    with pytest.raises(RequestError, match=f"digest: .*{told}|digest: "):
        Request(URL, save=True, **fields)


def test_a_digest_belongs_to_a_saved_file():
    with pytest.raises(RequestError, match="give save=True as well"):
        Request(URL, digest="sha-256=" + "0f" * 32)


def test_dates_travel_as_text():
    request = Request(URL, meta={"day": datetime.date(2026, 1, 2)})
    assert unseal(URL, seal(request, b"k").body).meta == {"day": "2026-01-02"}


# -- cookies


@pytest.mark.parametrize(("given", "kept"), [(0, "0"), (7, "7"), ("anna", "anna"), ("", ""), (None, "")])
def test_a_jar_is_named_by_a_text_or_a_number(given, kept):
    assert Request("http://a/", cookiejar=given).cookiejar == kept


@pytest.mark.parametrize("key", ["x" * 201, "a\nb", "\ud800"])
def test_a_name_that_no_jar_can_have_is_refused(key):
    with pytest.raises(RequestError, match="cookiejar="):
        Request("http://a/", cookiejar=key)


@pytest.mark.parametrize(
    ("given", "kept"),
    [({"a": 1, "b": "x"}, {"a": "1", "b": "x"}), ([{"name": "a", "value": "1"}], {"a": "1"}), ([], {}), (None, {})],
)
def test_cookies_are_text_by_name(given, kept):
    request = Request("http://a/", cookies=given)
    assert request.cookies == kept
    assert unseal(request.url, seal(request, b"k").body) == request


@pytest.mark.parametrize("given", ["a=1", {"a": None}, {"a": b"1"}, [{"name": "a", "value": "1", "path": "/"}], [1]])
def test_cookies_in_another_form_are_refused(given):
    with pytest.raises(RequestError, match="give them as"):
        Request("http://a/", cookies=given)


def test_the_same_url_in_another_jar_is_another_request():
    keys = [seal(Request("http://a/", cookiejar=jar), b"secret").key for jar in ("", "anna", "bert", "anna")]
    assert len(set(keys)) == 3
    assert {key[:4] for key in keys} == {keys[0][:4]}


def test_the_name_of_a_saved_file_travels_and_what_cannot_travel_is_replaced():
    request = Request(URL, save=True, save_as="covers/caf\u00e9 \ud800")
    assert unseal(URL, seal(request, b"k").body).save_as == "covers/caf\u00e9 ?"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"save_as": "a"}, "save=True"),
        ({"save": True, "save_as": None}, "text"),
        ({"save": True, "save_as": "x" * 5000}, "4096"),
    ],
)
def test_a_name_that_cannot_be_is_refused_where_it_is_made(fields, told):
    with pytest.raises(RequestError, match=f"save_as.*{told}"):
        Request(URL, **fields)
