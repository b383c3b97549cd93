"""The stage ``cookies`` on real sockets, and the copies of jars that a worker holds."""

import asyncio
import contextlib
import socket

import pytest
from aiohttp.abc import AbstractResolver
from multidict import CIMultiDict

from acrawl.cookie import Cookie, JarCopy
from acrawl.fetch import Fetcher
from acrawl.fetch.base import Exchange, Send
from acrawl.fetch.cookies import CookieStage, Jars
from acrawl.request import Request
from acrawl.response import Response
from acrawl.settings import Cookies, Fetch, Scope, Settings
from acrawl.testing import ManualClock
from fetch.serving import Server, failure
from server import raw_server

HOST = "http://www.example.com"


def answer(*cookies, status="200 OK", location=""):
    lines = [f"HTTP/1.1 {status}", "Content-Length: 0", *(f"Set-Cookie: {cookie}" for cookie in cookies)]
    if location:
        lines.append(f"Location: {location}")
    return "\r\n".join([*lines, "\r\n"]).encode()


class Loopback(AbstractResolver):
    """Every name is the test's server."""

    def __init__(self, address):
        self._port = int(address.partition(":")[2])

    async def resolve(self, host, port=0, family=socket.AF_INET):
        found = {"hostname": host, "host": "127.0.0.1", "port": self._port, "family": socket.AF_INET}
        return [{**found, "proto": 0, "flags": 0}]

    async def close(self):
        pass


@contextlib.asynccontextmanager
async def fetching(*answers, scope="host", cookies=None, fetch=None, **more):
    """A fetcher for which every name is a server that gives these answers, and that server."""
    server = Server(*answers)
    settings = Settings(
        fetch=Fetch(allow_private=True, **fetch or {}), scope=Scope(within=scope), cookies=Cookies(**(cookies or {}))
    )
    async with raw_server(server) as address, Fetcher(settings, resolver=Loopback(address), **more) as fetcher:
        yield fetcher, server


def sent(server):
    """The Cookie headers of all requests so far."""
    heads = [head.decode().split("\r\n") for head in server.heads]
    return [[line.removeprefix("Cookie: ") for line in head if line.startswith("Cookie: ")] for head in heads]


@pytest.mark.asyncio
async def test_each_set_cookie_header_is_a_cookie_and_all_come_back_in_order():
    async with fetching(answer("a=1; Path=/", "b=x, y; Path=/deep", "c=3"), answer()) as (fetcher, server):
        exchange = Exchange()
        await fetcher.fetch(Request(f"{HOST}/deep/"), exchange)
        (change,) = exchange.cookies
        assert (change.site, change.key) == ("example.com", "")
        assert [(cookie.name, cookie.value) for cookie in change.cookies] == [("a", "1"), ("b", "x, y"), ("c", "3")]
        response = await fetcher.fetch(Request(f"{HOST}/deep/page"))
        await fetcher.fetch(Request(f"{HOST}/"))
        assert sent(server) == [[], ["b=x, y; c=3; a=1"], ["a=1"]]
        assert response.request.headers == {}  # what the callback sees is what the spider asked for


@pytest.mark.asyncio
async def test_cookies_go_to_their_domain_only():
    theirs = answer("sub=1; Domain=example.com", "evil=1; Domain=example.org", "all=1; Domain=com", "own=1")
    async with fetching(theirs, answer()) as (fetcher, server):
        await fetcher.fetch(Request(f"{HOST}/"))
        for url in ("http://shop.example.com/", "http://example.org/", "http://other.com/", f"{HOST}/"):
            await fetcher.fetch(Request(url))
        assert sent(server) == [[], ["sub=1"], [], [], ["sub=1; own=1"]]


@pytest.mark.asyncio
@pytest.mark.parametrize("suffix", ["co.uk", "github.io"])
async def test_a_cookie_for_a_public_suffix_is_refused(suffix):
    async with fetching(answer(f"super=1; Domain={suffix}", f"super=2; Domain=.{suffix}"), answer()) as found:
        fetcher, server = found
        exchange = Exchange()
        await fetcher.fetch(Request(f"http://evil.{suffix}/"), exchange)
        await fetcher.fetch(Request(f"http://evil.{suffix}/"))
        await fetcher.fetch(Request(f"http://good.{suffix}/"))
        assert (exchange.cookies, sent(server)) == ([], [[], [], []])


@pytest.mark.asyncio
async def test_each_key_is_a_session_of_its_own():
    async with fetching(answer("sid=anna"), answer("sid=bert"), answer("sid=nobody"), answer()) as (fetcher, server):
        for key in ("anna", 0, ""):
            await fetcher.fetch(Request(f"{HOST}/", cookiejar=key))
        for key in ("anna", "0", ""):
            await fetcher.fetch(Request(f"{HOST}/", cookiejar=key))
        assert sent(server)[3:] == [["sid=anna"], ["sid=bert"], ["sid=nobody"]]


