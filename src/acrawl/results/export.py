"""Feeds made of what a job keeps, while nothing is crawled, or beside a crawl.

A file is written in a folder beside its place and takes that place when it is whole, so whatever is killed, nothing
torn has its name; what a killed export leaves, the next one into that folder clears away. Where that cannot be (a
table in a database that is there, a server, a pipe) the feed is written as a crawl writes it. Databases know an item
by its id: an export that was broken off is made whole by another one.
"""

from __future__ import annotations

import contextlib
import logging
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from acrawl.errors import CrawlFailed, EnvironmentProblem, FolderProblem, UsageError
from acrawl.results.base import Feed, Row
from acrawl.results.feeds import BEGAN, Crawl
from acrawl.results.feeds.csv_table import OTHERS
from acrawl.results.feeds.file import lock
from acrawl.results.feeds.flat import flat
from acrawl.results.feeds.opening import look, open_spec
from acrawl.results.feeds.spec import FORMATS, STORES, Spec, parse, shown
from acrawl.results.feeds.stores import transacted
from acrawl.results.feeds.table import MAX_COLUMNS
from acrawl.results.feeds.template import Template, read
from acrawl.results.feeds.values import plain
from acrawl.temporary import OwnFolder

log = logging.getLogger(__name__)

#: Items that are named, of those that a feed could not take.
_NAMED = 10
_PREFIX = ".acrawl-export-"
#: Items in parts, from the first one each time it is called.
Source = Callable[[], Iterable[Sequence[Row]]]


class Exported(NamedTuple):
    """How many items there were, and how many of them a feed could not take."""

    items: int
    unfit: int


def export(
    specs: Sequence[str], source: Source, marks: Mapping[str, int], crawl: Crawl, *, overwrite: bool = False
) -> Exported:
    """Write all items into what ``-o`` names; ``marks`` are the crawl's.

    Without ``overwrite`` a file that is there is refused by `EnvironmentProblem`. Raises for other obstacles as
    `acrawl.results.feeds.open_feeds` does, before anything is written, and `CrawlFailed` for what cannot be written.
    """
    look(crawl.settings, specs)
    wanted = [parse(typed) for typed in specs]
    _check_distinct(wanted)
    places = [_place(spec, marks, crawl) for spec in wanted]
    aside = [place for place in places if place is not None]
    for place in aside:
        place.check(marks, overwrite=overwrite)
    crawl = _with_fields(crawl, wanted, source)
    with contextlib.ExitStack() as stack:
        feeds: list[Feed] = []
        for spec, own in zip(wanted, places, strict=True):
            inner = spec if own is None else stack.enter_context(own.entered())
            feed = open_spec(inner, {BEGAN: marks.get(BEGAN, 0)}, overwrite=overwrite or own is not None, crawl=crawl)
            stack.callback(feed.close)
            feeds.append(feed)
        try:
            exported = _write(feeds, source())
            for feed in feeds:
                feed.finish()
                feed.close()
        except CrawlFailed as error:
            raise CrawlFailed(_in_words(str(error), aside)) from error.__cause__
        for place in aside:
            place.publish()
    return exported


