"""The register of a copy: which URL has which name in it, what leads where, and which names are ours to write.

One SQLite file, ``ROOT/.objects/mirror.db``. It outlives the job: a site that is crawled anew keeps its names.

    names        url, path, folded, sha256     what is in the copy; several URLs may share a name
    claims       folded                        names that were free when they were taken: what stands there is ours
    redirects    url, target                   where a URL that is no file leads
    spellings    key, url                      what stands here for URLs that are one; made anew each time
"""

from __future__ import annotations

import contextlib
import functools
import os
import pathlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from acrawl.errors import CrawlFailed
from acrawl.outcome import FileFact
from acrawl.results.files.names import folded, name_for
from acrawl.results.files.naming import Naming
from acrawl.spelling import EXACT, Spelling

_SCHEMA = """
CREATE TABLE IF NOT EXISTS names(
    url TEXT PRIMARY KEY, path TEXT NOT NULL, folded TEXT NOT NULL, sha256 TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS names_folded ON names(folded);
CREATE TABLE IF NOT EXISTS claims(folded TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS redirects(url TEXT PRIMARY KEY, target TEXT NOT NULL) WITHOUT ROWID;
CREATE TEMP TABLE spellings(key TEXT PRIMARY KEY, url TEXT NOT NULL) WITHOUT ROWID;
CREATE TEMP TABLE added(url TEXT PRIMARY KEY) WITHOUT ROWID;
"""
#: "0" comes after "/": all names below a folder of this name.
_TAKEN = (
    "SELECT value FROM json_each(?) WHERE EXISTS(SELECT 1 FROM names WHERE folded = value)"
    " OR EXISTS(SELECT 1 FROM names WHERE folded > value || '/' AND folded < value || '0')"
)
#: No chain of redirects is followed further.
_MOST_HOPS = 30
#: URLs whose names are remembered: pages of a site name the same ones again and again.
_REMEMBERED = 50_000


