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


_KINDS = {
    "image": _IMAGES,
    "media": "aac avi flac m3u8 m4a m4v mid mkv mov mp3 mp4 mpd mpeg mpg oga ogg ogv opus vtt wav webm wma wmv",
    "style": "css",
    "script": "js mjs",
    "font": "eot otf ttf woff woff2",
    "page": "asp aspx cfm htm html jsp php shtml xhtml",
    "data": "7z apk bin bz2 csv deb dmg doc docx epub exe gz iso jar json pdf ppt pptx rar rpm rss swf tar tgz txt "
    "wasm webmanifest xls xlsx xml xz zip zst",
}
_KIND_OF = {name: kind for kind, names in _KINDS.items() for name in names.split()}


def kind_of(reference: str) -> str:
    """The kind of resource (see `acrawl.parse.resources`) by its extension; empty where that says nothing."""
    return _KIND_OF.get(extension(reference), "")


def extension(reference: str) -> str:
    """The extension of a URL's or reference's path, in lower case, without its dot; empty where there is none."""
    if "#" in reference or "?" in reference:
        reference = reference.partition("#")[0].partition("?")[0]
    name = reference[reference.rfind("/") + 1 :]
    dot = name.rfind(".")
    return name[dot + 1 :].lower() if dot >= 0 else ""
