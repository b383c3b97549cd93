#!/usr/bin/env python3
"""Crawls under fire into all kinds of results at once: SIGKILL on master and workers, servers of feeds that go away.

  tools/results_under_fire.py                     three crawls of three visits, 12 kills each; `make results-chaos`
  tools/results_under_fire.py --rounds 1 --visits 1 --kills 20 --seed 7

One crawl writes JSON Lines, compressed CSV, XML, JSON in numbered files, SQLite, Parquet, PostgreSQL and two feeds in
a bucket; it saves images with thumbnails and copies (every second crawl: into the bucket), keeps a web archive, and has
pipelines on workers and master that drop and fail, and items that are not as their class says. Each further visit
(``--again``) meets pages and images that are new, changed or gone. After each visit every output is read by another
reader and compared with what the site knows, and the feeds with each other, with ``audit``, ``changes``, ``export`` and
``report --json``. Ends with 0 when nothing is lost, doubled or foreign anywhere; the seed repeats site and kills.
"""

import argparse
import collections
import contextlib
import csv
import gzip
import hashlib
import io
import itertools
import json
import pathlib
import random
import secrets
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "tests"))

import psycopg
import pyarrow.parquet as pq
from fastwarc.warc import ArchiveIterator, WarcRecordType
from lxml import etree
from psycopg.rows import dict_row
from warcio.archiveiterator import WARCIterator

from acrawl.errors import CrawlFailed
from acrawl.testing.kill import MASTER, Strike, strikes, under_fire
from crawl.changing import ChangingSite
from results.postgres import Server
from results.s3 import Store, contents, environ, environment
from results.truth import SPIDER, Key, Site, Truth

KINDS = ("added", "changed", "unchanged", "removed", "failed")


class Weather:
    """Says how far a visit is, and lets a server of the feeds go away for a moment when that far.

    Nobody is struck meanwhile: a crawl that is started while a server is away refuses to begin.
    """

    def __init__(self, site: ChangingSite, servers: list, moments: list[int]) -> None:
        self.outages = 0
        self._site = site
        self._plan = list(zip(sorted(moments), itertools.cycle(servers)))

    def __call__(self) -> int:
        hits = len(self._site.log)
        if self.outages < len(self._plan) and self._plan[self.outages][0] <= hits:
            server = self._plan[self.outages][1]
            self.outages += 1
            server.stop()
            time.sleep(0.3)
            server.start()
        return hits


class Fired:
    """One crawl in a folder of its own: how it is started, and what is in its outputs."""

    def __init__(self, folder: pathlib.Path, bucket: str, postgres: str, *, in_bucket: bool, size: int) -> None:
        self.folder = folder
        self.bucket = bucket
        self.postgres = postgres
        self.in_bucket = in_bucket
        self.size = size

    def command(self, url: str) -> list[str]:
        (self.folder / "fired.py").write_text(SPIDER)
        feeds = ["items.jsonl", "items.csv.gz", "items.xml", "part-{batch}.json", "items.sqlite", "items.parquet"]
        feeds += [self.postgres, f"{self.bucket}/items.jsonl.gz", f"{self.bucket}/part-{{batch}}.csv"]
        settings = {
            "politeness.delay": 0.01,
            "queues.grace_seconds": 0.2,
            "frontier.max_lost": 1_000_000,  # the requests are not to blame for our kills
            "retry.delay": 0.2,
            "feeds.batch_items": self.size,
            "warc.max_bytes": 60_000,
            "images.thumbs": '{small = "40x40"}',
            "images.convert": "webp",
        }
        return [
            "run", "fired.py", "-a", f"url={url}", "--job", "job", "--warc", "archive/site", "--workers", "2", "-q",
            "--files", f"{self.bucket}/files" if self.in_bucket else "files",
            *(word for feed in feeds for word in ("-o", feed)),
            *(word for name, value in settings.items() for word in ("-s", f"{name}={value}")),
        ]  # fmt: skip

    def acrawl(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "acrawl", *arguments]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CrawlFailed(f"acrawl {' '.join(arguments)} ended with {done.returncode}: {done.stderr}")
        return done.stdout

    def feeds(self) -> dict[str, list[dict]]:
        """The rows of every feed as other programs read them, in their order where they have one."""
        folder, objects = self.folder, contents(self.bucket)
        numbered = sorted(folder.glob("part-*.json"), key=lambda path: int(path.stem[5:]))
        named = sorted((int(key[5:-4]), key) for key in objects if key.startswith("part-"))
        with contextlib.closing(sqlite3.connect(folder / "items.sqlite")) as db:
            db.row_factory = sqlite3.Row
            in_sqlite = [dict(row) for row in db.execute("SELECT * FROM items")]
        with psycopg.connect(self.postgres, row_factory=dict_row) as server:
            in_postgres = server.execute("SELECT * FROM items").fetchall()
        self.acrawl("export", "job", "-o", "again.jsonl", "--overwrite")
        elements = etree.parse(folder / "items.xml").getroot()
        return {
            "JSON Lines": _lines((folder / "items.jsonl").read_bytes()),
            "CSV, gzip": _table(gzip.decompress((folder / "items.csv.gz").read_bytes())),
            "XML": [{field.tag: field.text for field in item} for item in elements],
            "JSON, {batch}": [item for path in numbered for item in json.loads(path.read_bytes())],
            "SQLite": in_sqlite,
            "Parquet": pq.read_table(folder / "items.parquet", use_threads=False).to_pylist(),
            "PostgreSQL": in_postgres,
            "S3: JSON Lines, gzip": _lines(gzip.decompress(objects["items.jsonl.gz"])),
            "S3: CSV, {batch}": [row for _, key in named for row in _table(objects[key])],
            "kept, exported": _lines((folder / "again.jsonl").read_bytes()),
        }

    def saved(self) -> dict[str, bytes]:
        """Every saved file by its name."""
        if self.in_bucket:
            return contents(f"{self.bucket}/files")
        root = self.folder / "files"
        return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def _lines(data: bytes) -> list[dict]:
    return [json.loads(line) for line in data.split(b"\n")[:-1]]


