#!/usr/bin/env python3
"""What became of each hostile behaviour of ``tests/hostile``: outcome, time, memory, connections left.

  tools/hostile.py             each behaviour by itself, in a process of its own, then all at once in a real crawl
  tools/hostile.py NAME ...    these only, without the crawl

``peak`` is the most that Python objects took while the behaviour was met, ``grown`` by how much the process itself grew
(VmHWM). ``left`` counts connections that were open at the server after the exchange, kept ones included, and after the
fetcher was closed. The server runs in another process. Ends with 0 when each outcome is the one that is declared.
"""

from __future__ import annotations

import asyncio
import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

import msgspec

ROOT = pathlib.Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from acrawl.cli.loop import run_loop  # noqa: E402
from acrawl.fetch import Fetcher  # noqa: E402
from hostile.behaviours import BEHAVIOURS  # noqa: E402
from hostile.certificates import Certificates  # noqa: E402
from hostile.crawling import Crawled, crawl, high_water  # noqa: E402
from hostile.meeting import Met, meet, settings  # noqa: E402
from hostile.server import GOOD_PAGES, Elsewhere  # noqa: E402

_ROW = "{:34} {:32} {:>8} {:>9} {:>9} {:>6}"


def main(names: Sequence[str]) -> int:
    """Print the table; return the exit code."""
    with tempfile.TemporaryDirectory(prefix="acrawl-hostile-") as folder:
        path = pathlib.Path(folder)
        os.environ["SSL_CERT_FILE"] = str(Certificates(path).authority)
        wrong = _table(path, names or list(BEHAVIOURS))
        if not names:
            wrong += _crawled(crawl(path))
    print(f"\n{'ok: each outcome is the one declared' if not wrong else 'NOT AS DECLARED: ' + ', '.join(wrong)}")
    return 1 if wrong else 0


def _table(folder: pathlib.Path, names: Sequence[str]) -> list[str]:
    """Meet each behaviour in a process of its own."""
    print(_ROW.format("behaviour", "outcome", "seconds", "peak MiB", "grown MiB", "left"))
    wrong = []
    with Elsewhere(folder) as server:
        for name in names:
            one = BEHAVIOURS[name]
            url = server.facts()[name]["url"]
            child = subprocess.run(
                [sys.executable, __file__, "--meet", name, url], check=True, stdout=subprocess.PIPE, text=True
            )
            met, grown = msgspec.json.decode(child.stdout, type=tuple[Met, int])
            after = server.facts()[name]["open"]
            word = ", ".join(sorted({*met.words})) + "".join(f" > {end}" for end in sorted({*met.ends}))
            ended = f"{met.left}, {after}"
            print(_ROW.format(name, word, f"{met.seconds:.2f}", _mib(met.peak), _mib(grown), ended), flush=True)
            if {*met.words} != {one.outcome} or {*met.ends} != {one.end} - {""} or after:
                wrong.append(name)
    return wrong


async def _meet(name: str, url: str) -> int:
    """In the process that meets one behaviour: print what came of it as JSON."""
    async with Fetcher(settings()) as fetcher:
        before = high_water(os.getpid())
        met = await meet(fetcher, BEHAVIOURS[name], url)
        grown = high_water(os.getpid()) - before
        await asyncio.sleep(0.05)  # what was closed has ended by now
        met.left = len(_connections(int(url.rpartition(":")[2])))
    print(msgspec.json.encode((met, grown)).decode())
    return 0


def _connections(port: int) -> list[str]:
    """The established connections of this machine that lead to ``port``."""
    lines = pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]
    return [line for line in lines if line.split()[2].endswith(f":{port:04X}") and line.split()[3] == "01"]


def _crawled(crawled: Crawled) -> list[str]:
    wrong = [name for name, one in BEHAVIOURS.items() if {*crawled.words(name)} != {one.word}]
    good: dict[str, Any] = crawled.facts["good"]
    pages = sum(path != "/robots.txt" for _, path in good["requests"])
    left = sum(found["open"] for found in crawled.facts.values())
    rows = {
        "behaviours, each a host": len(BEHAVIOURS),
        "with the outcome declared": len(BEHAVIOURS) - len(wrong),
        "exit code": crawled.done.code,
        "exit code of acrawl audit": crawled.audit.code,
        "seconds": f"{crawled.seconds:.1f}",
        "most memory of the worker (VmHWM)": f"{_mib(crawled.peak)} MiB",
        "pages of the good host": f"{pages} of {GOOD_PAGES}",
        "gaps between them, p50 and p95": f"{_gap(crawled, 50) * 1000:.0f} ms, {_gap(crawled, 95) * 1000:.0f} ms",
        "connections left at the servers": left,
    }
    print("\nall at once, by acrawl run with one worker process, beside a good host")
    for name, value in rows.items():
        print(f"  {name:36}{value}")
    return wrong


def _gap(crawled: Crawled, percent: int) -> float:
    return crawled.gaps[len(crawled.gaps) * percent // 100]


def _mib(size: int) -> str:
    return f"{size / (1 << 20):.1f}"


if __name__ == "__main__":
    if sys.argv[1:2] == ["--meet"]:
        sys.exit(run_loop(_meet(*sys.argv[2:])))
    sys.exit(main(sys.argv[1:]))
