"""Scrapy's ``FEEDS``: files and their formats, as ``-o`` has them."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from acrawl.errors import SettingsError
from acrawl.scrapy.settings import PAGE
from acrawl.settings import Settings

log = logging.getLogger(__name__)

#: How Scrapy calls the formats, where it calls them otherwise.
_FORMATS = {"jsonlines": "jsonl", "jl": "jsonl"}
_UNDERSTOOD = frozenset({"format", "fields"})
_FIELD = re.compile(r"%(?:\((\w+)\)(0?\d*)([sd])|%)|[{}]")
_FIELDS = {"name": "name", "time": "time", "batch_id": "batch"}


def feeds_of(custom: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what ``-o`` would be given for each of a spider's ``FEEDS``; a warning names options without effect.

    Raises `SettingsError` for what cannot be filled into a path here.
    """
    return tuple(_spec(str(path), how or {}) for path, how in dict(custom.get("FEEDS") or {}).items())


def with_fields(settings: Settings, custom: Mapping[str, Any], specs: Sequence[str]) -> Settings:
    """Return settings with the ``fields`` that a spider's ``FEEDS`` choose; ``specs`` are what `feeds_of` said."""
    options = [how or {} for how in dict(custom.get("FEEDS") or {}).values()]
    chosen = {spec: tuple(how["fields"]) for spec, how in zip(specs, options, strict=True) if how.get("fields")}
    of_feeds = msgspec.structs.replace(settings.feeds, fields_of=chosen | settings.feeds.fields_of)
    return msgspec.structs.replace(settings, feeds=of_feeds)


def _spec(path: str, how: Mapping[str, Any]) -> str:
    without = sorted(name for name, value in how.items() if name not in _UNDERSTOOD and value is not None)
    if isinstance(how.get("fields"), Mapping):
        log.warning("custom_settings: FEEDS: %s: fields are chosen, but keep their names (%s)", path, PAGE)
    if without:
        log.warning("custom_settings: FEEDS: %s: without effect: %s (%s)", path, ", ".join(without), PAGE)
    if path in {"stdout:", "-"}:
        place = "-"
    else:
        place = _FIELD.sub(lambda match: _field(path, match), path.removeprefix("file://"))
    form = str(how.get("format") or "")
    return f"{place}:{_FORMATS.get(form, form)}" if form else place


def _field(path: str, match: re.Match[str]) -> str:
    if match[0] in "{}":
        return match[0] * 2
    if match[0] == "%%":
        return "%"
    if match[1] not in _FIELDS:
        raise SettingsError(f"custom_settings: FEEDS: {path}: only %(name)s, %(time)s, %(batch_id)d can be filled in")
    return f"{{{_FIELDS[match[1]]}{f':{match[2]}' if match[2] else ''}}}"
