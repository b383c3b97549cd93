"""Web archives (``--warc``): what went over the wire, in files that other tools read. ISO 28500:2017, WARC 1.1.

::

    records    a record as a gzip member; pure
    archive    the files as they grow: marks, rotation, revisits
    index      where each record lies, and which contents are there already; surt: by which key it is found

What is captured (`acrawl.fetch.capture`) arrives through the outbox like any item, and is written by the master alone.
"""

from __future__ import annotations

import pathlib
from collections.abc import Mapping

from acrawl.results.warc.archive import Archive
from acrawl.results.warc.index import Index
from acrawl.settings import Settings
from acrawl.version import VERSION

__all__ = ["Archive", "open_archive"]

_CONFORMS = "http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/"


def open_archive(
    prefix: pathlib.Path, job: pathlib.Path, marks: Mapping[str, int], settings: Settings, *, overwrite: bool
) -> Archive:
    """Open the archive of a crawl; see `Archive`. ``job`` is its folder. Raises what that and `Index` do."""
    content = [
        ("software", f"acrawl/{VERSION}"),
        ("format", "WARC File Format 1.1"),
        ("conformsTo", _CONFORMS),
        ("http-header-user-agent", settings.fetch.user_agent),
        ("robots", "obey" if settings.politeness.obey_robots else "ignore"),
    ]
    index = Index(job / "warc.db")
    try:
        return Archive(
            prefix,
            index,
            marks,
            stored_in(job),
            max_bytes=settings.warc.max_bytes,
            content=content,
            overwrite=overwrite,
        )
    except BaseException:  # told to the user
        index.close()
        raise


def stored_in(job: pathlib.Path) -> pathlib.Path:
    """The folder of the exchanges that are on their way into the archive of a job, and too long for a report."""
    return job / "exchanges"
