"""The verbs that crawl: ``images`` and ``run``."""

from __future__ import annotations

import os
import pathlib
from typing import Any

import click

from acrawl.cli.imaging import imaged
from acrawl.cli.launch import crawl
from acrawl.cli.options import (
    Files,
    address_of,
    again_option,
    arguments_of,
    cores,
    of_sites,
    resolved,
    scoped,
    shared,
    typed,
)
from acrawl.errors import UsageError
from acrawl.master.plan import Plan
from acrawl.queues.join import load_authkey
from acrawl.results.cloud.address import Address
from acrawl.settings import Settings
from acrawl.spider import Source

IMAGES = "acrawl.spiders.images:Images"


@click.command()
@click.option(
    "-o", "--files", type=Files(), metavar="PLACE", required=True, help="Where the images go: a folder, or s3://..."
)
@click.option(
    "--hosts", type=click.Choice(["any", "same"]), default="any", help="Where images may live [default: any]."
)
@again_option
@imaged
@of_sites
def images(arguments: dict[str, str], files: pathlib.Path | Address, hosts: str, **options: Any) -> int:
    """Save every image of a web site.

    Reads the pages of the given sites, and saves every image that they or their stylesheets name into a folder, each
    distinct image once, with images.jsonl (where each one came from) and a gallery (index.html).
    """
    return crawl(make_plan(IMAGES, arguments | {"hosts": hosts}, files=files, publish="gallery", **options))


@click.command()
@click.argument("spider", metavar="SPIDER")
@click.option(
    "-o",
    "--output",
    "feeds",
    multiple=True,
    metavar="PATH[:FORMAT]",
    help="Where items go: a file (.jsonl .json .csv .xml .sqlite .parquet), a URL, - for stdout; may be repeated.",
)
@click.option("-a", "arguments", multiple=True, metavar="NAME=VALUE", help="An argument of the spider.")
@click.option("--files", type=Files(), metavar="PLACE", help="Where saved files go: a folder, or s3://...")
@scoped("host", "domain", "path", "any")
@again_option
@shared
def run(
    spider: str,
    feeds: tuple[str, ...],
    arguments: tuple[str, ...],
    files: pathlib.Path | Address | None,
    **options: Any,
) -> int:
    """Run a spider: file.py, file.py:Class, module or module:Class."""
    return crawl(make_plan(spider, arguments_of(arguments), files=files, feeds=feeds, **options))


def make_plan(  # noqa: PLR0913 - the command line's options, each named once
    spec: str,
    arguments: dict[str, str],
    *,
    files: pathlib.Path | Address | None = None,
    publish: str = "",
    feeds: tuple[str, ...] = (),
    workers: int | None = None,
    pairs: tuple[str, ...] = (),
    config: pathlib.Path | None = None,
    job: pathlib.Path | None = None,
    resume: bool = False,
    fresh: bool = False,
    listen: str | None = None,
    authkey_file: pathlib.Path | None = None,
    quiet: bool = False,
    check: bool = False,
    warc: pathlib.Path | None = None,
    again: bool = False,
) -> Plan:
    """Resolve options to a plan. Raises `UsageError` and its kin for what is wrong with them."""
    if fresh and (resume or again):
        raise UsageError(f"--{'resume' if resume else 'again'} and --fresh exclude each other")
    source = Source(spec)
    address = address_of(listen)
    if workers == 0 and address is None:
        raise UsageError("--workers 0 needs --listen: nobody would crawl")
    name = source.cls.name or source.cls.__name__.lower()
    settings = resolved(config, dict(source.cls.own_settings()), pairs)
    if not feeds:
        feeds, settings = _with_own_feeds(source, settings)
    return Plan(
        source=source,
        spec=spec,
        arguments=arguments,
        settings=settings,
        job=job or (files / ".acrawl" if isinstance(files, pathlib.Path) else pathlib.Path(".acrawl", name)),
        workers=workers if workers is not None else 0 if address else cores(),
        listen=address,
        authkey=load_authkey(authkey_file, os.environ.get("ACRAWL_AUTHKEY")),
        files=files,
        publish=publish,
        feeds=feeds,
        resume=resume,
        fresh=fresh,
        quiet=quiet,
        check=check,
        again=again,
        typed=typed(),
        warc=warc,
    )


def _with_own_feeds(source: Source, settings: Settings) -> tuple[tuple[str, ...], Settings]:
    """What the spider's ``FEEDS``, as Scrapy has them, are as ``-o``, and the settings with what they say of fields."""
    custom = source.cls.custom_settings or {}
    if "FEEDS" not in custom:
        return (), settings
    from acrawl.scrapy.feeds import feeds_of, with_fields

    feeds = feeds_of(custom)
    return feeds, with_fields(settings, custom, feeds)
