"""The way through a proxy: what it is asked for, whose fault a failure is, and which one is taken next."""

import asyncio
import collections
import re
import sys

import pytest
import uvloop

from acrawl.errors import MissingExtra, RequestError, SettingsError
from acrawl.fetch.proxy import MOST_REST, Pool, proxies
from acrawl.fetch.route import Bypass, Proxy, environment, named
from acrawl.request import Request, seal, unseal
from acrawl.settings import Fetch, Tls
from acrawl.settings import Proxy as Section
from fetch.certificates import Authority
from fetch.naming import Resolver
from fetch.proxying import HttpProxy, SocksProxy
from fetch.serving import OK, Exchanging, Server, failure
from server import Site, pattern, raw_server

#: Names that only the proxies know.
HOSTS = {"a.test": "127.0.0.1", "b.test": "127.0.0.1"}


def going(*urls, fetch=None, tls=None, hosts=None, **settings):
    """A fetcher that takes these proxies; it knows no name but those in ``hosts``."""
    sections = {"proxy": Section(urls=tuple(urls), **settings), "tls": tls or Tls()}
    names = Resolver()
    names.names = hosts or {}
    return Exchanging(fetch or Fetch(connect_timeout=5), sections=sections, stages=("proxy",), resolver=names)


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.mark.asyncio
async def test_plain_http_is_asked_for_by_its_whole_url_and_the_server_sees_nothing_of_the_proxy():
    server, proxy = Server(OK), HttpProxy(login="me:p@ss", hosts=HOSTS)
    async with raw_server(server) as address, proxy.serving():
        port = address.rpartition(":")[2]
        async with going(f"http://me:p%40ss@{proxy.address}") as fetch:
            response = await fetch(Request(f"http://a.test:{port}/x?y"))
    assert (response.body, response.ip_address, response.proxy) == (b"ok", "127.0.0.1", f"http://{proxy.address}")
    assert proxy.heads[0].startswith(f"GET http://a.test:{port}/x?y HTTP/1.1\r\nHost: a.test:{port}\r\n".encode())
    assert b"Proxy-Authorization" not in server.heads[0]
    assert server.heads[0].startswith(b"GET /x?y ")


@pytest.mark.asyncio
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_https_goes_through_a_tunnel(scheme, authority):
    proxy = HttpProxy(login="me:pass", hosts=HOSTS)
    options = {"ssl": authority.server("localhost")} if scheme == "https" else {}
    tls = Tls(ca_file=str(authority.ca_file))
    async with Site(ssl_context=authority.server("a.test")) as site, proxy.serving(**options):
        port = site.origin.rpartition(":")[2]
        url = f"{scheme}://me:pass@localhost:{proxy.address.rpartition(':')[2]}"
        async with going(url, tls=tls, hosts={"localhost": ["127.0.0.1"]}) as fetch:
            for n in (1, 2):
                response = await fetch(Request(f"https://a.test:{port}/page/{n}"))
                assert f"page {n}".encode() in response.body
    assert proxy.asked == [f"a.test:{port}"], "the tunnel is kept"
    assert "Proxy-Authorization" not in site.seen[0][2]
    assert site.seen[0][2]["Host"] == f"a.test:{port}"


@pytest.mark.asyncio
async def test_a_name_with_its_last_dot_has_the_certificate_of_the_one_without(authority):
    proxy, tls = HttpProxy(hosts={"a.test.": "127.0.0.1"}), Tls(ca_file=str(authority.ca_file))
    async with (
        Site(ssl_context=authority.server("a.test")) as site,
        proxy.serving(),
        going(f"http://{proxy.address}", tls=tls) as fetch,
    ):
        url = f"https://a.test.:{site.origin.rpartition(':')[2]}/page/1"
        assert (await fetch(Request(url))).status == 200


def test_tls_goes_through_tls_in_either_event_loop(authority):
    async def tunnelled():
        proxy = HttpProxy(hosts=HOSTS)
        tls = Tls(ca_file=str(authority.ca_file))
        async with (
            Site(ssl_context=authority.server("a.test")) as site,
            proxy.serving(ssl=authority.server("127.0.0.1")),
            going(f"https://{proxy.address}", tls=tls) as fetch,
        ):
            url = f"https://a.test:{site.origin.rpartition(':')[2]}/bytes/300000"
            return (await fetch(Request(url))).body

    assert uvloop.run(tunnelled()) == asyncio.run(tunnelled()) == pattern(300_000)


