"""The verb to look at a page by hand: ``shell``."""

from __future__ import annotations

import mimetypes
import os
import pathlib
import sys

import click
from multidict import CIMultiDict

from acrawl.cli.console import Console
from acrawl.cli.options import arguments_of, resolved, written
from acrawl.cli.session import Session
from acrawl.errors import EXIT_FAILED, FolderProblem, UsageError
from acrawl.logs import configure
from acrawl.request import Request
from acrawl.response import Response
from acrawl.spider import Source
from acrawl.url import canonical

_LOCAL = "http://localhost/"
#: What files are called, and no host is: there are no such top levels in the DNS.
_FILES = frozenset((".html", ".htm", ".xhtml", ".xml", ".json"))


@click.command()
@click.argument("place", required=False, metavar="[URL|FILE|-]")
@click.option("-c", "code", help="Evaluate this code, print what it gives, and end.")
@click.option("--follow/--no-follow", default=True, help="Follow redirects [default], or stop at the first.")
@click.option("--url", metavar="URL", help="Where the page in FILE or - came from [default: http://localhost/FILE].")
@click.option("--spider", metavar="SPIDER", help="Use the settings and stages of this spider.")
@click.option("-a", "arguments", multiple=True, metavar="NAME=VALUE", help="An argument of the spider.")
@click.option("-s", "--set", "pairs", multiple=True, metavar="SECTION.KEY=VALUE", help="Change a setting.")
@click.option("--config", type=click.Path(path_type=pathlib.Path), help="A TOML file of settings.")
def shell(
    *, place: str | None, code: str | None, follow: bool, url: str | None, spider: str | None,
    arguments: tuple[str, ...], pairs: tuple[str, ...], config: pathlib.Path | None,
) -> int:  # fmt: skip
    """Look at a page in an interactive Python session.

    The page is fetched as `acrawl fetch` does, robots.txt first, or read from a file, or from standard input (-). It is
    `response` then; shelp() tells what else there is. In IPython where that is installed. Lines that come from a pipe
    are run one after the other.
    """
    saved = None if place is None else _saved(place, url)
    if url is not None and saved is None:
        raise UsageError("--url tells where a page in a file came from, and there is no such file")
    if place == "-" and code is None:
        _take_terminal()
    request = Request(written(place)) if place and saved is None else None
    source = Source(spider) if spider is not None else None
    settings = resolved(config, dict(source.cls.custom_settings) if source is not None else {}, pairs)
    configure(settings.log, quiet=True)
    made = source.make(arguments_of(arguments), settings) if source is not None else None
    with Session(settings, made) as session:
        if request is not None and not session.load(request, follow=follow):
            if code is not None:
                return EXIT_FAILED
        elif saved is not None:
            session.have(saved)
        console = Console(session.names)
        return console.interact(session.told()) if code is None else console.evaluate(code)


def _saved(place: str, url: str | None) -> Response | None:
    """The page in a file, or in standard input; None where the place is neither."""
    path = pathlib.Path(place)
    try:
        if place == "-":
            body = sys.stdin.buffer.read()
        elif "://" in place or not path.is_file():
            if path.name == place and path.suffix.lower() in _FILES:
                raise UsageError(f"{place}: no such file; write https://{place}/ if it is a host")
            return None
        else:
            body = path.read_bytes()
    except OSError as error:
        raise FolderProblem(f"{place}: cannot be read: {error.strerror}") from None
    kind, coding = mimetypes.guess_type(path.name)
    headers = CIMultiDict({"Content-Type": kind} if kind and not coding else {})
    return Response(canonical(url or _LOCAL + ("" if place == "-" else path.name)), body=body, headers=headers)


def _take_terminal() -> None:
    """Let the session read from the terminal, for standard input was the page. Raises `UsageError` without one."""
    try:
        terminal = os.open("/dev/tty", os.O_RDWR)
    except OSError:
        raise UsageError("acrawl shell - reads the page from standard input: give the code with -c") from None
    os.dup2(terminal, 0)
    os.close(terminal)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - it is the process's
