"""A spider of long pages: run as a file by the tests, never imported."""

import asyncio
import pathlib

from acrawl import Request, Spider


class Heavy(Spider):
    """Looks at the file of each page while its callback is at work, and in the end at all of them."""

    name = "heavy"

    def __init__(self, origin: str, out: str, pages: str = "0") -> None:
        super().__init__(origin=origin, out=out, pages=pages)
        self.start_urls = [f"{origin}/"]
        self.paths: list[pathlib.Path] = []

    def parse(self, response):
        yield {"begin": peak()}
        for path, callback in (("/gen", self.generator), ("/async", self.later), ("/plain", self.plain)):
            yield Request(f"{self.origin}{path}", callback, priority=2)
        yield Request(f"{self.origin}/missing", self.parse, errback=self.lost, priority=2)
        for n in range(int(self.pages)):
            yield Request(f"{self.origin}/heavy/{n}", self.keep, errback=self.refused, priority=1)
        yield Request(f"{self.origin}/end", self.end, priority=-1)

    def seen(self, kind, response):
        self.paths.append(response.path)
        return {"kind": kind, "there": response.path.stat().st_size == response.size == len(response.body)}

    def generator(self, response):
        yield self.seen("first", response)
        yield self.seen("then", response)

    async def later(self, response):
        yield self.seen("first", response)
        await asyncio.sleep(0.05)
        yield self.seen("then", response)

    def plain(self, response):
        return [self.seen("plain", response)]

    def lost(self, failure):
        return [self.seen("errback", failure.response)]

    async def keep(self, response):
        response.save(pathlib.Path(self.out, response.url.rpartition("/")[2]))
        return {"peak": peak()}

    def refused(self, failure):
        return {"reason": failure.reason, "peak": peak()}

    def end(self, response):
        yield {"left": [str(path) for path in self.paths if path.exists()], "of": len(self.paths), "peak": peak()}


def peak() -> int:
    """The most memory that this process has had, in KiB."""
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])
