"""What the catalog knows of decoded images: what is wrong with them, what was made of them, what they look like.

Three tables in ``results.db``, made where they are missing::

    looks      sha256, dhash, broken, note                                   one row a decoded image
    derived    sha256, kind, made, path, size, type, width, height           what was made of it; path below ROOT
    alike      sha256, first, head                                           made anew at each end of the crawl

``first`` is the first image that one looks like; ``head`` is where that leads in the end, and like none before it.
"""

from __future__ import annotations

import re
import sqlite3
from array import array
from collections.abc import Sequence

import msgspec

from acrawl.outcome import Derived, FileFact
from acrawl.results.files.base import Shelf
from acrawl.results.files.names import distinct, folded
from acrawl.results.imaging.alike import firsts
from acrawl.results.imaging.making import place_for

_DHASH = re.compile(r"[0-9a-f]{16}")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS looks(
    sha256 TEXT PRIMARY KEY, dhash TEXT NOT NULL, broken TEXT NOT NULL, note TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS derived(
    sha256 TEXT NOT NULL, kind TEXT NOT NULL, made TEXT NOT NULL, path TEXT, size INTEGER NOT NULL, type TEXT NOT NULL,
    width INTEGER NOT NULL, height INTEGER NOT NULL, PRIMARY KEY(sha256, kind)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS alike(sha256 TEXT PRIMARY KEY, first TEXT NOT NULL, head TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS alike_head ON alike(head);
CREATE INDEX IF NOT EXISTS derived_made ON derived(made);
"""
#: What was seen first stays, unless more can be told now.
_ADD_LOOK = (
    "INSERT INTO looks VALUES(?, ?, ?, ?) ON CONFLICT(sha256) DO UPDATE SET"
    " dhash = excluded.dhash, broken = excluded.broken, note = excluded.note WHERE note != ''"
)
_ADD_DERIVED = "INSERT OR REPLACE INTO derived VALUES(?, ?, ?, ?, ?, ?, ?, ?)"
_SAME = "SELECT path FROM derived WHERE made = ? AND path IS NOT NULL LIMIT 1"
_ADD_ALIKE = (
    "INSERT INTO alike SELECT o.sha256, f.sha256, h.sha256 FROM objects o, objects f, objects h"
    " WHERE o.n = ? AND f.n = ? AND h.n = ?"
)


class DerivedFile(msgspec.Struct, frozen=True):
    """Something that was made of an image; ``path`` is below ROOT, None when it has no name there."""

    kind: str
    sha256: str
    path: str | None
    size: int
    type: str
    width: int
    height: int


class Look(msgspec.Struct, frozen=True):
    """What is known of a decoded image; ``near`` is the SHA-256 of the first image that it looks like, or empty."""

    dhash: str = ""
    broken: str = ""
    note: str = ""
    near: str = ""


class Looks:
    """A part of a catalog, over its database and its tree; every change happens in the catalog's transaction."""

    def __init__(self, db: sqlite3.Connection, tree: Shelf, *, named: bool) -> None:
        self._db = db
        self._tree = tree
        self._named = named
        db.executescript(_SCHEMA)

    def add(self, fact: FileFact, name: str | None) -> None:
        """Record a decoded image that has this name, and name what was made of it. Idempotent.

        What another worker has made of the same bytes before stays.
        """
        dhash = fact.dhash if _DHASH.fullmatch(fact.dhash) else ""
        self._db.execute(_ADD_LOOK, (fact.sha256, dhash, fact.broken, fact.note))
        known = {one.kind: one.path for one in self.made_of(fact.sha256)}
        for made in fact.derived:
            if known.get(made.kind) is None and not (fact.where and made.kind in known):
                self._add(fact, made, name)

    def _add(self, fact: FileFact, made: Derived, name: str | None) -> None:
        path = None
        if not fact.where:
            try:
                if self._is_missing(made.sha256):
                    return
                path = self._placed(made, name) if self._named and name is not None else None
            except ValueError:  # a worker that says what cannot be: the image itself is none the worse
                return
        size = made.size, made.type, made.width, made.height
        self._db.execute(_ADD_DERIVED, (fact.sha256, made.kind, made.sha256, path, *size))

    def _is_missing(self, sha256: str) -> bool:
        """Whether something that was made is nowhere; where another image's is the same, that one's will do."""
        if self._tree.missing(sha256) is None:
            return False
        row = self._db.execute(_SAME, (sha256,)).fetchone()
        if row is None:
            return True
        self._tree.bring_back(sha256, *row)
        return self._tree.missing(sha256) is not None

    def _placed(self, made: Derived, name: str) -> str | None:
        """Link it under the name of its image, in a folder for its kind; None where somebody else's files are."""
        wanted = place_for(made.kind, made.type, name)
        for candidate in (wanted, distinct(wanted, made.sha256[:12])):
            query = "SELECT 1 FROM objects WHERE folded = ?"
            is_taken = self._db.execute(query, (folded(candidate),)).fetchone() is not None
            if not is_taken and self._tree.place(made.sha256, candidate):
                return candidate
        return None

    def forget(self, sha256: str) -> list[str]:
        """Forget an image, and take their names from what was made of it; returns the digests of that."""
        made = self.made_of(sha256)
        for one in made:
            if one.path is not None:
                self._tree.vacate(one.sha256, one.path)
        for table in ("looks", "derived", "alike"):
            self._db.execute(f"DELETE FROM {table} WHERE sha256 = ?", (sha256,))
        return [one.sha256 for one in made]

    def find_alike(self, near: int) -> None:
        """Find out anew which images look alike: those that differ in at most ``near`` bits; 0 for none."""
        self._db.execute("DELETE FROM alike")
        if not near:
            return
        numbers, hashes = array("q"), array("Q")
        rows = "SELECT n, dhash FROM looks JOIN objects USING(sha256) WHERE dhash != '' ORDER BY n"
        for number, dhash in self._db.execute(rows):
            numbers.append(number)
            hashes.append(int(dhash, 16))
        first = firsts(hashes, near)
        head = array("q", range(len(first)))
        for place, before in enumerate(first):
            if before >= 0:
                head[place] = head[before]
                self._db.execute(_ADD_ALIKE, (numbers[place], numbers[before], numbers[head[place]]))

    def made_of(self, sha256: str) -> Sequence[DerivedFile]:
        """What was made of an image."""
        query = "SELECT kind, made, path, size, type, width, height FROM derived WHERE sha256 = ? ORDER BY kind DESC"
        return [DerivedFile(*row) for row in self._db.execute(query, (sha256,))]

    def look_of(self, sha256: str) -> Look:
        """What is known of an image; empty where it was not decoded."""
        row = self._db.execute(
            "SELECT dhash, broken, note, coalesce((SELECT first FROM alike a JOIN objects o ON o.sha256 = a.first"
            " WHERE a.sha256 = looks.sha256), '') FROM looks WHERE sha256 = ?",
            (sha256,),
        ).fetchone()
        return Look(*row) if row else Look()

    def url_of(self, sha256: str) -> str:
        """One URL of an image, always the same."""
        (url,) = self._db.execute("SELECT coalesce(min(url), '') FROM files WHERE sha256 = ?", (sha256,)).fetchone()
        return str(url)
