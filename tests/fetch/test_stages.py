"""The list of stages: what may stand in it, and what is said of what may not."""

import pytest

from acrawl.errors import FetchError, SettingsError
from acrawl.fetch import Fetcher
from acrawl.fetch.base import Exchange
from acrawl.parse.robots import parse
from acrawl.request import Request
from acrawl.response import Response
from acrawl.settings import Cache, Fetch, Settings

USUAL = Fetch().stages


class Stamp:
    """A user's stage, to be named."""

    async def __call__(self, request, send):
        return await send(request.replace(headers={"X-Stamp": "1"}))


class Broken:
    def __init__(self):
        raise OSError("no such browser")


number = 7
HERE = __name__


def settings(*names):
    return Settings(fetch=Fetch(stages=names, allow_private=True))


def put_before(name, *added):
    at = USUAL.index(name)
    return settings(*USUAL[:at], *added, *USUAL[at:])


@pytest.mark.asyncio
async def test_a_stage_goes_in_by_its_name_where_it_is_named(site):
    async with Fetcher(put_before("redirect", f"{HERE}:Stamp")) as fetcher:
        await fetcher.fetch(Request(site.url("/echo")))
    assert site.seen[0][2]["X-Stamp"] == "1"


@pytest.mark.asyncio
async def test_a_spider_names_its_own_or_brings_them(site):
    for own in (f"{HERE}:Stamp", Stamp()):
        async with Fetcher(settings(*USUAL), [own]) as fetcher:
            await fetcher.fetch(Request(site.url("/echo")))
    assert [headers["X-Stamp"] for _, _, headers in site.seen] == ["1", "1"]


@pytest.mark.asyncio
async def test_a_stage_that_forgets_to_return_the_response_is_named_as_the_one_at_fault(site):
    async def forgetful(request, send):
        await send(request)

    async with Fetcher(settings(*USUAL), [forgetful]) as fetcher:
        with pytest.raises(FetchError, match=r"^stage: a stage returned None instead of a response"):
            await fetcher.fetch(Request(site.url("/echo")))
        assert (await fetcher.fetch_robots(site.url("/"), opened=True)).rules is None


@pytest.mark.asyncio
async def test_what_robots_txt_forbids_does_not_reach_the_spiders_stages(site):
    async def never(request, send):
        raise AssertionError

    async with Fetcher(settings(*USUAL), [never]) as fetcher:
        exchange = Exchange(rules=parse(b"User-agent: *\nDisallow: /private", "acrawl"))
        with pytest.raises(Exception, match="/private") as caught:
            await fetcher.fetch(Request(site.url("/private/1")), exchange)
    assert caught.value.reason == "robots"
    assert exchange.untouched
    assert not site.hits


@pytest.mark.asyncio
async def test_stages_that_are_context_managers_live_as_long_as_the_fetcher():
    lived = []

    class Living:
        async def __aenter__(self):
            lived.append("in")

        async def __aexit__(self, *how):
            lived.append("out")

        async def __call__(self, request, send):
            return Response(request.url)

    async with Fetcher(settings(*USUAL), [Living()]) as fetcher:
        await fetcher.fetch(Request("http://a.example/"))
        assert lived == ["in"]
    assert lived == ["in", "out"]


@pytest.mark.parametrize(
    ("names", "telling"),
    [
        (("guard", "redirects", "body", "decode", "transport"), "no stage 'redirects'; did you mean 'redirect'?"),
        (("guard", "zzz", "body", "decode", "transport"), "yours as module:Class"),
        (("guard", "body"), "transport"),
        (("body", "guard", "decode", "transport"), "in this order"),
        (("guard", "body", "decode", "transport", "redirect"), "transport last"),
        ((), "must be there"),
        (("guard", "no.such.module:Stage", "body", "decode", "transport"), "no.such.module"),
        (("guard", f"{HERE}:Missing", "body", "decode", "transport"), "Missing"),
        (("guard", f"{HERE}:Broken", "body", "decode", "transport"), "no such browser"),
        (("guard", f"{HERE}:number", "body", "decode", "transport"), "cannot be called"),
    ],
)
def test_a_list_that_cannot_work_is_refused_by_name(names, telling):
    with pytest.raises(SettingsError) as caught:
        Fetcher(settings(*names))
    assert str(caught.value).startswith("fetch.stages: ")
    assert telling in str(caught.value)


@pytest.mark.parametrize(
    "names", [("guard", "body", "decode", "transport"), ("guard", "body", "cache", "decode", "transport")]
)
def test_a_cache_that_would_not_be_asked_is_refused(names):
    with pytest.raises(SettingsError, match=r"cache\.mode=replay"):
        Fetcher(Settings(fetch=Fetch(stages=names), cache=Cache(mode="replay")))
