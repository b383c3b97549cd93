"""What an image is and how large, from its first bytes."""

from __future__ import annotations

import re
import struct

#: Enough for nearly every file; metadata before a JPEG's frame header can be longer.
HEAD = 64 * 1024
#: The types that `probe` tells by their bytes, under all their names: bytes it does not know are none of these.
RECOGNISED = frozenset(
    f"image/{name}"
    for name in [
        "png",
        "apng",
        "x-png",
        "jpeg",
        "jpg",
        "pjpeg",
        "gif",
        "webp",
        "avif",
        "heic",
        "heif",
        "bmp",
        "x-ms-bmp",
        "x-icon",
        "vnd.microsoft.icon",
        "ico",
        "svg+xml",
        "tiff",
        "jxl",
    ]
)
_NOTHING = ("", 0, 0)
_SVG = re.compile(
    rb"(?:\s++|<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^\[>]*+(?:\[.*?\])?\s*>)*+<(?:\w+:)?svg((?:\s[^>]*)?)/?(?:>|\Z)",
    re.S | re.I,
)
_LENGTH = re.compile(r"\s*\+?([0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]{1,3})?)\s*(px|pt|pc|mm|cm|in|q)?\s*\Z", re.IGNORECASE)
_PIXELS = {"": 1.0, "px": 1.0, "pt": 4 / 3, "pc": 16.0, "mm": 96 / 25.4, "cm": 96 / 2.54, "in": 96.0, "q": 96 / 101.6}
_MAX_SIDE = 1 << 31
_AVIF = frozenset((b"avif", b"avis"))
_HEIC = frozenset((b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"))
_MAX_BOXES = 200


def probe(head: bytes) -> tuple[str, int, int]:
    """Return media type, width and height in pixels. Never raises.

    ``("", 0, 0)`` means that the bytes begin no image known here. The size is ``0, 0`` where the type does not say it
    (TIFF, an SVG without one) or says it after the bytes given: a JPEG with much metadata. Turned pictures (EXIF) give
    the size as stored.
    """
    try:
        return _probe(head)
    except (struct.error, IndexError):
        return _known(head)  # cut short: the type is still known from the signature


def _probe(head: bytes) -> tuple[str, int, int]:
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        width, height = struct.unpack_from(">II", head, 16)
        pixels = head.find(b"IDAT")  # first: it is near, and acTL only counts before it
        animated = head.find(b"acTL", 8, pixels if pixels >= 0 else len(head)) >= 0
        return ("image/apng" if animated else "image/png"), width, height
    if head.startswith(b"\xff\xd8\xff"):
        return _jpeg(head)
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return "image/gif", *struct.unpack_from("<HH", head, 6)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return _webp(head)
    if head[4:8] == b"ftyp":
        return _heif(head)
    if head[:2] == b"BM":
        return _bmp(head)
    if head[:4] in (b"\0\0\1\0", b"\0\0\2\0"):
        return _icon(head)
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "image/tiff", 0, 0
    if head.startswith((b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")):
        return "image/jxl", 0, 0
    return _svg(head)


def _known(head: bytes) -> tuple[str, int, int]:
    signatures = (
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"GIF8", "image/gif"),
        (b"RIFF", "image/webp"),
    )
    return next(((kind, 0, 0) for signature, kind in signatures if head.startswith(signature)), _NOTHING)


def _jpeg(head: bytes) -> tuple[str, int, int]:
    """Go from marker to marker to the frame header."""
    position, end = 2, len(head)
    while position + 9 <= end:
        if head[position] != 0xFF:
            break
        marker = head[position + 1]
        if marker == 0xFF:  # fill byte
            position += 1
        elif marker == 0x01 or 0xD0 <= marker <= 0xD8:
            position += 2
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", head, position + 5)
            return "image/jpeg", width, height
        else:
            position += 2 + int.from_bytes(head[position + 2 : position + 4], "big")
    return "image/jpeg", 0, 0


def _webp(head: bytes) -> tuple[str, int, int]:
    form = head[12:16]
    if form == b"VP8X":
        width, height = (int.from_bytes(head[at : at + 3], "little") + 1 for at in (24, 27))
        return ("image/webp", width, height) if len(head) >= 30 else ("image/webp", 0, 0)
    if form == b"VP8L" and head[20] == 0x2F:
        (bits,) = struct.unpack_from("<I", head, 21)
        return "image/webp", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if form == b"VP8 " and head[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", head, 26)
        return "image/webp", width & 0x3FFF, height & 0x3FFF
    return "image/webp", 0, 0


def _heif(head: bytes) -> tuple[str, int, int]:
    """Take the largest ``ispe`` box: tiles and thumbnails have boxes of their own."""
    size = int.from_bytes(head[:4], "big")
    brands = {head[at : at + 4] for at in (8, *range(16, min(size, 256), 4))}
    if not _AVIF.isdisjoint(brands):
        kind = "image/avif"
    elif not _HEIC.isdisjoint(brands):
        kind = "image/heic"
    else:
        return _NOTHING
    best, position = (0, 0), size
    for _ in range(_MAX_BOXES):
        position = head.find(b"ispe", position)
        if position < 0 or position + 16 > len(head):
            break
        best = max(best, struct.unpack_from(">II", head, position + 8), key=lambda side: side[0] * side[1])
        position += 4
    return kind, *best


def _bmp(head: bytes) -> tuple[str, int, int]:
    (size,) = struct.unpack_from("<I", head, 14)
    if size == 12:
        return "image/bmp", *struct.unpack_from("<HH", head, 18)
    if size not in (16, 40, 52, 56, 64, 108, 124):
        return _NOTHING
    width, height = struct.unpack_from("<ii", head, 18)
    return "image/bmp", abs(width), abs(height)


def _icon(head: bytes) -> tuple[str, int, int]:
    """Take the largest of the pictures; a side of 0 means 256."""
    count = int.from_bytes(head[4:6], "little")
    if not count or head[9] != 0:
        return _NOTHING
    if len(head) < 6 + 16 * count:
        return "image/x-icon", 0, 0
    pictures = [(head[at] or 256, head[at + 1] or 256) for at in range(6, 6 + 16 * count, 16)]
    return "image/x-icon", *max(pictures, key=lambda side: side[0] * side[1])


def _svg(head: bytes) -> tuple[str, int, int]:
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        head = head[: len(head) & ~1].decode("utf-16", "replace").encode()
    match = _SVG.match(head.removeprefix(b"\xef\xbb\xbf"))
    if match is None:
        return _NOTHING
    text = match[1].decode("utf-8", "replace")
    width, height = _side(text, "width"), _side(text, "height")
    box = _attribute(text, "viewBox").replace(",", " ").split()
    if len(box) == 4 and not (width and height):
        across, down = (_pixels(side) for side in box[2:])
        if across and down:
            if width:
                height = width * down / across
            elif height:
                width = height * across / down
            else:
                width, height = across, down
    if not (0 < width < _MAX_SIDE and 0 < height < _MAX_SIDE):
        return "image/svg+xml", 0, 0
    return "image/svg+xml", round(width), round(height)


def _attribute(text: str, name: str) -> str:
    match = re.search(rf"\s{name}\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", text)
    return (match[1] or match[2] or "") if match else ""


def _side(text: str, name: str) -> float:
    return _pixels(_attribute(text, name))


def _pixels(length: str) -> float:
    match = _LENGTH.match(length) if len(length) < 64 else None
    return float(match[1]) * _PIXELS[(match[2] or "").lower()] if match else 0.0
