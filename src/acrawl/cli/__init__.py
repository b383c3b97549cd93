"""The command line: one small file per group of verbs."""

from __future__ import annotations

import difflib
import gc
import importlib
import sys
from typing import Any

import click

from acrawl.cli.options import TYPED
from acrawl.errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE, AcrawlError

#: Where each verb lives. Only the one that is typed is imported: a worker needs no master and starts sooner.
COMMANDS = {
    "images": "crawl:images",
    "pages": "pages:pages",
    "mirror": "mirror:mirror",
    "links": "links:links",
    "run": "crawl:run",
    "work": "work:work",
    "why": "ask:why",
    "audit": "ask:audit",
    "export": "export:export",
    "changes": "ask:changes",
    "fetch": "fetch:fetch",
    "shell": "shell:shell",
    "report": "report:report",
    "retry": "mend:retry",
    "demo": "demo:demo",
    "list": "inspect:list_spiders",
    "settings": "inspect:settings",
    "version": "inspect:version",
}

EPILOG = """
\b
Examples:
  acrawl images https://example.org/ -o pictures/       every image of a site
  acrawl pages https://example.org/ -o texts/           every page of a site as Markdown
  acrawl mirror https://example.org/ -o copy/           a copy of a site, to read without a network
  acrawl links https://example.org/                     which links are broken, and on which pages
  acrawl run spider.py -o items.jsonl --workers 4       a spider of your own
  acrawl run spider.py --listen 0.0.0.0:8001            the same, open to other machines
  acrawl work --join join.json spider.py                on each of them
  acrawl fetch https://example.org/                     what one request does, with times
  acrawl shell https://example.org/                     look at a page in a Python session
  acrawl why https://example.org/missing                what became of a URL
  acrawl audit --failed                                 what a crawl's books say
  acrawl report -o report.html                          a page about a crawl, with plots
  acrawl export -o items.csv                            a crawl's items once more, in another form
  acrawl run spider.py -o new.jsonl --again             visit a site again: fetch what has changed
  acrawl changes                                        what that visit found added, changed and removed

\b
Exit codes:
  0 finished     1 failed     2 wrong usage     3 the machine refuses (port, key, disk, version)
  4 a limit was hit           130 interrupted
"""


class Verbs(click.Group):
    """The commands, imported when they are asked for."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click's; what was typed is kept for the job's record."""
        ctx.meta[TYPED] = list(args)
        for word in args:
            if not word.isascii() and (shown := word.encode("utf-8", "backslashreplace").decode()) != word:
                ctx.fail(f"{shown}: has bytes in it that are no UTF-8, and the job's record can keep none")
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, or None."""
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, name = place.partition(":")
        gc.disable()  # imports make much, and leave no rubbish worth looking for
        try:
            command: click.Command = getattr(importlib.import_module(f"acrawl.cli.{module}"), name)
        finally:
            gc.freeze()
            gc.enable()
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """As click's, with the nearest name for a wrong one."""
        near = difflib.get_close_matches(args[0], COMMANDS, 1) if args else []
        if near and args[0] not in COMMANDS:
            ctx.fail(f"there is no command {args[0]!r}; did you mean {near[0]!r}?")
        return super().resolve_command(ctx, args)


@click.group(
    cls=Verbs, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
def acrawl() -> None:
    """Crawl web sites, on one machine or many."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit. A plain mistake ends in one line on standard error, never in a traceback."""
    try:
        code = acrawl.main(arguments, prog_name="acrawl", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        code = EXIT_USAGE
    except click.ClickException as error:
        click.echo(f"acrawl: {error.format_message()}", err=True)
        code = EXIT_USAGE
    except AcrawlError as error:
        click.echo(f"acrawl: {error}", err=True)
        code = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        code = EXIT_INTERRUPTED
    except BrokenPipeError:  # whoever read our output has gone: nothing more to say
        sys.stderr.close()
        code = EXIT_FAILED
    sys.exit(code)
