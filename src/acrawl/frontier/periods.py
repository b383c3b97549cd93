"""When a crawl was at work, and what ended when. Blocks; see `acrawl.frontier.survey`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from acrawl.figures import Bin, Life, Timeline
from acrawl.frontier.database import Database
from acrawl.frontier.durations import ended_as
from acrawl.outcome import FAILED, FETCHED

#: Bins that a timeline has at most, roughly.
MOST_BINS = 120
#: Widths of bins in milliseconds.
_WIDTHS = (
    *(200, 500, 1000, 2000, 5000, 10_000, 15_000, 30_000),
    *(60_000 * minutes for minutes in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720)),
    *(86_400_000 * days for days in (1, 2, 7, 14, 28, 91, 182, 364)),
)
#: Of hundreds of an HTTP status; others are no answer that HTTP knows.
_CLASSES = {0: "no answer", 3: "3xx", 4: "4xx", 5: "5xx"}


def lives(db: Database, begun: Sequence[float], now: float | None) -> list[Life]:
    """When the crawl was at work: from each start until the last end of a try before the next one, or until ``now``.

    What came before the first start that is known makes one life more: from its first request on.
    """
    starts = [int(at * 1000) for at in begun]
    cases = "".join(f"when at < {at} then {n} " for n, at in enumerate(starts))
    rows = db.all(
        f"select {f'case {cases}else {len(starts)} end' if cases else '0'}, min(at - took), max(at) from "
        "(select ended as at, took from ledger union all select at, took from attempt) group by 1"
    )
    spans = {life: (first, last) for life, first, last in rows}
    found = [spans[0]] if 0 in spans else []
    found += [(start, max(start, spans.get(n, (0, 0))[1])) for n, start in enumerate(starts, 1)]
    found = found or [(0, 0)]
    if now is not None:
        start, end = found[-1]
        found[-1] = start, max(end, int(now * 1000))
    worked = [(start, end) for start, end in found if end > start] or found[:1]
    return [Life(start / 1000, end / 1000) for start, end in worked]


def timeline(db: Database, lives: Sequence[Life]) -> Timeline:
    """What ended when, in bins as wide as the length of the crawl asks for."""
    width, places = _bins([(int(life.began * 1000), int(life.ended * 1000)) for life in lives])
    requests: defaultdict[int, dict[str, int]] = defaultdict(dict)
    sizes: Counter[int] = Counter()
    rows = db.all(
        f"select ended / {width}, ending in (select id from ending where reason = 'cached'), http_status / 100, "
        f"count(*), sum(l.size) from ledger l where {ended_as(db, FETCHED, FAILED)} group by 1, 2, 3"
    )
    for place, cached, hundreds, n, size in rows:
        kind = "cache" if cached else _CLASSES.get(min(hundreds, 5), "2xx")
        requests[place][kind] = requests[place].get(kind, 0) + n
        sizes[place] += size
    retries = dict(db.all(f"select at / {width}, count(*) from attempt group by 1"))
    for place in requests.keys() | retries.keys():  # by a clock that was set back
        places.setdefault(place, 0)
    bins = [
        Bin(at * width / 1000, worked / 1000, requests.get(at, {}), sizes[at], retries.get(at, 0))
        for at, worked in sorted(places.items())
    ]
    return Timeline(width / 1000, bins)


def _bins(spans: Sequence[tuple[int, int]]) -> tuple[int, dict[int, int]]:
    """The width of bins, and how many milliseconds of each the crawl was at work."""
    width = next((width for width in _WIDTHS if _count(spans, width) <= MOST_BINS), _WIDTHS[-1])
    places: Counter[int] = Counter()
    for start, end in spans:
        for place in range(start // width, end // width + 1):
            places[place] += min(end, (place + 1) * width) - max(start, place * width)
    return width, dict(places)


def _count(spans: Sequence[tuple[int, int]], width: int) -> int:
    """How many bins there would be; short lives share them."""
    count, last = 0, -1
    for start, end in spans:
        first = max(start // width, last + 1)
        count += max(0, end // width + 1 - first)
        last = max(last, end // width)
    return count
