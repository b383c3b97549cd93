"""The body of the demo site: twenty albums, their listings, and a page for each of 480 pictures.

Each picture has four images (thumbnail, medium, large, and the original on the second origin). The pages take turns
in how they name them, so every way of naming is used many times over and in every way of writing a URL.
"""

from __future__ import annotations

import html
import posixpath

from acrawl.demo.builder import Builder, Page

ALBUMS = (
    "Harbours",
    "Lighthouses",
    "Mountain huts",
    "Trams & trains",
    "Bridges",
    "Огороды",
    "Market days",
    "Fog",
    "Windows",
    "温室",
    "Rooftops",
    "Canals",
    "Owls",
    "Ferries",
    "Dry stone walls",
    "Orchards",
    "Staircases",
    "Cafés",
    "Snow",
    'Signs, "found"',
)
PICTURES = 24
PER_LISTING = 12
_FORMATS = "jpg", "png", "jpg", "webp", "jpg", "gif", "jpg", "webp", "png", "jpg", "svg", "bmp"
SPACER = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"

#: Every way a page of the gallery names an image. REF and ALT stand for the URL and the text.
WAYS = (
    '<img src="REF" alt="ALT">',
    '<img src="SPACER" data-src="REF" alt="ALT">',
    '<img src="SPACER" data-srcset="REF 1x" alt="ALT">',
    '<img src="SPACER" data-original="REF" alt="ALT">',
    '<img src="SPACER" data-lazy="REF" alt="ALT">',
    '<img src="SPACER" data-lazy-src="REF" alt="ALT">',
    '<img src="SPACER" data-full-src="REF" alt="ALT">',
    '<img srcset="REF 640w" sizes="100vw" alt="ALT">',
    '<picture><source srcset="REF" media="(min-width: 1px)"></picture>',
    '<div class="frame" data-bg="REF">ALT</div>',
    '<div class="frame" data-background-image="REF">ALT</div>',
    "<div class='frame' style='background: #eee url(\"REF\") no-repeat'>ALT</div>",
    '<svg width="64" height="64"><image href="REF" width="64" height="64"/></svg>',
    '<svg width="64" height="64"><image xlink:href="REF" width="64" height="64"/></svg>',
    '<form action="#"><input type="image" src="REF" alt="ALT"></form>',
    '<video poster="REF" preload="none"></video>',
    '<noscript><img src="REF" alt="ALT"></noscript>',
    '<a href="REF">ALT</a>',
    '<script type="application/ld+json">{"@context": "https://schema.org", "@type": "Photo", "image": "REF"}</script>',
    '<script type="application/ld+json">{"@type": "ImageObject", "contentUrl": "REF"}</script>',
    '<meta property="og:image" content="REF">',
    '<meta name="twitter:image" content="REF">',
    "<style>.frame { background-image: url('REF') }</style>",
)


def add_gallery(builder: Builder) -> None:
    """Make the home page, the albums and the pictures."""
    home = builder.page("/", "A gallery of mosaics")
    for album, title in enumerate(ALBUMS, 1):
        for number in range(1, PICTURES + 1):
            _add_picture(builder, album, number)
        covers = _add_listings(builder, album, title)
        home.add(f'<a href="/albums/{album:02}/"><img src="{home.name(covers)}" alt="{html.escape(title)}"></a>')
    home.add('<p><a href="halls/">The halls</a>: each shows one way to name, to serve or to break an image.')
    home.add('<p><a href="private/">Private</a>, <a href="/private/open/">but open</a>.')
    for number in (3, 7):
        home.add(f'<img src="/private/{number}.jpg" alt="not for crawlers">')


def _extension(album: int, number: int, step: int) -> str:
    return _FORMATS[(album * 5 + number + step * 7) % len(_FORMATS)]


def _place(album: int, number: int, step: int, part: str) -> str:
    return f"/photos/{album:02}/{number:02}-{part}.{_extension(album, number, step)}"


