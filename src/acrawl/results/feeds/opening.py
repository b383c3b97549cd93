"""From what ``-o`` names to a feed; whatever is wrong is said before anything is changed."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterable, Mapping, Sequence

from acrawl.errors import FolderProblem, UsageError
from acrawl.results.base import Feed
from acrawl.results.feeds.chosen import ChosenFeed
from acrawl.results.feeds.flat import FlatFeed
from acrawl.results.feeds.paths import Crawl, layers, open_file
from acrawl.results.feeds.spec import SCHEMES, STORES, TABLES, Spec, parse, shown
from acrawl.results.feeds.stores import open_server, open_store, transacted
from acrawl.results.feeds.stream import StreamFeed
from acrawl.settings import Feeds

log = logging.getLogger(__name__)

_ANY = Crawl()


def open_feed(typed: str, marks: Mapping[str, int], *, overwrite: bool = False, crawl: Crawl = _ANY) -> Feed:
    """Open what ``-o`` names; ``marks`` are the frontier's. Missing folders are made.

    Without a mark, ``overwrite`` empties a file that exists instead of appending to it. Raises `UsageError` for a
    format that is not known and a path that cannot be filled in, `EnvironmentProblem` for a file that is shorter than
    its mark, cannot be gone on with, or is in use by another crawl, `FolderProblem` for one that cannot be written.
    """
    return open_spec(parse(typed), marks, overwrite=overwrite, crawl=crawl)


def open_spec(spec: Spec, marks: Mapping[str, int], *, overwrite: bool = False, crawl: Crawl = _ANY) -> Feed:
    """The same for what has been read already."""
    feed = _opened(spec, marks, crawl, overwrite=overwrite)
    fields = crawl.fields(spec)
    if fields:
        feed = ChosenFeed(feed, shown(spec.typed), fields)
    return FlatFeed(feed) if crawl.settings.flatten and spec.format in TABLES else feed


def _opened(spec: Spec, marks: Mapping[str, int], crawl: Crawl, *, overwrite: bool) -> Feed:
    if spec.address is not None:
        from acrawl.results.cloud.feed import opened

        return opened(
            spec,
            marks,
            crawl,
            lambda inner, anew: _on_disk(inner, marks, crawl, overwrite=anew),
            overwrite=overwrite,
        )
    if spec.path == "-":
        return StreamFeed("-", sys.stdout.fileno(), layers(spec, crawl))
    if spec.format in SCHEMES.values():
        return open_server(spec, marks, crawl, overwrite=overwrite)
    return _on_disk(spec, marks, crawl, overwrite=overwrite)


def _on_disk(spec: Spec, marks: Mapping[str, int], crawl: Crawl, *, overwrite: bool) -> Feed:
    try:
        if spec.format in STORES:
            return open_store(spec, marks, crawl, overwrite=overwrite)
        return open_file(spec, marks, crawl, overwrite=overwrite)
    except OSError as error:  # nothing has begun: the user is told
        raise FolderProblem(f"-o {spec.path}: cannot be written: {error.strerror or error}") from None


def open_feeds(
    specs: Iterable[str], marks: Mapping[str, int], *, overwrite: bool = False, crawl: Crawl = _ANY
) -> list[Feed]:
    """Open several feeds; when one cannot be opened, the others are closed again. See `open_feed`."""
    wanted = list(specs)
    look(crawl.settings, wanted)
    with contextlib.ExitStack() as opened:
        feeds: list[Feed] = []
        places: set[str] = set()
        for spec in wanted:
            place = transacted(parse(spec))
            if place in places:
                raise UsageError(f"-o {shown(spec)}: another -o writes to it; name another place")
            places |= {place} - {""}
            feed = open_feed(spec, marks, overwrite=overwrite, crawl=crawl)
            opened.callback(feed.close)
            feeds.append(feed)
        opened.pop_all()
        return feeds


def look(settings: Feeds, wanted: Sequence[str]) -> None:
    """Raise `UsageError` for settings that do not fit what is wanted.

    A choice of fields for no feed is only said: its name may be misspelled, or not wanted this time.
    """
    if wanted and (settings.batch_items or settings.batch_bytes) and not any("{batch" in spec for spec in wanted):
        which = "batch_items" if settings.batch_items else "batch_bytes"
        raise UsageError(f"feeds.{which} is set, but no -o has {{batch}} in its name, as in -o items-{{batch}}.jsonl")
    known = {name for typed in wanted for name in (typed, parse(typed).path)}
    for name in settings.fields_of.keys() - known if known else ():
        log.warning("feeds.fields_of: no -o is called %s", shown(name))
