"""What one exchange costs: all stages of a fetch and a bare aiohttp session, interleaved, on small files from nginx.

    python benchmarks/fetch.py [-n FETCHES] [-r ROUNDS] [-c CONCURRENCY] [--size BYTES]

Figures are CPU microseconds (user and system) of this process for one fetch, nginx not counted. Each round of the one
is paired with a round of the other, and the median of the ratios is what to quote.
"""

import argparse
import asyncio
import pathlib
import resource
import shutil
import statistics
import tempfile

import aiohttp
import uvloop
from compare import serve_folder
from yarl import URL

from acrawl.fetch import Fetcher
from acrawl.request import Request
from acrawl.settings import Fetch, Settings


def used():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def cost(urls, fetch, concurrency):
    """CPU microseconds for one call of ``fetch``, with so many callers at once."""

    async def caller(mine):
        for url in mine:
            assert await fetch(url) == 200

    began = used()
    todo = iter(urls)
    await asyncio.gather(*[caller(todo) for _ in range(concurrency)])
    return (used() - began) / len(urls) * 1e6


async def measure(urls, options):
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        Fetcher(Settings(fetch=Fetch(allow_private=True, concurrency=options.c))) as fetcher,
        aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session,
    ):

        async def ours(url):
            return (await fetcher.fetch(Request(url))).status

        async def bare(url):
            async with session.get(URL(url, encoded=True), allow_redirects=False) as answer:
                await answer.read()
                return answer.status

        for fetch in (ours, bare):  # connections are made, caches filled
            await cost(urls[: options.c * 2], fetch, options.c)
        rounds = [(await cost(urls, ours, options.c), await cost(urls, bare, options.c)) for _ in range(options.rounds)]
    for name, figures in zip(("fetcher", "session"), zip(*rounds, strict=True), strict=True):
        print(f"{name:10} {statistics.median(figures):6.1f} us CPU a fetch")
    ratios = sorted(a / b for a, b in rounds)
    print(f"{'ratio':10} {statistics.median(ratios):6.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=3000)
    parser.add_argument("-c", type=int, default=64)
    parser.add_argument("-r", "--rounds", type=int, default=7)
    parser.add_argument("--size", type=int, default=8000)
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="acrawl-fetch-", dir="/dev/shm"))
    (folder / "site").mkdir()
    (folder / "site" / "page.html").write_bytes(b"<p>page" + b"x" * (options.size - 7))
    nginx, (base,) = serve_folder(folder, [folder / "site"])
    try:
        uvloop.run(measure([f"{base}page.html?{i}" for i in range(options.n)], options))
    finally:
        nginx.terminate()
        nginx.wait()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
