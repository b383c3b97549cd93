"""The verb ``pages``."""

from __future__ import annotations

import pathlib
from typing import Any

import click

from acrawl.cli.crawl import make_plan
from acrawl.cli.launch import crawl
from acrawl.cli.options import seeds_of, shared
from acrawl.parse import markdown

PAGES = "acrawl.spiders.pages:Pages"


@click.command()
@click.argument("urls", nargs=-1, required=True, metavar="URL...")
@click.option("-o", "--files", type=click.Path(path_type=pathlib.Path), required=True, help="The folder for the texts.")
@click.option("--main/--whole", default=True, help="The main content of each page, or all of it [default: main].")
@click.option("--scope", type=click.Choice(["host", "domain", "path"]), help="Which pages are read [default: host].")
@shared
def pages(urls: tuple[str, ...], files: pathlib.Path, main: bool, scope: str | None, **options: Any) -> int:
    """Save the text of every page of a web site as Markdown.

    Each page becomes a .md file below the folder, with its URL, title, language and date above the text; pages of equal
    text become one. pages.jsonl lists them all. Needs a package more: pip install 'acrawl[markdown]'.
    """
    markdown.check()
    if scope is not None:
        options["pairs"] = (f"scope.within={scope}", *options["pairs"])
    arguments = {"urls": " ".join(seeds_of(urls)), "part": "main" if main else "whole"}
    return crawl(make_plan(PAGES, arguments, files=files, publish="pages", **options))
