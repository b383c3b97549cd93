"""Running a plan: the log, the progress, the loop."""

from __future__ import annotations

from acrawl.cli.loop import run_loop
from acrawl.logs import configure
from acrawl.master.master import Master
from acrawl.master.plan import Plan
from acrawl.monitor.progress import Progress


def crawl(plan: Plan) -> int:
    """Run a crawl; returns the exit code. Raises `FolderProblem` where the local workers could not use their cache."""
    cache = plan.settings.cache
    if plan.workers and cache.mode != "off":  # said once here, and not by each worker
        from acrawl.fetch.cache_store import CacheStore

        CacheStore(cache.folder, cache.max_bytes).open(make=cache.mode != "replay")
    with Progress(quiet=plan.quiet) as progress:
        configure(plan.settings.log, quiet=plan.quiet or progress.live)
        return run_loop(Master(plan, progress).run())
