"""What the end of a path says about what lies there: a guess, for what has not been fetched."""

from __future__ import annotations

_IMAGES = "png jpg jpeg gif webp avif bmp ico svg tif tiff apng jfif jxl"
_NOT_PAGES = (
    "7z aac apk avi bin bz2 csv deb dmg doc docx eot epub exe flac gz iso jar js json m4a m4v mid mkv mov "
    "mp3 mp4 mpeg mpg msi odp ods odt ogg ogv opus otf pdf ppt pptx ps rar rpm tar tgz torrent ttf txt "
    "wasm wav webm wma wmv woff woff2 xls xlsx xml xz zip zst"
)

#: Images.
IMAGES = frozenset(_IMAGES.split())
#: Neither pages nor images; each with its dot, for ``str.endswith``.
NOT_PAGES = tuple(f".{name}" for name in _NOT_PAGES.split())


def extension(reference: str) -> str:
    """The extension of a URL's or reference's path, in lower case, without its dot; empty where there is none."""
    if "#" in reference or "?" in reference:
        reference = reference.partition("#")[0].partition("?")[0]
    name = reference[reference.rfind("/") + 1 :]
    dot = name.rfind(".")
    return name[dot + 1 :].lower() if dot >= 0 else ""
