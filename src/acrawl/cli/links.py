"""The verb ``links``: a crawl, and at its end what it says about the links."""

from __future__ import annotations

import csv
import io
import itertools
import pathlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import click
import msgspec

from acrawl.cli.crawl import make_plan
from acrawl.cli.launch import crawl
from acrawl.cli.options import of_sites
from acrawl.cli.reasons import explained
from acrawl.errors import EXIT_FAILED, EXIT_OK, UsageError
from acrawl.frontier import books
from acrawl.frontier.database import Database
from acrawl.job import Job
from acrawl.outcome import EXCLUDED, FETCHED, Ended
from acrawl.results.images import replacing
from acrawl.results.linkbook import Holder, LinkBook
from acrawl.spelling import Spelling

LINKS = "acrawl.spiders.links:Links"
#: Ends as failed that say that the thing is there; http-416: an empty file has no first byte.
_THERE = frozenset({"too-large", "wrong-type", "http-416", "callback"})
#: What begins a formula in a spreadsheet: texts of links are anybody's.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Finding(msgspec.Struct, frozen=True):
    """One link on one page: one line of ``-o FILE``. ``kind`` is ``broken``, ``moved`` or ``no-such-place``.

    ``link`` is what stands there where that leads to ``url`` by redirects; ``page`` is empty for what was typed.
    """

    kind: str
    url: str
    reason: str
    detail: str
    status: int
    target: str
    page: str
    text: str
    source: str
    link: str


@click.command()
@click.option("--external", is_flag=True, help="Ask for links that leave the site, too; they are never followed on.")
@click.option("--anchors", is_flag=True, help="Look also whether the places (#name) exist that links lead to.")
@click.option("--fail", is_flag=True, help="Exit with 1 when a link is broken.")
@click.option("-o", "--output", type=click.Path(path_type=pathlib.Path), metavar="FILE.jsonl|.csv",
              help="Write what was found there, a line for each link on each page.")  # fmt: skip
@of_sites
def links(
    arguments: dict[str, str], external: bool, anchors: bool, fail: bool, output: pathlib.Path | None, **options: Any
) -> int:
    """Check every link of a web site.

    Reads the pages of the given sites and asks for everything that they name: pages, images, stylesheets, scripts,
    files. Lists what is broken and what has moved for good, each with all the pages that hold it. What robots.txt keeps
    out is not checked, and not broken.
    """
    _check_output(output)
    plan = make_plan(LINKS, arguments | {"external": "yes" * external, "places": "yes" * anchors}, **options)
    code = crawl(plan)
    summary = _Summary(anchors=anchors)
    with Database(Job(plan.job).database, reading=True) as db, LinkBook(plan.job / "results.db") as book:
        book.judge(summary.judged(books.dead(db)), books.redirects(db), Spelling(plan.settings.urls))
        _report(summary.counted(findings(book, anchors=anchors)), output)
        ends = {end: count for end, (count, _) in books.counts(db).ends.items()}
    click.echo(summary.told(ends, stopped=code != EXIT_OK))
    return EXIT_FAILED if fail and summary.broken and code == EXIT_OK else code


def findings(book: LinkBook, *, anchors: bool) -> Iterator[Finding]:
    """Everything that there is to say, what belongs together in a row."""
    for dead in book.dead():
        for at in book.holders(dead.url) if dead.depth else _or_typed(book.holders(dead.url)):
            facts = (dead.url, dead.reason, dead.detail, dead.status, "", at.page, at.text, at.source)
            yield Finding("broken", *facts, at.via or dead.url)
    if anchors:
        for url, holders in book.placeless():
            for at in holders:
                yield Finding("no-such-place", url, "no-such-place", "", 200, "", at.page, at.text, at.source, url)
    for moved in book.moved():
        for at in book.holders(moved.url):
            if not at.redirected:
                facts = (moved.url, "moved", "", moved.status, moved.target, at.page, at.text, at.source)
                yield Finding("moved", *facts, at.via or moved.url)


def _or_typed(holders: Iterator[Holder]) -> Iterator[Holder]:
    first = next(holders, None)
    if first is None:
        yield Holder("", "", "")
        return
    yield first
    yield from holders


def _check_output(output: pathlib.Path | None) -> None:
    """Raise `UsageError` for a file that could not be written, before the crawl begins."""
    if output is None:
        return
    if output.suffix not in _WRITERS:
        raise UsageError(f"-o {output}: give a name that ends in {' or '.join(_WRITERS)}")
    if output.is_dir() or not output.absolute().parent.is_dir():
        raise UsageError(f"-o {output}: {'is a folder' if output.is_dir() else 'there is no such folder'}")


