"""Running a plan: the log, the progress, the loop."""

from __future__ import annotations

from acrawl.cli.loop import run_loop
from acrawl.logs import configure
from acrawl.master.master import Master
from acrawl.master.plan import Plan
from acrawl.monitor.progress import Progress


def crawl(plan: Plan) -> int:
    """Run a crawl; returns the exit code."""
    with Progress(quiet=plan.quiet) as progress:
        configure(plan.settings.log, quiet=plan.quiet or progress.live)
        return run_loop(Master(plan, progress).run())