def _table(data: bytes) -> list[dict]:
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


def key(row: dict) -> Key:
    """What a row is of."""
    if row.get("sha256"):
        return "file", row["url"], row["sha256"]
    return "thing", int(row["page"]), int(row["nth"]), int(row["version"])


class Verdict:
    """The table: of each output in how many visits it was looked at, and what was lost, doubled or foreign in it."""

    def __init__(self) -> None:
        self.rows: dict[str, collections.Counter[str]] = {}
        self.wrong: list[str] = []

    def compare(self, name: str, found: collections.Counter, wanted: collections.Counter) -> None:
        row = self.rows.setdefault(name, collections.Counter())
        lost, more = wanted - found, found - wanted
        doubled = {one: count for one, count in more.items() if one in wanted}
        foreign = {one: count for one, count in more.items() if one not in wanted}
        row.update(visits=1, wanted=wanted.total(), lost=lost.total(), doubled=sum(doubled.values()))
        row.update(foreign=sum(foreign.values()))
        for what, some in (("lost", lost), ("doubled", doubled), ("foreign", foreign)):
            if some:
                self.wrong.append(f"{name}: {what}: {list(some.items())[:3]}")

    def expect(self, name: str, found: object, wanted: object) -> None:
        if found != wanted:
            self.wrong.append(f"{name}: {str(found)[:400]} and not {str(wanted)[:400]}")

    def print(self, kills: int) -> None:
        print(f"{'output':24}{'visits':>8}{'kills':>8}{'wanted':>9}{'lost':>7}{'doubled':>9}{'foreign':>9}")
        for name, row in self.rows.items():
            figures = (row["visits"], kills, row["wanted"], row["lost"], row["doubled"], row["foreign"])
            print(f"{name:24}" + "{:>8}{:>8}{:>9}{:>7}{:>9}{:>9}".format(*figures))


