"""How long requests took, overall and by host. Blocks; see `acrawl.frontier.survey`.

Percentiles come of counts by duration, in steps that grow with it: a few thousand numbers, however long the ledger.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from acrawl.figures import Host, Latency, Slot
from acrawl.frontier.database import Database
from acrawl.outcome import EXCLUDED, FAILED, FETCHED, QUARANTINED

#: Milliseconds at which the slots of the histogram end.
_SLOTS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000)
_RANKS = (50, 75, 90, 95, 99)
#: Rounded up, so that a step lies in one slot whole.
_STEP = "case when took < 1000 then took when took < 10000 then (took + 9) / 10 * 10 else (took + 99) / 100 * 100 end"


def ended_as(db: Database, *statuses: str) -> str:
    """A condition on rows of the ledger ``l``: a comparison of numbers, where a join would look up each row's end."""
    marks = ",".join("?" * len(statuses))
    ids = db.all(f"select id from ending where status in ({marks}) order by id", *statuses)
    return f"l.ending in ({','.join(str(number) for (number,) in ids)})"


def answered(db: Database) -> str:
    """The condition of requests that a server answered: neither the cache, nor nobody."""
    ids = db.all("select id from ending where status in (?, ?) and reason != 'cached' order by id", FETCHED, FAILED)
    return f"http_status > 0 and l.ending in ({','.join(str(number) for (number,) in ids)})"


def latency(db: Database) -> Latency:
    """The durations of all answers."""
    rows = db.all(
        f"select {_STEP}, count(*), sum(took), max(took) from ledger l where {answered(db)} group by 1 order by 1"
    )
    if not rows:
        return Latency(0, 0.0, 0.0, {}, [])
    steps = [(step, n) for step, n, _, _ in rows]
    count, total = sum(n for _, n in steps), sum(row[2] for row in rows)
    ranks = {f"p{rank}": _rank(steps, count, rank) / 1000 for rank in _RANKS}
    return Latency(count, total / count / 1000, rows[-1][3] / 1000, ranks, _slots(steps))


def _rank(steps: Sequence[tuple[int, int]], count: int, rank: int) -> int:
    """The nearest rank: the shortest duration that ``rank`` percent do not exceed."""
    wanted = -(-count * rank // 100)
    for step, n in steps:
        wanted -= n
        if wanted <= 0:
            return step
    return steps[-1][0]


def _slots(steps: Sequence[tuple[int, int]]) -> list[Slot]:
    """The histogram, without the empty slots at both ends."""
    counted: defaultdict[int, int] = defaultdict(int)
    for step, n in steps:
        counted[sum(step > upto for upto in _SLOTS)] += n
    ends: list[float | None] = [*(upto / 1000 for upto in _SLOTS), None]
    return [Slot(ends[n], counted[n]) for n in range(min(counted), max(counted) + 1)]


def hosts(db: Database, most: int) -> list[Host]:
    """The hosts with the most requests that were sent, then those with the most that wait."""
    sums = {
        number: row
        for number, *row in db.all(
            "select l.host, "
            + ", ".join(f"sum({ended_as(db, status)})" for status in (FETCHED, FAILED, EXCLUDED, QUARANTINED))
            + ", sum(l.size) from ledger l where l.host != 0 group by 1 "
            f"order by sum({ended_as(db, FETCHED, FAILED)}) desc, count(*) desc, 1 limit ?",
            most,
        )
    }
    waiting = dict(db.all("select host, count(*) from queue group by 1 order by 2 desc limit ?", most))
    numbers = [*sums, *(number for number in waiting if number not in sums)][:most]
    listed = ",".join(map(str, numbers))
    waiting |= dict(db.all(f"select host, count(*) from queue where host in ({listed}) group by 1"))
    about = {
        row[0]: row[1:] for row in db.all(f"select id, name, crawl_delay, trouble from host where id in ({listed})")
    }
    steps: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    rows = db.each(
        f"select l.host, {_STEP}, count(*) from ledger l where l.host in ({listed}) and {answered(db)} "
        "group by 1, 2 order by 1, 2"
    )
    for number, step, n in rows:
        steps[number].append((step, n))
    found = []
    for number in numbers:
        name, delay, trouble = about[number]
        fetched, failed, excluded, quarantined, size = sums.get(number, [0, 0, 0, 0, 0])
        median, p95 = _of(steps[number])
        found.append(
            Host(
                name, fetched, failed, excluded, quarantined, waiting.get(number, 0), size, median, p95, delay, trouble
            )
        )  # fmt: skip
    return found


def _of(steps: Sequence[tuple[int, int]]) -> tuple[float | None, float | None]:
    """Median and 95th percentile in seconds."""
    if not steps:
        return None, None
    count = sum(n for _, n in steps)
    return _rank(steps, count, 50) / 1000, _rank(steps, count, 95) / 1000
