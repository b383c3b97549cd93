"""Items per second into each form of file, against the bare library doing the same without any promise.

``python benchmarks/feeds.py [-n 1000000] [FORM ...]``. Each measurement is a process of its own, one after the other;
its greatest memory (VmHWM) is printed: it must not grow with the items. The feed is written as the outbox does, 500
items and one fsync at a time; bare is one pass over the same items with the usual code, and one fsync. What the disk
took for the fsyncs of the feed is said apart ("synced"), and "code" is the ratio without it. "kept" is the feed while
the same items are kept in the job, too, and "export" is `acrawl export` of these.
"""

import argparse
import csv
import gzip
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from xml.sax import saxutils

import msgspec

from acrawl.results import export as exporting
from acrawl.results.base import Row
from acrawl.results.committing import Committer
from acrawl.results.feeds import Crawl, open_feed
from acrawl.results.kept import keep, place
from acrawl.results.kept import kept as stored

BATCH = 500
SMALL = 10_000


def item(number):
    return {
        "url": f"https://shop.example/products/{number}.html",
        "name": f"Product {number}, the “best”",
        "price": number / 100,
        "stock": number % 7,
        "tags": ["new", "blue & white"],
    }


def feed(path, count):
    written([open_feed(path, {})], count)


def kept(path, count):
    written([open_feed(path, {}), keep(pathlib.Path(path).parent, {})], count)


def export(path, count):
    job = pathlib.Path(path).parent
    length = place(job).stat().st_size
    done = exporting.export([path], lambda: stored(job, length), {}, Crawl())
    assert done == (count, 0)


def written(targets, count):
    committer = Committer(targets)
    for start in range(0, count, BATCH):
        rows = [Row(f"{n:032x}", item(n), item(n)["url"]) for n in range(start, min(start + BATCH, count))]
        for target in targets:
            target.write(rows)
        committer.commit()
    for target in targets:
        target.finish()
        target.close()
    committer.close()


def bare_jsonl(file, count):
    encode = msgspec.json.encode
    for n in range(count):
        file.write(encode(item(n)) + b"\n")


def bare_json(file, count):
    file.write(b"[")
    for n in range(count):
        file.write(b",\n" * bool(n) + json.dumps(item(n), ensure_ascii=False).encode())
    file.write(b"]")


def bare_csv(file, count):
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    writer = csv.DictWriter(text, list(item(0)))
    writer.writeheader()
    for n in range(count):
        row = item(n)
        writer.writerow(row | {"tags": json.dumps(row["tags"])})
    text.flush()
    text.detach()


def bare_xml(file, count):
    writer = saxutils.XMLGenerator(file, "utf-8", short_empty_elements=False)
    writer.startDocument()
    writer.startElement("items", {})
    for n in range(count):
        writer.startElement("item", {})
        for name, value in item(n).items():
            writer.startElement(name, {})
            for part in value if isinstance(value, list) else ():
                writer.startElement("value", {})
                writer.characters(part)
                writer.endElement("value")
            if not isinstance(value, list):
                writer.characters(str(value))
            writer.endElement(name)
        writer.endElement("item")
    writer.endElement("items")
    writer.endDocument()


def bare(path, count):
    form = pathlib.Path(path).name.split(".")[1]
    with open(path, "wb") as plain:
        file = gzip.GzipFile(fileobj=plain, mode="wb", compresslevel=6) if path.endswith(".gz") else plain
        globals()[f"bare_{form}"](file, count)
        if file is not plain:
            file.close()
        plain.flush()
        os.fsync(plain.fileno())


def measured(way, form, count):
    """Seconds, MiB at most, MB of the file, and seconds of fsync."""
    with tempfile.TemporaryDirectory() as folder:
        if way == "export":
            written([keep(pathlib.Path(folder), {})], count)
        command = [sys.executable, __file__, "--one", way, "-n", str(count), f"{folder}/items.{form}"]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        seconds, peak, size, synced = map(float, out.split())
    return seconds, peak / 1024, size / 1e6, synced


def one(way, path, count):
    synced, fsync = [], os.fsync

    def timed(descriptor):
        before = time.perf_counter()
        fsync(descriptor)
        synced.append(time.perf_counter() - before)

    os.fsync = timed
    begun = time.perf_counter()
    {"feed": feed, "bare": bare, "kept": kept, "export": export}[way](path, count)
    seconds = time.perf_counter() - begun
    status = pathlib.Path("/proc/self/status").read_text()
    print(seconds, status.split("VmHWM:")[1].split()[0], os.path.getsize(path), sum(synced))


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("-n", type=int, default=1_000_000)
    options.add_argument("--one", choices=["feed", "bare", "kept", "export"], help=argparse.SUPPRESS)
    options.add_argument("forms", nargs="*", default=["jsonl", "json", "csv", "xml", "jsonl.gz", "csv.gz"])
    given = options.parse_args()
    if given.one:
        one(given.one, given.forms[0], given.n)
        return
    print(f"{given.n} items; {BATCH} and one fsync at a time. MiB: the most memory, at {SMALL} items and at all")
    print(
        "form          feed/s    kept/s  export/s    bare/s feed:bare  synced   code      MB    MiB, feed, export, bare"
    )
    for form in given.forms:
        small = measured("feed", form, SMALL)
        ours, theirs = measured("feed", form, given.n), measured("bare", form, given.n)
        both, exported = measured("kept", form, given.n), measured("export", form, given.n)
        code = (theirs[0] - theirs[3]) / (ours[0] - ours[3])
        rates = [given.n / seconds for seconds, *_ in (ours, both, exported, theirs)]
        print(
            f"{form:10} {' '.join(f'{rate:9.0f}' for rate in rates)} {rates[0] / rates[3]:9.2f}"
            f" {ours[3] / ours[0]:7.0%} {code:6.2f} {ours[2]:7.0f}"
            f" {small[1]:5.0f} {ours[1]:6.0f} {exported[1]:6.0f} {theirs[1]:6.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
