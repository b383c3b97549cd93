"""Saved images made small enough to be shown in a page: thumbnails that the crawl made, or Pillow makes now.

Without either the smallest originals.

The bytes come from strangers: a process of their own decodes them (`acrawl.results.imaging`), and what cannot be
decoded, or takes too long, is left out. An SVG is handed on as it is, for an `img` element, where it can run nothing
and fetch nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import pathlib
from collections.abc import Callable, Iterator

import msgspec

from acrawl.figures import Picture
from acrawl.results.imaging.children import ChildDied, Children
from acrawl.results.imaging.making import Job, Making, Thumb
from acrawl.results.listing import THUMB
from acrawl.results.survey import opened

#: Images that are shown, and how many are looked at for that many.
MOST, TRIED = 60, 300
#: Bytes of all of them together, and of one that is shown as it is.
MOST_BYTES, MOST_ORIGINAL = 3_500_000, 60_000
#: A thumbnail fits into such a square of pixels (twice what the page shows, for dense screens).
SIDE = 320
#: What is decoded at most, in seconds at most, and the quality of a thumbnail.
_MOST_READ, _MOST_PIXELS, _SECONDS, _QUALITY = 30_000_000, 25_000_000, 5.0, 78
_DECODED = frozenset(f"image/{name}" for name in ("jpeg", "png", "apng", "gif", "webp", "bmp"))
#: Bytes of an icon: sharper as it is.
_AS_IT_IS = 6_000
#: Types that browsers show as they are.
_SHOWN = frozenset(
    f"image/{name}" for name in ("jpeg", "png", "apng", "gif", "webp", "avif", "svg+xml", "bmp", "x-icon")
)


def pictures(database: pathlib.Path, root: pathlib.Path, most: int = MOST) -> list[Picture]:
    """The first images of a catalog whose files lie below ``root``, in the order of their arrival. Blocks.

    Without Pillow the smallest ones. Raises `FolderProblem` when the catalog cannot be read; without one there is none.
    """
    if most <= 0 or not database.exists():
        return []
    with _shrinker() as shrink:
        return _chosen(database, root, most, shrink)


def _chosen(database: pathlib.Path, root: pathlib.Path, most: int, shrink: Shrink | None) -> list[Picture]:
    found: list[Picture] = []
    room = MOST_BYTES
    for path, thumb, picture in _rows(database, smallest=shrink is None):
        if len(found) == most:
            break
        shown = _made(root / thumb) if thumb else None
        shown = shown or _shown(root / path, picture.type, picture.size, shrink)
        if shown is not None and len(shown[1]) <= room:
            room -= len(shown[1])
            found.append(msgspec.structs.replace(picture, shown=shown[0], data=shown[1]))
    return found


def _rows(database: pathlib.Path, *, smallest: bool) -> Iterator[tuple[str, str, Picture]]:
    """Paths of images that are here, of a thumbnail of each or nothing, and what is known of them.

    Pixels for counting visitors are no pictures.
    """
    order = "size, n" if smallest else "n"
    with opened(database) as db:
        has_thumbs = db.execute("SELECT 1 FROM sqlite_master WHERE name = 'derived'").fetchone()
        thumb = f"coalesce(({THUMB}), '')" if has_thumbs else "''"
        rows = db.execute(
            f"SELECT path, {thumb}, sha256, type, width, height, size FROM objects o"
            " WHERE path IS NOT NULL AND type LIKE 'image/%'"
            f" AND NOT (width BETWEEN 1 AND 2 AND height BETWEEN 1 AND 2) AND size > 0 ORDER BY {order} LIMIT ?",
            (TRIED,),
        ).fetchall()
        for path, made, sha256, kind, width, height, size in rows:
            origin = db.execute(
                "SELECT f.url, coalesce(s.page, ''), coalesce(s.alt, '') FROM files f"
                " LEFT JOIN sightings s ON s.url = f.url WHERE f.sha256 = ?"
                " ORDER BY coalesce(s.alt, '') = '', s.n IS NULL, s.n, f.url LIMIT 1",
                (sha256,),
            ).fetchone()
            url, page, alt = origin or ("", "", "")
            yield path, made, Picture(url, page, alt, kind, width, height, size)


def _made(file: pathlib.Path) -> tuple[str, bytes] | None:
    """A thumbnail that the crawl has made, as it is; None where it is gone, or too large."""
    try:
        data = file.read_bytes() if file.is_file() and file.stat().st_size <= MOST_ORIGINAL else b""
    except OSError:  # not ours to read, or gone: it is made anew
        return None
    return ("image/jpeg", data) if data else None


Shrink = Callable[[pathlib.Path, str], "tuple[str, bytes] | None"]


def _shown(file: pathlib.Path, kind: str, size: int, shrink: Shrink | None) -> tuple[str, bytes] | None:
    """The media type and the bytes to show; None for what cannot be shown."""
    is_small = size <= MOST_ORIGINAL and kind in _SHOWN
    if size > _MOST_READ or not (is_small or shrink):
        return None
    try:
        data = file.read_bytes() if file.is_file() else b""
    except OSError:  # not ours to read, or gone: the page has one less
        return None
    if not data or len(data) > _MOST_READ:
        return None
    original = (kind, data) if is_small and len(data) <= MOST_ORIGINAL else None
    if shrink is None or kind not in _DECODED:
        return original
    small = shrink(file, kind)
    return original if small is not None and original is not None and len(data) <= _AS_IT_IS else small


@contextlib.contextmanager
def _shrinker() -> Iterator[Shrink | None]:
    """What makes thumbnails, in a process that ends with it; None without Pillow."""
    if importlib.util.find_spec("PIL") is None:
        yield None
        return
    children = Children(Making([Thumb("page", SIDE, SIDE)], "", _QUALITY, _MOST_PIXELS, _SECONDS), 1)
    with asyncio.Runner() as runner:
        try:
            yield lambda file, kind: runner.run(_thumbnail(children, Job(os.fspath(file), kind)))
        finally:
            runner.run(children.close())


async def _thumbnail(children: Children, job: Job) -> tuple[str, bytes] | None:
    try:
        async with children.child() as child:
            for part in (await child.ask(job)).parts:
                return part.type, b"".join([piece async for piece in child.read(part.size)])
    except ChildDied:  # whatever it was that killed it: the page has one image less
        pass
    return None
