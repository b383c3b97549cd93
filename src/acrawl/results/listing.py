"""What is read of the catalog (`acrawl.results.catalog`): lists of files, pages and images, in parts or row by row."""

from __future__ import annotations

import contextlib
import os
import pathlib
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from acrawl.errors import FolderProblem
from acrawl.outcome import PageFacts

_DISPLAYED = "o.type LIKE 'image/%'"
_GONE = "EXISTS(SELECT 1 FROM gone g WHERE g.url = {}.url)"
#: Whether an image looks like another one that is here, and is told of with that one.
_FOLDED = (
    "EXISTS(SELECT 1 FROM alike a JOIN objects h ON h.sha256 = a.head WHERE a.sha256 = o.sha256 AND h.path IS NOT NULL)"
)
_THUMB = (
    "SELECT d.path FROM derived d WHERE d.sha256 = o.sha256 AND d.kind LIKE 'thumb:%' AND d.path IS NOT NULL"
    " ORDER BY max(d.width, d.height) > 400, abs(max(d.width, d.height) - 400) LIMIT 1"
)
_FAILED = "SELECT item_id, url, kind, reason, detail, body FROM failed_items ORDER BY at, item_id"

#: What an older acrawl made has no tables of what is told of decoded images.
_SAVED = (
    "SELECT f.url, o.path, o.sha256, o.size, f.type, o.width, o.height, f.place, '[]', '', ''"
    " FROM files f JOIN objects o USING(sha256) ORDER BY f.url"
)
_SAVED_AND_SEEN = (
    "SELECT f.url, o.path, o.sha256, o.size, f.type, o.width, o.height, f.place,"
    " (SELECT json_group_array(json_array(kind, d.path)) FROM derived d WHERE d.sha256 = o.sha256),"
    " coalesce(broken, ''), coalesce(note, '')"
    " FROM files f JOIN objects o USING(sha256) LEFT JOIN looks USING(sha256) ORDER BY f.url"
)


class FailedItem(msgspec.Struct, frozen=True):
    """An item that is not as it should be, or that a pipeline, a feed or the file store could not take.

    ``body`` is what travelled (msgpack).
    """

    item_id: str
    url: str
    kind: str
    reason: str
    detail: str
    body: bytes


class ImageFile(msgspec.Struct, frozen=True):
    """One URL, of an image mostly, and what its bytes are.

    ``path`` is below ROOT; None when a worker (``place``) kept them. What is no image has no width and height.
    ``gone``: it is not to be had at that URL any more.
    """

    url: str
    path: str | None
    sha256: str
    size: int
    type: str
    width: int
    height: int
    place: str
    gone: bool = False


class PageText(msgspec.Struct, frozen=True):
    """A page and the file with its text: ``path`` is below ROOT; None when a worker (``place``) kept it.

    ``gone``: it is not to be had at that URL any more.
    """

    url: str
    path: str | None
    sha256: str
    place: str
    facts: PageFacts
    gone: bool = False


class SavedFile(msgspec.Struct, frozen=True):
    """One URL whose bytes are in the folder; ``charset`` is the encoding that the server named, or empty."""

    url: str
    sha256: str
    size: int
    type: str
    charset: str


class Seen(msgspec.Struct, frozen=True):
    """An image on a page."""

    page: str
    alt: str
    source: str


class Picture(msgspec.Struct, frozen=True):
    """One distinct image, with one of its URLs and, where known, the first page and the first text for it.

    ``thumb`` is the path of its largest thumbnail of up to 400 pixels, or of the smallest; empty without any.
    ``alike`` is how many others look like it.
    """

    n: int
    path: str
    size: int
    type: str
    width: int
    height: int
    url: str
    page: str
    alt: str
    thumb: str = ""
    alike: int = 0


class Totals(msgspec.Struct, frozen=True):
    """What the catalog holds; ``elsewhere`` counts distinct images whose bytes only a worker has.

    ``alike`` counts those of the images that look like another one.
    """

    files: int
    objects: int
    images: int
    image_bytes: int
    elsewhere: int
    failed_items: int
    alike: int


