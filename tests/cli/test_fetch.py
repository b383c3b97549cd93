"""``acrawl fetch``: one request, told; as processes against a site on loopback."""

import gzip
import re

import pytest

from acrawl.errors import EXIT_ENVIRONMENT, EXIT_FAILED, EXIT_OK, EXIT_USAGE
from acrawl.settings import Fetch

pytestmark = pytest.mark.process

SPIDER = """
from acrawl import Spider

async def stamp(request, send):
    return await send(request.replace(headers={"X-Stamp": "1"}))

class Stamping(Spider):
    custom_settings = {"politeness": {"obey_robots": False}, "retry": {"times": 7}}
    stages = [stamp]

    def __init__(self, word):
        super().__init__(word=word)
"""


def told(acrawl, *arguments, code=EXIT_OK):
    done = acrawl("fetch", *arguments)
    assert done.code == code, done.out + done.err
    return done.out


def test_an_answer_is_told_from_robots_txt_to_its_body(acrawl, live):
    live.add("/robots.txt", "User-agent: *\nDisallow: /private\nAllow: /private/but", "text/plain")
    url = live.add("/private/but", gzip.compress(b"x" * 9000), content_encoding="gzip", set_cookie="sid=secret; Path=/")
    out = told(acrawl, url)
    lines = [line.split() for line in out.splitlines()]
    assert lines[0] == ["GET", url]
    assert "robots.txt: 200; allowed by Allow: /private/but" in out
    names = [line[0] for line in lines if line[2:3] == ["ms"] and line[0] != "total"]
    stages = [name for name in Fetch().stages if name not in {"spider", "cache", "proxy"}]
    assert names == ["connect", "wait", *stages, "wait"]
    assert re.search(r"connection +kept from before, 127\.0\.0\.1", out)
    assert "200 text/html" in out
    assert "body: 9,000 bytes decoded from gzip" in out
    assert "cookies set: sid\n" in out
    assert "in a crawl: fetched" in out
    assert "secret" not in out
    verbose = told(acrawl, url, "-v")
    assert "  > GET /private/but HTTP/1.1" in verbose
    assert "  < Set-Cookie: sid=secret; Path=/" in verbose


def test_credentials_are_sent_and_not_told(acrawl, live):
    url = live.page("/members")
    shown = told(acrawl, url, "-v", "-s", f'auth.hosts={{"{live.origin}" = "basic me:s3cret"}}')
    assert "  > Authorization: Basic ***" in shown


@pytest.mark.parametrize("options", [[], ["-o", "page"], ["--body"]])
def test_a_body_too_large_for_memory_is_told_of_and_written_like_any_other(acrawl, live, tmp_path, options):
    page = "<p>hello</p>" * 200_000
    done = acrawl("fetch", live.add("/long", page), *options)
    assert done.code == EXIT_OK, done.err
    assert "2,400,000 bytes" in done.out + done.err
    assert (done.out == page) == ("--body" in options)
    if "-o" in options:
        assert (tmp_path / "page").read_text() == page


def test_a_request_that_is_sent_twice_has_its_own_connection_each_time(acrawl, live):
    live.add("/members", "", status=401, www_authenticate='Basic realm="r"')
    login = f'auth.hosts={{"{live.origin}" = "login me:s3cret"}}'
    out = told(acrawl, live.url("/members"), "-s", login, code=EXIT_FAILED)
    assert [out.count("transport"), out.count("kept from before")] == [2, 2]
    assert "what changes it: auth.hosts holds logins" in out


def test_redirects_are_followed_hop_by_hop_or_not(acrawl, live):
    url = live.add("/a", "", status=302, location="/b")
    live.add("/b", "there")
    out = told(acrawl, url)
    assert [line for line in out.splitlines() if line.startswith("GET")] == [f"GET {url}", f"GET {live.url('/b')}"]
    assert f"leads to {live.url('/b')}" in out
    assert live.hits == {"/a": 1, "/b": 1}
    assert told(acrawl, url, "--no-follow").count("GET") == 1


def test_what_is_forbidden_is_not_asked_for(acrawl, live):
    live.add("/robots.txt", "User-agent: *\nDisallow: /private", "text/plain")
    out = told(acrawl, live.url("/private/x"), code=EXIT_FAILED)
    assert "forbidden by Disallow: /private" in out
    assert "excluded(robots)" in out
    assert "politeness.obey_robots=false" in out
    assert not live.hits
    live.add("/robots.txt", "", "text/plain", status=500)
    out = told(acrawl, live.url("/"), code=EXIT_FAILED)
    assert "excluded(robots-unreachable)" in out
    assert not live.hits