@pytest.mark.asyncio
async def test_the_requests_own_cookies_win_and_are_remembered():
    async with fetching(answer("sid=theirs", "lang=en"), answer()) as (fetcher, server):
        await fetcher.fetch(Request(f"{HOST}/"))
        exchange = Exchange()
        await fetcher.fetch(Request(f"{HOST}/a", cookies={"sid": "mine", "n": 5}), exchange)
        await fetcher.fetch(Request(f"{HOST}/b"))
        assert sent(server)[1:] == [["lang=en; sid=mine; n=5"], ["lang=en; sid=mine; n=5"]]
        assert [cookie.name for cookie in exchange.cookies[0].cookies] == ["sid", "n"]


@pytest.mark.asyncio
async def test_a_cookie_header_of_the_requests_own_is_all_that_is_sent():
    async with fetching(answer("sid=theirs"), answer("new=1"), answer()) as (fetcher, server):
        await fetcher.fetch(Request(f"{HOST}/"))
        await fetcher.fetch(Request(f"{HOST}/", headers={"cookie": "mine=1"}))
        await fetcher.fetch(Request(f"{HOST}/"))
        assert [head.decode().lower().count("cookie:") for head in server.heads] == [0, 1, 1]
        assert b"cookie: mine=1\r\n" in server.heads[1]
        assert sent(server)[2] == ["sid=theirs; new=1"]


@pytest.mark.asyncio
async def test_a_request_may_stay_out_of_all_jars():
    async with fetching(answer("sid=1"), answer("other=1"), answer()) as (fetcher, server):
        await fetcher.fetch(Request(f"{HOST}/"))
        exchange = Exchange()
        await fetcher.fetch(Request(f"{HOST}/", cookies={"own": "1"}, dont_merge_cookies=True), exchange)
        await fetcher.fetch(Request(f"{HOST}/"))
        assert (sent(server)[1:], exchange.cookies) == ([["own=1"], ["sid=1"]], [])


@pytest.mark.asyncio
async def test_robots_txt_neither_gets_cookies_nor_sets_any():
    async with fetching(answer("sid=1"), answer("robot=1"), answer()) as (fetcher, server):
        await fetcher.fetch(Request(f"{HOST}/"))
        await fetcher.fetch_robots(f"{HOST}/robots.txt")
        await fetcher.fetch(Request(f"{HOST}/"))
        assert sent(server) == [[], [], ["sid=1"]]


@pytest.mark.asyncio
async def test_after_a_redirect_the_jar_decides():
    login = answer("sid=new", "old=; Max-Age=0", status="302 Found", location="/in")
    async with fetching(login, answer()) as (fetcher, server):
        form = Request(f"{HOST}/login", method="POST", body=b"x", cookies={"sid": "mine", "old": "1"}, cookiejar="k")
        response = await fetcher.fetch(form)
        following = response.following
        assert (following.cookies, following.headers, following.cookiejar) == ({}, {}, "k")
        await fetcher.fetch(following)
        assert sent(server) == [["sid=mine; old=1"], ["sid=new"]]


@pytest.mark.asyncio
async def test_a_redirect_to_another_site_takes_no_cookies_along():
    away = answer("sid=new", status="307 Temporary Redirect", location="http://example.org/")
    async with fetching(away, answer()) as (fetcher, server):
        response = await fetcher.fetch(Request(f"{HOST}/", cookies={"mine": "1"}))
        await fetcher.fetch(response.following)
        assert sent(server) == [["mine=1"], []]


@pytest.mark.asyncio
async def test_a_stage_that_asks_somebody_else_gives_no_cookies_away():
    async def elsewhere(request, send):
        await send(request)
        await send(request.replace(url="http://other.example/"))
        return await send(request.replace(url="http://other.example/", headers={"Cookie": "its=own"}))

    fetch = {"stages": ("guard", "cookies", "spider", "body", "decode", "transport")}
    async with fetching(answer(), fetch=fetch, own=[elsewhere]) as (fetcher, server):
        await fetcher.fetch(Request(f"{HOST}/", cookies={"a": "secret"}))
    assert sent(server) == [["a=secret"], [], ["its=own"]]


@pytest.mark.asyncio
async def test_thousands_of_cookies_are_cut_to_a_hundred():
    many = [answer(*(f"c{n}={n}" for n in range(first, first + 50))) for first in range(0, 3000, 50)]
    async with fetching(*many, answer()) as (fetcher, server):
        told = []
        for _ in many:
            exchange = Exchange()
            await fetcher.fetch(Request(f"{HOST}/"), exchange)
            told += [len(change.cookies) for change in exchange.cookies]
        assert told == [50] * 60
        await fetcher.fetch(Request(f"{HOST}/"))
        assert sent(server)[-1] == ["; ".join(f"c{n}={n}" for n in range(2900, 3000))]