@pytest.mark.asyncio
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("kind", ["socks5h", "socks5", "socks4"])
async def test_socks_carries_both(kind, scheme, authority):
    proxy = SocksProxy(login="" if kind == "socks4" else "me:pass", hosts=HOSTS)
    context = authority.server("a.test") if scheme == "https" else None
    tls = Tls(ca_file=str(authority.ca_file))
    async with Site(ssl_context=context) as site, proxy.serving():
        port = site.origin.rpartition(":")[2]
        known = {"a.test": ["::1", "127.0.0.1"] if kind == "socks4" else ["127.0.0.1"]}
        fetching = Fetch(allow_private=kind != "socks5h")
        async with going(f"{kind}://me:pass@{proxy.address}", fetch=fetching, tls=tls, hosts=known) as fetch:
            assert b"page 1" in (await fetch(Request(f"{scheme}://a.test:{port}/page/1"))).body
    assert proxy.asked == [f"{'a.test' if kind == 'socks5h' else '127.0.0.1'}:{port}"]


@pytest.mark.asyncio
async def test_what_is_resolved_here_is_judged_here():
    hosts = {"a.test": ["10.0.0.1"]}
    async with SocksProxy().serving() as proxy, going(f"socks5://{proxy.address}", hosts=hosts) as fetch:
        error = await failure(fetch(Request("http://a.test/")))
    assert (error.reason, proxy.made) == ("blocked", 0)
    assert error.detail == f"through socks5://{proxy.address}: 10.0.0.1 is private"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "host",
    [
        "10.0.0.1",
        "127.0.0.1",
        "[::1]",
        "2130706433",
        "localhost",
        "printer",
        "metadata.google.internal",
        "nas.local",
        "a.localhost.",
        "kubernetes.default.svc",
        "localhost.localdomain",
    ],
)
async def test_a_proxy_is_not_asked_for_what_lies_inside(host):
    async with HttpProxy().serving() as proxy, going(f"http://{proxy.address}") as fetch:
        for scheme in ("http", "https"):
            assert (await failure(fetch(Request(f"{scheme}://{host}/")))).reason == "blocked"
    assert not proxy.made


@pytest.mark.asyncio
async def test_a_seed_opens_its_host_behind_a_proxy_too(site):
    async with HttpProxy().serving() as proxy, going(f"http://{proxy.address}") as fetch:
        assert (await fetch(Request(site.url("/image/1.png")), private_host=site.origin)).status == 200
        assert (await failure(fetch(Request(site.url("/image/1.png"))))).reason == "blocked"
    assert len(proxy.asked) == 1


# -- failures -----------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
@pytest.mark.parametrize("url", ["http://a.test/", "https://a.test/"])
@pytest.mark.parametrize("scheme", ["http", "https", "socks5h"])
async def test_a_proxy_that_is_not_there_is_named(refused_url, scheme, url):
    address = refused_url.removeprefix("http://").strip("/")
    async with going(f"{scheme}://me:secret@{address}") as fetch:
        error = await failure(fetch(Request(url)))
    assert (error.reason, error.own) == ("proxy", True)
    assert error.detail.startswith(f"{scheme}://{address}: refused: ")
    assert "secret" not in error.detail


@pytest.mark.asyncio
async def test_a_proxy_without_an_address_is_named():
    async with going("http://gone.test:3128") as fetch:
        error = await failure(fetch(Request("http://a.test/")))
    assert (error.reason, "gone.test:3128: dns: " in error.detail, error.own) == ("proxy", True, True)


