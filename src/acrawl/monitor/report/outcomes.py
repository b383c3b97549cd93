"""The sections about requests: how they ended, what went wrong, where, and how deep."""

from __future__ import annotations

from collections.abc import Sequence

from acrawl.figures import Changes, Depth, Host, Line, Report, Trouble
from acrawl.monitor.report.charts import Chart, Stack, figure, legend
from acrawl.monitor.report.tables import Cell, Column, bar, bytes_, count, part, plain, table, text, took
from acrawl.monitor.report.texts import esc, link, moment, number, share, told

#: Colours of the ways to end.
COLOURS = {"fetched": "s2", "failed": "s5", "excluded": "sx", "quarantined": "sq"}


def ends(report: Report) -> str:
    """All ways in which requests ended."""
    found = report.requests.ends
    if not found:
        return "<p>Nothing has ended yet.</p>"
    whole, most = sum(end.requests for end in found), max(end.requests for end in found)
    heads = [
        *(Column("ended as", "label"), Column("", "bar"), Column("requests"), Column("share"), Column("bytes")),
        *(Column("because", "text"), Column("what changes it", "text")),
    ]
    rows = [
        [
            Cell(f'<span class="end"><b>{esc(end.status)}</b> {esc(end.reason)}</span>'),
            bar([(COLOURS.get(end.status, "sx"), end.requests)], most), count(end.requests),
            part(end.requests, whole), bytes_(end.bytes), text(end.text), text(end.change),
        ]
        for end in found
    ]  # fmt: skip
    return table("How requests ended", heads, rows)


def troubles(found: Sequence[Trouble]) -> str:
    """Each way in which requests failed or were kept out, with some of them."""
    if not found:
        return "<p>Nothing failed, and nothing was kept out.</p>"
    return "".join(map(_trouble, found))


def changes(found: Changes) -> str:
    """What the last visit found changed."""
    said = ", ".join(f"{n:,} {change}" for change, n in found.counts.items())
    first = f"<p>Visit {found.visits} found, compared with the one before: {said}.</p>"
    if not found.examples:
        return first
    heads = [Column("change", "label"), Column("URL", "text"), Column("HTTP"), Column("now", "text")]
    rows = [
        [text(one.change), Cell(link(one.url)), plain(one.status), Cell(link(one.to) if one.to else esc(one.reason))]
        for one in found.examples
    ]
    hint = '<p class="hint"><b>More:</b> <code>acrawl changes</code> lists all of them.</p>'
    return first + table("The first of each change", heads, rows) + hint


def _trouble(trouble: Trouble) -> str:
    end = trouble.end
    said = f"{end.requests:,} request{'s' * (end.requests != 1)}"
    if trouble.hosts:
        said += f" at {trouble.hosts:,} host{'s' * (trouble.hosts != 1)}"
    why = f"<p>{esc(end.text[:1].upper() + end.text[1:])}.</p>" if end.text else ""
    hint = f'<p class="hint"><b>What changes it:</b> {esc(end.change)}</p>' if end.change else ""
    examples = "".join(_example(line) for line in trouble.examples)
    is_open = " open" * (end.status != "excluded")
    return (
        f'<details class="trouble {COLOURS.get(end.status, "sx")}"{is_open}><summary><b>{esc(end.status)}</b> '
        f"{esc(end.reason)} <span>{said}</span></summary>{why}{hint}<ul>{examples}</ul></details>\n"
    )


def _example(line: Line) -> str:
    facts = [f"HTTP {line.http_status}" if line.http_status else "", told(line.detail)]
    facts.append(f"{line.attempts} tries" if line.attempts > 1 else "")
    facts.append(moment(line.ended_at))
    facts.append(f"found on {link(line.found_on, 80)}" if line.found_on else "")
    return f"<li>{link(line.url)}<small>{' · '.join(filter(None, facts))}</small></li>"


def lines(caption: str, found: Sequence[Line]) -> str:
    """Single requests, the slowest or the largest."""
    if not found:
        return "<p>None yet.</p>"
    heads = [
        *(Column("URL", "text"), Column("took"), Column("bytes"), Column("HTTP status"), Column("tries")),
        *(Column("depth"), Column("ended", "label")),
    ]
    rows = [
        [
            Cell(link(line.url)), took(line.seconds), bytes_(line.bytes), count(line.http_status),
            count(line.attempts), count(line.depth), Cell(moment(line.ended_at), line.ended_at),
        ]
        for line in found
    ]  # fmt: skip
    return table(caption, heads, rows)


def hosts(report: Report) -> str:
    """The hosts with the most requests."""
    found = report.requests.hosts
    if not found:
        return "<p>No host was asked yet.</p>"
    heads = [
        *(Column("host", "text"), Column("", "bar"), Column("fetched"), Column("failed"), Column("failed share")),
        *(Column("kept out"), Column("queued"), Column("bytes"), Column("median"), Column("95 % within")),
        Column("crawl delay"),
    ]
    most = max(1, *map(_sent, found))
    totals = report.requests.totals
    left = totals.hosts - len(found)
    more = f"<p>{left:,} more host{'s' * (left != 1)} not listed.</p>" if left > 0 else ""
    return table("Hosts with the most requests", heads, [_host(host, most) for host in found]) + more


def _sent(host: Host) -> int:
    return host.fetched + host.failed


def _host(host: Host, most: int) -> list[Cell]:
    trouble = f'<small class="bad">no robots.txt: {told(host.trouble)}</small>' if host.trouble else ""
    delay = f"{number(host.crawl_delay)} s" if host.crawl_delay else "\u2013"
    return [
        Cell(f"<bdi>{esc(host.name)}</bdi>{trouble}"),
        bar([("s2", host.fetched), ("s5", host.failed)], most),
        count(host.fetched),
        count(host.failed),
        part(host.failed, _sent(host))._replace(key=host.failed / max(1, _sent(host))),
        count(host.excluded + host.quarantined),
        count(host.queued),
        bytes_(host.bytes),
        took(host.median),
        took(host.p95),
        Cell(delay, host.crawl_delay),
    ]


def depths(found: Sequence[Depth]) -> str:
    """How many links away from a seed requests are."""
    if not found:
        return "<p>Nothing has ended yet.</p>"
    stacks, rows = [], []
    for one in found:
        label = f"{one.depth}+" if one.and_more else str(one.depth)
        total = one.fetched + one.failed + one.excluded + one.quarantined
        parts = [
            *(("s2", one.fetched), ("s5", one.failed), ("sx", one.excluded), ("sq", one.quarantined)),
        ]
        said = f"depth {label}: {one.fetched:,} fetched, {one.failed:,} failed, {one.excluded:,} excluded"
        stacks.append(Stack(label, said, parts))
        rows.append([Cell(label, one.depth), *(count(value) for _, value in parts), count(total)])
    heads = [Column("depth", "label"), *map(Column, ("fetched", "failed", "excluded", "quarantined", "all"))]
    whole = sum(one.fetched for one in found)
    deepest = max((one for one in found if one.fetched), key=lambda one: one.depth, default=None)
    description = f"{whole:,} requests were fetched"
    if deepest is not None:
        description += f", {share(deepest.fetched, whole)} of them at the greatest depth of {deepest.depth}"
    chart = Chart("depths", "Requests by their distance from a seed", f"{description}.", number, stacks)
    names = [(css, name) for name, css in COLOURS.items() if any(getattr(one, name) for one in found)]
    caption = "How many links lead from a seed to a request; the page that was typed has the depth 0."
    return figure(chart, caption, table("Requests by depth", heads, rows), legend(names))
