"""robots.txt by RFC 9309, read the way the large crawlers read it.

`parse` keeps the rules of the one group that concerns a product, so that they are small enough to travel with every
ticket; `Rules.allowed` answers for a URL. The longest matching rule decides and allow wins a tie (2.2.2). Lines are
read leniently: a missing colon, ``Dissalow`` and the like are what webmasters meant.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from acrawl.url import join

#: Bytes of a robots.txt that are read (RFC 9309, 2.5 asks for at least this).
MAX_BYTES = 500 * 1024
_MAX_LINE = 2083 * 8
_MAX_SITEMAPS = 1000
_LINE_END = re.compile(rb"\r\n|\r|\n")
_LINE = re.compile(
    r"\s*+(?:(?P<agent>user-?\s?agent)|(?P<allow>allow)|(?P<disallow>diss?all?ow|disalow|diasllow|disallaw)"
    r"|(?P<sitemap>site-?map)|(?P<delay>crawl-?delay))(?:\s*+:|\s)\s*+(?P<value>.*)",
    re.IGNORECASE | re.DOTALL,
)
#: A comment after a URL, in which a ``#`` begins a fragment.
_COMMENT = re.compile(r"\s#")
_TOKEN = re.compile(r"[a-zA-Z_-]*")
_ESCAPE = re.compile(r"%([0-9a-fA-F]{2})")
_AFTER_HOST = re.compile(r"[/?;#]")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_INDEX = "/index.html"


class Rules(msgspec.Struct, frozen=True, array_like=True, dict=True):
    """What one robots.txt asks of one product: ``(pattern, allowed)`` rules, and a delay in seconds.

    The compiled form is made at the first question and kept beside the fields; it is never encoded.
    """

    rules: list[tuple[str, bool]] = []
    crawl_delay: float | None = None

    def allowed(self, url: str) -> bool:
        """Whether the product may request an absolute URL. ``/robots.txt`` itself always may be."""
        if not self.rules:
            return True
        path = _path(url)
        return path == "/robots.txt" or self._matcher(path)

    def decisive(self, url: str) -> str:
        """The line that decides about a URL, as in ``Disallow: /private/``; empty when none of them concerns it.

        For people: it takes time linear in the number of rules.
        """
        path = _path(url)
        for pattern, allow in self.rules:  # `parse` has put the strongest first
            rule = _wild(pattern, allow)
            if path.startswith(rule.first) and _matches(rule, path):
                return f"{'Allow' if allow else 'Disallow'}: {pattern}"
        return ""

    @functools.cached_property
    def _matcher(self) -> _Matcher:
        return _Matcher(self.rules)


#: No robots.txt, or one that cannot be found (4xx): everything may be requested.
ALLOW_ALL = Rules()
#: A robots.txt that could not be had (5xx, unreachable): nothing may be requested.
DISALLOW_ALL = Rules([("/", False)])

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Rules)


def encode(rules: Rules) -> bytes:
    """Return the rules as bytes that `decode` reads."""
    return _encoder.encode(rules)


@functools.lru_cache(1024)
def decode(encoded: bytes) -> Rules:
    """Read what `encode` wrote; the same bytes give the same object. Raises `msgspec.DecodeError`."""
    return _decoder.decode(encoded)


def parse(body: bytes, product: str) -> Rules:
    """Return what a robots.txt asks of ``product`` (``acrawl``). Never raises.

    The group that names the product counts, several such groups as one; without any, the groups of ``*``. Bytes after
    the first 500 KiB are not read.
    """
    reader = _Reader(product.lower())
    for line in _lines(body):
        reader.read(line.partition("#")[0])
    group = reader.own if reader.named else reader.other
    best: dict[str, bool] = {}
    for pattern, allow in group.rules:
        best[pattern] = best.get(pattern, False) or allow
    ordered = sorted(best.items(), key=lambda rule: (-len(rule[0]), not rule[1]))
    return Rules(ordered, group.delay)


def sitemaps(body: bytes, url: str) -> list[str]:
    """Return the sitemaps that a robots.txt names, absolute, each once, at most 1000. ``url`` is where it came from.

    They belong to no group and may lie at other hosts (sitemaps.org, "Specifying the Sitemap location in your
    robots.txt file"). Never raises.
    """
    found: dict[str, None] = {}
    for line in _lines(body):
        match = _LINE.match(line)
        if match is not None and match["sitemap"] and len(found) < _MAX_SITEMAPS:
            words = _COMMENT.split(match["value"], maxsplit=1)[0].split()
            named = join(url, words[0]) if len(words) == 1 else None
            if named is not None:
                found[named] = None
    return list(found)


def _lines(body: bytes) -> Iterator[str]:
    for line in _LINE_END.split(body[:MAX_BYTES].removeprefix(b"\xef\xbb\xbf")):
        yield line[: _MAX_LINE - 1].decode("utf-8", "surrogateescape")


class _Group:
    """The rules and the delay collected for one kind of agent line."""

    def __init__(self) -> None:
        self.rules: list[tuple[str, bool]] = []
        self.delay: float | None = None


class _Reader:
    """Reads line by line; knows which groups the present line belongs to."""

    def __init__(self, product: str) -> None:
        self.product = product
        self.own = _Group()
        self.other = _Group()
        self.named = False
        self._current: list[_Group] = []
        self._in_rules = True

    def read(self, line: str) -> None:
        match = _LINE.match(line)
        if match is None:
            return
        value = match["value"].strip()
        kind = next(name for name in ("agent", "allow", "disallow", "sitemap", "delay") if match[name])
        if kind == "agent":
            self._agent(value)
        elif kind == "delay":
            self._delay(value)
        elif kind != "sitemap":  # they belong to no group: see `sitemaps`
            self._rule(value, kind == "allow")

    def _agent(self, value: str) -> None:
        if self._in_rules:
            self._current, self._in_rules = [], False
        if value == "*" or (value[:1] == "*" and value[1:2].isspace()):
            self._current.append(self.other)
            return
        token = _TOKEN.match(value)
        if token and token[0] and token[0].lower() == self.product:
            self.named = True
            self._current.append(self.own)

    def _delay(self, value: str) -> None:
        try:
            seconds = float(value)
        except ValueError:
            return  # a delay that is no number asks for nothing
        if math.isfinite(seconds) and seconds >= 0:
            for group in self._current:
                group.delay = max(seconds, group.delay or 0.0)

    def _rule(self, value: str, allow: bool) -> None:
        self._in_rules = True
        if not value or not self._current:
            return
        pattern = _normal(value)
        rules = [(pattern, allow)]
        if allow and pattern.endswith(_INDEX):
            rules.append((pattern[: 1 - len(_INDEX)] + "$", True))
        for group in self._current:
            group.rules.extend(rules)


class _Wild(NamedTuple):
    """A pattern with ``*`` or a final ``$``: what must stand first, then anywhere in order, then last."""

    length: int
    allow: bool
    first: str
    middle: tuple[str, ...]
    last: str | None


class _Matcher:
    """Answers for a path in time linear in its length and in the number of patterns with wildcards.

    Plain prefixes, however many, are looked up by their lengths. Wildcards are matched by taking each piece at its
    first place after the one before, which needs no backtracking.
    """

    __slots__ = ("_lengths", "_plain", "_wild")

    def __init__(self, rules: list[tuple[str, bool]]) -> None:
        self._plain: dict[str, bool] = {}
        self._wild: list[_Wild] = []
        for pattern, allow in rules:
            if "*" in pattern or pattern.endswith("$"):
                self._wild.append(_wild(pattern, allow))
            else:
                self._plain[pattern] = allow
        self._wild.sort(key=lambda rule: (-rule.length, not rule.allow))
        self._lengths = sorted({len(pattern) for pattern in self._plain}, reverse=True)

    def __call__(self, path: str) -> bool:
        size, best, verdict = len(path), -1, True
        plain = self._plain
        for length in self._lengths:
            if length <= size:
                found = plain.get(path[:length])
                if found is not None:
                    best, verdict = length, found
                    break
        for rule in self._wild:
            length, allow, first, _, _ = rule
            if length < best or (length == best and (verdict or not allow)):
                break
            if path.startswith(first) and _matches(rule, path):
                return allow
        return verdict


def _wild(pattern: str, allow: bool) -> _Wild:
    anchored = pattern.endswith("$")
    first, *rest = (pattern[:-1] if anchored else pattern).split("*")
    if not rest:
        return _Wild(len(pattern), allow, first, (), "" if anchored else None)
    last = rest.pop() if anchored else None
    return _Wild(len(pattern), allow, first, tuple(filter(None, rest)), "*" + last if last is not None else None)


def _matches(rule: _Wild, path: str) -> bool:
    """Whether a path that begins with the rule's first piece has the others in order."""
    position = len(rule.first)
    for piece in rule.middle:
        position = path.find(piece, position)
        if position < 0:
            return False
        position += len(piece)
    if rule.last is None:
        return True
    if not rule.last:
        return position == len(path)
    tail = rule.last[1:]
    return path.endswith(tail) and len(path) - len(tail) >= position


def _path(url: str) -> str:
    """Return path and query of an absolute URL, percent-encoded in one way; ``/`` when it has none."""
    start = url.find("://")
    start = start + 3 if start >= 0 else (2 if url.startswith("//") else 0)
    cut = _AFTER_HOST.search(url, start)
    path = url[cut.start() :].partition("#")[0] if cut else "/"
    return _normal(path if path.startswith("/") else "/" + path)


def _normal(text: str) -> str:
    """Return a path or pattern with unreserved characters bare and all others percent-encoded (RFC 9309, 2.2.2)."""
    if "%" in text:
        text = _ESCAPE.sub(_unescape, text)
    if not text.isascii():
        text = "".join(
            char if char < "\x80" else "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogateescape"))
            for char in text
        )
    return text


def _unescape(match: re.Match[str]) -> str:
    char = chr(int(match[1], 16))
    return char if char in _UNRESERVED else match[0].upper()
