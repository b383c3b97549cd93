"""Redirects, as browsers follow them."""

import pytest
from multidict import CIMultiDict

from acrawl.errors import FetchError
from acrawl.fetch.redirect import target
from acrawl.request import Request
from acrawl.response import Response

HERE = "https://a.example/dir/page?q=1"


def follow(location, status=302, limit=10, **fields):
    request = Request(fields.pop("url", HERE), **fields)
    headers = CIMultiDict() if location is None else CIMultiDict({"Location": location})
    return target(request, Response(request.url, status=status, headers=headers, request=request), limit)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_statuses_lead_on(status):
    assert follow("/next", status).url == "https://a.example/next"


@pytest.mark.parametrize("status", [200, 201, 300, 304, 305, 306, 404, 503])
def test_other_statuses_do_not(status):
    assert follow("/next", status) is None


@pytest.mark.parametrize("location", [None, ""])
def test_without_location_it_is_an_answer(location):
    assert follow(location) is None


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("next", "https://a.example/dir/next"),
        ("?p=2", "https://a.example/dir/page?p=2"),
        ("../up", "https://a.example/up"),
        ("//b.example", "https://b.example/"),
        ("http://b.example:80/x#frag", "http://b.example/x"),
        ("HTTPS:other", "https://a.example/dir/other"),
        ("\\\\b.example\\x", "https://b.example/x"),
        (" /spaces in it ", "https://a.example/spaces%20in%20it"),
        ("/ü", "https://a.example/%C3%BC"),
        ("/%zz%41", "https://a.example/%zz%41"),
        (b"/caf\xe9?\xfc".decode("utf-8", "surrogateescape"), "https://a.example/caf%E9?%FC"),
        (b"/100%/\xe9".decode("utf-8", "surrogateescape"), "https://a.example/100%/%E9"),
    ],
)
def test_locations_are_read_as_browsers_read_them(location, url):
    assert follow(location).url == url


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd",
        "ftp://a.example/",
        "javascript:alert(1)",
        "data:,x",
        "http://",
        "http://a b/",
        "/" + "x" * 9000,
    ],
)
def test_targets_that_must_not_be_requested_are_refused(location):
    with pytest.raises(FetchError) as caught:
        follow(location)
    assert caught.value.reason == "redirect-refused"
    assert location[:100] in caught.value.detail


def test_what_belongs_to_the_user_is_kept_and_hops_grow():
    fields = {"meta": {"a": 1}, "cb_kwargs": {"b": 2}, "priority": 5, "depth": 3, "save": True, "callback": "parse_it"}
    fields |= {"errback": "oops", "referrer": "https://a.example/", "dont_filter": True, "flags": ["x"]}
    found = follow("/next", hops=4, not_before=99.0, **fields)
    assert {name: getattr(found, name) for name in fields} == fields
    assert (found.hops, found.not_before) == (5, 0.0)


def test_a_chain_ends_at_the_limit():
    assert follow("/next", hops=9, limit=10).hops == 10
    for hops, limit in ((10, 10), (0, 0)):
        with pytest.raises(FetchError) as caught:
            follow("/next", hops=hops, limit=limit)
        assert caught.value.reason == "too-many-redirects"


@pytest.mark.parametrize(
    ("status", "method", "becomes"),
    [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "POST", "GET"),
        (303, "PUT", "GET"),
        (303, "HEAD", "HEAD"),
        (301, "PUT", "PUT"),
        (302, "HEAD", "HEAD"),
        (307, "POST", "POST"),
        (308, "POST", "POST"),
    ],
)
def test_methods_change_as_in_browsers(status, method, becomes):
    headers = {"content-type": "text/plain", "X-Own": "1"}
    found = follow("/next", status, method=method, body=b"x", headers=headers)
    assert found.method == becomes
    kept = becomes == method
    assert found.body == (b"x" if kept else b"")
    assert found.headers == (headers if kept else {"X-Own": "1"})


SECRETS = {"authorization": "Basic x", "Cookie": "a=b", "Host": "a.example", "X-Own": "1"}


@pytest.mark.parametrize("location", ["/next", "https://a.example:443/next"])
def test_credentials_stay_within_their_origin(location):
    found = follow(location, headers=SECRETS, cookies={"sid": "1"})
    assert (found.headers, found.cookies) == (SECRETS, {"sid": "1"})


@pytest.mark.parametrize(
    "location", ["https://b.example/", "https://a.example:8443/", "http://a.example/", "https://sub.a.example/"]
)
def test_credentials_do_not_leave_their_origin(location):
    found = follow(location, headers=SECRETS, cookies={"sid": "1"})
    assert (found.headers, found.cookies) == ({"X-Own": "1"}, {})


def test_the_step_from_http_to_https_keeps_them():
    found = follow("https://a.example/", url="http://a.example/", headers=SECRETS, cookies={"sid": "1"})
    assert (found.headers, found.cookies) == (SECRETS, {"sid": "1"})
    found = follow("https://a.example:8443/", url="http://a.example/", cookies={"sid": "1"})
    assert found.cookies == {}
