"""Stages around the transport."""

import asyncio
import json

import pytest

from acrawl.errors import FetchError, IgnoreRequest
from acrawl.fetch import Fetcher
from acrawl.fetch.base import Exchange
from acrawl.request import Request
from acrawl.response import Response
from acrawl.settings import Fetch, Settings
from acrawl.url import host_of


def opened(site):
    return Exchange(private_host=host_of(site.origin))


@pytest.mark.asyncio
async def test_without_stages_it_is_the_transport(site):
    async with Fetcher(Settings()) as fetcher:
        response = await fetcher.fetch(
            Request(site.url("/echo"), referrer=site.url("/page/1"), cookies={"a": "1"}), opened(site)
        )
    sent = dict(json.loads(response.body)["headers"])
    assert sent["Referer"] == site.url("/page/1")
    assert sent["Cookie"] == "a=1"
    assert sent["User-Agent"] == Fetch().user_agent


@pytest.mark.asyncio
async def test_stages_wrap_each_other_outermost_first(site):
    order = []

    def stage(name):
        async def call(request, send):
            order.append(f"{name} in")
            try:
                return await send(request.replace(headers={**request.headers, f"X-{name}": "1"}))
            finally:
                order.append(f"{name} out")

        return call

    async with Fetcher(Settings(), [stage("one"), stage("two")]) as fetcher:
        response = await fetcher.fetch(Request(site.url("/echo")), opened(site))
    assert order == ["one in", "two in", "two out", "one out"]
    assert {"X-one", "X-two"} <= dict(json.loads(response.body)["headers"]).keys()


@pytest.mark.asyncio
async def test_a_stage_may_answer_refuse_or_break(site):
    async def answer(request, following):
        return Response(request.url, body=b"made up", request=request)

    async def refuse(request, following):
        raise IgnoreRequest("not this one")

    async def breaks(request, following):
        raise KeyError("a bug")

    async with Fetcher(Settings(), [answer]) as fetcher:
        assert (await fetcher.fetch(Request(site.url("/")))).body == b"made up"
    async with Fetcher(Settings(), [refuse]) as fetcher:
        with pytest.raises(IgnoreRequest, match="not this one"):
            await fetcher.fetch(Request(site.url("/")))
    async with Fetcher(Settings(), [breaks]) as fetcher:
        with pytest.raises(FetchError) as caught:
            await fetcher.fetch(Request(site.url("/")))
    assert caught.value.reason == "stage"
    assert "KeyError: 'a bug'" in caught.value.detail
    assert not site.hits


@pytest.mark.asyncio
async def test_a_stage_cannot_lead_around_the_guard(site, refused_url):
    async def elsewhere(request, send):
        return await send(request.replace(url=refused_url))

    async with Fetcher(Settings(), [elsewhere]) as fetcher:
        with pytest.raises(FetchError) as caught:
            await fetcher.fetch(Request(site.url("/")), opened(site))
    assert caught.value.reason == "blocked"


@pytest.mark.asyncio
async def test_many_exchanges_run_at_once(site):
    site.delay = 0.1
    async with Fetcher(Settings(fetch=Fetch(concurrency=50))) as fetcher:
        loop = asyncio.get_running_loop()
        began = loop.time()
        urls = [site.url(f"/page/{n}") for n in range(50)]
        found = await asyncio.gather(*[fetcher.fetch(Request(url), opened(site)) for url in urls])
    assert [response.url for response in found] == urls
    assert loop.time() - began < 3  # one after the other they would take five seconds
