"""The stage ``cache`` against a real server: when nothing is sent, when it is asked, and whose answer it is."""

import asyncio
import gzip
import time

import pytest

from acrawl.errors import FetchError, FolderProblem
from acrawl.fetch import Fetcher
from acrawl.fetch.base import Exchange
from acrawl.request import Request
from acrawl.results.files.folder import FolderStore, object_path
from acrawl.settings import Auth, Cache, Cookies, Fetch, Settings
from fetch.serving import Server, failure
from fetch.test_auth import Guarded
from server import png, raw_server

PAST = "Sun, 06 Nov 1994 08:49:37 GMT"


class Watch:
    """A clock that is set by hand; slow at first, so that no answer is old when it comes."""

    def __init__(self):
        self.at = time.time() - 100

    def now(self):
        return self.at

    def time(self):
        return self.at

    async def sleep(self, seconds):
        await asyncio.sleep(seconds)


@pytest.fixture
def watch():
    return Watch()


@pytest.fixture
def caching(tmp_path, watch):
    """Make a fetcher whose cache is the test's; ``caching("http")``."""

    def make(mode, **more):
        cache = Cache(mode=mode, folder=str(tmp_path / "cache"), **more)
        settings = Settings(cache=cache, fetch=Fetch(allow_private=True), cookies=Cookies(enabled=False))
        return Fetcher(settings, clock=watch)

    return make


async def get(fetcher, url, exchange=None, **fields):
    return await fetcher.fetch(Request(url, **fields), exchange)


# -- mode http ----------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_while_it_is_fresh_nothing_is_sent(site, caching, watch):
    url = site.add("/a", "body", cache_control="max-age=60", x_tag="1")
    async with caching("http") as fetcher:
        first = await get(fetcher, url)
    watch.at += 59
    async with caching("http") as fetcher:  # another worker, later
        exchange = Exchange()
        second = await get(fetcher, url, exchange)
        watch.at += 1
        third = await get(fetcher, url)
    assert [first.cached, second.cached, third.cached] == ["", "hit", ""]
    assert (second.status, second.body, second.headers["X-Tag"], second.headers["Age"]) == (200, b"body", "1", "59")
    assert exchange.untouched
    assert site.hits["/a"] == 2


@pytest.mark.asyncio
async def test_a_challenge_that_was_sent_is_not_forgotten_for_the_stored_answer_behind_it(tmp_path):
    server = Guarded(info="Cache-Control: max-age=60\r\n")
    async with raw_server(server) as address:
        settings = Settings(
            cache=Cache(mode="http", folder=str(tmp_path)),
            fetch=Fetch(allow_private=True),
            auth=Auth(hosts={f"http://{address}": "digest user:password"}),
        )
        exchanges = [Exchange(), Exchange()]
        for exchange in exchanges:  # the second worker does not know yet what its server wants
            async with Fetcher(settings) as fetcher:
                response = await get(fetcher, f"http://{address}/", exchange)
    assert (response.status, response.cached, len(server.told)) == (200, "hit", 3)
    assert [exchange.untouched for exchange in exchanges] == [False, False]


@pytest.mark.asyncio
async def test_a_stale_answer_that_holds_is_not_sent_again(site, caching, watch):
    url = site.add("/a", "body", etag='"1"', cache_control="max-age=60")
    async with caching("http") as fetcher:
        await get(fetcher, url)
        watch.at += 61
        site.add("/a", "ignored", etag='"1"', cache_control="max-age=600", x_news="yes")
        exchange = Exchange()
        second = await get(fetcher, url, exchange, meta={"mine": 1})
        watch.at += 599
        third = await get(fetcher, url)
    assert site.seen[1][2]["If-None-Match"] == '"1"'
    assert (second.cached, second.status, second.body, second.meta) == ("revalidated", 200, b"body", {"mine": 1})
    assert second.request.headers == {}
    assert second.ip_address == "127.0.0.1"
    assert not exchange.untouched
    assert (third.cached, third.headers["X-News"]) == ("hit", "yes")