@pytest.mark.asyncio
@pytest.mark.parametrize("url", ["http://a.test/", "https://a.test/"])
async def test_wrong_credentials_are_the_proxys_complaint(url):
    async with HttpProxy(login="me:pass").serving() as proxy, going(f"http://me:wrong@{proxy.address}") as fetch:
        error = await failure(fetch(Request(url)))
    assert (error.reason, "407" in error.detail, "wrong" in error.detail, error.own) == ("proxy", True, False, True)


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", ["tunnel", "socks5h"])
async def test_a_server_cannot_speak_for_the_proxy(kind, authority):
    answer = b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n"
    proxy = (HttpProxy if kind == "tunnel" else SocksProxy)(hosts=HOSTS)
    options = {"ssl": authority.server("a.test")} if kind == "tunnel" else {}
    scheme, way = ("https", "http") if kind == "tunnel" else ("http", "socks5h")
    tls = Tls(ca_file=str(authority.ca_file))
    async with raw_server(Server(answer), **options) as address, proxy.serving():
        fetching = going(f"{way}://{proxy.address}", tls=tls)
        async with fetching as fetch:
            response = await fetch(Request(f"{scheme}://a.test:{address.rpartition(':')[2]}/"))
    assert response.status == 407


@pytest.mark.asyncio
async def test_a_tunnel_that_is_not_made_may_be_the_servers_fault(refused_url):
    port = refused_url.strip("/").rpartition(":")[2]
    async with HttpProxy(hosts=HOSTS).serving() as proxy, going(f"http://{proxy.address}") as fetch:
        error = await failure(fetch(Request(f"https://a.test:{port}/")))
    assert (error.reason, error.own) == ("proxy", False)
    assert f"502 Bad Gateway to CONNECT a.test:{port}" in error.detail


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("reply", "reason"), [(3, "unreachable"), (4, "unreachable"), (5, "refused"), (1, "proxy"), (2, "proxy")]
)
async def test_a_socks_proxy_says_whose_fault_it_was(reply, reason):
    async with SocksProxy(reply=reply).serving() as proxy, going(f"socks5h://{proxy.address}") as fetch:
        error = await failure(fetch(Request("http://a.test/")))
    assert (error.reason, f"socks5h://{proxy.address}: " in error.detail) == (reason, True)
    assert not getattr(error, "own", False)


@pytest.mark.asyncio
async def test_a_socks_proxy_that_does_not_know_the_password():
    async with SocksProxy(login="me:pass").serving() as proxy, going(f"socks5h://me:no@{proxy.address}") as fetch:
        error = await failure(fetch(Request("http://a.test/")))
    assert (error.reason, error.own) == ("proxy", True)


@pytest.mark.asyncio
async def test_a_proxy_that_hangs_up_instead_of_answering():
    async def rude(reader, writer):
        await reader.readuntil(b"\r\n\r\n")

    async with raw_server(rude) as address, going(f"http://{address}") as fetch:
        error = await failure(fetch(Request("http://a.test/")))
    assert (error.reason, error.own, address in error.detail) == ("proxy", True, True)


@pytest.mark.asyncio
async def test_what_a_server_does_behind_a_proxy_is_the_servers_and_names_the_way(authority):
    async def rude(reader, writer):
        await reader.readuntil(b"\r\n\r\n")

    tls, proxy = Tls(ca_file=str(authority.ca_file)), HttpProxy(hosts=HOSTS)
    async with raw_server(rude, ssl=authority.server("a.test")) as address, proxy.serving():
        fetching = going(f"http://{proxy.address}", tls=tls)
        async with fetching as fetch:
            error = await failure(fetch(Request(f"https://a.test:{address.rpartition(':')[2]}/")))
    assert (error.reason, error.detail.startswith(f"through http://{proxy.address}: ")) == ("reset", True)


@pytest.mark.asyncio
async def test_socks_without_its_package_names_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "python_socks", None)
    with pytest.raises(MissingExtra, match=r"pip install 'acrawl\[proxy\]'"):
        proxies(Section(urls=("socks5h://p.test",)), Time(), {})
    async with SocksProxy().serving() as proxy, going() as fetch:
        error = await failure(fetch(Request("http://a.test/", proxy=f"socks5h://{proxy.address}")))
    assert (error.reason, "acrawl[proxy]" in error.detail) == ("proxy", True)


