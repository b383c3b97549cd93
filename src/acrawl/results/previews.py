"""Saved images made small enough to be shown in a page: thumbnails that the crawl made, or Pillow makes now.

Without either the smallest originals.

The bytes come from strangers. Only formats that need no other program are decoded, and only as many bytes and pixels as
a picture has; what cannot be decoded is left out. An SVG is handed on as it is, for an `img` element, where it can run
nothing and fetch nothing.
"""

from __future__ import annotations

import contextlib
import io
import pathlib
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import msgspec

from acrawl.figures import Picture
from acrawl.results.listing import THUMB
from acrawl.results.survey import opened

if TYPE_CHECKING:
    from PIL import Image

#: Images that are shown, and how many are looked at for that many.
MOST, TRIED = 60, 300
#: Bytes of all of them together, and of one that is shown as it is.
MOST_BYTES, MOST_ORIGINAL = 3_500_000, 60_000
#: A thumbnail fits into such a square of pixels (twice what the page shows, for dense screens).
SIDE = 320
#: What is decoded at most.
_MOST_READ, _MOST_PIXELS = 30_000_000, 25_000_000
_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP")
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
    shrink = _shrinker()
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


Shrink = Callable[[bytes], "tuple[str, bytes] | None"]


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
    small = shrink(data)
    return original if small is not None and original is not None and len(data) <= _AS_IT_IS else small


def _shrinker() -> Shrink | None:
    """What makes thumbnails; None without Pillow."""
    try:
        from PIL import Image
    except ImportError:  # the extra is not there: originals are shown
        return None

    def shrink(data: bytes) -> tuple[str, bytes] | None:
        # What a stranger's bytes make of a decoder is not foreseeable; whatever it is, the page has one image less.
        with contextlib.suppress(Exception), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
                if image.width * image.height <= _MOST_PIXELS:
                    return _thumbnail(image)
        return None

    return shrink


def _thumbnail(image: Image.Image) -> tuple[str, bytes]:
    from PIL import ImageOps

    image.draft("RGB", (SIDE, SIDE))
    image.thumbnail((SIDE, SIDE))
    ImageOps.exif_transpose(image, in_place=True)
    has_alpha = "A" in image.getbands() or "transparency" in image.info
    made = io.BytesIO()
    image.convert("RGBA" if has_alpha else "RGB").save(made, "WEBP", quality=78, method=4)
    return "image/webp", made.getvalue()
