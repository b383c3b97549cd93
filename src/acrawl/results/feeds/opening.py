"""From what ``-o`` names to a feed; whatever is wrong is said before anything is changed."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from acrawl.errors import EnvironmentProblem, FolderProblem, UsageError
from acrawl.results.base import Feed
from acrawl.results.feeds.base import Table
from acrawl.results.feeds.compression import CODECS
from acrawl.results.feeds.file import FileFeed, Layers, begin, lock, shortened
from acrawl.results.feeds.growing import TableFeed, settle
from acrawl.results.feeds.rotating import RotatingFeed, clear
from acrawl.results.feeds.spec import FORMATS, Spec, parse
from acrawl.results.feeds.stream import StreamFeed
from acrawl.results.feeds.template import Template, read
from acrawl.settings import Feeds

#: The mark that says when the crawl began, in seconds since the Unix epoch.
BEGAN = "feeds:began"
_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)


class Crawl(NamedTuple):
    """What feeds want to know of the crawl: their settings, and the spider's name."""

    settings: Feeds = Feeds()
    name: str = "spider"


_ANY = Crawl()


def open_feed(typed: str, marks: Mapping[str, int], *, overwrite: bool = False, crawl: Crawl = _ANY) -> Feed:
    """Open what ``-o`` names; ``marks`` are the frontier's. Missing folders are made.

    Without a mark, ``overwrite`` empties a file that exists instead of appending to it. Raises `UsageError` for a
    format that is not known and a path that cannot be filled in, `EnvironmentProblem` for a file that is shorter than
    its mark, cannot be gone on with, or is in use by another crawl, `FolderProblem` for one that cannot be written.
    """
    spec = parse(typed)
    if spec.path == "-":
        return StreamFeed("-", sys.stdout.fileno(), _layers(spec, crawl))
    template = read(os.path.abspath(spec.path), typed, crawl.name, marks.get(BEGAN, 0))
    rotates = bool(crawl.settings.batch_items or crawl.settings.batch_bytes)
    if template.form is not None and not rotates:
        raise UsageError(f"-o {typed}: {{batch}} needs feeds.batch_items or feeds.batch_bytes to say when one ends")
    try:
        return _opened(spec, template, marks, crawl, overwrite=overwrite)
    except OSError as error:  # nothing has begun: the user is told
        raise FolderProblem(f"-o {spec.path}: cannot be written: {error.strerror or error}") from None


def open_feeds(
    specs: Iterable[str], marks: Mapping[str, int], *, overwrite: bool = False, crawl: Crawl = _ANY
) -> list[Feed]:
    """Open several feeds; when one cannot be opened, the others are closed again. See `open_feed`."""
    wanted = list(specs)
    settings = crawl.settings
    if wanted and (settings.batch_items or settings.batch_bytes) and not any("{batch" in spec for spec in wanted):
        which = "batch_items" if settings.batch_items else "batch_bytes"
        raise UsageError(f"feeds.{which} is set, but no -o has {{batch}} in its name, as in -o items-{{batch}}.jsonl")
    with contextlib.ExitStack() as opened:
        feeds = []
        for spec in wanted:
            feed = open_feed(spec, marks, overwrite=overwrite, crawl=crawl)
            opened.callback(feed.close)
            feeds.append(feed)
        opened.pop_all()
        return feeds


def _layers(spec: Spec, crawl: Crawl) -> Layers:
    return Layers(FORMATS[spec.format](crawl.settings.fields), CODECS[spec.codec]())


def _opened(spec: Spec, template: Template, marks: Mapping[str, int], crawl: Crawl, *, overwrite: bool) -> Feed:
    name = template.path()
    if template.form is None:
        _check(spec, name, marks.get(name))
        os.makedirs(os.path.dirname(name), exist_ok=True)
        return _file(name, marks, _layers(spec, crawl), overwrite=overwrite)
    name = os.path.abspath(spec.path)
    _check(spec, template.path(marks.get(f"{name}:batch", 1)), marks.get(name))
    os.makedirs(os.path.dirname(name), exist_ok=True)
    clear(name, template, marks, overwrite=overwrite)

    def make(path: str, marks: Mapping[str, int]) -> FileFeed:
        file = _file(path, marks, _layers(spec, crawl), overwrite=True)
        if isinstance(file, FileFeed):
            return file
        file.close()
        raise FolderProblem(f"-o {spec.path}: {path} is no file")

    limits = crawl.settings.batch_items, crawl.settings.batch_bytes
    return RotatingFeed(name, template, limits, make, marks)


def _check(spec: Spec, path: str, mark: int | None) -> None:
    """Refuse what can be refused before anything is made."""
    if os.path.isdir(path):
        raise FolderProblem(f"-o {spec.path}: is a folder; name a file in it")
    if mark and not os.path.exists(path):
        raise EnvironmentProblem(shortened(spec.path, 0, mark))


def _file(path: str, marks: Mapping[str, int], layers: Layers, *, overwrite: bool) -> FileFeed | StreamFeed:
    """Go on with, or begin, one file. Raises as `open_feed` does, and OSError."""
    descriptor = os.open(path, _FLAGS, 0o666)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return StreamFeed(path, descriptor, layers)
        lock(descriptor, path)
        table = isinstance(layers.form, Table)
        if table and settle(path, descriptor, layers, marks):
            again = os.open(path, _FLAGS)
            os.dup2(again, descriptor, inheritable=False)
            os.close(again)
            lock(descriptor, path)
        length, begun = begin(path, descriptor, layers, marks, overwrite=overwrite)
        return (TableFeed if table else FileFeed)(path, descriptor, length, layers, begun)
    except BaseException:
        os.close(descriptor)
        raise
