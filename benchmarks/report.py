"""What a report of a large crawl costs: seconds and peak memory of reading a generated ledger, and of the page.

    python benchmarks/report.py [--requests 1000000] [--folder FOLDER]

The ledger is that of the tests: fifty hosts, seven ways to end, an hour; another process makes it. Seconds are those of
the clock and of the processor, of one run; memory is what reading added to the peak of this process.
"""

import argparse
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

from acrawl.cli.report import gather
from acrawl.frontier import books
from acrawl.frontier.database import Database
from acrawl.job import Job
from acrawl.monitor.report import render

TESTS = pathlib.Path(__file__).parent.parent / "tests"
MAKE = """
import pathlib, sys
from report.ledgers import make_ledger
make_ledger(pathlib.Path(sys.argv[1]), int(sys.argv[2]))
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--folder", type=pathlib.Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        file = pathlib.Path(folder, "job.db")
        subprocess.run([sys.executable, "-c", MAKE, str(file), str(options.requests)], cwd=TESTS, check=True)
        print(f"{options.requests:,} requests, {file.stat().st_size / 1e6:,.0f} MB")
        print("                   clock     CPU")
        before = peak()
        with Database(str(file), reading=True) as db:
            timed("audit alone", lambda: books.audit(db))
        report = timed("all figures", lambda: gather(Job(folder)))
        page = timed("the page", lambda: render(report))
        print(f"page            {len(page) / 1000:6,.0f} kB")
        print(f"memory            {peak() - before:6.1f} MB more at the peak")


def timed(name, work):
    began, busy = time.perf_counter(), time.process_time()
    result = work()
    print(f"{name:14} {time.perf_counter() - began:7.2f} s {time.process_time() - busy:6.2f} s")
    return result


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
