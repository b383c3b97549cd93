"""What ``-o`` names: ``PATH[:format]``, where the name of a file may tell the format; or the URL of a server.

Databases hold several tables: ``PATH#table`` and ``postgresql://host/db#table`` name one, else it is ``items``.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from acrawl.errors import UsageError
from acrawl.results.feeds.base import Format
from acrawl.results.feeds.jsonl import JsonLines
from acrawl.settings.masks import MASK, proxy

#: The forms that files have.
FORMATS: dict[str, Callable[[], Format]] = {"jsonl": JsonLines}
#: What the ends of names say.
SUFFIXES = {".jsonl": "jsonl", ".ndjson": "jsonl", ".jl": "jsonl"}
#: Files that are no growing bytes, with what the ends of their names say.
STORES = {"sqlite": (".sqlite", ".sqlite3", ".db"), "parquet": (".parquet",)}
SUFFIXES |= {suffix: name for name, suffixes in STORES.items() for suffix in suffixes}
#: The table of those who name none.
TABLE = "items"
#: What the URLs of servers begin with.
SCHEMES = {"postgresql": "postgresql", "postgres": "postgresql", "http": "webhook", "https": "webhook"}


class Spec(NamedTuple):
    """One ``-o``: as typed, the path (``-`` for standard output) or URL, the format's name, and a database's table."""

    typed: str
    path: str
    format: str
    table: str = ""


def parse(typed: str) -> Spec:
    """Read a ``-o``. Raises `UsageError` for a format that is not known, naming those that are."""
    if "://" in typed:
        return _server(typed)
    path, colon, name = typed.rpartition(":")
    if not colon or not name.isalnum() or (len(path) == 1 and path != "-"):  # no format, or C: and a path
        path, name = typed, ""
    if not path:
        raise UsageError(f"-o {typed}: write -o PATH[:format], or -o - for standard output")
    path, table = _split(path, name)
    name = name or ("jsonl" if path == "-" else _told(path))
    if name not in FORMATS and (name not in STORES or path == "-"):
        what = f"there is no format {name!r}" if name else "the name does not tell the format"
        what = f"standard output cannot be {name}" if name in STORES else what
        raise UsageError(f"-o {typed}: {what}; {_known()}")
    return Spec(typed, path, name, table)


def shown(typed: str) -> str:
    """Return a ``-o`` as people may see it: of a webhook anything behind the host may be the secret."""
    scheme, slashes, _ = typed.partition("://")
    if not slashes:
        return typed
    if SCHEMES.get(scheme.lower()) == "webhook":
        return f"{scheme}://{_host(typed)}/{MASK}"
    place, question, options = proxy(typed).partition("?")
    return f"{place}{question and '?' + MASK}" if "password" in options.lower() else f"{place}{question}{options}"


def _host(url: str) -> str:
    try:
        parts = urlsplit(url)
        return (parts.hostname or "") + (f":{parts.port}" if parts.port else "")
    except ValueError:  # then nobody can tell what of it is the host
        return MASK


def _server(typed: str) -> Spec:
    scheme = typed.partition("://")[0].lower()
    if scheme not in SCHEMES:
        known = ", ".join(f"{known}://" for known in SCHEMES)
        raise UsageError(f"-o {shown(typed)}: known servers are {known}; else name a file; {_known()}")
    if SCHEMES[scheme] == "webhook":
        return Spec(typed, typed, "webhook")
    path, _, table = typed.partition("#")
    return Spec(typed, path, SCHEMES[scheme], unquote(table) or TABLE)


def _split(path: str, name: str) -> tuple[str, str]:
    """Return the path and the table, which only the name of a database has."""
    file, _, table = path.rpartition("#")
    if file and not {"/", os.sep} & set(table) and "sqlite" in (name, _told(file)):
        return file, table or TABLE
    return path, TABLE if "sqlite" in (name, _told(path)) else ""


def _told(path: str) -> str:
    return SUFFIXES.get(pathlib.PurePath(path).suffix.lower(), "")


def _known() -> str:
    names, suffixes = ", ".join((*FORMATS, *STORES)), " ".join(SUFFIXES)
    return f"known formats: {names} (by suffix {suffixes}, or as PATH:{next(iter(FORMATS))})"