@pytest.mark.asyncio
async def test_a_changed_answer_replaces_the_stored_one(site, caching, watch):
    url = site.add("/a", "old", etag='"1"')
    async with caching("http") as fetcher:
        await get(fetcher, url)
        site.add("/a", "new", etag='"2"')
        second = await get(fetcher, url)
        third = await get(fetcher, url)
    assert [(r.cached, r.body) for r in (second, third)] == [("", b"new"), ("revalidated", b"new")]
    assert site.seen[2][2]["If-None-Match"] == '"2"'
    assert second.request.headers == {}


@pytest.mark.asyncio
async def test_a_date_serves_where_there_is_no_tag(caching):
    server = Server(
        b"HTTP/1.1 200 OK\r\nLast-Modified: "
        + PAST.encode()
        + b"\r\nCache-Control: no-cache\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 304 Not Modified\r\n\r\n",
    )
    async with raw_server(server) as address, caching("http") as fetcher:
        await get(fetcher, f"http://{address}/")
        second = await get(fetcher, f"http://{address}/")
    assert b"If-Modified-Since: " + PAST.encode() in server.heads[1]
    assert (second.cached, second.body) == ("revalidated", b"ok")


@pytest.mark.asyncio
async def test_what_forbids_it_is_not_stored_and_takes_the_old_answer_with_it(site, caching, tmp_path):
    url = site.add("/a", "1", etag='"1"')
    async with caching("http") as fetcher:
        await get(fetcher, url)
        site.add("/a", "2", etag='"2"', cache_control="no-store")
        await get(fetcher, url)
        await get(fetcher, url)
    assert ["If-None-Match" in headers for _, _, headers in site.seen] == [False, True, False]
    assert not [file for file in (tmp_path / "cache").rglob("*-*") if file.is_file()]


@pytest.mark.asyncio
async def test_a_coded_body_is_stored_decoded_and_says_so(site, caching):
    url = site.add("/a", gzip.compress(b"plain"), content_encoding="gzip", cache_control="max-age=60")
    async with caching("http") as fetcher:
        await get(fetcher, url)
        second = await get(fetcher, url)
    assert second.body == b"plain"
    assert "Content-Encoding" not in second.headers
    assert second.headers["Content-Length"] == "5"


@pytest.mark.asyncio
async def test_a_head_is_answered_from_a_stored_get_but_never_the_other_way_round(site, caching):
    url = site.add("/a", "body", cache_control="max-age=60")
    async with caching("http") as fetcher:
        await get(fetcher, url, method="HEAD")
        await get(fetcher, url)
        head = await get(fetcher, url, method="HEAD")
    assert [line.split()[0] for _, line, _ in site.seen] == ["HEAD", "GET"]
    assert (head.cached, head.body, head.headers["Content-Length"]) == ("hit", b"", "4")


@pytest.mark.asyncio
async def test_a_stored_redirect_leads_on(site, caching):
    url = site.add("/a", "", status=301, location="/b", cache_control="max-age=60")
    async with caching("http") as fetcher:
        await get(fetcher, url)
        second = await get(fetcher, url)
    assert second.cached == "hit"
    assert second.following.url == site.url("/b")


@pytest.mark.asyncio
async def test_other_users_never_get_an_answer_that_was_not_checked_for_them(site, caching):
    url = site.add("/a", "for one", cache_control="max-age=60", etag='"1"')
    mine, others = {"cookies": {"user": "me"}}, {"cookies": {"user": "you"}}
    async with caching("http") as fetcher:
        await get(fetcher, url, **mine)
        assert (await get(fetcher, url, **mine)).cached == "hit"
        site.add("/a", "for the other", cache_control="max-age=60", etag='"2"')
        assert (await get(fetcher, url, **others)).body == b"for the other"
        site.add("/b", "for both", cache_control="max-age=60", etag='"3"')
        await get(fetcher, site.url("/b"), **mine)
        assert (await get(fetcher, site.url("/b"), **others)).cached == "revalidated"
        assert (await get(fetcher, url, headers={"Authorization": "Basic x"})).cached == ""
    assert "If-None-Match" not in site.seen[-1][2]


