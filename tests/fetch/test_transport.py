"""One exchange with servers that behave, and the border where aiohttp's errors end."""

import asyncio
import datetime
import importlib
import ipaddress
import json
import pkgutil
import ssl
from types import SimpleNamespace

import aiohttp
import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from acrawl.errors import FetchError
from acrawl.fetch import failures
from acrawl.fetch.failures import REASONS, translated
from acrawl.outcome import FileFact
from acrawl.request import Request
from acrawl.settings import Fetch, Tls
from acrawl.url import host_of
from fetch.serving import Exchanging
from server import GOOD, Site, pattern, png, raw_server


class MemorySink:
    """Keeps what it is given, and nothing for later; fails with ``disk`` after ``room`` bytes."""

    def __init__(self, room: int = 1 << 30) -> None:
        self.data = b""
        self.state = "open"
        self._room = room

    async def write(self, chunk: bytes) -> None:
        assert self.state == "open"
        if len(self.data) + len(chunk) > self._room:
            raise FetchError("disk", "No space left on device")
        self.data += chunk

    async def finish(self, url: str, name: str, content_type: str) -> FileFact:
        self.state = "finished"
        return FileFact(url, "0" * 64, len(self.data), content_type, name=name)

    async def find(self, key):
        return None

    def keep(self, key, url, beginning):
        pass

    async def leave(self) -> int:
        await self.discard()
        return 0

    async def discard(self) -> None:
        if self.state == "open":
            self.state = "discarded"
            self.data = b""


@pytest_asyncio.fixture
async def send(site):
    """Make an exchange with the site, whose private address is opened."""
    async with Exchanging(Fetch(max_body=1 << 20, max_file=1 << 20)) as transport:

        async def send(path, sink=None, cut=0, **fields):
            request = Request(site.url(path), **fields)
            return await transport(request, private_host=host_of(site.origin), sink=sink, cut=cut)

        yield send


async def failure(awaitable) -> FetchError:
    with pytest.raises(FetchError) as caught:
        await awaitable
    return caught.value


@pytest.mark.asyncio
async def test_a_response_carries_what_the_server_sent(site, send):
    response = await send("/page/7")
    assert response.status == 200
    assert response.url == site.url("/page/7")
    assert b"page 7" in response.body
    assert response.content_type == "text/html"
    assert response.headers["content-TYPE"].startswith("text/html")
    assert response.seconds > 0
    assert response.request.url == response.url


@pytest.mark.asyncio
async def test_what_is_sent_is_the_request_and_the_defaults(site, send):
    response = await send("/echo?a=%20b&c", method="POST", body=b"x=1", headers={"X-Own": "yes", "User-Agent": "me"})
    echo = json.loads(response.body)
    assert (echo["method"], echo["path"], echo["body"]) == ("POST", "/echo?a=%20b&c", "x=1")
    names = [name.lower() for name, _ in echo["headers"]]
    assert len(names) == len(set(names))
    sent = {name.lower(): value for name, value in echo["headers"]}
    assert sent["x-own"] == "yes"
    assert sent["user-agent"] == "me"
    assert sent["accept-encoding"] == "gzip, deflate, br, zstd"
    assert sent["host"] == site.origin.removeprefix("http://")


@pytest.mark.asyncio
async def test_a_large_request_body_arrives_whole(site, send):
    response = await send("/echo", method="PUT", body=pattern(900_000))
    assert json.loads(response.body)["body"] == pattern(900_000).decode()


@pytest.mark.asyncio
@pytest.mark.parametrize("path", ["/gzip", "/br", "/zstd", "/deflate", "/raw-deflate"])
async def test_content_codings_are_decoded(send, path):
    assert (await send(path)).body == GOOD


@pytest.mark.asyncio
async def test_redirects_are_answers_like_others(site, send):
    response = await send("/redirect/3")
    assert (response.status, response.headers["Location"]) == (302, "/redirect/2")
    assert list(site.hits) == ["/redirect/3"]


@pytest.mark.asyncio
@pytest.mark.parametrize("path", ["/status/204", "/status/304", "/status/404", "/status/500"])
async def test_every_status_is_an_answer(send, path):
    assert (await send(path)).status == int(path[-3:])


@pytest.mark.asyncio
async def test_head_has_no_body_however_long_it_is_said_to_be(send):
    response = await send("/bytes/5000000", method="HEAD")
    assert (response.body, response.headers["Content-Length"]) == (b"", "5000000")


@pytest.mark.asyncio
async def test_cookies_that_servers_set_are_not_kept(send):
    await send("/cookie")
    assert (await send("/cookie")).body == b""


