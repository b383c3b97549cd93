"""The sections about time: rates, durations, answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from acrawl.figures import CLASSES, Bin, Latency, Life, Report, Slot, Timeline
from acrawl.monitor.report.charts import Chart, Stack, figure, legend
from acrawl.monitor.report.tables import Cell, Column, bar, bytes_, count, part, plain, table, text, took
from acrawl.monitor.report.texts import clock, moment, number, seconds, share, size, span

#: The colours of `CLASSES`, and what they are called.
COLOURS = dict(zip(CLASSES, ("c2", "c3", "c4", "c5", "c0", "cc"), strict=True))
_NAMES = {
    "2xx": "2xx: answered",
    "3xx": "3xx: leads elsewhere",
    "4xx": "4xx: refused",
    "5xx": "5xx: the server failed",
    "no answer": "no answer",
    "cache": "from the cache",
}


def rate(report: Report) -> str:
    """How many requests ended, and how many bytes came, each second."""
    line = report.requests.timeline
    stacks = list(_stacks(line, report.requests.lives))
    if not any(one.requests or one.retries for one in line.bins):
        return "<p>Nothing has ended yet.</p>"
    kinds = [kind for kind in CLASSES if any(kind in one.requests for one in line.bins)]
    entries = [(COLOURS[kind], _NAMES[kind]) for kind in kinds]
    if any(one.retries for one in line.bins):
        entries.append(("again", "tried again later"))
    width = span(line.width) if line.width >= 1 else f"{line.width * 1000:.0f} ms"
    paused = any(stack.pause for stack in stacks)
    numbers = _numbers(line, kinds)
    requests = Chart(
        "rate",
        "Requests per second over time, by what was answered",
        f"{len(stacks)} columns of {width} each. {_peak(line)}",
        number,
        stacks,
        260,
    )
    caption = f"Requests that ended, per second; each column is {width}. Times are of this machine's clock."
    caption += " Grey: the crawl was stopped; such pauses do not count as work." * paused
    volumes = Chart(
        "volume",
        "Bytes per second over time",
        f"{len(stacks)} columns of {width} each, {size(report.requests.totals.bytes)} in all.",
        lambda value: f"{size(value)}/s",
        [
            stack._replace(parts=[("volume", one.bytes / _worked(one, line))], title=_said(one, line))
            for stack, one in zip(stacks, line.bins, strict=True)
        ],
        170,
    )
    volume = "Bytes of bodies per second; those of a request count when it ends, also where it took long."
    return figure(requests, caption, numbers, legend(entries)) + figure(volumes, volume, _volumes(line))


def _worked(one: Bin, line: Timeline) -> float:
    """Seconds of work in a bin; a bin that a life has hardly touched makes no peak of its few requests."""
    return max(one.seconds, line.width / 5)


def _stacks(line: Timeline, lives: Sequence[Life]) -> Iterator[Stack]:
    length = line.bins[-1].at - line.bins[0].at if line.bins else 0.0
    before: Bin | None = None
    for one in line.bins:
        pause = ""
        if before is not None and one.at - before.at > line.width * 1.5:
            stopped = max((life.ended for life in lives if life.ended < one.at), default=before.at)
            went_on = min((life.began for life in lives if life.began > stopped), default=one.at)
            pause = f"stopped {span(went_on - stopped)}"
        worked = _worked(one, line)
        parts = [(COLOURS[kind], one.requests.get(kind, 0) / worked) for kind in CLASSES]
        again = ("again", one.retries / worked)
        yield Stack(clock(one.at, line.width, length), _said(one, line), [*parts, again], pause)
        before = one


def _said(one: Bin, line: Timeline) -> str:
    total, worked = sum(one.requests.values()), _worked(one, line)
    kinds = ", ".join(f"{kind} {one.requests[kind]:,}" for kind in CLASSES if kind in one.requests)
    again = f"; {one.retries:,} tried again" if one.retries else ""
    return (
        f"{moment(one.at)}: {number(total / worked)} requests/s, {size(one.bytes / worked)}/s"
        f" ({total:,} requests{': ' if kinds else ''}{kinds}{again})"
    )


def _peak(line: Timeline) -> str:
    best = max(line.bins, key=lambda one: sum(one.requests.values()) / _worked(one, line))
    return f"The most was {number(sum(best.requests.values()) / _worked(best, line))} per second at {moment(best.at)}."


def _numbers(line: Timeline, kinds: list[str]) -> str:
    names = ["from", "seconds of work", *kinds, "tried again"]
    heads = [Column(name, "label" if name == "from" else "number") for name in names]
    rows = (
        [
            Cell(moment(one.at), one.at), plain(round(one.seconds, 2)),
            *(count(one.requests.get(kind, 0)) for kind in kinds), count(one.retries),
        ]
        for one in line.bins
    )  # fmt: skip
    return table("Requests that ended, over time", heads, rows)


def _volumes(line: Timeline) -> str:
    heads = [Column("from", "label"), Column("bytes"), Column("bytes per second")]
    rows = (
        [Cell(moment(one.at), one.at), bytes_(one.bytes), bytes_(round(one.bytes / _worked(one, line)))]
        for one in line.bins
    )
    return table("Bytes that came, over time", heads, rows)


def answers(report: Report) -> str:
    """HTTP statuses."""
    found = report.requests.answers
    whole = sum(one.requests for one in found)
    rows = [
        [
            Cell(f"<b>{one.http_status}</b>" if one.http_status else "none", one.http_status),
            bar([(_colour(one.http_status), one.requests)], max(other.requests for other in found)),
            count(one.requests), part(one.requests, whole), bytes_(one.bytes),
        ]
        for one in found
    ]  # fmt: skip
    if not rows:
        return "<p>Nothing was asked for yet.</p>"
    heads = [Column("HTTP status", "label"), Column("", "bar"), Column("requests"), Column("share"), Column("bytes")]
    return table("What servers answered", heads, rows)


def _colour(status: int) -> str:
    kinds = {0: "no answer", 3: "3xx", 4: "4xx", 5: "5xx"}
    return COLOURS[kinds.get(min(status // 100, 5), "2xx")]


def durations(latency: Latency) -> str:
    """How long answers took."""
    if not latency.count:
        return "<p>No server has answered yet.</p>"
    cards = [(f"p{name[1:]}", value) for name, value in latency.percentiles.items()]
    cards = [("mean", latency.mean), *cards, ("longest", latency.longest)]
    figures = "".join(
        f'<div><dt>{"median" if name == "p50" else name}</dt><dd data-figure="{name}">{seconds(value)}</dd></div>'
        for name, value in cards
    )
    stacks = [
        Stack(label, f"{label}: {slot.count:,} requests ({share(slot.count, latency.count)})", [("c2", slot.count)])
        for slot, label in zip(latency.slots, _labels(latency.slots), strict=True)
    ]
    rows = [
        [Cell(label, n), count(slot.count), part(slot.count, latency.count)]
        for n, (slot, label) in enumerate(zip(latency.slots, _labels(latency.slots), strict=True))
    ]
    chart = Chart(
        "durations",
        "How many requests took how long",
        f"Half of {latency.count:,} requests took {seconds(latency.percentiles['p50'])} or less, "
        f"99 in a hundred {seconds(latency.percentiles['p99'])} or less.",
        number,
        stacks,
    )
    caption = "Requests by the duration of their last try, from sending it to the end of its callback."
    numbers = table("Durations", [Column("at most", "label"), Column("requests"), Column("share")], rows)
    return f'<dl class="strip">{figures}</dl>' + figure(chart, caption, numbers)


def _labels(slots: list[Slot]) -> list[str]:
    return [f"{seconds_short(slot.upto)}" if slot.upto is not None else "longer" for slot in slots]


def seconds_short(value: float) -> str:
    """The end of a slot, as it stands below its column."""
    return f"≤ {value * 1000:.0f} ms" if value < 1 else f"≤ {value:.0f} s"


def retries(report: Report) -> str:
    """What was tried again, why, and whether it helped."""
    tries = report.requests.retried
    if not tries:
        return "<p>Every request had one try only.</p>"
    heads = [
        *(Column("what came of the try", "text"), Column("tries"), Column("requests"), Column("time spent")),
        *(Column("fetched in the end"), Column("failed in the end"), Column("else")),
    ]
    rows = []
    for one in tries:
        good, bad = one.ends.get("fetched", 0), one.ends.get("failed", 0)
        others = sum(one.ends.values()) - good - bad
        rows.append([
            text(one.reason), count(one.tries), count(one.requests), took(one.seconds), count(good), count(bad),
            count(others),
        ])  # fmt: skip
    first = table("Tries that were not the last one of their request", heads, rows)
    return first + _tries(report)


def _tries(report: Report) -> str:
    """How many tries requests took."""
    taken = report.requests.attempts
    last, whole = max(taken, default=0), max(taken.values(), default=0)
    rows = [
        [Cell(f"{n} or more" if n == last >= 10 else f"{n}", n), bar([("c2", requests)], whole), count(requests)]
        for n, requests in taken.items()
    ]
    return table("Tries that a request took", [Column("tries", "label"), Column("", "bar"), Column("requests")], rows)
