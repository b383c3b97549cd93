"""A site whose pages and images change from visit to visit, and the truth: what a crawl of it has to bring.

Pages and images are numbers; rules of arithmetic say which of them there are at a visit, and in which version. Each
page has things on it, whose fate in the pipelines is written there.
"""

from __future__ import annotations

import collections
import hashlib

from crawl.changing import ChangingSite
from results.pictures import encoded, photo

SPIDER = """
import dataclasses
from acrawl import DropItem, Request, Spider

@dataclasses.dataclass
class Thing:
    page: int
    nth: int
    version: int
    fate: str
    text: str
    tags: list[str]

def judged(item, here):
    fate = item["fate"] if isinstance(item, dict) else item.fate
    if fate == f"{here}-drops":
        raise DropItem(fate)
    if fate == f"{here}-fails":
        raise ValueError(fate)
    return item

class AtWorker:
    where = "worker"

    async def process_item(self, item):
        return judged(item, "worker")

class AtMaster:
    def process_item(self, item):
        return judged(item, "master")

class Fired(Spider):
    name = "fired"
    pipelines = [AtWorker, AtMaster]

    def __init__(self, url):
        super().__init__(url=url)
        self.start_urls = [url]

    def parse(self, response):
        for one in response.css("b"):
            page, nth, version = (int(one.attrib[name]) for name in ("page", "nth", "version"))
            fate = one.attrib["fate"]
            text = object() if fate == "invalid" else 'a "quoted", line\\n' + "é" * (page % 90)
            thing = Thing(page, nth, version, fate, text, [str(page), "x"])
            yield {**vars(thing), f"more{page % 4}": {"deep": version}} if nth == 1 else thing
        for image in response.images():
            yield Request(image.url, save="image/")
        yield from response.follow_all()
"""
FATES = ("worker-drops", "worker-fails", "invalid", "master-drops", "master-fails")
DROPPED, FAILED = frozenset({"worker-drops", "master-drops"}), frozenset({"worker-fails", "invalid", "master-fails"})
CONTENTS, NEW = 30, 20
#: What a feed's row is of: a thing of a page, or a saved file.
Key = tuple[object, ...]


class Site:
    """What is where at each visit: numbers of pages and of images to their versions, by rules of arithmetic alone."""

    def __init__(self, pages: int, server: ChangingSite) -> None:
        self.size = pages
        self.server = server

    def page_versions(self, visit: int) -> dict[int, int]:
        found = {}
        for n in range(self.size + NEW * visit):
            version = visit if n % 5 == 1 or n == 0 else self._born(n)
            if visit and n % 7 == 3 and n < self.size:
                if visit == 1 or n % 2:
                    continue
                version = version or 2
            found[n] = version
        return found

    def image_versions(self, visit: int) -> dict[int, int]:
        count = (self.size + NEW * visit + 1) // 2
        gone = {n for n in range(count) if visit and n % 10 == 3 and 2 * n < self.size}
        return {n: visit if n % 6 in {1, 5} else self._born(2 * n) for n in range(count) if n not in gone}

    def furnish(self, visit: int) -> None:
        self.server.things.clear()
        for n, version in self.page_versions(visit).items():
            self.server.put(f"/{n}", self.page(n, version), etag=f'"{n}-{version}"' if n % 2 else "")
        for n, version in self.image_versions(visit).items():
            tag = f'"{n}-{version}"' if n % 2 else ""
            self.server.put(f"/image/{n}.jpg", self.image(n, version), etag=tag, type="image/jpeg")

    def page(self, n: int, version: int) -> str:
        links = [m for m in (2 * n + 1, 2 * n + 2) if m < self.size]
        links += range(self.size, self.size + NEW * version) if n == 0 else ()
        things = "".join(
            f"<b page={n} nth={k} version={version} fate={self.fate(n, k)}></b>" for k in range(self.things(n))
        )
        image = f'<img src="/image/{n // 2}.jpg">' if n % 2 == 0 else ""
        return f"<title>{n}</title>{things}{image}" + "".join(f'<a href="/{m}">{m}</a>' for m in links)

    def image(self, n: int, version: int) -> bytes:
        taken_over = n % 6 == 5  # at each visit it has the picture that another one had before
        seed = (n + 6 * version) % CONTENTS if taken_over else n % CONTENTS + 1000 * version
        data = encoded(photo(seed, (120, 80)))
        return data[: len(data) // 2] if self.is_broken(n) else data

    @staticmethod
    def is_broken(n: int) -> bool:
        return n % CONTENTS == 9

    @staticmethod
    def things(n: int) -> int:
        return n % 3 + 1

    @staticmethod
    def fate(n: int, k: int) -> str:
        return next((fate for fate, of in zip(FATES, (13, 17, 11, 19, 23), strict=True) if (n + k) % of == 2), "good")

    def _born(self, n: int) -> int:
        return 0 if n < self.size else (n - self.size) // NEW + 1


class Truth:
    """What the outputs have to hold after the visits until now; `visit` takes in one more."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.items: collections.Counter[Key] = collections.Counter()
        self.failed: collections.Counter[str] = collections.Counter()
        self.dropped = 0
        self.files: dict[str, tuple[str, bool]] = {}
        self.bodies: dict[str, set[bytes]] = {}
        self.answers: collections.Counter[str] = collections.Counter()
        self.changes: dict[str, str] = {}
        self._pages: dict[int, int] = {}
        self._images: dict[int, int] = {}

    def visit(self, number: int) -> None:
        site, url = self.site, self.site.server.url
        pages, images = site.page_versions(number), site.image_versions(number)
        for n in _news(self._pages, pages):
            for k in range(site.things(n)):
                fate = site.fate(n, k)
                self.dropped += fate in DROPPED
                self.failed[url(f"/{n}")] += fate in FAILED
                self.items["thing", n, k, pages[n]] += fate == "good"
        for n in _news(self._images, images):
            data = site.image(n, images[n])
            self.files[url(f"/image/{n}.jpg")] = hashlib.sha256(data).hexdigest(), site.is_broken(n)
            self.items["file", url(f"/image/{n}.jpg"), hashlib.sha256(data).hexdigest()] += 1
        changes = _changes(self._pages, pages, "/{}") | _changes(self._images, images, "/image/{}.jpg")
        self.changes = {url(path): change for path, change in changes.items()}
        self._pages, self._images = pages, images
        for path, thing in site.server.things.items():
            self.bodies.setdefault(url(path), set()).add(thing.body)
        self.answers.update(dict.fromkeys(self.bodies, 1))
        self.items = +self.items
        self.failed = +self.failed


def _news(before: dict[int, int], now: dict[int, int]) -> list[int]:
    return [n for n, version in now.items() if before.get(n) != version]


def _changes(before: dict[int, int], now: dict[int, int], path: str) -> dict[str, str]:
    told = {n: "removed" if n not in now else "added" for n in before.keys() ^ now.keys()}
    told |= {n: "unchanged" if before[n] == now[n] else "changed" for n in before.keys() & now.keys()}
    return {path.format(n): change for n, change in told.items()}
