"""The verb ``mirror``."""

from __future__ import annotations

import pathlib
from typing import Any

import click

from acrawl.cli.crawl import make_plan
from acrawl.cli.launch import crawl
from acrawl.cli.options import seeds_of, shared

MIRROR = "acrawl.spiders.mirror:Mirror"


@click.command()
@click.argument("urls", nargs=-1, required=True, metavar="URL...")
@click.option("-o", "--files", type=click.Path(path_type=pathlib.Path), required=True, help="The folder for the copy.")
@click.option("--scope", type=click.Choice(["host", "domain", "path"]), help="Which pages are copied [default: host].")
@click.option(
    "--hosts", type=click.Choice(["any", "same"]), default="any", help="Where parts of pages may live [default: any]."
)
@click.option("--depth", type=click.IntRange(0), help="How many links away from URL; 0 for itself [default: any].")
@click.option("--no-requisites", is_flag=True, help="Pages only: no images, styles, scripts.")
@shared
def mirror(
    urls: tuple[str, ...], files: pathlib.Path, scope: str | None, hosts: str, depth: int | None, no_requisites: bool,
    **options: Any,
) -> int:  # fmt: skip
    """Keep a copy of a web site that can be read without a network.

    Saves the pages of the given sites and all that they need to be shown, as they came; at the end the links, images
    and styles in them lead from one file to the other. DIR/index.html leads to the first page.
    """
    if scope is not None:
        options["pairs"] = (f"scope.within={scope}", *options["pairs"])
    arguments = {"urls": " ".join(seeds_of(urls)), "hosts": hosts}
    if no_requisites:
        arguments["requisites"] = "no"
    if depth is not None:
        arguments["depth"] = str(depth)
    return crawl(make_plan(MIRROR, arguments, files=files, publish="mirror", **options))
