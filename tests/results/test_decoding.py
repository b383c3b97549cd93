"""One image of each kind that the web has, and what is made of it."""

from __future__ import annotations

import pytest
from PIL import Image, ImageCms, ImageFilter

from acrawl.errors import SettingsError
from acrawl.results.imaging.decoding import dhash, examined
from acrawl.results.imaging.making import Job, Making, Thumb, making_of
from acrawl.settings import Images
from results.pictures import bomb, encoded, opened, photo

MAKING = Making([Thumb("small", 50, 50)], "webp", 85, 1_000_000, 10)
PHOTO = photo(1)
LEVELS = Image.frombytes("I;16", (256, 64), b"".join((i * 257).to_bytes(2, "little") for i in range(256)) * 64)


@pytest.fixture
def look(tmp_path):
    """Look at bytes of a media type; returns the findings, and what was made by its kind."""

    def at(data, media_type, making=MAKING):
        path = tmp_path / "image"
        path.write_bytes(data)
        findings, parts = examined(Job(str(path), media_type), making)
        assert [part.size for part in findings.parts] == list(map(len, parts))
        made = {part.kind: opened(data) for part, data in zip(findings.parts, parts, strict=True)}
        for part in findings.parts:
            assert (part.width, part.height) == made[part.kind].size
        return findings, made

    return at


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (encoded(PHOTO), "image/jpeg"),
        (encoded(PHOTO, progressive=True), "image/jpeg"),
        (encoded(PHOTO.convert("CMYK")), "image/jpeg"),
        (encoded(PHOTO, "MPO", save_all=True, append_images=[photo(2)]), "image/jpeg"),
        (encoded(PHOTO, "PNG"), "image/png"),
        (encoded(PHOTO.convert("P"), "PNG"), "image/png"),
        (encoded(PHOTO.convert("RGBA"), "PNG"), "image/png"),
        (encoded(PHOTO.convert("LA"), "PNG"), "image/png"),
        (encoded(PHOTO, "GIF"), "image/gif"),
        (encoded(PHOTO, "AVIF"), "image/avif"),
        (encoded(PHOTO, "BMP"), "image/bmp"),
        (encoded(PHOTO, "TIFF"), "image/tiff"),
        (encoded(PHOTO.convert("F"), "TIFF"), "image/tiff"),
        (encoded(PHOTO.convert("LAB"), "TIFF"), "image/tiff"),
        (encoded(PHOTO) + b"PK\3\4<script>alert(1)</script>", "image/jpeg"),
    ],
    ids=["jpeg", "progressive", "cmyk", "mpo", "png", "palette", "rgba", "la", "gif", "avif", "bmp", "tiff", "float",
         "lab", "polyglot"],
)  # fmt: skip
def test_every_kind_has_its_thumbnail_its_copy_and_its_look(look, data, media_type):
    findings, made = look(data, media_type)
    assert (findings.broken, findings.note) == ("", "")
    assert {kind: (image.format, image.size) for kind, image in made.items()} == {
        "thumb:small": ("JPEG", (50, 31)),
        "converted": ("WEBP", (320, 200)),
    }
    assert distance(findings.dhash, dhash(PHOTO)) <= 6
    for image in made.values():
        assert distance(dhash(image), dhash(PHOTO)) <= 6


def distance(one, other):
    return (int(one, 16) ^ int(other, 16)).bit_count()


def test_nothing_is_converted_to_what_it_is(look):
    findings, made = look(encoded(PHOTO, "WEBP"), "image/webp")
    assert (findings.note, made.keys()) == ("", {"thumb:small"})


def test_an_animation_has_a_thumbnail_of_its_first_picture_and_stays_what_it_is(look):
    data = encoded(PHOTO, "GIF", save_all=True, append_images=[photo(2), photo(3)])
    findings, made = look(data, "image/gif")
    assert (findings.note, made.keys()) == ("not converted: there is more than one picture in it", {"thumb:small"})
    assert distance(findings.dhash, dhash(PHOTO)) <= 3


def test_a_turned_picture_is_made_upright(look):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright
    findings, made = look(encoded(PHOTO, exif=exif), "image/jpeg")
    assert {image.size for image in made.values()} == {(31, 50), (200, 320)}
    assert distance(findings.dhash, dhash(PHOTO.transpose(Image.Transpose.ROTATE_270))) <= 2
    assert not any(image.getexif() for image in made.values()), "it would be turned twice"