@pytest.mark.asyncio
async def test_a_date_says_nothing_about_what_another_user_gets(site, caching):
    url = site.add("/a", "for one", last_modified=PAST)
    async with caching("http") as fetcher:
        await get(fetcher, url, cookies={"user": "me"})
        await get(fetcher, url, cookies={"user": "you"})
    assert "If-Modified-Since" not in site.seen[1][2]


@pytest.mark.asyncio
async def test_cookies_that_do_not_count_may_differ(site, caching):
    url = site.add("/a", "same", cache_control="max-age=60")
    async with caching("http") as fetcher:
        await get(fetcher, url, cookies={"visit": "1"})
    async with caching("http", match_cookies=False) as fetcher:
        assert (await get(fetcher, url, cookies={"visit": "2"})).cached == "hit"


@pytest.mark.asyncio
async def test_a_cookie_of_then_does_not_come_back(site, caching):
    url = site.add("/a", "body", cache_control="max-age=60", set_cookie="session=old")
    async with caching("http") as fetcher:
        assert "Set-Cookie" in (await get(fetcher, url)).headers
        assert "Set-Cookie" not in (await get(fetcher, url)).headers


@pytest.mark.asyncio
async def test_an_answer_varies_by_what_it_says(site, caching):
    url = site.add("/a", "body", cache_control="max-age=60", vary="Accept-Language, Accept-Encoding")
    async with caching("http") as fetcher:
        await get(fetcher, url)
        assert (await get(fetcher, url, headers={"X": "1"})).cached == "hit"
        assert (await get(fetcher, url, headers={"accept-language": "fr"})).cached == ""


@pytest.mark.asyncio
async def test_what_changes_a_resource_makes_its_stored_answers_invalid(site, caching):
    headers = {"cache_control": "max-age=60"}
    url, other = site.add("/a", "a", **headers), site.add("/b", "b", content_location="/b", **headers)
    site.add("/form", "done", content_location="/b")
    async with caching("http") as fetcher:
        for user in ("1", "2"):
            await get(fetcher, url, headers={"Authorization": user})
        await get(fetcher, other)
        await get(fetcher, url, method="POST", body=b"x")
        await get(fetcher, site.url("/form"), method="PUT", body=b"x")
        again = [await get(fetcher, url, headers={"Authorization": user}) for user in ("1", "2")]
        again.append(await get(fetcher, other))
    assert [response.cached for response in again] == ["", "", ""]


@pytest.mark.asyncio
@pytest.mark.parametrize("header", ["Range", "If-None-Match"])
async def test_a_request_with_conditions_of_its_own_goes_by(site, caching, header):
    url = site.add("/a", "body", cache_control="max-age=60")
    async with caching("http") as fetcher:
        await get(fetcher, url)
        assert (await get(fetcher, url, headers={header: '"x"'})).cached == ""
    assert site.seen[1][2][header] == '"x"'


@pytest.mark.asyncio
async def test_a_robots_txt_is_asked_about_however_long_it_is_fresh(site, caching):
    url = site.add("/robots.txt", "User-agent: *", "text/plain", cache_control="max-age=31536000", etag='"1"')
    async with caching("http") as fetcher:
        assert [(await get(fetcher, url)).cached for _ in range(2)] == ["", "revalidated"]


@pytest.mark.asyncio
async def test_only_if_cached_sends_nothing(site, caching):
    async with caching("http") as fetcher:
        wanted = get(fetcher, site.add("/a", "body"), headers={"Cache-Control": "only-if-cached"})
        assert (await failure(wanted)).reason == "not-cached"
    assert not site.hits


@pytest.mark.asyncio
@pytest.mark.parametrize(("status", "cached"), [(500, "stale"), (503, ""), (404, "")])
async def test_a_server_in_trouble_may_have_let_its_answer_live_on(site, caching, watch, status, cached):
    url = site.add("/a", "body", cache_control="max-age=60, stale-if-error=60", etag='"1"')
    async with caching("http") as fetcher:
        await get(fetcher, url)
        watch.at += 90
        site.add("/a", "trouble", status=status)
        exchange = Exchange()
        second = await get(fetcher, url, exchange)
    assert second.cached == cached
    assert not exchange.untouched


