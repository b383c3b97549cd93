"""The catalog: which bytes a crawl saved, from which URLs, under which name, and where images were seen.

One SQLite file of its own, ``results.db`` in the job's folder, whatever engine the frontier has. A drained batch is ONE
transaction, and every write is idempotent: a batch that arrives again after a crash changes nothing.

    objects      n, sha256, path, folded, size, type, width, height       one row a digest; path below ROOT, or NULL
    files        url, sha256, at, place, type, charset                     one row a URL; place: a worker's, or empty
    pages        url, sha256, text_sha256, title ...                       one row a page; of equal texts one sha256
    sightings    url, page, alt, source                                    one row for an image, or a link, on a page
    replaced     sha256                                                    bytes that no URL gives any more
    looks, derived, alike                                                  of images: see `acrawl.results.looks`
    failed_items item_id, url, kind, reason, detail, body, at              invalid, or refused by a pipeline or a feed

Here is what records; what is read of it is `acrawl.results.listing`'s.
"""

from __future__ import annotations

import contextlib
import math
import os
import pathlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence, Set

import msgspec

from acrawl.clock import Clock, SystemClock
from acrawl.errors import CrawlFailed, FolderProblem, VersionMismatch
from acrawl.outcome import FileFact, PageFacts, PageFile, Sightings
from acrawl.results.files.base import Shelf
from acrawl.results.files.names import folded
from acrawl.results.files.naming import Naming
from acrawl.results.files.objects import is_sha256
from acrawl.results.files.placing import Tree
from acrawl.results.files.template import BY_URL, NameTemplate
from acrawl.results.listing import FailedItem, Listing
from acrawl.results.looks import Looks

VERSION = 2
_SCHEMA = """
CREATE TABLE objects(
    n INTEGER PRIMARY KEY, sha256 TEXT NOT NULL UNIQUE, path TEXT, folded TEXT UNIQUE,
    size INTEGER NOT NULL, type TEXT NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL);
CREATE TABLE files(
    url TEXT PRIMARY KEY, sha256 TEXT NOT NULL, at REAL NOT NULL, place TEXT NOT NULL,
    type TEXT NOT NULL DEFAULT '', charset TEXT NOT NULL DEFAULT '') WITHOUT ROWID;
CREATE INDEX files_of_object ON files(sha256);
CREATE TABLE sightings(
    n INTEGER PRIMARY KEY, url TEXT NOT NULL, page TEXT NOT NULL, alt TEXT NOT NULL, source TEXT NOT NULL,
    UNIQUE(url, page));
CREATE TABLE failed_items(
    item_id TEXT PRIMARY KEY, url TEXT NOT NULL, kind TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL,
    body BLOB NOT NULL, at REAL NOT NULL) WITHOUT ROWID;
"""
#: What came later: made where it is missing, and unheard of by an older acrawl.
_LATER = """
CREATE TABLE IF NOT EXISTS pages(
    url TEXT PRIMARY KEY, sha256 TEXT NOT NULL, text_sha256 TEXT NOT NULL, length INTEGER NOT NULL, title TEXT NOT NULL,
    language TEXT NOT NULL, description TEXT NOT NULL, links INTEGER NOT NULL, status INTEGER NOT NULL,
    fetched_at REAL NOT NULL, cut TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS pages_of_text ON pages(text_sha256);
CREATE TABLE IF NOT EXISTS replaced(sha256 TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TEMP TABLE gone(url TEXT PRIMARY KEY) WITHOUT ROWID;
"""
#: From version 1, which kept one type for each digest, and no encodings.
_V1_TO_V2 = """
ALTER TABLE files ADD COLUMN type TEXT NOT NULL DEFAULT '';
ALTER TABLE files ADD COLUMN charset TEXT NOT NULL DEFAULT '';
UPDATE files SET type = coalesce((SELECT type FROM objects o WHERE o.sha256 = files.sha256), '');
"""
_ADD_OBJECT = (
    "INSERT INTO objects(sha256, path, folded, size, type, width, height) VALUES(?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT(sha256) DO UPDATE SET path = excluded.path, folded = excluded.folded"
)
_ADD_FILE = (
    "INSERT INTO files(url, sha256, at, place, type, charset) VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT(url) DO UPDATE SET"
    " at = CASE sha256 WHEN excluded.sha256 THEN at ELSE excluded.at END,"
    " sha256 = excluded.sha256, place = excluded.place, type = excluded.type, charset = excluded.charset"
)
_ADD_PAGE = f"INSERT OR REPLACE INTO pages VALUES({', '.join('?' * (2 + len(PageFacts.__struct_fields__)))})"
#: Objects whose only URL gives other bytes now, and these. Of equal texts the first page's file stands for all.
_REPLACED = (
    "SELECT DISTINCT f.sha256, o.path, json_extract(j.value, '$[1]')"
    " FROM json_each(?1) j JOIN files f ON f.url = json_extract(j.value, '$[0]')"
    " JOIN objects o USING(sha256) WHERE f.sha256 != json_extract(j.value, '$[1]')"
    " AND NOT EXISTS(SELECT 1 FROM files g WHERE g.sha256 = f.sha256"
    " AND (g.at >= ?2 OR g.url NOT IN (SELECT json_extract(value, '$[0]') FROM json_each(?1))))"
    " AND NOT EXISTS(SELECT 1 FROM pages p JOIN pages q USING(text_sha256) WHERE p.url = f.url AND q.url != f.url)"
)
#: What nobody has saved but pages, of texts that no page has any more.
_UNREAD = (
    "SELECT o.sha256, o.path FROM json_each(?) j JOIN objects o ON o.sha256 = json_extract(j.value, '$[1]')"
    " WHERE NOT EXISTS(SELECT 1 FROM pages WHERE text_sha256 = json_extract(j.value, '$[0]'))"
    " AND NOT EXISTS(SELECT 1 FROM files f WHERE f.sha256 = o.sha256 AND f.url NOT IN (SELECT url FROM pages))"
)
_NEEDLESS = (
    "SELECT sha256 FROM replaced WHERE sha256 NOT IN (SELECT sha256 FROM files)"
    " AND sha256 NOT IN (SELECT sha256 FROM pages) AND sha256 NOT IN (SELECT made FROM derived)"
)
#: "0" comes after "/": all names below a folder of this name.
_TAKEN = (
    "SELECT value FROM json_each(?) WHERE EXISTS(SELECT 1 FROM objects WHERE folded = value)"
    " OR EXISTS(SELECT 1 FROM objects WHERE folded > value || '/' AND folded < value || '0')"
)


