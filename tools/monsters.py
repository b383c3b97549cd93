#!/usr/bin/env python3
"""Crawls the pages of ``tests/crawl/monsters.py``, which are made to stall a parser, with one worker.

  tools/monsters.py [xpath]      with ``xpath``, each page is also read by XPath, which parses it a second time

Prints for each page how long reading it in its callback took, and why it was cut; in the end the most memory that the
worker had (VmHWM) and the longest time in which its loop did not come round. Ends with 0 when no page was lost.
"""

from __future__ import annotations

import pathlib
import sys
import tempfile
from collections.abc import Sequence

ROOT = pathlib.Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from crawl.command import Command, records  # noqa: E402
from crawl.monsters import MONSTERS, page  # noqa: E402
from crawl.site import LiveSite  # noqa: E402

_ROW = "{:22} {:>9} {:>8}  {}"
_DEADLINE = 300.0


def main(arguments: Sequence[str]) -> int:
    """Print the table; return the exit code."""
    with LiveSite() as site, tempfile.TemporaryDirectory() as folder:
        for name in MONSTERS:
            site.add(f"/{name}", page(name))
        site.page("/end")
        spider = ROOT / "tests" / "crawl" / "monsters.py"
        options = ["-a", f"origin={site.origin}", "-a", f"xpath={1 if 'xpath' in arguments else ''}", "--workers", 1]
        options += ["-s", "scope.max_depth=1", "-s", "fetch.max_body=200000000", "-o", "items.jsonl"]
        command = Command("run", spider, *options, cwd=pathlib.Path(folder))
        try:
            done = command.end(_DEADLINE)
        finally:
            command.close()
        items = records(pathlib.Path(folder) / "items.jsonl")
    read = {item["page"]: item for item in items if "page" in item}
    print(_ROW.format("page", "bytes", "seconds", "cut"))
    for name in MONSTERS:
        size = f"{len(page(name)) / 1e6:.1f} MB"
        print(_ROW.format(name, size, *((read[name]["seconds"], read[name]["cut"]) if name in read else ("-", "lost"))))
    last = [item for item in items if "peak" in item]
    print(f"peak {max(item['peak'] for item in last) >> 20} MiB, longest standstill {last[-1]['gap']} s")
    return done.code or len(read) < len(MONSTERS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
