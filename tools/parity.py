#!/usr/bin/env python3
"""Whether acrawl selects what parsel selects, on whole manuals.

  tools/parity.py [--pages N] FOLDER ...        each page of the folders, or N of each, spread evenly

Each page is asked all queries of ``tests/parse/parity.py``, from its root and from elements in it. Printed are pages,
queries, and the elements, texts and values compared; how many queries differ by each rule of the HTML standard that is
named there; queries that nothing explains, the first of them by name; and pages that the parsers repair in different
ways, which are not asked. Ends with 0 when nothing is unexplained.
"""

from __future__ import annotations

import argparse
import multiprocessing
import pathlib
import sys

ROOT = pathlib.Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests" / "parse"))

from parity import RULES, Counts, compare  # noqa: E402

_SHOWN = 30


def main() -> int:
    """Print a line for each folder; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=pathlib.Path, metavar="FOLDER")
    parser.add_argument("--pages", type=int, help="how many pages of each folder [all]")
    wanted = parser.parse_args()
    rules = [*RULES, "several"]
    print(
        "{:>6} {:>9} {:>11}".format("pages", "queries", "results"),
        *(f"{rule:>8}" for rule in rules),
        " unexplained repaired",
    )
    unexplained, repaired = [], []
    for folder in wanted.folders:
        pages = sorted(path for path in folder.rglob("*.html") if path.is_file())
        if wanted.pages:
            pages = pages[:: max(1, len(pages) // wanted.pages)]
        total = Counts()
        with multiprocessing.Pool(2) as pool:
            for counts in pool.imap_unordered(_compared, pages, chunksize=4):
                total.add(counts)
        print(
            f"{total.pages:6} {total.queries:9} {total.nodes:11}",
            *(f"{total.explained[rule]:8}" for rule in rules),
            end="",
        )
        print(f" {len(total.unexplained):12} {len(total.repaired):8}  {folder}", flush=True)
        unexplained += total.unexplained
        repaired += total.repaired
    for what in unexplained[:_SHOWN]:
        print("unexplained:", what)
    for name in repaired[:_SHOWN]:
        print("repaired:", name)
    return 1 if unexplained else 0


def _compared(path: pathlib.Path) -> Counts:
    return compare(path.read_bytes(), str(path))


if __name__ == "__main__":
    sys.exit(main())
