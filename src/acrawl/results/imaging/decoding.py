"""One image, by Pillow: whether it is whole, what it looks like, and what is made of it. Blocking, for `child`."""

from __future__ import annotations

import io
import itertools
import warnings

from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from acrawl.results.imaging.making import DECODERS, FORMATS, Findings, Job, Making, Part, Thumb

#: An image is compared by so many columns and rows of grey: each pixel with its neighbour on the right.
_ACROSS, _DOWN = 9, 8
#: Bits that a hash must have of each kind. Plain areas give none: of nothing but those, any two would look alike.
_FEATURES = 6
#: Characters of what a decoder has to say.
_MOST_SAID = 200
_WHITE = (255, 255, 255, 255)


def examined(job: Job, making: Making) -> tuple[Findings, list[bytes]]:
    """Decode an image and make of it what is wanted; returns what came of it, and the bytes of its parts.

    Raises MemoryError. Whatever else a decoder raises says that the image is broken.
    """
    Image.MAX_IMAGE_PIXELS = making.max_pixels
    warnings.simplefilter("ignore")  # of the decoders, about what they could read all the same
    try:
        with Image.open(job.path, formats=DECODERS[job.type]) as image:
            across, down = image.size
            if across * down > making.max_pixels:
                return Findings(note=f"not decoded: {across} x {down} pixels are more than images.max_pixels"), []
            if not making.convert:
                _draft(image, making)
            image.load()
            try:
                return _made(image, making)
            except MemoryError:
                raise
            except Exception as error:  # noqa: BLE001 - it is whole; perhaps of a mode that no conversion knows
                return Findings(note=f"nothing was made of it: {_said(error)}"), []
    except MemoryError:
        raise
    except Image.DecompressionBombError:
        return Findings(note="not decoded: it has more pixels than images.max_pixels"), []
    except UnidentifiedImageError:
        return Findings(broken=f"its bytes are no image of its type, {job.type}"), []
    except Exception as error:  # noqa: BLE001 - decoders raise nearly everything; the bytes are kept, and this is told
        return Findings(broken=_said(error)), []


def _draft(image: Image.Image, making: Making) -> None:
    """Let a JPEG be decoded at a fraction of its size, where nobody wants more: all of its bytes are still read."""
    side = max((max(thumb.width, thumb.height) for thumb in making.thumbs), default=64)
    image.draft(None, (2 * side, 2 * side))


def _made(image: Image.Image, making: Making) -> tuple[Findings, list[bytes]]:
    kind = "jpeg" if image.format == "MPO" else (image.format or "").lower()  # cameras put previews behind the photo
    has_more = kind != "jpeg" and getattr(image, "is_animated", False)
    _turn_upright(image)
    parts: list[Part] = []
    made: list[bytes] = []
    note = ""
    for thumb in making.thumbs:
        part, data = _thumbnail(image, thumb, making.quality)
        parts.append(part)
        made.append(data)
    if making.convert and has_more and kind != making.convert:
        note = "not converted: there is more than one picture in it"
    elif making.convert and kind != making.convert:
        try:
            part, data = _encoded("converted", _plain(image), making.convert, making.quality)
        except (OSError, ValueError) as error:  # too large a side for the format
            note = f"not converted: {_said(error)}"
        else:
            parts.append(part)
            made.append(data)
    return Findings(note=note, dhash=dhash(image), parts=parts), made


def _turn_upright(image: Image.Image) -> None:
    """Turn the image as its camera was held."""
    try:
        ImageOps.exif_transpose(image, in_place=True)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001, S110 - EXIF that nobody can read: the image stays as it lies
        pass


def _thumbnail(image: Image.Image, thumb: Thumb, quality: int) -> tuple[Part, bytes]:
    small = _shrinkable(image)
    small.thumbnail((thumb.width, thumb.height), Image.Resampling.LANCZOS, reducing_gap=2.0)
    return _encoded(f"thumb:{thumb.name}", _plain(small), "jpeg", quality)


def _shrinkable(image: Image.Image) -> Image.Image:
    """A copy of a mode that can be made smaller without harm; colours are cheaper to convert afterwards."""
    if "transparency" not in image.info and image.mode in {"L", "LA", "RGB", "RGBA", "CMYK", "YCbCr"}:
        return image.copy()
    plain = _plain(image)
    return image.copy() if plain is image else plain


def _encoded(kind: str, image: Image.Image, name: str, quality: int) -> tuple[Part, bytes]:
    if name == "jpeg":
        image = _opaque(image)
    out = io.BytesIO()
    options = {} if name == "png" else {"quality": quality}
    image.save(out, name, icc_profile=image.info.get("icc_profile"), **options)
    data = out.getvalue()
    return Part(kind, FORMATS[name][0], image.width, image.height, len(data)), data


def _plain(image: Image.Image) -> Image.Image:
    """The image in grey or in red, green and blue, eight bits each, perhaps with alpha; its profile is for these."""
    if image.mode in {"L", "RGB", "RGBA"} and "transparency" not in image.info:
        return image
    profile = image.info.get("icc_profile")
    if image.mode == "CMYK":
        plain = _by_profile(image, profile) or image.convert("RGB")
        profile = None  # it is sRGB now
    elif image.mode.startswith(("I", "F")):
        plain, profile = _shallow(image), None
    elif image.mode == "1":
        plain, profile = image.convert("L"), None
    else:
        has_alpha = image.mode.endswith(("A", "a")) or "transparency" in image.info
        plain = image.convert("RGBA" if has_alpha else "RGB")
        profile = profile if image.mode in {"P", "PA", "RGB", "RGBX", "RGBa"} else None
    plain.info = {"icc_profile": profile} if profile else {}
    return plain


def _by_profile(image: Image.Image, profile: bytes | None) -> Image.Image | None:
    """CMYK as its profile says that it looks; None without a profile that can be read."""
    if not profile:
        return None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):  # then by the rule of thumb
        return None


def _shallow(image: Image.Image) -> Image.Image:
    """Sixteen bits, or more, of grey as eight: the lightest that there is becomes white."""
    image = image if image.mode in {"I", "F"} else image.convert("I")
    low, high = image.getextrema()
    assert isinstance(low, int | float)
    assert isinstance(high, int | float)
    low, high = min(low, 0), 65535 if image.mode == "I" and 255 < high <= 65535 else max(high, 1)
    return image.convert("F").point(lambda value: value * (255 / (high - low)) - low * 255 / (high - low)).convert("L")


def _opaque(image: Image.Image) -> Image.Image:
    """The image on white."""
    if image.mode != "RGBA":
        return image
    ground = Image.new("RGBA", image.size, _WHITE)
    ground.alpha_composite(image)
    opaque = ground.convert("RGB")
    opaque.info = image.info
    return opaque


def dhash(image: Image.Image) -> str:
    """What the image looks like in 64 bits, in hexadecimal: where it gets lighter from left to right.

    Images that look alike differ in few of them. Empty for an image without features.
    """
    small = _shrinkable(image)
    small.thumbnail((16 * _ACROSS, 16 * _DOWN), Image.Resampling.BOX)
    grey = _opaque(_plain(small)).convert("L").resize((_ACROSS, _DOWN), Image.Resampling.BOX).tobytes()
    rows = (grey[at : at + _ACROSS] for at in range(0, len(grey), _ACROSS))
    bits = 0
    for row in rows:
        for left, right in itertools.pairwise(row):
            bits = bits << 1 | (right > left)
    return f"{bits:016x}" if _FEATURES <= bits.bit_count() <= 64 - _FEATURES else ""


def _said(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text[:_MOST_SAID]
