"""Small valid images in eight forms, drawn and encoded with the standard library alone.

Every picture is a mosaic: cells of 8 by 8 pixels, mirrored left to right, in eight colours. A channel takes one of two
values in each colour, so three bits say which, and each encoder below is a short way to write the same mosaic: JPEG
needs one coefficient a block, WebP three one-bit prefix codes a pixel. The cells and colours are drawn from a key by
SHAKE-128, so another key gives other bytes and the same key the same ones.
"""

from __future__ import annotations

import functools
import struct
import zlib
from collections.abc import Callable
from hashlib import shake_128
from typing import NamedTuple

#: Pixels on the side of one cell: that of a JPEG block.
CELL = 8
_RED, _GREEN, _BLUE = 1, 2, 4


class Mosaic(NamedTuple):
    """A picture before it is encoded: ``rows`` hold the colour (0 to 7) of each cell."""

    width: int
    height: int
    low: bytes
    high: bytes
    rows: list[bytes]

    def colour(self, index: int) -> tuple[int, int, int]:
        """Return red, green and blue of one of the eight colours."""
        return tuple((self.high if index & bit else self.low)[n] for n, bit in enumerate((_RED, _GREEN, _BLUE)))  # type: ignore[return-value]

    def scanlines(self) -> list[bytes]:
        """Return ``height`` lines of ``width`` bytes: the colour of each pixel."""
        lines: list[bytes] = []
        for row in self.rows:
            lines += [b"".join(bytes((index,)) * CELL for index in row)[: self.width]] * CELL
        return lines[: self.height]


