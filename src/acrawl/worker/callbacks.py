"""Running a spider's callbacks: whatever shape they have, items and requests come out."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from typing import Any

from acrawl.request import Request
from acrawl.worker.items import is_item


async def produced(result: Any) -> AsyncIterator[Any]:
    """Iterate over what a callback gave: a generator of either kind, a coroutine, a list, one thing, or nothing."""
    if inspect.isawaitable(result):
        result = await result
    if result is None:
        return
    if hasattr(result, "__aiter__"):
        async for one in result:
            yield one
    elif isinstance(result, Request | str | bytes) or is_item(result):
        yield result
    elif hasattr(result, "__iter__"):
        for one in result:
            yield one
    else:
        yield result
