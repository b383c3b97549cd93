"""What a server was asked for, and when: the access log of the kit, and what it says about politeness."""

from __future__ import annotations

import itertools
import os
import pathlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Hit(NamedTuple):
    """One request, as it arrived. ``at`` is in seconds since the server's start; ``status`` 0 is no answer.

    ``host`` is the politeness key, as in ``http://127.0.0.1:8080``; ``path`` has the query with it. ``late`` is by how
    many seconds the request may have come sooner: so long the server had not looked at its sockets.
    """

    at: float
    host: str
    path: str
    status: int
    late: float = 0.0

    @property
    def url(self) -> str:
        """The whole URL."""
        return self.host + self.path

    def line(self) -> str:
        """The hit as a line of a log file: its fields in order, with tabs between them."""
        return f"{self.at:.6f}\t{self.host}\t{self.path}\t{self.status}\t{self.late:.6f}\n"


def read_hits(path: str | os.PathLike[str]) -> list[Hit]:
    """Read a log file. A last line without its end is left out: it is being written."""
    text = pathlib.Path(path).read_text(encoding="utf-8")
    found = []
    for line in text[: text.rfind("\n") + 1].splitlines():
        at, host, place, status, late = line.split("\t")
        found.append(Hit(float(at), host, place, int(status), float(late)))
    return found


def gaps(hits: Iterable[Hit], *, longest: bool = False) -> list[float]:
    """The seconds between one request and the next at the same host, for all hosts, in ascending order.

    With ``longest`` each is the longest that it may have been (`Hit.late`): one that is too short is so for certain,
    however busy the server was.
    """
    by_host: dict[str, list[Hit]] = {}
    for hit in hits:
        by_host.setdefault(hit.host, []).append(hit)
    return sorted(
        after.at - before.at + (before.late if longest else 0.0)
        for found in by_host.values()
        for before, after in itertools.pairwise(sorted(found))
    )


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value below which this share of ascending numbers lies. Raises ValueError for none."""
    if not ordered:
        raise ValueError("there is no quantile of nothing")
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]