@pytest.mark.asyncio
async def test_connections_are_kept_between_exchanges():
    made = []

    async def behave(reader, writer):
        made.append(writer)
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    async with raw_server(behave) as address, Exchanging(Fetch(allow_private=True)) as transport:
        for _ in range(3):
            assert (await transport(Request(f"http://{address}/"))).body == b"ok"
    assert len(made) == 1


@pytest.mark.asyncio
async def test_a_kept_connection_found_dead_is_replaced_without_a_failure():
    """The server closes each connection when the second request arrives on it: a race that any server may lose."""
    made = []

    async def behave(reader, writer):
        made.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await reader.readuntil(b"\r\n\r\n")

    async with raw_server(behave) as address, Exchanging(Fetch(allow_private=True)) as transport:
        for _ in range(3):
            assert (await transport(Request(f"http://{address}/"))).body == b"ok"
        assert len(made) == 3
        assert (await failure(transport(Request(f"http://{address}/", method="POST")))).reason == "reset"


@pytest.mark.asyncio
async def test_one_exchange_is_one_request_also_when_it_fails(site, send):
    for path in ("/drop", "/reset"):
        assert (await failure(send(path))).reason == "reset"
        assert site.hits[path] == 1


# -- files ------------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_saved_file_goes_to_the_sink_and_not_to_memory(site, send):
    sink = MemorySink()
    response = await send("/image/5.png", sink, save=True)
    assert sink.data == png(5)
    assert sink.state == "finished"
    assert not response.content.is_here
    assert response.file == FileFact(site.url("/image/5.png"), "0" * 64, len(png(5)), "image/png")


@pytest.mark.asyncio
async def test_a_file_carries_the_name_the_server_gave_it(send):
    response = await send("/attachment", MemorySink(), save=True)
    assert response.file.name == "report.pdf"


@pytest.mark.asyncio
async def test_only_a_200_answer_is_saved(send):
    sink = MemorySink()
    response = await send("/status/404", sink, save=True)
    assert (response.status, response.file, response.body) == (404, None, b"")
    assert sink.data == b""


@pytest.mark.asyncio
@pytest.mark.parametrize("path", ["/endless-file", "/endless", "/br-bomb", "/bytes/2000000"])
async def test_a_file_above_the_cap_is_discarded(send, path):
    sink = MemorySink()
    assert (await failure(send(path, sink, save=True))).reason == "too-large"
    assert sink.state == "discarded"


@pytest.mark.asyncio
async def test_a_file_of_another_type_than_wanted_stays_in_memory(send):
    sink = MemorySink()
    response = await send("/image/5.png", sink, save="image/")
    assert (response.content.is_here, response.file.size, sink.data) == (False, len(png(5)), png(5))
    sink = MemorySink()
    response = await send("/page/5", sink, save="image/")
    assert (response.file, b"page 5" in response.body, sink.data) == (None, True, b"")
    response = await send("/bytes/300000", sink, save="image/")
    assert (response.file, response.body, sink.data) == (None, pattern(300_000), b"")


@pytest.mark.asyncio
async def test_half_a_file_is_discarded(send):
    sink = MemorySink()
    assert (await failure(send("/partial", sink, save=True))).reason == "truncated"
    assert sink.state == "discarded"


@pytest.mark.asyncio
async def test_a_full_disk_is_told_from_the_network(site, send):
    sink = MemorySink(room=10)
    assert (await failure(send("/image/1.png", sink, save=True))).reason == "disk"
    assert sink.state == "discarded"


@pytest.mark.asyncio
async def test_cancelling_an_exchange_discards_its_file_and_drops_its_connection(site):
    sink = MemorySink()
    async with Exchanging(Fetch(allow_private=True)) as transport:
        task = asyncio.create_task(transport(Request(site.url("/dribble"), save=True), sink=sink))
        while not sink.data:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert sink.state == "discarded"
        assert (await transport(Request(site.url("/page/1")))).status == 200


@pytest.mark.asyncio
async def test_a_cut_body_is_taken_for_whole(send):
    assert (await send("/bytes/5000000", cut=1000)).body == pattern(1000)
    assert (await send("/endless", cut=70_000)).body == b"x" * 70_000
    assert (await send("/bytes/10", cut=1000)).body == pattern(10)


# -- failures before there is a server ----------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_refused_connection(refused_url):
    async with Exchanging(Fetch(allow_private=True)) as transport:
        error = await failure(transport(Request(refused_url)))
    assert error.reason == "refused"
    assert "Connect" in error.detail


@pytest.mark.asyncio
async def test_a_name_that_does_not_exist():
    async with Exchanging(Fetch()) as transport:
        assert (await failure(transport(Request("http://no-such-name.invalid/")))).reason == "dns"
        assert (await failure(transport(Request(f"http://{'a' * 64}.invalid/")))).reason == "malformed"