@pytest.mark.asyncio
@pytest.mark.parametrize("scheme", ["http", "socks5h"])
async def test_a_proxy_that_never_answers(scheme):
    async def silent(reader, writer):
        await reader.read()

    async with raw_server(silent) as address, going(f"{scheme}://{address}", fetch=Fetch(connect_timeout=0.3)) as fetch:
        error = await failure(fetch(Request("https://a.test/")))
    assert (error.reason, error.own, "fetch.connect_timeout" in error.detail) == ("proxy", False, True)


@pytest.mark.asyncio
async def test_a_name_that_is_never_resolved_is_no_fault_of_the_proxy():
    names = Resolver(a_test=["127.0.0.1"])
    names.held = True
    async with SocksProxy().serving() as proxy:
        sections = {"proxy": Section(urls=(f"socks5://{proxy.address}",))}
        fetching = Fetch(connect_timeout=0.3)
        async with Exchanging(fetching, sections=sections, stages=("proxy",), resolver=names) as fetch:
            error = await failure(fetch(Request("http://a.test/")))
    assert (error.reason, "fetch.connect_timeout" in error.detail, proxy.made) == ("timeout", True, 0)


@pytest.mark.asyncio
@pytest.mark.parametrize("said", [b"", b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 200", b"\x05\xff"])
@pytest.mark.parametrize("scheme", ["http", "socks5h"])
async def test_a_proxy_that_is_none(scheme, said):
    async def behave(reader, writer):
        await reader.read(1)
        writer.write(said)

    async with raw_server(behave) as address, going(f"{scheme}://{address}") as fetch:
        error = await failure(fetch(Request("https://a.test/")))
    assert (error.reason, address in error.detail, error.own) == ("proxy", True, True)


@pytest.mark.asyncio
async def test_the_servers_certificate_is_the_servers_and_the_proxys_is_the_proxys(authority):
    proxy = HttpProxy(hosts=HOSTS)
    async with Site(ssl_context=authority.server("b.test")) as site, proxy.serving():
        url = f"https://a.test:{site.origin.rpartition(':')[2]}/"
        async with going(f"http://{proxy.address}", tls=Tls(ca_file=str(authority.ca_file))) as fetch:
            assert (await failure(fetch(Request(url)))).reason == "tls-wrong-host"
    async with proxy.serving(ssl=authority.self_signed("127.0.0.1")):
        async with going(f"https://{proxy.address}", tls=Tls(insecure_hosts=("a.test",))) as fetch:
            error = await failure(fetch(Request("https://a.test/")))
        assert (error.reason, "tls-self-signed" in error.detail, error.own) == ("proxy", True, True)
        async with going(f"https://{proxy.address}", tls=Tls(insecure_hosts=("127.0.0.1",))) as fetch:
            error = await failure(fetch(Request("https://a.test/")))
        assert "502" in error.detail


@pytest.mark.asyncio
async def test_a_proxy_that_is_sent_to_rest_is_named_with_what_is_wrong_with_it(caplog):
    async with going("http://me:secret@127.0.0.1:9") as fetch:
        for _ in range(2):
            await failure(fetch(Request("http://a.test/")))
    rests = [record.getMessage() for record in caplog.records]
    assert rests[0].startswith("a proxy rests for 10 s: http://127.0.0.1:9: refused")
    assert "secret" not in caplog.text


@pytest.mark.asyncio
@pytest.mark.parametrize(("status", "own"), [(401, True), (407, True), (403, False), (500, False), (504, False)])
async def test_only_what_is_surely_the_proxys_lets_it_rest(status, own):
    refusal = f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n".encode()
    async with HttpProxy(refusal=refusal).serving() as proxy, going(f"http://{proxy.address}") as fetch:
        error = await failure(fetch(Request("https://a.test/")))
    assert (error.reason, f"{status} No to CONNECT a.test:443" in error.detail, error.own) == ("proxy", True, own)


@pytest.mark.asyncio
async def test_a_failed_tunnel_leaves_no_connection_open():
    ended = asyncio.Event()

    async def behave(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")
        await reader.read()
        ended.set()

    async with raw_server(behave) as address, going(f"http://{address}") as fetch:
        assert "403 No" in (await failure(fetch(Request("https://a.test/")))).detail
        await asyncio.wait_for(ended.wait(), 5)


# -- which one ----------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_request_may_name_its_own_way():
    server = Server(OK)
    async with (
        raw_server(server) as address,
        HttpProxy(hosts=HOSTS).serving() as one,
        HttpProxy(hosts=HOSTS).serving() as two,
    ):
        url = f"http://a.test:{address.rpartition(':')[2]}/"
        async with going(
            f"http://{one.address}", fetch=Fetch(allow_private=True), hosts={"a.test": ["127.0.0.1"]}
        ) as fetch:
            ways = [f"http://{two.address}", "direct", "", two.address]
            got = [(await fetch(Request(url, proxy=way))).proxy for way in ways]
    assert got == [f"http://{two.address}", "", f"http://{one.address}", f"http://{two.address}"]
    assert (len(one.asked), len(two.asked), len(server.heads)) == (1, 2, 4)


def test_a_way_travels_with_its_request():
    request = Request("http://a.test/", proxy="socks5h://u:p@[::1]:9050")
    sealed = seal(request, b"0" * 16)
    assert unseal(sealed.url, sealed.body).proxy == request.proxy


@pytest.mark.parametrize("proxy", ["ftp://p", "http://", "http://p/path", "http://p:port", "a b", "http://p:1:2", 5])
def test_a_way_that_is_none_is_refused_where_it_is_made(proxy):
    with pytest.raises(RequestError, match="proxy="):
        Request("http://a.test/", proxy=proxy)


@pytest.mark.asyncio
async def test_connections_of_different_ways_and_credentials_are_not_mixed(authority):
    proxy = HttpProxy(hosts=HOSTS)
    tls = Tls(ca_file=str(authority.ca_file))
    async with Site(ssl_context=authority.server("a.test")) as site, proxy.serving():
        url = f"https://a.test:{site.origin.rpartition(':')[2]}/page/1"
        async with going(tls=tls, fetch=Fetch(allow_private=True), hosts={"a.test": ["127.0.0.1"]}) as fetch:
            ways = ["", f"http://{proxy.address}", f"http://one:x@{proxy.address}", f"http://two:x@{proxy.address}"]
            for way in ways * 2:
                await fetch(Request(url, proxy=way))
    seen = [re.findall(b"Proxy-Authorization: (.*)\r\n", head) for head in proxy.heads]
    assert len(seen) == 3, "each way has one connection of its own, which is kept"
    assert len(set(map(tuple, seen))) == 3


@pytest.mark.asyncio
async def test_turns_are_fair_and_a_failed_proxy_loses_its_own(refused_url):
    server = Server(OK)
    good = [HttpProxy(hosts=HOSTS), HttpProxy(hosts=HOSTS)]
    async with raw_server(server) as address, good[0].serving(), good[1].serving():
        url = f"http://a.test:{address.rpartition(':')[2]}/"
        async with going(refused_url.strip("/"), *(f"http://{one.address}" for one in good)) as fetch:
            assert (await failure(fetch(Request(url)))).reason == "proxy"
            for _ in range(10):
                await fetch(Request(url))
    assert [len(one.asked) for one in good] == [5, 5]


@pytest.mark.asyncio
async def test_hosts_without_a_proxy_are_asked_directly(site):
    async with HttpProxy().serving() as proxy:
        fetching = Fetch(allow_private=True)
        async with going(f"http://{proxy.address}", fetch=fetching, bypass=("127.0.0.0/8",)) as fetch:
            response = await fetch(Request(site.url("/page/1")))
    assert (response.status, response.proxy, proxy.made) == (200, "", 0)


class Time:
    """A clock that a test moves."""

    def __init__(self):
        self.at = 0.0

    def now(self):
        return self.at


def pool(n, rest=10.0):
    time = Time()
    made = Pool([Proxy("http", f"p{i}", 80) for i in range(n)], rest, time.now)
    return made, time


def take(pool, n=1):
    return [pool.next() for _ in range(n)]


def names(uses):
    return [one.proxy.host for one in uses]


def test_everyone_has_the_same_number_of_turns():
    made, _ = pool(3)
    assert names(take(made, 7)) == ["p0", "p1", "p2", "p0", "p1", "p2", "p0"]


def test_a_resting_one_leaves_its_turns_to_all_others_alike():
    made, time = pool(4)
    made.failed(take(made)[0], time.at)
    assert collections.Counter(names(take(made, 30))) == {"p1": 10, "p2": 10, "p3": 10}


def test_a_rest_is_doubled_with_each_failure_in_a_row_up_to_ten_minutes():
    made, time = pool(1)
    one, rests = take(made)[0], []
    for _ in range(9):
        made.failed(one, time.at)
        rests.append(one.until - time.at)
        time.at = one.until
    assert rests == [10, 20, 40, 80, 160, 320, 600, 600, MOST_REST]


def test_a_success_heals():
    made, time = pool(2)
    one = take(made)[0]
    for _ in range(5):
        made.failed(one, time.at)
        time.at += 1
    made.worked(one)
    assert names(take(made, 3)) == ["p1", "p0", "p1"]
    made.failed(one, time.at)
    assert one.until - time.at == 10


def test_uses_that_fail_together_are_one_failure():
    made, time = pool(2)
    began = time.at
    one = take(made)[0]
    time.at += 3
    for _ in range(20):
        made.failed(one, began)
    assert (one.failures, one.until) == (1, 13)


def test_where_all_rest_the_one_that_is_back_first_is_taken():
    made, time = pool(3)
    for seconds, one in zip((2, 0, 1), take(made, 3), strict=True):
        time.at = seconds
        made.failed(one, seconds)
    assert names(take(made, 2)) == ["p1", "p1"]
    made.failed(made.next(), time.at + 1)
    assert names(take(made)) == ["p2"]


def test_a_host_keeps_its_proxy_as_long_as_that_works():
    made, time = pool(5)
    hosts = [f"http://h{i}.test" for i in range(500)]
    before = {host: made.for_host(host) for host in hosts}
    shares = collections.Counter(names(before.values()))
    assert min(shares.values()) > 60
    bad = before[hosts[0]]
    made.failed(bad, time.at)
    during = {host: made.for_host(host) for host in hosts}
    assert bad not in during.values()
    assert all(during[host] is before[host] for host in hosts if before[host] is not bad)
    time.at = bad.until
    assert {host: made.for_host(host) for host in hosts} == before


# -- names and exceptions -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("http://p.test", Proxy("http", "p.test", 80)),
        ("p.test:3128", Proxy("http", "p.test", 3128)),
        ("https://p.test/", Proxy("https", "p.test", 443)),
        ("socks5h://u%40x:p%3A@[::1]:9050", Proxy("socks5h", "::1", 9050, b"u@x", b"p:")),
        ("socks4://P.test", Proxy("socks4", "p.test", 1080)),
        ("socks://127.0.0.1:9/", Proxy("socks5", "127.0.0.1", 9)),
        ("direct", None),
    ],
)
def test_proxies_are_named_by_urls(url, proxy):
    assert named(url) == proxy


def test_a_proxy_is_shown_without_its_secrets():
    proxy = named("socks5h://user:secret@[::1]:9050")
    assert (proxy.name, repr(proxy)) == ("socks5h://[::1]:9050", "<socks5h://[::1]:9050>")


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://p", "http://me:secret@p:99999", "http://me:secret@p/x", "http://", "direct"),
        *("http://me:secret://x@p", "http://me:secret\u2100@p", "http://me:secret@[::g]"),
    ],
)
def test_a_proxy_that_is_none_is_refused_when_settings_are_read(url):
    with pytest.raises(SettingsError, match=r"proxy\.urls: ") as caught:
        proxies(Section(urls=(url,)), None, {})
    assert "secret" not in str(caught.value)


