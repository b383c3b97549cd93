"""What ``-o`` names: ``PATH[:format]``, where a file's name may tell format and compression; or the URL of a server.

In an object store a file is ``s3://bucket/key[:format]``.

Databases hold several tables: ``PATH#table`` and ``postgresql://host/db#table`` name one, else it is ``items``.
"""

from __future__ import annotations

import difflib
import os
import pathlib
from collections.abc import Callable, Sequence
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from acrawl.errors import FolderProblem, UsageError
from acrawl.results.cloud.address import SCHEMES as CLOUDS
from acrawl.results.cloud.address import Address, address_of, is_address, path_of
from acrawl.results.feeds.base import Format
from acrawl.results.feeds.compression import CODECS
from acrawl.results.feeds.csv_table import CsvTable
from acrawl.results.feeds.json_array import JsonArray
from acrawl.results.feeds.jsonl import JsonLines
from acrawl.results.feeds.xml_items import XmlItems
from acrawl.settings.masks import MASK, proxy

#: The forms that files have; each is made with the fields that are wanted, none for all.
FORMATS: dict[str, Callable[[Sequence[str]], Format]] = {
    "jsonl": JsonLines,
    "json": JsonArray,
    "csv": CsvTable,
    "xml": XmlItems,
}
#: What the ends of names say.
SUFFIXES = {".jsonl": "jsonl", ".ndjson": "jsonl", ".jl": "jsonl", ".json": "json", ".csv": "csv", ".xml": "xml"}
#: Files that are no growing bytes, with what the ends of their names say.
STORES = {"sqlite": (".sqlite", ".sqlite3", ".db"), "parquet": (".parquet",)}
SUFFIXES |= {suffix: name for name, suffixes in STORES.items() for suffix in suffixes}
#: The formats that have columns.
TABLES = frozenset({"csv", "sqlite", "parquet", "postgresql"})
#: The table of those who name none.
TABLE = "items"
#: What the URLs of servers begin with.
SCHEMES = {"postgresql": "postgresql", "postgres": "postgresql", "http": "webhook", "https": "webhook"}


class Spec(NamedTuple):
    """One ``-o``: as typed, the path (``-`` for standard output) or URL, and the format's name.

    ``codec`` is the compression's name in `CODECS`, ``table`` that of a database's table. With an ``address`` the path
    is its URL.
    """

    typed: str
    path: str
    format: str
    codec: str = ""
    table: str = ""
    address: Address | None = None


def parse(typed: str) -> Spec:
    """Read a ``-o``.

    Raises `UsageError` for a format that is not known, naming those that are, and `FolderProblem` for a folder.
    """
    cloud = is_address(typed)
    if "://" in typed and not cloud and not typed.lower().startswith("file:"):
        return _server(typed)
    path, colon, name = typed.rpartition(":")
    if not colon or not name.isalnum() or (len(path) == 1 and path != "-"):  # no format, or C: and a path
        path, name = typed, ""
    if not path:
        raise UsageError(f"-o {typed}: write -o PATH[:format], or -o - for standard output")
    path, table = _split(path_of(path, "-o"), name.lower())
    address = address_of(path, "-o") if cloud else None
    if address is not None and not address.key:
        raise UsageError(f"-o {typed}: names a bucket, and no object in it; write {address.url}/items.jsonl")
    suffix, codec = _ends(path)
    name = name.lower() or ("jsonl" if path == "-" else SUFFIXES.get(suffix, ""))
    if name in STORES and (codec or path == "-"):
        what = f"{name} cannot be compressed" if codec else f"standard output cannot be {name}"
        raise UsageError(f"-o {typed}: {what}; {_known()}")
    if not name and address is None and os.path.isdir(path):
        raise FolderProblem(f"-o {typed}: is a folder; name a file in it, as in {os.path.join(path, 'items.jsonl')}")
    if name not in FORMATS and name not in STORES:
        what = f"there is no format {name!r}" if name else "the name does not tell the format"
        raise UsageError(f"-o {typed}: {what}{_nearest(name or suffix[1:])}; {_known()}")
    return Spec(typed, address.url if address else path, name, codec, table, address)


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
        known = ", ".join(f"{known}://" for known in (*SCHEMES, *CLOUDS))
        raise UsageError(f"-o {shown(typed)}: known servers are {known}; else name a file; {_known()}")
    if SCHEMES[scheme] == "webhook":
        return Spec(typed, typed, "webhook")
    path, _, table = typed.partition("#")
    return Spec(typed, path, SCHEMES[scheme], table=unquote(table) or TABLE)


def _split(path: str, name: str) -> tuple[str, str]:
    """Return the path and the table, which only the name of a database has."""
    file, _, table = path.rpartition("#")
    if file and not {"/", os.sep} & set(table) and "sqlite" in (name, SUFFIXES.get(_ends(file)[0])):
        return file, table or TABLE
    return path, TABLE if "sqlite" in (name, SUFFIXES.get(_ends(path)[0])) else ""


def _ends(path: str) -> tuple[str, str]:
    """The end of a name that may tell the format, and the one behind it that tells the compression."""
    file = pathlib.PurePath(path)
    codec = file.suffix.lower() if file.suffix.lower() in CODECS else ""
    return (file.with_suffix("") if codec else file).suffix.lower(), codec


def _nearest(name: str) -> str:
    near = difflib.get_close_matches(name.lower(), (*FORMATS, *STORES), 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _known() -> str:
    names, suffixes = ", ".join((*FORMATS, *STORES)), " ".join(SUFFIXES)
    codecs = " or ".join(filter(None, CODECS))
    return f"known formats: {names} (by suffix {suffixes}; {codecs} behind those of files of text; or as PATH:jsonl)"
