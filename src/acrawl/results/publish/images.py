"""``images.jsonl``: one line for each saved image URL, rendered from the catalog."""

from __future__ import annotations

import contextlib
import glob
import os
import pathlib
from collections.abc import Iterator
from typing import IO

import msgspec

from acrawl.errors import CrawlFailed
from acrawl.results.catalog import Catalog
from acrawl.results.listing import Seen

#: Pages listed for one image; ``page_count`` says how many there are, and ``results.db`` has all of them.
MAX_PAGES = 1000


class MadeOfIt(msgspec.Struct, frozen=True):
    """Something that was made of an image. ``path`` is below the folder; null where a worker kept it."""

    path: str | None
    sha256: str
    bytes: int
    type: str
    width: int
    height: int


class Near(msgspec.Struct, frozen=True):
    """The first image that one looks like, by one of its URLs."""

    url: str
    sha256: str


class ImageLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of ``images.jsonl``. ``path`` is below the folder; null when worker ``where`` kept the bytes.

    ``gone``: a later visit did not find it there any more. The rest is said of images that were decoded: ``broken`` is
    what is wrong with the bytes, ``note`` why less was made of them than was asked for.
    """

    url: str
    path: str | None
    sha256: str
    bytes: int
    type: str
    width: int
    height: int
    page_count: int
    pages: list[Seen]
    where: str = ""
    gone: bool = False
    thumbs: dict[str, MadeOfIt] = {}
    converted: MadeOfIt | None = None
    near: Near | None = None
    dhash: str = ""
    broken: str = ""
    note: str = ""


def write_images(catalog: Catalog) -> pathlib.Path:
    """Write ``ROOT/images.jsonl`` whole or not at all; returns its path. Blocks. Raises `CrawlFailed`."""
    path = catalog.root / "images.jsonl"
    encode = msgspec.json.Encoder().encode
    with replacing(path) as file:
        for image in catalog.images():
            pages, count = catalog.pages_of(image.url, MAX_PAGES)
            facts = (image.url, image.path, image.sha256, image.size, image.type, image.width, image.height)
            line = ImageLine(*facts, count, pages, image.place, image.gone, *_seen(catalog, image.sha256))
            file.write(encode(line) + b"\n")
    return path


def _seen(catalog: Catalog, sha256: str) -> tuple[dict[str, MadeOfIt], MadeOfIt | None, Near | None, str, str, str]:
    """What is known of an image that was decoded, for its line."""
    made = {
        one.kind: MadeOfIt(one.path, one.sha256, one.size, one.type, one.width, one.height)
        for one in catalog.looks.made_of(sha256)
    }
    thumbs = {kind.removeprefix("thumb:"): one for kind, one in made.items() if kind.startswith("thumb:")}
    look = catalog.looks.look_of(sha256)
    near = Near(catalog.looks.url_of(look.near), look.near) if look.near else None
    return thumbs, made.get("converted"), near, look.dhash, look.broken, look.note


@contextlib.contextmanager
def replacing(path: pathlib.Path) -> Iterator[IO[bytes]]:
    """Open a file that takes another's place when it is whole and durable, and leaves it alone after an exception."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for left in path.parent.glob(f".{glob.escape(path.name)}.[0-9]*.new"):  # by a process that was killed at it
            left.unlink(missing_ok=True)
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:  # the crawl's state is whole; rendering can be repeated
        raise CrawlFailed(f"{path} cannot be written: {error.strerror or error}; make room and resume") from error
    finally:
        temporary.unlink(missing_ok=True)
