"""The manual's login spider against a site that lets nobody in without a form's hidden token."""

from __future__ import annotations

import pathlib
import re

import pytest
from aiohttp import web

from acrawl.errors import EXIT_OK
from crawl.command import records
from crawl.site import LiveSite

MANUAL = pathlib.Path(__file__).parents[2] / "docs" / "forms.md"
FORM = """<h1>Log in</h1><form action=/search><input name=q></form>
<form id=login method=post action=/session><input type=hidden name=token value='t0k&amp;n'>
<input name=user><input name=password type=password><button name=do value=enter>Enter</button></form>"""
RIGHT = {"token": "t0k&n", "user": "me", "password": "s\u00e9cret +", "do": "enter"}


class Members(LiveSite):
    """Shows its pages to those who have sent the form."""

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/robots.txt":
            return web.Response(status=404)
        if request.path == "/session":
            found = web.HTTPSeeOther("/home" if dict(await request.post()) == RIGHT else "/login")
            if found.location == "/home":
                found.set_cookie("session", "yes")
            raise found
        inside = request.cookies.get("session") == "yes"
        text = f"<h1>{request.path}</h1><a href=/more>more</a>" if inside else FORM
        return web.Response(text=text, content_type="text/html", charset="utf-8")


@pytest.mark.process
@pytest.mark.parametrize(("password", "titles"), [("s\u00e9cret +", ["/home", "/more"]), ("wrong", [])])
def test_the_manuals_spider_logs_in(acrawl, tmp_path, password, titles):
    code = re.search(r"^```python\n(# login\.py\n.*?)^```", MANUAL.read_text(), re.MULTILINE | re.DOTALL)[1]
    with Members() as site:
        (tmp_path / "login.py").write_text(code.replace("https://example.com", site.origin))
        arguments = ["-a", "user=me", "-a", f"password={password}", "-o", "pages.jsonl", "--workers", 1]
        done = acrawl("run", "login.py", *arguments)
    assert done.code == EXIT_OK, done.err
    assert [item["title"] for item in records(tmp_path / "pages.jsonl")] == titles
    assert ("the login was refused" in done.err) == (not titles)
