"""Which pages hold which links: the sightings of a crawl, joined with what became of the links at its end.

What became of them is given, and kept in temporary tables: a site of a million dead links takes no more memory than one
of ten. A sighting names a link with its fragment; the names that a page gives to its places are sightings on that page
itself, of the source `PLACE`, and each page that was read has the empty one. What a crawl takes for one URL has
one end, whatever its pages write: other spellings lead to it as redirects do. What was typed is held by no page.
"""

from __future__ import annotations

import os
import pathlib
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Self
from urllib.parse import unquote

import msgspec

from acrawl.errors import CrawlFailed, FolderProblem
from acrawl.outcome import Ended, Redirected
from acrawl.spelling import EXACT, Spelling

#: The source of sightings that are places of the page itself.
PLACE = "place"
#: The source of sightings that are no URLs, as they are written.
MALFORMED = "malformed"
#: Redirects that are followed from one to the next.
_HOPS = 50
_TABLES = """
CREATE TEMP TABLE dead(
    url TEXT PRIMARY KEY, reason TEXT NOT NULL, detail TEXT NOT NULL, status INTEGER NOT NULL) WITHOUT ROWID;
CREATE TEMP TABLE hop(url TEXT PRIMARY KEY, target TEXT NOT NULL, status INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX hop_target ON hop(target);
CREATE TEMP TABLE typed(url TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TEMP TABLE known(key TEXT PRIMARY KEY, url TEXT NOT NULL) WITHOUT ROWID;
"""
#: A hop of the status 0 is from one spelling to another.
_SPELLINGS = """
INSERT OR IGNORE INTO known SELECT key_of(url), url FROM dead;
INSERT OR IGNORE INTO known SELECT key_of(url), url FROM hop;
INSERT OR IGNORE INTO known SELECT key_of(page), page FROM sightings WHERE source = 'place' AND url = page || '#';
INSERT OR IGNORE INTO hop
    SELECT link, known.url, 0 FROM (
        SELECT CASE instr(url, '#') WHEN 0 THEN url ELSE substr(url, 1, instr(url, '#') - 1) END AS link
            FROM (SELECT DISTINCT url FROM sightings WHERE source != 'malformed')
        UNION SELECT target FROM hop UNION SELECT url FROM typed)
    JOIN known ON known.key = key_of(link) WHERE known.url != link AND link NOT IN (SELECT url FROM dead);
"""
#: The sightings of a URL, and of those that lead to it; "$" comes after "#".
_HOLDERS = """
WITH RECURSIVE led(url, redirected) AS (
    SELECT ?1, 0 UNION SELECT hop.url, max(redirected, hop.status != 0) FROM hop JOIN led ON hop.target = led.url
    WHERE hop.url != ?1)
SELECT '' AS page, '' AS alt, '' AS source, led.url AS via, redirected, 0 AS n FROM led JOIN typed USING (url)
UNION ALL
SELECT page, alt, source, led.url AS via, redirected, n FROM led JOIN sightings s ON s.url = led.url
UNION ALL
SELECT page, alt, source, led.url AS via, redirected, n FROM led
    JOIN sightings s ON s.url > led.url || '#' AND s.url < led.url || '$' WHERE source != 'place'
ORDER BY n
"""


class Holder(msgspec.Struct, frozen=True):
    """A page that holds a link: the text of the link, how it is named (``a``, ``img`` ...), and the link itself.

    The page of what was typed is empty.
    ``via`` is the URL that stands there, where it is another one that leads to the one in question: ``redirected``, or
    as another spelling of it.
    """

    page: str
    text: str
    source: str
    via: str = ""
    redirected: bool = False


class Dead(msgspec.Struct, frozen=True):
    """A link that cannot be had: the ledger's word for why, the text for people, the status (0: no answer)."""

    url: str
    reason: str
    detail: str
    status: int


class Moved(msgspec.Struct, frozen=True):
    """A link whose server says that it lives elsewhere for good; ``target`` is where all redirects end."""

    url: str
    target: str
    status: int


