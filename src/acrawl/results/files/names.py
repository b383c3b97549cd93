"""Readable names for saved files: portable, confined to their folder, and the same for the same URL. Pure.

``https://example.org/a/b.php?id=3`` with the bytes of a PNG becomes ``example.org/a/b.php-1f0c9a2e.png``. Every part is
a name that Linux, macOS and Windows accept; no part is ``..``, begins with a dot or is longer than `MAX_PART` bytes.
What two URLs make of this may still be one name: whoever hands the names out asks `distinct` for another.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from hashlib import blake2b
from urllib.parse import unquote_to_bytes

#: Bytes of one part of a name; room is left for what `distinct` adds below the 255 of most filesystems.
MAX_PART = 200
#: Folders of one name, and bytes of all of them; what is deeper is folded into one folder named by a hash.
MAX_FOLDERS = 24
MAX_FOLDER_BYTES = 800

#: The extensions that fit a media type; the first is given to a file that has none of them.
EXTENSIONS = {
    "image/jpeg": ("jpg", "jpeg", "jpe", "jfif"),
    "image/png": ("png", "apng"),
    "image/apng": ("png", "apng"),
    "image/gif": ("gif",),
    "image/webp": ("webp",),
    "image/avif": ("avif",),
    "image/svg+xml": ("svg",),
    "image/bmp": ("bmp", "dib"),
    "image/tiff": ("tif", "tiff"),
    "image/x-icon": ("ico", "cur"),
    "image/vnd.microsoft.icon": ("ico", "cur"),
    "image/heic": ("heic",),
    "image/heif": ("heif", "heic"),
    "image/jxl": ("jxl",),
    "image/jp2": ("jp2", "j2k"),
    "text/html": ("html", "htm"),
    "application/xhtml+xml": ("xhtml", "html"),
    "text/markdown": ("md", "markdown"),
    "text/css": ("css",),
    "text/javascript": ("js", "mjs"),
    "application/javascript": ("js", "mjs"),
    "application/json": ("json",),
    "application/xml": ("xml", "rss", "atom"),
    "text/xml": ("xml", "rss", "atom"),
    "application/pdf": ("pdf",),
    "application/zip": ("zip",),
    "video/mp4": ("mp4", "m4v"),
    "video/webm": ("webm",),
    "audio/mpeg": ("mp3",),
    "audio/ogg": ("ogg", "oga"),
    "font/woff": ("woff",),
    "font/woff2": ("woff2",),
}
_KNOWN = frozenset(extension for row in EXTENSIONS.values() for extension in row)
#: What a browser takes for a page when it comes from a disk, whatever its server said that it is.
_PAGES = frozenset(("html", "htm", "xhtml", "xht", "shtml"))
#: Refused by Windows, special to some shell or file manager, or without a glyph.
_FORBIDDEN = frozenset('<>:"/\\|?*')
_FORBIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$|clock\$)", re.IGNORECASE)
#: Letters, digits and what stands between them, neither hidden nor ending in a dot, and not too long.
_PLAIN = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9_-])?")
#: What acrawl itself puts beside the folders of the hosts, and where the job's folder is the same, too.
_OURS = re.compile(
    r"(index|gallery(-\d+)?)\.html|(images|pages)\.jsonl|(results|job|warc)\.db.*|items\.kept"
    r"|((job|join|join-local)\.json|nonce)(\.new)?|lock|exchanges|feeds|uploads",
    re.IGNORECASE,
)


def name_for(url: str, content_type: str = "", server_name: str = "") -> str:
    """Return the name of a canonical URL's file, with ``/`` between its parts and the host as the first.

    ``content_type`` is the true type of the bytes; a known one corrects the extension. ``server_name`` is what the
    server called the file (Content-Disposition); of it only the last part counts.
    """
    folder, last = parts_of(url, content_type, server_name)
    return f"{folder}/{last}"


def parts_of(url: str, content_type: str = "", server_name: str = "") -> tuple[str, str]:
    """Return the folder of `name_for`, whose first part is the host, and the name in it."""
    rest = url.partition("#")[0].partition("://")[2] or url
    rest, _, query = rest.partition("?")
    above, slash, last = rest.rpartition("/")
    folder, last = (_folder(above), last) if slash else (_folder(last), "")
    if server_name:
        last = portable(re.split(r"[/\\]", server_name)[-1])
    else:
        last = _portable(last) if last else "index"
        if query:
            last = _beside_extension(last, _short(query), content_type)
    return folder, _fit(_typed(last, content_type))


def confined(text: str) -> str:
    """Return a path that anybody may have written as a name: portable, below its folder, of a bounded length."""
    *folders, last = [portable(part) for part in text.split("/") if part] or ["_"]
    if folders:
        return "/".join([_unclaimed(folders[0]), *_bounded(folders[1:]), last])
    return _unclaimed(last)


def portable(part: str) -> str:
    """Return one part of a name as every filesystem takes it; what is such a part already stays as it is."""
    return _portable(part, encoded=False)


def distinct(name: str, mark: int | str) -> str:
    """Return a name beside a taken one: ``mark`` goes before its extension."""
    folder, slash, last = name.rpartition("/")
    stem, extension = split_extension(last)
    return f"{folder}{slash}{stem}-{mark}{extension}"


def folded(name: str) -> str:
    """Return what a filesystem that ignores case may take the name for; two files never share it."""
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def split_extension(part: str) -> tuple[str, str]:
    """Split ``a.tar.gz`` into ``a.tar`` and ``.gz``; an extension is up to eight ASCII letters or digits."""
    stem, dot, extension = part.rpartition(".")
    if stem and dot and 0 < len(extension) <= 8 and extension.isascii() and extension.isalnum():
        return stem, f".{extension}"
    return part, ""


def _short(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()


@functools.lru_cache(4096)
def _folder(path: str) -> str:
    """The host of a URL and its folders: few for many files."""
    host, *parts = path.split("/")
    return "/".join([_host(host), *_bounded([_portable(part) for part in parts if part])])


def _host(host: str) -> str:
    return _unclaimed(portable(host.rpartition("@")[2].replace(":", "+")))


def _unclaimed(part: str) -> str:
    """The first part of a name, another one than that of a file of ours."""
    return _fit(f"_{part}") if _OURS.fullmatch(part) else part


def _portable(part: str, *, encoded: bool = True) -> str:
    """One part of a path as a name: decoded, and free of what any filesystem or shell takes for something else."""
    if _PLAIN.fullmatch(part) and not _DEVICES.fullmatch(part.partition(".")[0]):
        return part  # most names: nothing of what follows would change it
    text = _decoded(part) if encoded else part
    text = unicodedata.normalize("NFC", text)
    text = "".join(
        "_" if char in _FORBIDDEN or unicodedata.category(char) in _FORBIDDEN_CATEGORIES else char for char in text
    )
    text = text.strip(" ")
    if text.startswith((".", "-", "~")):  # hidden, an option, a home
        text = f"_{text}"
    text = text.rstrip(". ") or "_"  # Windows drops them: two names would be one
    if _DEVICES.fullmatch(text.partition(".")[0].rstrip(" ")):
        text = f"_{text}"
    return _fit(text)


def _decoded(part: str) -> str:
    """Undo the percent-encoding; text that is not UTF-8 stays encoded, so that different bytes stay different."""
    try:
        return unquote_to_bytes(part).decode("utf-8")
    except UnicodeDecodeError:
        return part


def _fit(part: str) -> str:
    """Cut a long part; a hash of the whole and the extension stay."""
    if len(part if part.isascii() else part.encode("utf-8", "replace")) <= MAX_PART:
        return part
    stem, extension = split_extension(part)
    tail = f"-{_short(part)}{extension}"
    cut = stem.encode("utf-8", "replace")[: MAX_PART - len(tail)].decode("utf-8", "ignore")
    return cut.rstrip(". ") + tail


def _bounded(folders: list[str]) -> list[str]:
    kept: list[str] = []
    size = 0
    for folder in folders:
        size += len(folder.encode()) + 1
        if size > MAX_FOLDER_BYTES or len(kept) == MAX_FOLDERS:
            return [*kept, f"_{_short('/'.join(folders))}"]
        kept.append(folder)
    return kept


def _beside_extension(part: str, mark: str, content_type: str) -> str:
    """Append the mark of a query: before an extension that will stay or be replaced, else at the end."""
    stem, extension = split_extension(part)
    if extension[1:].lower() in _KNOWN or (extension and content_type not in EXTENSIONS):
        return f"{stem}-{mark}{extension}"
    return f"{part}-{mark}"


def _typed(part: str, content_type: str) -> str:
    """Give a part the extension of its type: instead of another type's, else after whatever it ends with.

    What is served as something else than a page (``text/plain``) must not run as one.
    """
    fitting = EXTENSIONS.get(content_type)
    stem, extension = split_extension(part)
    known = extension[1:].lower()
    if fitting is None:
        return f"{part}.txt" if content_type and known in _PAGES else part
    if known in fitting:
        return part
    if known in _KNOWN:
        part = stem
    return f"{part}.{fitting[0]}"
