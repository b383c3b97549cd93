"""Referer, Cookie, and the file name in Content-Disposition."""

import pytest

from acrawl.fetch.headers import file_name, headers_of, referrer_for
from acrawl.request import Request


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


def test_bytes_that_are_no_text_do_not_break_it():
    assert file_name(b'attachment; filename="\xff.txt"'.decode("utf-8", "surrogateescape")).endswith(".txt")
