"""The verb ``links``: a crawl, and at its end what it says about the links."""

from __future__ import annotations

import csv
import io
import itertools
import pathlib
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import click
import msgspec

from acrawl.cli.crawl import make_plan
from acrawl.cli.launch import crawl
from acrawl.cli.options import Local, of_sites
from acrawl.cli.reasons import explained
from acrawl.errors import EXIT_FAILED, EXIT_OK, UsageError
from acrawl.frontier import books
from acrawl.frontier.database import Database
from acrawl.job import Job
from acrawl.outcome import EXCLUDED, FETCHED, Ended
from acrawl.results.publish.images import replacing
from acrawl.results.publish.linkbook import LinkBook
from acrawl.spelling import Spelling

LINKS = "acrawl.spiders.links:Links"
#: Ends as failed that say that the thing is there; http-416: an empty file has no first byte.
_THERE = frozenset({"too-large", "wrong-type", "http-416", "callback"})
#: Ends as failed of what was never asked for.
_UNASKED = frozenset({"blocked"})
#: Pages that are named for each link, where they are not written to a file.
_SHOWN = 10
#: What begins a formula in a spreadsheet: texts of links are anybody's.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Finding(msgspec.Struct, frozen=True):
    """One link on one page: one line of ``-o FILE``. ``kind`` is ``broken``, ``moved`` or ``no-such-place``.

    ``link`` is what stands there where that leads to ``url`` by redirects; ``page`` is empty for what was typed. A
    ``url`` that is malformed is told as it is written.
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
@click.option("--fail", is_flag=True, help="Exit with 1 when a link is broken, or nothing was read.")
@click.option("-o", "--output", type=Local(), metavar="FILE.jsonl|.csv",
              help="Write what was found there, a line for each link on each page.")  # fmt: skip
@of_sites
def links(
    arguments: dict[str, str], external: bool, anchors: bool, fail: bool, output: pathlib.Path | None, **options: Any
) -> int:
    """Check every link of a web site.

    Reads the pages of the given sites and asks for everything that they name: pages, images, stylesheets, scripts,
    files. Lists what is broken and what has moved for good, each with all the pages that hold it. What robots.txt keeps
    out is not checked, and not broken. A check that has finished is begun anew, one that was stopped goes on.
    """
    _check_output(output)
    seeds = arguments["urls"].split()
    options["job"] = options["job"] or _job_of(seeds[0])
    arguments |= {"external": "yes" * external, "anchors": "yes" * anchors}
    plan = make_plan(LINKS, arguments, check=True, **options)
    code = crawl(plan)
    summary = _Summary(anchors=anchors)
    with Database(Job(plan.job).database, reading=True) as db, LinkBook(plan.job / "results.db") as book:
        book.judge(summary.judged(books.dead(db)), books.redirects(db), Spelling(plan.settings.urls), seeds)
        _report(summary.counted(findings(book, anchors=anchors)), output)
        ends = {end: count for end, (count, _) in books.counts(db).ends.items()}
        pages = book.pages()
    click.echo(summary.told(ends, pages, stopped=code != EXIT_OK))
    if code != EXIT_OK:
        return code
    sys.stdout.flush()  # only what has been told makes it finished
    with Job(plan.job) as job:
        job.finish()
    return EXIT_FAILED if fail and (summary.broken or not pages) else EXIT_OK


def _job_of(url: str) -> pathlib.Path:
    """The job's folder of a site: checks of several may lie side by side."""
    return pathlib.Path(".acrawl", "links-" + re.sub(r"[^a-z0-9.-]+", "-", url.split("/")[2]).strip("-"))


