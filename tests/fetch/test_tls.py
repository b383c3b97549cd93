"""Which servers are trusted, and what is said of the others."""

import asyncio
import socket
import ssl

import pytest

from acrawl.errors import SettingsError
from acrawl.fetch.tls import Trust
from acrawl.request import Request
from acrawl.settings import Fetch, Tls
from fetch.certificates import Authority
from fetch.naming import Resolver
from fetch.serving import Exchanging, failure
from server import Site, raw_server


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


def fetching(authority=None, **settings):
    """A fetcher for which ``a.test`` and ``b.test`` are on loopback."""
    if authority is not None:
        settings["ca_file"] = str(authority.ca_file)
    names = Resolver(a_test=["127.0.0.1"], b_test=["127.0.0.1"])
    return Exchanging(Fetch(allow_private=True), sections={"tls": Tls(**settings)}, resolver=names)


def url(site, host="a.test", path="/page/1"):
    return site.url(path).replace("127.0.0.1", host)


@pytest.mark.asyncio
async def test_a_certificate_of_a_known_authority_is_trusted(authority):
    async with Site(ssl_context=authority.server("a.test")) as site, fetching(authority) as fetch:
        assert (await fetch(Request(url(site)))).status == 200


@pytest.mark.asyncio
async def test_what_is_wrong_with_a_certificate_is_named(authority, tmp_path):
    cases = {
        "tls-expired": authority.server("a.test", age=10),
        "tls-self-signed": authority.self_signed("a.test"),
        "tls-wrong-host": authority.server("b.test"),
        "tls-untrusted": Authority(tmp_path, "nobody").server("a.test"),
    }
    async with fetching(authority) as fetch:
        for reason, context in cases.items():
            async with Site(ssl_context=context) as site:
                error = await failure(fetch(Request(url(site))))
                assert (error.reason, "a.test" in error.detail, site.hits) == (reason, True, {})


@pytest.mark.asyncio
async def test_a_certificate_that_is_not_valid_yet_is_refused_by_its_dates(authority):
    async with Site(ssl_context=authority.server("a.test", age=-10)) as site, fetching(authority) as fetch:
        assert (await failure(fetch(Request(url(site))))).reason == "tls-expired"


@pytest.mark.asyncio
async def test_an_address_must_stand_in_the_certificate_too(authority):
    async with fetching(authority) as fetch:
        async with Site(ssl_context=authority.server("a.test")) as site:
            assert (await failure(fetch(Request(url(site, "127.0.0.1"))))).reason == "tls-wrong-host"
        async with Site(ssl_context=authority.server("127.0.0.1")) as site:
            assert (await fetch(Request(url(site, "127.0.0.1")))).status == 200


@pytest.mark.asyncio
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1:DeprecationWarning")
@pytest.mark.parametrize("settings", [{}, {"verify": False}, {"insecure_hosts": ("a.test",)}])
async def test_a_server_of_an_old_version_is_refused_even_where_certificates_do_not_matter(authority, settings):
    old = authority.server("a.test", most=ssl.TLSVersion.TLSv1_1)

    def serve(listening):
        connection, _ = listening.accept()
        with connection, pytest.raises(ssl.SSLError):  # asyncio would close the connection without a word
            old.wrap_socket(connection, server_side=True)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = asyncio.create_task(asyncio.to_thread(serve, listening))
        async with fetching(authority, **settings) as fetch:
            error = await failure(fetch(Request(f"https://a.test:{listening.getsockname()[1]}/")))
        await serving
    assert error.reason == "tls-protocol"


@pytest.mark.asyncio
async def test_the_oldest_version_is_a_setting(authority):
    hellos = []

    async def too_old(reader, writer):
        hellos.append(await reader.read(4096))
        writer.write(b"\x15\x03\x03\x00\x02\x02\x46")  # the alert "protocol version" (RFC 8446, 6.2)

    async with raw_server(too_old) as address, fetching(authority, minimum="1.3") as fetch:
        assert (await failure(fetch(Request(f"https://{address}/")))).reason == "tls-protocol"
    assert b"\x00\x2b\x00\x03\x02\x03\x04" in hellos[0]  # supported_versions: TLS 1.3 and nothing else


@pytest.mark.asyncio
async def test_an_exception_opens_one_host_only(authority):
    async with Site(ssl_context=authority.self_signed("a.test")) as site:
        async with fetching(insecure_hosts=("a.test",)) as fetch:
            assert (await fetch(Request(url(site)))).status == 200
            for other in ("b.test", "127.0.0.1"):
                assert (await failure(fetch(Request(url(site, other))))).reason == "tls-self-signed"
        assert len(site.seen) == 1


def test_an_exception_is_a_name_in_any_spelling_of_urls():
    trust = Trust(Tls(insecure_hosts=("A.Example", "bücher.example", "10.0.0.1", "::1", "[fd00::1]", "dot.example.")))
    for host in ("a.example", "xn--bcher-kva.example", "10.0.0.1", "::1", "fd00::1", "dot.example"):
        assert not trust.verifies(host), host
    for host in ("www.a.example", "example", "aaexample", "10.0.0.2", "a.example.com"):
        assert trust.verifies(host), host


@pytest.mark.parametrize("name", ["*", "*.a.example", "a.example:8443", "https://a.example", "a.example/x", "u@a", ""])
def test_an_exception_that_is_no_name_is_refused(name):
    with pytest.raises(SettingsError, match=r"tls\.insecure_hosts"):
        Trust(Tls(insecure_hosts=(name,)))


def test_a_file_of_authorities_that_is_none_is_refused(tmp_path):
    (tmp_path / "empty.pem").write_text("nothing\n")
    with pytest.raises(SettingsError, match=r"tls\.ca_file: .*empty\.pem: no certificate"):
        Trust(Tls(ca_file=str(tmp_path / "empty.pem")))
    with pytest.raises(SettingsError, match=r"missing\.pem: No such file"):
        Trust(Tls(ca_file=str(tmp_path / "missing.pem")))


def test_http_1_1_is_all_that_is_offered(authority):
    server = authority.server("a.test")
    server.set_alpn_protocols(["h2", "http/1.1"])
    client = Trust(Tls(ca_file=str(authority.ca_file))).context(verified=True)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    here = client.wrap_bio(to_client, to_server, server_hostname="a.test")
    there = server.wrap_bio(to_server, to_client, server_side=True)
    for side in (here, there, here, there):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    assert (here.selected_alpn_protocol(), there.selected_alpn_protocol()) == ("http/1.1", "http/1.1")
