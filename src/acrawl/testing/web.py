"""`FakeWeb`: a web of any size that is computed, not stored, and knows the truth about itself.

URLs are ``PLACE/page/7`` and so on (``/`` is a host's page 0). All pages are found from `FakeWeb.seeds`: on each host
they form a tree below the home page, and the home pages form a tree of hosts; further links go anywhere. What
misbehaves for good lies beside the tree, so that the truth needs no crawl::

    /page/7  /                    fetched
    /moved/7                      fetched(redirect), to /page/7; stands in for the link to it
    /dead/7                       failed(http-404)
    /private/7                    excluded(robots)
    /calendar/7/0  /deep/7/x/x/   fetched: traps, without items
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from acrawl.testing.answers import NOT_FOUND, Answer
from acrawl.testing.layout import Layout, chance, mix
from acrawl.testing.markup import item_record, items_of, page_body, record, title, trap_body
from acrawl.testing.places import Names, Place
from acrawl.testing.shape import BESIDE, COUNTED, PASSING, Faults, Shape
from acrawl.url import host_of

#: Numbers that keep one draw of chance from another.
_FAULT, _ITEMS, _SIZE, _LINK, _OUTAGE, _BESIDE = range(6)
#: How each kind of URL ends, in the words of `acrawl.outcome.Snapshot.reasons`.
_ENDS = {
    "page": "fetched",
    "moved": "fetched(redirect)",
    "dead": "failed(http-404)",
    "private": "excluded(robots)",
    "calendar": "fetched",
    "deep": "fetched",
}


class FakeWeb:
    """``pages`` pages on ``hosts`` hosts. The same arguments make the same web, on any machine; memory costs none.

    ``seed`` draws another web of the same kind. ``place`` says how hosts are addressed: names without sockets by
    default, others come from `FakeServer`. Satisfies `acrawl.testing.answers.Web`. Raises ValueError for fewer pages
    than hosts.

    What it says about a crawl holds for one that begins at `seeds` with ``scope.within=any`` (needed for more than one
    host), obeys robots.txt, has no limits, and tries at least `Faults.times` more times.
    """

    def __init__(
        self,
        pages: int,
        hosts: int = 1,
        *,
        seed: int = 0,
        shape: Shape | None = None,
        faults: Faults | None = None,
        place: Place | None = None,
    ) -> None:
        self.seed = seed
        self.shape = shape or Shape()
        self.faults = faults or Faults()
        self.layout = Layout(pages, hosts, self.shape.skew)
        self.place = place or Names()

    def at(self, place: Place) -> FakeWeb:
        """The same web at another place."""
        pages, hosts = self.layout.pages, self.layout.hosts
        return FakeWeb(pages, hosts, seed=self.seed, shape=self.shape, faults=self.faults, place=place)

    # -- the truth

    @property
    def seeds(self) -> list[str]:
        """Where to begin: everything else is reached from here."""
        return [self.place.url(0, "/")]

    def urls(self) -> Iterator[str]:
        """Every URL that a whole crawl discovers, once; endless traps are left out."""
        for host, local in self._pages():
            yield self._page_url(host, local)
            for kind in BESIDE:
                if self._has(kind, host, local):
                    yield from self._beside(kind, host, local)

    def end(self, url: str) -> str:
        """How the ledger must say that a URL of `urls` ended, as in ``failed(http-404)``; `urls` has no other."""
        found = self._find(url)
        kind = found[2] if found else ""
        if kind not in _ENDS:
            raise ValueError(f"{url} is no URL of this web")
        return _ENDS[kind]

    def ends(self) -> dict[str, int]:
        """How many URLs end in which way: what `acrawl.outcome.Snapshot.reasons` must be after the crawl.

        Looks at every page: a second or two for each 100,000.
        """
        counts: Counter[str] = Counter()
        for host, local in self._pages():
            counts[_ENDS["page"]] += 1
            for kind in BESIDE:
                if self._has(kind, host, local):
                    counts[_ENDS[kind]] += self.faults.trap if kind in {"calendar", "deep"} else 1
        return {end: count for end, count in counts.items() if count}

    def records(self) -> Iterator[dict[str, Any]]:
        """Every item that `acrawl.testing.spider.WebSpider` must deliver: one for each page and one for each item."""
        for host, local in self._pages():
            url = self._page_url(host, local)
            yield record(url, title(host, local))
            for item in self._items(host, local):
                yield item_record(url, item)

    # -- answers

    def answer(self, url: str, attempt: int = 1, at: float = 0.0) -> Answer:
        """See `acrawl.testing.answers.Web.answer`."""
        found = self._find(url)
        if found is None:
            return NOT_FOUND
        host, local, kind, rest = found
        if down := self._down_for(host, at):
            return Answer(b"", 503, headers={"Retry-After": str(int(down) + 1)})
        if kind == "robots.txt":
            return self._robots()
        if kind in {"page", "private"}:
            return self._page(host, local, attempt if kind == "page" else self.faults.times + 1)
        if kind == "moved":
            return Answer(b"", 301, headers={"Location": self._page_url(host, local)})
        if kind in {"calendar", "deep"}:
            return self._trap(kind, host, local, rest)
        return NOT_FOUND

    def varies(self, url: str) -> bool:
        """See `acrawl.testing.answers.Web.varies`."""
        found = self._find(url)
        return found is not None and found[2] == "page" and self._fault(found[0], found[1]) in COUNTED

    def _page(self, host: int, local: int, attempt: int) -> Answer:
        faults, fault = self.faults, self._fault(host, local)
        early = attempt <= faults.times
        if fault == "busy" and early:
            return Answer(b"", 503 if local & 1 else 429, headers={"Retry-After": str(faults.retry_after)})
        if fault == "reset" and early:
            return Answer(ending="reset")
        roll = chance(self.seed, _SIZE, host, local)
        size = int(self.shape.size * (8 if roll < 0.02 else 0.5 + roll))
        body = page_body(title(host, local), self._items(host, local), self._links(host, local), size)
        return Answer(
            body,
            delay=faults.seconds if fault == "slow" else 0.0,
            pace=faults.seconds if fault == "drip" else 0.0,
            ending="truncated" if fault == "truncated" and early else "",
        )

    def _robots(self) -> Answer:
        text = "User-agent: *\nDisallow: /*private/\n"
        if self.shape.crawl_delay:
            text += f"Crawl-delay: {self.shape.crawl_delay:g}\n"
        return Answer(text.encode(), content_type="text/plain")

    def _trap(self, kind: str, host: int, local: int, rest: str) -> Answer:
        if kind == "calendar":
            if not rest.isdecimal() or len(rest) > 12:
                return NOT_FOUND
            day = int(rest)
            following = [f"{day + 1}", f"{day - 1}"] if day else [f"{day + 1}"]
        else:
            day = rest.count("x/") - 1
            if rest != "x/" * (day + 1) or day < 0:
                return NOT_FOUND
            following = ["x/"]
        if self.faults.trap and day >= self.faults.trap:
            return NOT_FOUND
        if day + 1 == self.faults.trap:
            following = following[1:]
        return Answer(trap_body(f"Day {day} of host {host}, page {local}", following))

    def _down_for(self, host: int, at: float) -> float:
        """For how many more seconds a host is down."""
        faults = self.faults
        if not faults.outage or chance(self.seed, _OUTAGE, host) >= faults.outage:
            return 0.0
        phase = chance(self.seed, _OUTAGE, host, 1) * faults.outage_every
        return max(0.0, faults.outage_seconds - (at + phase) % faults.outage_every)

    # -- what is where

    def _pages(self) -> Iterator[tuple[int, int]]:
        layout = self.layout
        return ((host, local) for host in range(layout.hosts) for local in range(layout.size(host)))

    def _fault(self, host: int, local: int) -> str:
        roll = chance(self.seed, _FAULT, host, local)
        for name in PASSING:
            share: float = getattr(self.faults, name)
            if roll < share:
                return name
            roll -= share
        return ""

    def _has(self, kind: str, host: int, local: int) -> bool:
        """Whether something stands beside a page; nothing leads to a seed by a redirect."""
        share: float = getattr(self.faults, kind)
        if not share or (kind == "moved" and not host and not local):
            return False
        return chance(self.seed, _BESIDE, BESIDE.index(kind), host, local) < share

    def _beside(self, kind: str, host: int, local: int) -> Iterator[str]:
        if kind == "calendar":
            paths = [f"/calendar/{local}/{day}" for day in range(self.faults.trap)]
        elif kind == "deep":
            paths = [f"/deep/{local}/{'x/' * (day + 1)}" for day in range(self.faults.trap)]
        else:
            paths = [f"/{kind}/{local}"]
        return (self.place.url(host, path) for path in paths)

    def _items(self, host: int, local: int) -> list[dict[str, str]]:
        count = mix(self.seed, _ITEMS, host, local) % (self.shape.items + 1)
        return items_of(self.seed, host, local, count)

    def _links(self, host: int, local: int) -> Iterator[str]:
        """What a page names, in a fixed order: paths on its own host, whole URLs elsewhere."""
        layout = self.layout
        home = len(host_of(self.place.url(host, "/")))
        for child in layout.children(host, local):
            yield self._inward(host, child)[home:]
        if not local:
            for other in layout.neighbours(host):
                yield self._inward(other, 0)
        for place in range(self.shape.links):
            roll = mix(self.seed, _LINK, host, local, place)
            if layout.hosts > 1 and chance(roll) < self.shape.abroad:
                yield self._page_url(*layout.locate(roll % layout.pages))
            else:
                yield self._page_url(host, roll % layout.size(host))[home:]
        for kind in BESIDE[1:]:
            if self._has(kind, host, local):
                tail = {"calendar": "/0", "deep": "/x/"}.get(kind, "")
                yield self.place.url(host, f"/{kind}/{local}{tail}")[home:]

    def _inward(self, host: int, local: int) -> str:
        """The URL by which a page's parent names it."""
        moved = self._has("moved", host, local)
        return self.place.url(host, f"/moved/{local}") if moved else self._page_url(host, local)

    def _page_url(self, host: int, local: int) -> str:
        return self.place.url(host, f"/page/{local}" if local else "/")

    def _find(self, url: str) -> tuple[int, int, str, str] | None:
        """``(host, local, kind, rest of the path)`` of a URL that something may be at."""
        found = self.place.find(url)
        if found is None or not 0 <= found[0] < self.layout.hosts:
            return None
        host, path = found
        if path in {"/", "/robots.txt"}:
            return host, 0, path[1:] or "page", ""
        kind, _, rest = path[1:].partition("/")
        number, _, rest = rest.partition("/")
        if kind not in _ENDS or not number.isascii() or not number.isdecimal() or len(number) > 12:
            return None
        local = int(number)
        real = str(local) == number and local < self.layout.size(host) and (kind != "page" or local > 0)
        if not real or (kind in BESIDE and not self._has(kind, host, local)):
            return None
        return host, local, kind, rest