@pytest.mark.asyncio
@pytest.mark.parametrize(("scope", "enabled", "kept"), [
    ("host", "auto", True), ("any", "auto", False), ("any", True, True), ("host", False, False),
])  # fmt: skip
async def test_a_broad_crawl_has_no_cookies_unless_it_is_told_to(scope, enabled, kept):
    async with fetching(answer("a=1"), answer(), scope=scope, cookies={"enabled": enabled}) as (fetcher, server):
        await fetcher.fetch(Request(f"{HOST}/"))
        await fetcher.fetch(Request(f"{HOST}/"))
        assert sent(server)[1] == (["a=1"] if kept else [])


# -- copies of the job's jars


class Job:
    """What the frontier knows of one jar; ``gate`` holds its answers back."""

    def __init__(self) -> None:
        self.version = 0
        self.cookies = {}
        self.asked = 0
        self.gate = asyncio.Event()
        self.gate.set()

    def set(self, **values):
        self.version += 1
        self.cookies |= values

    async def __call__(self, site, key):
        self.asked += 1
        copy = JarCopy(self.version, [Cookie(name, value, "a.test") for name, value in self.cookies.items()])
        await self.gate.wait()
        return copy


class Worker:
    """Fetches one page again and again, from a server of which only the cookies matter."""

    def __init__(self, job) -> None:
        clock = ManualClock()
        self.jars = Jars(Cookies(), clock, job)
        self._stage = CookieStage(self.jars, clock)

    async def __call__(self, version, *sets):
        """What was sent under a ticket of this version, and what has to be reported of an answer with ``sets``."""
        said = []

        async def server(request, _):
            said.append(request.headers.get("Cookie", ""))
            return Response(request.url, headers=CIMultiDict(("Set-Cookie", line) for line in sets))

        exchange = Exchange(jars=version)
        await self._stage(Request("http://a.test/"), Send([server], 0, exchange))
        return said[0], exchange.cookies


@pytest.mark.asyncio
async def test_a_site_without_cookies_is_not_asked_for_and_each_version_once():
    job = Job()
    fetch = Worker(job)
    assert await fetch(0) == ("", [])
    assert job.asked == 0
    job.set(sid="1")
    assert [(await fetch(1))[0] for _ in range(3)] == ["sid=1"] * 3
    assert job.asked == 1
    job.set(sid="2")
    assert (await fetch(1))[0] == "sid=1"
    assert (await fetch(2))[0] == "sid=2"
    assert job.asked == 2


@pytest.mark.asyncio
async def test_many_who_need_the_same_jar_ask_once():
    job = Job()
    job.set(sid="1")
    job.gate.clear()
    fetch = Worker(job)
    all_of_them = [asyncio.create_task(fetch(1)) for _ in range(10)]
    await asyncio.sleep(0)
    all_of_them[0].cancel()  # the one that asks: the next one does
    job.gate.set()
    done = await asyncio.gather(*all_of_them[1:])
    assert [said for said, _ in done] == ["sid=1"] * 9
    assert job.asked == 2


@pytest.mark.asyncio
async def test_what_an_answer_sets_holds_at_once_until_the_job_has_a_later_word():
    job = Job()
    fetch = Worker(job)
    _, reported = await fetch(0, "mine=1")
    assert [change.cookies[0].value for change in reported] == ["1"]
    assert (await fetch(0))[0] == "mine=1"
    job.set(theirs="1")  # before our report has arrived
    assert (await fetch(1))[0] == "theirs=1; mine=1"
    job.set(mine="later")
    assert (await fetch(2))[0] == "theirs=1; mine=later"


@pytest.mark.asyncio
async def test_what_the_job_does_not_have_is_reported_again():
    job = Job()
    fetch = Worker(job)
    for _ in range(2):  # the first report may never arrive
        assert [change.cookies[0].value for change in (await fetch(0, "a=1"))[1]] == ["1"]
    job.set(a="1")
    assert await fetch(1, "a=1") == ("a=1", [])


@pytest.mark.asyncio
async def test_only_so_many_copies_are_kept():
    job = Job()
    jars = Jars(Cookies(), ManualClock(), job)
    job.set(sid="1")
    for n in range(3000):
        await jars.get("a.test", str(n), 1)
    assert len(jars) == 1000
    await jars.get("a.test", "2999", 1)
    assert job.asked == 3000
    await jars.get("a.test", "0", 1)
    assert job.asked == 3001


@pytest.mark.asyncio
@pytest.mark.parametrize("cookie", ["a\r\nX-Evil: 1", "a\nb", "a\0"])
async def test_what_cannot_be_a_cookie_is_sent_to_nobody_and_kept_nowhere(cookie):
    async with fetching(answer()) as (fetcher, server):
        exchange = Exchange()
        failed = await failure(fetcher.fetch(Request(f"{HOST}/", cookies={"sid": cookie}), exchange))
        assert (failed.reason, exchange.cookies, server.heads) == ("malformed", [], [])
