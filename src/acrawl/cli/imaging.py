"""What is made of images, as options: they become settings."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable
from typing import Any, TypeVar, cast

import click

from acrawl.errors import UsageError

F = TypeVar("F", bound=Callable[..., Any])


def imaged(command: F) -> F:
    """Add the options that say which images are kept, and what is made of them; the command gets them in ``pairs``."""

    @click.option("--min-size", metavar="WxH", help="Keep no image of fewer pixels in width or height.")
    @click.option("--thumbs", multiple=True, metavar="[NAME=]WxH", help="Make thumbnails of this size, in thumbs/NAME.")
    @click.option("--convert", type=click.Choice(["jpeg", "png", "webp"]), help="Make copies in this format, as well.")
    @click.option("--near", type=click.IntRange(0, 8), help="List what looks alike, up to so many of 64 bits [try 4].")
    @functools.wraps(command)
    def with_images(
        *,
        min_size: str | None,
        thumbs: tuple[str, ...],
        convert: str | None,
        near: int | None,
        pairs: tuple[str, ...],
        **options: Any,
    ) -> Any:
        said = []
        if min_size is not None:
            size = re.fullmatch(r"(\d{1,9})x(\d{1,9})", min_size)
            if size is None:
                raise UsageError(f"--min-size {min_size}: write WIDTHxHEIGHT in pixels, as in 64x64")
            said += [f"images.min_width={size[1]}", f"images.min_height={size[2]}"]
        if thumbs:
            sizes = [(name or size, size) for name, _, size in (thumb.rpartition("=") for thumb in thumbs)]
            table = ", ".join(f"{json.dumps(name)} = {json.dumps(size)}" for name, size in dict(sizes).items())
            said.append(f"images.thumbs={{{table}}}")
        said += [f"images.convert={convert}"] if convert is not None else []
        said += [f"images.near={near}"] if near is not None else []
        return command(pairs=(*said, *pairs), **options)

    return cast("F", with_images)
