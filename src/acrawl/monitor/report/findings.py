"""What an engineer would look at first, told by the figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from acrawl.figures import Report
from acrawl.monitor.report.texts import esc, seconds, share

#: Shares of requests from which on it is worth a word, and worth a warning.
_SOME, _MANY = 0.01, 0.1
#: A host is slow whose median is so many times that of all, and longer than these seconds.
_SLOW_TIMES, _SLOW_SECONDS = 5, 1.0
_ENOUGH = 20


class Finding(NamedTuple):
    """How bad it is (``bad``, ``warn``, ``note``, ``good``), what it is (HTML), and the section that has more."""

    level: str
    html: str
    section: str = ""


def findings(report: Report) -> list[Finding]:
    """The worst first; one good word where there is nothing to tell."""
    order = ("bad", "warn", "note", "good")
    found = [finding for look in _LOOKS for finding in look(report)]
    if not any(finding.level in ("bad", "warn") for finding in found):
        found.append(Finding("good", "Nothing here asks for attention."))
    return sorted(found, key=lambda finding: order.index(finding.level))


def _books(report: Report) -> Iterator[Finding]:
    for problem in report.requests.problems:
        yield Finding("bad", f"The books do not balance: {esc(problem)}.")


def _failures(report: Report) -> Iterator[Finding]:
    totals = report.requests.totals
    if report.crawl.state != "running" and not totals.fetched:
        yield Finding("bad", "Nothing was fetched.", "ends")
    failing = [trouble.end for trouble in report.requests.troubles if trouble.end.status == "failed"]
    if failing:
        level = "bad" if totals.failed >= _MANY * totals.sent else "warn"
        level = "note" if totals.failed < _SOME * totals.sent else level
        most = failing[0]
        yield Finding(
            level,
            f"{totals.failed:,} of {totals.sent:,} requests failed ({share(totals.failed, totals.sent)}), most of them "
            f"({most.requests:,}) by <b>{esc(most.reason)}</b>{': ' + esc(most.text) if most.text else ''}.",
            "troubles",
        )
    if totals.quarantined:
        said = "1 request" if totals.quarantined == 1 else f"{totals.quarantined:,} requests"
        yield Finding("bad", f"{said} took their workers down and were put into quarantine.", "troubles")


def _kept_out(report: Report) -> Iterator[Finding]:
    words = {
        "limit": "were left out because a limit was hit",
        "closed": "were left out because the spider ended the crawl",
        "trap": "were left out as rows of pages without end",
        "robots-unreachable": "were left out because a robots.txt could not be had",
    }
    for trouble in report.requests.troubles:
        end = trouble.end
        if end.status == "excluded" and end.reason in words:
            yield Finding("warn", f"{end.requests:,} requests {words[end.reason]}.", "troubles")


def _hosts(report: Report) -> Iterator[Finding]:
    requests = report.requests
    if requests.troubled_hosts:
        many = f"{requests.troubled_hosts:,} host{'s' * (requests.troubled_hosts != 1)}"
        yield Finding("warn", f"The robots.txt of {many} could not be had at the last try.", "hosts")
    median = requests.latency.percentiles.get("p50")
    slow = [
        host for host in requests.hosts
        if median and host.median and host.fetched + host.failed >= _ENOUGH
        and host.median > max(_SLOW_SECONDS, _SLOW_TIMES * median)
    ]  # fmt: skip
    if slow:
        worst = max(slow, key=lambda host: host.median or 0.0)
        said = f"<bdi>{esc(worst.name)}</bdi> is slow: half of its answers take longer than {seconds(worst.median)}"
        yield Finding("warn", f"{said} (all hosts: {seconds(median)}).", "hosts")


def _retries(report: Report) -> Iterator[Finding]:
    totals = report.requests.totals
    if totals.retries > _MANY * max(1, totals.sent):
        most = report.requests.retried[0]
        said = f"{totals.retries:,} tries had to be made again, most of them because of <b>{esc(most.reason)}</b>."
        yield Finding("warn", said, "retries")


def _results(report: Report) -> Iterator[Finding]:
    if report.saved.failed:
        many = f"{report.saved.failed:,} item{'s' * (report.saved.failed != 1)}"
        yield Finding("bad", f"{many} could not be taken by a pipeline, a feed or the file store.", "items")
    totals = report.requests.totals
    if report.crawl.state != "running" and totals.undelivered:
        yield Finding("warn", f"{totals.undelivered:,} results wait; going on with the crawl delivers them.", "items")


def _state(report: Report) -> Iterator[Finding]:
    waiting = report.requests.totals.queued
    if report.crawl.state == "stopped" and waiting:
        yield Finding("note", f"The crawl was stopped; {waiting:,} requests wait until it goes on.")
    if report.crawl.state == "running":
        yield Finding("note", f"The crawl is running; {waiting:,} requests wait. This page tells of one moment.")


_LOOKS: tuple[Callable[[Report], Iterator[Finding]], ...] = (
    _books, _state, _failures, _kept_out, _hosts, _retries, _results,
)  # fmt: skip
