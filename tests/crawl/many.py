"""A spider that uses everything a spider may do; run as a file by the tests, never imported."""

from __future__ import annotations

import asyncio
import dataclasses

import msgspec

from acrawl import Request, Spider


@dataclasses.dataclass
class Plain:
    kind: str
    url: str


class Solid(msgspec.Struct):
    kind: str
    url: str


class Many(Spider):
    name = "many"

    def __init__(self, origin: str, other: str, tag: str = "none") -> None:
        super().__init__(origin=origin, other=other, tag=tag)
        self.start_urls = [f"{origin}/"]

    def parse(self, response):
        """A sync generator."""
        yield {"kind": "dict", "url": response.url, "title": response.css("title::text").get(), "tag": self.tag}
        yield response.follow("/async", self.parse_async, cb_kwargs={"extra": 7})
        yield response.follow("/coroutine", "parse_coroutine", meta={"seen": [1, 2]})
        yield response.follow("/list", self.parse_list)
        yield response.follow("/missing", self.parse, errback=self.lost)
        yield response.follow("/silent-missing", self.parse)
        yield response.follow("/raises", self.parse_raises)
        yield response.follow("/moved", self.parse_plain)
        yield response.follow("/denied", self.parse_plain)
        yield response.follow(f"{self.other}/offsite", self.parse_plain)
        yield response.follow(f"{self.other}/invited", self.parse_plain, allow_offsite=True)
        yield response.download("/picture.png", self.parse_file)
        yield response.download("/report.bin")
        yield from response.follow_all(css="a.deeper", callback=self.parse_depth)
        for _ in range(2):
            yield Request(f"{self.origin}/again", self.parse_plain)
            yield Request(f"{self.origin}/twice", self.parse_plain, dont_filter=True)

    async def parse_async(self, response, extra):
        """An async generator."""
        await asyncio.sleep(0)
        yield Plain("async", response.url)
        yield {"kind": "extra", "url": response.url, "extra": extra}

    async def parse_coroutine(self, response):
        """A coroutine that returns a list."""
        await asyncio.sleep(0)
        return [Solid("coroutine", response.url), {"kind": "meta", "url": response.url, **response.meta}]

    def parse_list(self, response):
        """A plain function that returns a list."""
        return [{"kind": "list", "url": response.url}, None]

    def parse_plain(self, response):
        return {"kind": "plain", "url": response.url}

    def parse_raises(self, response):
        yield {"kind": "before", "url": response.url}
        raise ValueError("the page has no price")

    def parse_depth(self, response):
        yield {"kind": "depth", "url": response.url, "depth": response.request.depth}
        yield from response.follow_all(callback=self.parse_depth)

    def parse_file(self, response):
        yield {"kind": "facts", "url": response.url, "sha": response.file.sha256, "width": response.file.width}

    def lost(self, failure):
        yield {"kind": "lost", "url": failure.request.url, "reason": failure.reason}

    def closed(self, reason):
        print(f"closed: {reason}")
