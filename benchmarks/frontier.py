"""What the SQLite frontier costs as it grows: CPU a page, disk, memory, restart and the event loop's lag.

    python benchmarks/frontier.py [--sizes 0.1,1,10] [--folder FOLDER]

One process plays the master and eight workers: they lease 50 requests, and report 50 pages with 20 links each, of
which 15 % are new and 80 % lead to the page's own host. The pages are made before the clock starts. CPU is that of all
threads; the figures beside each other are to be compared, not those of two machines. Sizes are millions of URLs seen.
"""

import argparse
import asyncio
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

from links import Links, outcomes

from acrawl.cli.loop import run_loop
from acrawl.clock import SystemClock
from acrawl.frontier.gate import ScopeGate
from acrawl.frontier.sqlite import RESTART_PAUSE, SqliteFrontier
from acrawl.outcome import Item
from acrawl.settings import Scope, resolve

WORKERS = 8
BATCH = 50
#: Batches a worker leases and reports in one timed round, and rounds at each size.
BATCHES, ROUNDS = 8, 3
ITEMS = 20
#: New links a page brings while the crawl grows to the next size: a fifth of what is seen has been fetched.
GROWTH = 5
MANY_QUEUED = 2_000_000
MB = 1 << 20


async def opened(path):
    """The frontier as a master opens it, without robots.txt: nobody is there to answer."""
    settings = resolve(("benchmark", {"politeness.obey_robots": False}))
    return await SqliteFrontier.open(path, settings, ScopeGate(Scope(within="any")), SystemClock())


# -- growing


async def grow(frontier, links, enough):
    """Crawl until ``enough(snapshot)``."""

    async def worker(name):
        while not enough(await frontier.snapshot()):
            batch = await frontier.lease(name, BATCH, 1.0)
            if batch.tickets:
                found = outcomes(batch.tickets, lambda url: links.growth(url, GROWTH))
                await frontier.report(name, frontier.epoch, found)
            else:
                await frontier.add([links.new(links.any_host(), "") for _ in range(1000)])

    await asyncio.gather(*(worker(f"w{number}") for number in range(WORKERS)))


# -- measuring


class Meter:
    """CPU microseconds of the whole process and of the event loop's thread, from here to `stop`."""

    def __init__(self):
        self.whole, self.loop = time.process_time(), time.thread_time()

    def stop(self):
        return (time.process_time() - self.whole) * 1e6, (time.thread_time() - self.loop) * 1e6


async def sample_lag(lags):
    """Note how much too late a sleep of 1 ms ends."""
    while True:
        began = time.perf_counter()
        await asyncio.sleep(0.001)
        lags.append((time.perf_counter() - began - 0.001) * 1e3)


async def lease_all(frontier):
    """All workers lease their batches of one round."""
    leased = {f"w{number}": [] for number in range(WORKERS)}
    for _ in range(BATCHES):
        for name, batches in leased.items():
            batches.append((await frontier.lease(name, BATCH, 2.0)).tickets)
    return leased


async def report_all(frontier, reports):
    """All workers report theirs at once, one batch after the other."""

    async def worker(name, batches):
        for batch in batches:
            await frontier.report(name, frontier.epoch, batch)

    await asyncio.gather(*(worker(*one) for one in reports.items()))


async def measure(frontier, links):
    """Microseconds a page of each round: ``[(all, leases, loop thread)]``, and the lags of the loop meanwhile."""
    rounds, lags = [], []
    for _ in range(ROUNDS):
        meter = Meter()
        leased = await lease_all(frontier)
        lease_cpu, lease_loop = meter.stop()
        reports = {name: [outcomes(batch, links.page) for batch in batches] for name, batches in leased.items()}
        pages = sum(len(batch) for batches in reports.values() for batch in batches)
        sampler = asyncio.create_task(sample_lag(lags))
        meter = Meter()
        await report_all(frontier, reports)
        cpu, loop = meter.stop()
        sampler.cancel()
        rounds.append([figure / pages for figure in (lease_cpu + cpu, lease_cpu, lease_loop + loop)])
    return rounds, sorted(lags)


async def deliver(frontier):
    """Microseconds an item takes through report, outbox and done."""
    batch = await frontier.lease("w0", BATCH, 2.0)
    found = outcomes(batch.tickets, lambda _: [], [Item("item", bytes(150))] * ITEMS)
    meter = Meter()
    await frontier.report("w0", frontier.epoch, found)
    while entries := await frontier.outbox(500):
        await frontier.done([entry.id for entry in entries], {"items.jsonl": entries[-1].id})
    return meter.stop()[0] / (len(found) * ITEMS)


def memory():
    """``(now, at most since the last call)``: resident bytes of this process."""
    status = pathlib.Path("/proc/self/status").read_text()
    now, peak = (int(status.partition(f"{name}:")[2].split()[0]) << 10 for name in ("VmRSS", "VmHWM"))
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    return now, peak


# -- restarting


