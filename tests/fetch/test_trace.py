"""A trace tells what an exchange did: its stages in their order, and how it got its connection."""

import asyncio
import os
import sys

import pytest

from acrawl.errors import FetchError, IgnoreRequest
from acrawl.fetch import Fetcher
from acrawl.fetch.base import Exchange
from acrawl.fetch.trace import Trace
from acrawl.request import Request
from acrawl.settings import Fetch, Settings, Tls
from fetch.proxying import HttpProxy
from fetch.test_transport import certificate
from server import Site

__all__ = ["certificate"]

OPEN = Settings(fetch=Fetch(allow_private=True))


async def traced(fetcher, url, **fields):
    trace = Trace()
    await fetcher.fetch(Request(url, **fields), Exchange(trace=trace))
    return trace


@pytest.mark.asyncio
async def test_every_stage_is_passed_on_the_way_down_and_up(site):
    async def twice(request, send):
        await send(request)
        return await send(request)

    async with Fetcher(OPEN, [twice]) as fetcher:
        trace = await traced(fetcher, site.url("/gzip"))
    names = [(step.name.rpartition(".")[2], step.depth) for step in trace.steps]
    order = ["cookies", "auth", "redirect", "revisit", "body", "decode", "transport"]
    below = [(name, 3 + n) for n, name in enumerate(order)]
    assert names == [("guard", 0), ("robots", 1), ("twice", 2), *below, *below]
    assert {step.end for step in trace.steps} == {"200"}
    assert all(step.down >= 0 and step.up >= 0 for step in trace.steps)
    first, last = trace.steps[0], trace.steps[-1]
    assert trace.seconds == first.ended - first.began
    assert sum(step.down + step.up for step in trace.steps) == pytest.approx(trace.seconds)
    assert last.up == 0.0


@pytest.mark.asyncio
async def test_a_new_connection_is_made_and_a_kept_one_is_not(site):
    async with Fetcher(OPEN) as fetcher:
        (new,) = (await traced(fetcher, site.url("/page/1"))).connections
        (kept,) = (await traced(fetcher, site.url("/page/2"))).connections
        (named,) = (await traced(fetcher, site.url("/").replace("127.0.0.1", "localhost"))).connections
        await fetcher.fetch(Request(site.url("/page/1")))
    assert new.connect > 0
    assert new.wait > 0
    assert (new.dns, new.handshake, new.tls, new.queued) == (None, None, None, None)
    assert (kept.connect, kept.wire) == (None, new.wire)
    assert named.dns > 0
    assert kept.head.startswith(b"GET /page/2 HTTP/1.1\r\nHost: ")


@pytest.mark.asyncio
async def test_what_came_is_counted_by_exchange(site):
    async with Fetcher(OPEN) as fetcher:
        for path in ("/bytes/1000", "/bytes/1000", "/bytes/100000"):
            trace = await traced(fetcher, site.url(path))
            size = int(path.rpartition("/")[2])
            assert size < trace.received < size + 500


@pytest.mark.asyncio
async def test_of_tls_is_told_what_was_agreed(certificate):
    trusting = Settings(fetch=Fetch(allow_private=True), tls=Tls(verify=False))
    async with Site(ssl_context=certificate) as site, Fetcher(trusting) as fetcher:
        (connection,) = (await traced(fetcher, site.url("/page/1"))).connections
    assert connection.tls.version == "TLSv1.3"
    assert "AES" in connection.tls.cipher or "CHACHA" in connection.tls.cipher
    assert (connection.tls.issuer, connection.tls.until) == ("", ""), "it was not verified"
    assert connection.connect > 0
    assert connection.handshake > 0


@pytest.mark.process
@pytest.mark.asyncio
async def test_a_verified_certificate_is_named(certificate, tmp_path):
    async with Site(ssl_context=certificate) as site:
        fetching = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "acrawl", "fetch", site.url("/page/1")),
            env=os.environ | {"SSL_CERT_FILE": str(tmp_path / "pair.pem")},
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await asyncio.wait_for(fetching.communicate(), 30)
    (tls,) = (line for line in out.decode().splitlines() if line.split()[0] == "tls")
    assert "TLSv1.3" in tls
    assert "by 127.0.0.1, valid until " in tls


@pytest.mark.asyncio
async def test_a_connection_that_turns_out_to_be_dead_is_told_beside_the_one_that_served(site):
    async with Fetcher(OPEN) as fetcher:
        await fetcher.fetch(Request(site.url("/page/1")))
        trace = Trace()
        with pytest.raises(FetchError):
            await fetcher.fetch(Request(site.url("/drop")), Exchange(trace=trace))
    assert [connection.connect is None for connection in trace.connections] == [True, False]
    assert all(connection.wait > 0 for connection in trace.connections)
    assert {step.end for step in trace.steps} == {"reset"}


@pytest.mark.asyncio
async def test_a_stage_that_ends_it_says_why(site):
    async def unwanted(request, send):
        raise IgnoreRequest("not this one")

    trace = Trace()
    async with Fetcher(OPEN, [unwanted]) as fetcher:
        with pytest.raises(IgnoreRequest):
            await fetcher.fetch(Request(site.url("/page/1")), Exchange(trace=trace))
    assert [step.end for step in trace.steps] == ["filter"] * 3
    assert trace.steps[-1].down == pytest.approx(trace.steps[-1].ended - trace.steps[-1].began)
    assert not trace.connections
    assert trace.received == 0


@pytest.mark.asyncio
async def test_a_way_through_a_proxy_is_told_too(site):
    async with HttpProxy().serving() as proxy, Fetcher(OPEN) as fetcher:
        (connection,) = (await traced(fetcher, site.url("/image/1.png"), proxy=f"http://{proxy.address}")).connections
    assert connection.head.startswith(f"GET {site.url('/image/1.png')} HTTP/1.1\r\n".encode())
    assert connection.connect > 0
