"""Running a plan: the event loop, the log, the progress."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Coroutine
from typing import Any

from acrawl.logs import configure
from acrawl.master.master import Master
from acrawl.master.plan import Plan
from acrawl.monitor.progress import Progress


def run_loop(main: Coroutine[Any, Any, int]) -> int:
    """Run a coroutine on the fastest event loop there is."""
    # Most of what a crawl makes dies at once; what start-up made never does. Looking through it again is waste.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    try:
        import uvloop
    except ImportError:  # Windows: asyncio's own loop does the same work
        return asyncio.run(main)
    return uvloop.run(main)


def crawl(plan: Plan) -> int:
    """Run a crawl; returns the exit code."""
    with Progress(quiet=plan.quiet) as progress:
        configure(plan.settings.log, quiet=plan.quiet or progress.live)
        return run_loop(Master(plan, progress).run())
