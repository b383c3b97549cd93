"""The verb ``report``: all figures of a crawl as one page, or as one JSON document. It works beside a crawl."""

from __future__ import annotations

import os
import pathlib
import sys
import time

import click
import msgspec

from acrawl.cli.options import Local, job_option
from acrawl.cli.reasons import explained
from acrawl.cli.sharing import shareable
from acrawl.errors import EXIT_OK, FolderProblem, UsageError
from acrawl.figures import Changed, Changes, Crawl, End, Picture, Report, Requests
from acrawl.frontier import changes
from acrawl.frontier.database import Database
from acrawl.frontier.revisit import visit
from acrawl.frontier.survey import survey
from acrawl.job import Identity, Job, find
from acrawl.monitor.report import render
from acrawl.outcome import EXCLUDED
from acrawl.results import previews
from acrawl.results import survey as catalog
from acrawl.results.publish.images import replacing
from acrawl.version import VERSION

#: Where the page goes when nothing else is said.
PAGE = pathlib.Path("report.html")
#: URLs that are listed of each change.
_EXAMPLES = 20


@click.command()
@click.argument("folder", required=False, type=click.Path(path_type=pathlib.Path, file_okay=False), metavar="[JOB]")
@click.option("-o", "--output", type=Local(), metavar="FILE",
              help=f"Where it goes; - for stdout [default: {PAGE}, JSON to stdout].")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Write the figures as one JSON document instead of a page.")
@click.option("--images", "most", type=click.IntRange(0, 500), default=previews.MOST, show_default=True,
              help="How many of the saved images are shown.")  # fmt: skip
@job_option
def report(
    folder: pathlib.Path | None, output: pathlib.Path | None, as_json: bool, most: int, job: pathlib.Path | None
) -> int:
    """Write a page about a crawl: what it fetched, how fast, what failed and why.

    One file that needs nothing else and asks for nothing, with plots, tables and pictures. The crawl may have ended,
    been stopped, or be running: then the page tells of this moment. The job is a folder, as for --job.
    """
    if folder is not None and job is not None:
        raise UsageError(f"two jobs are given, {folder} and --job {job}; give one")
    if output is None:
        output = pathlib.Path("-") if as_json else PAGE
    _check(output)
    place = Job(find(folder or job))
    figures = gather(place)
    if as_json:
        data = msgspec.json.format(msgspec.json.encode(figures), indent=1) + b"\n"
    else:
        data = render(figures, _pictures(place, most)).encode("utf-8", "replace")
    _write(output, data)
    if str(output) != "-":
        click.echo(f"{output}: {len(data) / 1000:,.0f} kB")
    return EXIT_OK


def gather(job: Job) -> Report:
    """All figures of a job. Blocks. Raises `JobConflict`, `EnvironmentProblem`."""
    identity = job.identity() or Identity("", "", {}, "")
    busy, now = job.busy, time.time()
    with Database(job.database, reading=True) as db:
        requests = _in_words(survey(db, identity.lives, now if busy else None))
        changed = _changes(db)
    saved = catalog.survey(job.folder / "results.db")
    saved = msgspec.structs.replace(saved, archived=catalog.archived(job.folder / "warc.db"))
    crawl = Crawl(
        spider=identity.spider,
        state=_state(identity, requests, busy=busy),
        command=shareable(identity.command),
        job=str(job.folder.resolve()),
        bucket=_bucket(identity),
    )
    seconds = requests.seconds
    rate = requests.totals.sent / seconds if seconds > 0 else 0.0
    return Report(VERSION, now, crawl, seconds, rate, requests, saved, changed)


def _changes(db: Database) -> Changes | None:
    """What the last visit found changed; None where there was one only."""
    with db.snapshot():
        number = visit(db)
        examples = [Changed(*msgspec.structs.astuple(one)) for one in changes.examples(db, _EXAMPLES)]
        return Changes(number + 1, changes.counts(db), examples) if number else None


def _bucket(identity: Identity) -> str:
    """The URL of the bucket that the saved files are in; empty where they are in a folder."""
    return identity.files if "://" in identity.files else ""


def _state(identity: Identity, requests: Requests, *, busy: bool) -> str:
    if busy:
        return "running"
    if identity.state == "finished":
        return "finished"
    limited = any((end.status, end.reason) == (EXCLUDED, "limit") for end in requests.ends)
    return "limit" if limited and not requests.totals.queued else "stopped"


def _in_words(requests: Requests) -> Requests:
    """Say to each end what it means, and what would change it."""

    def told(end: End) -> End:
        reason = explained(end.reason) if end.reason else None
        return msgspec.structs.replace(end, text=reason.text, change=reason.change) if reason else end

    troubles = [msgspec.structs.replace(trouble, end=told(trouble.end)) for trouble in requests.troubles]
    return msgspec.structs.replace(requests, ends=[told(end) for end in requests.ends], troubles=troubles)


def _pictures(job: Job, most: int) -> list[Picture]:
    """Some of the saved images, where their folder is here."""
    identity = job.identity()
    if identity is not None and _bucket(identity):
        return []
    places = [job.folder / "files"]
    if job.folder.resolve().name == ".acrawl":  # in the folder of the files, which may have been moved
        places.insert(0, job.folder.resolve().parent)
    if identity is not None and identity.files:
        places.insert(0, pathlib.Path(identity.files))
    root = next((place for place in places if place.is_dir()), None)
    return previews.pictures(job.folder / "results.db", root, most) if root is not None else []


def _check(output: pathlib.Path) -> None:
    """Refuse what cannot be written, before anything is read. Raises `UsageError`, `FolderProblem`."""
    if str(output) == "-":
        return
    if output.is_dir():
        raise UsageError(f"-o {output}: is a folder; name a file in it, as in -o {output / PAGE}")
    parent = output.absolute().parent
    if not parent.is_dir():
        raise UsageError(f"-o {output}: there is no folder {parent}; make it first")
    if not os.access(parent, os.W_OK | os.X_OK) and (output.is_file() or not output.exists()):
        raise FolderProblem(f"-o {output}: nothing can be written to {parent}; give another place")


def _write(output: pathlib.Path, data: bytes) -> None:
    """Write all of it or nothing; what is no regular file (a pipe, a device) is written to as it is."""
    if str(output) == "-":
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    elif output.exists() and not output.is_file():
        try:
            output.write_bytes(data)
        except OSError as error:  # nothing is lost but the page
            raise FolderProblem(f"-o {output}: cannot be written: {error.strerror or error}") from None
    else:
        with replacing(output.resolve()) as file:
            file.write(data)
