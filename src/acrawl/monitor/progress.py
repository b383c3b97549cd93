"""The crawl's progress for people: a live line on a terminal, plain lines elsewhere, a table at the end."""

from __future__ import annotations

import collections
import contextlib
import pathlib
import shlex
import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TextIO

from acrawl.outcome import Snapshot, Tally

if TYPE_CHECKING:
    from rich.live import Live

#: Seconds between plain lines, and over which rates are taken.
PLAIN_SECONDS = 5.0
RATE_SECONDS = 10.0
#: Bytes of unfinished files that are worth a word.
SHOWN = 10_000_000
#: Ends that a setting would have otherwise, and which.
_TOLD = {
    "fetched(noindex)": (
        "noindex",
        "{:,} of the pages asked for it, and their items were left out (politeness.obey_robots_tags)",
    ),
    "fetched(cut)": ("cut", "{:,} pages are so large that only their beginnings were parsed ([parse] settings)"),
    "fetched(invalid-item)": (
        "invalid items",
        "{:,} of the pages gave items that are not as they should be; those failed, and all else of the pages is there",
    ),
    "excluded(trap)": (
        "trap",
        "{:,} pages of rows without end were left out ([traps] settings; acrawl retry --status excluded --reason trap)",
    ),
}


class Progress:
    """Shows snapshots. Use as a context manager; `show` may be called as often as one likes."""

    def __init__(
        self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic, *, quiet: bool = False
    ) -> None:
        self._stream = stream or sys.stderr
        self._quiet = quiet
        self._clock = clock
        self._live = _live_on(self._stream) if self._stream.isatty() and not quiet else None
        self._began = clock()
        self._last = -PLAIN_SECONDS
        self._past: collections.deque[tuple[float, int, int]] = collections.deque()

    @property
    def live(self) -> bool:
        """Whether a live line is shown, which log lines would disturb."""
        return self._live is not None

    def __enter__(self) -> Progress:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._live is not None:
            self._live.update("")
            self._live.stop()

    def note(self, text: str) -> None:
        """Show a line that stays."""
        if self._live is not None:
            self._live.console.print(text, soft_wrap=True, markup=False)
        elif not self._quiet:
            with contextlib.suppress(BrokenPipeError):  # nobody looks any more; the crawl goes on
                print(text, file=self._stream, flush=True)

    def show(self, now: Snapshot, workers: int, state: str) -> None:
        """Show where the crawl stands."""
        line = self._line(now, workers, state)
        if self._live is not None:
            self._live.update(line)
        elif self._clock() - self._last >= PLAIN_SECONDS:
            self._last = self._clock()
            self.note(line)

    def summary(
        self,
        end: Snapshot,
        reason: str,
        tally: Tally,
        changes: Mapping[str, int] | None = None,
        *,
        job: pathlib.Path | None = None,
    ) -> None:
        """Show what came of it.

        ``tally`` is of this life of the crawl, ``changes`` of a further visit, ``job`` where it can be looked into.
        """
        seconds = max(self._clock() - self._began, 1e-9)
        rows: list[tuple[str, str]] = [
            ("discovered", f"{end.discovered:,} ({end.duplicates:,} duplicates met)"),
            ("fetched", f"{end.fetched - end.earlier.fetched:,} ({_size(end.bytes - end.earlier.bytes)})"),
            ("failed", _counted(end, "failed")),
            ("excluded", _counted(end, "excluded")),
        ]
        if changes:
            rows.insert(2, ("since the last visit", ", ".join(f"{count:,} {name}" for name, count in changes.items())))
        elif cached := _from_cache(end):
            rows.insert(2, ("from the cache", cached))
        rows += [(name, text.format(count)) for key, (name, text) in _TOLD.items() if (count := end.reasons.get(key))]
        if end.quarantined:
            rows.append(("quarantined", f"{end.quarantined:,}"))
        if end.queued or end.leased:
            rows.append(("still queued", f"{end.queued + end.leased:,}"))
        rows += [*_results(tally, job), ("hosts", f"{end.hosts:,}")]
        rate = (end.fetched - end.earlier.fetched) / seconds
        rows.append(("time", f"{_duration(seconds)} ({rate:,.1f} requests/s)"))
        width = max(len(name) for name, _ in rows)
        self.note("\n".join([f"crawl {reason}", *(f"{name:{width}}  {value}" for name, value in rows)]))

    def _line(self, now: Snapshot, workers: int, state: str) -> str:
        done = now.fetched + now.failed + now.excluded + now.quarantined
        rate, speed = self._rates(done, now.bytes + now.coming)
        coming = f", {_size(now.coming)} of what is under way" if now.coming >= SHOWN else ""
        waiting = now.queued + now.leased
        eta = f", about {_duration(waiting / rate)} left" if rate > 0.5 and waiting else ""
        return (
            f"{state}: {done:,} done, {waiting:,} queued, {now.failed:,} failed, "
            f"{rate:,.0f} requests/s, {_size(speed)}/s, {workers} workers{coming}{eta}"
        )

    def _rates(self, done: int, size: int) -> tuple[float, float]:
        now = self._clock()
        self._past.append((now, done, size))
        while self._past[0][0] < now - RATE_SECONDS:
            self._past.popleft()
        then, done_then, size_then = self._past[0]
        passed = now - then
        return ((done - done_then) / passed, max(0.0, size - size_then) / passed) if passed > 0 else (0.0, 0.0)


def _live_on(stream: TextIO) -> Live:
    # Only here: most crawls have no terminal, and rich is a third of what a master imports.
    from rich.console import Console
    from rich.live import Live

    return Live(console=Console(file=stream, highlight=False, markup=False), refresh_per_second=4)


def _counted(end: Snapshot, status: str) -> str:
    total = getattr(end, status)
    parts = [f"{key[len(status) + 1 : -1]} {count:,}" for key, count in end.reasons.items() if key.startswith(status)]
    return f"{total:,}" + (f" ({', '.join(parts)})" if parts and total else "")


def _results(tally: Tally, job: pathlib.Path | None) -> list[tuple[str, str]]:
    rows = [("items delivered", f"{tally.items:,}")]
    if tally.files:
        rows.append(("files", f"{tally.files:,}"))
    if tally.exchanges:
        rows.append(("archived", f"{tally.exchanges:,} answers"))
    if tally.dropped:
        rows.append(("items dropped", f"{tally.dropped:,} (by pipelines)"))
    if tally.failed:
        look = "acrawl audit --items" + (f" --job {shlex.quote(str(job))}" if job is not None else "")
        rows.append(("items FAILED", f"{tally.failed:,} (the log says why; {look} lists them)"))
    return rows


def _from_cache(end: Snapshot) -> str:
    unasked, unchanged = end.reasons.get("fetched(cached)", 0), end.reasons.get("fetched(unchanged)", 0)
    said = f" ({unchanged:,} of them said to be unchanged by their servers)" if unchanged else ""
    return f"{unasked + unchanged:,}{said}" if unasked or unchanged else ""


def _size(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:,.0f} {unit}" if unit == "B" else f"{size:,.1f} {unit}"
        size /= 1000
    return f"{size:,.1f} TB"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"