@pytest.mark.asyncio
async def test_a_connection_that_fails_may_be_survived_too(caching, watch):
    async def drop(reader, writer):
        writer.transport.abort()

    server = Server(
        b"HTTP/1.1 200 OK\r\nCache-Control: stale-if-error=60\r\nETag: x\r\nContent-Length: 2\r\n\r\nok", drop
    )
    async with raw_server(server) as address, caching("http") as fetcher:
        await get(fetcher, f"http://{address}/")
        assert (await get(fetcher, f"http://{address}/")).cached == "stale"
        watch.at += 61
        assert (await failure(get(fetcher, f"http://{address}/"))).reason == "reset"


# -- mode keep, mode replay ---------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_keep_uses_whatever_is_stored_and_asks_for_the_rest(site, caching, watch):
    site.add("/form", "found", cache_control="no-store", set_cookie="a=b")
    asks = [{"url": site.url("/form"), "method": "POST", "body": body} for body in (b"q=1", b"q=2")]
    asks += [{"url": site.url("/form")}, {"url": site.url("/missing")}, {"url": site.url("/form"), "method": "HEAD"}]
    async with caching("keep") as fetcher:
        first = [await get(fetcher, **ask) for ask in asks]
        watch.at += 1e9
        exchanges = [Exchange() for _ in asks]
        second = [await get(fetcher, exchange=exchange, **ask) for exchange, ask in zip(exchanges, asks, strict=True)]
    assert all(exchange.untouched for exchange in exchanges)
    assert [response.cached for response in first] == ["", "", "", "", "hit"]
    assert [response.cached for response in second] == ["hit"] * 5
    assert [r.body for r in first] == [r.body for r in second]
    assert second[0].headers["Set-Cookie"] == "a=b"


@pytest.mark.asyncio
async def test_keep_asks_again_after_a_time(site, caching, watch):
    url = site.add("/a", "body")
    async with caching("keep", max_age=60) as fetcher:
        await get(fetcher, url)
        watch.at += 60
        assert (await get(fetcher, url)).cached == "hit"
        watch.at += 1
        assert (await get(fetcher, url)).cached == ""


@pytest.mark.asyncio
async def test_what_will_be_tried_again_is_not_kept(site, caching):
    async with caching("keep", ignore_statuses=(404,)) as fetcher:
        for path in ("/status/503", "/status/500", "/missing"):
            await get(fetcher, site.url(path))
            assert (await get(fetcher, site.url(path))).cached == ""


@pytest.mark.asyncio
async def test_what_is_to_be_ignored_is(site, caching):
    url = site.add("/a", "body")
    for ignored in ({"ignore_hosts": ("127.0.0.1",)}, {"ignore_schemes": ("http",)}):
        async with caching("keep", **ignored) as fetcher:
            await get(fetcher, url)
            assert (await get(fetcher, url)).cached == ""
    async with caching("keep", ignore_hosts=("example.org",), ignore_schemes=("https",), max_entry=3) as fetcher:
        await get(fetcher, url)
        assert (await get(fetcher, url)).cached == "", "too large to be stored"


@pytest.mark.asyncio
async def test_replay_sends_nothing(site, caching):
    url = site.add("/a", "body")
    async with caching("keep") as fetcher:
        await get(fetcher, url, cookies={"visit": "1"})
    hits = site.hits.total()
    async with caching("replay") as fetcher:
        assert (await get(fetcher, url, cookies={"visit": "1"})).body == b"body"
        exchange = Exchange()
        missing = await failure(get(fetcher, site.url("/b"), exchange))
        assert (await get(fetcher, url, cookies={"visit": "2"})).cached == "hit"
        other = await failure(get(fetcher, url, cookiejar="other"))
        conditional = await failure(get(fetcher, url, headers={"Range": "bytes=0-"}))
        rules = await fetcher.fetch_robots(site.url("/robots.txt"))
    assert [error.reason for error in (missing, other, conditional)] == ["not-cached"] * 3
    assert exchange.untouched
    assert rules.reason == "not-cached"
    assert site.hits.total() == hits