def mosaic(key: str, width: int, height: int) -> Mosaic:
    """Draw the mosaic that ``key`` stands for."""
    columns, lines = -(-width // CELL), -(-height // CELL)
    half = -(-columns // 2)
    drawn = shake_128(f"{key}/{width}x{height}".encode()).digest(6 + lines * half)
    rows = []
    for start in range(6, len(drawn), half):
        left = bytes(byte & 7 for byte in drawn[start : start + half])
        rows.append(left + left[: columns - half][::-1])
    # The two values of a channel lie far apart: a lossy decoder cannot take one for the other.
    return Mosaic(width, height, bytes(b % 96 for b in drawn[:3]), bytes(160 + b % 96 for b in drawn[3:6]), rows)


def png(picture: Mosaic) -> bytes:
    """Encode as an indexed PNG."""
    header = struct.pack(">IIBBBBB", picture.width, picture.height, 8, 3, 0, 0, 0)
    palette = bytes(value for index in range(8) for value in picture.colour(index))
    pixels = b"".join(b"\0" + line for line in picture.scanlines())
    chunks = (b"IHDR", header), (b"PLTE", palette), (b"IDAT", zlib.compress(pixels)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


def bmp(picture: Mosaic) -> bytes:
    """Encode as a BMP of eight bits a pixel, bottom line first."""
    padding = b"\0" * (-picture.width % 4)
    pixels = b"".join(line + padding for line in reversed(picture.scanlines()))
    palette = b"".join(bytes((*reversed(picture.colour(index)), 0)) for index in range(8))
    start = 54 + len(palette)
    return (
        struct.pack("<2sIHHI", b"BM", start + len(pixels), 0, 0, start)
        + struct.pack("<IiiHHIIiiII", 40, picture.width, picture.height, 1, 8, 0, len(pixels), 2835, 2835, 8, 0)
        + palette
        + pixels
    )


def ico(picture: Mosaic) -> bytes:
    """Encode as an icon that holds one PNG; at most 255 pixels wide and high."""
    inner = png(picture)
    return struct.pack("<HHHBBBBHHII", 0, 1, 1, picture.width, picture.height, 0, 0, 1, 32, len(inner), 22) + inner


def svg(picture: Mosaic) -> bytes:
    """Encode as SVG: one rectangle a cell."""
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{picture.width}" height="{picture.height}">']
    for y, row in enumerate(picture.rows):
        for x, index in enumerate(row):
            red, green, blue = picture.colour(index)
            place = f'x="{x * CELL}" y="{y * CELL}" width="{CELL}" height="{CELL}"'
            parts.append(f'<rect {place} fill="#{red:02x}{green:02x}{blue:02x}"/>')
    return "\n".join([*parts, "</svg>\n"]).encode()


def documented_svg(picture: Mosaic) -> bytes:
    """Encode as SVG with all that may stand before its root: declaration, comment, document type."""
    doctype = '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">'
    return f'<?xml version="1.0" encoding="utf-8"?>\n<!-- drawn by hand -->\n{doctype}\n'.encode() + svg(picture)


def gif(picture: Mosaic) -> bytes:
    """Encode as GIF89a."""
    palette = bytes(value for index in range(8) for value in picture.colour(index))
    packed = _lzw(b"".join(picture.scanlines()), 3)
    blocks = b"".join(bytes((len(part),)) + part for i in range(0, len(packed), 255) if (part := packed[i : i + 255]))
    screen = struct.pack("<6sHHBBB", b"GIF89a", picture.width, picture.height, 0xF2, 0, 0)
    place = struct.pack("<BHHHHB", 0x2C, 0, 0, picture.width, picture.height, 0)
    return screen + palette + place + b"\3" + blocks + b"\0;"


def _lzw(pixels: bytes, bits: int) -> bytes:
    """Compress as GIF does: variable code width, least significant bit first, table started anew when it is full."""
    clear = 1 << bits
    roots = {bytes((value,)): value for value in range(clear)}
    table, width = dict(roots), bits + 1
    stream, filled = clear, width
    known = b""
    for i in range(len(pixels)):
        longer = known + pixels[i : i + 1]
        if longer in table:
            known = longer
            continue
        stream |= table[known] << filled
        filled += width
        code = len(table) + 2  # two codes, clear and end, are in no table
        if code == 4096:
            stream |= clear << filled
            filled += width
            table, width = dict(roots), bits + 1
        else:
            table[longer] = code
            width += code >> width
        known = longer[-1:]
    stream |= table[known] << filled
    filled += width
    stream |= (clear + 1) << filled
    return stream.to_bytes((filled + width + 7) // 8, "little")


def _lsb(value: int, count: int) -> str:
    """Write ``count`` bits of a number, least significant first."""
    return f"{value:0{count}b}"[::-1]


def _vp8l(picture: Mosaic) -> bytes:
    """Encode the bit stream of a lossless WebP: no transforms, no cache, prefix codes of at most two symbols."""
    bits = [_lsb(picture.width - 1, 14), _lsb(picture.height - 1, 14), "0000", "000"]
    for channel in (1, 0, 2):  # green, red, blue: a simple code of two symbols of eight bits
        bits += ["111", _lsb(picture.low[channel], 8), _lsb(picture.high[channel], 8)]
    bits += ["101", _lsb(255, 8), "1000"]  # alpha is always 255 and there are no distances: codes of no bits
    pixel = ["".join("1" if index & bit else "0" for bit in (_GREEN, _RED, _BLUE)) for index in range(8)]
    bits += ["".join(pixel[index] for index in line) for line in picture.scanlines()]
    stream = "".join(bits)
    return b"\x2f" + int(stream[::-1], 2).to_bytes(-(-len(stream) // 8), "little")


def _riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for name, data in chunks)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def webp(picture: Mosaic) -> bytes:
    """Encode as a lossless WebP in its simple form."""
    return _riff((b"VP8L", _vp8l(picture)))


def extended_webp(picture: Mosaic) -> bytes:
    """Encode as a lossless WebP in its extended form, whose size stands in another place."""
    sides = (picture.width - 1).to_bytes(3, "little") + (picture.height - 1).to_bytes(3, "little")
    return _riff((b"VP8X", b"\0\0\0\0" + sides), (b"VP8L", _vp8l(picture)))


#: Annex K's code for the size of a DC difference; the only AC code there is, "0", ends the block.
_DC_CODES = ["00", "010", "011", "100", "101", "110", "1110", "11110", "111110", "1111110", "11111110", "111111110"]
_DC_TABLE = bytes((0, 0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0)) + bytes(range(12))
_AC_TABLE = bytes((0x10, 1, *[0] * 15, 0))


@functools.cache
def _dc(difference: int) -> str:
    """Write one block: the difference of its mean to the last block's, and nothing else."""
    size = abs(difference).bit_length()
    low = difference if difference >= 0 else difference + (1 << size) - 1
    return _DC_CODES[size] + (f"{low:0{size}b}" if size else "") + "0"


def _segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def _jpeg(picture: Mosaic, opening: bytes) -> bytes:
    """Encode as baseline JPEG, 4:4:4. A flat block's only coefficient is 8 times its value; every divisor is 8."""
    means = []
    for index in range(8):
        r, g, b = picture.colour(index)
        means.append(
            (
                round(0.299 * r + 0.587 * g + 0.114 * b) - 128,
                round(-0.168736 * r - 0.331264 * g + 0.5 * b),
                round(0.5 * r - 0.418688 * g - 0.081312 * b),
            )
        )
    bits: list[str] = []
    last = (0, 0, 0)
    for row in picture.rows:
        for index in row:
            now = means[index]
            bits += [_dc(now[0] - last[0]), _dc(now[1] - last[1]), _dc(now[2] - last[2])]
            last = now
    stream = "".join(bits)
    stream += "1" * (-len(stream) % 8)
    scan = int(stream, 2).to_bytes(len(stream) // 8, "big").replace(b"\xff", b"\xff\0")
    frame = struct.pack(">BHHB", 8, picture.height, picture.width, 3) + b"\1\x11\0\2\x11\0\3\x11\0"
    return (
        b"\xff\xd8"
        + opening
        + _segment(0xDB, b"\0" + b"\x08" * 64)
        + _segment(0xC0, frame)
        + _segment(0xC4, _DC_TABLE + _AC_TABLE)
        + _segment(0xDA, b"\3\1\0\2\0\3\0\0\x3f\0")
        + scan
        + b"\xff\xd9"
    )


_JFIF = _segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")


def jpeg(picture: Mosaic) -> bytes:
    """Encode as JPEG (JFIF)."""
    return _jpeg(picture, _JFIF)


def exif_jpeg(picture: Mosaic) -> bytes:
    """Encode as JPEG that opens with an Exif segment, as cameras write it."""
    return _jpeg(picture, _segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"))


def late_jpeg(picture: Mosaic) -> bytes:
    """Encode as JPEG whose size stands behind 60 kB of other segments, as profiles and previews make them."""
    return _jpeg(picture, _JFIF + _segment(0xFE, b"a long comment " * 2000) * 2)


class Kind(NamedTuple):
    """A way to write an image: its encoder, its media type, and the extension that fits."""

    encode: Callable[[Mosaic], bytes]
    type: str
    extension: str


KINDS = {
    "png": Kind(png, "image/png", "png"),
    "jpeg": Kind(jpeg, "image/jpeg", "jpg"),
    "gif": Kind(gif, "image/gif", "gif"),
    "webp": Kind(webp, "image/webp", "webp"),
    "bmp": Kind(bmp, "image/bmp", "bmp"),
    "ico": Kind(ico, "image/x-icon", "ico"),
    "svg": Kind(svg, "image/svg+xml", "svg"),
    "documented svg": Kind(documented_svg, "image/svg+xml", "svg"),
    "extended webp": Kind(extended_webp, "image/webp", "webp"),
    "exif jpeg": Kind(exif_jpeg, "image/jpeg", "jpg"),
    "late jpeg": Kind(late_jpeg, "image/jpeg", "jpg"),
}
#: Which kind an extension stands for.
BY_EXTENSION = {kind.extension: name for name, kind in reversed(KINDS.items())} | {"jpeg": "jpeg"}
