"""The gallery: static pages that show every distinct image, opened from disk, without scripts.

Whatever stands on a page came from strangers: all of it is escaped, links lead to http(s) only, an SVG is shown but
not linked (opened by itself it could run scripts), and a policy in the page forbids all but its images and its style.
"""

from __future__ import annotations

import base64
import hashlib
import html
import importlib.resources
import pathlib
import unicodedata
from collections.abc import Sequence
from urllib.parse import quote, urlsplit

from acrawl.errors import CrawlFailed
from acrawl.results.catalog import Catalog
from acrawl.results.listing import Picture, Totals
from acrawl.results.publish.images import replacing

#: Distinct images on one page.
PER_PAGE = 500
#: What a page of ours is known by: a file of the user's of the same name is never overwritten.
MARK = b'<meta name="generator" content="acrawl gallery">'
#: Types that browsers show; others get a box with their name.
SHOWN = frozenset(
    (
        "image/jpeg",
        "image/png",
        "image/apng",
        "image/gif",
        "image/webp",
        "image/avif",
        "image/svg+xml",
        "image/bmp",
        "image/x-icon",
        "image/vnd.microsoft.icon",
    )
)
_MAX_TEXT = 300


def write_gallery(catalog: Catalog, title: str) -> pathlib.Path:
    """Write the gallery into the catalog's folder; returns its first page. Blocks. Raises `CrawlFailed`.

    The pages are ``index.html``, ``gallery-2.html`` and so on; where an ``index.html`` is the user's own, the first is
    ``gallery.html``. Each page replaces its predecessor by a rename; pages of a longer gallery before are removed.
    """
    root = catalog.root
    totals = catalog.totals()
    pages = max(1, -(-(totals.images - totals.alike) // PER_PAGE))
    names = _names(root, pages)
    style = importlib.resources.files("acrawl.results").joinpath("gallery.css").read_text(encoding="utf-8")
    head = _head(title, style)
    after = 0
    for number, name in enumerate(names, 1):
        pictures = catalog.pictures(after, PER_PAGE)
        after = pictures[-1].n if pictures else after
        parts = [head, _header(title, totals), pager := _pager(names, number), _grid(pictures), pager, _footer()]
        with replacing(root / name) as file:
            file.write("".join(parts).encode("utf-8", "replace"))
    try:
        _remove_others(root, names)
    except OSError as error:  # the new gallery is whole; only old pages are left beside it
        raise CrawlFailed(f"old pages of the gallery in {root} cannot be removed: {error}") from error
    return root / names[0]


def _names(root: pathlib.Path, pages: int) -> list[str]:
    """Names for the pages; those of files that are not ours are passed over."""
    first = next((name for name in ("index.html", "gallery.html") if _free(root / name)), "acrawl-gallery.html")
    names, number = [first], 2
    while len(names) < pages:
        if _free(root / f"gallery-{number}.html"):
            names.append(f"gallery-{number}.html")
        number += 1
    return names


def _free(path: pathlib.Path) -> bool:
    try:
        with open(path, "rb") as file:
            return MARK in file.read(1000)
    except FileNotFoundError:
        return not path.is_symlink()
    except OSError:  # a folder, or not readable: somebody else's
        return False


def _remove_others(root: pathlib.Path, names: Sequence[str]) -> None:
    for path in [*root.glob("gallery*.html"), root / "index.html"]:
        if path.name not in names and path.is_file() and _free(path):
            path.unlink()


def _head(title: str, style: str) -> str:
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; img-src 'self' file:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n{MARK.decode()}\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{_text(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n"
    )


def _header(title: str, totals: Totals) -> str:
    facts = f"{totals.images:,} distinct image{'s' * (totals.images != 1)} · {_size(totals.image_bytes)}"
    if totals.alike:
        facts += f" · {totals.alike:,} look{'s' * (totals.alike == 1)} like another and {_be(totals.alike)} not shown"
    if totals.elsewhere:
        facts += f" · {totals.elsewhere:,} more kept by workers"
    return f"<header>\n<h1>{_text(title)}</h1>\n<p>{facts}</p>\n</header>\n"


def _be(count: int) -> str:
    return "is" if count == 1 else "are"


def _footer() -> str:
    listing = '<a href="images.jsonl">images.jsonl</a> lists every URL and page of each image.'
    return f"<footer>{listing}</footer>\n</body>\n</html>\n"


def _pager(names: Sequence[str], number: int) -> str:
    """Links to the first, the last and the nearest pages; nothing for a single one."""
    if len(names) == 1:
        return ""
    near = sorted({1, len(names), *range(max(1, number - 3), min(len(names), number + 3) + 1)})
    parts, last = [], 0
    for page in near:
        if page > last + 1:
            parts.append("<span>…</span>")
        parts.append(
            f'<b aria-current="page">{page}</b>' if page == number else f'<a href="{names[page - 1]}">{page}</a>'
        )
        last = page
    return f'<nav aria-label="Pages">{"".join(parts)}</nav>\n'


def _grid(pictures: Sequence[Picture]) -> str:
    cards = "".join(map(_card, pictures)) or '<p class="none">No images yet.</p>\n'
    return f"<main>\n{cards}</main>\n"


def _card(picture: Picture) -> str:
    name = picture.path.rpartition("/")[2]
    alt = _text(picture.alt)
    lines = [f'<span class="name" dir="auto" title="{_text(picture.path)}">{_text(name)}</span>']
    if alt:
        lines.append(f'<span class="alt" dir="auto">{alt}</span>')
    lines.append(f'<span class="facts">{_facts(picture)}</span>')
    origin = _link(picture.page or picture.url)
    if origin:
        lines.append(f'<span class="from">{origin}</span>')
    return f"<figure>{_well(picture, alt)}<figcaption>{''.join(lines)}</figcaption></figure>\n"


def _well(picture: Picture, alt: str) -> str:
    href = quote(picture.path)  # "./" not needed: a name never begins with a scheme, its first part is a host
    if picture.type not in SHOWN and not picture.thumb:
        shown = _text(_kind(picture.type))
    else:
        pixels = f' width="{picture.width}" height="{picture.height}"' if picture.width and picture.height else ""
        source = quote(picture.thumb) if picture.thumb else href
        shown = f'<img src="{source}" alt="{alt}" loading="lazy" decoding="async"{pixels}>'
    if picture.type == "image/svg+xml":
        return f'<div class="well">{shown}</div>'
    return f'<a class="well" href="{href}">{shown}</a>'


def _facts(picture: Picture) -> str:
    pixels = f"{picture.width} \u00d7 {picture.height}" if picture.width and picture.height else ""
    alike = f"{picture.alike:,} alike" if picture.alike else ""
    return " · ".join(fact for fact in (_text(_kind(picture.type)), pixels, _size(picture.size), alike) if fact)


def _kind(media_type: str) -> str:
    return media_type.rpartition("/")[2].removesuffix("+xml").removeprefix("x-").removeprefix("vnd.").upper()


def _link(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        return ""
    try:
        parts = urlsplit(url)
    except ValueError:  # nothing a link could be made of: the card has none
        return ""
    shown = f"{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"
    return f'<a href="{html.escape(url)}" rel="noopener noreferrer nofollow" title="{_text(url)}">{_text(shown)}</a>'


def _text(text: str) -> str:
    """Text from strangers for HTML: short, on one line, without characters that reorder or hide what is around it."""
    text = " ".join(text[: 4 * _MAX_TEXT].split())
    if len(text) > _MAX_TEXT:
        text = f"{text[:_MAX_TEXT]}…"
    return html.escape(
        "".join(char for char in text if unicodedata.category(char) not in ("Cc", "Cs") and not _reorders(char))
    )


def _reorders(char: str) -> bool:
    return "\u202a" <= char <= "\u202e" or "\u2066" <= char <= "\u2069"


def _size(size: int) -> str:
    if size < 1000:
        return f"{size} B"
    value = float(size)
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1000
        if value < 999.5 or unit == "TB":
            break
    return f"{value:.1f} {unit}" if value < 10 else f"{value:.0f} {unit}"
