"""A document too long for memory as pieces of text: read, unpacked and decoded on the way, within bounds."""

from __future__ import annotations

import codecs
import os
import re
import zlib
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from acrawl.parse.encoding import declared

#: What can be read: all bytes, pieces of them, or a file.
Source: TypeAlias = "bytes | os.PathLike[str] | Iterable[bytes]"

_PIECE = 1 << 16
#: Bytes that tell the encoding and the kind of a document.
_HEAD = 1 << 12
#: Bytes in which nothing is found before the rest is left out: some seconds of a reader's time, and of nobody else's.
MOST_SILENT = 16 << 20
_GZIP = b"\x1f\x8b"
#: A file that is packed more often has nothing to say.
_MOST_LAYERS = 3
_UTF_16 = re.compile(rb"(?:<\0[^\0]\0)|(?:\0<\0[^\0])")


class Texts:
    """The text of a document in pieces; gzip is undone wherever it is met, as often as three times.

    ``cut`` says why the rest was left out, empty as long as nothing was. Whoever reads says what is `found`: a reader
    gives others no turn before it finds something. Memory: some pieces of 64 KiB.
    """

    def __init__(self, source: Source, content_type: str, most: int) -> None:
        """``most`` bytes are unpacked at the most."""
        self.cut = ""
        self._source = source
        self._content_type = content_type
        self._most = most
        self._silent = 0

    def found(self) -> None:
        """Note that something was found in what came so far."""
        self._silent = 0

    def __iter__(self) -> Iterator[str]:
        """Yield the text; the first piece is long enough to tell what the document is. Raises OSError (a file)."""
        pieces = self._unpacked(_pieces(self._source), 0)
        head = _head(pieces, _HEAD)
        encoding = declared(head, self._content_type)
        if encoding is None:
            wide = _UTF_16.match(head)
            encoding = "utf-8" if wide is None else "utf-16-le" if head[:1] == b"<" else "utf-16-be"
        decode = codecs.getincrementaldecoder(encoding)("replace").decode
        yield decode(head).removeprefix("\ufeff")
        for piece in pieces:
            self._silent += len(piece)
            if self._silent > MOST_SILENT:
                self._end(f"nothing is found in {MOST_SILENT} bytes")
                break
            yield decode(piece)
        yield decode(b"", True)

    def _unpacked(self, pieces: Iterator[bytes], layer: int) -> Iterator[bytes]:
        head = _head(pieces, len(_GZIP))
        if head.startswith(_GZIP) and layer < _MOST_LAYERS:
            yield from self._unpacked(self._inflated(head, pieces), layer + 1)
            return
        size = len(head)
        yield head
        for piece in pieces:
            size += len(piece)
            if size > self._most:
                self._end(f"more than {self._most} bytes")
                return
            yield piece

    def _inflated(self, head: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Undo gzip (RFC 1952), of one member or more; zeros and rubbish after a member are passed over."""
        inflater, whole, size, rest = zlib.decompressobj(31), False, 0, head
        while rest or (rest := next(pieces, b"")):
            try:
                piece = inflater.decompress(rest, _PIECE)
            except zlib.error as error:  # what has come so far stands
                if not whole:
                    self._end(f"the gzip data are broken ({error})")
                return
            size += len(piece)
            if size > self._most:
                self._end(f"more than {self._most} bytes")
                return
            if piece:
                yield piece
            whole, rest = inflater.eof, inflater.unconsumed_tail
            if whole:
                rest = inflater.unused_data.lstrip(b"\0")
                inflater = zlib.decompressobj(31)
        if last := inflater.flush():
            yield last
        if not whole and not inflater.eof:
            self._end("the gzip data are cut off")

    def _end(self, why: str) -> None:
        self.cut = self.cut or why


def _pieces(source: Source) -> Iterator[bytes]:
    if isinstance(source, bytes):
        for start in range(0, len(source), _PIECE):
            yield source[start : start + _PIECE]
    elif isinstance(source, os.PathLike):
        with open(source, "rb") as file:
            while piece := file.read(_PIECE):
                yield piece
    else:
        yield from filter(None, source)


def _head(pieces: Iterator[bytes], least: int) -> bytes:
    """Read so many bytes at least, or all there are."""
    head = b""
    while len(head) < least and (piece := next(pieces, None)) is not None:
        head += piece
    return head
