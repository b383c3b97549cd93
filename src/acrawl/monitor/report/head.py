"""The head of the page: which crawl it is, how it stands, and its figures."""

from __future__ import annotations

from typing import NamedTuple

from acrawl.figures import Report
from acrawl.monitor.report.texts import esc, moment, number, share, size, span

_STATES = {
    "running": "running",
    "finished": "finished",
    "stopped": "stopped",
    "limit": "ended at a limit",
}


def title(report: Report) -> str:
    """What the page is about."""
    sites = [site.partition("://")[2] for site in report.requests.sites]
    if not sites:
        return f"Crawl by {report.crawl.spider}" if report.crawl.spider else "Crawl"
    return ", ".join(sites) if len(sites) <= 2 else f"{sites[0]} and {len(sites) - 1} more"


def header(report: Report) -> str:
    """Names, state, times, command."""
    crawl, requests = report.crawl, report.requests
    sites = requests.sites
    facts = [f"<b>{span(report.seconds)}</b> of work", _when(report)]
    facts.append(f"spider <b>{esc(crawl.spider)}</b>" if crawl.spider else "")
    listed = ""
    if len(sites) > 2:
        listed = f'<p class="sites">Sites: {", ".join(f"<bdi>{esc(site)}</bdi>" for site in sites)}</p>'
    command = f"<pre><code>{esc(crawl.command)}</code></pre>" if crawl.command else ""
    return (
        f'<header><p class="kind">Crawl report</p><h1><bdi>{esc(title(report))}</bdi> '
        f'<span class="state {crawl.state}" data-figure="state">{_STATES[crawl.state]}</span></h1>\n'
        f"<p>{' · '.join(filter(None, facts))}</p>{listed}{command}</header>\n"
    )


def _when(report: Report) -> str:
    lives = report.requests.lives
    if not report.requests.totals.discovered:
        return "nothing was ever discovered"
    first, last = lives[0].began, lives[-1].ended
    until = "now" if report.crawl.state == "running" else moment(last, zone=True)
    paused = max(0.0, last - first - report.seconds)
    several = f", in {len(lives)} runs with {span(paused)} of pauses between" if len(lives) > 1 else ""
    guessed = "" if report.requests.lives_told else ", as far as its requests tell: its starts were not recorded"
    return f"from {moment(first)} to {until}{several}{guessed}"


class _Card(NamedTuple):
    """A figure: its name in the JSON document and for people, its value, how it is written, what is said of it."""

    key: str
    name: str
    value: float
    html: str
    sub: str


def cards(report: Report) -> str:
    """The figures that matter most, each with what it means beside others."""
    drawn = "".join(
        f'<div><dt>{card.name}</dt><dd data-figure="{card.key}" data-value="{card.value:.10g}">{card.html}</dd>'
        f'<dd class="sub">{card.sub}</dd></div>'
        for card in _cards(report)
    )
    problems = len(report.requests.problems)
    books, sub = '<dd data-figure="books">✓ balanced</dd>', "every request is accounted for"
    if problems:
        books, sub = '<dd class="bad" data-figure="books">✗ unbalanced</dd>', f"{problems} problems"
    return f'<dl class="cards">{drawn}<div><dt>Books</dt>{books}<dd class="sub">{sub}</dd></div></dl>\n'


def _cards(report: Report) -> list[_Card]:
    totals, saved, requests = report.requests.totals, report.saved, report.requests
    rate, work = report.pages_per_second, span(report.seconds)

    def counted(key: str, name: str, value: int, sub: str) -> _Card:
        return _Card(key, name, value, f"{value:,}", sub)

    found = [
        counted("fetched", "Fetched", totals.fetched, f"{share(totals.fetched, totals.sent)} of those tried"),
        counted("failed", "Failed", totals.failed, f"{share(totals.failed, totals.sent)} of those tried"),
        _Card("pages_per_second", "Rate", rate, f"{number(rate)} <small>requests/s</small>", f"over {work} of work"),
        _Card("bytes", "Received", totals.bytes, size(totals.bytes), _speed(report)),
        counted("discovered", "Discovered", totals.discovered, f"{totals.duplicates:,} met again"),
        counted("excluded", "Kept out", totals.excluded, f"{share(totals.excluded, totals.discovered)} of all"),
        counted("queued", "Waiting", totals.queued, "to be fetched"),
        counted("retries", "Retries", totals.retries, "tries made again"),
        counted("hosts", "Hosts", totals.hosts, _troubled(report)),
        counted("files", "Files", saved.files, f"{size(saved.bytes)}, {saved.images:,} images"),
    ]
    if totals.quarantined:
        found.insert(2, counted("quarantined", "Quarantined", totals.quarantined, "took workers down"))
    if requests.delivered is not None:
        dropped = f"{requests.dropped or 0:,} dropped, {saved.failed:,} failed"
        found.append(counted("items", "Items", requests.delivered, dropped))
    return found


def _speed(report: Report) -> str:
    speed = report.requests.totals.bytes / report.seconds if report.seconds > 0 else 0
    return f"{size(speed)}/s"


def _troubled(report: Report) -> str:
    count = report.requests.troubled_hosts
    return f"{count:,} without robots.txt" if count else "robots.txt had of all"
