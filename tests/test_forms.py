"""Requests that send forms and JSON: as Scrapy's callers know them, and as servers receive them."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web
from multidict import CIMultiDict

from acrawl import FormRequest, JsonRequest, Request, Response, Spider
from acrawl.errors import RequestError
from acrawl.fetch import Fetcher
from acrawl.request import seal, unseal
from acrawl.settings import Fetch, Settings

URL = "https://h.test/login?from=x"
LOGIN = """
<form action=/search><input name=q><button name=go>Go</button></form>
<form id=login name=sign-in action=/session method=post class="box big">
 <input type=hidden name=token value=t0k>
 <p><input name=user value=nobody><input type=password name=password>
 <input type=checkbox name=stay value=yes checked><select name=lang><option>en<option selected>de</select>
 <button name=do value=enter>Enter</button><button name=do value=forgot formaction=/forgot>Forgot</button>
</form>
<form id=upload action=/files method=post enctype=multipart/form-data>
 <input type=file name=file><input name=title></form>
"""


def page(markup=LOGIN, charset="utf-8"):
    return Response(
        URL, body=markup.encode(charset), headers=CIMultiDict({"Content-Type": f"text/html; charset={charset}"})
    )


def fields(request):
    query = request.body.decode() if request.method == "POST" else urlsplit(request.url).query
    return parse_qs(query, keep_blank_values=True)


def test_a_form_request_is_a_plain_request_that_travels():
    request = FormRequest("https://h.test/", "after", formdata={"a": "1"}, meta={"k": 1}, priority=3)
    assert type(request) is Request
    sealed = seal(request, b"k")
    assert unseal(sealed.url, sealed.body) == request
    assert (request.method, request.body, request.callback, request.priority) == ("POST", b"a=1", "after", 3)


@pytest.mark.parametrize(
    ("formdata", "body"),
    [
        ({"a": "1", "b": ["2", "3"]}, b"a=1&b=2&b=3"),
        ([("a", "1"), ("b", "2"), ("a", ("3", 4))], b"a=1&a=3&a=4&b=2"),
        ({"a": 1, "b": 2.5, "c": None, "d": ""}, b"a=1&b=2.5&d="),
        ({b"a\xc2\xb5": b"\xc2\xa3"}, b"a%C2%B5=%C2%A3"),
        ((pair for pair in [("a", "1")]), b"a=1"),
    ],
)
def test_data_may_be_given_in_each_shape(formdata, body):
    assert FormRequest("https://h.test/", formdata=formdata).body == body


def test_data_are_sent_in_the_encoding_that_is_asked_for():
    request = FormRequest("https://h.test/", formdata={"price": "\u00a3 100", "x": b"\xa3"}, encoding="latin1")
    assert request.body == b"price=%A3+100&x=%A3"
    with pytest.raises(ValueError, match="there is no such encoding"):
        FormRequest("https://h.test/", formdata={"a": "1"}, encoding="klingon")


def test_with_get_the_data_take_the_place_of_the_query():
    assert FormRequest(URL, method="get", formdata={"a": "b c"}).url == "https://h.test/login?a=b+c"
    assert FormRequest(URL).url == URL
    assert FormRequest(URL).method == "GET"


def test_a_content_type_of_ones_own_is_kept():
    request = FormRequest(URL, formdata={"a": "1"}, headers={"content-type": "x/y", "X-A": "b"})
    assert request.headers == {"content-type": "x/y", "X-A": "b"}


@pytest.mark.parametrize("formdata", ["text", 7, [1], {"a": 1}.items, [("a", "b", "c")]])
def test_what_is_no_form_data_is_told_in_one_line(formdata):
    with pytest.raises(ValueError, match="give a dict, or a list of"):
        FormRequest(URL, formdata=formdata)


def test_a_file_makes_it_multipart(tmp_path):
    (tmp_path / "p.png").write_bytes(b"\x89PNG")
    request = FormRequest(URL, formdata={"a": "1", "f": [tmp_path / "p.png", ("x.bin", b"\0"), ("y", b"z", "text/y")]})
    assert request.headers["Content-Type"].startswith("multipart/form-data; boundary=")
    for part in (
        b'name="a"\r\n\r\n1\r\n',
        b'name="f"; filename="p.png"\r\nContent-Type: image/png\r\n\r\n\x89PNG\r\n',
        b'name="f"; filename="x.bin"\r\nContent-Type: application/octet-stream\r\n\r\n\0\r\n',
        b'name="f"; filename="y"\r\nContent-Type: text/y\r\n\r\nz\r\n',
    ):
        assert part in request.body
    with pytest.raises(ValueError, match="sent by POST"):
        FormRequest(URL, method="GET", formdata={"f": ("x", b"y")})
    with pytest.raises(FileNotFoundError):
        FormRequest(URL, formdata={"f": tmp_path / "none"})


# -- from_response


def test_the_first_form_is_sent_with_its_first_button():
    request = FormRequest.from_response(page(), formdata={"q": "x y"})
    assert (request.method, request.url, request.body) == ("GET", "https://h.test/search?q=x+y&go=", b"")
    assert (request.referrer, request.depth) == (URL, 1)


WAYS = [
    {"formname": "sign-in"},
    {"formid": "login"},
    {"formname": "none", "formid": "login"},
    {"formnumber": 1},
    {"formid": "none", "formnumber": -2},
    {"formcss": "form.big"},
    {"formcss": "#login input"},
    {"formcss": "form:contains('Forgot')"},
    {"formxpath": "//form[@method='post'][1]"},
    {"formxpath": "//input[@type='password']"},
]


@pytest.mark.parametrize("way", WAYS)
def test_a_form_is_found_by_name_id_number_css_and_xpath(way):
    request = FormRequest.from_response(page(), formdata={"user": "me", "password": "pw"}, **way)
    assert (request.method, request.url) == ("POST", "https://h.test/session")
    assert request.body == b"token=t0k&user=me&password=pw&stay=yes&lang=de&do=enter"
    assert request.headers == {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize(
    ("markup", "url"),
    [
        ("<form action='/x?a=1#b'><input name=c>", "https://h.test/x?c="),
        ("<form action='/x?a=1#b'>", "https://h.test/x"),
        ("<form>", "https://h.test/login"),
        ("<form method=post action='/x?a=1'>", "https://h.test/x?a=1"),
    ],
)
def test_a_get_replaces_the_query_of_the_action_and_a_post_keeps_it(markup, url):
    assert FormRequest.from_response(page(markup)).url == url


def test_data_replace_add_and_remove_fields():
    data = {"stay": None, "lang": ["en", "fr"], "new": "1", "do": None}
    request = FormRequest.from_response(page(), formid="login", formdata=data)
    assert request.body == b"token=t0k&user=nobody&password=&lang=en&lang=fr&new=1"


@pytest.mark.parametrize(
    ("way", "path", "does"),
    [
        ({"clickdata": {"value": "forgot"}}, "/forgot", ["forgot"]),
        ({"clickdata": {"name": "do", "value": "enter"}}, "/session", ["enter"]),
        ({"clickdata": {"nr": 6}}, "/forgot", ["forgot"]),
        ({"dont_click": True}, "/session", None),
        ({"dont_click": True, "clickdata": {"value": "forgot"}}, "/session", None),
    ],
)
def test_a_button_is_chosen(way, path, does):
    request = FormRequest.from_response(page(), formid="login", **way)
    assert urlsplit(request.url).path == path
    assert fields(request).get("do") == does


def test_clickdata_mean_nothing_to_a_form_without_buttons():
    assert FormRequest.from_response(page("<form><input name=a>"), clickdata={"name": "x"}).url.endswith("?a=")


def test_url_method_and_encoding_can_be_replaced():
    request = FormRequest.from_response(page(), formid="login", url="/other", method="GET", callback="after")
    assert request.url.startswith("https://h.test/other?token=t0k&")
    assert request.callback == "after"
    latin = FormRequest.from_response(page("<form method=post><input name=a value=\u00e9>"), encoding="latin1")
    assert (latin.body, latin.encoding) == (b"a=%E9", "windows-1252")
    assert FormRequest.from_response(page("<form method=post><input name=a value=\u00e9>", "cp1252")).body == b"a=%E9"


@pytest.mark.parametrize(
    ("way", "error", "text"),
    [
        ({"formnumber": 3}, IndexError, "there is no form 3 .* it has 3"),
        ({"formxpath": "//table"}, ValueError, "'//table' selects nothing in a form"),
        ({"formxpath": "//input/@name"}, ValueError, "selects nothing in a form"),
        ({"formcss": "p.none"}, ValueError, "'p.none' selects nothing in a form"),
        ({"formid": "login", "clickdata": {"name": "do"}}, ValueError, "several controls match"),
        ({"formid": "login", "clickdata": {"nr": 9}}, ValueError, "no control matches"),
        ({"url": "mailto:x@h.test"}, RequestError, "mailto"),
    ],
)
def test_what_cannot_be_found_is_told(way, error, text):
    with pytest.raises(error, match=text):
        FormRequest.from_response(page(), **way)


def test_a_page_without_forms_says_so():
    with pytest.raises(ValueError, match="there is no form in https:"):
        FormRequest.from_response(page("<p>"))


def test_a_form_of_a_misnested_page_is_found_by_xpath():
    markup = "<table><form id=a action=/1><tr><td><input name=x></form></table><form action=/2><input name=y></form>"
    assert FormRequest.from_response(page(markup), formxpath="//form[2]//input | //input[@name='y']").url.endswith(
        "/2?y="
    )


# -- JSON


def test_json():
    request = JsonRequest("https://h.test/", "after", data={"a": [1, None, "\u00e9"]})
    assert type(request) is Request
    assert (request.method, request.body, request.callback) == ("POST", '{"a":[1,null,"\u00e9"]}'.encode(), "after")
    assert request.headers["Content-Type"] == "application/json"
    assert JsonRequest("https://h.test/", method="put", data=0).body == b"0"
    assert JsonRequest("https://h.test/", headers={"content-type": "a/b"}).method == "GET"
    with pytest.raises(TypeError):
        JsonRequest("https://h.test/", data=object())


# -- what arrives


class Login(Spider):
    name = "login"


async def receive(request):
    post = await request.post()
    found = [
        [name, [value.filename, value.content_type, len(value.file.read())] if hasattr(value, "file") else str(value)]
        for name, value in post.items()
    ]
    return web.json_response({"query": list(request.query.items()), "post": found})


async def answers(*requests):
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receive)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with Fetcher(Settings(fetch=Fetch(allow_private=True))) as fetcher:
            moved = [each.replace(url=origin + each.url.removeprefix("https://h.test")) for each in requests]
            return [json.loads((await fetcher.fetch(each)).body) for each in moved]
    finally:
        await runner.cleanup()


def test_a_server_receives_what_was_filled_in():
    data = {"user": "\u00fcser & co", "password": "a+b=c\n", "stay": None}
    search, login, upload, empty = asyncio.run(
        answers(
            FormRequest.from_response(page(), formdata={"q": "caf\u00e9 #1"}),
            FormRequest.from_response(page(), formid="login", formdata=data),
            FormRequest.from_response(
                page(),
                formid="upload",
                formdata={"file": ('a"\u00e9.txt', b"\r\n--x" * 9, "text/x"), "title": "\u00e9"},
            ),
            FormRequest.from_response(page(), formid="upload"),
        )
    )
    assert search == {"query": [["q", "caf\u00e9 #1"], ["go", ""]], "post": []}
    assert login["post"] == [
        ["token", "t0k"], ["user", "\u00fcser & co"], ["password", "a+b=c\r\n"], ["lang", "de"], ["do", "enter"]
    ]  # fmt: skip
    assert upload["post"] == [["file", ["a%22\u00e9.txt", "text/x", 45]], ["title", "\u00e9"]]
    assert empty["post"][-1] == ["title", ""]
