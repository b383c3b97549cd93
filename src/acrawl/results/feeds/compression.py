"""Compressed files: gzip (RFC 1952) and Zstandard (RFC 8878), both of which may be whole parts one after the other.

Every commit ends a part (gzip: a member, zstd: a frame), so that a file can be cut back to any mark.
"""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO, Protocol, cast

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

#: What reading something else, or half of it, raises.
BROKEN = (EOFError, gzip.BadGzipFile, zlib.error, zstd.ZstdError)
#: The tools' own levels: more costs much time for little room.
_GZIP_LEVEL, _ZSTD_LEVEL = 6, 3


class Codec(Protocol):
    """Turns the bytes of a format into those of a file, and back."""

    def compress(self, data: bytes) -> bytes:
        """Return what can be written by now; the rest is kept back."""

    def flush(self) -> bytes:
        """Return what was kept back and end the part. Nothing if none has begun."""

    def whole(self, data: bytes) -> bytes:
        """Return one part that holds just this; what was kept back is not touched."""

    def reader(self, file: BinaryIO) -> BinaryIO:
        """Return what a file, read from its beginning, holds. Reading may raise any of `BROKEN`."""


class Plain:
    """No compression. See `Codec`."""

    def compress(self, data: bytes) -> bytes:
        """See `Codec.compress`."""
        return data

    def flush(self) -> bytes:
        """See `Codec.flush`."""
        return b""

    def whole(self, data: bytes) -> bytes:
        """See `Codec.whole`."""
        return data

    def reader(self, file: BinaryIO) -> BinaryIO:
        """See `Codec.reader`."""
        file.seek(0)
        return file


class _Parts:
    """Parts one after the other, each made by a compressor of its own."""

    def __init__(self, make: Callable[[], Any], reader: Callable[[BinaryIO], Any]) -> None:
        self._make = make
        self._reader = reader
        self._part: Any = None

    def compress(self, data: bytes) -> bytes:
        if self._part is None:
            self._part = self._make()
        return cast("bytes", self._part.compress(data))

    def flush(self) -> bytes:
        part, self._part = self._part, None
        return b"" if part is None else cast("bytes", part.flush())

    def whole(self, data: bytes) -> bytes:
        part = self._make()
        return cast("bytes", part.compress(data) + part.flush())

    def reader(self, file: BinaryIO) -> BinaryIO:
        file.seek(0)
        return cast("BinaryIO", self._reader(file))


def _gzip() -> Codec:
    return _Parts(
        lambda: zlib.compressobj(_GZIP_LEVEL, wbits=16 + zlib.MAX_WBITS), lambda file: gzip.GzipFile(fileobj=file)
    )


def _zstd() -> Codec:
    return _Parts(lambda: zstd.ZstdCompressor(level=_ZSTD_LEVEL), zstd.ZstdFile)


#: By the last suffix of a file's name; without one of these it is not compressed.
CODECS: dict[str, Callable[[], Codec]] = {"": Plain, ".gz": _gzip, ".zst": _zstd}
