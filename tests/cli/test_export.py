"""``acrawl export``: any feed of what a job keeps, whole or not at all, and one line for what stands in the way."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pathlib
import sqlite3
import subprocess
import sys

import msgspec
import pyarrow.parquet as pq
import pytest

from acrawl.errors import EXIT_ENVIRONMENT, EXIT_FAILED, EXIT_OK, EXIT_USAGE
from acrawl.frontier.database import Database
from acrawl.job import Identity, Job
from acrawl.outcome import Derived
from acrawl.results.base import Row
from acrawl.results.catalog import Catalog
from acrawl.results.feeds import BEGAN
from acrawl.results.files.folder import FolderStore
from acrawl.results.kept import GAP, keep
from acrawl.testing import ManualClock
from results.helpers import png, save
from results.reading import records

ITEMS = [{"n": n, "name": f"thing é {n}"} | ({"late": {"deep": n}} if n > 20 else {}) for n in range(30)]


def made(folder, items=ITEMS, **marks):
    """A job of a crawl that has delivered items."""
    with Job(folder) as job:
        job.begin(Identity("shop.py:Shop", "", {}, "host", name="shop"))
        feed = keep(folder, {}, ManualClock())
        feed.write([Row(f"{number:04}", item, f"https://e.org/{number}") for number, item in enumerate(items)])
        with Database(job.database) as db:
            for name, mark in ({BEGAN: 1767323045} | feed.commit() | marks).items():
                db.run("insert into mark values(?, ?)", name, mark)
        feed.close()
    return folder


@pytest.fixture
def job(tmp_path):
    return made(tmp_path / "job")


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def rows(path, table="items"):
    with contextlib.closing(sqlite3.connect(path)) as db:
        return db.execute(f"SELECT * FROM {table} ORDER BY item_id").fetchall()


def test_one_export_writes_several_forms(job, typed, tmp_path):
    names = ["a.jsonl", "a.json", "a.csv.gz", "a.xml", "new/a.sqlite#things", "a.parquet"]
    done = typed("export", job, *[word for name in names for word in ("-o", name)])
    assert done.code == EXIT_OK
    assert done.err.splitlines()[-1] == f"30 items to {', '.join(names)}"
    assert lines((tmp_path / "a.jsonl").read_text()) == ITEMS
    assert json.loads((tmp_path / "a.json").read_text()) == ITEMS
    assert [row["n"] for row in records(tmp_path / "a.csv.gz")] == [str(n) for n in range(30)]
    assert len(records(tmp_path / "a.xml")) == 30
    stored = rows(tmp_path / "new" / "a.sqlite", "things")
    assert stored[25] == ("0025", 25, "thing é 25", '{"deep":25}')
    assert pq.read_table(tmp_path / "a.parquet").column("n").to_pylist() == list(range(30))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "a.csv.gz", "a.json", "a.jsonl", "a.parquet", "a.xml", "job", "new",
    ]  # fmt: skip


def test_a_table_on_standard_output_has_the_columns_of_all_items(job, tmp_path):
    command = [sys.executable, "-m", "acrawl", "export", "-o", "-:csv", "--job", job]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=20, check=True)
    header, first, *_, last = done.stdout.splitlines()
    assert (header, first, last) == ("n,name,late", "0,thing é 0,", '29,thing é 29,"{""deep"":29}"')
    assert done.stderr == "30 items to -:csv\n"


def test_dicts_become_columns_where_that_is_wanted(job, typed, tmp_path):
    assert typed("export", job, "-o", "a.csv", "-o", "a.jsonl", "-s", "feeds.flatten=yes").code == EXIT_OK
    header, *_, last = (tmp_path / "a.csv").read_text().splitlines()
    assert (header, last) == ("n,name,late.deep", "29,thing é 29,29")
    assert lines((tmp_path / "a.jsonl").read_text()) == ITEMS


def test_names_fields_and_batches_are_as_in_a_crawl(job, typed, tmp_path):
    fields = '{"{name}/{batch:02}.csv" = ["name", "n"], "b.jsonl" = ["late"]}'
    done = typed(
        "export", "-o", "{name}/{batch:02}.csv", "-o", "b.jsonl", "-o", "{time}.jsonl", "-s", "feeds.batch_items=20",
        "-s", f"feeds.fields_of={fields}", "-s", "feeds.fields=n", "--job", job,
    )  # fmt: skip
    assert done.code == EXIT_OK, done.err
    parts = [(tmp_path / "shop" / name).read_text().splitlines() for name in ("01.csv", "02.csv")]
    assert [len(part) for part in parts] == [21, 11]
    assert [part[0] for part in parts] == ["name,n"] * 2
    assert lines((tmp_path / "b.jsonl").read_text())[-2:] == [{"late": {"deep": 28}}, {"late": {"deep": 29}}]
    assert lines((tmp_path / "2026-01-02T03-04-05.jsonl").read_text())[-1] == {"n": 29}
    again = typed("export", "-o", "{name}/{batch:02}.csv", "--job", job, "-s", "feeds.batch_items=50", "--overwrite")
    assert again.code == EXIT_OK
    assert [path.name for path in (tmp_path / "shop").iterdir()] == ["01.csv"]


def test_a_file_that_is_there_stays_unless_it_may_be_replaced(job, typed, tmp_path):
    real, link = tmp_path / "real.jsonl", tmp_path / "a.jsonl"
    real.write_text("mine\n")
    real.chmod(0o640)
    link.symlink_to(real)
    done = typed("export", job, "-o", "b.jsonl", "-o", "a.jsonl")
    assert done.code == EXIT_ENVIRONMENT
    assert "real.jsonl is there already: name another, or --overwrite" in done.complaint
    assert real.read_text() == "mine\n"
    assert not (tmp_path / "b.jsonl").exists()
    assert typed("export", job, "-o", "a.jsonl", "--overwrite").code == EXIT_OK
    assert lines(real.read_text()) == ITEMS
    assert link.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640


def test_a_table_of_a_database_that_is_there_gets_the_rows_and_no_other_is_touched(job, typed, tmp_path):
    with contextlib.closing(sqlite3.connect(tmp_path / "a.sqlite")) as db:
        db.executescript("CREATE TABLE other(x); INSERT INTO other VALUES(7);")
    for _ in range(2):
        assert typed("export", job, "-o", "a.sqlite", "-s", "feeds.fields=name,n").code == EXIT_OK
    assert rows(tmp_path / "a.sqlite") == [(f"{n:04}", f"thing é {n}", n) for n in range(30)]
    with contextlib.closing(sqlite3.connect(tmp_path / "a.sqlite")) as db:
        assert db.execute("SELECT x FROM other").fetchall() == [(7,)]


def test_an_item_that_a_form_cannot_hold_is_named_and_the_others_written(typed, tmp_path):
    made(tmp_path / "job", [{"n": 1}, "a text", {"n": 2}])
    done = typed("export", "job", "-o", "a.csv", "-o", "a.jsonl")
    assert done.code == EXIT_FAILED
    assert "item 0001 of https://e.org/1: CSV cannot hold it: a row needs fields" in done.err
    assert "1 of the items could not be written" in done.err
    assert (tmp_path / "a.csv").read_text().split() == ["n", "1", "2"]
    assert lines((tmp_path / "a.jsonl").read_text()) == [{"n": 1}, "a text", {"n": 2}]


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.xml"])
def test_without_an_item_the_file_is_an_empty_one_of_its_form(typed, tmp_path, name):
    made(tmp_path / "job", [])
    (tmp_path / name).write_text("old")
    assert typed("export", "job", "-o", name, "--overwrite").code == EXIT_OK
    text = (tmp_path / name).read_text()
    assert text.split() == {"json": ["[", "]"], "xml": ["<?xml", 'version="1.0"', 'encoding="utf-8"?>', "<items>",
                            "</items>"]}.get(name[2:], [])  # fmt: skip


def test_what_stands_in_the_way_is_one_line(job, typed, tmp_path, refused_url):
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "file").write_text("")
    refused = {
        ("-o", "a.txt"): ("the name does not tell the format", EXIT_USAGE),
        ("-o", "a.jsno"): ("did you mean 'json'?", EXIT_USAGE),
        ("-o", "{nam}.csv"): ("did you mean {name}?", EXIT_USAGE),
        ("-o", "a.csv", "-o", "./a.csv"): ("another -o writes to it", EXIT_USAGE),
        ("-o", "a-{batch}.csv"): ("needs feeds.batch_items or feeds.batch_bytes", EXIT_USAGE),
        ("-o", "a.csv", "-s", "feeds.batch_items=5"): ("no -o has {batch}", EXIT_USAGE),
        (): ("Missing option '-o'", EXIT_USAGE),
        ("-o", "a.csv", "--job", job): ("name the job once", EXIT_USAGE),
        ("-o", "folder.csv"): ("is a folder; name a file in it", EXIT_ENVIRONMENT),
        ("-o", "file/a.csv"): ("cannot be written: ", EXIT_ENVIRONMENT),
        ("-o", refused_url): ("cannot be reached", EXIT_ENVIRONMENT),
    }
    for words, (what, code) in refused.items():
        done = typed("export", job, *words)
        assert what in done.complaint, words
        assert done.code == code, words
    assert "no such job folder" in typed("export", "elsewhere", "-o", "a.csv").complaint
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.csv", "job"]


def test_saved_files_are_written_as_a_crawl_shows_them(typed, tmp_path):
    job = made(tmp_path / "job", [])
    store = FolderStore(tmp_path / "files")
    facts = [asyncio.run(save(store, f"https://e.org/{n}", png(n), "", "image/png")) for n in (2, 1)]
    small = asyncio.run(save(store, "", b"small", "", "image/jpeg"))
    store.close()
    made_of_it = [Derived(kind, small.sha256, 5, "image/jpeg", 2, 2) for kind in ("thumb:s", "converted")]
    facts[1] = msgspec.structs.replace(facts[1], derived=made_of_it, note="an animation")
    catalog = Catalog(job / "results.db", tmp_path / "files")
    with catalog.batch():
        catalog.add_files(facts)
    catalog.close()
    done = typed("export", job, "--files", "-o", "a.jsonl", "-o", "a.sqlite")
    assert (done.code, done.err) == (EXIT_OK, "2 files to a.jsonl, a.sqlite\n")
    first, second = lines((tmp_path / "a.jsonl").read_text())
    assert (first["url"], second["url"]) == ("https://e.org/1", "https://e.org/2")
    assert second == {
        "url": "https://e.org/2", "path": second["path"], "sha256": facts[0].sha256, "size": facts[0].size,
        "type": "image/png", "width": 4, "height": 4,
    }  # fmt: skip
    assert (tmp_path / "files" / second["path"]).read_bytes() == png(2)
    assert (first["thumbs"], first["converted"], first["broken"], first["note"]) == (
        {"s": "thumbs/s/e.org/1.png.jpg"}, "converted/e.org/1.png.jpg", "", "an animation",
    )  # fmt: skip
    assert [row[0] for row in rows(tmp_path / "a.sqlite")] == ["https://e.org/1", "https://e.org/2"]


def test_the_crawls_own_feeds_are_not_replaced(typed, tmp_path):
    own = tmp_path / "own.jsonl"
    own.write_text("delivered\n")
    numbered = tmp_path / "{batch}.csv"
    made(tmp_path / "job", **{str(own): 10, f"{numbered}:batch": 1, str(tmp_path / "shop.json"): 3})
    (tmp_path / "link.jsonl").symlink_to(own)
    for name in ("own.jsonl", "link.jsonl", "{name}.json", "{batch}.csv"):
        done = typed("export", "job", "-o", name, "--overwrite", "-s", f"feeds.batch_items={5 * ('batch' in name)}")
        assert done.code == EXIT_ENVIRONMENT, name
        assert "is where the crawl itself writes to" in done.complaint
    assert own.read_text() == "delivered\n"


def test_what_a_job_does_not_keep_is_said(typed, tmp_path):
    made(tmp_path / "job", **{GAP: 1})
    done = typed("export", "job", "-o", "a.jsonl")
    assert done.code == EXIT_OK
    assert "for a while the crawl went on with feeds.keep off" in done.err
    with Database(str(tmp_path / "job" / "job.db")) as db:
        db.run("delete from mark where feed = 'kept'")
    done = typed("export", "job", "-o", "b.jsonl")
    assert done.code == EXIT_USAGE
    assert "this crawl keeps no items: it was run with feeds.keep off" in done.complaint


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
from acrawl.cli import main
main(sys.argv[1:])
"""


