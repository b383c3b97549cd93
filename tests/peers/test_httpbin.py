"""httpbin behind gunicorn: what a client may ask for, one endpoint after the other."""

from __future__ import annotations

import json

import pytest
import pytest_asyncio

from acrawl import FormRequest, JsonRequest
from acrawl.errors import FetchError
from acrawl.parse.image import probe
from peers.asking import Asking
from peers.programs import httpbin


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    with httpbin(tmp_path_factory.mktemp("httpbin")) as origin:
        yield origin


@pytest_asyncio.fixture
async def ask(origin):
    async with Asking(origin, max_redirects=5) as asking:
        yield asking


@pytest.mark.asyncio
@pytest.mark.parametrize(("path", "word"), [("/gzip", "gzipped"), ("/deflate", "deflated"), ("/brotli", "brotli")])
async def test_codings(ask, path, word):
    assert (await ask(path)).json()[word] is True


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", ["redirect", "relative-redirect", "absolute-redirect"])
async def test_chains_of_redirects(ask, kind):
    response = await ask.followed(f"/{kind}/4")
    assert (response.status, response.url, response.request.hops) == (200, ask.origin + "/get", 4)
    with pytest.raises(FetchError) as caught:
        await ask.followed(f"/{kind}/7")
    assert caught.value.reason == "too-many-redirects"


@pytest.mark.asyncio
@pytest.mark.parametrize(("status", "method"), [(301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")])
async def test_each_redirect_of_a_post_keeps_or_drops_its_body_as_browsers_do(ask, status, method):
    path = f"/redirect-to?url=/anything&status_code={status}"
    echo = (await ask.followed(path, method="POST", body=b"a=b")).json()
    assert (echo["method"], echo["data"]) == (method, "a=b" if method == "POST" else "")


@pytest.mark.asyncio
async def test_a_redirect_that_leads_to_no_web_page_is_refused(ask):
    assert await ask.word("/redirect-to?url=file:///etc/passwd") == "redirect-refused"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "status", [200, 204, 206, 300, 304, 400, 401, 403, 404, 410, 418, 429, 451, 500, 502, 503, 504]
)
async def test_each_status_has_its_word(ask, status):
    response = await ask(f"/status/{status}")
    assert response.status == status
    assert await ask.word(f"/status/{status}") == ("ok" if status < 400 else f"http-{status}")


@pytest.mark.asyncio
async def test_delays(origin):
    async with Asking(origin, idle_timeout=0.3) as ask:
        assert await ask.word("/delay/2") == "timeout"
        assert await ask.word("/drip?duration=4&numbytes=2&delay=0") == "timeout"
        dripped = await ask("/drip?duration=1&numbytes=20&delay=0")
        assert (dripped.status, len(dripped.body)) == (200, 20)
    async with Asking(origin, total_timeout=1) as ask:
        assert await ask.word("/drip?duration=9&numbytes=100&delay=0") == "timeout"


@pytest.mark.asyncio
async def test_streams(ask):
    assert len((await ask("/stream-bytes/100000?seed=1&chunk_size=777")).body) == 100_000
    assert (await ask("/bytes/1000?seed=1")).body == (await ask("/bytes/1000?seed=1")).body
    lines = (await ask("/stream/20")).body.splitlines()
    assert [json.loads(line)["id"] for line in lines] == list(range(20))


@pytest.mark.asyncio
async def test_ranges(ask):
    whole = await ask("/range/1024")
    assert len(whole.body) == 1024
    part = await ask("/range/1024", headers={"Range": "bytes=100-199"})
    assert (part.status, part.body, part.headers["Content-Range"]) == (206, whole.body[100:200], "bytes 100-199/1024")
    assert await ask.word("/range/1024", headers={"Range": "bytes=2000-"}) == "http-416"


@pytest.mark.asyncio
async def test_what_is_cached(ask):
    assert (await ask("/etag/one", headers={"If-None-Match": '"one"'})).status == 304
    assert (await ask("/etag/one", headers={"If-None-Match": '"two"'})).status == 200
    assert (await ask("/cache", headers={"If-Modified-Since": "Wed, 01 Jan 2020 00:00:00 GMT"})).status == 304


@pytest.mark.asyncio
@pytest.mark.parametrize("path", ["/basic-auth/me/secret", "/digest-auth/auth/me/secret", "/bearer"])
async def test_who_says_nothing_of_himself_is_turned_away(ask, path):
    assert await ask.word(path) == "http-401"
    assert "WWW-Authenticate" in (await ask(path)).headers


@pytest.mark.asyncio
async def test_cookies(ask):
    assert (await ask("/cookies", cookies={"a": "b", "c": "d"})).json() == {"cookies": {"a": "b", "c": "d"}}
    response = await ask("/cookies/set?tea=green")
    assert response.following.url == ask.origin + "/cookies"
    assert response.headers["Set-Cookie"].startswith("tea=green")


@pytest.mark.asyncio
async def test_headers_both_ways(ask):
    response = await ask("/response-headers?X-One=1&X-One=2&X-Two=a%20b")
    assert response.headers.getall("X-One") == ["1", "2"]
    assert response.headers["X-Two"] == "a b"
    sent = (await ask("/headers", headers={"X-Own": "yes"})).json()["headers"]
    assert (sent["Host"], sent["X-Own"]) == (ask.origin.removeprefix("http://"), "yes")
    assert (await ask("/user-agent")).json()["user-agent"].startswith("acrawl/")


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "svg"])
async def test_images(ask, kind):
    response = await ask(f"/image/{kind}")
    assert response.content_type.startswith(f"image/{kind}")
    assert probe(response.body)[0] in {f"image/{kind}", "image/svg+xml"}


