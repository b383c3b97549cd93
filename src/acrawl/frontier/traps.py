"""Spider traps: pages without end that bring nothing new. Pure.

What a URL looks like condemns it only beyond any measure of real sites: a path that repeats itself, a very deep one, a
query of very many parameters. All else is judged by what its family of pages (see `shapes`) has brought. A page charges
its family's budget when it is *barren* (no piece of its text and no image that the family did not have before, see
`acrawl.parse.gist`) and nevertheless *feeding*: it leads to URLs never seen, all of them in families that are barren
themselves. Both are needed for a trap: what feeds nothing comes to an end by itself, and what brings something new is
what the crawl is for. Whatever is new lowers the charge again, and lets it go below zero: who has brought much
may repeat itself for longer.

One page in `EVERY` is looked at; it stands for all of them. The distinct pieces of a family are sampled by their hashes
(Gibbons 2001): at level ``n`` one in ``2**n`` is kept, and stands for as many.
"""

from __future__ import annotations

import logging
import math
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from acrawl.frontier.shapes import Shape, pattern_of, repetition, shape_of
from acrawl.parse.gist import EVERY, pieces
from acrawl.settings import Traps as Terms
from acrawl.url import MAX_LENGTH

log = logging.getLogger(__name__)

#: Each has a budget of its own, in the settings.
PATTERNS = ("session", "calendar", "query", "path")

#: Pages of a host before its families are kept: most hosts have fewer, and there may be very many hosts.
_LEAST_PAGES = 100
#: Families of a host, ways of writing queries in a family, and hosts that are kept; those met lately.
_MOST_FAMILIES = 256
_MOST_NAMES = 256
_MOST_HOSTS = 1000
#: Pieces that are kept of a family, and of all of them together (some 70 bytes each).
_MOST_PIECES = 1024
_MOST_OF_ALL = 500_000
#: Pages that one new piece makes up for. Where pieces are sampled, most pages seem barren and are charged: even one new
#: piece a page must be worth more than that.
_WORTH = 2 * EVERY
#: New pieces that let a family repeat itself for one page more, for good.
_EARNED = 8
#: What a page charges from which the spider took something home.
_WITH_ITEMS = 0.1
#: Barren pages in a row that prove a family barren, and one way of writing the query in a family that is.
_PROBATION = 4
_MOST_PROBATION = 16
#: Links into other barren families that are charged like one page.
_BESIDE = 4
#: Ways of writing the query from which on a family may be one of facets, and its links that one new piece explains.
_WAYS = 16
_EXPLAINED = 8
#: Links into a family of which no page has been looked at that count as leading to something else.
_OFFERED = 1000
#: Pages with something new that earn nothing after a restart: what the family has is only learned anew.
_LEARNED = 32
#: Charged pages after which the books of a host are written anew.
_WRITTEN = 16


class Link(NamedTuple):
    """A new URL that a page leads to."""

    host: str
    url: str


class _Kept(msgspec.Struct, array_like=True):
    """A family as it is stored."""

    family: str
    pattern: str
    used: float
    brought: int
    names: dict[str, int]


class _Family:
    """What the pages of one family brought. ``used`` is the charge, in pages; ``names`` have runs of barren ones."""

    __slots__ = ("brought", "learning", "level", "names", "offered", "pattern", "pieces", "run", "told", "used")

    def __init__(self, pattern: str, used: float = 0.0, brought: int = 0, names: dict[str, int] | None = None) -> None:
        self.pattern = pattern
        self.used = used
        self.brought = brought
        self.names: dict[str, int] = names or {}
        self.pieces: set[int] = set()
        self.level = 0
        self.run = -1  # no page was looked at yet
        self.offered = 0
        self.learning = 0
        self.told = False

    def take(self, found: Iterable[int]) -> int:
        """Remember pieces; returns how many are new, of the whole family."""
        mask = (1 << self.level) - 1
        fresh = {piece for piece in found if not piece & mask} - self.pieces
        self.pieces |= fresh
        new = len(fresh) << self.level
        while len(self.pieces) > _MOST_PIECES:
            self.level += 1
            mask = (1 << self.level) - 1
            self.pieces = {piece for piece in self.pieces if not piece & mask}
        return new

    def leads_on(self) -> bool:
        """Whether a link into it may lead to something new."""
        if self.run < 0:
            self.offered += 1
            return self.offered <= _OFFERED
        return self.run < self.probation

    @property
    def probation(self) -> int:
        """How many pages in a row without a new piece prove that there are none: the more, the fewer are sampled."""
        return (2 * _PROBATION if self.level else _PROBATION) << self.level


