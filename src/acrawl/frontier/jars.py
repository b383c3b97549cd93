"""Cookie jars: which there are and how new (memory, pure), and what is in them (storage, in the writer thread).

A jar belongs to the job, and any worker may hold a copy of it. What an answer set comes with its report and is written
in the transaction that queues what the answer led to; the version of its site moves as soon as the report arrives, so
that nothing it caused, not even its own retry, is handed out under an older version. Of changes that were made at the
same time the one that is reported last counts.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

import msgspec

from acrawl.cookie import Cookie, JarChange, put
from acrawl.frontier.database import Database
from acrawl.frontier.rows import Group
from acrawl.settings import Cookies
from acrawl.url import site_of

log = logging.getLogger(__name__)

_encode = msgspec.msgpack.Encoder().encode
_cookies = msgspec.msgpack.Decoder(list[Cookie]).decode


class _Site:
    """The jars of one site, that which changed the longest ago first, and the version of the last change."""

    __slots__ = ("keys", "version")

    def __init__(self) -> None:
        self.keys: dict[str, None] = {}
        self.version = 0


class Jars:
    """What memory knows of all jars: at most ``most``. All versions of a life are above those of earlier ones."""

    def __init__(self, most: int) -> None:
        self.version = 0
        self._most = most
        self._count = 0
        self._told = False
        self._sites: dict[str, _Site] = {}

    def load(self, known: Iterable[tuple[str, str]], epoch: int, group: Group) -> None:
        """Begin a life with the jars on disk, that which changed the longest ago first."""
        self.version = epoch << 32
        for site, key in known:
            self._touch(site, key, group)

    def version_of(self, host: str) -> int:
        """The version of the cookies of a host's site, which is about to be asked; 0 where there are none."""
        if not self._sites:
            return 0
        name = site_of(host)
        site = self._sites.pop(name, None)
        if site is None:
            return 0
        self._sites[name] = site
        return site.version

    def take(self, changes: Sequence[JarChange], group: Group) -> None:
        """Bring changes of jars into a group."""
        for change in changes:
            if change.cookies:
                self.version += 1
                group.cookies.setdefault((change.site, change.key), []).extend(change.cookies)
                self._touch(change.site, change.key, group)

    def _touch(self, name: str, key: str, group: Group) -> None:
        site = self._sites.pop(name, None) or _Site()
        self._sites[name] = site
        site.version = self.version
        self._count += key not in site.keys
        site.keys.pop(key, None)
        site.keys[key] = None
        while self._count > self._most:
            self._forget(group)

    def _forget(self, group: Group) -> None:
        """Let a jar go: the oldest one of the site that was asked the longest ago."""
        name, site = next(iter(self._sites.items()))
        key = next(iter(site.keys))
        del site.keys[key]
        if not site.keys:
            del self._sites[name]
        self._count -= 1
        group.cookies.pop((name, key), None)
        group.forgotten.add((name, key))
        if not self._told:
            self._told = True
            log.warning("there are more than cookies.max_jars = %d jars: the oldest are forgotten", self._most)


def known(db: Database) -> list[tuple[str, str]]:
    """Site and key of every jar, that which changed the longest ago first."""
    return db.all("select site, key from jar order by changed, site, key")


def read(db: Database, site: str, key: str) -> list[Cookie]:
    """The cookies of a jar, that which was set the longest ago first; empty without one."""
    body = db.value("select cookies from jar where site = ? and key = ?", site, key)
    return [] if body is None else _cookies(body)


def write(db: Database, group: Group, terms: Cookies, now: float) -> None:
    """Take the changes of a group into the jars on disk, and drop the jars that were let go."""
    for site, key in group.forgotten:
        db.run("delete from jar where site = ? and key = ?", site, key)
    for (site, key), changes in group.cookies.items():
        kept = {cookie.key: cookie for cookie in read(db, site, key)}
        put(kept, changes, now, most=terms.per_jar, size=terms.jar_bytes)
        body = _encode(list(kept.values()))
        db.run("insert or replace into jar values(?, ?, ?, ?)", site, key, round(now * 1000), body)
