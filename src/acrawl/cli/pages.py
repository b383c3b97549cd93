"""The verb ``pages``."""

from __future__ import annotations

import pathlib
from typing import Any

import click

from acrawl.cli.crawl import make_plan
from acrawl.cli.launch import crawl
from acrawl.cli.options import Files, of_sites
from acrawl.parse import markdown
from acrawl.results.cloud.address import Address

PAGES = "acrawl.spiders.pages:Pages"


@click.command()
@click.option(
    "-o", "--files", type=Files(), metavar="PLACE", required=True, help="Where the texts go: a folder, or s3://..."
)
@click.option("--main/--whole", default=True, help="The main content of each page, or all of it [default: main].")
@of_sites
def pages(arguments: dict[str, str], files: pathlib.Path | Address, main: bool, **options: Any) -> int:
    """Save the text of every page of a web site as Markdown.

    Each page becomes a .md file below the folder, with its URL, title, language and date above the text; pages of equal
    text become one. pages.jsonl lists them all. Needs a package more: pip install 'acrawl[markdown]'.
    """
    markdown.check()
    arguments["part"] = "main" if main else "whole"
    return crawl(make_plan(PAGES, arguments, files=files, publish="pages", **options))
