"""Large pages are parsed beside the loop, which goes on meanwhile with its renewals and the other downloads."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import inspect
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable

from acrawl.errors import SpiderError
from acrawl.response import Response
from acrawl.spider import Spider

log = logging.getLogger(__name__)

#: Bytes of a page from which on it costs less to parse it in a thread than to keep the loop waiting.
LARGE = 256 * 1024
#: Bytes of pages that are worked on at a time; a tree takes some 75 times as many at the worst.
ROOM = 4 << 20
#: Seconds after which an asynchronous callback surely waits for something else than its page.
PATIENCE = 60.0
#: What a callback surely wants to have parsed.
_MARKUP = frozenset(("", "text/html", "application/xhtml+xml"))


class LargePages:
    """Parses large pages before their callbacks, in a thread (the parser lets go of the interpreter's lock).

    Their trees are large, too: `ROOM` bytes of pages have their turn at a time, or a single one that is larger, from
    the parsing to the end of the callback. Nobody knows what an asynchronous callback waits for, perhaps for another
    page: after `PATIENCE` seconds it counts no more. There is one thread, since the allocator keeps for each what it
    once needed.
    """

    def __init__(self) -> None:
        self._room = Room(ROOM)
        self._thread = concurrent.futures.ThreadPoolExecutor(1, "acrawl-parse")

    @contextlib.asynccontextmanager
    async def parsed(self, response: Response, spider: Spider, name: str | None) -> AsyncIterator[None]:
        """Within, the page is parsed. ``name`` is that of the callback."""
        loop = asyncio.get_running_loop()
        leave = await self._room.enter(response.content.size)
        late: asyncio.TimerHandle | None = None
        try:
            await loop.run_in_executor(self._thread, _prepare, spider, response)
            if _is_asynchronous(spider, name):
                late = loop.call_later(PATIENCE, leave)
            yield
        finally:
            if late is not None:
                late.cancel()
            leave()


class Room:
    """Room for so many bytes, given in order of arrival; what is larger gets it when nobody else is in."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._taken = 0
        self._waiting: deque[tuple[asyncio.Future[None], int]] = deque()

    async def enter(self, size: int) -> Callable[[], None]:
        """Wait for room; returns what gives it back, and does nothing the next time."""
        size = min(size, self._size)
        mine = asyncio.get_running_loop().create_future()
        self._waiting.append((mine, size))
        self._admit()
        try:
            await mine
        except asyncio.CancelledError:
            if mine.cancelled():
                self._admit()  # perhaps it was the first, and too large for those behind it to pass
            else:
                self._give_back(size)  # it was let in just now
            raise
        once = iter((size,))
        return lambda: self._give_back(next(once, 0))

    def _give_back(self, size: int) -> None:
        self._taken -= size
        self._admit()

    def _admit(self) -> None:
        waiting = self._waiting
        while waiting and (waiting[0][0].done() or self._taken + waiting[0][1] <= self._size):
            future, size = waiting.popleft()
            if not future.done():
                self._taken += size
                future.set_result(None)


def _is_asynchronous(spider: Spider, name: str | None) -> bool:
    try:
        callback = spider.find_callback(name)
    except SpiderError:  # whoever calls it will be told
        return False
    return inspect.iscoroutinefunction(callback) or inspect.isasyncgenfunction(callback)


def is_large(response: Response) -> bool:
    """Whether a response should be parsed by `LargePages`."""
    return response.content.size > LARGE and response.content_type in _MARKUP


def cut_of(response: Response) -> str:
    """Why a page was parsed in part; empty for a whole one, and for one that nobody wanted to have parsed."""
    document = vars(response).get("document")
    return document.cut if document is not None and document.is_parsed else ""


def _prepare(spider: Spider, response: Response) -> None:
    try:
        spider.prepare(response)
    except (OSError, ValueError):
        pass  # the file with the body cannot be read, or is gone with its callback: who wants the body will be told
    except Exception:  # a defect of the spider's: the page gets its callback all the same
        log.exception("prepare failed on %s", response.request.url)
