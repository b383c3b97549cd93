"""What a page may be: so many bytes by its type, and of a type that somebody wants."""

import pytest

from acrawl.errors import FetchError
from acrawl.fetch import Fetcher
from acrawl.fetch.retry import FAIL, decide
from acrawl.outcome import FileFact
from acrawl.request import Request
from acrawl.settings import Fetch, Retry, Settings, from_pairs, resolve
from fetch.serving import LONG, Exchanging, Never, Server, failure
from server import png, raw_server

OF = {"text/": 2000, "text/html": 1000, "image/": 500, "application/JSON": 3000}


def answer(body: bytes, kind: str = "", status: int = 200, length: int | None = None) -> bytes:
    kind = f"Content-Type: {kind}\r\n" if kind else ""
    length = len(body) if length is None else length
    return f"HTTP/1.1 {status} Fine\r\nContent-Length: {length}\r\n{kind}\r\n".encode() + body


async def came(server: Server, request: str = "GET", wishes=None, **limits):
    """The body that comes, or the failure."""
    fetch = Fetch(allow_private=True, concurrency=1, **limits)
    async with raw_server(server) as address, Exchanging(fetch) as transport:
        try:
            return (await transport(Request(f"http://{address}/", method=request), **(wishes or {}))).body
        except FetchError as error:
            return error.reason


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("kind", "most"),
    [
        ("text/html", 1000),
        ("Text/HTML; charset=utf-8", 1000),
        ("text/plain", 2000),
        ("image/png", 500),
        ("application/json", 3000),
        ("video/mp4", 4000),
        ("", 4000),
    ],
)
async def test_the_longest_beginning_of_a_type_says_how_large_it_may_be(kind, most):
    limits = {"max_body": 4000, "max_body_of": OF}
    assert await came(Server(answer(bytes(most), kind)), **limits) == bytes(most)
    assert await came(Server(answer(bytes(most + 1), kind)), **limits) == "too-large"


@pytest.mark.asyncio
async def test_what_is_too_large_by_its_own_account_is_not_read():
    server = Server(answer(b"", "text/html", length=1001))  # and nothing comes of it
    assert await came(server, max_body_of=OF, idle_timeout=20) == "too-large"


@pytest.mark.asyncio
async def test_a_limit_may_be_above_the_general_one_and_is_not_for_robots_txt():
    assert await came(Server(answer(bytes(700), "text/html")), max_body=10, max_body_of=OF) == bytes(700)
    cut = await came(Server(answer(bytes(700), "image/png")), wishes={"cut": 600}, max_body_of=OF)
    assert cut == bytes(600)


@pytest.mark.parametrize(
    ("text", "value"),
    [('{"text/html" = 1000, "image/" = 50}', {"text/html": 1000, "image/": 50}), ("{}", {})],
)
def test_the_table_is_written_as_in_toml(text, value):
    assert resolve(("-s", from_pairs([f"fetch.max_body_of={text}"]))).fetch.max_body_of == value


@pytest.mark.parametrize("text", ["text/html", '{"text/html" = 0}', '{"text/html" = "much"}', '["text/html"]'])
def test_a_table_that_is_none_is_one_clear_line(text):
    with pytest.raises(Exception, match=r"^-s: fetch.max_body_of = ") as caught:
        resolve(("-s", from_pairs([f"fetch.max_body_of={text}"])))
    assert caught.typename == "SettingsError"
    assert "\n" not in str(caught.value)


# -- types ---------------------------------------------------------------------------------------------------------

WANTED = ("text/html", "application/xhtml")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("kind", "status", "wanted"),
    [
        ("text/html; charset=utf-8", 200, True),
        ("TEXT/HTML", 206, True),
        ("application/xhtml+xml", 200, True),
        ("", 200, True),
        ("image/png", 200, False),
        ("text/plain", 203, False),
        ("image/png", 301, True),
        ("image/png", 404, True),
    ],
)
async def test_a_page_of_a_type_that_nobody_wants_fails(kind, status, wanted):
    body = await came(Server(answer(b"body", kind, status)), types=WANTED)
    assert body == (b"body" if wanted else "wrong-type")


