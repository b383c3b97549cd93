"""The stage ``decode``: undoes the content codings of a body while it comes (RFC 9110, 8.4).

gzip (RFC 1952), deflate as zlib (RFC 1950) and raw (RFC 1951), br (RFC 7932) and zstd (RFC 8878, with the window of
RFC 9659), also one upon the other. A coding that is not known is left as it is, and so is all below it, as browsers do.
Nothing is decoded ahead of its reader, who gets pieces of bounded size.
"""

from __future__ import annotations

import asyncio
import sys
import zlib
from collections.abc import Callable
from typing import Any, Protocol

import brotli
from multidict import CIMultiDict

from acrawl.errors import FetchError
from acrawl.fetch.base import Send, Stream
from acrawl.fetch.windows import Windows
from acrawl.request import Request
from acrawl.response import Response

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

#: Codings that may be upon one another; curl and undici have the same limit.
_MOST_LAYERS = 5
#: Bytes that are decoded at once; brotli may give half as many again.
_PIECE = 1 << 16
#: Bytes that a decoder is given at once: what it cannot take yet is copied with each piece that it makes.
_WINDOW = 1 << 14
#: Bytes after which others have their turn, by what decoding costs: about a millisecond. Only brotli may take longer,
#: for it fills its window (up to 16 MiB, 2 ms each) before it gives any of it.
_TURN = 1 << 18
#: What a step costs besides its bytes, in bytes.
_STEP = 1 << 10
#: Bytes, decoded or sent, up to which nothing is called a bomb.
_JUDGED = 4 << 20
#: A body that is so many times as long as what it decodes to wastes everybody's time.
_MOST_WASTE = 50
#: log2 of the bytes that zstd may look back (RFC 9659, 3).
_ZSTD_WINDOW: dict[int, int] = {zstd.DecompressionParameter.window_log_max: 23}
#: How zstd's frames begin, those to be skipped included (RFC 8878, 3.1).
_ZSTD_MAGIC = (b"\x28\xb5\x2f\xfd", *(bytes([0x50 + n]) + b"\x2a\x4d\x18" for n in range(16)))
#: Codings with windows of megabytes: those of one worker's bodies come to no more than so many MiB together.
_WINDOWED = frozenset({"br", "zstd"})
_ALL_WINDOWS = 128
_WIDEST = 16
_BROKEN = (zlib.error, brotli.error, zstd.ZstdError)


class Decode:
    """Decodes bodies. One that decodes to more than ``max_ratio`` times what was sent is a bomb; 0: none is.

    Only long bodies are judged. The headers stay as they were sent.
    """

    def __init__(self, max_ratio: int) -> None:
        self._max_ratio = max_ratio
        self._windows = Windows(_ALL_WINDOWS)

    async def __call__(self, request: Request, send: Send) -> Response:
        """See `acrawl.fetch.base.Stage`. Raises `FetchError`: ``malformed`` for a pile of codings."""
        response = await send(request)
        exchange = send.exchange
        if "Content-Encoding" in response.headers and exchange.stream is not None:
            layers = _layers(response.headers)
            if layers:
                wire = _Wire(exchange.stream, self._windows, sum(coding in _WINDOWED for coding in layers))
                stream: Stream = wire
                for coding in layers:
                    stream = _Decoded(stream, coding, wire, self._max_ratio)
                exchange.stream = stream
        return response


def _layers(headers: CIMultiDict[str]) -> list[str]:
    """The codings that can be undone, the one to begin with first."""
    lines = headers.getall("Content-Encoding")
    names = [name for line in lines for part in line.split(",") if (name := part.strip().lower())]
    names = [name for name in names if name != "identity"]
    if len(names) > _MOST_LAYERS:
        raise FetchError("malformed", f"{len(names)} content codings, one upon the other; {_MOST_LAYERS} are undone")
    known: list[str] = []
    while names and names[-1] in CODINGS:
        known.append(names.pop())
    return known


