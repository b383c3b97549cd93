"""Heads as they are sent, Referer, Cookie, and the file name in Content-Disposition."""

import time

import pytest

from acrawl.fetch.headers import defaults, file_name, head_of, headers_of, referrer_for, with_one_length
from acrawl.request import Request


def head(url="https://a.example/", authorization="", **fields):
    usual = {"user-agent": "User-Agent: me", "accept": "Accept: */*"}
    return head_of(Request(url, **fields), "a.example", usual, authorization).decode()


def test_a_head_as_it_is_sent():
    assert head("https://a.example/x%20y?z&%C3%A9#part", referrer="https://a.example/p") == (
        "GET /x%20y?z&%C3%A9 HTTP/1.1\r\n"
        "Host: a.example\r\n"
        "User-Agent: me\r\n"
        "Accept: */*\r\n"
        "Referer: https://a.example/p\r\n"
        "\r\n"
    )


def test_what_a_request_names_itself_is_sent_once_and_in_its_words():
    own = {"host": "b.example", "USER-AGENT": "other", "X": "ä", "x": "b", "authorization": "Bearer t"}
    assert head(headers=own, authorization="Basic dTpw") == (
        "GET / HTTP/1.1\r\n"
        "host: b.example\r\n"
        "USER-AGENT: other\r\n"
        "Accept: */*\r\n"
        "authorization: Bearer t\r\n"
        "x: b\r\n"
        "\r\n"
    )
    referer = {"referer": "https://c.example/"}
    assert head(referrer="https://a.example/p", headers=referer).count("eferer") == 1
    assert "\r\nAuthorization: Basic dTpw\r\n" in head(authorization="Basic dTpw")


@pytest.mark.parametrize(
    ("method", "body", "told"),
    [
        ("GET", b"", ""),
        ("head", b"", ""),
        ("POST", b"", "Content-Length: 0\r\n"),
        ("put", b"12345", "Content-Type: application/octet-stream\r\nContent-Length: 5\r\n"),
        ("GET", b"1", "Content-Type: application/octet-stream\r\nContent-Length: 1\r\n"),
    ],
)
def test_where_a_request_ends_is_told_by_its_body(method, body, told):
    lies = {"Content-Length": "3", "transfer-encoding": "chunked"}
    for headers in ({}, lies):
        sent = head(method=method, body=body, headers=headers)
        assert sent.partition("Accept: */*\r\n")[2] == told + "\r\n"
        assert sent.startswith(method.upper() + " ")


@pytest.mark.parametrize(
    "fields",
    [
        {"cookies": {"a": "1\r\nX: y"}},
        {"cookies": {"a": "1\n"}},
        {"cookies": {"a": "1\r"}},
        {"cookies": {"a\n\r": "1"}},
        {"headers": {"X": "a\0b"}},
        {"headers": {"X: y\r\nZ": "1"}},
        {"headers": {"Transfer-Encoding ": "chunked"}},
        {"headers": {"Content-Length:": "1"}},
        {"headers": {"": "1"}},
        {"headers": {"Ä": "1"}},
        {"method": "GET / HTTP/1.1\r\nX: y\r\n\r\nGET"},
        {"method": "GET /x"},
        {"method": ""},
    ],
)
def test_nothing_can_be_smuggled_into_a_head(fields):
    with pytest.raises(ValueError, match=r"line break or NUL in the|neither a method"):
        head(**fields)


def test_what_is_wrong_with_a_head_is_told_without_its_secrets():
    with pytest.raises(ValueError, match=r"in its x-odd$"):
        head(headers={"Authorization": "Bearer secret", "X-Odd": "secret\0"}, cookies={"a": "secret"})


def test_what_every_request_says():
    sent = head_of(Request("https://a.example/"), "a.example", defaults("me/1")).decode()
    assert "\r\nUser-Agent: me/1\r\n" in sent
    assert "image/" not in sent
    with pytest.raises(ValueError, match="line break"):
        head_of(Request("https://a.example/"), "a.example", defaults("me\r\nX: y"))