def check(fired: Fired, truth: Truth, verdict: Verdict, more_visits: int) -> None:
    """Compare all there is; ``more_visits`` began because a master died after it had said that all was finished."""
    feeds = fired.feeds()
    for name, rows in feeds.items():
        verdict.compare(name, collections.Counter(map(key, rows)), truth.items)
    order = [key(row) for row in feeds["JSON Lines"]]
    for name in ("CSV, gzip", "XML", "JSON, {batch}", "Parquet", "S3: CSV, {batch}", "S3: JSON Lines, gzip"):
        verdict.expect(f"order of {name}", [key(row) for row in feeds[name]] == order, True)
    verdict.expect("exported as it was written", feeds["kept, exported"] == feeds["JSON Lines"], True)
    _check_files(fired, truth, verdict, feeds["JSON Lines"])
    _check_archive(fired, truth, verdict, more_visits)
    with contextlib.closing(sqlite3.connect(fired.folder / "job" / "results.db")) as db:
        verdict.compare(
            "failed items",
            collections.Counter(url for (url,) in db.execute("SELECT url FROM failed_items")),
            truth.failed,
        )
    fired.acrawl("audit", "--job", "job")
    report = json.loads(fired.acrawl("report", "--json", "job"))
    found = report["requests"]["delivered"], report["requests"]["dropped"], report["saved"]["failed"]
    items = sum(count for (kind, *_), count in truth.items.items() if kind == "thing")
    verdict.expect("report", found, (items, truth.dropped, truth.failed.total()))
    verdict.expect("report", (report["crawl"]["state"], report["requests"]["problems"]), ("finished", []))
    if not more_visits and truth.answers.total() > len(truth.answers):
        told = map(json.loads, fired.acrawl("changes", "--json", *KINDS, "--job", "job").splitlines())
        found = collections.Counter((one["url"], one["change"]) for one in told)
        verdict.compare("change report", found, collections.Counter(truth.changes.items()))


def _check_files(fired: Fired, truth: Truth, verdict: Verdict, rows: list[dict]) -> None:
    saved = fired.saved()
    latest = {row["url"]: row for row in rows if row.get("sha256")}
    found: collections.Counter[Key] = collections.Counter()
    thumbs: collections.Counter[str] = collections.Counter()
    names = set()
    for url, row in latest.items():
        named = {"file": row["path"], "thumb": row.get("thumbs", {}).get("small"), "copy": row.get("converted")}
        found[url, _digest(saved.get(named["file"], b"")), "broken" in row] += 1
        thumbs[url] += sum(named[what] in saved for what in ("thumb", "copy"))
        names |= {name for name in named.values() if name}
    verdict.compare("saved files", found, collections.Counter((u, *one) for u, one in truth.files.items()))
    wanted = collections.Counter({url: 2 for url, (_, broken) in truth.files.items() if not broken})
    verdict.compare("thumbnails and copies", +thumbs, wanted)
    ours = {name for name in saved if not name.startswith((".acrawl/", ".objects/"))}
    verdict.expect("names of files", sorted(ours ^ names), [])
    stored = {name.rpartition("/")[2] for name in saved if name.startswith(".objects/")}
    digests = {sha256 for sha256, _ in truth.files.values()}
    if fired.in_bucket:
        verdict.expect("staged objects", stored, set())
    else:
        verdict.expect("stored originals", digests - stored, set())
        made = {_digest(saved[name]) for name in names if name.startswith(("thumbs/", "converted/")) and name in saved}
        verdict.expect("stored objects", sorted(stored ^ (digests | made)), [])


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _check_archive(fired: Fired, truth: Truth, verdict: Verdict, more_visits: int) -> None:
    """One answer and one request for each URL and visit; a robots.txt is asked for in each life."""
    paths = sorted((fired.folder / "archive").glob("*.warc.gz"))
    robots = truth.site.server.url("/robots.txt")
    wanted = truth.answers + collections.Counter(dict.fromkeys(truth.answers, more_visits))
    by_reader: dict[str, collections.Counter[tuple[str, str]]] = {"warcio": collections.Counter()}
    for path in paths:
        with path.open("rb") as file:
            for record in WARCIterator(file, check_digests="raise"):
                url, body = record.rec_headers.get_header("WARC-Target-URI"), record.content_stream().read()
                by_reader["warcio"][record.rec_type, url] += 1
                if record.rec_type == "response" and url in truth.bodies:
                    gone = record.http_headers.get_statuscode() == "404"
                    verdict.expect(f"body of {url}", gone or body in truth.bodies[url], True)
    by_reader["fastwarc"] = collections.Counter(
        (record.headers["WARC-Type"], record.headers["WARC-Target-URI"])
        for path in paths
        for record in ArchiveIterator(io.BytesIO(path.read_bytes()))
        if record.record_type != WarcRecordType.warcinfo
    )
    for reader, records in by_reader.items():
        answers: collections.Counter[str] = collections.Counter()
        for (kind, url), count in records.items():
            answers[url] += count if kind in {"response", "revisit"} and url != robots else 0
        verdict.compare(f"archive, by {reader}", +answers, wanted)
    asked = collections.Counter(
        {url: n for (kind, url), n in by_reader["warcio"].items() if kind == "request" and url != robots}
    )
    verdict.compare("archive, requests", asked, wanted)
    index = (fired.folder / "archive" / "site.cdxj").read_text().splitlines()
    listed = collections.Counter(json.loads(line.split(" ", 2)[2])["url"] for line in index)
    del listed[robots]
    verdict.compare("archive, index", listed, wanted)