class Listing:
    """The reading side of a catalog, over its database. Blocking; what it iterates over is read as it is asked for."""

    _db: sqlite3.Connection

    def images(self) -> Iterator[ImageFile]:
        """Every saved image URL, in the order of URLs."""
        rows = self._db.execute(
            f"SELECT f.url, o.path, o.sha256, o.size, o.type, o.width, o.height, f.place, {_GONE.format('f')}"
            f" FROM files f JOIN objects o USING(sha256) WHERE {_DISPLAYED} ORDER BY f.url"
        )
        return (ImageFile(*(*image, bool(gone))) for *image, gone in rows)

    def pages(self) -> Iterator[PageText]:
        """Every page whose text was saved, in the order of URLs."""
        rows = self._db.execute(
            "SELECT p.url, o.path, p.sha256, coalesce((SELECT min(place) FROM files f WHERE f.sha256 = p.sha256), ''),"
            f" {_GONE.format('p')}, text_sha256, length, title, language, description, links, status, fetched_at, cut"
            " FROM pages p JOIN objects o USING(sha256) ORDER BY p.url"
        )
        return (
            PageText(url, path, sha256, place, PageFacts(*facts), bool(gone))
            for url, path, sha256, place, gone, *facts in rows
        )

    def saved(self, after: str, limit: int) -> list[SavedFile]:
        """The next URLs whose bytes are in the folder, in the order of URLs; ``after`` is the last one."""
        rows = self._db.execute(
            "SELECT f.url, o.sha256, o.size, f.type, f.charset FROM files f JOIN objects o USING(sha256)"
            " WHERE f.url > ? AND f.place = '' ORDER BY f.url LIMIT ?",
            (after, limit),
        )
        return [SavedFile(*row) for row in rows]

    def pages_of(self, url: str, limit: int) -> tuple[list[Seen], int]:
        """The first ``limit`` pages that name an image, and how many there are."""
        rows = self._db.execute(
            "SELECT page, alt, source FROM sightings WHERE url = ? ORDER BY n LIMIT ?", (url, limit)
        ).fetchall()
        count = len(rows)
        if count == limit:
            (count,) = self._db.execute("SELECT count(*) FROM sightings WHERE url = ?", (url,)).fetchone()
        return [Seen(*row) for row in rows], count

    def pictures(self, after: int, limit: int) -> list[Picture]:
        """The next distinct images that are here, in the order of their arrival; ``after`` is the last ``n``.

        One that looks like another that is here is left out.
        """
        rows = self._db.execute(
            f"SELECT n, path, size, type, width, height, sha256, coalesce(({_THUMB}), ''),"
            " (SELECT count(*) FROM alike a WHERE a.head = o.sha256) FROM objects o"
            f" WHERE n > ? AND path IS NOT NULL AND {_DISPLAYED} AND NOT {_FOLDED} ORDER BY n LIMIT ?",
            (after, limit),
        ).fetchall()
        return [
            Picture(n, path, size, kind, width, height, *self._origin(sha256), thumb, alike)
            for n, path, size, kind, width, height, sha256, thumb, alike in rows
        ]

    def failed(self) -> Iterator[FailedItem]:
        """Every item that could not be taken."""
        return (FailedItem(*row) for row in self._db.execute(_FAILED))

    def totals(self) -> Totals:
        """Count what is there."""
        row = self._db.execute(
            "SELECT (SELECT count(*) FROM files), count(*),"
            f" count(*) FILTER (WHERE {_DISPLAYED} AND path IS NOT NULL),"
            f" coalesce(sum(size) FILTER (WHERE {_DISPLAYED} AND path IS NOT NULL), 0),"
            f" count(*) FILTER (WHERE {_DISPLAYED} AND path IS NULL),"
            " (SELECT count(*) FROM failed_items),"
            f" count(*) FILTER (WHERE {_DISPLAYED} AND path IS NOT NULL AND {_FOLDED}) FROM objects o"
        ).fetchone()
        return Totals(*row)

    def _origin(self, sha256: str) -> tuple[str, str, str]:
        """One URL of an object, with the first page that names it and the first text, if any."""
        row = self._db.execute(
            "SELECT f.url, coalesce(s.page, ''), coalesce(s.alt, '')"
            " FROM files f LEFT JOIN sightings s ON s.url = f.url WHERE f.sha256 = ?"
            " ORDER BY coalesce(s.alt, '') = '', s.n IS NULL, s.n, f.url LIMIT 1",
            (sha256,),
        ).fetchone()
        return row or ("", "", "")


class Index:
    """Which bytes have a name, read beside a crawl by any thread. Blocking."""

    def __init__(self, database: str | os.PathLike[str]) -> None:
        """Raises `FolderProblem` for what cannot be read."""
        self._lock = threading.Lock()
        try:
            self._db = sqlite3.connect(
                f"{pathlib.Path(database).resolve().as_uri()}?mode=ro", uri=True, check_same_thread=False
            )
        except sqlite3.Error as error:  # nothing has begun: the user is told
            raise FolderProblem(f"{database}: cannot be read: {error}") from None

    def has(self, sha256: str, size: int) -> bool:
        """Whether an object of so many bytes has a name."""
        query = "SELECT 1 FROM objects WHERE sha256 = ? AND size = ? AND path IS NOT NULL"
        with self._lock:
            return self._db.execute(query, (sha256, size)).fetchone() is not None

    def close(self) -> None:
        """Let go of the database. Idempotent."""
        self._db.close()


def failed_items(database: pathlib.Path) -> Iterator[FailedItem]:
    """Every item that could not be taken, read beside a crawl perhaps. Raises `FolderProblem` if that cannot be."""
    with _reading(database) as db:
        yield from (FailedItem(*row) for row in db.execute(_FAILED))


def saved_items(database: pathlib.Path) -> Iterator[dict[str, Any]]:
    """Every saved URL as an item, images or not, in the order of URLs; read and raises as `failed_items` does."""
    with _reading(database) as db:
        (tables,) = db.execute("SELECT count(*) FROM sqlite_master WHERE name IN ('derived', 'looks')").fetchone()
        for *file, made, broken, note in db.execute(_SAVED_AND_SEEN if tables == 2 else _SAVED):
            yield as_item(ImageFile(*file), msgspec.json.decode(made), broken, note)


def as_item(
    file: ImageFile, made: Sequence[tuple[str, str | None]] = (), broken: str = "", note: str = ""
) -> dict[str, Any]:
    """A saved file as feeds show it; ``made`` are kinds and paths of what was made of an image."""
    item: dict[str, Any] = {"url": file.url, "path": file.path, "sha256": file.sha256, "size": file.size}
    item["type"] = file.type
    if file.width:
        item |= {"width": file.width, "height": file.height}
    if file.place:
        item["where"] = file.place
    if made:
        item["thumbs"] = {kind[6:]: path for kind, path in sorted(made) if kind.startswith("thumb:")}
        item |= {kind: path for kind, path in made if kind == "converted"}
    if broken or note:
        item |= {"broken": broken, "note": note}
    return item


@contextlib.contextmanager
def _reading(database: pathlib.Path) -> Iterator[sqlite3.Connection]:
    try:
        with contextlib.closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as db:
            yield db
    except sqlite3.Error as error:  # nothing to tell: the user is told why
        raise FolderProblem(f"{database}: cannot be read: {error}") from None
