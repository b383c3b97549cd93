"""The verb ``mirror``."""

from __future__ import annotations

import pathlib
from typing import Any

import click

from acrawl.cli.crawl import make_plan
from acrawl.cli.launch import crawl
from acrawl.cli.options import Files, of_sites

MIRROR = "acrawl.spiders.mirror:Mirror"


@click.command()
@click.option(
    "-o", "--files", type=Files(folder_only=True), metavar="PLACE", required=True, help="The folder for the copy."
)
@click.option(
    "--hosts", type=click.Choice(["any", "same"]), default="any", help="Where parts of pages may live [default: any]."
)
@click.option("--depth", type=click.IntRange(0), help="How many links away from URL; 0 for itself [default: any].")
@click.option("--no-requisites", is_flag=True, help="Pages only: no images, styles, scripts.")
@of_sites
def mirror(
    arguments: dict[str, str],
    files: pathlib.Path,
    hosts: str,
    depth: int | None,
    no_requisites: bool,
    **options: Any,
) -> int:
    """Keep a copy of a web site that can be read without a network.

    Saves the pages of the given sites and all that they need to be shown, as they came; at the end the links, images
    and styles in them lead from one file to the other. DIR/index.html leads to the first page.
    """
    arguments["hosts"] = hosts
    if no_requisites:
        arguments["requisites"] = "no"
    if depth is not None:
        arguments["depth"] = str(depth)
    return crawl(make_plan(MIRROR, arguments, files=files, publish="mirror", **options))