@pytest.mark.asyncio
async def test_a_replay_may_come_by_its_pages_in_another_order_than_the_cookies_did(site, tmp_path):
    first, second = site.add("/a", "one", set_cookie="visit=1"), site.add("/b", "two", set_cookie="visit=2")

    async def bodies(mode, *urls):
        cache = Cache(mode=mode, folder=str(tmp_path))
        async with Fetcher(Settings(cache=cache, fetch=Fetch(allow_private=True))) as fetcher:
            return [(await get(fetcher, url)).body for url in urls]

    assert await bodies("keep", first, second) == [b"one", b"two"]
    assert site.seen[1][2]["Cookie"] == "visit=1"
    assert await bodies("replay", second, first) == [b"two", b"one"]


@pytest.mark.asyncio
async def test_there_must_be_something_to_replay(caching):
    with pytest.raises(FolderProblem, match="nothing was recorded"):
        async with caching("replay"):
            pass


@pytest.mark.asyncio
async def test_a_beginning_is_not_taken_for_the_whole(site, caching):
    url = site.url("/bytes/1000")
    async with caching("keep") as fetcher:
        beginning = await get(fetcher, url, Exchange(cut=10))
        assert len((await get(fetcher, url, Exchange(cut=10))).body) == 10
        assert (await get(fetcher, url, Exchange(cut=11))).cached == ""
        assert (await get(fetcher, url)).cached == ""
        shorter = await get(fetcher, url, Exchange(cut=10))
    assert (shorter.cached, shorter.body) == ("hit", beginning.body)


# -- saved files --------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
@pytest.mark.parametrize("mode", ["http", "keep"])
async def test_of_a_saved_file_the_bytes_stay_where_they_are(site, caching, tmp_path, mode):
    url = site.add("/a.png", png(1), "image/png", etag='"1"', content_disposition='attachment; filename="a b.png"')
    store = FolderStore(tmp_path / "files")
    cached = "revalidated" if mode == "http" else "hit"
    async with caching(mode) as fetcher:
        first = await get(fetcher, url, Exchange(sink=store.sink()), save=True)
        second = await get(fetcher, url, Exchange(sink=store.sink()), save=True)
        assert (second.cached, second.file, second.content.is_here) == (cached, first.file, False)
        assert (await get(fetcher, url)).body == png(1), "a page is wanted, and no bytes are stored"
        await get(fetcher, url, Exchange(sink=store.sink()), save=True)
        object_path(tmp_path / "files", first.file.sha256).unlink()
        third = await get(fetcher, url, Exchange(sink=store.sink()), save=True)
        assert third.cached == "", "its bytes are gone, so nothing may be left out"
        assert object_path(tmp_path / "files", first.file.sha256).read_bytes() == png(1)
    assert "If-None-Match" not in site.seen[-1][2]
    store.close()
    entries = [file.read_bytes() for file in (tmp_path / "cache").rglob("*-*") if file.is_file()]
    assert entries
    assert not any(png(1) in entry for entry in entries)


@pytest.mark.asyncio
async def test_another_store_tells_where_the_file_lies_for_it(site, caching, tmp_path):
    url = site.add("/a.png", png(1), "image/png", etag='"1"')
    async with caching("keep") as fetcher:
        for where in ("here", "there"):
            store = FolderStore(tmp_path, where=where)
            answer = await get(fetcher, url, Exchange(sink=store.sink()), save="image/")
            store.close()
            assert answer.file.where == where
    assert answer.cached == "hit"


@pytest.mark.asyncio
async def test_without_a_cache_there_is_no_folder(site, caching, tmp_path):
    async with caching("off") as fetcher:
        await get(fetcher, site.add("/a", "body", cache_control="max-age=60"))
    assert not (tmp_path / "cache").exists()


@pytest.mark.asyncio
async def test_a_folder_that_cannot_be_made_is_said_at_once(caching, tmp_path):
    (tmp_path / "cache").write_text("in the way")
    with pytest.raises(FolderProblem, match=r"cache\.folder"):
        async with caching("http"):
            pass


def test_the_error_names_why():
    assert str(FetchError("not-cached", "nothing is stored for it")) == "not-cached: nothing is stored for it"
