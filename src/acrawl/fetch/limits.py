"""How large a body may be, and of what type."""

from __future__ import annotations

from acrawl.errors import FetchError
from acrawl.fetch.base import Advance, Stream
from acrawl.response import Response
from acrawl.settings import Fetch


def page_limit(fetch: Fetch, response: Response) -> int:
    """The bytes that this page may have: what its request says, else ``fetch.max_body_of`` its type or ``max_body``."""
    if response.request.max_body:
        return response.request.max_body
    if not fetch.max_body_of:
        return fetch.max_body
    media_type = response.content_type
    named = [beginning for beginning in fetch.max_body_of if media_type.startswith(beginning.lower())]
    return fetch.max_body_of[max(named, key=len)] if named else fetch.max_body


def check_wanted(fetch: Fetch, response: Response) -> None:
    """Refuse the page of a type that nobody wants.

    A page is an answer 2xx to anything but HEAD that says what it is. Raises `FetchError` (wrong-type).
    """
    if not fetch.types or not 200 <= response.status < 300 or response.request.method == "HEAD":
        return
    media_type = response.content_type
    if media_type and not media_type.startswith(tuple(map(str.lower, fetch.types))):
        raise FetchError("wrong-type", f"{media_type}; fetch.types are {', '.join(fetch.types)}")


def check_announced(response: Response, limit: int) -> None:
    """Refuse a body that is too large by its own account before it is read. Raises `FetchError` (too-large).

    What is announced is what is sent, which for an encoded body may be a little more than what it decodes to.
    """
    if response.request.method == "HEAD":
        return
    length = response.headers.get("Content-Length")
    allowed = limit + limit // 100 + 1024 if "Content-Encoding" in response.headers else limit
    if length is not None and len(length) < 20 and int(length) > allowed:
        raise FetchError("too-large", f"Content-Length {length}, more than {limit} bytes")


def too_large(limit: int) -> FetchError:
    """The failure of a body that turned out longer."""
    return FetchError("too-large", f"more than {limit} bytes")


class Bounded:
    """The pieces of a stream up to ``limit`` bytes: what has more is too large or, with ``cut``, ends there.

    ``advance`` hears of the bytes; ``taken`` is how many have been read already.
    """

    def __init__(self, stream: Stream, limit: int, advance: Advance, *, cut: bool = False, taken: int = 0) -> None:
        self._stream = stream
        self._limit = limit
        self._left = limit - taken
        self._advance = advance
        self._cut = cut

    async def read(self) -> bytes:
        """See `Stream.read`. Raises `FetchError`: too-large, and what the stream raises."""
        if self._left < 0:
            return b""
        piece = await self._stream.read()
        size = len(piece)
        self._advance(size)
        self._left -= size
        if self._left >= 0:
            return piece
        if not self._cut:
            raise too_large(self._limit)
        self._stream.close()  # the rest is not wanted
        return piece[: self._left]
