"""The bare loop: the tightest crawler one can write by hand on the same HTTP client, event loop and HTML parser.

bare.py START JOB OUT: keeps 64 requests under way, never more than one attempt, no robots.txt, no durability; writes
OUT/items.jsonl and, for job B, the images. What a framework costs is what it needs more than this.
"""

import asyncio
import gc
import json
import pathlib
import re
import sys
from urllib.parse import urljoin

import aiohttp
import uvloop
from selectolax.lexbor import LexborHTMLParser
from yarl import URL

PAGE = re.compile(r"[^?#]*(/|\.html?)([?#]|$)", re.IGNORECASE).match
IMAGE = re.compile(r"[^?#]*\.(png|jpe?g|gif|svg|ico|webp|bmp|tiff?)([?#]|$)", re.IGNORECASE).match
CONCURRENCY = 64


class Crawl:
    def __init__(self, start, job, out):
        self.origin = "/".join(start.split("/", 3)[:3]) + "/"
        self.images = job == "B"
        self.out = pathlib.Path(out)
        self.items = (self.out / "items.jsonl").open("w")
        self.seen, self.todo = {start}, [start]
        self.joined = {}
        self.idle = []

    def add(self, url):
        if url not in self.seen and url.startswith(self.origin):
            self.seen.add(url)
            self.todo.append(url)
            if self.idle:
                self.idle.pop().set_result(None)

    def join(self, base, href):
        key = (base.rsplit("/", 1)[0], href)
        url = self.joined.get(key)
        if url is None:
            url = self.joined[key] = (urljoin(base, href) if href[:1] != "#" else base).split("#", 1)[0]
        return url

    def page(self, url, body):
        tree = LexborHTMLParser(body)
        title = tree.css_first("title")
        self.items.write(json.dumps({"url": url, "title": title.text() if title else None}) + "\n")
        hrefs = {node.attributes["href"] for node in tree.css("a[href]")}
        named = set()
        if self.images:
            for node in tree.css("img[src],iframe[src],embed[src],object[data],link[href]"):
                named.add(node.attributes.get("src") or node.attributes.get("href") or node.attributes.get("data"))
            named |= hrefs
        for wanted, references in ((PAGE, hrefs), (IMAGE, named)):
            for href in references:
                if href and wanted(href):
                    self.add(self.join(url, href))

    async def slot(self, http):
        while True:
            while not self.todo:
                waiter = asyncio.get_running_loop().create_future()
                self.idle.append(waiter)
                if len(self.idle) == CONCURRENCY:
                    for one in self.idle:
                        one.cancel()
                await waiter
            url = self.todo.pop()
            async with http.get(URL(url, encoded=True)) as answer:
                body, kind = await answer.read(), answer.headers.get("Content-Type", "")
            if answer.status == 200 and kind.startswith("text/html"):
                self.page(url, body)
            elif answer.status == 200 and self.images:
                (self.out / f"{len(self.seen)}-{hash(url) & 0xFFFFFFFF}").write_bytes(body)

    async def run(self):
        connector = aiohttp.TCPConnector(limit=0)
        options = {"connector": connector, "cookie_jar": aiohttp.DummyCookieJar(), "read_bufsize": 2**18}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=None)
        async with aiohttp.ClientSession(timeout=timeout, auto_decompress=False, **options) as http:
            await asyncio.gather(*(self.slot(http) for _ in range(CONCURRENCY)), return_exceptions=True)
        self.items.close()


if __name__ == "__main__":
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    uvloop.run(Crawl(*sys.argv[1:4]).run())
