"""nginx, as Debian packages it: codings, ranges, limits, connections that it closes, and what it says for others."""

from __future__ import annotations

import asyncio
import collections

import pytest
import pytest_asyncio

from acrawl.fetch import retry
from peers.asking import Asking
from peers.programs import free_port, nginx
from server import pattern, raw_server

CONFIG = """
daemon off;
master_process off;
pid nginx.pid;
events {{ worker_connections 256; }}
http {{
  access_log access.log;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  default_type application/octet-stream;
  types {{ text/html html; image/png png; text/plain txt; }}
  large_client_header_buffers 4 4k;
  gzip on;
  gzip_min_length 100;
  gzip_types text/plain;
  limit_req_zone $server_port zone=busy:1m rate=5r/s;
  limit_req_zone $server_port zone=full:1m rate=5r/s;
  server {{
    listen 127.0.0.1:{port};
    root {root};
    keepalive_requests 10;
    location /busy/ {{ alias {root}/; limit_req zone=busy; limit_req_status 429; error_page 429 @busy; }}
    location @busy {{ add_header Retry-After 1 always; return 429 "slower\n"; }}
    location /full/ {{ alias {root}/; limit_req zone=full; limit_req_status 503; error_page 503 @full; }}
    location @full {{ add_header Retry-After "Wed, 01 Jan 2020 00:00:00 GMT" always; return 503 "later\n"; }}
    location /cut/ {{ return 444; }}
    location /moved {{ return 301 /page.html; }}
    location /away {{ proxy_pass http://127.0.0.1:1; }}
    location /behind/ {{
      proxy_pass http://{upstream}; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
      proxy_read_timeout 1s;
    }}
  }}
}}
"""
PAGE = "<!doctype html><title>a page</title>" + "<p>all kinds of words" * 400
BODY = pattern(300_000)


async def upstream(reader, writer):
    """Slow, silent, or broken, by path."""
    while True:
        path = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1]
        if path == b"/behind/slow":
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for n in range(5):
                await asyncio.sleep(0.05)
                writer.write(b"2\r\n%d.\r\n" % n)
            writer.write(b"0\r\n\r\n")
        elif path == b"/behind/silent":
            await reader.read()
        elif path == b"/behind/cut":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it")
            return
        else:
            writer.write(b"no HTTP at all\r\n\r\n")
            return


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("www")
    (folder / "page.html").write_text(PAGE)
    (folder / "bytes.bin").write_bytes(BODY)
    (folder / "words.txt").write_text("words " * 1000)
    return folder


@pytest_asyncio.fixture
async def ask(root, tmp_path):
    port = free_port()
    async with raw_server(upstream) as address:
        with nginx(tmp_path, CONFIG.format(port=port, root=root, upstream=address), port) as origin:
            async with Asking(origin) as asking:
                yield asking


@pytest.mark.asyncio
@pytest.mark.parametrize(("path", "body"), [("/page.html", PAGE.encode()), ("/words.txt", b"words " * 1000)])
async def test_gzip(ask, path, body):
    response = await ask(path)
    assert response.body == body
    assert response.headers["Content-Encoding"] == "gzip"
    assert response.headers["Server"].startswith("nginx")


@pytest.mark.asyncio
async def test_a_range_is_a_part_and_beyond_the_end_is_none(ask):
    etag = (await ask("/bytes.bin")).headers["ETag"]
    part = await ask("/bytes.bin", headers={"Range": "bytes=1000-1999", "If-Range": etag})
    assert (part.status, part.body) == (206, BODY[1000:2000])
    assert part.headers["Content-Range"] == "bytes 1000-1999/300000"
    assert (await ask("/bytes.bin", headers={"Range": "bytes=-7"})).body == BODY[-7:]
    whole = await ask("/bytes.bin", headers={"Range": "bytes=1000-", "If-Range": '"another"'})
    assert (whole.status, whole.body) == (200, BODY)
    parts = await ask("/bytes.bin", headers={"Range": "bytes=0-1,4-5"})
    assert (parts.status, parts.content_type) == (206, "multipart/byteranges")
    assert await ask.word("/bytes.bin", headers={"Range": "bytes=300000-"}) == "http-416"


@pytest.mark.asyncio
async def test_not_modified(ask):
    first = await ask("/page.html")
    for name, value in (
        ("If-None-Match", first.headers["ETag"]),
        ("If-Modified-Since", first.headers["Last-Modified"]),
    ):
        again = await ask("/page.html", headers={name: value})
        assert (again.status, again.body) == (304, b"")


@pytest.mark.asyncio
async def test_head(ask):
    response = await ask("/bytes.bin", method="HEAD")
    assert (response.status, response.body, response.headers["Content-Length"]) == (200, b"", "300000")


@pytest.mark.asyncio
@pytest.mark.parametrize(("place", "status", "pause"), [("busy", 429, 1.0), ("full", 503, 0.0)])
async def test_a_rate_limit_is_a_pause_of_the_length_it_says(ask, place, status, pause):
    answers = await asyncio.gather(*(ask(f"/{place}/page.html") for _ in range(6)))
    counts = collections.Counter(response.status for response in answers)
    assert set(counts) == {200, status}
    refused = next(response for response in answers if response.status == status)
    verdict = retry.decide(ask.settings.retry, 1, refused, 1_800_000_000.0)
    assert (verdict.kind, verdict.delay) == ("pause", pause)


@pytest.mark.asyncio
async def test_connections_that_end_after_ten_requests_cost_nothing(ask, tmp_path):
    """A POST is never sent twice, so a connection that was closed under it would make it fail."""
    for n in range(35):
        response = await ask(f"/page.html?{n}", method="POST" if n % 10 in {0, 9} else "GET")
        assert response.status in {200, 405}
    answers = await asyncio.gather(*(ask(f"/page.html?{n}") for n in range(100)))
    assert {response.status for response in answers} == {200}
    assert len((tmp_path / "access.log").read_text().splitlines()) == 135


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("/missing", "http-404"),
        ("/", "http-403"),
        ("/cut/", "reset"),
        ("/away", "http-502"),
        ("/behind/silent", "http-504"),
        ("/behind/cut", "truncated"),
        ("/page.html?" + "x" * 3000, "ok"),
        ("/page.html?" + "x" * 5000, "http-414"),
    ],
)
async def test_what_goes_wrong_has_its_word(ask, path, word):
    assert await ask.word(path) == word


@pytest.mark.asyncio
async def test_a_slow_server_behind_is_waited_for(ask):
    response = await ask("/behind/slow")
    assert response.body == b"0.1.2.3.4."
    assert response.seconds > 0.2


@pytest.mark.asyncio
async def test_a_redirect_names_its_target_with_host_and_port(ask):
    response = await ask("/moved")
    assert response.status == 301
    assert response.following.url == ask.origin + "/page.html"


@pytest.mark.asyncio
async def test_headers_that_nginx_refuses(ask):
    assert (await ask("/page.html", headers={"X-Long": "x" * 40_000})).status == 400
