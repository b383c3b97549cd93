"""Pages that mean to keep a parser busy or to fill the memory, and a spider of them: run as a file by the tests."""

from __future__ import annotations

import asyncio
import pathlib
import time

from acrawl import Request, Spider

#: Each as (what is repeated, how often, what stands before it), and the first word of what the ledger says of it.
MONSTERS = {
    "attributes": ("".join(f"a{n}=x " for n in range(200_000)), 1, "<p>a<a "),
    "attributes-of-many": ("<p " + "".join(f"a{n}=x " for n in range(1_990)) + ">", 500, ""),
    "depth": ("<div>", 100_000, ""),
    "depth-of-svg": ("<svg>", 2_000_000, ""),
    "depth-of-tables": ("<table>", 1_400_000, ""),
    "links": ("<a href={}>", 1_000_000, ""),
    "links-without-href": ("<a>", 3_300_000, ""),
    "options": ("<option selected value=a>b", 500_000, "<select>"),
    "tags": ("<p>", 3_300_000, ""),
    "options-of-lists": ("<select><option>a</select>", 400_000, "<form>"),
    "formatting": ("<p><font a={}>", 100_000, ""),
    "names": ("<x{}></x{}>", 200_000, ""),
    "names-of-attributes": ("<p data-x{}>", 200_000, ""),
    "attributes-of-body": ("<body a{}>", 200_000, ""),
    "bytes": ("x ", 20_000_000, "<p>"),
    "whole-forms": ("<form><select><option>a</select></form>", 45_000, ""),
    "whole-comment": ("-", 10_000_000, "<p><!--"),
    "whole-less-than": ("<", 1_000_000, ""),
    "whole-entities": ("&amp;&NotEqualTilde;", 500_000, "<p>"),
    "whole-attribute": ("y", 15_000_000, "<p data-x='"),
}


def page(name: str) -> bytes:
    """One of the pages, with a link before the monster."""
    piece, times, before = MONSTERS[name]
    rest = "".join(piece.replace("{}", f"{n}") for n in range(times)) if "{}" in piece else piece * times
    return f"<!doctype html><a href=/first>first</a>{before}{rest}".encode()


class Monsters(Spider):
    """Reads each page in every way; in the end it tells the most memory, and the longest time the loop stood still."""

    name = "monsters"
    gap = 0.0
    ticker: asyncio.Task[None] | None = None

    async def start(self):
        for name in MONSTERS:
            yield Request(f"{self.origin}/{name}")
        yield Request(f"{self.origin}/end", self.end, priority=-1)

    def parse(self, response):
        if self.ticker is None:
            self.ticker = asyncio.get_running_loop().create_task(self.tick())
        began = time.monotonic()
        links, images = response.links(), response.images()
        found = len(response.css("a::attr(href)")), len(response.css("p, div")), len(response.text)
        read = {"links": len(links), "images": len(images), "found": found, "first": links[0].url, "cut": response.cut}
        seconds = round(time.monotonic() - began, 2)
        yield {"page": response.url.rpartition("/")[2], "seconds": seconds, **read, **self.state()}
        if self.xpath:
            yield {"xpath": len(response.xpath("//a"))}
        for link in links:
            yield Request(link.url, self.parse, depth=9)

    def end(self, response):
        yield self.state()

    def state(self):
        return {"peak": peak(), "gap": round(self.gap, 2)}

    async def tick(self):
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.01)
            self.gap = max(self.gap, time.monotonic() - before - 0.01)


def peak() -> int:
    """The most memory that this process has had, in bytes."""
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024
