"""What goes over the wire, byte for byte, for a web archive: kept beside the exchange while it takes place.

A `Capture` hears every byte of one answer below the HTTP parser. It is asked to settle whenever the body is read, so no
more of it waits in memory than the connection holds back. What is short travels in the report; what is longer goes to
the file store as it comes.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from base64 import b32encode
from collections.abc import Callable, Mapping
from typing import Any, Final

from acrawl.errors import FetchError
from acrawl.fetch.base import Advance, FileStore, Sink, Stream, unheard
from acrawl.fetch.framing import Framing
from acrawl.fetch.headers import without_user
from acrawl.outcome import Captured, MadeFile

#: Bytes of an exchange that travel in the report: a row of the outbox costs less than a file that is synced, read and
#: removed again.
INLINE: Final = 1 << 16
#: Bytes that are hashed at once in the event loop; more go to a thread.
_AT_ONCE = 1 << 16
#: A connection holds back content, not what frames it. An answer is cut where so many bytes wait to be settled, and
#: where it has so many more than so many times its content: chunks of one byte may come with kilobytes of names.
_MOST_WAITING, _MOST_BESIDES, _MOST_FRAMING = 4 << 20, 1 << 20, 8
#: What stands under the hash of its content must be nobody else's: it is removed when it is in the archive.
_NONCE = 16
_BLANK_LINE = re.compile(rb"\n\r?\n")
_SECRET_LINES = re.compile(rb"^(?:authorization|cookie):[^\n]*\n", re.IGNORECASE | re.MULTILINE)


class _Blob:
    """Bytes on their way to the archive: in memory as long as they are few, then in a file of the store."""

    def __init__(self, store: FileStore, advance: Advance) -> None:
        self._store = store
        self._advance = advance
        self._pieces: list[bytes] = []
        self._size = 0
        self._sink: Sink | None = None

    async def write(self, data: bytes) -> None:
        """Append. Raises `FetchError` ("disk")."""
        self._size += len(data)
        if self._sink is not None:
            await self._sink.write(data)
            return
        self._pieces.append(data)
        if self._size > INLINE:
            self._sink = self._store.sink(self._advance)
            whole, self._pieces = b"".join(self._pieces), []
            await self._sink.write(whole)

    async def finish(self, url: str) -> tuple[bytes, str]:
        """Close it; returns the bytes, or the hash under which they are stored. Raises `FetchError` ("disk")."""
        if self._sink is None:
            return b"".join(self._pieces), ""
        await self._sink.write(secrets.token_bytes(_NONCE))
        return b"", (await self._sink.finish(url, "", "application/http")).sha256

    async def discard(self) -> None:
        """Forget what is here; what was finished stays in the store. Idempotent."""
        self._pieces.clear()
        if self._sink is not None:
            await self._sink.discard()


class Capture:
    """One exchange: the request as it is sent, the answer as it comes. Called with what came over the wire."""

    def __init__(self, url: str, request: bytes, blob: _Blob, time: Callable[[], float]) -> None:
        self._url = url
        self._request = request
        self._asked = len(request)
        self._blob = blob
        self._time = time
        self._date = time()
        self._came: list[bytes] = []
        self._framing: Framing | None = None
        self._block = hashlib.sha1(usedforsecurity=False)
        self._payload = hashlib.sha1(usedforsecurity=False)
        self._identity = hashlib.sha256()
        self._head = self._size = self._content = self._waiting = 0
        self._whole = self._full = False
        self._cut = "length"
        self._peer: tuple[str, list[str], str] = ("", [], "")
        self._status, self._type = 0, ""

    def __call__(self, data: bytes) -> None:
        """Take what came, interim answers included."""
        if not self._full:
            self._came.append(data)
            self._waiting += len(data)
            self._full = self._framing is not None and self._waiting > _MOST_WAITING

    def restart(self) -> None:
        """The request is sent once more, over another connection."""
        self._came.clear()
        self._waiting = 0
        self._date = self._time()

    def headed(self, interim: int, framing: Framing, address: str, tls: Any) -> None:
        """The head of the answer is there, after so many ``interim`` ones. ``tls`` is what was agreed, or None."""
        came = b"".join(self._came)
        start, end = _bounds(came, interim)
        self._came = [came[end:]] if end < len(came) else []
        self._waiting = len(came) - end
        self._framing = framing
        head = came[start:end]
        self._head = self._size = len(head)
        self._block.update(head)
        self._request += head  # both are short, and go into the blob together
        protocols, cipher = [came[start : start + 8].decode("ascii", "replace").lower()], ""
        if tls is not None:
            protocols.append((tls.version() or "").lower().replace("tlsv", "tls/"))
            cipher = tls.cipher()[0]
        self._peer = address, protocols, cipher

    def answered(self, status: int, headers: Mapping[str, str], *, direct: bool) -> None:
        """Take what the index will say of the answer; behind a proxy (not ``direct``) the address is not its own."""
        self._status = status
        named = headers.get("Content-Type", "").partition(";")[0].strip().lower()
        self._type = named.encode("ascii", "replace").decode()  # bytes that are no UTF-8 do not travel
        if not direct:
            self._peer = "", *self._peer[1:]

    def along(self, stream: Stream) -> Stream:
        """The body of this answer, which is captured as it is read."""
        return Recorded(stream, self)

    async def settle(self) -> None:
        """Move on what has come of the body. Raises `FetchError` ("disk")."""
        if self._framing is None or not (self._came or self._request):
            return
        data, self._came, self._waiting = b"".join(self._came), [], 0
        head, self._request = self._request, b""
        try:
            if len(data) > _AT_ONCE:
                used = await asyncio.to_thread(self._hash, self._framing, data)
            else:
                used = self._hash(self._framing, data)
            self._size += used
            self._full = self._full or self._size > _MOST_BESIDES + _MOST_FRAMING * self._content
            await self._blob.write(head + data[:used])
        except BaseException:  # a full disk, or cut off here: how much of it was kept, nobody knows
            self._status = 0
            raise

    def _hash(self, framing: Framing, data: bytes) -> int:
        used, content = framing.feed(data)
        self._block.update(memoryview(data)[:used])
        for piece in content:
            self._content += len(piece)
            self._payload.update(piece)
            self._identity.update(piece)
        return used

    def over(self) -> None:
        """All of the body has been read."""
        self._whole = True

    def cut(self, why: str) -> None:
        """The body breaks off here: ``disconnect`` or ``time`` (ISO 28500, 5.13). Until then it was our limits."""
        self._cut = why

    async def finish(self) -> Captured | None:
        """Close it; None where no answer has come. Raises `FetchError` ("disk")."""
        framing = self._framing
        if framing is None or not self._status:
            return None
        await self.settle()
        data, sha256 = await self._blob.finish(self._url)
        address, protocols, cipher = self._peer
        return Captured(
            self._url,
            self._date,
            status=self._status,
            type=self._type,
            request=self._asked,
            head=self._head,
            size=self._size,
            block=_base32(self._block),
            payload=_base32(self._payload),
            identity=self._identity.hexdigest(),
            chunked=framing.chunked,
            truncated="length" if self._full else "" if framing.ended or self._whole else self._cut,
            address=address,
            protocols=protocols,
            cipher=cipher,
            data=data,
            sha256=sha256,
        )

    async def discard(self) -> None:
        """Forget it; harmless after `finish`. Idempotent."""
        self._came.clear()
        await self._blob.discard()


class Recorder:
    """Captures the exchanges of one lease; those that brought an answer are told of by `finish`.

    ``store`` takes what is long, ``time`` is the time of day. Without ``keeps_secrets`` the lines with credentials and
    cookies are left out of requests, and names and passwords out of URLs.
    """

    def __init__(
        self, store: FileStore, time: Callable[[], float], advance: Advance = unheard, *, keeps_secrets: bool = True
    ) -> None:
        self._store = store
        self._time = time
        self._advance = advance
        self._keeps_secrets = keeps_secrets
        self._captures: list[Capture] = []

    def begin(self, url: str, head: bytes, body: bytes) -> Capture:
        """Capture one more exchange; ``head`` and ``body`` are what is sent to the server."""
        if not self._keeps_secrets:
            url, head = without_user(url), _SECRET_LINES.sub(b"", head)
        capture = Capture(url, head + body, _Blob(self._store, self._advance), self._time)
        self._captures.append(capture)
        return capture

    async def finish(self) -> list[Captured]:
        """Close all captures; returns what belongs into the archive. Raises `FetchError` ("disk"). Then `discard`."""
        return [captured for capture in self._captures if (captured := await capture.finish()) is not None]

    async def discard(self) -> None:
        """Forget them; harmless after `finish`, and what that has stored stays. Idempotent."""
        for capture in self._captures:
            await capture.discard()


class Recorded:
    """The body of a captured answer: `acrawl.fetch.base.Stream`."""

    def __init__(self, stream: Stream, capture: Capture) -> None:
        self._stream = stream
        self._capture = capture

    async def read(self) -> bytes:
        """See `Stream.read`. Raises `FetchError` ("disk") as well."""
        try:
            piece = await self._stream.read()
        except FetchError as error:
            self._capture.cut("time" if error.reason == "timeout" else "disconnect")
            raise
        except asyncio.CancelledError:  # the deadline of the fetch, or of the lease, whose captures are forgotten
            self._capture.cut("time")
            raise
        if not piece:
            self._capture.over()
        await self._capture.settle()
        return piece

    def release(self) -> None:
        """See `Stream.release`."""
        self._stream.release()

    def close(self) -> None:
        """See `Stream.close`."""
        self._stream.close()


async def of_made(file: MadeFile, store: FileStore, time: float, *, keeps_secrets: bool = True) -> Captured:
    """What the archive gets of a file that a callback has made. Raises `FetchError` ("disk")."""
    blob = _Blob(store, unheard)
    try:
        await blob.write(file.data)
        data, sha256 = await blob.finish(file.url)
    finally:
        await blob.discard()
    digest = _base32(hashlib.sha1(file.data, usedforsecurity=False))
    url = file.url if keeps_secrets else without_user(file.url)
    url, media_type = " ".join(url.split()), " ".join(file.type.split())  # each is a line of a record
    return Captured(
        url, time, type=media_type, size=len(file.data), block=digest, payload=digest, data=data, sha256=sha256
    )


def _bounds(came: bytes, interim: int) -> tuple[int, int]:
    """Where the head of an answer begins and ends, behind so many interim ones and the line breaks before each."""
    start = end = 0
    for _ in range(interim + 1):
        start = end
        while came[start : start + 1] in {b"\r", b"\n"}:
            start += 1
        found = _BLANK_LINE.search(came, start)
        end = found.end() if found is not None else len(came)
    return start, end


def _base32(digest: Any) -> str:
    return b32encode(digest.digest()).decode()
