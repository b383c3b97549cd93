"""The verb ``export``: feeds made of the items that a job keeps."""

from __future__ import annotations

import itertools
import pathlib
from collections.abc import Container, Iterator, Mapping
from functools import partial

import click

from acrawl.cli.options import job_option, resolved
from acrawl.errors import EXIT_FAILED, EXIT_OK, UsageError
from acrawl.frontier import books, changes
from acrawl.frontier.database import Database
from acrawl.frontier.revisit import visit
from acrawl.job import Job, find
from acrawl.logs import configure
from acrawl.results.base import Row
from acrawl.results.export import Source
from acrawl.results.export import export as export_items
from acrawl.results.feeds import Crawl
from acrawl.results.feeds.spec import parse, shown
from acrawl.results.kept import GAP, KEPT, kept, kept_before, newest
from acrawl.results.listing import saved_items

#: Files that are written at once.
_PART = 1000


@click.command()
@click.argument("folder", type=click.Path(path_type=pathlib.Path, file_okay=False), required=False, metavar="[JOB]")
@click.option("-o", "--output", "feeds", multiple=True, required=True, metavar="PATH[:FORMAT]",
              help="Where items go, as `acrawl run` has it; may be repeated.")  # fmt: skip
@click.option("--files", is_flag=True, help="The saved files instead of items: URL, path, digest, size, type.")
@click.option("--visit", "which", metavar="N|last|newest", help="Of a crawl that visited its site again: the items of "
              "one visit, from 1, or the newest of each page [default: all].")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace files that are there.")
@click.option("-s", "--set", "pairs", multiple=True, metavar="SECTION.KEY=VALUE", help="Change a setting of [feeds].")
@click.option("--config", type=click.Path(path_type=pathlib.Path), help="A TOML file of settings.")
@click.option("-q", "--quiet", is_flag=True, help="Show warnings and errors only.")
@job_option
def export(  # noqa: PLR0913 - the command line's options, each named once
    *,
    folder: pathlib.Path | None,
    feeds: tuple[str, ...],
    files: bool,
    which: str | None,
    overwrite: bool,
    pairs: tuple[str, ...],
    config: pathlib.Path | None,
    quiet: bool,
    job: pathlib.Path | None,
) -> int:
    """Write a crawl's items, or what it saved, once more, in any form.

    From a crawl that has finished, was stopped or is running: all items that have been delivered by now, as the
    pipelines left them. A file has its name when it is whole. Exit code 0 when every item was written, 1 when a feed
    could not take one, or could not be written.
    """
    if folder is not None and job is not None:
        raise UsageError("name the job once: acrawl export JOB, or --job JOB")
    if files and which is not None:
        raise UsageError("--visit is for items; of files there is the present state only")
    settings = resolved(config, {}, pairs)
    configure(settings.log, quiet=quiet)
    place = Job(find(folder or job))
    for feed in feeds:
        place.check_place(parse(feed).path)
    with Database(place.database, reading=True) as db, db.snapshot():
        marks, waiting = books.marks(db), books.counts(db).undelivered
        last = visit(db)
        gone = frozenset(changes.gone(db) if which == "newest" else ())
    if not files and KEPT not in marks:
        raise UsageError(
            f"{place.folder}: this crawl keeps no items: it was run with feeds.keep off, or by an acrawl "
            "that kept none; only crawling anew brings them"
        )
    identity = place.identity()
    crawl = Crawl(settings.feeds, (identity and identity.name) or "spider")
    source = partial(_saved, place.folder) if files else _items(place.folder, marks, last, which, gone)
    done = export_items(feeds, source, marks, crawl, overwrite=overwrite)
    if not quiet:
        click.echo(f"{done.items:,} {'files' if files else 'items'} to {', '.join(map(shown, feeds))}", err=True)
    catalog = place.folder / "results.db"
    if not done.items and not files and catalog.exists() and any(saved_items(catalog)):
        click.echo("acrawl: what this crawl has are saved files; --files writes a list of them", err=True)
    if GAP in marks and not files:
        why = "with feeds.keep off, or by an acrawl that kept none"
        click.echo(f"acrawl: there were more: for a while the crawl went on {why}", err=True)
    if waiting:
        click.echo(f"acrawl: {waiting:,} results are not delivered yet; they come as the crawl goes on", err=True)
    if done.unfit:
        click.echo(f"acrawl: {done.unfit:,} of the items could not be written; the first of them stand above", err=True)
    return EXIT_FAILED if done.unfit else EXIT_OK


def _items(job: pathlib.Path, marks: Mapping[str, int], last: int, which: str | None, gone: Container[str]) -> Source:
    """The items that are wanted; ``last`` is the number of the last visit, from 0. Raises `UsageError`."""
    length = marks[KEPT]
    if which is None:
        return partial(kept, job, length)
    begins = {0: 0} | {n: marks[kept_before(n)] for n in range(1, last + 1) if kept_before(n) in marks}
    known = len(begins) == last + 1
    if which == "newest" and known:
        return partial(newest, job, list(begins.values()), length, gone)
    number = last if which == "last" else int(which) - 1 if which.isdecimal() and len(which) < 10 else -1
    if which != "newest" and not 0 <= number <= last:
        raise UsageError(f"--visit {which}: give a number from 1 to {last + 1}, last or newest")
    ends = begins | {last + 1: length}
    if number not in begins or number + 1 not in ends:
        raise UsageError(
            f"--visit {which}: an older acrawl made these visits, and did not say which items are of which"
        )
    return partial(kept, job, ends[number + 1], begins[number])


def _saved(job: pathlib.Path) -> Iterator[list[Row]]:
    """Saved files as items: as a feed of `acrawl run` shows them."""
    found = saved_items(job / "results.db")
    while part := list(itertools.islice(found, _PART)):
        yield [Row(item["url"], item, item["url"]) for item in part]
