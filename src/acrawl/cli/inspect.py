"""The verbs that look: ``list``, ``settings``, ``version``."""

from __future__ import annotations

import importlib.metadata
import pathlib
import platform
from typing import Any

import click
import msgspec

import acrawl.settings as layers
from acrawl.cli.options import resolved
from acrawl.errors import SpiderError
from acrawl.settings.masks import masked
from acrawl.spider import spiders_in
from acrawl.version import VERSION

READY_MADE = {
    "images": "every image of a web site: acrawl images URL... -o DIR",
    "pages": "every page of a web site as Markdown: acrawl pages URL... -o DIR",
    "links": "the broken links of a web site: acrawl links URL...",
    "mirror": "a browsable copy of a web site: acrawl mirror URL... -o DIR",
}


@click.command("list")
@click.argument("places", nargs=-1, type=click.Path(path_type=pathlib.Path), metavar="[FILE|FOLDER]...")
def list_spiders(places: tuple[pathlib.Path, ...]) -> int:
    """List the spiders in files and folders (here, by default), and the ready-made ones."""
    for name, what in READY_MADE.items():
        click.echo(f"{name:24} {what}")
    for place in places or (pathlib.Path(),):
        for file in [place] if place.is_file() else sorted(place.glob("*.py")):
            try:
                found = spiders_in(str(file))
            except SpiderError as error:  # one broken file: the others are listed all the same
                click.echo(f"acrawl: {error}", err=True)
                continue
            for cls in found.values():
                click.echo(f"{cls.name or cls.__name__.lower():24} {file}:{cls.__name__}")
        if not place.exists():
            raise SpiderError(f"{place}: no such file or folder")
    return 0


@click.command()
@click.option("-s", "--set", "pairs", multiple=True, metavar="SECTION.KEY=VALUE", help="Change a setting.")
@click.option("--config", type=click.Path(path_type=pathlib.Path), help="A TOML file of settings.")
def settings(pairs: tuple[str, ...], config: pathlib.Path | None) -> int:
    """Show every setting as it would be used, as TOML; those that differ from the default are marked."""
    click.echo(as_toml(resolved(config, {}, pairs)), nl=False)
    return 0


def as_toml(chosen: layers.Settings) -> str:
    """The settings as a commented TOML document, in the order of `acrawl.settings`."""
    lines = ["# Every setting of acrawl with its value; `acrawl run --config FILE` reads such a file.\n"]
    docs, defaults = layers.documentation(), layers.keys()
    for section in msgspec.structs.fields(layers.Settings):
        values = getattr(chosen, section.name)
        lines.append(f"\n[{section.name}]\n")
        for field in msgspec.structs.fields(section.type):
            value = getattr(values, field.name)
            name = f"{section.name}.{field.name}"
            shown = masked(name, value)
            mark = "" if value == defaults[name] else f"  # default: {_toml(defaults[name])}"
            lines.append(f"# {docs[name]}\n{field.name} = {_toml(shown)}{mark}\n")
    return "".join(lines)


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        pairs = ", ".join(f"{_toml(name)} = {_toml(inner)}" for name, inner in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return msgspec.json.encode(value).decode() if isinstance(value, bool | str) else str(value)


@click.command()
def version() -> int:
    """Show the versions of acrawl and of what it stands on."""
    under = importlib.metadata.version("aiohttp")
    click.echo(f"acrawl {VERSION} (Python {platform.python_version()}, aiohttp {under})")
    return 0