@pytest.mark.asyncio
async def test_an_unwanted_page_is_left_unread_and_a_short_one_keeps_its_connection():
    async def long(_, writer):
        writer.write(answer(b"", "video/mp4", length=len(LONG)))
        writer.write(LONG)
        await writer.drain()  # never ends: nobody reads it

    server = Server(answer(b"x" * 60_000, "video/mp4"), answer(b"page", "text/html"), long)
    async with (
        raw_server(server) as address,
        Exchanging(Fetch(allow_private=True, types=WANTED, concurrency=1)) as transport,
    ):
        url = f"http://{address}/"
        error = await failure(transport(Request(url)))
        assert (error.reason, error.detail) == ("wrong-type", "video/mp4; fetch.types are text/html, application/xhtml")
        assert (await transport(Request(url))).body == b"page"
        assert server.made == 1
        assert (await failure(transport(Request(url)))).reason == "wrong-type"
        await server.until_lost(1)


@pytest.mark.asyncio
async def test_a_short_unwanted_page_that_breaks_off_is_unwanted_all_the_same():
    async def some(_, writer):
        writer.write(answer(b"half", "image/png", length=100))
        writer.close()

    assert await came(Server(some), types=WANTED) == "wrong-type"


@pytest.mark.asyncio
async def test_robots_txt_heads_and_saved_files_are_not_judged(site):
    assert await came(Server(answer(b"User-agent: *", "text/plain")), wishes={"cut": 9}, types=WANTED) == b"User-agen"
    assert await came(Server(answer(b"", "image/png", length=10)), "HEAD", types=WANTED) == b""
    site.robots = "User-agent: *\nDisallow: /x"
    async with Fetcher(Settings(fetch=Fetch(allow_private=True, types=WANTED))) as fetcher:
        assert not (await fetcher.fetch_robots(site.url("/robots.txt"))).rules.allowed(site.url("/x"))
    sinks = [Kept(), Kept()]
    wishes = [{"sink": sink} for sink in sinks]
    async with Exchanging(Fetch(allow_private=True, types=WANTED)) as transport:
        await transport(Request(site.url("/image/1.png"), save="image/"), **wishes[0])
        error = await failure(transport(Request(site.url("/bytes/3000"), save="image/"), **wishes[1]))
    assert [sink.kept for sink in sinks] == [png(1), b""]  # what is not saved after all is a page
    assert error.reason == "wrong-type"


class Kept(Never):
    def __init__(self) -> None:
        self.kept = b""

    async def write(self, chunk):
        self.kept += chunk

    async def finish(self, url, name, content_type):
        return FileFact(url, "0" * 64, len(self.kept))

    def keep(self, key, url, beginning):
        pass


@pytest.mark.parametrize("reason", ["wrong-type", "bomb", "too-large", "malformed"])
def test_none_of_this_is_tried_again(reason):
    assert decide(Retry(), 1, FetchError(reason), 0.0).kind == FAIL


@pytest.mark.asyncio
async def test_a_head_may_announce_what_it_does_not_have(site):
    async with Exchanging(Fetch(allow_private=True, max_body=10)) as transport:
        response = await transport(Request(site.url("/bytes/3000"), method="HEAD"))
    assert (response.body, response.size, response.headers["Content-Length"]) == (b"", 0, "3000")


@pytest.mark.asyncio
@pytest.mark.parametrize(("most", "found"), [(0, "too-large"), (1999, "too-large"), (2000, b"x" * 2000)])
@pytest.mark.parametrize("limits", [{"max_body": 1000}, {"max_body": 10**6, "max_body_of": {"text/": 1000}}])
async def test_a_request_may_have_a_bound_of_its_own(most, found, limits):
    fetch = Fetch(allow_private=True, **limits)
    async with raw_server(Server(answer(b"x" * 2000, "text/html"))) as address, Exchanging(fetch) as transport:
        try:
            came = (await transport(Request(f"http://{address}/", max_body=most))).body
        except FetchError as error:
            came = error.reason
    assert came == found