@pytest.mark.asyncio
async def test_proxies_may_stand_in_a_file(tmp_path):
    (tmp_path / "list").write_text("# ours\nhttp://u:p@one.test:1\n\ntwo.test:2\n")
    stage = proxies(Section(urls=(f"file:{tmp_path / 'list'}", "http://three.test")), Time(), {})
    async with stage:
        assert names(take(stage._pools["https"], 3)) == ["one.test", "two.test", "three.test"]
    with pytest.raises(SettingsError, match="env:ACRAWL_NONE: the environment has no variable"):
        await proxies(Section(urls=("env:ACRAWL_NONE",)), Time(), {}).__aenter__()


@pytest.mark.parametrize(
    ("entries", "inside", "outside"),
    [
        (
            "example.com",
            "http://example.com https://www.example.com:8443",
            "http://anexample.com http://example.com.evil",
        ),
        (".example.com *.example.org", "http://example.com http://a.b.example.org", "http://com http://example.net"),
        ("example.com:8080", "http://example.com:8080 https://x.example.com:8080", "http://example.com"),
        ("example.com:443", "https://example.com", "http://example.com https://example.com:444"),
        (
            "10.0.0.0/8 fd00::/8",
            "http://10.1.2.3 http://[fd00::1]:80",
            "http://11.0.0.1 http://[fe00::1] http://a.test",
        ),
        ("10.0.0.1 [::1]:81 ::2", "http://10.0.0.1:99 http://[::1]:81 https://[::2]", "http://10.0.0.11 http://[::1]"),
        ("*", "http://example.com http://10.0.0.1", ""),
        ("", "", "http://example.com http://localhost"),
    ],
)
def test_exceptions_are_written_as_in_no_proxy(entries, inside, outside):
    bypass = Bypass(entries.split(), "here")
    assert [url for url in inside.split() if url not in bypass] == []
    assert [url for url in outside.split() if url in bypass] == []


