"""The event loop a command runs in."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Coroutine
from typing import Any


def run_loop(main: Coroutine[Any, Any, int]) -> int:
    """Run a coroutine on the fastest event loop there is."""
    # Most of what a crawl makes dies at once; what start-up made hardly ever does. Looking through it is waste.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    try:
        with runner() as loop:
            return loop.run(main)
    finally:
        main.close()  # where a Ctrl-C came before it began; else it has ended


def runner() -> asyncio.Runner:
    """Return what runs coroutines, one after the other, on the fastest event loop there is."""
    try:
        import uvloop
    except ImportError:  # Windows: asyncio's own loop does the same work
        return asyncio.Runner()
    return asyncio.Runner(loop_factory=uvloop.new_event_loop)
