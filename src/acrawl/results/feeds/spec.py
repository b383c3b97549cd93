"""What ``-o`` names: ``PATH[:format]``, where the name of a file may tell the format."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import NamedTuple

from acrawl.errors import UsageError
from acrawl.results.feeds.base import Format
from acrawl.results.feeds.jsonl import JsonLines

#: The forms that files have.
FORMATS: dict[str, Callable[[], Format]] = {"jsonl": JsonLines}
#: What the ends of names say.
SUFFIXES = {".jsonl": "jsonl", ".ndjson": "jsonl", ".jl": "jsonl"}


class Spec(NamedTuple):
    """One ``-o``: as typed, the path (``-`` for standard output) and the format's name."""

    typed: str
    path: str
    format: str


def parse(typed: str) -> Spec:
    """Read a ``-o``. Raises `UsageError` for a format that is not known, naming those that are."""
    path, colon, name = typed.rpartition(":")
    if not colon or not name.isalnum() or (len(path) == 1 and path != "-"):  # no format, or C: and a path
        path, name = typed, ""
    if not path:
        raise UsageError(f"-o {typed}: write -o PATH[:format], or -o - for standard output")
    if "://" in path:
        raise UsageError(f"-o {typed}: only files can be written to; {_known()}")
    name = name or ("jsonl" if path == "-" else SUFFIXES.get(pathlib.PurePath(path).suffix.lower(), ""))
    if name not in FORMATS:
        what = f"there is no format {name!r}" if name else "the name does not tell the format"
        raise UsageError(f"-o {typed}: {what}; {_known()}")
    return Spec(typed, path, name)


def _known() -> str:
    return f"known formats: {', '.join(FORMATS)} (by suffix {' '.join(SUFFIXES)}, or as PATH:{next(iter(FORMATS))})"
