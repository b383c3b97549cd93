"""The command line: one small file per group of verbs."""

from __future__ import annotations

import sys

import click

from acrawl.cli.crawl import images, run
from acrawl.cli.demo import demo
from acrawl.cli.inspect import list_spiders, settings, version
from acrawl.cli.work import work
from acrawl.errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE, AcrawlError

EPILOG = """
\b
Examples:
  acrawl images https://example.org/ -o pictures/       every image of a site
  acrawl run spider.py -o items.jsonl --workers 4       a spider of your own
  acrawl run spider.py --listen 0.0.0.0:8001            the same, open to other machines
  acrawl work --join join.json spider.py                on each of them

\b
Exit codes:
  0 finished     1 failed     2 wrong usage     3 the machine refuses (port, key, disk, version)
  4 a limit was hit           130 interrupted
"""


@click.group(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
def acrawl() -> None:
    """Crawl web sites, on one machine or many."""


for command in (images, run, work, demo, list_spiders, settings, version):
    acrawl.add_command(command)


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