class _Summary:
    """Counts what passes, and says it in one line."""

    def __init__(self, *, anchors: bool) -> None:
        self._anchors = anchors
        self._dead = 0
        self._counts = {"broken": 0, "no-such-place": 0, "moved": 0}

    @property
    def broken(self) -> int:
        """How many links are of no use."""
        return self._counts["broken"] + self._counts["no-such-place"]

    def judged(self, dead: Iterable[Ended]) -> Iterator[Ended]:
        """Pass on those that are not there after all."""
        for end in dead:
            self._dead += 1
            if end.reason not in _THERE:
                yield end

    def counted(self, found: Iterable[Finding]) -> Iterator[Finding]:
        """Pass all on."""
        before = ("", "")
        for one in found:
            if (one.kind, one.url) != before:
                before = one.kind, one.url
                self._counts[one.kind] += 1
            yield one

    def told(self, ends: dict[tuple[str, str], int], *, stopped: bool) -> str:
        """The line; ``ends`` counts the ledger by status and reason. A HEAD that a GET has overruled does not count."""
        had = sum(count for (status, _), count in ends.items() if status == FETCHED)
        out = {reason: count for (status, reason), count in ends.items() if status == EXCLUDED and count}
        parts = [f"{self._counts['broken']:,} broken"]
        if self._anchors:
            parts.append(f"{self._counts['no-such-place']:,} to places that do not exist")
        parts += [f"{self._counts['moved']:,} moved", f"{had + self._dead:,} checked"]
        if cut := ends.get((FETCHED, "cut")):
            parts.append(f"{cut:,} so large that only their beginnings were read ([parse] settings)")
        if out:
            hint = "; --external checks those offsite" if "offsite" in out else ""
            parts.append(f"not checked: {', '.join(f'{n:,} {word}' for word, n in sorted(out.items()))}{hint}")
        return f"{'so far: ' if stopped else ''}{', '.join(parts)}"


# -- how it is written


def _report(found: Iterator[Finding], output: pathlib.Path | None) -> None:
    if output is None:
        for line in _lines(found):
            click.echo(line)
        return
    with replacing(output) as file:
        for piece in _WRITERS[output.suffix](found):
            file.write(piece)


def _lines(found: Iterable[Finding]) -> Iterator[str]:
    """For people: a paragraph for each link, a line for each page that holds it."""
    for _, of_link in itertools.groupby(found, key=lambda one: (one.kind, one.url)):
        first = next(of_link)
        yield from _heading(first)
        for page, there in itertools.groupby(itertools.chain([first], of_link), key=lambda one: one.page):
            one, *others = there
            more = f", and {len(others)} more there" if others else ""
            yield f"    on {page}{_place(one)}{more}" if page else "    as typed"
        yield ""


def _place(one: Finding) -> str:
    source = "" if one.source == "a" else f"  [{one.source}]"
    text = f"  {one.text!r}" if one.text else ""
    return f"{source}{text}{f'  by way of {one.link}' if one.link != one.url else ''}"


def _heading(one: Finding) -> Iterator[str]:
    if one.kind == "moved":
        yield f"moved  {one.url}"
        yield f"    to {one.target} ({one.status})"
    elif one.kind == "broken":
        yield f"broken  {one.url}"
        said = explained(one.reason).text
        yield f"    {one.reason}: {said}" if said else f"    {one.reason}"
    else:
        yield f"no such place  {_shown(one.url)}"


def _shown(url: str) -> str:
    """A URL for a terminal: what stands after ``#`` is the author's, and may hold anything."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in url)


def _as_json(found: Iterator[Finding]) -> Iterator[bytes]:
    encode = msgspec.json.Encoder().encode
    return (encode(one) + b"\n" for one in found)


def _as_csv(found: Iterator[Finding]) -> Iterator[bytes]:
    yield _row(Finding.__struct_fields__)
    for one in found:
        yield _row(msgspec.structs.astuple(one))


def _cell(value: Any) -> Any:
    """A value for a table: what a spreadsheet would take for a formula is marked as text."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _row(values: Iterable[Any]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(map(_cell, values))
    return line.getvalue().encode("utf-8", "replace")


_WRITERS: dict[str, Callable[[Iterator[Finding]], Iterator[bytes]]] = {
    ".jsonl": _as_json, ".csv": _as_csv
}  # fmt: skip
