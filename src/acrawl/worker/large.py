"""Large pages are parsed beside the loop, which goes on meanwhile with its renewals and the other downloads."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import inspect
from collections.abc import AsyncIterator

from acrawl.errors import SpiderError
from acrawl.response import Response
from acrawl.spider import Spider

#: Bytes of a page from which on it costs less to parse it in a thread than to keep the loop waiting.
LARGE = 256 * 1024
#: What a callback surely wants to have parsed.
_MARKUP = frozenset(("", "text/html", "application/xhtml+xml"))


class LargePages:
    """Parses large pages before their callbacks, in a thread (the parser lets go of the interpreter's lock).

    Their trees are large, too: one page has its turn at a time, from the parsing to the end of the callback; not
    beyond the parsing where the callback is asynchronous, as nobody knows what it waits for. There is one thread, since
    the allocator keeps for each what it once needed.
    """

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._thread = concurrent.futures.ThreadPoolExecutor(1, "acrawl-parse")

    @contextlib.asynccontextmanager
    async def parsed(self, response: Response, spider: Spider, name: str | None) -> AsyncIterator[None]:
        """Within, the page is parsed. ``name`` is that of the callback."""
        async with contextlib.AsyncExitStack() as turn:
            await turn.enter_async_context(self._turn)
            await asyncio.get_running_loop().run_in_executor(self._thread, _parse, response)
            if _is_asynchronous(spider, name):
                await turn.aclose()
            yield


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


def _parse(response: Response) -> None:
    # The file with the body cannot be read, or is gone as the callback was given up: who wants the body will be told.
    with contextlib.suppress(OSError, ValueError):
        _ = response.document.root
