"""Feeds that are no growing bytes: databases, Parquet, servers. Each is imported by those who use it."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping

from acrawl.errors import FolderProblem, MissingExtra, UsageError
from acrawl.results.base import Feed
from acrawl.results.feeds.paths import BEGAN, Crawl
from acrawl.results.feeds.patience import Patience
from acrawl.results.feeds.spec import STORES, Spec
from acrawl.results.feeds.template import read


def open_server(spec: Spec, marks: Mapping[str, int], crawl: Crawl, *, overwrite: bool) -> Feed:
    """Open what a URL names. Raises as `acrawl.results.feeds.open_feed` does."""
    fields, patience = crawl.fields(spec), Patience(crawl.settings.patience)
    if spec.format == "webhook":
        from acrawl.results.feeds.webhook import opened as webhook

        return webhook(spec.path, fields, patience)
    try:
        from acrawl.results.feeds.postgresql import Address
        from acrawl.results.feeds.postgresql import opened as postgresql
    except ImportError:  # nothing has begun
        raise MissingExtra("-o postgresql://...: needs psycopg: pip install 'acrawl[postgres]'") from None
    return postgresql(Address(spec.path, spec.table), marks, fields, patience, overwrite=overwrite)


def open_store(spec: Spec, marks: Mapping[str, int], crawl: Crawl, *, overwrite: bool) -> Feed:
    """Open a file of another kind. Raises as `acrawl.results.feeds.open_feed` does, and OSError."""
    assert spec.format in STORES
    template = read(os.path.abspath(spec.path), spec.typed, crawl.name, marks.get(BEGAN, 0))
    if template.form is not None:
        raise UsageError(f"-o {spec.typed}: {{batch}} numbers files of text; {spec.format} is one file")
    name = template.path()
    if os.path.isdir(name):
        raise FolderProblem(f"-o {spec.typed}: is a folder; name a file in it")
    if os.path.exists(name) and not os.path.isfile(name):
        raise FolderProblem(f"-o {spec.typed}: is no regular file, as {spec.format} needs; name another one")
    if spec.format == "sqlite":
        from acrawl.results.feeds.sqlite import opened as sqlite

        return sqlite(name, spec.table, marks, crawl.fields(spec), overwrite=overwrite)
    try:
        from acrawl.results.feeds.parquet import opened as parquet
    except ImportError:  # nothing has begun
        raise MissingExtra(f"-o {spec.typed}: needs pyarrow: pip install 'acrawl[parquet]'") from None
    return parquet(pathlib.Path(name), marks, crawl.fields(spec), overwrite=overwrite)


def transacted(spec: Spec) -> str:
    """What has one writer at a time: an object, an SQLite file, a table of a server; else empty."""
    if spec.address is not None:
        return spec.address.url
    if spec.format == "sqlite":
        return os.path.realpath(spec.path)
    return f"{spec.path}#{spec.table}" if spec.format == "postgresql" else ""
