"""Files per second, and MB/s, that are stored under their names, against ``cp`` of the same files in the same run.

``python benchmarks/files.py [SET ...] [--rounds 3] [--crawl]``. ``cp`` is ``cp -r``, "cp+sync" is that and a sync of
each file, which is what we promise. "stored" is our path without a network, in one process: read, hash, write, sync,
name, and record; the same bytes are never there before. With ``--crawl`` a whole ``acrawl images`` of a site on
loopback that serves these files, its start and its end included. What other processes have to write is synced before
each measurement. A ratio is our time by theirs, of one round: the least, the median and the greatest. Other work on
the disk shows in all of them: look at the ratios.
"""

import argparse
import asyncio
import http.server
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "tests"))

from acrawl.results.catalog import Catalog
from acrawl.results.files.folder import FolderStore
from acrawl.results.outbox import Drain
from acrawl.results.pipelines import Pipelines
from results.helpers import MemoryFrontier, Spider, entries

#: How many files, and bytes of each.
SETS = {"small": (5_000, 20_000), "large": (200, 5_000_000), "huge": (1, 1_000_000_000)}
#: Files that are under way at once, as in a worker, and bytes that come at once.
TOGETHER = 64
CHUNK = 1 << 16
#: Folders of a hundred files from which on what was copied is removed at the end, and not before the next is measured.
MANY = 10
HEAD = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\4\0\0\0\3\x08\x02\0\0\0;\x969\x91\0\0\0\0IDAT"


def made(folder, count, size):
    """The files to be copied, in folders of a hundred: PNGs by their first bytes, the rest is noise."""
    noise = os.urandom(min(size, 1 << 20))
    for n in range(count):
        path = folder / str(n // 100) / f"{n}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "wb") as file:
            file.write(HEAD + n.to_bytes(8, "big"))
            left = size - file.tell()
            while left > 0:
                left -= file.write(noise[:left])
    return folder


def cp(source, target):
    subprocess.run(["cp", "-r", source, target], check=True)


def cp_sync(source, target):
    cp(source, target)
    find = subprocess.run(["find", target, "-print0"], check=True, capture_output=True).stdout
    subprocess.run(["xargs", "-0", "sync"], input=find, check=True)


def stored(source, target):
    subprocess.run([sys.executable, __file__, "--one", source, target], check=True)


async def store(source, target):
    """What a worker and a master do with files, but for the network and the queue between them."""
    paths = iter(sorted(source.rglob("*.png")))
    files = FolderStore(target)
    frontier = MemoryFrontier([])
    drain = Drain(frontier, [], Catalog(target / ".acrawl" / "results.db", target), Pipelines.of(Spider()))
    await drain.open()
    delivering = asyncio.create_task(drain.run())
    numbers = iter(range(10**9))

    async def one():
        for path in paths:
            sink = files.sink()
            with open(path, "rb") as file:
                while chunk := file.read(CHUNK):
                    await sink.write(chunk)
            fact = await sink.finish(f"http://site.example/{path.relative_to(source)}", "", "image/png")
            (entry,) = entries([fact])
            frontier.waiting.append(entry._replace(id=next(numbers), item_id=fact.sha256))

    await asyncio.gather(*(one() for _ in range(TOGETHER)))
    await drain.drain()
    delivering.cancel()
    await asyncio.gather(delivering, return_exceptions=True)
    await drain.close()
    files.close()


class Handler(http.server.SimpleHTTPRequestHandler):
    """The files, and a page that names them all."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass


def crawled(source, target):
    names = sorted(str(path.relative_to(source)) for path in source.rglob("*.png"))
    (source / "index.html").write_text("".join(f'<img src="{name}">' for name in names))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), lambda *a: Handler(*a, directory=str(source)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    command = [sys.executable, "-m", "acrawl", "images", f"http://127.0.0.1:{server.server_address[1]}/"]
    subprocess.run([*command, "-o", str(target), "-q"], check=True)
    server.shutdown()
    server.server_close()


def measured(way, source, folder):
    """Seconds, once what others have written is on the disk."""
    target = pathlib.Path(tempfile.mkdtemp(dir=folder), "target")
    os.sync()
    begun = time.perf_counter()
    way(source, target)
    seconds = time.perf_counter() - begun
    if len(os.listdir(source)) < MANY:  # ext4 goes through the files that went lately to make a new one
        shutil.rmtree(target)
    return seconds


def report(name, seconds, count, size):
    for way, rounds in seconds.items():
        typical = statistics.median(rounds)
        ratios = []
        for base in ("cp", "cp_sync"):
            by = sorted(one / other for one, other in zip(rounds, seconds[base], strict=True))
            ratios.append(f"{by[0]:7.2f} {statistics.median(by):6.2f} {by[-1]:6.2f}" if way != base else " " * 21)
        rates = f"{count / typical:9.1f} {count * size / typical / 1e6:8.1f}"
        print(f"{name:6} {way:8} {typical:8.2f} {rates} {'  '.join(ratios)}", flush=True)


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("sets", nargs="*", default=["small", "large", "huge"], metavar="SET")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--crawl", action="store_true", help="Measure whole crawls, too.")
    options.add_argument("--folder", help="Where files are copied [default: the system's folder for temporary files].")
    options.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.one:
        asyncio.run(store(*map(pathlib.Path, given.one)))
        return
    ways = [cp, cp_sync, stored, *([crawled] if given.crawl else [])]
    print("set    way       seconds   files/s     MB/s    by cp: min, median, max  by cp+sync: min, median, max")
    for name in given.sets:
        count, size = SETS[name]
        with tempfile.TemporaryDirectory(dir=given.folder) as folder:
            source = made(pathlib.Path(folder, "source"), count, size)
            seconds = {way.__name__: [] for way in ways}
            for _ in range(given.rounds):
                for way in ways:
                    seconds[way.__name__].append(measured(way, source, pathlib.Path(folder)))
            report(name, seconds, count, size)


if __name__ == "__main__":
    main()
