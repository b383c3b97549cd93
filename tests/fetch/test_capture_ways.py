"""What is captured where more than one exchange, or none, stands behind a response: caches, challenges, ways."""

import time

import pytest

from acrawl.fetch import Fetcher
from acrawl.fetch.base import Exchange
from acrawl.fetch.capture import Recorder, of_made
from acrawl.outcome import MadeFile
from acrawl.request import Request
from acrawl.results.files.folder import FolderStore
from acrawl.results.files.objects import object_path
from acrawl.settings import Auth, Cache, Fetch, Settings, Tls
from acrawl.settings import Proxy as ProxySettings
from fetch.certificates import Authority
from fetch.naming import Resolver
from fetch.proxying import HttpProxy
from fetch.serving import OK, Exchanging, Server
from fetch.test_auth import Guarded
from server import Site, raw_server


@pytest.fixture
def store(tmp_path):
    store = FolderStore(tmp_path / "exchanges")
    yield store
    store.close()


async def captured(store, fetch, url):
    """Fetch; returns what was captured, oldest first."""
    recorder = Recorder(store, time.time)
    await fetch(Request(url), recorder=recorder)
    return await recorder.finish()


@pytest.mark.asyncio
async def test_what_comes_from_a_cache_is_no_exchange_and_a_revalidation_is_one(store, tmp_path):
    fresh = b'HTTP/1.1 200 OK\r\nETag: "1"\r\nCache-Control: max-age=0\r\nContent-Length: 2\r\n\r\nok'
    unchanged = b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\nCache-Control: max-age=99\r\n\r\n'
    settings = Settings(cache=Cache(mode="http", folder=str(tmp_path / "cache")), fetch=Fetch(allow_private=True))
    async with raw_server(Server(fresh, unchanged)) as address, Fetcher(settings) as fetcher:

        async def fetch(request, **wishes):
            return await fetcher.fetch(request, Exchange(**wishes))

        found = [await captured(store, fetch, f"http://{address}/") for _ in range(3)]
    assert [[it.status for it in each] for each in found] == [[200], [304], []]
    assert found[1][0].data.endswith(unchanged)


@pytest.mark.asyncio
async def test_a_challenge_and_its_answer_are_two_exchanges(store):
    server = Guarded()
    async with raw_server(server) as address:
        sections = {"auth": Auth(hosts={f"http://{address}": "digest user:password"})}
        async with Exchanging(Fetch(allow_private=True), sections=sections, stages=("auth",)) as fetch:
            refused, let_in = await captured(store, fetch, f"http://{address}/")
    assert (refused.status, let_in.status) == (401, 200)
    assert b"\r\nAuthorization: Digest " in let_in.data
    assert b"\r\nAuthorization: " not in refused.data
    assert let_in.data.endswith(OK)


@pytest.mark.asyncio
async def test_what_a_proxy_is_told_is_not_in_the_archive_nor_its_address(store):
    server, proxy = Server(OK), HttpProxy(login="me:pass", hosts={"a.test": "127.0.0.1"})
    async with raw_server(server) as address, proxy.serving():
        sections = {"proxy": ProxySettings(urls=(f"http://me:pass@{proxy.address}",))}
        async with Exchanging(Fetch(), sections=sections, stages=("proxy",), resolver=Resolver()) as fetch:
            (it,) = await captured(store, fetch, f"http://a.test:{address.rpartition(':')[2]}/x")
    assert b"Proxy-Authorization" in proxy.heads[0]
    assert b"Proxy-Authorization" not in it.data
    assert it.data.startswith(b"GET /x HTTP/1.1\r\n")
    assert it.address == ""


@pytest.mark.asyncio
async def test_tls_is_told_of_and_not_in_the_bytes(store, tmp_path):
    authority = Authority(tmp_path)
    sections = {"tls": Tls(ca_file=str(authority.ca_file))}
    names = Resolver(a_test=["127.0.0.1"])
    async with (
        Site(ssl_context=authority.server("a.test")) as site,
        Exchanging(Fetch(allow_private=True), sections=sections, resolver=names) as fetch,
    ):
        (it,) = await captured(store, fetch, site.url("/page/1").replace("127.0.0.1", "a.test"))
    assert it.protocols == ["http/1.1", "tls/1.3"]
    assert it.cipher.startswith("TLS_")
    assert it.data[it.request :].startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.asyncio
@pytest.mark.parametrize("size", [10, 200_000])
async def test_what_a_callback_makes_is_kept_as_it_is(store, size):
    it = await of_made(MadeFile("http://e.org/", bytes(size), "text/plain"), store, 5.0)
    data = it.data or object_path(store.objects.root, it.sha256).read_bytes()
    assert data[: it.size] == bytes(size)
    assert (it.status, it.request, it.head, it.size, it.date) == (0, 0, 0, size, 5.0)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("url", "kept"),
    [("https://me:pass@e.org/a@b", "https://e.org/a@b"), ("urn:isbn:0451450523", "urn:isbn:0451450523")],
)
async def test_the_password_of_what_a_callback_makes_something_of_can_be_left_out(store, url, kept):
    assert (await of_made(MadeFile(url, b"x"), store, 5.0)).url == url
    assert (await of_made(MadeFile(url, b"x"), store, 5.0, keeps_secrets=False)).url == kept