def test_exif_that_nobody_can_read_is_passed_over(look):
    findings, made = look(encoded(PHOTO, exif=b"Exif\0\0MM\0*\0\0\xff\xff" + b"\x01" * 50), "image/jpeg")
    assert (findings.broken, made["converted"].size) == ("", (320, 200))


def test_a_profile_goes_along_where_it_still_holds_and_not_elsewhere(look):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    _, made = look(encoded(PHOTO, icc_profile=profile), "image/jpeg")
    assert {image.info["icc_profile"] for image in made.values()} == {profile}
    findings, made = look(encoded(PHOTO.convert("CMYK"), icc_profile=b"no profile at all"), "image/jpeg")
    assert findings.broken == findings.note == ""
    assert not any("icc_profile" in image.info for image in made.values())


def test_sixteen_bits_of_grey_keep_their_lights_and_their_shadows(look):
    _, made = look(encoded(LEVELS, "PNG"), "image/png")
    row = [made["converted"].convert("L").getpixel((x, 30)) for x in (0, 64, 128, 192, 255)]
    assert row == pytest.approx([0, 64, 128, 192, 255], abs=4)


def test_what_is_transparent_is_white_in_jpeg_and_transparent_in_webp(look):
    clear = Image.new("RGBA", (64, 64), (255, 0, 0, 0))
    _, made = look(encoded(clear, "PNG"), "image/png")
    assert made["thumb:small"].getpixel((9, 9)) == pytest.approx((255, 255, 255), abs=3)
    assert made["converted"].getpixel((9, 9))[3] == 0


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "AVIF"])
def test_half_an_image_is_broken_and_nothing_is_made_of_it(look, form):
    data = encoded(PHOTO, form)
    findings, made = look(data[: len(data) // 2], f"image/{form.lower()}")
    assert findings.broken
    assert (made, findings.dhash, findings.note) == ({}, "", "")


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n", b"<svg/>", encoded(PHOTO), b"\xff\xd8\xff" * 1000])
def test_what_is_no_image_of_its_type_is_broken(look, data):
    findings, made = look(data, "image/png")
    assert findings.broken
    assert made == {}


def test_a_huge_image_is_not_decoded(look):
    findings, made = look(bomb(), "image/png")
    assert findings.note.startswith("not decoded: ")
    assert (findings.broken, made) == ("", {})
    findings, made = look(encoded(photo(1, (1200, 1000))), "image/jpeg")
    assert "1200 x 1000 pixels are more than images.max_pixels" in findings.note
    assert (findings.broken, made) == ("", {})


def test_a_side_that_a_format_cannot_have_costs_that_copy_alone(look):
    findings, made = look(encoded(Image.new("L", (20_000, 2)), "PNG"), "image/png")
    assert findings.note.startswith("not converted: ")
    assert made["thumb:small"].size == (50, 1)


def test_images_that_look_alike_differ_in_few_bits_and_others_in_many():
    same = [PHOTO.resize((640, 400)), PHOTO.filter(ImageFilter.GaussianBlur(2)), opened(encoded(PHOTO, quality=20))]
    assert max(distance(dhash(image), dhash(PHOTO)) for image in same) <= 3
    assert min(distance(dhash(photo(seed)), dhash(PHOTO)) for seed in range(2, 40)) > 12


def test_plain_images_look_like_nothing():
    spot = Image.new("L", (90, 80), 255)
    spot.putpixel((40, 40), 0)
    plain = [Image.new("RGB", (50, 50), "red"), Image.new("L", (9, 9)), Image.linear_gradient("L").rotate(90), spot]
    assert [dhash(image) for image in plain] == ["", "", "", ""]


@pytest.mark.parametrize(
    ("thumbs", "said"),
    [
        ({"a": "9"}, "write WIDTHxHEIGHT"),
        ({"a": "9x0"}, "write WIDTHxHEIGHT"),
        ({"a": "9x100000"}, "write WIDTHxHEIGHT"),
        ({"../x": "9x9"}, "name of a folder"),
        ({"": "9x9"}, "name of a folder"),
        ({"a": "9x9", "A": "8x8"}, "case"),
    ],
)
def test_a_thumbnail_that_cannot_be_is_refused(thumbs, said):
    with pytest.raises(SettingsError, match=said):
        making_of(Images(thumbs=thumbs))


def test_only_what_is_asked_for_is_made():
    assert making_of(Images(min_width=9, min_height=9, quality=1, processes=4)) is None
    assert making_of(Images(near=1)) == making_of(Images(check=True)) == Making([], "", 85, 64_000_000, 60.0)
    assert making_of(Images(thumbs={"a": "3x4"}, convert="png")).thumbs == [Thumb("a", 3, 4)]
