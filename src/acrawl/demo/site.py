"""The demo site and its manifest, both from one seed: `build`."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from acrawl.demo.builder import HTML, Builder, Resource, Site
from acrawl.demo.gallery import ALBUMS, add_gallery
from acrawl.demo.halls import add_halls
from acrawl.demo.oddities import ODDITIES, add_sitemap

#: Where the site is taken to be when nobody serves it.
ORIGIN = "http://127.0.0.1:8080"
CDN = "http://127.0.0.1:8081"


def build(seed: int = 1, origin: str = ORIGIN, cdn: str = CDN) -> Site:
    """Make the whole site in memory. The same arguments give the same bytes; another port changes pages, not images.

    ``origin`` and ``cdn`` are the two addresses, as ``http://host:port``.
    """
    builder = Builder(seed, origin, cdn)
    add_gallery(builder)
    add_halls(builder, *ODDITIES)
    head, navigation = _frame(builder)
    for page in builder.pages:
        body = page.text(head, navigation).encode(page.charset)
        builder.serve(page.place, Resource(body, **{"content_type": HTML} | page.served))
    for url, sheet in builder.sheets.items():
        builder.serve(url, Resource("\n".join(sheet.rules).encode(), "text/css; charset=utf-8"))
    add_sitemap(builder)
    return Site(origin, cdn, builder.resources, _manifest(builder))


def _frame(builder: Builder) -> tuple[list[str], str]:
    """Make what every page has: a stylesheet, an icon, a logo, and links to all albums and halls."""
    style = builder.sheet("/style.css")
    style.add(
        "body { font: 16px/1.5 sans-serif; max-width: 60em; margin: 0 auto; padding: 1em; background: #f7f7f4 "
        f"url({style.name('/frame/paper.png', 'frame/paper.png')}) }}",
        "nav a { margin-right: .7em } img { max-width: 100%; vertical-align: middle; margin: 2px }",
        f"nav {{ border-bottom: 1px solid #999; background: url('{style.name('/frame/bar.gif')}') repeat-x bottom }}",
    )
    builder.image("/favicon.ico", size=(32, 32))
    builder.image("/frame/logo.svg")
    for page in builder.pages:
        style.used(page)
        page.mention("/favicon.ico")
        page.mention("/frame/logo.svg")
    head = ['<link rel="stylesheet" href="/style.css" />', '<link rel="icon" href="/favicon.ico" />']
    albums = (f'<a href="/albums/{number:02}/">{number}</a>' for number in range(1, len(ALBUMS) + 1))
    logo = '<a href="/"><img src="/frame/logo.svg" alt="home" /></a>'
    return head, f'<nav>{logo} <a href="/halls/">Halls</a> {" ".join(albums)}</nav>'


def _manifest(builder: Builder) -> dict[str, Any]:
    """Write down what a crawl must bring, in plain values."""
    readers = {url: list(sheet.readers()) for url, sheet in builder.sheets.items()}
    images = {url: facts | _places(builder, readers, url) for url, facts in sorted(builder.images.items())}
    groups: dict[str, list[str]] = {}
    for url, facts in images.items():
        groups.setdefault(facts["sha256"], []).append(url)
    duplicates = sorted(urls for urls in groups.values() if len(urls) > 1)
    pages = sorted(page.url for page in builder.pages)
    reasons = sorted(set(builder.errors.values()))
    return {
        "version": 1,
        "seed": builder.seed,
        "site": builder.origin + "/",
        "cdn": builder.cdn + "/",
        "counts": {
            "pages": len(pages),
            "stylesheets": len(readers),
            "images": len(images),
            "distinct": len(groups),
            "duplicates": len(images) - len(groups),
            "bytes": sum(images[urls[0]]["size"] for urls in groups.values()),
            "redirects": len(builder.redirects),
            "forbidden": len(builder.forbidden),
            "errors": {reason: list(builder.errors.values()).count(reason) for reason in reasons},
        },
        "images": images,
        "pages": pages,
        "stylesheets": sorted(readers),
        "duplicates": duplicates,
        "redirects": dict(sorted(builder.redirects.items())),
        "errors": dict(sorted(builder.errors.items())),
        "not_images": sorted(builder.not_images),
        "forbidden": sorted(builder.forbidden),
        "never": sorted(builder.url(place) for place in builder.never),
        "refused_sha256": sorted(_refused(builder)),
        "requests": {url: list(span) for url, span in sorted(builder.requests.items())},
    }


def _places(builder: Builder, readers: dict[str, list[str]], url: str) -> dict[str, list[str]]:
    """Return the pages that name an image themselves, and all documents that lead to it in another way."""
    named = builder.named.get(url, {})
    also = dict(builder.linked.get(url, {}))
    for source, target in builder.redirects.items():
        if target == url:
            also |= builder.named.get(source, {})
    for document in named:
        also |= dict.fromkeys(readers.get(document, ()))
    pages = sorted(document for document in named if document not in readers)
    return {"pages": pages, "also": sorted(also.keys() - set(pages))}


def _refused(builder: Builder) -> set[str]:
    """Return the hashes of all bodies that no crawl may bring home."""
    places = [*builder.forbidden, *builder.never, *builder.errors, *builder.not_images]
    bodies = {builder.resources[builder.url(place)].body for place in places} - {b""}
    return {sha256(body).hexdigest() for body in bodies}
