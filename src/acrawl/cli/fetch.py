"""The verb that makes one request and tells all about it: ``fetch``."""

from __future__ import annotations

import pathlib
import sys
import time

import click
import msgspec

from acrawl.cli.chain import Chain
from acrawl.cli.hop import told
from acrawl.cli.loop import run_loop
from acrawl.cli.options import Local, arguments_of, resolved, written
from acrawl.errors import EXIT_FAILED, EXIT_OK, FolderProblem, UsageError
from acrawl.fetch import Fetcher
from acrawl.logs import configure
from acrawl.request import Request
from acrawl.response import Response
from acrawl.settings import Settings
from acrawl.spider import Source, Spider, login_of

#: What ``-d`` sends, unless ``-H`` says otherwise.
_FORM = "application/x-www-form-urlencoded"


class Wanted(msgspec.Struct, frozen=True):
    """What is to be shown, and where the body goes (`body` to standard output)."""

    follow: bool
    verbose: bool
    body: bool
    output: pathlib.Path | None


@click.command()
@click.argument("url")
@click.option("-X", "--method", help="The method [default: GET, with -d POST].")
@click.option("-H", "--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="A header to send.")
@click.option("-d", "--data", help="A body to send.")
@click.option("--follow/--no-follow", default=True, help="Follow redirects [default], or stop at the first.")
@click.option("-v", "--verbose", is_flag=True, help="Show the heads of requests and answers too.")
@click.option("--body", is_flag=True, help="Write the body to standard output, and all else to standard error.")
@click.option("-o", "--output", type=Local(dir_okay=False), help="A file for the body.")
@click.option("--spider", metavar="SPIDER", help="Use the settings and stages of this spider.")
@click.option("-a", "arguments", multiple=True, metavar="NAME=VALUE", help="An argument of the spider.")
@click.option("-s", "--set", "pairs", multiple=True, metavar="SECTION.KEY=VALUE", help="Change a setting.")
@click.option("--config", type=click.Path(path_type=pathlib.Path), help="A TOML file of settings.")
def fetch(  # noqa: PLR0913 - the command line's options, each named once
    *, url: str, method: str | None, headers: tuple[str, ...], data: str | None, follow: bool, verbose: bool,
    body: bool, output: pathlib.Path | None, spider: str | None, arguments: tuple[str, ...], pairs: tuple[str, ...],
    config: pathlib.Path | None,
) -> int:  # fmt: skip
    """Make one request as a worker would, and tell what happens, stage by stage, with times.

    robots.txt is asked first where it is obeyed. Redirects are followed, each one told. The URL counts as a seed: its
    host may be on this machine or in its network. Exits with 0 for an answer below 400, else with 1.
    """
    request = _request(url, method, headers, data)
    source = Source(spider) if spider is not None else None
    settings = resolved(config, dict(source.cls.custom_settings) if source is not None else {}, pairs)
    configure(settings.log, quiet=True)
    made = source.make(arguments_of(arguments), settings) if source is not None else None
    return run_loop(_told(request, settings, made, Wanted(follow, verbose, body, output)))


def _request(url: str, method: str | None, headers: tuple[str, ...], data: str | None) -> Request:
    fields = {}
    for header in headers:
        name, colon, value = header.partition(":")
        if not colon or not name.strip():
            raise UsageError(f"-H {header!r}: write -H 'Name: value'")
        fields[name.strip()] = value.strip()
    if data is not None and "content-type" not in {name.lower() for name in fields}:
        fields["Content-Type"] = _FORM
    return Request(
        written(url),
        method=(method or ("GET" if data is None else "POST")).upper(),
        headers=fields,
        body=(data or "").encode("utf-8", "surrogateescape"),
    )


async def _told(request: Request, settings: Settings, spider: Spider | None, wanted: Wanted) -> int:
    """Make the request and those that it leads to, and tell of each; returns the exit code."""
    caching = settings.cache.mode != "off"
    own, login = (spider.stages, login_of(spider)) if spider is not None else ((), ("", "", ""))
    async with Fetcher(settings, own, login=login) as fetcher:
        async for hop in Chain(fetcher, settings).hops(request, follow=wanted.follow):
            for line in told(hop, settings.retry, time.time(), caching=caching, verbose=wanted.verbose):
                click.echo(line, err=wanted.body)
        if not isinstance(hop.came, Response):
            return EXIT_FAILED
        _write(hop.came, wanted)  # here, for the fetcher removes its temporary files in the end
        return EXIT_OK if hop.came.status < 400 else EXIT_FAILED


def _write(response: Response, wanted: Wanted) -> None:
    if wanted.body:
        sys.stdout.buffer.write(response.body)
        sys.stdout.buffer.flush()
    if wanted.output is not None:
        try:
            wanted.output.write_bytes(response.body)
        except OSError as error:
            raise FolderProblem(f"{wanted.output}: cannot be written: {error.strerror}") from None
