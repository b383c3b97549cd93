"""What a session at the prompt has: the page, and how to get another one."""

from __future__ import annotations

import asyncio
import html
import re
import tempfile
import webbrowser
from types import TracebackType
from typing import Any

import click

from acrawl.cli.chain import Chain
from acrawl.cli.loop import runner
from acrawl.cli.options import written
from acrawl.errors import AcrawlError, FetchError, IgnoreRequest
from acrawl.fetch import Fetcher
from acrawl.parse.selectors import Selector
from acrawl.request import Request
from acrawl.response import Response
from acrawl.settings import Settings
from acrawl.spider import Spider, login_of

_HEAD = re.compile(r"<!doctype[^>]*>(?:\s|<!--.*?-->|<html[^>]*>)*(?:<head(?:\s[^>]*)?>)?", re.IGNORECASE | re.DOTALL)
_HELP = """\
  response      the page: response.css(...), response.xpath(...), response.links(), response.text
  request       the request that it answers
  fetch(x)      fetch a URL or a Request; follow=False stops at a redirect
  view(page)    show a page in the browser, as it was sent; without a page, response
  spider        the spider of --spider, or an empty one
  settings      all settings of this session
  Request, Selector
  shelp()       these lines
"""


class Session:
    """The names that code at the prompt sees. The fetcher is open from entering to leaving.

    The event loop runs while something is fetched, and stands still while code runs.
    """

    def __init__(self, settings: Settings, spider: Spider | None) -> None:
        if spider is None:
            spider = Spider()
            spider.name, spider.settings = "shell", settings
        self._runner = runner()
        self._fetcher = Fetcher(settings, spider.stages, login=login_of(spider))
        self._chain = Chain(self._fetcher, settings)
        self.names: dict[str, Any] = {
            "response": None,
            "request": None,
            "fetch": self.fetch,
            "view": self.view,
            "spider": spider,
            "settings": settings,
            "shelp": self.shelp,
            "Request": Request,
            "Selector": Selector,
        }

    def __enter__(self) -> Session:
        self._runner.__enter__()
        try:
            self._runner.run(self._fetcher.__aenter__())
        except BaseException:  # a folder that cannot be written: nothing has begun
            self._runner.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._runner.run(self._fetcher.__aexit__(kind, error, trace))
        finally:
            self._runner.close()

    def have(self, response: Response) -> None:
        """Let a page be the ``response``."""
        self.names["response"], self.names["request"] = response, response.request

    def fetch(self, what: str | Request, *, follow: bool = True) -> None:
        """Fetch a URL or a request, robots.txt first; the answer is ``response`` then, None if there is none."""
        try:
            request = what if isinstance(what, Request) else Request(written(what))
        except AcrawlError as error:  # nothing was asked for: the page before is still there
            click.echo(f"acrawl: {error}", err=True)
            return
        if self.load(request, follow=follow):
            click.echo(repr(self.names["response"]), err=True)

    def load(self, request: Request, *, follow: bool) -> bool:
        """Make a request; False, and a line that says why, where there is no answer."""
        came = self._runner.run(self._came(request, follow=follow))
        if isinstance(came, Response):
            self.have(came)
            return True
        self.names["response"], self.names["request"] = None, request
        reason = came.reason if came is not None else ""
        detail = came.detail if isinstance(came, FetchError) else str(came)
        click.echo(f"acrawl: {request.url}: {reason}{f': {detail}' if detail else ''}", err=True)
        return False

    async def _came(self, request: Request, *, follow: bool) -> Response | FetchError | IgnoreRequest | None:
        await asyncio.sleep(0)  # the loop stood still: it learns now which connections the servers have closed
        came = None
        async for hop in self._chain.hops(request, follow=follow):
            came = hop.came
        return came

    def view(self, response: Response | None = None) -> bool:
        """Show a page in the browser, with a base so that its images are found. Returns whether there is a browser."""
        page = response if response is not None else self.names["response"]
        if page is None:
            click.echo("acrawl: there is no response; fetch(url) gets one", err=True)
            return False
        with tempfile.NamedTemporaryFile(prefix="acrawl-", suffix=_suffix(page), delete=False) as file:
            file.write(_viewable(page))
        return webbrowser.open(f"file://{file.name}")

    def shelp(self) -> None:
        """Tell what there is."""
        click.echo(_HELP, nl=False)

    def told(self) -> str:
        """What the prompt begins with."""
        page = self.names["response"]
        return f"response: {page!r}\n" + _HELP.rstrip("\n")


def _suffix(page: Response) -> str:
    return {"html": ".html", "xml": ".xml", "json": ".json"}[page.document.type]


def _viewable(page: Response) -> bytes:
    """The body; HTML in UTF-8, with a ``base``."""
    if page.document.type != "html":
        return page.body
    text = page.text
    head = _HEAD.search(text)
    at = head.end() if head else 0
    base = f'<base href="{html.escape(page.document.base)}">'  # the first one counts, and theirs may be relative
    return f'{text[:at]}<meta charset="utf-8">{base}{text[at:]}'.encode("utf-8", "replace")