class _Place:
    """The place of a file, or of several with numbers in their names, and the folder where it is written until then."""

    def __init__(self, spec: Spec, template: Template) -> None:
        typed = os.path.abspath(spec.path)
        self._names = {typed, template.before, f"{typed}:batch"}
        if template.form is None:  # a link to a file stays one
            template = Template(os.path.realpath(template.before))
        self._spec = spec
        self._template = template
        self.folder, self._name = os.path.split(template.before)
        self.temporary = ""

    def check(self, marks: Mapping[str, int], *, overwrite: bool) -> None:
        """Refuse what is there and may not be replaced."""
        if (self._names | {self._template.before}) & marks.keys():
            raise EnvironmentProblem(f"-o {self._spec.path}: is where the crawl itself writes to; name another file")
        for path in self._there():
            if os.path.isdir(path):
                raise FolderProblem(f"-o {self._spec.path}: {path} is a folder; name a file in it")
            if os.path.getsize(path) and not overwrite:
                raise EnvironmentProblem(f"-o {self._spec.path}: {path} is there already: name another, or --overwrite")
            _check_unused(path)

    @contextlib.contextmanager
    def entered(self) -> Iterator[Spec]:
        """Make the folder; gives what is to be opened in it. Raises `FolderProblem`."""
        own = OwnFolder(self.folder, _PREFIX)
        try:
            try:
                own.sweep()
                self.temporary = own.path()
                os.mkdir(self.temporary)
            except OSError as error:  # nothing has begun: the user is told
                raise FolderProblem(f"-o {self._spec.path}: cannot be written: {error.strerror or error}") from None
            path = _literally(os.path.join(self.temporary, self._name))
            form = self._template.form
            if form is not None:
                path += f"{{batch{':' * bool(form)}{form}}}{_literally(self._template.after)}"
            yield self._spec._replace(path=path)
        finally:
            own.close()

    def publish(self) -> None:
        """Let everything take its place, and remove what it replaces. Raises `CrawlFailed`."""
        made = sorted(os.listdir(self.temporary))
        try:
            gone = set(self._there()) - {os.path.join(self.folder, name) for name in made}
            for name in made:
                _put(os.path.join(self.temporary, name), os.path.join(self.folder, name))
            for path in gone:
                os.unlink(path)
            descriptor = os.open(self.folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:  # what has not taken its place goes: the same command makes it anew
            raise CrawlFailed(f"-o {self._spec.path}: cannot be written: {error.strerror or error}") from error

    def _there(self) -> list[str]:
        if self._template.form is not None:
            return sorted(self._template.behind(0))
        return [self._template.before] if os.path.exists(self._template.before) else []


def _place(spec: Spec, marks: Mapping[str, int], crawl: Crawl) -> _Place | None:
    """Where a file is written aside; None for what is not."""
    if spec.path == "-" or spec.address is not None or not (spec.format in FORMATS or spec.format in STORES):
        return None
    template = read(os.path.abspath(spec.path), spec.typed, crawl.name, marks.get(BEGAN, 0))
    path = template.before
    if template.form is None and os.path.exists(path) and not os.path.isdir(path):
        if not os.path.isfile(path):  # a pipe or a device
            return None
        if spec.format == "sqlite" and os.path.getsize(path):  # one table of it, and there may be others
            OwnFolder(os.path.dirname(path), _PREFIX).sweep()
            return None
    return _Place(spec, template)


def _check_distinct(wanted: Sequence[Spec]) -> None:
    places: set[str] = set()
    for spec in wanted:
        file = spec.format in FORMATS or spec.format in STORES
        place = transacted(spec) or (os.path.realpath(spec.path) if file and spec.path != "-" else spec.path)
        if place in places:
            raise UsageError(f"-o {shown(spec.typed)}: another -o writes to it")
        places.add(place)


def _check_unused(path: str) -> None:
    """Raise `EnvironmentProblem` for a file that a crawl writes to: itself, or, where it is Parquet, its parts."""
    folder, name = os.path.split(path)
    for locked in (path, os.path.join(folder, f".{name}.parts", "lock")):
        with contextlib.suppress(OSError):  # it is not there, or cannot be looked at
            descriptor = os.open(locked, os.O_RDWR)
            try:
                lock(descriptor, path)
            finally:
                os.close(descriptor)


def _with_fields(crawl: Crawl, wanted: Sequence[Spec], source: Source) -> Crawl:
    """Settle the fields of each feed.

    Those of CSV are found out beforehand where nobody has chosen them: then nothing has to be rewritten for new ones.
    """
    chosen = {spec.typed: tuple(crawl.fields(spec)) for spec in wanted}
    open_tables = [spec.typed for spec in wanted if spec.format == "csv" and not chosen[spec.typed]]
    if open_tables:
        values = (row.value for rows in source() for row in rows)
        chosen |= dict.fromkeys(open_tables, _fields_in(map(flat, values) if crawl.settings.flatten else values))
    return crawl._replace(settings=msgspec.structs.replace(crawl.settings, fields_of=chosen))


def _fields_in(values: Iterable[Any]) -> tuple[str, ...]:
    """All fields in the order in which they come; where they are too many, the rest share a column."""
    found: dict[str, None] = {}
    for value in values:
        if isinstance(value, dict) and not value.keys() <= found.keys():
            with contextlib.suppress(Exception):  # an item that no form can hold: it is told of when it is written
                found.update(dict.fromkeys(plain(value)))
    if len(found) <= MAX_COLUMNS and OTHERS not in found:
        return tuple(found)
    return (*[field for field in found if field != OTHERS][: MAX_COLUMNS - 1], OTHERS)


def _write(feeds: Sequence[Feed], source: Iterable[Sequence[Row]]) -> Exported:
    items = unfit = 0
    for rows in source:
        refused: set[int] = set()
        for feed in feeds:
            for place, reason in feed.write(rows):
                if unfit + len(refused) < _NAMED:
                    log.error("item %s of %s: %s", rows[place].id, rows[place].page, reason)
                refused.add(place)
            feed.commit()
        items += len(rows)
        unfit += len(refused)
    return Exported(items, unfit)


def _put(made: str, place: str) -> None:
    """Let a file take its place; the rights of the file that was there hold."""
    with contextlib.suppress(FileNotFoundError):
        os.chmod(made, stat.S_IMODE(os.stat(place).st_mode))
    os.replace(made, place)


def _literally(path: str) -> str:
    """A path as a template that has nothing to fill in."""
    return path.replace("{", "{{").replace("}", "}}")


def _in_words(text: str, places: Sequence[_Place]) -> str:
    """What a feed says of its failure, with the places that the user named."""
    for place in places:
        text = text.replace(f"{place.temporary}{os.sep}", f"{place.folder}{os.sep}")
    return text.replace("mend it and resume", "mend it and export again")
