"""From an answer to a saved file: begun, gone on with after a cut, verified, and told of on the way.

A download that breaks off leaves what has come to its sink, which keeps it for the next try where something proves that
the rest will belong to it (`resume.validator_of`). The next try asks for the rest; what comes instead is judged by
`resume.fitting`. What cannot be continued is thrown away, and one more try begins anew.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Final

from acrawl.errors import FetchError
from acrawl.fetch.base import Exchange, Stream
from acrawl.fetch.headers import file_name
from acrawl.fetch.resume import (
    REASON,
    continuing,
    fitting,
    is_coded,
    is_complete,
    kept_headers,
    key_of,
    length_of,
    plain,
    validator_of,
    whole_headers,
)
from acrawl.outcome import Beginning
from acrawl.parse.digest import announced, given
from acrawl.parse.image import RECOGNISED, probe
from acrawl.request import Request
from acrawl.response import Response
from acrawl.settings import Fetch, Files

log = logging.getLogger(__name__)

#: Bytes of a file from which on it may be left and continued, and by which a try must have brought it forward to cost
#: no attempt. Each such try goes on with what there is, so there are at most fetch.max_file / STEP between two others,
#: and together they bring no more than fetch.max_file.
STEP: Final = 1 << 20
#: Seconds between two log lines of one download.
_TELL = 10.0
#: Bytes that tell the type of a body.
_MIN_HEAD = 512


class Saving:
    """One try at one file. The exchange has a sink. `asked`, then `take`; after an error `cut`."""

    def __init__(
        self, request: Request, exchange: Exchange, fetch: Fetch, files: Files, now: Callable[[], float]
    ) -> None:
        assert exchange.sink is not None
        self.head = b""
        self._request = request
        self._exchange = exchange
        self._sink = exchange.sink
        self._limit = fetch.max_file
        self._files = files
        self._now = now
        # An archive holds answers as they came, so a file has to come in one of them.
        self._key = key_of(request) if files.resume and exchange.recorder is None else ""
        self._beginning: Beginning | None = None
        self._found = 0
        self._size = 0
        self._began_anew = False

    async def asked(self) -> Request:
        """The request to send: for the rest of what an earlier try left, else for the file as it is.

        Raises `FetchError` ("disk").
        """
        if self._key:
            self._beginning = await self._sink.find(self._key)
            if self._beginning is not None:
                self._found = self._beginning.size
                log.info("%s: goes on at %s", self._request.url, _portion(self._found, self._beginning.total))
                return continuing(self._request, self._beginning)
        return plain(self._request) if self._request.save is True else self._request

    async def take(self, response: Response, stream: Stream) -> bool:
        """Stream a body into the sink, verify it, and finish the file; the response is then that of the whole file.

        An image of fewer pixels than the exchange wants is not finished; `Response.unkept` says so.
        False for an answer that is no file or not of the type that is wanted: nothing is in the sink, and of the body
        only ``head`` has been read. Raises `FetchError`: ``too-large``, ``digest-mismatch``, ``resume`` for what could
        not be continued, ``malformed`` for a part that nobody asked for, and what the stream and the sink raise.
        """
        try:
            if response.status == 200:
                taken = await self._begun(response, stream)
            elif response.status == 206 and self._ranged:
                taken = await self._continued(response, stream)
            elif response.status == 416 and self._beginning is not None:
                taken = await self._completed(response, stream, self._beginning)
            else:
                await self._sink.leave()  # so that others may have what was found; another request may use the sink
                return False
            if taken:
                await self._verify(response.headers)
        except FetchError as error:
            if error.reason in {REASON, "too-large", "digest-mismatch"}:  # no later try will want these bytes
                await self._sink.discard()
            raise
        if taken:
            response.unkept = self._too_small()
            if response.unkept:
                await self._sink.discard()
                response.content.lend("", self._size)
                return True
            name = file_name(response.headers.get("Content-Disposition", ""))
            content_type = response.headers.get("Content-Type", "")
            response.file = await self._sink.finish(response.url, name, content_type)
            response.content.lend("", response.file.size)  # the worker says where, once there is a callback to read it
        return taken

    async def cut(self) -> None:
        """The try has failed: leave what there is to the next one, and note whether it is better off."""
        left = await self._sink.leave()
        self._exchange.forward = left - self._found >= STEP and not self._began_anew

    @property
    def _ranged(self) -> bool:
        """Whether a 206 answer is for us to judge: unless the request asks for a range of its own."""
        return not any(name.lower() == "range" for name in self._request.headers)

    async def _begun(self, response: Response, stream: Stream) -> bool:
        if self._beginning is not None:
            await self._sink.discard()  # the file has changed, or its server knows no ranges
            self._beginning = None
            self._began_anew = True
        if self._request.save is not True:
            self.head = await _head(stream)
            if not self._request.saves(_media_type(self.head, response.headers)):
                return False
        headers = response.headers
        total = length_of(headers)
        self._check(total)
        validator = validator_of(headers) if self._key and (not total or total > STEP) else ""
        if validator:
            beginning = Beginning(validator, total, 0, kept_headers(headers))
            self._sink.keep(self._key, response.url, beginning)
        await self._stream(stream, 0, total, self.head)
        return True

    async def _continued(self, response: Response, stream: Stream) -> bool:
        beginning = self._beginning
        if beginning is None:
            raise FetchError("malformed", "206 in answer to a request for all of it")
        extent = fitting(beginning, response.headers)
        self._check(extent.total)
        size = await self._stream(stream, beginning.size, extent.total, b"")
        if size > extent.last + 1:
            raise FetchError(REASON, f"more bytes came than {response.headers['Content-Range'][:80]!r} says")
        if size < extent.total:
            raise FetchError("truncated", f"{size} of {extent.total} bytes have come; the server sends them in parts")
        self._make_whole(response, beginning, extent.total)
        return True

    async def _completed(self, response: Response, stream: Stream, beginning: Beginning) -> bool:
        if not is_complete(beginning, response.headers):
            raise FetchError(REASON, f"416 in answer to bytes={beginning.size}-")
        stream.close()  # what it says besides is of no interest
        self._size = beginning.size
        self._make_whole(response, beginning, beginning.size)
        return True

    @staticmethod
    def _make_whole(response: Response, beginning: Beginning, total: int) -> None:
        """Both parts together are to be taken for a 200 answer (RFC 9110, 15.3.7.3)."""
        response.status = 200
        response.headers = whole_headers(beginning, response.headers, total)

    async def _stream(self, stream: Stream, size: int, total: int, piece: bytes) -> int:
        """Write what comes, ``piece`` before; returns the size of the file then."""
        sink, advance, limit = self._sink, self._exchange.advance, self._limit
        began = told = self._now()
        first = size
        piece = piece or await stream.read()
        while piece:
            size += len(piece)
            advance(len(piece))
            if size > limit:
                raise _too_large(f"more than {limit} bytes")
            await sink.write(piece)
            if (now := self._now()) - told >= _TELL:
                told = now
                rate = (size - first) / (now - began) / 1e6
                log.info("%s: %s, %.1f MB/s", self._request.url, _portion(size, total), rate)
            piece = await stream.read()
        stream.release()
        self._size = size
        return size

    def _check(self, total: int) -> None:
        """Refuse a file that is too large by its server's account before it comes."""
        if total > self._limit and self._request.method.upper() != "HEAD":
            raise _too_large(f"{total} bytes are announced, {self._limit} may come")

    def _too_small(self) -> str:
        """Why the image is not wanted after all; empty for others, and where its size cannot be told."""
        if not any(self._exchange.least):
            return ""
        media_type, width, height = self._sink.probe()
        return too_small(media_type, width, height, self._exchange.least)

    async def _verify(self, headers: Mapping[str, str]) -> None:
        """Compare the digests that the request and the server give. What broke on our disk may be had once more."""
        expected = {}
        bare = self._request.method.upper() == "HEAD"  # then they speak of what did not come
        if self._files.verify and not bare and not is_coded(headers) and (found := announced(headers)):
            expected["its server announced"] = found
        if self._request.digest:
            expected["the request asks for"] = given(self._request.digest)
        for whose, (algorithm, value) in expected.items():
            came = await self._sink.digest(algorithm)
            if came != value:
                detail = f"{algorithm} is {came.hex()}; {whose} {value.hex()}"
                raise FetchError(REASON if self._beginning is not None else "digest-mismatch", detail)