class _Wire:
    """A body as it comes from the server, below so many codings with ``windows``. ``size`` counts what has come."""

    def __init__(self, stream: Stream, windows: Windows, windowed: int) -> None:
        self.size = 0
        self._stream = stream
        self._windows = windows
        self._windowed = windowed
        self._held = 0

    async def read(self) -> bytes:
        """See `Stream.read`."""
        piece = await self._stream.read()
        self.size += len(piece)
        return piece

    async def widen(self, width: int) -> None:
        """Wait for a window of so many MiB, or for those of all codings. The server is kept waiting meanwhile."""
        if not self._held:
            width = width if self._windowed == 1 else self._windowed * _WIDEST
            await self._windows.take(width)
            self._held = width

    def release(self) -> None:
        """See `Stream.release`."""
        self._end()
        self._stream.release()

    def close(self) -> None:
        """See `Stream.close`."""
        self._end()
        self._stream.close()

    def _end(self) -> None:
        held, self._held = self._held, 0
        if held:
            self._windows.give(held)


class _Decoded:
    """A stream with one coding undone: `acrawl.fetch.base.Stream`. ``wire`` is what lies below all codings."""

    def __init__(self, source: Stream, coding: str, wire: _Wire, max_ratio: int) -> None:
        self._source = source
        self._coding = coding
        self._decoder = CODINGS[coding]()
        self._wire = wire
        self._max_ratio = max_ratio
        self._given = b""
        self._at = 0
        self._empty = True
        self._size = 0
        self._spent = 0

    async def read(self) -> bytes:
        """See `Stream.read`. Raises `FetchError`: truncated, malformed, bomb."""
        while True:
            if not self._decoder.more and self._at >= len(self._given):
                self._given, self._at = await self._source.read(), 0
                if not self._given:
                    self._check_whole()
                    return b""
                if self._empty and self._coding in _WINDOWED:
                    await self._wire.widen(_width(self._coding, self._given[0]))
                self._empty = False
            piece = self._step()
            if self._spent > _TURN:
                self._spent = 0
                await asyncio.sleep(0)
            if piece:
                return piece

    def release(self) -> None:
        """See `Stream.release`."""
        self._source.release()

    def close(self) -> None:
        """See `Stream.close`."""
        self._source.close()

    def _step(self) -> bytes:
        """Make one piece, or give the decoder what it wants for the next."""
        given = b""
        if not self._decoder.more:
            given = self._given[self._at : self._at + _WINDOW]
            self._at += _WINDOW
        try:
            piece = self._decoder.decode(given)
        except _BROKEN as error:  # the exchange fails here; its stages close what is left of it
            raise FetchError("malformed", f"{self._coding}, after {self._size} decoded bytes: {error}") from error
        self._size += len(piece)
        self._spent += _STEP + len(given) + len(piece)
        if self._max_ratio and max(self._size, self._wire.size) > _JUDGED:
            self._judge()
        return piece

    def _judge(self) -> None:
        sent = self._wire.size
        if self._size > _JUDGED and self._size > sent * self._max_ratio:
            raise FetchError("bomb", f"{sent} bytes of {self._coding} decode to more than {self._size}")
        if sent > _JUDGED and sent > self._size * _MOST_WASTE:
            raise FetchError("bomb", f"{sent} bytes of {self._coding} decode to only {self._size}")

    def _check_whole(self) -> None:
        """A body of no bytes at all, as that of a HEAD or a 304, has nothing to be decoded."""
        if not self._empty and not self._decoder.whole:
            raise FetchError("truncated", f"{self._coding} broke off after {self._size} decoded bytes")


def _width(coding: str, first: int) -> int:
    """The MiB that a body which begins with this byte may look back: what its decoder will come to hold.

    brotli says it there (RFC 7932, 9.1), and fills its window before it gives any of it. zstd may say something else in
    each frame.
    """
    if coding == "zstd":
        return 8
    bits = 17 + (first >> 1 & 7) if first & 1 else 16
    return max(1, 1 << bits >> 20)


