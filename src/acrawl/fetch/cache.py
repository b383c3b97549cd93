"""The stage ``cache``: answers that were stored before, instead of asking again. See ``docs/cache.md``.

By ``cache.mode``: ``http`` is a private cache by RFC 9111 (the rules are in ``fetch/freshness.py``); ``keep`` uses what
is stored whatever it says, and asks for the rest; ``replay`` uses what is stored and sends nothing. An answer
belongs to who asked: other credentials and another ``cookiejar`` have entries of their own. By the rules, what was
fetched with other cookies is not used unless its server says, by its entity tag, that it is the same; the other modes
look past them, because which cookies a page was fetched with depends on what was fetched before it.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from types import TracebackType
from typing import Self

import msgspec
from multidict import CIMultiDict

from acrawl.clock import Clock
from acrawl.errors import FetchError
from acrawl.fetch.base import Exchange, Send, Sink
from acrawl.fetch.cache_store import CacheStore, Entry, Key, as_pairs
from acrawl.fetch.freshness import (
    FRESH,
    VALIDATE,
    Kept,
    age,
    directives,
    freshened,
    invalidates,
    judge,
    kept_headers,
    outlives_errors,
    preconditions,
    selecting,
    storable,
)
from acrawl.fetch.headers import defaults, headers_of
from acrawl.fetch.retry import PASSING, PASSING_STATUSES, PAUSING_STATUSES
from acrawl.request import Request
from acrawl.response import Response
from acrawl.settings import Cache as CacheSettings
from acrawl.settings import Fetch
from acrawl.url import host_of, join

log = logging.getLogger(__name__)

#: Requests with these ask for something else than the whole answer; they go by.
_PARTIAL = frozenset({"range", "if-range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since"})
#: Answers that will be asked for again are not what a server has to say.
_PASSING = PASSING_STATUSES | PAUSING_STATUSES
#: Answers instead of which a stale one may be used. Not 503: the pause that it asks for has to be kept.
_FAILURES = frozenset({500, 502, 504})


class Question(msgspec.Struct, frozen=True):
    """A request as the cache sees it: the headers that it will have, and what an answer to it is found by."""

    request: Request
    asked: CIMultiDict[str]
    method: str
    keys: tuple[Key, ...]
    cookies: str
    any_cookies: bool
    sink: Sink | None

    def is_like(self, entry: Entry, kept: Kept) -> bool:
        """Whether the answer was made for a request like this one (RFC 9111, 4.1), with the same cookies."""
        has_its_cookies = self.any_cookies or entry.cookies == self.cookies
        return has_its_cookies and entry.vary == selecting(kept.headers, self.asked) != "*"


class Cache:
    """The stage. Use it as an async context manager: entering it makes the folder, or raises `FolderProblem`."""

    def __init__(self, cache: CacheSettings, fetch: Fetch, clock: Clock) -> None:
        self._cache = cache
        self._time = clock.time
        self._by_rules = cache.mode == "http"
        self._sends = cache.mode != "replay"
        self._store = CacheStore(cache.folder, cache.max_bytes)
        self._usual = {name: line.partition(": ")[2] for name, line in defaults(fetch.user_agent).items()}
        self._ignored = frozenset(cache.ignore_statuses) | _PASSING

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._store.open, make=self._sends)
        log.info("the cache (%s) lies in %s", self._cache.mode, self._store.folder)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._store.close()

    async def __call__(self, request: Request, send: Send) -> Response:
        """See `acrawl.fetch.base.Stage`. Raises `FetchError` (``not-cached``) for what must not be asked for."""
        question = self._question(request, send.exchange)
        if question is None:
            return await self._pass_by(request, send)
        return await (self._http(question, send) if self._by_rules else self._keep(question, send))

    # -- what is asked ----------------------------------------------------------------------------------------

    def _question(self, request: Request, exchange: Exchange) -> Question | None:
        """Look at a request; None for one that the cache has nothing to do with."""
        cache, method = self._cache, request.method.upper()
        if cache.ignore_schemes or cache.ignore_hosts:
            scheme, _, authority = request.host.partition("://")
            if scheme in cache.ignore_schemes or authority.rpartition(":")[0] in cache.ignore_hosts:
                return None
            if authority in cache.ignore_hosts:
                return None
        if self._by_rules and (method not in {"GET", "HEAD"} or request.body):
            return None
        asked = CIMultiDict({**self._usual, **(headers_of(request) or {})})
        if exchange.authorized == request.host:
            asked.setdefault("Authorization", exchange.authorization)
        if any(name.lower() in _PARTIAL for name in request.headers):
            return None
        who = _digest(" ".join(filter(None, (_who(asked.get("Authorization", "")), request.cookiejar))))
        methods = [method] if method != "HEAD" else ["GET"] if self._by_rules else ["GET", "HEAD"]
        keys = tuple(Key(_target(each, request), who) for each in methods)
        cookies, sink = _digest(asked.get("Cookie", "")), exchange.sink if request.save else None
        return Question(request, asked, method, keys, cookies, not cache.match_cookies, sink)

    async def _pass_by(self, request: Request, send: Send) -> Response:
        if not self._sends:
            raise _not_cached(send.exchange, "the cache has nothing to do with such requests")
        response = await send(request)
        if self._by_rules and invalidates(request.method.upper(), response.status):
            for url in _touched(request, response):
                await self._store.drop_all(_target("GET", Request(url)))
        return response

    # -- mode keep, mode replay -------------------------------------------------------------------------------

    async def _keep(self, question: Question, send: Send) -> Response:
        exchange, now = send.exchange, self._time()
        entry, why = await self._found(question, exchange)
        if entry is not None and (not self._sends or not 0 < self._cache.max_age < now - entry.came_at):
            exchange.spared = True
            return _answer(entry, question, exchange, "hit", entry.kept.headers)
        if not self._sends:
            raise _not_cached(exchange, why)
        response = await send(question.request)
        if response.status not in {206, 304}:
            await self._put(question, response, now, exchange)
        return response

    # -- mode http --------------------------------------------------------------------------------------------

    async def _http(self, question: Question, send: Send) -> Response:
        exchange, asked, now = send.exchange, question.asked, self._time()
        entry, _ = await self._found(question, exchange)
        kept = None
        if entry is not None:
            kept = entry.kept
            if question.is_like(entry, kept):
                # The frontier keeps a robots.txt for a day, and it should not get older (RFC 9309, 2.4).
                is_robots = question.request.url == f"{question.request.host}/robots.txt"
                verdict = judge(asked, kept, now) if not is_robots else VALIDATE
                if verdict != VALIDATE:
                    exchange.spared = True
                    return _stored(entry, kept, question, send, "hit" if verdict == FRESH else "stale", now)
        if "only-if-cached" in directives(asked):
            raise _not_cached(exchange, "the request says only-if-cached, and nothing that is stored may be used")
        if entry is None or kept is None or question.method != "GET":
            response = await send(question.request)
            await self._put(question, response, now, exchange)
            return response
        return await self._validate(question, entry, kept, send)

    async def _validate(self, question: Question, entry: Entry, kept: Kept, send: Send) -> Response:
        """Ask whether a stored answer still holds (RFC 9111, 4.3)."""
        request, now = question.request, self._time()
        is_alike = question.is_like(entry, kept)
        conditions = preconditions(kept.headers, by_tag=not is_alike)
        survives = is_alike and outlives_errors(question.asked, kept, now)
        try:
            response = await send(request.replace(headers={**request.headers, **conditions}))
        except FetchError as error:
            if not survives or error.reason not in PASSING:
                raise
            # its server is in trouble, and has said that the answer may be used all the same
            return _stored(entry, kept, question, send, "stale", self._time())
        response.request = request
        if survives and response.status in _FAILURES:
            return _stored(entry, kept, question, send, "stale", self._time())
        if not conditions or response.status != 304:
            await self._put(question, response, now, send.exchange)
            return response
        headers = freshened(kept.headers, response.headers)
        answer = _answer(entry, question, send.exchange, "revalidated", headers.copy())
        answer.latency, answer.seconds, answer.ip_address = response.latency, response.seconds, response.ip_address
        headers.popall("Set-Cookie", None)
        entry = msgspec.structs.replace(
            entry,
            headers=as_pairs(headers),
            asked_at=now,
            came_at=self._time(),
            vary=selecting(headers, question.asked),
            cookies=question.cookies,
        )
        if storable(question.asked, entry.kept):
            await self._store.put(question.keys[0], entry)
        else:
            self._store.drop(question.keys[0])
        return answer

    # -- the store --------------------------------------------------------------------------------------------

    async def _found(self, question: Question, exchange: Exchange) -> tuple[Entry | None, str]:
        """Find what is stored for a request and has what it wants; None, and why there is nothing."""
        why = "nothing is stored for it"
        for key in question.keys:
            entry = await self._store.get(key, question.request.url)
            if entry is None:
                continue
            if question.method == "HEAD":
                return entry, ""
            if entry.cut and not 0 < exchange.cut <= entry.cut:
                why = "only its beginning is stored"
            elif entry.saved != (question.request.save if question.sink is not None else False):
                why = "it is stored as a page and wanted as a file, or the other way round"
            elif entry.file is None:
                return entry, ""
            elif question.sink is not None and (file := await question.sink.kept(entry.file)) is not None:
                return msgspec.structs.replace(entry, file=file), ""
            else:
                why = "its bytes are not among the saved files any more"
        return None, why

    async def _put(self, question: Question, response: Response, asked_at: float, exchange: Exchange) -> None:
        """Store an answer, if it may be; else forget the one before, which it has replaced."""
        if response.status in self._ignored or response.unkept:
            return
        key, headers = question.keys[-1], response.headers
        came_at = self._time()
        if self._by_rules:
            kept = Kept(response.status, headers, asked_at, came_at)
            if question.method != "GET":
                return
            if not storable(question.asked, kept):
                self._store.drop(key)
                return
        if response.file is None and response.size > self._cache.max_entry:
            self._store.drop(key)
            return
        body = b"" if response.file is not None else await asyncio.to_thread(getattr, response, "body")
        stored = headers.copy()
        if question.method != "HEAD":
            stored = kept_headers(headers, response.size)
        if self._by_rules:  # a cookie of then would take the place of one of now
            stored.popall("Set-Cookie", None)
        entry = Entry(
            url=question.request.url,
            status=response.status,
            headers=as_pairs(stored),
            asked_at=asked_at,
            came_at=came_at,
            body=body,
            file=response.file,
            vary=selecting(headers, question.asked),
            cookies=question.cookies,
            cut=exchange.cut if 0 < exchange.cut <= len(body) else 0,
            saved=question.request.save if question.sink is not None else False,
        )
        await self._store.put(key, entry)


def _stored(entry: Entry, kept: Kept, question: Question, send: Send, cached: str, now: float) -> Response:
    """A stored answer that was not asked about, and says how old it is (RFC 9111, 5.1)."""
    headers = kept.headers.copy()
    headers["Age"] = str(int(age(kept, now)))
    return _answer(entry, question, send.exchange, cached, headers)


def _answer(entry: Entry, question: Question, exchange: Exchange, cached: str, headers: CIMultiDict[str]) -> Response:
    body, file = (entry.body, entry.file) if question.method != "HEAD" else (b"", None)
    if exchange.cut:
        body = body[: exchange.cut]
    request = question.request
    response = Response(request.url, status=entry.status, headers=headers, body=body, request=request, file=file)
    response.cached = cached
    return response


def _not_cached(exchange: Exchange, why: str) -> FetchError:
    exchange.spared = True
    return FetchError("not-cached", why)


def _touched(request: Request, response: Response) -> list[str]:
    """The URLs of which an answer says that they have changed: its own, and those of its origin that it names."""
    named = [response.headers.get(name, "") for name in ("Location", "Content-Location")]
    urls = [join(response.url, name) for name in named if name]
    return [request.url, *(url for url in urls if url is not None and host_of(url) == request.host)]


def _target(method: str, request: Request) -> str:
    parts = f"{method} {request.url}".encode(), request.body
    return hashlib.blake2b(b"\0".join(parts), digest_size=16).hexdigest()


def _who(authorization: str) -> str:
    """Whom credentials name. Those of Digest are others in each request; their user is the same (RFC 7616, 3.4)."""
    if not authorization.lower().startswith("digest "):
        return authorization
    return " ".join(re.findall(r'\b(?:username\*?|realm)=(?:"[^"]*"|[^,\s]*)', authorization))


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest() if text else ""