@pytest.mark.asyncio
@pytest.mark.parametrize("cookie", ["a\r\nX-Evil: 1", "a\nb"])
async def test_a_header_cannot_be_smuggled_in(site, send, cookie):
    assert (await failure(send("/echo", cookies={"sid": cookie}))).reason == "malformed"
    assert not site.hits


# -- TLS ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def certificate(tmp_path):
    """A self-signed certificate for 127.0.0.1: the server's side of TLS."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "pair.pem"
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(made.public_bytes(pem) + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@pytest.mark.asyncio
async def test_a_certificate_nobody_signed_is_refused_unless_told_otherwise(certificate):
    async with Site(ssl_context=certificate) as site:
        async with Exchanging(Fetch(allow_private=True)) as transport:
            error = await failure(transport(Request(site.url("/page/1"))))
        assert error.reason == "tls-self-signed"
        assert "certificate" in error.detail.lower()
        assert not site.hits
        async with Exchanging(Fetch(allow_private=True), sections={"tls": Tls(verify=False)}) as transport:
            assert (await transport(Request(site.url("/page/1")))).status == 200


@pytest.mark.asyncio
async def test_https_asked_of_a_server_without_tls(site):
    async with Exchanging(Fetch(allow_private=True)) as transport:
        error = await failure(transport(Request(site.url("/").replace("http:", "https:"))))
    assert error.reason == "tls-protocol"


@pytest.mark.asyncio
async def test_a_connection_dropped_in_the_handshake():
    async def behave(reader, writer):
        await reader.read(1)

    async with raw_server(behave) as address, Exchanging(Fetch(allow_private=True)) as transport:
        assert (await failure(transport(Request(f"https://{address}/")))).reason in {"reset", "tls"}


# -- the border ---------------------------------------------------------------------------------------------------


def subclasses(cls):
    for sub in cls.__subclasses__():
        yield sub
        yield from subclasses(sub)


def test_every_error_of_aiohttp_has_a_reason():
    for info in pkgutil.iter_modules(aiohttp.__path__):
        if info.name not in {"pytest_plugin", "test_utils", "worker"} and not info.name.startswith("_"):
            importlib.import_module(f"aiohttp.{info.name}")
    found = [cls for cls in subclasses(aiohttp.ClientError) if cls.__module__.startswith("aiohttp.")]
    assert len(found) > 20
    assert [cls for cls in found if cls not in REASONS] == []


def test_reasons_are_the_words_of_the_ledger():
    words = {"dns", "refused", "tls", "timeout", "truncated", "malformed", "reset", "unreachable"}
    assert set(REASONS.values()) <= words
    assert set(failures._ERRNOS.values()) <= words | {"blocked"}


@pytest.mark.parametrize(
    ("error", "reason", "detail"),
    [
        (ConnectionResetError(104, "Connection reset by peer"), "reset", "[Errno 104] Connection reset by peer"),
        (ConnectionRefusedError(111, "no"), "refused", "[Errno 111] no"),
        (OSError(113, "No route to host"), "unreachable", "[Errno 113] No route to host"),
        (OSError(24, "Too many open files"), "unreachable", "[Errno 24] Too many open files"),
        (TimeoutError(), "timeout", "fetch.total_timeout"),
        (aiohttp.ConnectionTimeoutError("to host"), "timeout", "fetch.connect_timeout: to host"),
        (aiohttp.SocketTimeoutError("on socket"), "timeout", "fetch.idle_timeout: on socket"),
        (TimeoutError(110, "Connection timed out"), "timeout", "[Errno 110] Connection timed out"),
        (ssl.SSLError(1, "WRONG_VERSION_NUMBER"), "tls", None),
        (ssl.SSLCertVerificationError(1, "self-signed"), "tls", None),
        (aiohttp.ServerDisconnectedError(), "reset", "Server disconnected"),
        (UnicodeError("label too long"), "malformed", "label too long"),
        (RuntimeError("Connection closed."), "reset", "Connection closed."),
    ],
)
def test_an_error_is_told_in_the_words_of_the_ledger(error, reason, detail):
    told = translated(error)
    assert told.reason == reason
    assert detail is None or told.detail == detail


def test_a_connection_error_is_told_by_its_errno():
    key = SimpleNamespace(host="h", port=80, ssl=True)
    assert translated(aiohttp.ClientConnectorError(key, ConnectionRefusedError(111, "x"))).reason == "refused"
    assert translated(aiohttp.ClientConnectorError(key, OSError(101, "x"))).reason == "unreachable"
