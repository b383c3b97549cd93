"""Where CSS names other files: each place can be handed another reference, and everything else stays as it is."""

from __future__ import annotations

import re
from collections.abc import Callable

from acrawl.parse.css import plain

#: Start, end (offsets of the text), and what is to stand there instead.
Edit = tuple[int, int, str]
#: Takes a reference as CSS means it, returns the one to be written in its place; None leaves it.
Replace = Callable[[str], str | None]

#: By CSS Syntax 3. Comments, strings and words are taken whole, so each character is looked at once.
_TOKEN = re.compile(
    r"""/\*(?:.*?\*/|.*)
    |(?P<string>"(?:[^"\\\n]++|\\.)*+"?|'(?:[^'\\\n]++|\\.)*+'?)
    |(?P<word>@?[-\w]++\(?)
    |(?P<mark>[(){};])""",
    re.DOTALL | re.VERBOSE,
)
_URL = re.compile(
    r"""\s*+(?:"((?:[^"\\\n]++|\\.)*+)"|'((?:[^'\\\n]++|\\.)*+)'|((?:[^"'()\\\s]++|\\[0-9a-fA-F]{1,6}\s?|\\.)*+))\s*+\)?""",
    re.DOTALL | re.VERBOSE,
)
_SPECIAL = re.compile(r"""["'()\\\s]""")
_SETS = frozenset(("image-set(", "-webkit-image-set("))
#: Rules whose texts and URLs are names and not files.
_NAMES = frozenset(("@namespace", "@charset"))


def style_edits(css: str, replace: Replace) -> list[Edit]:
    """Ask ``replace`` for each ``url()``, ``@import`` and ``image-set()`` that names a file; return what is to change.

    Never raises. What begins with ``#`` is part of the document itself, and not asked for.
    """
    lower = css.lower()
    if "url(" not in lower and "image-set(" not in lower and "@import" not in lower:
        return []
    reader = _Reader(css, replace)
    position = 0
    while (token := _TOKEN.search(css, position)) is not None:
        position = reader.read(token)
    return reader.edits


class _Reader:
    """Goes over the tokens; knows the at-rule and the functions it is in."""

    def __init__(self, css: str, replace: Replace) -> None:
        self.edits: list[Edit] = []
        self._css = css
        self._replace = replace
        self._rule = ""
        self._functions: list[str] = []

    def read(self, token: re.Match[str]) -> int:
        """Take a token; return where the next one may begin."""
        kind, text = token.lastgroup, token[0]
        if kind == "word":
            return self._word(text.lower(), token.end())
        if kind == "string":
            if self._rule == "@import" or (self._functions and self._functions[-1] in _SETS):
                closed = len(text) > 1 and text[-1] == text[0]
                self._found(token.start() + 1, token.end() - closed)
        elif kind == "mark":
            self._mark(text)
        return token.end()

    def _word(self, word: str, end: int) -> int:
        if word == "url(":
            url = _URL.match(self._css, end)
            if url is None:
                return end
            group = next((n for n in (1, 2, 3) if url[n] is not None), 3)
            self._found(*url.span(group))
            return url.end()
        if word.endswith("("):
            self._functions.append(word)
        elif word[0] == "@":
            self._rule = word
        return end

    def _mark(self, mark: str) -> None:
        if mark == "(":
            self._functions.append(mark)
        elif mark == ")":
            if self._functions:
                self._functions.pop()
        else:
            self._functions.clear()
            self._rule = ""

    def _found(self, start: int, end: int) -> None:
        if self._rule in _NAMES:
            return
        if self._rule == "@import":
            self._rule = "@import (done)"  # what follows are its conditions
        reference = plain(self._css[start:end]).strip()
        if not reference or reference[0] == "#":
            return
        new = self._replace(reference)
        if new is not None:
            self.edits.append((start, end, _SPECIAL.sub(r"\\\g<0>", new)))


def applied(text: str, edits: list[Edit]) -> str:
    """The text with its edits, which are in order and do not overlap."""
    parts: list[str] = []
    last = 0
    for start, end, new in edits:
        parts += (text[last:start], new)
        last = end
    return "".join([*parts, text[last:]])
