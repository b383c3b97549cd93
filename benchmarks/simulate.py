"""A crawl of millions of URLs on a virtual clock: is the frontier polite at every instant, fair, and as quick as ever?

    python benchmarks/simulate.py [--hosts 100000] [--urls 10000000] [--workers 50] [--seed 1] [--delay 0]

The real scheduler and the real lanes of workers decide; hosts watch. Workers die, leave and fall silent, hosts answer
429, fail, and ask for a Crawl-delay. Exits with 1 when a host saw more than its concurrency, two starts closer than its
delay, or a start in a pause its worker knew of, when a request ended twice or never, or when a decision costs more than
twice as much with all the hosts as with a thousand.
"""

import argparse
import gc
import sys
import time

from simulation.fairness import classes
from simulation.loop import Loop

from acrawl.settings import resolve

#: A window as large as in a real crawl would only cost memory; what is behind it should be read, and often.
SETTINGS = {"frontier.window": 16, "frontier.idle_hosts": 200, "politeness.robots_ttl": 1200.0}
FEW_HOSTS, FEW_URLS, FLAT = 1000, 300_000, 2.0


def crawl(hosts, urls, workers, seed, delay=0.0):
    """Simulate a crawl; returns its loop, with what hosts saw, and the promises that were broken."""
    settings = resolve(("simulation", SETTINGS | {"politeness.delay": delay}))
    loop = Loop(hosts, urls, workers, seed, settings)
    loop.run()
    return loop


def show(loop, took):
    """Print what was decided, what it cost, and how fair it was."""
    plan, web = loop.plan, loop.web
    print(f"\n{len(web.sizes)} hosts, {plan.stock.total} URLs")
    print(f"  {plan.granted} leases granted in {plan.asked} asks, {web.starts} started, {plan.stock.done} URLs ended")
    print(f"  {loop.now:.0f} s of virtual time in {took:.0f} s; {loop.incidents} workers died, left or fell silent")
    print(f"  {cost(plan):.1f} us of CPU a decision (lease, report, window)")
    print(f"  {web.stragglers} starts in a pause their workers had not heard of")
    print("       URLs   hosts   first page after p50/p99/max    mean wait p50/p99/max     Jain's index")
    for size, count, firsts, means, jain in classes(web, loop.waits):
        print(f"  {size:>8}+ {count:>7}   {_spread(firsts)}     {_spread(means)}     {jain:.3f}")


def cost(plan):
    """Microseconds of CPU for all that is decided about one lease."""
    return plan.spent / plan.granted * 1e6


def _spread(values):
    return " ".join(f"{values[min(len(values) - 1, len(values) * share // 100)]:7.1f}" for share in (50, 99, 100))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=100_000)
    parser.add_argument("--urls", type=int, default=10_000_000)
    parser.add_argument("--workers", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--delay", type=float, default=0.0, help="politeness.delay; robots.txt may ask for more")
    options = parser.parse_args()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    costs, broken = [], 0
    for hosts, urls in ((FEW_HOSTS, FEW_URLS), (options.hosts, options.urls)):
        began = time.perf_counter()
        loop = crawl(min(hosts, options.hosts), min(urls, options.urls), options.workers, options.seed, options.delay)
        show(loop, time.perf_counter() - began)
        costs.append(cost(loop.plan))
        broken += loop.web.broken.total()
        for promise, count in loop.web.broken.items():
            print(f"  BROKEN {count} times: {promise}")
        print(*(f"    {example}" for example in loop.web.examples), sep="\n")
    ratio = costs[1] / costs[0]
    print(f"\na decision costs {ratio:.2f} times as much at {options.hosts} hosts as at {FEW_HOSTS}")
    print(f"{broken} broken promises")
    return 1 if broken or ratio > FLAT else 0


if __name__ == "__main__":
    sys.exit(main())
