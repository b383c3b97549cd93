"""What ``-o`` names: ``PATH[:format]``, where the name of a file may tell the format and the compression."""

from __future__ import annotations

import difflib
import pathlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

from acrawl.errors import UsageError
from acrawl.results.feeds.base import Format
from acrawl.results.feeds.compression import CODECS
from acrawl.results.feeds.csv_table import CsvTable
from acrawl.results.feeds.json_array import JsonArray
from acrawl.results.feeds.jsonl import JsonLines
from acrawl.results.feeds.xml_items import XmlItems

#: The forms that files have; each is made with the fields that are wanted, none for all.
FORMATS: dict[str, Callable[[Sequence[str]], Format]] = {
    "jsonl": JsonLines,
    "json": JsonArray,
    "csv": CsvTable,
    "xml": XmlItems,
}
#: What the ends of names say.
SUFFIXES = {".jsonl": "jsonl", ".ndjson": "jsonl", ".jl": "jsonl", ".json": "json", ".csv": "csv", ".xml": "xml"}


class Spec(NamedTuple):
    """One ``-o``: as typed, the path (``-`` for standard output), the format's name and the codec's in `CODECS`."""

    typed: str
    path: str
    format: str
    codec: str = ""


def parse(typed: str) -> Spec:
    """Read a ``-o``. Raises `UsageError` for a format that is not known, naming those that are."""
    path, colon, name = typed.rpartition(":")
    if not colon or not name.isalnum() or (len(path) == 1 and path != "-"):  # no format, or C: and a path
        path, name = typed, ""
    if not path:
        raise UsageError(f"-o {typed}: write -o PATH[:format], or -o - for standard output")
    if "://" in path:
        raise UsageError(f"-o {typed}: only files can be written to; {_known()}")
    file = pathlib.PurePath(path)
    codec = file.suffix.lower() if file.suffix.lower() in CODECS else ""
    suffix = (file.with_suffix("") if codec else file).suffix.lower()
    name = name.lower() or ("jsonl" if path == "-" else SUFFIXES.get(suffix, ""))
    if name not in FORMATS:
        what = f"there is no format {name!r}" if name else "the name does not tell the format"
        raise UsageError(f"-o {typed}: {what}{_nearest(name or suffix[1:])}; {_known()}")
    return Spec(typed, path, name, codec)


def _nearest(name: str) -> str:
    near = difflib.get_close_matches(name.lower(), FORMATS, 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _known() -> str:
    codecs = " or ".join(filter(None, CODECS))
    return f"known formats: {', '.join(FORMATS)} (by suffix {' '.join(SUFFIXES)}, then {codecs}; or as PATH:jsonl)"
