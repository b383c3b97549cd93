import io
import struct

import pytest
from PIL import Image as Pillow

from acrawl.parse.image import probe


def made(kind, size=(37, 21), mode="RGB", **options):
    file = io.BytesIO()
    Pillow.new(mode, size, 1).save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("kind", "media", "options"),
    [
        ("PNG", "image/png", {}),
        ("JPEG", "image/jpeg", {}),
        ("JPEG", "image/jpeg", {"progressive": True}),
        ("GIF", "image/gif", {"mode": "P"}),
        ("WEBP", "image/webp", {}),
        ("WEBP", "image/webp", {"lossless": True}),
        ("WEBP", "image/webp", {"exif": b"Exif\0\0II*\0\x08\0\0\0\0\0"}),
        ("BMP", "image/bmp", {}),
        ("ICO", "image/x-icon", {"sizes": [(16, 16), (37, 21)], "mode": "RGBA"}),
    ],
)
def test_type_and_size_are_read(kind, media, options):
    data = made(kind, **options)
    assert probe(data) == (media, 37, 21)
    assert probe(data + b"\0" * 100) == (media, 37, 21)


def test_avif_is_read():
    assert probe(made("AVIF")) == ("image/avif", 37, 21)


def test_an_animated_png_is_told_from_a_still_one():
    frames = [Pillow.new("RGB", (37, 21), colour) for colour in ("red", "blue")]
    file = io.BytesIO()
    frames[0].save(file, "PNG", save_all=True, append_images=frames[1:])
    assert probe(file.getvalue()) == ("image/apng", 37, 21)
    still = made("PNG")
    assert probe(still + b"acTL")[0] == "image/png"


def test_heic_takes_the_largest_of_its_boxes():
    def box(name, content):
        return struct.pack(">I", len(content) + 8) + name + content

    sizes = box(b"ispe", struct.pack(">III", 0, 64, 64)) + box(b"ispe", struct.pack(">III", 0, 4032, 3024))
    assert probe(box(b"ftyp", b"heic\0\0\0\0mif1heic") + sizes) == ("image/heic", 4032, 3024)
    assert probe(box(b"ftyp", b"mp42\0\0\0\0isom") + sizes) == ("", 0, 0)


def test_a_jpeg_whose_frame_header_is_farther_away_has_no_size():
    thumbnail = (b"\xff\xe1" + struct.pack(">H", 40000) + b"\0" * 39998) * 2
    data = made("JPEG")
    far = data[:2] + thumbnail + data[2:]
    assert probe(far) == ("image/jpeg", 37, 21)
    assert probe(far[: 64 * 1024]) == ("image/jpeg", 0, 0)


def test_tiff_is_known_by_name_only():
    assert probe(made("TIFF")) == ("image/tiff", 0, 0)


@pytest.mark.parametrize(
    ("svg", "size"),
    [
        ('<svg width="37" height="21"/>', (37, 21)),
        ("<svg xmlns='x' viewBox='0 0 370 210' width='37px' height = '21px'>", (37, 21)),
        ('<svg viewBox="0,0,370,210">', (370, 210)),
        ('<svg width="37" viewBox="0 0 370 210">', (37, 21)),
        ('<svg height="21" width="100%" viewBox="0 0 370 210">', (37, 21)),
        ('<svg width="1in" height="72pt">', (96, 96)),
        ('<svg stroke-width="5" width="auto">', (0, 0)),
        ("<svg>", (0, 0)),
        ('<svg width="-5" height="1e300">', (0, 0)),
        ('\ufeff<?xml version="1.0"?>\n<!-- <svg width="1"> -->\n<svg width="37" height="21">', (37, 21)),
        ('<!DOCTYPE svg [<!ENTITY a "b">]>\n<svg width="37" height="21">', (37, 21)),
        ('<svg:svg xmlns:svg="x" width="37" height="21">', (37, 21)),
    ],
)
def test_svg_is_read(svg, size):
    assert probe(svg.encode()) == ("image/svg+xml", *size)


def test_svg_in_utf_16_is_read():
    assert probe('<svg width="37" height="21">'.encode("utf-16")) == ("image/svg+xml", 37, 21)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        b"<html><svg width=1></svg>",
        b"<svgx>",
        b"BM the text",
        b"GIF",
        b"RIFF\0\0\0\0WAVE",
        b"\0\0\1\0",
        b"%PDF",
        b"{}",
    ],
)
def test_what_is_no_image_is_nothing(data):
    assert probe(data) == ("", 0, 0)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "ICO", "TIFF"])
def test_a_cut_image_never_raises_and_never_lies(kind):
    data = made(kind)
    for length in range(60):
        media, *size = probe(data[:length])
        assert media in ("", probe(data)[0])
        assert tuple(size) in ((0, 0), probe(data)[1:])


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "piece", [b"<!--", b"<?x", b"<!DOCTYPE ", b"<!DOCTYPE [", b" ", b"<!---->", b"<?x?>", b"<svg "]
)
def test_hostile_markup_takes_little_time(piece):
    assert probe(piece * (64 * 1024 // len(piece))) is not None
