"""What was typed, as it may be shown to anybody: without what looks like a secret."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterable, Iterator

from acrawl.results.feeds.spec import shown
from acrawl.settings.masks import MASK, proxy

_SECRET = re.compile(r"pass|secret|token|auth|cookie|credential|key|login|session|signature|proxy\.urls", re.IGNORECASE)
_PARAMETER = re.compile(r"([?&;][^=&;\s]*(?:pass|secret|token|auth|key|session|sig)[^=&;\s]*=)[^&;#\s]+", re.IGNORECASE)
#: What is followed by a name and its value, and what by a place for items.
_PAIRS, _PLACES = ("-s", "--set", "-a"), ("-o", "--output")
#: A flag and one of these in one word, as in -qo; and what stands before a host that was typed without its scheme.
_JOINED, _LOGIN = re.compile(r"-(q+)([aos].*)", re.DOTALL), re.compile(r"([^\s:/@]+):[^\s/@]*@")


def shareable(typed: Iterable[str]) -> str:
    """The command line of these words, for a shell."""
    return shlex.join(["acrawl", *_masked(typed)]) if typed else ""


def _masked(typed: Iterable[str]) -> Iterator[str]:
    before = ""
    for word in itertools.chain.from_iterable(map(_apart, typed)):
        option, given = next(
            ((name, word[len(name) :]) for name in (*_PAIRS, *_PLACES) if word != name and word.startswith(name)),
            ("", word),
        )  # -sNAME=VALUE, --set=NAME=VALUE
        equals = "=" if option.startswith("--") and given.startswith("=") else ""
        value = given.removeprefix(equals)
        kind = option or before
        if kind in _PAIRS:
            value = _pair(value)
        elif kind in _PLACES:
            value = shown(value)
        yield option + equals + _url(value)
        before = word


def _apart(word: str) -> list[str]:
    joined = _JOINED.fullmatch(word)
    return [f"-{joined[1]}", f"-{joined[2]}"] if joined else [word]


def _pair(pair: str) -> str:
    name, equals, value = pair.partition("=")
    return f"{name}={MASK}" if equals and (_SECRET.search(name) or _SECRET.search(value)) else pair


def _url(text: str) -> str:
    """A URL without its password, and without the values of parameters that are named like secrets."""
    if "://" in text and "@" in text:
        text = str(proxy(text))
    elif login := _LOGIN.match(text):
        text = f"{login[1]}:{MASK}@{text[login.end() :]}"
    return _PARAMETER.sub(rf"\g<1>{MASK}", text)