def visit(fired: Fired, truth: Truth, servers: list, number: int, options: argparse.Namespace) -> int:
    """One visit under fire; returns how many were killed."""
    server, seed = truth.site.server, options.seed + 100 * number
    truth.site.furnish(number)
    truth.visit(number)
    server.log.clear()
    chance = random.Random(seed)
    wanted = len(truth.answers)
    plan = [Strike(MASTER, 0, chance.uniform(0.2, 1.0))] if number else []  # as the visit begins
    plan += strikes(seed, options.kills - len(plan), wanted, pause=options.pause)
    weather = Weather(server, servers, [chance.randrange(wanted) for _ in range(options.outages)])
    words = [*fired.command(server.url("/0")), "--again" if number else "--resume"]
    losses = under_fire(words, plan, weather, cwd=fired.folder, seconds=options.seconds, seed=seed)
    print(
        f"visit {number}: {losses.masters} masters and {losses.workers} workers killed, {weather.outages} outages, "
        f"{losses.starts} starts, {losses.seconds:.0f} s; {len(server.log)} requests; {losses.surprises}",
        flush=True,
    )
    return losses.masters + losses.workers


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """The options; the seed is drawn where none is given."""
    parser = argparse.ArgumentParser(prog="tools/results_under_fire.py", description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3, help="crawls")
    parser.add_argument("--visits", type=int, default=3, help="of each crawl, the first one included")
    parser.add_argument("--kills", type=int, default=12, help="in each visit")
    parser.add_argument("--outages", type=int, default=2, help="of the database or the bucket in each visit")
    parser.add_argument("--pages", type=int, default=200)
    parser.add_argument("--pause", type=float, default=1.0, help="longest wait before a kill whose moment has come")
    parser.add_argument("--seconds", type=float, default=400.0, help="the longest a visit may take")
    parser.add_argument("--seed", type=int, default=None, help="repeats an earlier run's kills")
    options = parser.parse_args(arguments)
    if options.seed is None:
        options.seed = secrets.randbelow(1_000_000)
    return options


def crawl(folder: pathlib.Path, servers: list, number: int, options: argparse.Namespace, verdict: Verdict) -> int:
    """One crawl with its visits; returns how many were killed."""
    store, database = servers
    store.make(f"round{number}")
    with psycopg.connect(database.url(), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE round{number}")
    kills = 0
    with ChangingSite() as server:
        truth = Truth(Site(options.pages, server))
        place = database.url(f"round{number}")
        fired = Fired(folder, f"s3://round{number}", place, in_bucket=number % 2 == 1, size=70)
        for one in range(options.visits):
            kills += visit(fired, truth, servers, one, options)
            more = json.loads((folder / "job" / "job.json").read_bytes())["visit"] - one
            check(fired, truth, verdict, more)
            if verdict.wrong or more:
                break
    return kills


def main(arguments: list[str] | None = None) -> int:
    """Run it and print the table. Returns the exit code; what failed leaves its folder behind."""
    options = parsed(arguments)
    print(f"seed {options.seed}", flush=True)
    root, verdict, kills = pathlib.Path(tempfile.mkdtemp(prefix="acrawl-fire-")), Verdict(), 0
    store, database = Store("rclone"), Server(durable=True)
    try:
        with environ(environment(store.url)):
            for number in range(options.rounds):
                folder = root / str(number)
                folder.mkdir()
                kills += crawl(folder, [store, database], number, options, verdict)
                options.seed += 1
                if verdict.wrong:
                    break
    except (TimeoutError, CrawlFailed) as error:
        verdict.wrong.append(str(error))
    finally:
        store.reap()
        database.reap()
    verdict.print(kills)
    for one in verdict.wrong:
        print(f"WRONG: {one}")
    if verdict.wrong:
        print(f"FAILED; see {root}")
        return 1
    shutil.rmtree(root)
    print("ok: nothing lost, nothing twice, in any output")
    return 0


if __name__ == "__main__":
    sys.exit(main())
