"""The gist of a page: hashes of the pieces of text and the images on it, to tell pages that bring nothing new.

What machines count on from page to page is left out: digits in text (dates, numbers of pages, prices), queries in the
addresses of images (session ids), and text too short to be anybody's. Pure.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable
from zlib import crc32

#: Of so many pages one is looked at: which, its URL says.
EVERY = 8
#: Letters and more from which on a piece of text counts, its digits left out.
SHORTEST = 20
#: Pieces of a page that are told at most: those of the least hashes, so that of equal pages equal pieces are told.
MOST = 128
#: Bytes of a page that are looked at.
LARGEST = 256 * 1024

_DIGITS = b"0123456789"
# Scripts and styles are taken out whole: they hold tokens that are new on each page. Every quantifier is bounded, or
# possessive, or runs to the end of what it passes over, so that no page takes more than a time linear in its size.
_HIDDEN = re.compile(
    rb"<(?=[sS])(?:[sS][cC][rR][iI][pP][tT]|[sS][tT][yY][lL][eE])\b.*?(?:</[sS]|\Z)", re.DOTALL
).sub  # fmt: skip
_PIECES = re.compile(rb">([^<>]{%d,}+)(?=<)" % SHORTEST).findall
_IMAGES = re.compile(
    rb"""<(?=[iI])[iI][mM][gG]\s[^<>]{0,2000}?\b[sS][rR][cC]\s{0,9}=\s{0,9}["']?([^\s"'<>?#]{1,2000}+)"""
).findall


def is_looked_at(url: str) -> bool:
    """Whether the gist of this URL's page is wanted."""
    return crc32(url.encode()) % EVERY == 0


def gist(body: bytes, *, markup: bool) -> bytes:
    """Hash the pieces of a page, 4 bytes each; of what is no markup, all of it is one piece."""
    if not markup:
        return _packed([crc32(body)])
    body = _HIDDEN(b"<", body[:LARGEST])
    pieces = [
        crc32(text)
        for text in (piece.translate(None, _DIGITS).strip() for piece in set(_PIECES(body)))
        if len(text) >= SHORTEST
    ]
    pieces += map(crc32, set(_IMAGES(body)))
    return _packed(pieces)


def pieces(packed: bytes) -> array[int]:
    """The hashes in a gist; of bytes that are none, none."""
    found = array("I")
    if len(packed) % found.itemsize == 0 and len(packed) <= MOST * found.itemsize:
        found.frombytes(packed)
    return found


def _packed(hashes: Iterable[int]) -> bytes:
    return array("I", sorted(set(hashes))[:MOST]).tobytes()