def too_small(media_type: str, width: int, height: int, least: tuple[int, int]) -> str:
    """Say of an image that it has fewer pixels than these in width or in height; empty where it has not."""
    if not (width and height and media_type.startswith("image/")) or (width >= least[0] and height >= least[1]):
        return ""
    return f"{width} x {height} pixels"


async def _head(stream: Stream) -> bytes:
    """Read so much of a body that its type can be told from it."""
    head = await stream.read()
    while len(head) < _MIN_HEAD and (piece := await stream.read()):
        head += piece
    return head


def _media_type(head: bytes, fields: Mapping[str, str]) -> str:
    """What a body is by its first bytes; by its header only where these tell nothing and cannot contradict it."""
    sniffed, _, _ = probe(head)
    if sniffed or head.lstrip()[:1] in {b"", b"<"}:
        return sniffed
    declared = fields.get("Content-Type", "").partition(";")[0].strip().lower()
    return "" if declared in RECOGNISED else declared


def _too_large(what: str) -> FetchError:
    return FetchError("too-large", f"{what} (fetch.max_file)")


def _portion(size: int, total: int) -> str:
    return f"{size / 1e6:,.1f} of {total / 1e6:,.1f} MB ({size / total:.0%})" if total else f"{size / 1e6:,.1f} MB"
