"""``acrawl shell``: as processes, with code on the command line, from a pipe, and at a terminal."""

import os
import pty
import re
import select
import subprocess
import sys
import time

import pytest

from acrawl.errors import EXIT_FAILED, EXIT_OK, EXIT_USAGE
from crawl.command import DEADLINE

pytestmark = pytest.mark.process

PAGE = "<!doctype html><html><head><title>Été</title></head><body><a href=/next>on</a><p>one<p>two</body></html>"
ACRAWL = [sys.executable, "-m", "acrawl", "shell"]

SPIDER = """
from acrawl import Spider

async def stamp(request, send):
    return await send(request.replace(headers={"X-Stamp": "1"}))

class Stamping(Spider):
    name = "stamping"
    custom_settings = {"politeness": {"obey_robots": False}}
    stages = [stamp]
"""


def piped(lines, *arguments, cwd, **more):
    text = "\n".join([*lines, ""])
    return subprocess.run(
        [*ACRAWL, *arguments],
        input=text,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
        **more,
    )


def test_code_sees_the_page_and_its_value_is_printed(acrawl, live):
    done = acrawl("shell", live.add("/", PAGE), "-c", "response.css('title::text').get()")
    assert (done.code, done.out, done.err) == (EXIT_OK, "Été\n", "")
    done = acrawl(
        "shell", live.url("/"), "-c", "x = response.css('p::text').getall()\n[request.method, response.status, *x]"
    )
    assert done.out == "['GET', 200, 'one', 'two']\n"
    assert acrawl("shell", live.url("/"), "-c", "x = 1").out == ""


def test_an_error_of_the_code_is_shown_as_python_shows_it(acrawl):
    done = acrawl("shell", "-c", "def f():\n    return response.css\nf()")
    assert (done.code, done.out) == (EXIT_FAILED, "")
    assert done.err.splitlines()[0] == "Traceback (most recent call last):"
    assert done.err.splitlines()[-1] == "AttributeError: 'NoneType' object has no attribute 'css'"
    assert "src/acrawl" not in done.err
    assert acrawl("shell", "-c", "x = (").err.endswith("SyntaxError: '(' was never closed\n")
    assert acrawl("shell", "-c", "raise SystemExit(7)").code == 7


def test_what_cannot_be_fetched_is_said_in_a_line(acrawl, live):
    live.add("/robots.txt", "User-agent: *\nDisallow: /private", "text/plain")
    live.add("/private", PAGE)
    done = acrawl("shell", live.url("/private"), "-c", "response.status")
    assert (done.code, done.out) == (EXIT_FAILED, "")
    assert done.complaint == f"acrawl: {live.url('/private')}: robots: Disallow: /private"
    told = acrawl("shell", live.url("/private"), "-s", "politeness.obey_robots=false", "-c", "response.status")
    assert (told.code, told.out) == (EXIT_OK, "200\n")


def test_a_page_of_an_error_is_a_page(acrawl, live):
    assert acrawl("shell", live.add("/gone", "gone", status=410), "-c", "response.status").out == "410\n"


def test_redirects_are_followed_or_not(acrawl, live):
    url = live.add("/old", "", status=301, location=live.add("/new", PAGE))
    assert acrawl("shell", url, "-c", "response.url").out == f"{live.url('/new')}\n"
    assert acrawl("shell", url, "--no-follow", "-c", "response.status, response.url").out == f"(301, '{url}')\n"


def test_a_spider_gives_settings_and_stages(acrawl, live, tmp_path):
    (tmp_path / "stamping.py").write_text(SPIDER)
    code = "fetch(response.urljoin('/next')); spider.name, settings.politeness.obey_robots, response.status"
    done = acrawl("shell", live.add("/", PAGE), "--spider", "stamping.py", "-c", code)
    assert done.out == "('stamping', False, 404)\n"
    assert done.err == f"<404 {live.url('/next')}>\n"


@pytest.mark.parametrize("where", ["page.html", "-"])
def test_a_saved_page_is_read_from_a_file_or_from_standard_input(tmp_path, where):
    (tmp_path / "page.html").write_text(PAGE)
    code = "[response.url, response.css('title::text').get(), response.links()[0].url]"
    for options, url in ([], "http://localhost/"), (["--url", "https://h.test/a"], "https://h.test/"):
        done = piped([PAGE], where, *options, "-c", code, cwd=tmp_path)
        shown = url + ("a" if options else "page.html" if where != "-" else "")
        assert done.stdout == f"['{shown}', 'Été', '{url}next']\n", done.stderr


