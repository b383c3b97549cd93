"""What is made of the whole at the end, brought into a bucket: rendered into a folder of the job, then uploaded."""

from __future__ import annotations

import pathlib
import shutil
from collections.abc import Callable, Iterator

from acrawl.results.cloud.bucket import Bucket, each
from acrawl.results.publish.gallery import MARK

_FIRST = ("index.html", "gallery.html", "acrawl-gallery.html")
#: Further pages of a gallery that are looked for at once.
_AT_ONCE = 16
_HEAD = 1000


def bring(bucket: Bucket, folder: pathlib.Path, make: Callable[[], object]) -> None:
    """Let ``make`` write its files into a folder, and put them into the bucket. Raises `CrawlFailed`.

    A page in the bucket that is not ours is not overwritten: an empty file stands for it, so that ``make`` takes
    another name. Pages of a longer gallery before are deleted. The folder is emptied first.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    there = list(_pages(bucket))
    ours = each(bucket, lambda key: _is_ours(bucket, key), there)
    theirs = [key for key, is_ours in zip(there, ours, strict=True) if not is_ours]
    for key in theirs:
        (folder / key).write_bytes(b"")
    make()
    for key in theirs:
        (folder / key).unlink()
    made = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    each(bucket, lambda path: bucket.put(path.name, path), made)
    bucket.delete(set(there) - set(theirs) - {path.name for path in made})


def _pages(bucket: Bucket) -> Iterator[str]:
    """Keys that are those of a gallery's pages, and are taken."""
    number, wanted = 2, list(_FIRST)
    while wanted:
        found = each(bucket, bucket.head, wanted)
        taken = [key for key, size in zip(wanted, found, strict=True) if size is not None]
        yield from taken
        goes_on = number == 2 or taken
        wanted = [f"gallery-{n}.html" for n in range(number, number + _AT_ONCE)] if goes_on else []
        number += _AT_ONCE


def _is_ours(bucket: Bucket, key: str) -> bool:
    try:
        return MARK in next(bucket.read(key), b"")[:_HEAD]
    except FileNotFoundError:  # gone meanwhile: nobody's
        return True