def test_what_would_become_of_it_is_said_in_words(acrawl, live, refused_url):
    live.add("/500", "", status=500)
    live.add("/503", "", status=503, retry_after="7")
    plain = ("-s", "politeness.obey_robots=false")
    assert "tried again in about 1 s, at most 2 more times; then failed(http-500)" in told(
        acrawl, live.url("/500"), *plain, code=EXIT_FAILED
    )
    assert "nothing would be asked of its host for 7 s" in told(acrawl, live.url("/503"), *plain, code=EXIT_FAILED)
    assert "in a crawl: failed(http-404): the server answered 404" in told(
        acrawl, live.url("/none"), *plain, code=EXIT_FAILED
    )
    assert "failed(refused): its host refused the connection" in told(acrawl, refused_url, *plain, code=EXIT_FAILED)
    assert "(refused: " in told(acrawl, refused_url, code=EXIT_FAILED)


def test_the_body_goes_where_it_is_wanted_and_the_words_elsewhere(acrawl, live, tmp_path):
    url = live.add("/a", "caf\xe9\n".encode(), "text/plain")
    done = acrawl("fetch", url, "--body", "-o", "body")
    assert (done.code, done.out) == (EXIT_OK, "caf\xe9\n")
    assert "200 text/plain" in done.err
    assert (tmp_path / "body").read_bytes() == "caf\xe9\n".encode()


def test_the_request_is_as_it_was_typed(acrawl, live):
    url = live.add("/form", "done")
    out = told(acrawl, url, "-d", "a=b&c=d", "-H", "X-Mine:  1 ", "-v")
    assert out.startswith(f"POST {url}\n")
    assert "  > X-Mine: 1\n" in out
    assert "  > Content-Type: application/x-www-form-urlencoded\n" in out
    assert "  > Content-Length: 7\n" in out
    assert told(acrawl, url, "-X", "put", "-d", "x", "-H", "content-type: text/plain", "-v").count("text/plain") == 1


def test_a_spider_brings_its_stages_and_settings(acrawl, live, tmp_path):
    (tmp_path / "stamping.py").write_text(SPIDER)
    live.add("/", "", status=500)
    out = told(acrawl, live.url(), "--spider", "stamping.py", "-a", "word=x", "-v", code=EXIT_FAILED)
    assert "stamp " in out
    assert "  > X-Stamp: 1\n" in out
    assert "at most 7 more times" in out
    assert "robots.txt" not in out


def test_the_cache_says_what_it_did(acrawl, live):
    url = live.add("/a", "body", cache_control="max-age=60", etag='"1"')
    cached = ("-s", "cache.mode=http")
    assert "cache: nothing that is stored was used" in told(acrawl, url, *cached)
    out = told(acrawl, url, *cached)
    assert "cache: stored before, and nothing was sent" in out
    assert "transport" not in out
    again = told(acrawl, url, *cached, "-H", "Cache-Control: no-cache")
    assert "the server says that it still holds" in again
    assert live.hits == {"/a": 2}
    assert "cache:" not in told(acrawl, url)


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["ftp://a.test/"], EXIT_USAGE, "not an http(s) URL"),
        (["http://a.test/", "-H", "broken"], EXIT_USAGE, "write -H 'Name: value'"),
        (["http://a.test/", "--spider", "none.py"], EXIT_USAGE, "no such spider file"),
        (["http://a.test/", "-s", "cache.mode=sometimes"], EXIT_USAGE, "cache.mode"),
        (["http://a.test/", "-s", "cache.mode=replay", "-s", "cache.folder=none"], EXIT_ENVIRONMENT, "cache.folder"),
    ],
)
def test_a_mistake_gets_one_line(acrawl, arguments, code, complaint):
    done = acrawl("fetch", *arguments)
    assert done.code == code
    assert complaint in done.complaint


def test_a_crawl_whose_cache_cannot_be_used_does_not_begin(acrawl, tmp_path):
    (tmp_path / "file").write_text("in the way")
    for mode, folder in (("http", "file/cache"), ("replay", "none")):
        options = ("-s", f"cache.mode={mode}", "-s", f"cache.folder={folder}")
        done = acrawl("images", "http://a.test/", "-o", "pictures", *options)
        assert done.code == EXIT_ENVIRONMENT
        assert "cache.folder" in done.complaint
    assert not (tmp_path / "pictures").exists()
