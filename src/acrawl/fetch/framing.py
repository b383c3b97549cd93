"""Where the body of an answer ends, and which of its bytes are content (RFC 9112, 6.3 and 7.1). Pure."""

from __future__ import annotations

import re
from typing import Any

#: Characters of a line between chunks that are kept: no size is longer.
_LONGEST = 32
_HEX = re.compile(rb"[0-9A-Fa-f]+").fullmatch
_SIZE, _CHUNK, _AFTER, _TRAILERS, _BROKEN = range(5)


class Framing:
    """Follows a body as it comes over the wire, in whatever pieces.

    ``length`` is how many bytes it has, None for a body that ends with its connection. A ``chunked`` one tells its end
    itself. ``ended`` says whether all of it has come.
    """

    __slots__ = ("_left", "_line", "_state", "chunked", "ended")

    def __init__(self, length: int | None, *, chunked: bool = False) -> None:
        self.chunked = chunked
        self.ended = length == 0 and not chunked
        self._left = 0 if chunked else length
        self._state = _SIZE
        self._line = b""

    def feed(self, data: bytes) -> tuple[int, list[bytes]]:
        """Take what came; returns how many of its bytes belong to this body, and the content in them."""
        if self.chunked:
            return self._chunks(data)
        if self._left is None:
            return len(data), [data]
        part = data[: self._left]
        self._left -= len(part)
        self.ended = not self._left
        return len(part), [part] if part else []

    def _chunks(self, data: bytes) -> tuple[int, list[bytes]]:
        found: list[bytes] = []
        at = 0
        while at < len(data) and not self.ended:
            if self._state == _BROKEN:
                return len(data), found
            if self._state == _CHUNK:
                assert self._left is not None
                piece = data[at : at + self._left]
                found.append(piece)
                at += len(piece)
                self._left -= len(piece)
                self._state = _CHUNK if self._left else _AFTER
                continue
            end = data.find(b"\n", at) + 1
            self._line = (self._line + data[at : end or len(data)])[:_LONGEST]
            at = end or len(data)
            if end:
                line, self._line = self._line, b""
                self._take(line.strip())
        return at, found

    def _take(self, line: bytes) -> None:
        """Take a line between chunks. Behind one that is no size, which the parser refuses, nothing is content."""
        if self._state == _AFTER:
            self._state = _SIZE
        elif self._state == _TRAILERS:
            self.ended = not line
        else:
            size = line.partition(b";")[0].strip()
            self._left = int(size, 16) if _HEX(size) and len(size) < _LONGEST else -1
            self._state = _CHUNK if self._left > 0 else _BROKEN if self._left else _TRAILERS


def framing_of(message: Any, *, bodiless: bool) -> Framing:
    """How the body of an answer ends, by its head as aiohttp's parser read it."""
    if bodiless or message.code in {204, 304}:
        return Framing(0)
    if message.chunked:
        return Framing(None, chunked=True)
    length = message.headers.get("Content-Length")
    return Framing(None if length is None else int(length))