class Register:
    """See the module. Blocking, for one thread. Raises `CrawlFailed` where it cannot go on.

    ``spelling`` says which URLs are one.
    """

    def __init__(self, root: pathlib.Path, spelling: Spelling = EXACT) -> None:
        self.root = root
        self._spelling = spelling
        self._naming = Naming(self, self._taken, self._is_file)
        self.path_of = functools.lru_cache(_REMEMBERED)(self._path_of)
        try:
            (root / ".objects").mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(root / ".objects" / "mirror.db", isolation_level=None, timeout=30)
            self._db.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; {_SCHEMA}")
        except (OSError, sqlite3.Error) as error:  # the crawl's state is whole; the copy can be made later
            raise CrawlFailed(f"the register of the copy in {root} cannot be opened: {error}") from None

    @contextlib.contextmanager
    def _batch(self) -> Iterator[None]:
        self.path_of.cache_clear()
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):  # the first error is the one to tell
                    self._db.execute("ROLLBACK")
                raise
        except (sqlite3.Error, OSError) as error:  # nothing is lost: the copy is made from the catalog once more
            raise CrawlFailed(f"the register of the copy cannot go on: {error}; make room and resume") from error

    def add_redirects(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Record what leads where. Idempotent."""
        with self._batch():
            for url, target in pairs:
                self._db.execute("DELETE FROM names WHERE url = ?", (url,))  # of an earlier crawl
                self._db.execute("INSERT OR REPLACE INTO redirects VALUES(?, ?)", (url, target))

    def add(self, facts: Sequence[FileFact]) -> None:
        """Give names to what has none yet, or has other bytes by now. Idempotent.

        They come in the order of URLs, so that the names are the same in whatever order the crawl met them.
        """
        with self._batch():
            self._db.executemany("INSERT OR IGNORE INTO added VALUES(?)", [(fact.url,) for fact in facts])
            known = dict(
                self._db.execute(
                    "SELECT url, sha256 FROM names WHERE url IN (SELECT value FROM json_each(?))",
                    (_listed(fact.url for fact in facts),),
                )
            )
            new = [fact for fact in facts if known.get(fact.url) != fact.sha256]
            self._db.executemany("DELETE FROM names WHERE url = ?", [(fact.url,) for fact in new if fact.url in known])
            for fact in new:  # one by one: each sees the names of those before it
                path = self._shared(fact) or self._named(fact)
                row = (fact.url, path, folded(path), fact.sha256)
                self._db.execute("INSERT INTO names VALUES(?, ?, ?, ?)", row)

    def entry(self, url: str) -> tuple[str, str]:
        """The name of a URL that was added, and the first of those added that share it: not of an earlier crawl."""
        row: tuple[str, str] = self._db.execute(
            "SELECT path, (SELECT min(n.url) FROM names n JOIN added USING(url) WHERE n.folded = names.folded)"
            " FROM names WHERE url = ?",
            (url,),
        ).fetchone()
        return row

    def gather_spellings(self) -> None:
        """Let `path_of` find what is here by other spellings, too. Idempotent."""
        key = self._spelling.key
        with self._batch():
            urls = self._db.execute("SELECT url FROM names UNION SELECT url FROM redirects ORDER BY 1")
            others = ((key(url), url) for (url,) in urls if key(url) != url)
            self._db.executemany("INSERT OR IGNORE INTO spellings VALUES(?, ?)", others)

    def _path_of(self, url: str) -> str | None:
        for _ in range(_MOST_HOPS):
            path, target = self._known(url)
            if path is None and target is None:
                url = self._spelling.key(self._spelling.address(url))
                row = self._db.execute("SELECT url FROM spellings WHERE key = ?", (url,)).fetchone()
                path, target = self._known(url if row is None else row[0])
            if target is None:
                return path
            url = target
        return None

    def _known(self, url: str) -> tuple[str | None, str | None]:
        """The name of this very URL, or where it leads."""
        for query in ("SELECT path, NULL FROM names WHERE url = ?", "SELECT NULL, target FROM redirects WHERE url = ?"):
            row: tuple[str | None, str | None] | None = self._db.execute(query, (url,)).fetchone()
            if row is not None:
                return row
        return None, None

    def close(self) -> None:
        """Let go of the file. Idempotent."""
        self._db.close()

    # -- names, as `Naming` asks for them

    def expect(self, wanted: Sequence[tuple[str, str]]) -> None:
        """Nothing: a disk answers at once."""

    def place(self, _sha256: str, name: str) -> bool:
        """Claim a name. False where somebody else's file is."""
        key = folded(name)
        if self._db.execute("SELECT 1 FROM claims WHERE folded = ?", (key,)).fetchone() is None:
            if os.path.lexists(self.root / name):
                return False
            self._db.execute("INSERT INTO claims VALUES(?)", (key,))
        return not os.path.isdir(self.root / name)

    def blocks(self, folder: str) -> bool:
        """Whether something that is no folder, or leads out of the copy, stands where this folder should be."""
        path = self.root / folder
        return os.path.lexists(path) and (path.is_symlink() or not path.is_dir())

    def _named(self, fact: FileFact) -> str:
        (name,) = self._naming.name([fact])
        if isinstance(name, Exception):
            raise CrawlFailed(f"no name can be found for {fact.url}: {name}")
        return name

    def _shared(self, fact: FileFact) -> str | None:
        """The name of the same bytes, seen from the same folder: ``/docs/`` and ``/docs/index.html``."""
        wanted = folded(name_for(fact.url, fact.type, fact.name))
        for url, path, sha256 in self._db.execute("SELECT url, path, sha256 FROM names WHERE folded = ?", (wanted,)):
            if sha256 == fact.sha256 and _folder(url) == _folder(fact.url):
                return str(path)
        return None

    def _is_file(self, key: str) -> bool:
        return self._db.execute("SELECT 1 FROM names WHERE folded = ?", (key,)).fetchone() is not None

    def _taken(self, keys: Iterable[str]) -> set[str]:
        return {key for (key,) in self._db.execute(_TAKEN, (_listed(keys),))}


def _folder(url: str) -> str:
    path = url.partition("?")[0]
    return path[: path.rfind("/") + 1]


def _listed(texts: Iterable[str]) -> str:
    return msgspec.json.encode(list(texts)).decode()
