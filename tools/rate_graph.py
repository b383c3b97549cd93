#!/usr/bin/env python3
"""What a server sees that answers 429: a real crawl by several worker processes, drawn from the server's own log.

  tools/rate_graph.py                               some half a minute
  tools/rate_graph.py --rate 20 --pages 300 --workers 4

A server on loopback answers 429 to whatever comes beyond ``--rate`` requests in any second. In the first part of the
crawl it says with Retry-After for how many seconds it wants to be left alone, in the second until which date, in the
third it says nothing. Printed are the requests and the 429s of each half second, the longest time without a break in
which more came than it bears, how much came inside an announced pause later than what was under way when it was
announced, and what became of the pages. Ends with 0 when every page was fetched, no attempt was burned by a 429, and
nothing came late into a pause.
"""

import argparse
import asyncio
import collections
import contextlib
import email.utils
import pathlib
import sqlite3
import sys
import tempfile
import time

from aiohttp import web

#: Seconds of one line of the graph, that the server takes for an answer, and that it asks to be left alone.
STEP, LATENCY, PAUSE = 0.5, 0.03, 2
#: What arrives so long after a pause was announced had been under way: the answer's way, the report's, the news'.
UNDER_WAY = 0.25
PHASES = ("seconds", "date", "nothing")
SPIDER = """
from acrawl import Spider

class Graph(Spider):
    name = "graph"

    def __init__(self, url=""):
        super().__init__(url=url)
        self.start_urls = [url]

    def parse(self, response):
        yield from response.follow_all()
"""


class Server:
    """Counts, and refuses what is too much. ``log`` has (time, status, phase) of each request for a page."""

    def __init__(self, rate, pages):
        self.rate = rate
        self.pages = pages
        self.log = []
        self.pauses = []
        self._answered = 0
        self._lately = collections.deque()

    def phase(self):
        """A third of the pages each."""
        return PHASES[min(len(PHASES) - 1, len(PHASES) * self._answered // self.pages)]

    async def answer(self, request):
        """A page with links to all others, or 429."""
        if request.path == "/robots.txt":
            return web.Response(status=404)
        now, phase = time.time(), self.phase()
        while self._lately and self._lately[0] <= now - 1.0:
            self._lately.popleft()
        busy = len(self._lately) >= self.rate
        self._lately.append(now)
        self.log.append((now, 429 if busy else 200, phase))
        await asyncio.sleep(LATENCY)
        if busy:
            return web.Response(status=429, headers=self._asks(phase))
        self._answered += 1
        links = "".join(f"<a href=/{n}>{n}</a> " for n in range(1, self.pages))
        return web.Response(text=f"<title>{request.path}</title>{links}", content_type="text/html")

    def _asks(self, phase):
        now = time.time()
        if phase == "nothing":
            return {}
        until = now + PAUSE
        if phase == "date":  # a date has no fractions
            until = int(now) + 1 + PAUSE
        self.pauses.append((now, until))
        said = str(PAUSE) if phase == "seconds" else email.utils.formatdate(until, usegmt=True)
        return {"Retry-After": said}


@contextlib.asynccontextmanager
async def serving(server):
    """Serve while the block runs; gives the address."""
    app = web.Application()
    app.router.add_get("/{path:.*}", server.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def crawled(url, folder, options):
    """Crawl in processes of their own; returns the exit code."""
    (folder / "graph.py").write_text(SPIDER)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "acrawl", "run", "graph.py:Graph", "-a", f"url={url}", "--job", "job", "-q",
        "--workers", str(options.workers), "-s", f"politeness.concurrency={options.concurrency}",
        "-s", "worker.shutdown_seconds=5", cwd=folder,
    )  # fmt: skip
    return await process.wait()


def draw(log, pauses):
    """The graph, a line for each half second."""
    began = log[0][0]
    counts = collections.defaultdict(lambda: [0, 0, ""])
    for at, status, phase in log:
        line = counts[int((at - began) / STEP)]
        line[status == 429] += 1
        line[2] = phase
    print(
        f"\n{'s':>6}  {'came':>4} {'429':>4}   each # was answered, each x refused; | the server had asked for a pause"
    )
    for number in range(max(counts) + 1):
        served, refused, phase = counts.get(number, (0, 0, ""))
        middle = began + (number + 0.5) * STEP
        rests = "|" if any(start <= middle <= end for start, end in pauses) else " "
        bar = f"{'#' * served}{'x' * refused}  {phase}"
        print(f"{number * STEP:6.1f}  {served + refused:4} {refused:4} {rests} {bar}".rstrip())


def longest_burst(log, rate):
    """The longest time without a break in which each second brought more than the rate, and the most in a second."""
    longest, since, most = 0.0, None, 0
    lately = collections.deque()
    for at, _, _ in log:
        lately.append(at)
        while lately[0] <= at - 1.0:
            lately.popleft()
        most = max(most, len(lately))
        if len(lately) > rate:
            since = at if since is None else since
            longest = max(longest, at - since)
        else:
            since = None
    return longest, most


def late(log, pauses):
    """The requests inside an announced pause: all of them, and those that were not under way when it was announced."""
    inside = [(at, min(start for start, end in pauses if start <= at < end)) for at, _, _ in log
              if any(start <= at < end for start, end in pauses)]  # fmt: skip
    return len(inside), [at - start for at, start in inside if at - start > UNDER_WAY]


def ledger(path):
    """How the pages ended, and how many attempts each took."""
    with contextlib.closing(sqlite3.connect(path)) as file:
        query = "select status, reason, attempts, count(*) from ledger join ending e on e.id = ending group by 1, 2, 3"
        ends = file.execute(query).fetchall()
        (waits,) = file.execute("select count(*) from attempt where http_status = 429").fetchone()
    return ends, waits


async def main():
    """Crawl, draw, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=30, help="requests a second that the server bears")
    parser.add_argument("--pages", type=int, default=300)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--concurrency", type=int, default=24, help="politeness.concurrency of the crawl")
    options = parser.parse_args()
    server = Server(options.rate, options.pages)
    with tempfile.TemporaryDirectory(prefix="acrawl-rate-") as name:
        folder = pathlib.Path(name)
        async with serving(server) as url:
            code = await crawled(url, folder, options)
        ends, waits = ledger(folder / "job" / "job.db")
    log, pauses = server.log, server.pauses
    draw(log, pauses)
    longest, most = longest_burst(log, options.rate)
    inside, strays = late(log, pauses)
    refused = sum(status == 429 for _, status, _ in log)
    fetched = sum(count for status, _, _, count in ends if status == "fetched")
    burned = sum(count * (attempts - 1) for _, _, attempts, count in ends)
    tardy = "".join(f", {stray:.2f} s" for stray in strays[:10])
    print(f"\n{len(log)} requests in {log[-1][0] - log[0][0]:.1f} s by {options.workers} workers, {refused} refused")
    print(f"more than {options.rate} a second for {longest:.2f} s at longest; {most} in the busiest second")
    print(f"{inside} requests inside an announced pause, {len(strays)} later than {UNDER_WAY} s after its begin{tardy}")
    print(f"{fetched} of {options.pages} pages fetched; {waits} times one waited for a 429, {burned} attempts burned")
    good = code == 0 and fetched == options.pages and not burned and not strays
    print("all as promised" if good else f"NOT as promised (exit code {code}, ends {ends})")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