class LinkBook:
    """Answers from a crawl's ``results.db``; changes nothing. Blocks. Raises `FolderProblem` if it cannot be read."""

    def __init__(self, database: str | os.PathLike[str]) -> None:
        address = f"{pathlib.Path(database).resolve().as_uri()}?mode=ro"
        try:
            self._db = sqlite3.connect(address, uri=True, isolation_level=None)
            self._db.executescript(_TABLES)
        except sqlite3.Error as error:  # nothing to tell: the user is told why
            raise FolderProblem(f"{os.fspath(database)}: cannot be read: {error}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._db.close()

    def judge(
        self,
        dead: Iterable[Ended],
        moved: Iterable[Redirected],
        spelling: Spelling = EXACT,
        typed: Iterable[str] = (),
    ) -> None:
        """Take in what became of the links; ``spelling`` is the crawl's, ``typed`` are the URLs that it began with.

        Raises `CrawlFailed` when there is no room.
        """
        rows = ((end.url, end.reason or end.status, end.detail, end.http_status) for end in dead)
        hops = ((one.url, one.target, one.http_status) for one in moved)
        try:
            self._db.create_function("key_of", 1, lambda url: spelling.key(spelling.address(url)), deterministic=True)
            self._db.execute("BEGIN")
            self._db.executemany("INSERT OR REPLACE INTO dead VALUES(?, ?, ?, ?)", rows)
            self._db.executemany("INSERT OR REPLACE INTO hop VALUES(?, ?, ?)", hops)
            seeds = ((spelling.address(url),) for url in typed)
            self._db.executemany("INSERT OR IGNORE INTO typed VALUES(?)", seeds)
            self._db.execute("COMMIT")
            self._db.executescript(_SPELLINGS)
        except sqlite3.Error as error:  # the crawl's own books are whole; the report can be repeated
            raise CrawlFailed(f"the links cannot be judged: {error}") from error

    def dead(self) -> Iterator[Dead]:
        """Every link that cannot be had, in the order of URLs."""
        return (Dead(*row) for row in self._db.execute("SELECT * FROM dead ORDER BY url"))

    def moved(self) -> Iterator[Moved]:
        """Every link that has moved for good (301, 308) and can be had there, in the order of URLs."""
        for url, status in self._db.execute("SELECT url, status FROM hop WHERE status IN (301, 308) ORDER BY url"):
            target = self._end_of(url)
            if not self._is_dead(target):
                yield Moved(url, target, status)

    def pages(self) -> int:
        """How many pages were read."""
        query = f"SELECT count(*) FROM sightings WHERE source = '{PLACE}' AND url = page || '#'"
        count: int = self._db.execute(query).fetchone()[0]
        return count

    def malformed(self) -> Iterator[tuple[str, Iterator[Holder]]]:
        """What stands where links do and is no URL, with the pages that hold it, in the order of the texts."""
        for (text,) in self._db.execute(
            f"SELECT DISTINCT url FROM sightings WHERE source = '{MALFORMED}' ORDER BY url"
        ):
            rows = self._db.execute(
                f"SELECT page, alt FROM sightings WHERE url = ? AND source = '{MALFORMED}' ORDER BY n", (text,)
            )
            yield text, (Holder(page, alt, "") for page, alt in rows)

    def placeless(self) -> Iterator[tuple[str, Iterator[Holder]]]:
        """Links to a place that their page does not have, with the pages that hold them, in the order of URLs."""
        query = f"SELECT DISTINCT url FROM sightings WHERE instr(url, '#') > 0 AND source != '{PLACE}' ORDER BY url"
        for (url,) in self._db.execute(query):
            page, _, place = url.partition("#")
            target = self._end_of(page)
            if self._has(target, "") and not (self._has(target, place) or self._has(target, unquote(place))):
                rows = self._db.execute("SELECT page, alt, source FROM sightings WHERE url = ? ORDER BY n", (url,))
                yield url, (Holder(*row) for row in rows)

    def holders(self, url: str) -> Iterator[Holder]:
        """Every page that holds a link, or one that leads to it, in the order they were found."""
        for page, text, source, via, redirected, _ in self._db.execute(_HOLDERS, (url,)):
            yield Holder(page, text, source, via if via != url else "", bool(redirected))

    def _end_of(self, url: str) -> str:
        for _ in range(_HOPS):
            row = self._db.execute("SELECT target FROM hop WHERE url = ?", (url,)).fetchone()
            if row is None or row[0] == url:
                break
            url = row[0]
        return url

    def _is_dead(self, url: str) -> bool:
        return self._db.execute("SELECT 1 FROM dead WHERE url = ?", (url,)).fetchone() is not None

    def _has(self, page: str, place: str) -> bool:
        query = f"SELECT 1 FROM sightings WHERE url = ? AND page = ? AND source = '{PLACE}'"
        return self._db.execute(query, (f"{page}#{place}", page)).fetchone() is not None