class _Host:
    """The families of a host; ``owed`` is what was charged since its books were written."""

    __slots__ = ("families", "owed")

    def __init__(self, families: Mapping[str, _Family] | None = None) -> None:
        self.families = OrderedDict(families or {})
        self.owed = 0.0

    def family(self, shape: Shape, url: str) -> _Family:
        family = self.families.get(shape.family)
        if family is None:
            family = self.families[shape.family] = _Family(pattern_of(url))
            if len(self.families) > _MOST_FAMILIES:
                self._forget()
        else:
            self.families.move_to_end(shape.family)
        return family

    def _forget(self) -> None:
        """The family that was met the longest ago, of those that nothing was charged to; then of all."""
        name = next((name for name, family in self.families.items() if family.used <= 0), next(iter(self.families)))
        del self.families[name]

    @property
    def size(self) -> int:
        return sum(len(family.pieces) for family in self.families.values())


class Traps:
    """Knows which URLs belong to traps, by all that it has learned from pages."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._budgets = {pattern: getattr(terms, pattern) or math.inf for pattern in PATTERNS}
        self._least_pages = min(_LEAST_PAGES, *self._budgets.values())
        self._changed: dict[str, _Host] = {}
        # With fewer slashes (two are those of the scheme) and parameters no URL is a trap by what it looks like.
        self._slashes = 3 + min(terms.repeats or MAX_LENGTH, terms.path_depth or MAX_LENGTH)
        self._ampersands = terms.parameters or MAX_LENGTH
        self._hosts: OrderedDict[str, _Host] = OrderedDict()
        self._size = 0
        #: Hosts with a family whose budget is spent, and those families.
        self._spent: dict[str, dict[str, _Family]] = {}

    def load(self, books: Mapping[str, bytes]) -> None:
        """Begin with what an earlier life has stored; what cannot be read is begun anew."""
        for name, body in books.items():
            try:
                kept = msgspec.msgpack.decode(body, type=list[_Kept])
            except msgspec.DecodeError:  # of another version: the budgets begin anew, nothing else is lost
                continue
            host = self._hosts[name] = _Host()
            for one in kept:
                family = host.families[one.family] = _Family(one.pattern, one.used, one.brought, one.names)
                family.learning = _LEARNED
                family.run = min(one.names.values(), default=0)
                self._judge(name, one.family, family)

    # -- judging URLs

    def verdict(self, host: str, url: str, found_on: str = "") -> str:
        """Why a URL is not to be fetched, for the ledger; empty when it may be.

        By its looks it is a trap only if the page that it was ``found_on`` is half as odd: a trap grows step by step,
        and a single odd link leads nowhere.
        """
        if found_on and (url.count("/") >= self._slashes or url.count("&") >= self._ampersands):
            looks = self._looks(url)
            if looks and self._looks(found_on, 2):
                return looks
        return self._told(host, url) if host in self._spent else ""

    def _looks(self, url: str, times: int = 1) -> str:
        """What is beyond measure in a URL, were there so many ``times`` as much of it; empty for a usual one."""
        path, _, query = url[url.find("/", 8) + 1 :].partition("?")
        terms, segments = self._terms, path.split("/")
        if terms.parameters and (count := query.count("&") + 1) * times > terms.parameters:
            return f"query: {count} parameters (traps.parameters is {terms.parameters})"
        if terms.path_depth and len(segments) * times > terms.path_depth:
            return f"deep: {len(segments)} segments in its path (traps.path_depth is {terms.path_depth})"
        repeated = len(segments) - len(set(segments))
        if terms.repeats and (repeated + 1) * times > terms.repeats:  # else nothing is there so often
            what, often = repetition(segments)
            if often * times > terms.repeats:
                return f"repeats: {what[:100]!r} comes {often} times in its path (traps.repeats is {terms.repeats})"
        return ""

    def _told(self, host: str, url: str) -> str:
        shape = shape_of(url)
        family = self._spent[host].get(shape.family)
        if family is None:
            return ""
        known = shape.names in family.names or len(family.names) < _MOST_NAMES
        if known and family.names.get(shape.names, 0) < min(family.probation, _MOST_PROBATION):
            return ""
        budget = self._budgets[family.pattern]
        return (
            f"{family.pattern}: some {budget} pages like {shape.family[:200]} brought nothing but more of them "
            f"(traps.{family.pattern} is {budget})"
        )

    # -- learning from pages

    def learn(self, host: str, url: str, gist: bytes, links: Collection[Link], *, pages: int, items: bool) -> None:
        """Take what a page brought: its gist, new URLs, and whether there were items.

        ``pages`` is how many its host has given so far, as far as is known.
        """
        known = self._hosts.get(host)
        if known is None:
            if pages < self._least_pages:
                return
            known = self._hosts[host] = _Host(self._spent.get(host, {}))
        self._hosts.move_to_end(host)
        shape = shape_of(url)
        family = known.family(shape, url)
        before = len(family.pieces)
        new = family.take(pieces(gist))
        self._size += len(family.pieces) - before
        self._bound()
        if new and family.learning:
            family.learning -= 1
        elif new and not _explodes(family, shape, host, links, new):
            self._credit(family, shape, new)
            self._judge(host, shape.family, family)
        elif fed := self._fed(known, family, shape, host, links):
            charge = EVERY * fed * (_WITH_ITEMS if items else 1.0)
            family.used = min(family.used + charge, self._budgets[family.pattern])
            known.owed += charge
            if self._judge(host, shape.family, family) or known.owed >= _WRITTEN:
                known.owed = 0.0
                self._changed[host] = known

    def written(self) -> Iterator[tuple[str, bytes]]:
        """The books of hosts, by name, that have to be stored; each change is told once."""
        while self._changed:
            name, host = self._changed.popitem()
            yield name, _stored(host)

    def _credit(self, family: _Family, shape: Shape, new: int) -> None:
        family.run = 0
        if shape.names in family.names or len(family.names) < _MOST_NAMES:
            family.names[shape.names] = 0
        family.brought += new
        family.used = max(-family.brought / _EARNED, family.used - _WORTH * new)

    def _fed(self, known: _Host, family: _Family, shape: Shape, host: str, links: Collection[Link]) -> float:
        """How many pages a page without anything new of its own is charged for; 0 when it does not lead to more such.

        Besides itself it is charged for a part of what it feeds beside its own family: the days of a month.
        """
        family.run += 1 if family.run >= 0 else 2
        if shape.names in family.names or len(family.names) < _MOST_NAMES:
            family.names[shape.names] = family.names.get(shape.names, 0) + 1
        beside = 0
        for link in links:
            if link.host != host:
                return 0.0
            other = shape_of(link.url)
            if other.family != shape.family:
                if known.family(other, link.url).leads_on():
                    return 0.0
                beside += 1
        return 1.0 + beside / _BESIDE if links else 0.0

    def _judge(self, host: str, name: str, family: _Family) -> bool:
        """Note whether a budget is spent; returns whether it has just become so."""
        spent = self._spent.get(host, {})
        if family.used >= self._budgets[family.pattern]:
            if name in spent:
                return False
            self._spent.setdefault(host, {})[name] = family
            if not family.told:
                log.warning("%s%s looks like a trap (%s): no more such pages are fetched", host, name, family.pattern)
            family.told = True
            return True
        if spent.pop(name, None) is not None and not spent:
            del self._spent[host]
        return False

    def _bound(self) -> None:
        """Forget hosts met the longest ago; of those with a spent budget, only what was on their pages."""
        if self._size > _MOST_OF_ALL:
            self._size = sum(host.size for host in self._hosts.values())
        while len(self._hosts) > _MOST_HOSTS or (self._size > _MOST_OF_ALL and len(self._hosts) > 1):
            name, host = self._hosts.popitem(last=False)
            self._size -= host.size
            for family in self._spent.get(name, {}).values():
                family.pieces.clear()
                family.learning = _LEARNED


def _explodes(family: _Family, shape: Shape, host: str, links: Collection[Link], new: int) -> bool:
    """Whether the little that is new on a page is no more than a name for its parameters, facets of the same things.

    There are as many titles as choices, and each page leads to many new ones. Where pages are about something, their
    links come with texts or pictures, and queries are written in few ways.
    """
    if len(family.names) < _WAYS or len(links) < _EXPLAINED * new:
        return False
    own = sum(link.host == host and shape_of(link.url).family == shape.family for link in links)
    return own >= _EXPLAINED * new


def _stored(host: _Host) -> bytes:
    kept = [
        _Kept(name, family.pattern, family.used, family.brought, family.names)
        for name, family in host.families.items()
        if family.used > 0
    ]
    return msgspec.msgpack.encode(kept)
