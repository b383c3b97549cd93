"""What a made-up server answers, and how one is asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from acrawl.url import canonical

HTML = "text/html; charset=utf-8"


class Answer(msgspec.Struct, frozen=True):
    """One answer to one request.

    ``headers`` are those besides Content-Type. ``delay`` is how many seconds pass before anything is sent, ``pace`` how
    many the body then takes, piece by piece. ``ending`` is empty for a whole answer; ``reset`` breaks the connection
    before anything is sent, ``truncated`` in the middle of the body.
    """

    body: bytes = b""
    status: int = 200
    content_type: str = HTML
    headers: dict[str, str] = {}
    delay: float = 0.0
    pace: float = 0.0
    ending: str = ""

    def fields(self) -> dict[str, str]:
        """All headers of the answer; one named in ``headers`` goes before ``content_type``."""
        return {"Content-Type": self.content_type, **self.headers}


NOT_FOUND = Answer(b"<title>Not found</title><h1>There is nothing here</h1>", 404)


class Web(Protocol):
    """Anything that answers: `FakeWeb`, `Pages`, or your own."""

    def answer(self, url: str, attempt: int = 1, at: float = 0.0) -> Answer:
        """What comes of the ``attempt``-th request (from 1) for a canonical URL, ``at`` seconds after the start.

        Pure: the same question has the same answer.
        """

    def varies(self, url: str) -> bool:
        """Whether the answer depends on ``attempt``: only such URLs are counted."""


class Visitor:
    """Asks a web as its server does: counts the requests for the URLs whose answer depends on it, and keeps the time.

    ``now`` gives seconds; the first reading is the web's start.
    """

    def __init__(self, web: Web, now: Callable[[], float]) -> None:
        self._web = web
        self._now = now
        self._began = now()
        self._asked: Counter[str] = Counter()

    def ask(self, url: str) -> Answer:
        """The answer to the next request for a canonical URL."""
        attempt = 1
        if self._web.varies(url):
            self._asked[url] += 1
            attempt = self._asked[url]
        return self._web.answer(url, attempt, self._now() - self._began)


#: See `Pages`.
Page = str | bytes | Answer | Sequence[str | bytes | Answer]


class Pages:
    """A web of fixed answers, written down: ``{url: body}``; anything else is a 404, robots.txt too.

    A value is a body (text or bytes, sent as HTML), an `Answer`, or a list of these for one request after the other,
    of which the last one stays. Raises `RequestError` for a key that is no URL.
    """

    def __init__(self, pages: Mapping[str, Page]) -> None:
        self._answers: dict[str, list[Answer]] = {}
        for url, given in pages.items():
            found = [given] if isinstance(given, (str, bytes, Answer)) else given
            self._answers[canonical(url)] = [_as_answer(one) for one in found] or [NOT_FOUND]

    def answer(self, url: str, attempt: int = 1, at: float = 0.0) -> Answer:
        """See `Web.answer`."""
        found = self._answers.get(url, [NOT_FOUND])
        return found[min(attempt, len(found)) - 1]

    def varies(self, url: str) -> bool:
        """See `Web.varies`."""
        return len(self._answers.get(url, ())) > 1


def _as_answer(given: str | bytes | Answer) -> Answer:
    if isinstance(given, Answer):
        return given
    return Answer(given.encode() if isinstance(given, str) else given)
