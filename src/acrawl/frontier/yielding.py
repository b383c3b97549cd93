"""Ends that give way: a page asked that its links be left, and another page leads to the same request all the same."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from acrawl.frontier.database import Database, chunks
from acrawl.outcome import EXCLUDED

#: Reasons of EXCLUDED that speak of the page that led there, and not of the request.
OF_ONE_PAGE = frozenset({"nofollow", "noimageindex"})
_KEYS = 256


def yielding(db: Database, known: Collection[bytes], endings: Mapping[tuple[str, str], int]) -> set[bytes]:
    """Those of the known fingerprints whose requests were kept out for such a reason only. Blocks.

    ``endings`` are the numbers of the ways in which requests have ended; while there is no such end, nothing is read.
    """
    ends = [endings[EXCLUDED, reason] for reason in OF_ONE_PAGE if (EXCLUDED, reason) in endings]
    found: set[bytes] = set()
    for part in chunks(list(known), _KEYS) if ends else ():
        keys, numbers = ",".join("?" * len(part)), ",".join("?" * len(ends))
        query = f"select key from seen join ledger using (id) where key in ({keys}) and ending in ({numbers})"
        found.update(key for (key,) in db.all(query, *part, *ends))
    return found