def test_a_saved_feed_is_xml(tmp_path):
    (tmp_path / "feed.rss").write_text("<rss><item><link>http://h.test/1</link></item></rss>")
    code = "response.xpath('//item/link/text()').get()"
    done = piped([], "feed.rss", "-c", code, cwd=tmp_path)
    assert done.stdout == "http://h.test/1\n"


def test_lines_of_a_pipe_are_run_one_after_the_other(live, tmp_path):
    lines = [
        f"fetch({live.add('/', PAGE)!r})",
        "for text in response.css('p::text').getall():",
        "    print(text)",
        "",
        "1 / 0",
        f"fetch(Request({live.url('/gone')!r}))",
        "response.status",
        "fetch('http://[')",
        "shelp()",
    ]
    done = piped(lines, cwd=tmp_path)
    assert done.returncode == EXIT_OK
    assert done.stdout.startswith("one\ntwo\n404\n  response ")
    assert done.stderr.startswith(f"<200 {live.url('/')}>\nTraceback (most recent call last):\n")
    assert "ZeroDivisionError: division by zero\n<404 " in done.stderr
    assert "acrawl: not an absolute URL: 'http://['" in done.stderr
    assert ">>>" not in done.stdout


def test_a_page_is_shown_in_the_browser_with_a_base(live, tmp_path):
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\ncp "${{1#file://}}" {tmp_path}/shown.html; echo "$1" > {tmp_path}/url\n')
    browser.chmod(0o755)
    env = {**os.environ, "BROWSER": f"{browser} %s", "TMPDIR": str(tmp_path)}
    done = piped(["view()", "view(response)"], live.add("/a/b", PAGE), cwd=tmp_path, env=env)
    assert done.stdout == "True\nTrue\n", done.stderr
    shown = (tmp_path / "shown.html").read_text()
    assert f'<head><meta charset="utf-8"><base href="{live.url("/a/b")}"><title>Été</title>' in shown
    assert re.fullmatch(r"file:///.*acrawl-\w+\.html\n", (tmp_path / "url").read_text())


def test_a_page_is_shown_with_the_base_that_it_names_itself(live, tmp_path):
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\ncp "${{1#file://}}" {tmp_path}/shown.html\n')
    browser.chmod(0o755)
    env = {**os.environ, "BROWSER": f"{browser} %s", "TMPDIR": str(tmp_path)}
    piped(["view()"], live.add("/a/b", '<head><base href="/c/"><img src=d>'), cwd=tmp_path, env=env)
    assert f'<base href="{live.url("/c/")}">' in (tmp_path / "shown.html").read_text()


def test_there_is_a_prompt_at_a_terminal(live, tmp_path):
    terminal, end = pty.openpty()
    env = {**os.environ, "TERM": "dumb", "PYTHONIOENCODING": "utf-8"}
    process = subprocess.Popen(
        [*ACRAWL, live.add("/", PAGE)], stdin=end, stdout=end, stderr=end, cwd=tmp_path, env=env, start_new_session=True
    )
    os.close(end)
    try:
        seen = until(terminal, ">>> ")
        assert f"response: <200 {live.url('/')}>" in seen
        assert "shelp()" in seen
        os.write(terminal, b"response.css('p::text').getall()\n")
        assert "['one', 'two']" in until(terminal, ">>> ")
        os.write(terminal, b"respon\t.status\n")
        assert "200" in until(terminal, ">>> ")
        os.write(terminal, b"1 / 0\n")
        assert "ZeroDivisionError" in until(terminal, ">>> ")
        os.write(terminal, b"exit()\n")
        assert process.wait(DEADLINE) == EXIT_OK
    finally:
        process.kill()
        process.wait()
        os.close(terminal)


def until(terminal, mark):
    seen, deadline = b"", time.monotonic() + DEADLINE
    while not seen.endswith(mark.encode()):
        assert select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))[0], seen
        seen += os.read(terminal, 65536)
    return seen.decode()


def test_wrong_usage_is_said_in_a_line(acrawl, tmp_path):
    assert "--url tells where" in acrawl("shell", "--url", "http://h.test/", "-c", "1").complaint
    done = acrawl("shell", "-")
    assert done.code == EXIT_USAGE
    assert "give the code with -c" in done.complaint
    assert acrawl("shell", "ftp://h.test/", "-c", "1").code == EXIT_USAGE


def test_a_file_that_is_not_there_is_not_taken_for_a_host(acrawl):
    done = acrawl("shell", "nofile.html", "-c", "1")
    assert (done.code, done.out) == (EXIT_USAGE, "")
    assert done.err == "acrawl: nofile.html: no such file; write https://nofile.html/ if it is a host\n"
