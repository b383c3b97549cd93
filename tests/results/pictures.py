"""Pictures made by Pillow, for the tests of what is made of images."""

from __future__ import annotations

import io
import random
from typing import Any

from PIL import Image


def photo(seed: int, size: tuple[int, int] = (320, 200)) -> Image.Image:
    """A picture of soft patches; another seed looks different."""
    chance = random.Random(seed)
    patches = Image.frombytes("RGB", (8, 8), chance.randbytes(192))
    return patches.resize(size, Image.Resampling.BICUBIC)


def encoded(image: Image.Image, form: str = "JPEG", **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def bomb(width: int = 60_000, height: int = 60_000) -> bytes:
    """A small PNG that says it has so many pixels."""
    import struct
    import zlib

    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"\0" * 10_000)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