class _Decoder(Protocol):
    """Undoes one coding.

    ``more`` says that it has something to give without getting anything, ``whole`` that it may end here.
    """

    more: bool

    @property
    def whole(self) -> bool:
        """Whether this may be the end."""

    def decode(self, data: bytes) -> bytes:
        """Return at most a piece, perhaps nothing. ``data`` is empty as long as there is ``more``."""


class _Gzip:
    """Members, one after the other; what follows the last one and begins no other is passed over, as browsers do."""

    magic: tuple[bytes, ...] = (b"\x1f\x8b",)

    def __init__(self) -> None:
        self.more = False
        self._member = self._begun()
        self._rest = b""
        self._over = False

    @property
    def whole(self) -> bool:
        """See `_Decoder.whole`."""
        return bool(self._member.eof)

    def decode(self, data: bytes) -> bytes:
        """See `_Decoder.decode`."""
        if self._rest:
            data = self._rest + data
            self._rest = b""
        if self._member.eof and not self._begin(data):
            return b""
        piece: bytes = self._member.decompress(data, _PIECE)
        if self._member.eof:
            self._rest = self._member.unused_data
            self.more = bool(self._rest)
        else:
            self._go_on(piece)
        return piece

    def _begin(self, data: bytes) -> bool:
        """Begin another member, if this is one."""
        self.more = False
        if len(data) < len(self.magic[0]):
            self._rest = data
            return False
        self._over = self._over or not data.startswith(self.magic)
        if not self._over:
            self._member = self._begun()
        return not self._over

    def _begun(self) -> Any:
        return zlib.decompressobj(31)

    def _go_on(self, piece: bytes) -> None:
        """Say what is left in the middle of a member."""
        self._rest = self._member.unconsumed_tail
        self.more = bool(self._rest) or len(piece) >= _PIECE


class _Zstd(_Gzip):
    """Frames, which are to zstd what members are to gzip."""

    magic = _ZSTD_MAGIC

    def _begun(self) -> Any:
        return zstd.ZstdDecompressor(options=_ZSTD_WINDOW)

    def _go_on(self, piece: bytes) -> None:
        self.more = not self._member.needs_input


class _Deflate:
    """zlib's format, as the standard says, or without its two bytes of header, as some servers send it."""

    def __init__(self) -> None:
        self.more = False
        self._stream: Any = None
        self._rest = b""

    @property
    def whole(self) -> bool:
        """See `_Decoder.whole`."""
        return self._stream is not None and bool(self._stream.eof)

    def decode(self, data: bytes) -> bytes:
        """See `_Decoder.decode`. What follows the end is passed over."""
        if self._rest:
            data = self._rest + data
            self._rest = b""
        if self._stream is None:
            if len(data) < 2:
                self._rest = data
                return b""
            headed = data[0] & 15 == 8 and int.from_bytes(data[:2], "big") % 31 == 0
            self._stream = zlib.decompressobj(15 if headed else -15)
        if self._stream.eof:
            return b""
        piece: bytes = self._stream.decompress(data, _PIECE)
        self._rest = self._stream.unconsumed_tail
        self.more = not self._stream.eof and (bool(self._rest) or len(piece) >= _PIECE)
        return piece


class _Brotli:
    """One stream; what follows its end makes it malformed, for the library does not say where the end is."""

    def __init__(self) -> None:
        self.more = False
        self._stream = brotli.Decompressor()

    @property
    def whole(self) -> bool:
        """See `_Decoder.whole`."""
        return bool(self._stream.is_finished())

    def decode(self, data: bytes) -> bytes:
        """See `_Decoder.decode`."""
        piece: bytes = self._stream.process(data, output_buffer_limit=_PIECE)
        # It may hold back output when it accepts more data: only its silence says that it wants some.
        self.more = not self._stream.is_finished() and (bool(piece) or not self._stream.can_accept_more_data())
        return piece


#: The codings that are undone.
CODINGS: dict[str, Callable[[], _Decoder]] = {
    "gzip": _Gzip,
    "x-gzip": _Gzip,  # RFC 9110, 8.4.1.3
    "deflate": _Deflate,
    "br": _Brotli,
    "zstd": _Zstd,
}
