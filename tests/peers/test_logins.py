"""httpbin's ways of logging in: somebody else's reading of the RFCs."""

from __future__ import annotations

import pytest

from acrawl.request import Request
from acrawl.settings import Auth, Fetch
from fetch.serving import Exchanging
from peers.programs import httpbin


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    with httpbin(tmp_path_factory.mktemp("httpbin")) as origin:
        yield origin


def knowing(origin, text):
    sections = {"auth": Auth(hosts={origin: text} if text else {})}
    return Exchanging(Fetch(allow_private=True), sections=sections, stages=("auth",))


@pytest.mark.asyncio
@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
@pytest.mark.parametrize("qop", ["auth", "auth-int"])
async def test_digest(origin, qop, algorithm):
    url = f"{origin}/digest-auth/{qop}/me/secret/{algorithm}"
    async with knowing(origin, "digest me:secret") as fetch:
        for _ in range(3):
            assert (await fetch(Request(url))).json() == {"authenticated": True, "user": "me"}
    async with knowing(origin, "digest me:wrong") as fetch:
        assert (await fetch(Request(url))).status == 401
    async with knowing(origin, "") as fetch:
        assert (await fetch(Request(url))).status == 401
        assert (await fetch(Request(url.replace("://", "://me:secret@")))).json()["authenticated"]


@pytest.mark.asyncio
async def test_a_nonce_that_gets_stale(origin):
    url = f"{origin}/digest-auth/auth/me/secret/MD5/1"
    async with knowing(origin, "login me:secret") as fetch:
        for _ in range(4):
            assert (await fetch(Request(url))).status == 200


@pytest.mark.asyncio
@pytest.mark.parametrize("way", ["basic", "login"])
async def test_basic(origin, way):
    async with knowing(origin, f"{way} me:s:cret") as fetch:
        assert (await fetch(Request(f"{origin}/basic-auth/me/s:cret"))).json()["authenticated"]
        assert (await fetch(Request(f"{origin}/basic-auth/me/other"))).status == 401


@pytest.mark.asyncio
async def test_bearer(origin):
    async with knowing(origin, "bearer TOKEN") as fetch:
        assert (await fetch(Request(f"{origin}/bearer"))).json() == {"authenticated": True, "token": "TOKEN"}