class Catalog(Listing):
    """See the module. Blocking; may be made in one thread and used in another, one at a time.

    ``root`` is the folder of the files; without ``named`` they get no readable names, else those that ``template``
    makes. With a ``shelf`` they are there, and the folder is only what is rendered into. ``since`` is when the visit
    began (Unix time): of what a URL gives in one visit nothing takes the place of anything. Raises `FolderProblem` when
    the database cannot be opened, `VersionMismatch` when another acrawl made it. A failure while it works is
    `CrawlFailed`.
    """

    def __init__(
        self,
        database: str | os.PathLike[str],
        root: str | os.PathLike[str],
        clock: Clock | None = None,
        *,
        named: bool = True,
        template: NameTemplate = BY_URL,
        shelf: Shelf | None = None,
        since: float = math.inf,
    ) -> None:
        self._since = since
        self.root = pathlib.Path(root)
        self._named = named
        self._clock = clock or SystemClock()
        self._tree = shelf or Tree(root)
        self._seen: set[str] = set()
        self._needless: set[str] = set()
        try:
            pathlib.Path(database).parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(database, isolation_level=None, check_same_thread=False, timeout=30)
            try:
                self._open(os.fspath(database))
                self.looks = Looks(self._db, self._tree, named=named)
                self._naming = Naming(self._tree, self._taken, self._is_object, template, self._count)
            except BaseException:
                self._db.close()
                raise
        except (OSError, sqlite3.Error) as error:  # nothing has begun: the user is told
            raise FolderProblem(f"cannot open the catalog {os.fspath(database)}: {error}") from None

    def _open(self, name: str) -> None:
        # FULL: the frontier forgets an item once this has committed, so the commit must outlive a power cut.
        self._db.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY;")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            self._db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version={VERSION}; COMMIT;")
        elif version == 1:
            self._db.executescript(f"BEGIN IMMEDIATE; {_V1_TO_V2} PRAGMA user_version={VERSION}; COMMIT;")
        elif version != VERSION:
            raise VersionMismatch(f"{name} is of catalog version {version}, this acrawl reads {VERSION}")
        self._db.executescript(_LATER)

    @contextlib.contextmanager
    def batch(self) -> Iterator[None]:
        """Everything inside is one transaction, durable when it ends; nothing of it is kept after an exception."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._tree.settle()
                self._db.execute("COMMIT")
                if self._needless:
                    self._tree.forget(self._needless - self._names_of(self._needless).keys())
                    self._needless.clear()
                if self._seen:
                    self._tree.committed(self._seen)
                    self._seen.clear()
            except BaseException:  # links may stay behind; the same batch finds and accepts them when it comes again
                self._naming.forget()
                self._needless.clear()
                self._seen.clear()
                with contextlib.suppress(sqlite3.Error):  # the first error is the one to tell
                    self._db.execute("ROLLBACK")
                raise
        except (sqlite3.Error, OSError) as error:  # nothing is lost: the batch is still in the outbox
            raise CrawlFailed(f"the catalog of files cannot go on: {error}; make room and resume") from error

    def add_files(self, facts: Sequence[FileFact], spared: Set[str] = frozenset()) -> list[str | Exception | None]:
        """Record saved files; returns the name of each below ROOT, None when it has none or a worker has the bytes.

        The first URL of a digest names it; where a URL gives other bytes than before, they get the name that those had,
        unless other URLs give those too or they are ``spared`` (digests). Idempotent. In the place of a file that
        cannot be listed stands why, and nothing of it is recorded: FileNotFoundError when the bytes are not where the
        worker said it put them, ValueError for a fact that cannot be.
        """
        if not facts:
            return []
        self._replace(facts, spared)
        known = self._names_of({fact.sha256 for fact in facts})
        self._seen |= {fact.sha256 for fact in facts if not fact.where}
        nameless = {fact.sha256: fact for fact in reversed(facts) if not fact.where and not known.get(fact.sha256)}
        wanting = list(nameless.values())[::-1]
        named = {fact.sha256: name for fact, name in zip(wanting, self._names_for(wanting), strict=True)}
        objects: dict[str, tuple[str | int | None, ...]] = {}
        files: list[tuple[str | float, ...]] = []
        at = self._clock.time()
        names: list[str | Exception | None] = []
        for fact in facts:
            name = known.get(fact.sha256) or named.get(fact.sha256)
            if isinstance(name, Exception):
                if not fact.where:
                    names.append(name)
                    continue
                name = None
            names.append(name)
            files.append((fact.url, fact.sha256, at, fact.where, fact.type, fact.charset))
            if fact.sha256 not in objects and not known.get(fact.sha256):
                facts_of_it = (fact.size, fact.type, fact.width, fact.height)
                objects[fact.sha256] = (fact.sha256, name, name and folded(name), *facts_of_it)
        self._db.executemany(_ADD_OBJECT, objects.values())
        self._db.executemany(_ADD_FILE, files)
        for fact, name in zip(facts, names, strict=True):
            if (fact.dhash or fact.derived or fact.broken or fact.note) and not isinstance(name, Exception):
                self.looks.add(fact, name)
                self._seen |= {made.sha256 for made in fact.derived if not fact.where}
        return names

    def add_pages(self, pages: Sequence[PageFile]) -> list[str | Exception | None]:
        """Record the texts of pages; returns the name of the file of each, as `add_files` does. Idempotent.

        Of equal texts, whatever is written above them, the first one's file stands for all: the others are removed
        when the batch is durable.
        """
        if not pages:
            return []
        query = "SELECT DISTINCT text_sha256, sha256 FROM pages WHERE url IN (SELECT value FROM json_each(?))"
        before = self._db.execute(query, (_listed(page.file.url for page in pages),)).fetchall()
        query = "SELECT text_sha256, sha256 FROM pages WHERE text_sha256 IN (SELECT value FROM json_each(?))"
        files = dict(self._db.execute(query, (_listed({page.facts.text_sha256 for page in pages}),)))
        first: dict[str, FileFact] = {}
        for page in pages:
            if page.facts.text_sha256 not in files:
                first.setdefault(page.facts.text_sha256, page.file)
        facts = list(first.values())
        named = dict(zip((fact.sha256 for fact in facts), self.add_files(facts, set(files.values())), strict=True))
        self._seen |= {page.file.sha256 for page in pages if not page.file.where}
        files |= {text: fact.sha256 for text, fact in first.items()}
        named |= self._names_of(set(files.values()) - named.keys())
        names: list[str | Exception | None] = []
        for page in pages:
            sha256 = files[page.facts.text_sha256]
            name = named.get(sha256)
            names.append(name)
            if isinstance(name, Exception):
                continue
            own = page.file.sha256
            if name is not None and own != sha256 and not page.file.where and is_sha256(own):
                self._needless.add(own)
            self._db.execute(_ADD_PAGE, (page.file.url, sha256, *msgspec.structs.astuple(page.facts)))
        for sha256, path in self._db.execute(_UNREAD, (msgspec.json.encode(before).decode(),)).fetchall():
            self._db.execute("DELETE FROM files WHERE sha256 = ?", (sha256,))
            self._give_up(sha256, path)
        return names

    def _replace(self, facts: Sequence[FileFact], spared: Set[str]) -> None:
        """Take their names from the bytes in whose place others have come, and from what was made of them.

        The bytes stay until `forget_replaced`. Nothing comes in their place where a worker is wrong, and the others are
        not here.
        """
        news = _changes(facts)
        wanted = {fact.sha256 for fact in facts} | spared
        known = self._names_of(wanted)
        rows = self._db.execute(_REPLACED, (news, self._since)).fetchall()
        absent = {new for *_, new in rows if not known.get(new) and self._tree.missing(new) is not None}
        if absent:
            news = _changes(fact for fact in facts if fact.sha256 not in absent)
            rows = self._db.execute(_REPLACED, (news, self._since)).fetchall()
        for sha256, path in {(sha256, path) for sha256, path, _ in rows if sha256 not in wanted}:
            self._give_up(sha256, path)

    def _give_up(self, sha256: str, path: str | None) -> None:
        if path is not None:
            self._tree.vacate(sha256, path)
        needless = [sha256, *self.looks.forget(sha256)]
        self._db.execute("DELETE FROM objects WHERE sha256 = ?", (sha256,))
        self._db.executemany("INSERT OR IGNORE INTO replaced VALUES(?)", ((one,) for one in needless))

    def forget_replaced(self) -> None:
        """Remove bytes that no URL gives any more: not while workers may find them there, and need not write them."""
        with self.batch():
            self._tree.forget([sha256 for (sha256,) in self._db.execute(_NEEDLESS)])
            self._db.execute("DELETE FROM replaced")

    def note_gone(self, urls: Iterable[str]) -> None:
        """Let the lists say of what these URLs gave that it is not to be had there any more."""
        with self.batch():
            self._db.executemany("INSERT OR IGNORE INTO gone VALUES(?)", ((url,) for url in urls))

    def add_sightings(self, seen: Sightings) -> None:
        """Record where a page names images; the first text for an image on a page stays. Idempotent."""
        self._db.executemany(
            "INSERT OR IGNORE INTO sightings(url, page, alt, source) VALUES(?, ?, ?, ?)",
            [(image.url, seen.page, image.alt, image.source) for image in seen.images],
        )

    def add_failed(self, items: Iterable[FailedItem]) -> None:
        """Record items that could not be taken. Idempotent by item id; the first reason stays."""
        at = self._clock.time()
        self._db.executemany(
            "INSERT OR IGNORE INTO failed_items VALUES(?, ?, ?, ?, ?, ?, ?)",
            [(*msgspec.structs.astuple(item), at) for item in items],
        )

    def find_alike(self, near: int) -> None:
        """See `Looks.find_alike`. Raises `CrawlFailed`."""
        with self.batch():
            self.looks.find_alike(near)

    def close(self) -> None:
        """Let go of the database. Idempotent."""
        self._tree.close()
        self._db.close()

    def _names_for(self, facts: Sequence[FileFact]) -> Sequence[str | Exception | None]:
        """Link objects under new names; without names, make sure that they are there."""
        return self._naming.name(facts) if self._named else [self._tree.missing(fact.sha256) for fact in facts]

    def _names_of(self, digests: Iterable[str]) -> dict[str, str | None]:
        """The digests that are known, and their names."""
        query = "SELECT sha256, path FROM objects WHERE sha256 IN (SELECT value FROM json_each(?))"
        return dict(self._db.execute(query, (_listed(digests),)))

    def _taken(self, keys: Iterable[str]) -> set[str]:
        """Which of these folded names are other objects', or folders of other objects."""
        return {key for (key,) in self._db.execute(_TAKEN, (_listed(keys),))}

    def _count(self) -> int:
        """The number of the last object, as long as none is added."""
        (count,) = self._db.execute("SELECT coalesce(max(n), 0) FROM objects").fetchone()
        return int(count)

    def _is_object(self, key: str) -> bool:
        return self._db.execute("SELECT 1 FROM objects WHERE folded = ?", (key,)).fetchone() is not None


def _changes(facts: Iterable[FileFact]) -> str:
    """Which URLs give which bytes now, as one value."""
    return msgspec.json.encode([(fact.url, fact.sha256) for fact in facts if not fact.where]).decode()


def _listed(texts: Iterable[str]) -> str:
    """Many texts as one value: a statement takes a bounded number of them."""
    return msgspec.json.encode(list(texts)).decode()
