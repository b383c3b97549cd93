"""The verb of a worker process."""

from __future__ import annotations

import os

import click
import msgspec

from acrawl.cli.loop import run_loop
from acrawl.logs import configure
from acrawl.queues.join import read
from acrawl.settings import Log, Settings
from acrawl.spider import Source
from acrawl.worker.session import work as work_for


@click.command()
@click.argument("spider", metavar="SPIDER")
@click.option(
    "--join", "source", envvar="ACRAWL_JOIN", required=True, metavar="FILE",
    help="The master's join file; - reads it from standard input. Also ACRAWL_JOIN.",
)  # fmt: skip
@click.option("--keep-here", metavar="DIR", default="", help="Keep saved files in a folder of this machine.")
@click.option("--send-files", is_flag=True, help="Send saved files over the connection, even if the disk looks shared.")
@click.option("-q", "--quiet", is_flag=True, help="Show warnings and errors only.")
def work(spider: str, source: str, keep_here: str, send_files: bool, quiet: bool) -> int:
    """Work for a master: fetch what it hands out, until its crawl ends.

    The master (`acrawl run ... --listen HOST:PORT`) writes a join file; copy it here safely, it holds the key.
    SPIDER must be the same spider that the master runs.
    """
    local = "ACRAWL_PARENT" in os.environ  # then the master tells what happens, and the disk is the same

    def welcomed(settings: Settings) -> None:
        log = settings.log if local else msgspec.structs.replace(settings.log, file="")
        configure(log, quiet=quiet, spider_only=local)

    configure(Log(), quiet=quiet, spider_only=local)
    return run_loop(work_for(read(source), Source(spider), keep_here, send_files=send_files, welcomed=welcomed))