def test_an_exception_that_is_no_network_is_refused():
    with pytest.raises(SettingsError, match=r"proxy\.bypass: .*10\.0\.0\.0/99"):
        Bypass(["10.0.0.0/99"], "proxy.bypass")


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({}, {}),
        ({"http_proxy": "http://a", "HTTPS_PROXY": "http://b"}, {"http": "http://a", "https": "http://b"}),
        ({"ALL_PROXY": "socks5h://a", "https_proxy": "http://b"}, {"http": "socks5h://a", "https": "http://b"}),
        ({"HTTP_PROXY": "http://upper", "http_proxy": "http://lower"}, {"http": "http://lower"}),
        ({"HTTP_PROXY": "http://client", "REQUEST_METHOD": "GET"}, {}),
        ({"http_proxy": " "}, {}),
    ],
)
def test_the_environment_is_read_as_other_programs_read_it(environ, found):
    assert environment(environ)[0] == found


def test_the_environment_has_exceptions():
    assert environment({"no_proxy": "a.test, .b.test"})[1] == ["a.test", ".b.test"]


@pytest.mark.asyncio
async def test_the_environment_is_taken_unless_settings_say_otherwise():
    environ = {"http_proxy": "http://p.test:3128", "no_proxy": "b.test"}
    stage = proxies(Section(), Time(), environ)
    async with stage:
        assert names(take(stage._pools["http"])) == ["p.test"]
        assert "https" not in stage._pools
    inside = ["http://b.test", "http://localhost:8000", "http://127.0.0.2", "http://[::1]:80", "http://x.localhost"]
    assert [url for url in inside if not any(url in bypass for bypass in stage._bypass)] == []
    assert not any("http://a.test" in bypass for bypass in stage._bypass)
    assert proxies(Section(from_environment=False), Time(), environ) is None
    assert proxies(Section(), Time(), {}) is None
    async with proxies(Section(urls=("http://q.test",)), Time(), environ) as stage:
        assert names(take(stage._pools["http"])) == ["q.test"]


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"https_proxy": "ftp://p"}, "the environment's proxy for https: ftp://p: "),
        ({"http_proxy": "http://p", "no_proxy": "10.0.0.0/99"}, "no_proxy in the environment: "),
    ],
)
def test_a_wrong_environment_is_named_and_how_to_do_without_it(environ, said):
    with pytest.raises(SettingsError) as caught:
        proxies(Section(), Time(), environ)
    assert str(caught.value).startswith(said)
    assert str(caught.value).endswith("proxy.from_environment=false leaves the environment alone")


def test_socks_of_the_environment_without_its_package_is_named_too(monkeypatch):
    monkeypatch.setitem(sys.modules, "python_socks", None)
    with pytest.raises(MissingExtra, match=r"acrawl\[proxy\].*from_environment"):
        proxies(Section(), Time(), {"ALL_PROXY": "socks://127.0.0.1:1080/"})
