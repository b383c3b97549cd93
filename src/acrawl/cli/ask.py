"""The verbs that ask a job: ``why``, ``audit``. They change nothing, and work beside a crawl."""

from __future__ import annotations

import asyncio
import pathlib
import time
from collections.abc import Iterator

import click

from acrawl.cli.options import job_option
from acrawl.cli.story import printable, told
from acrawl.errors import EXIT_FAILED, EXIT_OK, KeyProblem, MasterUnreachable
from acrawl.frontier import books, stories
from acrawl.frontier.database import Database
from acrawl.job import Job, find
from acrawl.outcome import FAILED, QUARANTINED, Audit, Story
from acrawl.queues.control import ControlClient
from acrawl.results.listing import failed_items
from acrawl.url import canonical

#: How many hosts `acrawl audit --hosts` shows unless told.
HOSTS = 20


@click.command()
@click.argument("url")
@job_option
def why(url: str, job: pathlib.Path | None) -> int:
    """Tell the whole story of a URL in words.

    From where it was discovered, why it was kept out or failed and which setting changes that, what each try gave, and
    what it waits for. Exit code 0 when the crawl knows the URL, 1 when it does not.
    """
    url = canonical(url if "://" in url else f"https://{url}")
    place = Job(find(job))
    file = place.local_join_file
    story = asyncio.run(_asked(file, url)) if file.exists() else None
    running = story is not None
    if story is None or story.state == "unknown":
        with Database(place.database, reading=True) as db:
            story = story or stories.story(db, url)
            similar = stories.near(db, url) if story.state == "unknown" else []
    if story.state == "unknown":
        click.echo(f"{url}\n  unknown: this crawl has never met it")
        for known in similar:
            click.echo(f"  it knows {known}")
        return EXIT_FAILED
    for line in told(story, time.time(), running=running):
        click.echo(line)
    return EXIT_OK


async def _asked(file: pathlib.Path, url: str) -> Story | None:
    """What the running crawl says; None when nobody answers (any more): then its books are read."""
    try:
        async with ControlClient(file) as master:
            return await master.explain(url)
    except (MasterUnreachable, KeyProblem):
        return None


@click.command()
@click.option("--hosts", is_flag=False, flag_value=HOSTS, type=click.IntRange(1), metavar="[N]",
              help=f"The hosts with the most requests [N is {HOSTS} when left out].")  # fmt: skip
@click.option("--quarantine", is_flag=True, help="List what was quarantined.")
@click.option("--failed", is_flag=True, help="List what failed.")
@click.option("--items", is_flag=True, help="List the items that failed: invalid, or refused by a pipeline or a feed.")
@job_option
def audit(hosts: int | None, quarantine: bool, failed: bool, items: bool, job: pathlib.Path | None) -> int:
    """Count a crawl's books anew, overall and per host, and say whether they balance.

    Every request that was ever discovered has to be queued, or done in exactly one way. Exit code 0 when the books
    balance, 1 when they do not.
    """
    # All lists are of one moment, so that their numbers agree while a crawl goes on.
    place = Job(find(job))
    with Database(place.database, reading=True) as db, db.snapshot():
        result = books.audit(db)
        _table(_sums(result))
        if hosts:
            click.echo("")
            _table(_hosts(db, hosts))
        for status in [QUARANTINED] * quarantine + [FAILED] * failed:
            click.echo("")
            _ended(db, status)
    if items:
        click.echo("")
        _failed_items(place.folder / "results.db")
    click.echo("")
    for problem in result.problems:
        click.echo(f"problem: {problem}")
    click.echo("the books do not balance" if result.problems else "the books balance")
    return EXIT_FAILED if result.problems else EXIT_OK


def _sums(result: Audit) -> list[tuple[str, ...]]:
    return [
        ("discovered", str(result.discovered)),
        ("queued", str(result.queued)),
        ("done", str(result.done)),
        *((f"  {end}", str(count)) for end, count in result.ends.items()),
        ("hosts", str(result.hosts)),
        ("undelivered", str(result.undelivered)),
    ]


def _hosts(db: Database, most: int) -> Iterator[tuple[str, ...]]:
    yield "host", "queued", "done"
    for (name, queued, done), _ in zip(books.hosts(db), range(most), strict=False):
        yield name, str(queued), str(done)


def _ended(db: Database, status: str) -> None:
    """List what ended so, one line each."""
    for one in books.ended(db, status):
        click.echo(f"{books.short(one.status, one.reason)}  {one.url}")


def _failed_items(database: pathlib.Path) -> None:
    """List the items that were lost on their way out, one line each."""
    for item in failed_items(database):
        click.echo(" ".join(printable(f"{item.url}  {item.reason}").split("\n")))


def _table(rows: Iterator[tuple[str, ...]] | list[tuple[str, ...]]) -> None:
    """Print rows in columns, the first flush left and the others flush right."""
    lines = list(rows)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for first, *others in lines:
        cells = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))]
        click.echo("  ".join(cells).rstrip())
