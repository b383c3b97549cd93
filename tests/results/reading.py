"""Files of feeds as other programs read them: every value as text, as CSV and XML have it."""

from __future__ import annotations

import csv
import gzip
import io
import json
import pathlib
import subprocess
from typing import Any

from lxml import etree


def records(path: pathlib.Path) -> list[dict[str, str]]:
    """The items of one whole file; what is empty is left out."""
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    elif path.suffix == ".zst":
        data = subprocess.run(["zstd", "-dc", path], capture_output=True, check=True).stdout
    suffix = path.with_suffix("").suffix if path.suffix in {".gz", ".zst"} else path.suffix
    items = {".jsonl": _lines, ".json": json.loads, ".csv": _rows, ".xml": _elements}[suffix](data)
    return [{key: str(value) for key, value in item.items() if value not in (None, "")} for item in items]


def _lines(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.split(b"\n")[:-1]]


def _rows(data: bytes) -> list[dict[str, str]]:
    header, *rows = csv.reader(io.StringIO(data.decode(), newline=""), strict=True)
    return [dict(zip(header, row, strict=True)) for row in rows]


def _elements(data: bytes) -> list[dict[str, str | None]]:
    return [{field.tag: field.text for field in item} for item in etree.fromstring(data)]
