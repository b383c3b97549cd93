"""The verb that mends a job: ``retry``."""

from __future__ import annotations

import os
import pathlib
import shlex

import click

from acrawl.cli.options import job_option
from acrawl.errors import EXIT_FAILED, EXIT_OK
from acrawl.frontier import books, revival, stories
from acrawl.frontier.database import Database
from acrawl.job import Identity, Job, find
from acrawl.outcome import EXCLUDED, FAILED, FETCHED, QUARANTINED
from acrawl.url import canonical


@click.command()
@click.argument("urls", nargs=-1, metavar="[URL]...")
@click.option(
    "--status", "statuses", multiple=True, type=click.Choice([FAILED, QUARANTINED, EXCLUDED]),
    metavar="STATUS", help="Only what ended as failed, quarantined or excluded; may be repeated.",
)  # fmt: skip
@click.option("--reason", default="", metavar="WORD", help="Only what ended for this reason, as in http-500.")
@job_option
def retry(urls: tuple[str, ...], statuses: tuple[str, ...], reason: str, job: pathlib.Path | None) -> int:
    """Queue ended requests again; running the crawl again fetches them.

    Everything that failed or was quarantined, unless told which. What was fetched is done; of what was kept out before
    it was queued (offsite, depth, robots) nothing is there to try. Exit code 0 when something was queued, else 1.
    """
    if not statuses and not reason and not urls:
        statuses = (FAILED, QUARANTINED)
    wanted = [canonical(url if "://" in url else f"https://{url}") for url in urls]
    with Job(find(job), make=False) as place, Database(place.database) as db:
        found = books.find_ended(db, [(status, reason) for status in statuses or ("",)], wanted)
        for url in wanted:
            if url not in found.urls:
                click.echo(f"acrawl: {url}: {_why_not(db, url)}", err=True)
        if found.gone and (statuses or reason) and not urls:
            click.echo(f"acrawl: nothing is kept to try again of {_listed(found.gone)}", err=True)
        if not found.numbers:
            click.echo("nothing to try again")
            return EXIT_FAILED
        crawl = place.reopen()  # first: were we killed in between, the crawl would just finish once more
        count = revival.revive(db, found.numbers)
    click.echo(f"{count} queued again: {_listed(found.kept)}")
    click.echo(f"go on with: {_command(crawl)}")
    return EXIT_OK


def _why_not(db: Database, url: str) -> str:
    story = stories.story(db, url)
    named = books.short(story.state, story.reason)
    if story.state == "unknown":
        return "this crawl has never met it"
    if story.state == "queued":
        return "it is queued already"
    if story.state == FETCHED:
        return f"{named}; it needs no further try"
    return f"{named}: not asked for, or nothing of it is kept to try again"


def _listed(ends: dict[str, int]) -> str:
    return ", ".join(f"{count} {end}" for end, count in ends.items())


def _command(crawl: Identity | None) -> str:
    """What to type so that the crawl goes on."""
    if crawl is None or not crawl.command:
        return "the command that began the crawl"
    typed = shlex.join(["acrawl", *crawl.command])
    return typed if crawl.cwd in {"", os.getcwd()} else f"cd {shlex.quote(crawl.cwd)} && {typed}"
