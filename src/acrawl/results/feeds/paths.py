"""From the path of a file to a feed: what is in braces filled in, the file locked and cut back to its mark."""

from __future__ import annotations

import os
import pathlib
import stat
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from acrawl.errors import EnvironmentProblem, FolderProblem, UsageError
from acrawl.results.base import Feed
from acrawl.results.feeds.base import Table
from acrawl.results.feeds.compression import CODECS
from acrawl.results.feeds.file import FileFeed, Layers, begin, lock, shortened
from acrawl.results.feeds.growing import TableFeed, settle
from acrawl.results.feeds.rotating import RotatingFeed, clear
from acrawl.results.feeds.spec import FORMATS, Spec
from acrawl.results.feeds.stream import StreamFeed
from acrawl.results.feeds.template import Template, read
from acrawl.settings import Cloud, Feeds

#: The mark that says when the crawl began, in seconds since the Unix epoch.
BEGAN = "feeds:began"
_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)


class Crawl(NamedTuple):
    """What feeds want to know of the crawl: their settings, the spider's name, the job's folder, if there is one."""

    settings: Feeds = Feeds()
    name: str = "spider"
    folder: pathlib.Path | None = None
    cloud: Cloud = Cloud()

    def fields(self, spec: Spec) -> Sequence[str]:
        """The fields that are wanted in one feed, none for all."""
        own = self.settings.fields_of
        return own.get(spec.typed) or own.get(spec.path) or self.settings.fields


def open_file(spec: Spec, marks: Mapping[str, int], crawl: Crawl, *, overwrite: bool) -> Feed:
    """Open the file, or the first of several. Raises as `acrawl.results.feeds.open_feed` does, and OSError."""
    template = read(os.path.abspath(spec.path), spec.typed, crawl.name, marks.get(BEGAN, 0))
    if template.form is None:
        name = template.path()
        _check(spec, name, marks.get(name))
        os.makedirs(os.path.dirname(name), exist_ok=True)
        return _file(name, marks, layers(spec, crawl), overwrite=overwrite)
    return _several(spec, template, marks, crawl, overwrite=overwrite)


def layers(spec: Spec, crawl: Crawl) -> Layers:
    """What lies between items and the bytes of one file."""
    return Layers(FORMATS[spec.format](crawl.fields(spec)), CODECS[spec.codec]())


def _several(spec: Spec, template: Template, marks: Mapping[str, int], crawl: Crawl, *, overwrite: bool) -> Feed:
    limits = crawl.settings.batch_items, crawl.settings.batch_bytes
    if not any(limits):
        raise UsageError(
            f"-o {spec.typed}: {{batch}} needs feeds.batch_items or feeds.batch_bytes to say when one ends"
        )
    name = os.path.abspath(spec.path)
    _check(spec, template.path(marks.get(f"{name}:batch", 1)), marks.get(name))
    os.makedirs(os.path.dirname(template.before), exist_ok=True)
    clear(name, template, marks, overwrite=overwrite)

    def make(path: str, marks: Mapping[str, int]) -> FileFeed:
        file = _file(path, marks, layers(spec, crawl), overwrite=True)
        if isinstance(file, FileFeed):
            return file
        file.close()
        raise FolderProblem(f"-o {spec.path}: {path} is no file")

    return RotatingFeed(name, template, limits, make, marks)


def _check(spec: Spec, path: str, mark: int | None) -> None:
    """Refuse what can be refused before anything is made."""
    if os.path.isdir(path):
        raise FolderProblem(f"-o {spec.path}: is a folder; name a file in it")
    if mark and not os.path.exists(path):
        raise EnvironmentProblem(shortened(spec.path, 0, mark))


def _file(path: str, marks: Mapping[str, int], inner: Layers, *, overwrite: bool) -> FileFeed | StreamFeed:
    """Go on with, or begin, one file. Raises as `open_feed` does, and OSError."""
    descriptor = os.open(path, _FLAGS, 0o666)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return StreamFeed(path, descriptor, inner)
        lock(descriptor, path)
        table = isinstance(inner.form, Table)
        if table and settle(path, descriptor, inner, marks):
            again = os.open(path, _FLAGS)
            os.dup2(again, descriptor, inheritable=False)
            os.close(again)
            lock(descriptor, path)
        length, begun = begin(path, descriptor, inner, marks, overwrite=overwrite)
        return (TableFeed if table else FileFeed)(path, descriptor, length, inner, begun)
    except BaseException:
        os.close(descriptor)
        raise
