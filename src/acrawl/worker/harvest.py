"""What the callbacks of one response make, until it is reported."""

from __future__ import annotations

import msgspec

from acrawl.errors import FetchError
from acrawl.outcome import PART, Item, MadeFile, Outcome
from acrawl.request import Sealed
from acrawl.worker.lanes import Work
from acrawl.worker.tags import PageTags

#: What is larger is reported in parts: bytes, roughly.
_MOST = 2 << 20
#: Bytes of a sealed link beside its URL and its body, roughly.
_LINK = 100
#: Links of one response that are remembered as reported; the others may be reported again.
_MOST_REMEMBERED = 50_000
#: Fields of one page's items that the ledger tells about.
_MOST_COMPLAINTS = 3


class Harvest:
    """Collects requests and items of one lease. ``urls`` are links to be remembered once they are acknowledged.

    ``page`` is what the page they are made of asks of robots; None where nothing may be asked. ``made`` are files that
    have yet to go to the file store, ``unkept`` why one of them could not, ``close`` why the crawl should end now.
    ``invalid`` counts items that are not as they should be, ``complaints`` are the first ones' by what they are about;
    ``dropped`` counts what pipelines dropped and is not reported yet.
    """

    __slots__ = (
        "_part",
        "_size",
        "close",
        "complaints",
        "dropped",
        "duplicates",
        "invalid",
        "items",
        "made",
        "page",
        "requests",
        "unkept",
        "urls",
        "work",
    )

    def __init__(self, work: Work) -> None:
        self.work = work
        self.items: list[Item] = []
        self.requests: list[Sealed] = []
        self.urls: list[str] = []
        self.made: list[MadeFile] = []
        self.page: PageTags | None = None
        self.unkept: FetchError | None = None
        self.duplicates = 0
        self.close = ""
        self.invalid = 0
        self.complaints: dict[str, str] = {}
        self.dropped = 0
        self._size = 0
        self._part = 0

    def add_item(self, item: Item) -> None:
        """Take an item."""
        self.items.append(item)
        self._size += len(item.body)

    def add_invalid(self, about: str, complaint: str) -> None:
        """Count an item that is not as it should be."""
        self.invalid += 1
        if len(self.complaints) < _MOST_COMPLAINTS:
            self.complaints.setdefault(about, complaint)

    def leaves_out(self) -> bool:
        """Whether items of this page are to be left out, as it asks; counts one that is."""
        if self.page is None or not self.page.tags.noindex:
            return False
        self.page.left_out += 1
        return True

    def add_made(self, file: MadeFile) -> None:
        """Take a file that a callback has made."""
        self.made.append(file)
        self._size += len(file.data)

    def add_request(self, request: Sealed, *, remember: bool) -> None:
        """Take a request; with ``remember`` its link need not be reported again."""
        self.requests.append(request)
        self._size += _weight(request)
        if remember and len(self.urls) < _MOST_REMEMBERED:
            self.urls.append(request.url)

    def forget(self) -> None:
        """Give up what was collected: the callback will be called again."""
        self.requests, self.items, self.urls = [], [], []
        self.duplicates = self.invalid = self.dropped = 0
        self.complaints = {}
        self.close = ""

    @property
    def full(self) -> bool:
        """Whether it is time to report a part."""
        return self._size > _MOST

    def take_items(self) -> list[Item]:
        """Take out the items that have yet to be reported, and with them how many were dropped."""
        items, self.items = self.items, []
        if self.dropped:
            items.append(Item("dropped", msgspec.msgpack.encode(self.dropped)))
            self.dropped = 0
        return items

    def part(self) -> Outcome:
        """Take out what has been collected, as a part of the outcome."""
        items = self.take_items()
        outcome = Outcome(self.work.lease.token, PART, requests=self.requests, items=items, part=self._part)
        self._part += 1
        self._size = 0
        self.requests = []
        return outcome


def weight(outcome: Outcome) -> int:
    """How many bytes an outcome takes in a message, roughly."""
    return _LINK + sum(map(_weight, outcome.requests)) + sum(len(item.body) for item in outcome.items)


def _weight(request: Sealed) -> int:
    return _LINK + len(request.url) + len(request.body)
