"""What values of items become in each feed, as docs/items.md has it."""

from __future__ import annotations

import contextlib
import datetime
import decimal
import enum
import json
import math
import sqlite3
import uuid

import msgspec
import psycopg
import pyarrow.parquet
import pytest
from psycopg.rows import dict_row

from acrawl.results.base import Row
from acrawl.results.feeds import open_feed
from acrawl.worker.items import as_item

AT = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))
IN_UTC = datetime.datetime(2026, 1, 2, 1, 4, 5, tzinfo=datetime.UTC)


class Color(enum.Enum):
    RED = "red"


MADE = {
    "decimal": decimal.Decimal("1.50"),
    "aware": AT,
    "naive": AT.replace(tzinfo=None),
    "date": AT.date(),
    "time": datetime.time(1, 2),
    "delta": datetime.timedelta(1, 5),
    "uuid": uuid.UUID(int=5),
    "enum": Color.RED,
    "bytes": b"\0\xff",
    "tuple": (1, 2),
    "nan": math.nan,
}
TEXTS = {
    "decimal": "1.50",
    "naive": "2026-01-02T03:04:05",
    "date": "2026-01-02",
    "time": "01:02:00",
    "delta": "P1DT5S",
    "uuid": "00000000-0000-0000-0000-000000000005",
    "enum": "red",
}


@pytest.fixture
def deliver(tmp_path):
    """Write what a callback gave into a feed as the master does: ``deliver(spec)``; returns the path."""

    def written(spec):
        spec = spec if "://" in spec else str(tmp_path / spec)
        feed = open_feed(spec, {})
        assert feed.write([Row("id", msgspec.msgpack.decode(as_item(MADE).body))]) == []
        feed.commit()
        feed.finish()
        feed.close()
        return spec

    return written


def test_in_json(deliver):
    with open(deliver("items.jsonl")) as file:
        found = json.loads(file.read())
    assert found == TEXTS | {"aware": "2026-01-02T01:04:05Z", "bytes": "AP8=", "tuple": [1, 2], "nan": None}
    assert list(found) == list(MADE)


def test_in_sqlite(deliver):
    with contextlib.closing(sqlite3.connect(deliver("items.sqlite"))) as db:
        db.row_factory = sqlite3.Row
        (row,) = db.execute("SELECT * FROM items").fetchall()
    found = {name: row[name] for name in MADE}
    assert found == TEXTS | {"aware": "2026-01-02T01:04:05+00:00", "bytes": b"\0\xff", "tuple": "[1,2]", "nan": None}


def test_in_parquet(deliver):
    (found,) = pyarrow.parquet.read_table(deliver("items.parquet")).to_pylist()
    assert math.isnan(found.pop("nan"))
    assert found == TEXTS | {"aware": IN_UTC, "bytes": b"\0\xff", "tuple": [1, 2]}


def test_in_postgresql(deliver, postgres):
    table = f"t{uuid.uuid4().hex[:12]}"
    deliver(f"{postgres.url()}#{table}")
    with psycopg.connect(postgres.url(), row_factory=dict_row) as connection:
        (found,) = connection.execute(f"SELECT * FROM {table}").fetchall()
    assert math.isnan(found.pop("nan"))
    assert found == TEXTS | {"item_id": "id", "aware": IN_UTC, "bytes": b"\0\xff", "tuple": [1, 2]}