async def restart(path):
    """In a fresh process: open the job, lease once, and print what it took."""
    began, meter = time.perf_counter(), Meter()
    frontier = await opened(path)
    took, cpu = time.perf_counter() - began, meter.stop()[0]
    batch = await frontier.lease("w0", BATCH, 10.0)
    first = time.perf_counter() - began
    count = sum(len(ticket.leases) for ticket in batch.tickets)
    snapshot = await frontier.snapshot()
    figures = {"seconds": took, "cpu": cpu / 1e6, "first": first, "leases": count, "rss": memory()[0]}
    print(json.dumps(figures | {"queued": snapshot.queued, "hosts": snapshot.hosts}))
    await frontier.close()
    return 0


def restarted(path):
    """What `restart` prints of a job that nobody has open."""
    command = [sys.executable, __file__, "--restart", path]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


# -- the whole


async def bench(path, sizes):
    """Grow from size to size; at each, measure, close, and restart."""
    results, many = [], None
    frontier = await opened(path)
    links = Links(frontier.secret)
    for size in sizes:
        if many is None and size * (GROWTH - 1) / GROWTH > MANY_QUEUED:
            await grow(frontier, links, lambda now: now.queued >= MANY_QUEUED)
            await frontier.close()
            many = restarted(path)
            frontier = await opened(path)
        memory()
        began = time.perf_counter()
        await grow(frontier, links, lambda now, size=size: now.discovered >= size)
        result = {"grown": time.perf_counter() - began, "rss": memory()}
        rounds, lags = await measure(frontier, links)
        result |= {"rounds": rounds, "lags": lags, "item": await deliver(frontier)}
        seen = (await frontier.snapshot()).discovered
        await frontier.close()
        result["bytes"] = sum(file.stat().st_size for file in pathlib.Path(path).parent.glob("crawl.sqlite*")) / seen
        result |= {"size": size, "seen": seen, "restart": restarted(path)}
        results.append(result)
        show(result)
        frontier = await opened(path)
    await frontier.close()
    verdict(results, many)
    return 0


def show(result):
    """Print what was measured at one size."""
    whole, lease, loop = (statistics.median(column) for column in zip(*result["rounds"], strict=True))
    least, most = min(result["rounds"])[0], max(result["rounds"])[0]
    lags, (rss, peak) = result["lags"], result["rss"]
    p50, p99 = (lags[len(lags) * share // 100] for share in (50, 99))
    print(f"\n{result['seen'] / 1e6:.2f} million URLs seen (grown in {result['grown']:.0f} s)")
    loop_part = f"{lease:.0f} to lease, {loop:.0f} in the loop's thread"
    print(f"  CPU a page  {whole:7.0f} us ({least:.0f} to {most:.0f}): {loop_part}")
    print(f"  CPU an item {result['item']:7.0f} us from report to delivered")
    print(f"  disk        {result['bytes']:7.0f} bytes a URL")
    print(f"  memory      {rss / MB:7.0f} MB, at most {peak / MB:.0f} MB while it grew")
    print(f"  loop lag    {p50:7.1f} ms p50, {p99:.1f} ms p99, {lags[-1]:.1f} ms most")
    print(describe(result["restart"]), flush=True)


def describe(again):
    """Two lines about a restart."""
    took = f"{again['seconds']:.2f} s ({again['cpu']:.2f} s CPU)"
    queued = f"{again['queued'] / 1e6:.2f} million queued at {again['hosts']} hosts"
    first = f"{again['leases']} requests after {again['first']:.2f} s (hosts rest {RESTART_PAUSE:g} s)"
    return f"  restart     {took} with {queued}; {again['rss'] / MB:.0f} MB\n  first lease {first}"


def verdict(results, many):
    """Print the budgets beside the figures."""
    cost = {one["size"] / 1e6: statistics.median(each[0] for each in one["rounds"]) for one in results}
    last = results[-1]
    p99 = max(one["lags"][len(one["lags"]) * 99 // 100] for one in results)
    lines = [
        ("us of CPU a page at 1 million", cost.get(1.0), 150),
        ("times that at 10 million", cost[10.0] / cost[1.0] if {1.0, 10.0} <= cost.keys() else None, 1.5),
        ("s to restart with 2 million queued", many and many["seconds"], 3),
        (f"MB of memory at {last['seen'] / 1e6:.1f} million, at most", last["rss"][1] / MB, 500),
        ("bytes of disk a URL, at most", max(one["bytes"] for one in results), 250),
        ("ms of loop lag at p99, at most", p99, 20),
    ]
    print("\nbudgets")
    for name, figure, budget in lines:
        word = "not measured" if figure is None else f"{figure:8.2f}  {'met' if figure <= budget else 'MISSED'}"
        print(f"  {name:45} <= {budget:<5} {word}")
    if many:
        print(describe(many))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="0.1,1,10", help="millions of URLs seen")
    parser.add_argument("--folder", help="where the job lies; a temporary one otherwise")
    parser.add_argument("--restart", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.restart:
        return run_loop(restart(options.restart))
    sizes = sorted(int(float(size) * 1e6) for size in options.sizes.split(","))
    with tempfile.TemporaryDirectory(prefix="acrawl-bench-", dir=options.folder) as folder:
        return run_loop(bench(os.path.join(folder, "crawl.sqlite"), sizes))


if __name__ == "__main__":
    sys.exit(main())
