"""What is to be made of images, and what came of one of them."""

from __future__ import annotations

import importlib.util
import re
from typing import NamedTuple

import msgspec

from acrawl.errors import MissingExtra, SettingsError
from acrawl.settings import Images

#: A width and a height that may be asked for.
_SIZE = re.compile(r"([1-9]\d{0,4})x([1-9]\d{0,4})")
#: Names are names of folders.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
#: The media type of a format, and the extension of its files.
FORMATS = {"jpeg": ("image/jpeg", "jpg"), "png": ("image/png", "png"), "webp": ("image/webp", "webp")}
#: Pillow's names of what may be in a file of a media type: no other decoder sees its bytes.
DECODERS = {
    "image/jpeg": ("JPEG", "MPO"),
    "image/png": ("PNG",),
    "image/apng": ("PNG",),
    "image/gif": ("GIF",),
    "image/webp": ("WEBP",),
    "image/avif": ("AVIF",),
    "image/bmp": ("BMP", "DIB"),
    "image/x-icon": ("ICO", "CUR"),
    "image/vnd.microsoft.icon": ("ICO", "CUR"),
    "image/tiff": ("TIFF",),
    "image/jp2": ("JPEG2000",),
}


class Thumb(msgspec.Struct, frozen=True, array_like=True):
    """A thumbnail to make: its name, and the pixels that it may have in each direction."""

    name: str
    width: int
    height: int


class Making(msgspec.Struct, frozen=True, array_like=True):
    """What is to be made of every image. Decoding alone tells the broken ones."""

    thumbs: list[Thumb]
    convert: str
    quality: int
    max_pixels: int
    timeout: float


class Part(msgspec.Struct, frozen=True, array_like=True):
    """Something that was made: ``kind`` is ``converted`` or ``thumb:`` and its name; ``size`` is in bytes."""

    kind: str
    type: str
    width: int
    height: int
    size: int


class Findings(msgspec.Struct, frozen=True, array_like=True):
    """What became of one image: ``broken`` is what is wrong with its bytes, ``note`` why less was made of it.

    ``dhash`` has 16 hexadecimal digits, or none for an image without features.
    """

    broken: str = ""
    note: str = ""
    dhash: str = ""
    parts: list[Part] = []


class Job(NamedTuple):
    """An image to decode: the path of its bytes, and their media type."""

    path: str
    type: str


def making_of(images: Images) -> Making | None:
    """What the settings ask for; None for nothing. Raises `SettingsError`."""
    thumbs = [_thumb(name, size) for name, size in images.thumbs.items()]
    if len({thumb.name.lower() for thumb in thumbs}) < len(thumbs):
        raise SettingsError("images.thumbs: two names differ by case only, and some filesystems have no room for both")
    if not (thumbs or images.convert != "off" or images.near or images.check):
        return None
    convert = "" if images.convert == "off" else images.convert
    return Making(thumbs, convert, images.quality, images.max_pixels, images.timeout)


def check_extra() -> None:
    """Raise `MissingExtra` where there is nothing that decodes images. Imports nothing."""
    if importlib.util.find_spec("PIL") is None:
        raise MissingExtra("what is made of images (the [images] settings) needs Pillow: pip install 'acrawl[images]'")


def _thumb(name: str, size: str) -> Thumb:
    match = _SIZE.fullmatch(size)
    if match is None:
        raise SettingsError(f"images.thumbs: {name} = {size!r}: write WIDTHxHEIGHT in pixels, as in 200x200")
    if not _NAME.fullmatch(name):
        raise SettingsError(f"images.thumbs: {name!r} is to be the name of a folder: use letters, digits, - and _")
    return Thumb(name, int(match[1]), int(match[2]))


def place_for(kind: str, media_type: str, name: str) -> str:
    """The name of something that was made of the image of this name. Raises ValueError for what cannot be made."""
    extension = next((ending for made, ending in FORMATS.values() if made == media_type), None)
    if extension is None:
        raise ValueError(f"nothing is made of the type {media_type[:80]!r}")
    if kind == "converted":
        return f"converted/{name}.{extension}"
    thumb = kind.removeprefix("thumb:")
    if thumb == kind or not _NAME.fullmatch(thumb):
        raise ValueError(f"nothing is made of the kind {kind[:80]!r}")
    return f"thumbs/{thumb}/{name}.{extension}"
