"""What do trap budgets cost real sites, and when do they stop at traps?

    python benchmarks/traps.py [--scale 1.0] [--pages 200000] [--only NAME] [--trees FOLDER ...]

Crawls models of sites (``trapping/sites.py``), traps (``trapping/traps.py``) and trees of real HTML files with the
settings' own budgets. Exits with 1 when a page of a real site is lost, or a trap has not stopped after ``--pages``.
"""

import argparse
import pathlib
import sys
import time

from trapping.crawl import HOST, crawl
from trapping.sites import REAL
from trapping.traps import TRAPS

from acrawl.parse.links import urls
from acrawl.response import Response
from acrawl.settings import Traps

TREES = (
    "/usr/share/doc/python3.11/html",
    "/usr/share/doc/postgresql-doc-15/html",
    "/usr/share/gimp/2.0/help/en",
    "/usr/share/doc/gcc-12-base/libstdc++/user",
    "/usr/share/doc/openjdk-17-jre-headless/api",
)


class Tree:
    """HTML files below a folder, and all they link to there."""

    def __init__(self, folder):
        self.folder = folder
        self.start = next((name for name in ("index.html", "allclasses-index.html") if (folder / name).exists()), "")

    def __call__(self, path):
        if path == "/":
            path = f"/{self.start}"
        file = self.folder / path[1:].partition("?")[0]
        body = file.read_bytes() if file.is_file() else b""
        response = Response(HOST + path, body=body, headers=None)
        found = [link for link in urls(response.document) if link.startswith(HOST + "/")] if body else []
        return body, [link[len(HOST) :] for link in found if link.endswith((".html", ".htm", "/"))]

    def of_trap(self, path):
        return False


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--pages", type=int, default=200_000)
    parser.add_argument("--only", default="")
    parser.add_argument("--trees", nargs="*", default=TREES)
    given = parser.parse_args()
    terms, bad = Traps(), False
    for name, (model, size) in REAL.items():
        if given.only in name:
            bad |= show(name, model(int(size * given.scale)), terms, 10**9)
    for folder in map(pathlib.Path, given.trees):
        if folder.is_dir() and given.only in str(folder):
            bad |= show(str(folder), Tree(folder), terms, 10**9)
    for name, model in TRAPS.items():
        if given.only in name:
            bad |= show(name, model(200), terms, given.pages)
    sys.exit(bad)


def show(name, site, terms, most):
    """Crawl a site and print what came of it; returns whether that is bad."""
    began = time.perf_counter()
    done = crawl(site, terms, most)
    took = time.perf_counter() - began
    end = "" if done.stopped else "  NOT STOPPED"
    kept_out = ", ".join(f"{n} {word}" for word, n in done.why.items())
    print(
        f"{name:45} fetched {done.fetched:8} of which trap {done.trapped:7}  lost {len(done.lost):6}  "
        f"{took:6.1f} s  kept out: {kept_out or 0}{end}", flush=True,
    )  # fmt: skip
    return bool(done.lost) or not done.stopped


if __name__ == "__main__":
    main()
