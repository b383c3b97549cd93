"""A spider whose requests end in every way there is; run as a file by the tests, never imported."""

from __future__ import annotations

from acrawl import IgnoreRequest, Request, Spider


async def picky(request, send):
    """A stage that refuses one page and fails on another."""
    if request.url.endswith("/unwanted"):
        raise IgnoreRequest("no such page, please")
    if request.url.endswith("/stage"):
        raise ZeroDivisionError("in a stage")
    return await send(request)


class Stories(Spider):
    name = "stories"
    stages = (picky,)

    def __init__(self, home: str, busy: str, silent: str, nobody: str) -> None:
        super().__init__(home=home, busy=busy, silent=silent, nobody=nobody)
        self.start_urls = [f"{home}/", f"{busy}/", f"{silent}/", f"{nobody}/"]

    def parse(self, response):
        yield {"url": response.url}
        for path in ("/private/page", "/missing", "/broken", "/moved", "/a", "/r1", "/ftp", "/large", "/unwanted"):
            yield response.follow(path)
        yield response.follow("/stage", priority=7)
        yield response.follow("/raises", self.parse_raises)
        yield response.follow("/d1", self.parse_depth)
        yield Request("http://elsewhere.test/")
        for url in ("http://10.0.0.1/", "http://name.invalid/"):
            yield Request(url, allow_offsite=True)

    def parse_depth(self, response):
        yield {"url": response.url}
        yield from response.follow_all(callback=self.parse_depth)

    def parse_raises(self, response):
        yield {"url": response.url}
        raise ValueError("the page has no \033[31mprice")
