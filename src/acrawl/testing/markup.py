"""The words on the pages of a made-up web: bodies, and the records that a crawl must bring back from them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from acrawl.testing.layout import mix

_ADJECTIVES = ("amber", "brisk", "crooked", "dim", "early", "fond", "grey", "hollow")
_NOUNS = ("anchor", "basket", "compass", "drum", "engine", "flute", "goblet", "hinge")
_PROSE = (
    "The ferry left the quay at six, and nobody on board had a ticket. It rained on the other side, as it always did "
    "in that month, and the lamps along the harbour were lit one by one by a man who did not look up. "
)


def title(host: int, local: int) -> str:
    """What a page is called; no two pages have the same title."""
    return f"Page {local} of host {host}"


def items_of(seed: int, host: int, local: int, count: int) -> list[dict[str, str]]:
    """The items of a page; ``id`` is unique in the whole web."""
    found = []
    for place in range(count):
        roll = mix(seed, host, local, place)
        name = f"{_ADJECTIVES[roll & 7]} {_NOUNS[roll >> 3 & 7]}"
        found.append({"id": f"{host}-{local}-{place}", "name": name, "price": f"{(roll >> 6) % 10000 / 100:.2f}"})
    return found


def page_body(name: str, found: Iterable[dict[str, str]], links: Iterable[str], size: int) -> bytes:
    """A page with its items and links, of at least ``size`` bytes."""
    articles = "".join(
        f'<article class="item" id="{one["id"]}"><h2>{one["name"]}</h2><span class="price">{one["price"]}</span>'
        "</article>\n"
        for one in found
    )
    anchors = "".join(f'<li><a href="{link}">{link}</a></li>\n' for link in links)
    head = f'<!doctype html>\n<html><head><meta charset="utf-8"><title>{name}</title></head>\n<body><main class="page">'
    text = f"{head}\n<h1>{name}</h1>\n{articles}<ul>\n{anchors}</ul>\n"
    missing = max(0, size - len(text))
    prose = (_PROSE * (missing // len(_PROSE) + 1))[:missing]
    return f"{text}<p>{prose}</p>\n</main></body></html>\n".encode()


def trap_body(name: str, links: Iterable[str]) -> bytes:
    """A page of a trap: links and nothing to take home."""
    anchors = "".join(f'<a href="{link}">{link}</a>\n' for link in links)
    return f'<!doctype html>\n<meta charset="utf-8"><title>{name}</title>\n{anchors}'.encode()


def record(url: str, name: str) -> dict[str, Any]:
    """What `acrawl.testing.spider.WebSpider` makes of a page itself."""
    return {"url": url, "title": name}


def item_record(url: str, item: dict[str, str]) -> dict[str, Any]:
    """What `acrawl.testing.spider.WebSpider` makes of one item on a page."""
    return {"url": url, **item}
