"""``pages.jsonl``: one line for each page whose text was saved, rendered from the catalog."""

from __future__ import annotations

import pathlib
from datetime import UTC, datetime

import msgspec

from acrawl.results.catalog import Catalog
from acrawl.results.publish.images import replacing


class PageLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of ``pages.jsonl``.

    ``file`` is below the folder; null when worker ``where`` kept it. Pages of one text have one file. ``length`` is in
    characters and ``sha256`` is of the text alone, without what stands above it in the file. ``cut`` says why only a
    part of the page was read, ``gone`` that a later visit did not find it any more.
    """

    url: str
    file: str | None
    title: str
    lang: str
    description: str
    links: int
    length: int
    sha256: str
    status: int
    fetched: str
    where: str = ""
    cut: str = ""
    gone: bool = False


def write_pages(catalog: Catalog) -> pathlib.Path:
    """Write ``ROOT/pages.jsonl`` whole or not at all; returns its path. Blocks. Raises `CrawlFailed`."""
    path = catalog.root / "pages.jsonl"
    encode = msgspec.json.Encoder().encode
    with replacing(path) as file:
        for page in catalog.pages():
            facts = page.facts
            line = PageLine(
                page.url,
                page.path,
                facts.title,
                facts.language,
                facts.description,
                facts.links,
                facts.length,
                facts.text_sha256,
                facts.status,
                datetime.fromtimestamp(facts.fetched_at, UTC).isoformat(timespec="seconds"),
                page.place,
                facts.cut,
                page.gone,
            )
            file.write(encode(line) + b"\n")
    return path