def _picture(album: int, number: int) -> str:
    return f"/pictures/{album:02}/{number:02}.html"


def _reference(page: Page, place: str, form: int) -> str:
    """Write a URL in one of the ways that lead to it from a page: by path, whole, relative, without a scheme."""
    url = page.builder.url(place)
    if form == 0 and place.startswith("/"):
        return place
    if form == 2 and place.startswith("/"):
        return posixpath.relpath(place, posixpath.dirname(page.place))
    return url.removeprefix("http:") if form == 3 else url


def _show(page: Page, turn: int, place: str, alt: str) -> None:
    """Name an image in the way whose turn it is."""
    ref = page.name(place, _reference(page, place, turn // 2 % 4))
    way = WAYS[turn % len(WAYS)]
    piece = way.replace("REF", ref).replace("ALT", html.escape(alt)).replace("SPACER", SPACER)
    (page.head if way.startswith(("<meta", "<style")) else page.body).append(piece)


def _add_picture(builder: Builder, album: int, number: int) -> None:
    turn = (album - 1) * PICTURES + number - 1
    title = f"{ALBUMS[album - 1]}, {number} of {PICTURES}"
    page = builder.page(_picture(album, number), title)
    thumb = _place(album, number, 0, "thumb")
    page.add(f'<img src="{page.name(thumb, size=(48, 48))}" alt="{html.escape(title)}" class="thumb">')
    _show(page, turn, _place(album, number, 1, "medium"), f"{title}, medium")
    _show(page, turn * 3 + 5, _place(album, number, 2, "large"), f"{title}, large")
    original = f"{builder.cdn}/originals/{album:02}/{number:02}.{_extension(album, number, 3)}"
    _show(page, turn * 7 + 17, original, f"{title}, original")
    before, after = (number - 2) % PICTURES + 1, number % PICTURES + 1
    page.head += [f'<link rel="prev" href="{before:02}.html">', f'<link rel="next" href="{after:02}.html">']
    page.add(f'<p><a href="{before:02}.html">before</a> <a href="./{after:02}.html#top">after</a>')
    page.add(f'<a href="../../albums/{album:02}/">the album</a>')
    for step in (7, 101, 211):  # links across the site, so that every page is found many times
        other = (turn + step) % (len(ALBUMS) * PICTURES)
        page.add(f'<a href="{_picture(other // PICTURES + 1, other % PICTURES + 1)}">see also</a>')
    if number % 6 == 0:
        page.add(
            f'<a href="/private/notes-{number}.html">notes</a> <img src="/private/{number // 6}.jpg" alt="a draft">'
        )


def _add_listings(builder: Builder, album: int, title: str) -> str:
    """Make an album's listing pages. Returns its cover: the first picture once more, under another name."""
    cover = f"/albums/{album:02}/cover.{_extension(album, 1, 1)}"
    builder.image(cover, same_as=_place(album, 1, 1, "medium"))
    for first in range(1, PICTURES + 1, PER_LISTING):
        sheet = (first - 1) // PER_LISTING + 1
        page = builder.page(f"/albums/{album:02}/" + (f"page/{sheet}" if sheet > 1 else ""), f"{title}, page {sheet}")
        page.add(f'<img src="{page.name(cover)}" alt="cover">')
        for number in range(first, first + PER_LISTING):
            thumb = _place(album, number, 0, "thumb")
            ref = _reference(page, thumb, number % 4)
            src = f'src="{ref}"' if number % 2 else f'src="{SPACER}" data-src="{ref}" loading="lazy"'
            page.add(f'<a href="{_picture(album, number)}"><img {src} alt="{number}"></a>')
            page.mention(thumb)
        if first + PER_LISTING <= PICTURES:
            following = f"/albums/{album:02}/page/{sheet + 1}"
            page.head.append(f'<link rel="next" href="{following}">')
            page.add(f'<a rel="next" href="{following}">next page</a>')
        if sheet > 1:
            page.head.append(f'<link rel="prev" href="/albums/{album:02}/">')
    return cover