@pytest.mark.parametrize(
    ("url", "referrer", "told"),
    [
        ("https://a.example/x", "https://a.example/p?q", "https://a.example/p?q"),
        ("https://a.example/x", "https://a.example/p#part", "https://a.example/p"),
        ("https://a.example/x", "https://user:secret@a.example/p", "https://a.example/p"),
        ("https://user@a.example/x", "https://a.example/p", "https://a.example/p"),
        ("https://b.example/x", "https://a.example/p?q", "https://a.example/"),
        ("https://b.example/x", "https://user:secret@a.example/p", "https://a.example/"),
        ("https://a.example:8443/x", "https://a.example/p", "https://a.example/"),
        ("https://a.example/x", "http://a.example/p", "http://a.example/"),
        ("http://a.example/x", "https://a.example/p", ""),
        ("http://a.example.evil/x", "http://a.example/p", "http://a.example/"),
        ("https://a.example/x", "https://a.example/" + "p" * 5000, "https://a.example/"),
        ("https://a.example/x", "about:blank", ""),
        ("https://a.example/x", "https://a.example", "https://a.example"),
    ],
)
def test_strict_origin_when_cross_origin(url, referrer, told):
    assert referrer_for(url, referrer) == told


def test_a_plain_request_adds_nothing():
    assert headers_of(Request("https://a.example/")) is None
    assert headers_of(Request("https://a.example/", headers={"X": "1"})) == {"X": "1"}


def test_referer_and_cookies_are_added():
    request = Request("https://a.example/", referrer="https://a.example/p", cookies={"a": "1", "b": "2"})
    assert headers_of(request) == {"Referer": "https://a.example/p", "Cookie": "a=1; b=2"}


def test_what_the_request_says_itself_wins():
    request = Request("https://a.example/", referrer="https://a.example/p", headers={"Referer": "https://c.example/"})
    assert headers_of(request) == {"Referer": "https://c.example/"}
    request = Request("https://a.example/", cookies={"a": "1"}, headers={"cookie": "b=2", "X": "y"})
    assert headers_of(request) == {"X": "y", "Cookie": "a=1; b=2"}


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("", ""),
        ("inline", ""),
        ("attachment", ""),
        ("attachment; filename=plain.txt", "plain.txt"),
        ('attachment; filename="with space; and.txt"', "with space; and.txt"),
        ('inline; FILENAME="x.png"', "x.png"),
        ("attachment; filename*=UTF-8''%e2%82%ac%20rates.pdf", "€ rates.pdf"),
        ("attachment; filename=\"EURO rates\"; filename*=utf-8''%e2%82%ac%20rates", "€ rates"),
        ("attachment; filename*=iso-8859-1'en'%A3%20rates", "£ rates"),
        ('attachment; filename="Grüße.txt"', "Grüße.txt"),
        ('attachment; filename="../../etc/passwd"', "../../etc/passwd"),
        ("attachment; filename*=no-such-charset''x%20y", "x y"),
        ("attachment; filename", ""),
        (";;;=", ""),
    ],
)
def test_file_names(header, name):
    assert file_name(header) == name


def test_a_file_name_that_never_ends_holds_nobody_up():
    began = time.monotonic()
    assert file_name('attachment; filename=a; b="' + ";" * 60_000) == "a"
    assert time.monotonic() - began < 0.5


def test_bytes_that_are_no_text_do_not_break_it():
    assert file_name(b'attachment; filename="\xff.txt"'.decode("utf-8", "surrogateescape")).endswith(".txt")


@pytest.mark.parametrize(
    ("head", "mended"),
    [
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\ncontent-length:2 \r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n",
        ),
        (
            b"HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 2, 2\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nA: b\r\n\r\n",
        ),
        (b"HTTP/1.1 200 OK\nContent-Length: 2\nContent-Length: 2\n\n", b"HTTP/1.1 200 OK\nContent-Length: 2\r\n\n"),
    ],
)
def test_a_length_that_is_said_twice_is_said_once(head, mended):
    assert with_one_length(head) == mended


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-Content-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2,\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n",
    ],
)
def test_a_length_that_contradicts_itself_stays_as_it_is(head):
    assert with_one_length(head) == head