@pytest.mark.process
@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.sqlite", "a.parquet"])
def test_a_full_disk_is_one_line_and_leaves_nothing_behind(tmp_path, name):
    noise = [os.urandom(500).hex() for _ in range(500)]
    made(tmp_path / "job", [{"noise": one} for one in noise])
    command = [sys.executable, "-c", LIMITED, "export", "job", "-o", name]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=30, check=False)
    assert done.returncode == EXIT_FAILED, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"acrawl: the feed {tmp_path / name}")
    assert line.endswith("; mend it and export again")
    assert [path.name for path in tmp_path.iterdir()] == ["job"]


def test_a_damaged_store_of_items_is_one_line(job, typed, tmp_path):
    store = pathlib.Path(job) / "items.kept"
    store.write_bytes(bytes(store.stat().st_size))
    done = typed("export", job, "-o", "a.jsonl")
    assert done.code == EXIT_ENVIRONMENT
    assert "items.kept: cannot be read" in done.complaint
    assert [path.name for path in tmp_path.iterdir()] == ["job"]


def test_an_older_job_that_knows_no_name_has_one_in_files(job, typed, tmp_path):
    record = job / "job.json"
    facts = msgspec.json.decode(record.read_bytes())
    del facts["name"]
    record.write_bytes(msgspec.json.encode(facts))
    assert typed("export", job, "-o", "{name}.jsonl").code == EXIT_OK
    assert (tmp_path / "spider.jsonl").exists()
