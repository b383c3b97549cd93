#!/usr/bin/env python3
"""A whole crawl under fire: SIGKILL at random moments on master and workers, over a made-up web that knows the truth.

  tools/chaos.py                      100 rounds over 20,000 pages; `make chaos`
  tools/chaos.py --rounds 6 --pages 1500 --hosts 24 --delay 0.12 --seed 7

At the end every page and every item must be in the JSON Lines feed exactly once and nothing else, the frontier's books
must balance, the ledger must end as the web says, and the server's own log must show that each host was asked as slowly
as it was to be, through every kill: the mean gap at least the delay, and all but one in a hundred at least the delay
less 20 ms, when what the server itself was late for is allowed for. Ends with 0 when all of it holds; the seed repeats
the web and the kills.
"""

import argparse
import asyncio
import collections
import json
import pathlib
import secrets
import shutil
import statistics
import sys
import tempfile

import msgspec

from acrawl.clock import SystemClock
from acrawl.errors import CrawlFailed
from acrawl.frontier.gate import ScopeGate
from acrawl.frontier.sqlite import SqliteFrontier
from acrawl.settings import Settings
from acrawl.testing import FakeServer, FakeWeb, Faults, Shape, gaps, quantile, strikes, under_fire

#: Seconds by which a gap may be short.
TOLERANCE = 0.02
SHAPE = Shape(skew=0.0, size=2000)
FAULTS = Faults(slow=0.02, busy=0.005, truncated=0.01, moved=0.03, dead=0.03, private=0.02, seconds=0.3)


def command(options, web):
    """The arguments of the crawl, the same for each start."""
    settings = {
        "politeness.delay": options.delay,
        "fetch.allow_private": "yes",
        "retry.delay": 0.2,
        "queues.grace_seconds": 0.3,
        "frontier.max_lost": 1_000_000,  # the requests are not to blame for our kills
    }
    pairs = [word for key, value in settings.items() for word in ("-s", f"{key}={value}")]
    return [
        "run", "acrawl.testing.spider:WebSpider", "-a", f"url={web.seeds[0]}", "-o", "items.jsonl", "--job", "job",
        "--workers", str(options.workers), "--scope", "any", *pairs,
    ]  # fmt: skip


async def books(folder):
    """The ledger's last word and the audit, read from the job's database."""
    settings = Settings()
    frontier = await SqliteFrontier.open(
        str(folder / "job" / "job.db"), settings, ScopeGate(settings.scope), SystemClock()
    )
    try:
        return (await frontier.snapshot()).reasons, await frontier.audit()
    finally:
        await frontier.close()


def delivered(folder):
    """The records of the feed, counted; a line that cannot be read is a record of its own."""
    found = collections.Counter()
    for line in (folder / "items.jsonl").read_text(encoding="utf-8").split("\n")[:-1]:
        try:
            found[key(json.loads(line))] += 1
        except (ValueError, AttributeError):
            found[line] += 1
    return found


def key(record):
    """A record as something that can be counted."""
    return tuple(sorted(record.items()))


def check(folder, server):
    """Compare what came of it with the truth; returns ``(what, count)`` in order, and what of it is wrong."""
    web, wanted, found = server.web, collections.Counter(map(key, server.web.records())), delivered(folder)
    reasons, audit = asyncio.run(books(folder))
    hits = server.hits()
    spaced, excused = gaps(hits), gaps(hits, longest=True)
    facts = {
        "pages": web.layout.pages,
        "records wanted": wanted.total(),
        "records lost": (wanted - found).total(),
        "records doubled": sum(count - 1 for record, count in found.items() if record in wanted),
        "records that do not belong": sum(count for record, count in found.items() if record not in wanted),
        "requests": server.count,
        "gap p1 (s)": quantile(spaced, 0.01),
        "gap p1 at longest (s)": quantile(excused, 0.01),
        "gap p50 (s)": quantile(spaced, 0.5),
        "gap mean (s)": statistics.fmean(spaced),
        "gap min (s)": spaced[0],
    }
    wrong = [what for what in facts if what.startswith("records ") and what != "records wanted" and facts[what]]
    wrong += [f"audit: {problem}" for problem in audit.problems]
    if reasons != web.ends():
        wrong.append(f"the ledger says {reasons}, the web {web.ends()}")
    return facts, wrong


def impolite(facts, delay):
    """What the gaps say against the crawl."""
    if facts["gap p1 at longest (s)"] < delay - TOLERANCE:
        yield f"one gap in a hundred is below {facts['gap p1 at longest (s)']:.3f} s; the delay is {delay} s"
    if facts["gap mean (s)"] < delay:
        yield f"the mean gap is {facts['gap mean (s)']:.3f} s; the delay is {delay} s"


def parsed(arguments):
    """The options; the seed is drawn where none is given."""
    parser = argparse.ArgumentParser(prog="tools/chaos.py", description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=100, help="kills")
    parser.add_argument("--pages", type=int, default=20_000)
    parser.add_argument("--hosts", type=int, default=40)
    parser.add_argument("--delay", type=float, default=0.2, help="seconds between two requests to a host")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--pause", type=float, default=1.5, help="longest wait before a kill whose moment has come")
    parser.add_argument("--resets", type=float, default=0.01, help="share of pages that first break the connection")
    parser.add_argument("--seconds", type=float, default=1500.0, help="the longest it may take")
    parser.add_argument("--seed", type=int, default=None, help="repeats an earlier run's web and kills")
    options = parser.parse_args(arguments)
    if options.seed is None:
        options.seed = secrets.randbelow(1_000_000)
    return options


def main(arguments=None):
    """Run it and print a table. Returns the exit code; what failed leaves its folder behind."""
    options = parsed(arguments)
    print(f"seed {options.seed}", flush=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="acrawl-chaos-"))
    faults = msgspec.structs.replace(FAULTS, reset=options.resets)
    web = FakeWeb(options.pages, options.hosts, seed=options.seed, shape=SHAPE, faults=faults)
    plan = strikes(options.seed, options.rounds, sum(web.ends().values()), pause=options.pause)
    with FakeServer(web, spread=True) as server:
        words = command(options, server.web)
        try:
            losses = under_fire(
                words, plan, lambda: server.count, cwd=folder, seconds=options.seconds, seed=options.seed
            )
        except (TimeoutError, CrawlFailed) as error:
            print(f"FAILED: {error}")
            return 1
        facts, wrong = check(folder, server)
    wrong += [*impolite(facts, options.delay), *losses.surprises]
    table = {
        "kills planned": options.rounds,
        "kills of the master": losses.masters,
        "kills of a worker": losses.workers,
        "starts": losses.starts,
        "seconds": losses.seconds,
        "delay (s)": options.delay,
        **facts,
    }
    for what, value in table.items():
        print(f"{what:28}{value:>12.3f}" if isinstance(value, float) else f"{what:28}{value:>12}")
    for one in wrong:
        print(f"WRONG: {one}")
    if wrong:
        print(f"FAILED with seed {options.seed}; see {folder}")
        return 1
    shutil.rmtree(folder)
    print("ok: nothing lost, nothing twice, never impolite")
    return 0


if __name__ == "__main__":
    sys.exit(main())