def findings(book: LinkBook, *, anchors: bool) -> Iterator[Finding]:
    """Everything that there is to say, what belongs together in a row."""
    for dead in book.dead():
        for at in book.holders(dead.url):
            facts = (dead.url, dead.reason, dead.detail, dead.status, "", at.page, at.text, at.source)
            yield Finding("broken", *facts, at.via or dead.url)
    for text, holders in book.malformed():
        for at in holders:
            yield Finding("broken", text, "malformed-url", "", 0, "", at.page, at.text, at.source, text)
    if anchors:
        for url, holders in book.placeless():
            for at in holders:
                yield Finding("no-such-place", url, "no-such-place", "", 200, "", at.page, at.text, at.source, url)
    for moved in book.moved():
        for at in book.holders(moved.url):
            if not at.redirected:
                facts = (moved.url, "moved", "", moved.status, moved.target, at.page, at.text, at.source)
                yield Finding("moved", *facts, at.via or moved.url)


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
        self._unasked: Counter[str] = Counter()
        self._counts = {"broken": 0, "no-such-place": 0, "moved": 0}

    @property
    def broken(self) -> int:
        """How many links are of no use."""
        return self._counts["broken"] + self._counts["no-such-place"]

    def judged(self, dead: Iterable[Ended]) -> Iterator[Ended]:
        """Pass on those that were asked for and are not there."""
        for end in dead:
            if end.reason in _UNASKED:
                self._unasked[end.reason] += 1
                continue
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

    def told(self, ends: dict[tuple[str, str], int], pages: int, *, stopped: bool) -> str:
        """The line; ``ends`` counts the ledger by status and reason. A HEAD that a GET has overruled does not count.

        ``pages`` is how many were read: without any, nothing is known of any link.
        """
        had = sum(count for (status, _), count in ends.items() if status == FETCHED)
        out = {reason: count for (status, reason), count in ends.items() if status == EXCLUDED and count}
        out |= self._unasked
        parts = [f"{self._counts['broken']:,} broken"]
        if self._anchors:
            parts.append(f"{self._counts['no-such-place']:,} to places that do not exist")
        parts += [f"{self._counts['moved']:,} moved", f"{had + self._dead:,} checked"]
        if cut := ends.get((FETCHED, "cut")):
            parts.append(f"{cut:,} so large that only their beginnings were read ([parse] settings)")
        if out:
            hint = "; --external checks those offsite" if "offsite" in out else ""
            parts.append(f"not checked: {', '.join(f'{n:,} {word}' for word, n in sorted(out.items()))}{hint}")
        if not (pages or stopped):
            parts.append(
                "and NO PAGE OF THE SITE WAS READ, so none of its links was checked (acrawl why URL tells why)"
            )
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
        yield from _paragraph(of_link)
        yield ""


def _paragraph(of_link: Iterator[Finding]) -> Iterator[str]:
    first = next(of_link)
    yield from _heading(first)
    pages = itertools.groupby(itertools.chain([first], of_link), key=lambda one: one.page)
    for page, there in itertools.islice(pages, _SHOWN):
        one, *others = there
        more = f", and {len(others)} more there" if others else ""
        yield f"    {f'on {page}' if page else 'as typed'}{_place(one)}{more}"
    if rest := sum(1 for _ in pages):
        yield f"    and on {rest:,} more page{'s' * (rest > 1)}; -o FILE names them all"


def _place(one: Finding) -> str:
    source = f"  [{one.source}]" if one.source not in ("", "a") else ""
    text = f"  {one.text!r}" if one.text else ""
    return f"{source}{text}{f'  by way of {one.link}' if one.link != one.url else ''}"


def _heading(one: Finding) -> Iterator[str]:
    if one.kind == "moved":
        yield f"moved  {one.url}"
        yield f"    to {one.target} ({one.status})"
    elif one.kind == "broken":
        yield f"broken  {_shown(one.url)}"
        said = explained(one.reason).text
        yield f"    {one.reason}: {said}" if said else f"    {one.reason}"
    else:
        yield f"no such place  {_shown(one.url)}"


def _shown(url: str) -> str:
    """A URL for a terminal: what stands after ``#``, or is malformed, is the author's, and may hold anything."""
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
