"""Items per second into SQLite, PostgreSQL and Parquet, against the bare library doing the same.

``python benchmarks/feed_stores.py [ITEMS]``; PostgreSQL is a server of its own from the tests' wheel. Both sides write
the same batches, each made durable before the next: one transaction, or one fsynced file, for each. The bare side
knows its columns and types beforehand. Where the disk is shared, its fsyncs make the rates noise: look at the CPU then.
Each measurement is a process of its own; MiB is the most memory it had (VmHWM): of the feed at a tenth of the items, of
the feed, of the bare side. It must not grow with the items.
"""

import os
import pathlib
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "tests"))

import msgspec
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq

from acrawl.results.base import Row
from acrawl.results.feeds import open_feed
from results.postgres import Server

BATCH = 500
encode = msgspec.json.encode
FIELDS = ("url", "title", "price", "stock", "new", "text", "tags", "facts")


def item(n):
    return {"url": f"https://shop.example/{n}", "title": f"Thing {n} é", "price": n / 7, "stock": n % 50,
            "new": n % 2 == 0, "text": "words " * 40, "tags": ["a", "b", str(n)],
            "facts": {"w": n, "h": 2}}  # fmt: skip


def batches(count):
    for start in range(0, count, BATCH):
        yield [(f"{n:032x}", item(n)) for n in range(start, min(start + BATCH, count))]


def flat(key, value):
    return (key, *[encode(one).decode() if type(one) in {list, dict} else one for one in value.values()])


def measured(function, where, count):
    """Seconds by the clock and of the CPU, and MiB at most."""
    command = [sys.executable, __file__, "--one", function.__name__, str(where), str(count)]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [float(number) for number in out.split()]


def one(name, where, count):
    work = batches(int(count))
    start, cpu = time.perf_counter(), time.process_time()
    globals()[name](where, work)
    seconds = time.perf_counter() - start, time.process_time() - cpu
    status = pathlib.Path("/proc/self/status").read_text()
    print(*seconds, int(status.split("VmHWM:")[1].split()[0]) / 1024)


def ours(spec, work):
    feed = open_feed(spec, {})
    for batch in work:
        assert feed.write([Row(*one) for one in batch]) == []
        feed.commit()
    feed.finish()
    feed.close()


def bare_sqlite(path, work):
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"CREATE TABLE items(item_id TEXT PRIMARY KEY, {', '.join(FIELDS)})")
    update = ", ".join(f"{name} = excluded.{name}" for name in FIELDS)
    statement = f"INSERT INTO items VALUES(?{', ?' * len(FIELDS)}) ON CONFLICT(item_id) DO UPDATE SET {update}"
    for batch in work:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(statement, [flat(*one) for one in batch])
        connection.execute("COMMIT")
    connection.close()


def bare_postgresql(url, work):
    with psycopg.connect(url) as connection:
        connection.execute(
            "CREATE TABLE bare(item_id text PRIMARY KEY, url text, title text, price double precision, stock bigint,"
            " new boolean, text text, tags jsonb, facts jsonb)"
        )
        connection.execute("CREATE TEMPORARY TABLE batch ON COMMIT DELETE ROWS AS SELECT * FROM bare WITH NO DATA")
        update = ", ".join(f"{name} = EXCLUDED.{name}" for name in FIELDS)
        for batch in work:
            with connection.cursor() as cursor, cursor.copy("COPY batch FROM STDIN") as copy:
                for one in batch:
                    copy.write_row(flat(*one))
            connection.execute(f"INSERT INTO bare SELECT * FROM batch ON CONFLICT(item_id) DO UPDATE SET {update}")
            connection.commit()


def bare_parquet(path, work):
    schema = pa.schema({"url": pa.string(), "title": pa.string(), "price": pa.float64(), "stock": pa.int64(),
                        "new": pa.bool_(), "text": pa.string(), "tags": pa.list_(pa.string()),
                        "facts": pa.string()})  # fmt: skip
    with open(path, "wb") as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for batch in work:
            rows = [value | {"facts": encode(value["facts"]).decode()} for _, value in batch]
            writer.write_table(pa.Table.from_pylist(rows, schema))
            file.flush()
            os.fsync(file.fileno())


def main(count):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        server = Server(durable=True)
        try:
            pairs = {
                "SQLite": (bare_sqlite, folder / "bare.sqlite", folder / "small.sqlite", folder / "ours.sqlite"),
                "PostgreSQL": (bare_postgresql, server.url(), f"{server.url()}#small", f"{server.url()}#ours"),
                "Parquet": (bare_parquet, folder / "bare.parquet", folder / "small.parquet", folder / "ours.parquet"),
            }
            print(f"{count} items in batches of {BATCH}, each durable; items per second")
            for store, (bare, theirs, little, spec) in pairs.items():
                alone, bare_cpu, bare_peak = measured(bare, theirs, count)
                small = measured(ours, little, count // 10)[2]
                through, cpu, peak = measured(ours, spec, count)
                rates = f"bare {count / alone:9,.0f}   feed {count / through:9,.0f}   {alone / through:5.2f}"
                used = f"us of CPU an item: {bare_cpu / count * 1e6:5.1f} {cpu / count * 1e6:5.1f}"
                print(f"{store:11} {rates}   {used}   MiB: {small:4.0f} {peak:4.0f} {bare_peak:4.0f}", flush=True)
        finally:
            server.reap()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(*sys.argv[2:])
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000)
