"""What each answer to the question for robots.txt means."""

import pytest
import pytest_asyncio

from acrawl.clock import SystemClock
from acrawl.errors import FetchError, IgnoreRequest
from acrawl.fetch import Fetcher
from acrawl.fetch.robots import fetch_robots
from acrawl.request import Request
from acrawl.settings import Fetch, Settings
from server import Site

CLOSED = "User-agent: *\nDisallow: /\n"


@pytest_asyncio.fixture
async def fetcher():
    settings = Settings(fetch=Fetch(user_agent="testbot/2.0 (+https://a.example)", idle_timeout=0.3))
    async with Fetcher(settings) as fetcher:
        yield fetcher


@pytest.mark.asyncio
async def test_rules_are_read_for_our_product(site, fetcher):
    site.robots = "User-agent: testbot\nDisallow: /private\nCrawl-delay: 2\n\n" + CLOSED
    answer = await fetcher.fetch_robots(site.url("/robots.txt"), opened=True)
    assert answer.http_status == 200
    assert answer.rules.allowed(site.url("/page/1"))
    assert not answer.rules.allowed(site.url("/private/x"))
    assert answer.rules.crawl_delay == 2.0


@pytest.mark.asyncio
@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
async def test_no_robots_txt_allows_everything(site, fetcher, status):
    site.robots = status
    answer = await fetcher.fetch_robots(site.url("/robots.txt"), opened=True)
    assert (answer.http_status, answer.rules.allowed(site.url("/page/1"))) == (status, True)


@pytest.mark.asyncio
@pytest.mark.parametrize(("status", "pause"), [(500, 0.0), (502, 0.0), (503, 7.0), (429, 7.0)])
async def test_a_server_in_trouble_is_asked_again(site, fetcher, status, pause):
    site.robots = status
    answer = await fetcher.fetch_robots(site.url("/robots.txt"), opened=True)
    assert (answer.rules, answer.http_status, answer.pause) == (None, status, pause)
    assert answer.reason == f"http-{status}"


@pytest.mark.asyncio
async def test_an_unreachable_host_is_asked_again(site, fetcher, refused_url):
    answer = await fetcher.fetch_robots(refused_url + "robots.txt", opened=True)
    assert (answer.rules, answer.reason, answer.http_status) == (None, "refused", 0)
    answer = await fetcher.fetch_robots(site.url("/silent"), opened=True)
    assert (answer.rules, answer.reason) == (None, "timeout")


@pytest.mark.asyncio
async def test_redirects_are_followed_five_times(site, fetcher):
    answer = await fetcher.fetch_robots(site.url("/robots/moved"), opened=True)
    assert not answer.rules.allowed(site.url("/page/1"))
    answer = await fetcher.fetch_robots(site.url("/redirect/4"), opened=True)  # the fifth leads to a page
    assert answer.http_status == 200
    answer = await fetcher.fetch_robots(site.url("/robots/loop"), opened=True)
    assert answer.rules.allowed(site.url("/page/1"))
    assert site.hits["/robots/loop"] == 6


@pytest.mark.asyncio
async def test_a_redirect_that_leads_nowhere_is_no_robots_txt(site, fetcher):
    answer = await fetcher.fetch_robots(site.url("/redirect-to?to=file:///etc/passwd"), opened=True)
    assert answer.rules.allowed(site.url("/page/1"))


@pytest.mark.asyncio
async def test_another_host_is_left_to_the_frontier(site, fetcher):
    async with Site() as other:
        answer = await fetcher.fetch_robots(site.url(f"/redirect-to?to={other.url('/robots.txt')}"), opened=True)
        assert (answer.rules, answer.leads) == (None, other.url("/robots.txt"))
        assert not other.hits


@pytest.mark.asyncio
async def test_redirects_at_former_hosts_count(site, fetcher):
    answer = await fetcher.fetch_robots(site.url("/robots/moved"), opened=True, hops=4)
    assert not answer.rules.allowed(site.url("/page/1"))
    answer = await fetcher.fetch_robots(site.url("/robots/moved"), opened=True, hops=5)
    assert answer.rules.allowed(site.url("/page/1"))


@pytest.mark.asyncio
@pytest.mark.parametrize("max_body", [1000, 32 << 20])
async def test_a_long_file_is_cut_and_not_refused(site, max_body):
    """The rule after the first 500 KiB does not count; the size of pages has no say."""
    async with Fetcher(Settings(fetch=Fetch(max_body=max_body))) as fetcher:
        answer = await fetcher.fetch_robots(site.url("/robots/long"), opened=True)
        assert answer.rules.allowed(site.url("/page/1"))
        site.robots = CLOSED + "# " + "x" * 600_000
        answer = await fetcher.fetch_robots(site.url("/robots.txt"), opened=True)
        assert not answer.rules.allowed(site.url("/page/1"))


@pytest.mark.asyncio
@pytest.mark.parametrize(("error", "known"), [(IgnoreRequest("not wanted"), True), (FetchError("tls", "no"), False)])
async def test_what_a_stage_raises_does_not_escape(error, known):
    async def send(request):
        raise error

    answer = await fetch_robots(Request("http://a.example/robots.txt"), send, "testbot", SystemClock())
    assert (answer.rules is not None, answer.detail) == (known, "not wanted" if known else "no")
