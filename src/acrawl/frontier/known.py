"""Which requests are known already, and which of these give way.

A page may ask that its links be left; another page may lead to the same request all the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from acrawl.frontier.database import Database, chunks
from acrawl.outcome import EXCLUDED

#: Reasons of EXCLUDED that speak of the page that led there, and not of the request.
OF_ONE_PAGE = frozenset({"nofollow", "noimageindex"})
#: Keys that are looked for at once: SQLite sorts each part; to sort all costs more.
_KEYS = 256


def known_keys(db: Database, keys: Sequence[bytes]) -> set[bytes]:
    """Those of the fingerprints that have been seen. Blocks."""
    found: set[bytes] = set()
    for part in chunks(list(dict.fromkeys(keys)), _KEYS):
        marks = ",".join("?" * len(part))
        found.update(key for (key,) in db.all(f"select key from seen where key in ({marks})", *part))
    return found


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
