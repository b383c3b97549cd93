"""The encoders: what they write, others read."""

import io
from hashlib import shake_256
from xml.etree import ElementTree

import pytest
from PIL import Image

from acrawl.demo.images import KINDS, Mosaic, gif, mosaic

SIZES = [(64, 48), (61, 47), (1, 1), (1, 96), (96, 1), (7, 90), (255, 17)]
RASTER = sorted(name for name, kind in KINDS.items() if kind.type != "image/svg+xml")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", RASTER)
def test_a_foreign_decoder_sees_the_mosaic(name, size):
    picture = mosaic("a key", *size)
    decoded = Image.open(io.BytesIO(KINDS[name].encode(picture)))
    pixels = decoded.convert("RGB").tobytes()
    drawn = b"".join(bytes(picture.colour(index)) for line in picture.scanlines() for index in line)

    assert decoded.size == size
    assert Image.MIME[decoded.format] == KINDS[name].type
    # JPEG rounds on the way to its colour space and back; all others keep every bit.
    tolerance = 3 if "jpeg" in name else 0
    assert len(pixels) == len(drawn)
    assert max(abs(a - b) for a, b in zip(pixels, drawn, strict=True)) <= tolerance


@pytest.mark.parametrize("name", ["svg", "documented svg"])
def test_a_drawing_has_one_rectangle_for_each_cell(name):
    picture = mosaic("a key", 61, 47)
    root = ElementTree.fromstring(KINDS[name].encode(picture))
    cells = {(int(r.get("x")) // 8, int(r.get("y")) // 8): r.get("fill") for r in root}

    assert (root.get("width"), root.get("height")) == ("61", "47")
    assert cells == {
        (x, y): "#" + bytes(picture.colour(index)).hex()
        for y, row in enumerate(picture.rows)
        for x, index in enumerate(row)
    }


def test_gif_starts_its_table_anew_when_it_is_full():
    class Noise(Mosaic):
        def scanlines(self):
            noise = bytes(byte & 7 for byte in shake_256(b"noise").digest(200 * 200))
            return [noise[start : start + 200] for start in range(0, len(noise), 200)]

    noise = Noise(200, 200, b"\0\0\0", b"\xff\xff\xff", [])
    decoded = Image.open(io.BytesIO(gif(noise)))

    assert decoded.tobytes() == b"".join(noise.scanlines())


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_key_stands_for_its_bytes(name):
    encode = KINDS[name].encode

    assert encode(mosaic("one", 48, 48)) == encode(mosaic("one", 48, 48))
    assert encode(mosaic("one", 48, 48)) != encode(mosaic("two", 48, 48))