@pytest.mark.asyncio
async def test_pages(ask):
    assert "\N{FOR ALL}x\N{ELEMENT OF}\N{DOUBLE-STRUCK CAPITAL R}" in (await ask("/encoding/utf8")).text
    assert "Herman Melville" in (await ask("/html")).css("h1::text").get()
    assert (await ask("/xml")).content_type == "application/xml"
    page = await ask("/links/10/0")
    assert len({link.url for link in page.links()}) == 9


@pytest.mark.asyncio
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_methods(ask, method):
    echo = (await ask("/anything/x?a=1", method=method, body=b"" if method == "GET" else b"{}")).json()
    assert (echo["method"], echo["args"], echo["data"]) == (method, {"a": "1"}, "" if method == "GET" else "{}")
    assert await ask.word("/get", method="POST") == "http-405"


@pytest.mark.asyncio
async def test_robots(ask):
    answer = await ask.fetcher.fetch_robots(ask.origin + "/robots.txt", opened=True)
    assert answer.rules is not None
    assert not answer.rules.allowed(ask.origin + "/deny")
    assert answer.rules.allowed(ask.origin + "/html")


@pytest.mark.asyncio
async def test_its_order_form_arrives_as_it_was_filled_in(ask):
    page = await ask("/forms/post")
    data = {"custname": "\u00c5se & co", "topping": ["bacon", "onion"], "comments": "a\nb", "size": "large"}
    echo = (await ask.send(FormRequest.from_response(page, formdata=data))).json()
    assert echo["form"] == {
        "custname": "\u00c5se & co",
        "custtel": "",
        "custemail": "",
        "size": "large",
        "topping": ["bacon", "onion"],
        "delivery": "",
        "comments": "a\r\nb",
    }


@pytest.mark.asyncio
async def test_uploads_and_json_arrive(ask):
    data = {"a": ["1", "\u00e9"], "f": ("n.txt", b"bytes\r\n--", "text/plain")}
    echo = (await ask.send(FormRequest(ask.origin + "/post", formdata=data))).json()
    assert (echo["form"], echo["files"]) == ({"a": ["1", "\u00e9"]}, {"f": "bytes\r\n--"})
    echo = (await ask.send(FormRequest(ask.origin + "/get?x=1", formdata={"q": "t\u00e9 +"}, method="GET"))).json()
    assert echo["args"] == {"q": "t\u00e9 +"}
    assert (await ask.send(JsonRequest(ask.origin + "/post", data={"a": [1]}))).json()["json"] == {"a": [1]}
