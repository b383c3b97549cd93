"""The images, fonts and stylesheets that CSS names."""

from __future__ import annotations

import re

#: Tokens that matter, by CSS Syntax 3: comments and strings are taken whole, so that nothing inside them counts. All
#: begin with a character of one set, which is searched for in C; what begins the token is looked at from behind. A mark
#: takes all that follows and begins no other token.
_TOKEN = re.compile(
    r"""[/"'uU@(){};](?:
    (?<=/)\*(?:.*?\*/|.*)
    |(?P<string>(?<=")(?:[^"\\\n]++|\\.)*+"?|(?<=')(?:[^'\\\n]++|\\.)*+'?)
    |(?P<url>(?<=[uU])(?<![-\w].)[rR][lL]\(\s*+(?:(?P<quoted>"(?:[^"\\\n]++|\\.)*+"|'(?:[^'\\\n]++|\\.)*+')|(?P<bare>(?:[^"'()\\\s]++|\\[0-9a-fA-F]{1,6}\s?|\\.)*+))\s*+\)?)
    |(?P<at>(?<=@)[-\w]++)
    |(?P<open>(?<=\())
    |(?P<close>(?<=\)))
    |(?P<mark>(?<=[{};])[^/"'uU@()]*+))""",
    re.DOTALL | re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(?:([0-9a-fA-F]{1,6})\s?|\n|(.))", re.DOTALL)
_SET = "image-set"
_END = re.compile(r"[?#]")
_FONTS = (".woff", ".woff2", ".ttf", ".otf", ".eot")


def references(css: str) -> tuple[list[str], list[str]]:
    """Return ``(images, imports)`` of `named`: what most callers want."""
    found = named(css)
    return (
        [reference for reference, kind in found if kind == "image"],
        [reference for reference, kind in found if kind == "style"],
    )


def named(css: str) -> list[tuple[str, str]]:
    """Return each reference as written, and its kind: ``image``, ``font`` or ``style``; each once, in order.

    Images are what ``url()`` and ``image-set()`` name, wherever it stands, except fonts, fragments of the document and
    ``data:``. Styles are the targets of ``@import``. Takes time in proportion to the length. Never raises.
    """
    lower = css.lower()
    if "url(" not in lower and "image-set(" not in lower and "@import" not in lower:
        return []
    reader = _Reader(css)
    for token in _TOKEN.finditer(css):
        reader.read(token)
    return list(reader.found)


class _Reader:
    """Goes over the tokens; knows the at-rule and the functions it is in."""

    def __init__(self, css: str) -> None:
        self.found: dict[tuple[str, str], None] = {}
        self._css = css
        self._rule = ""
        self._depth = 0
        self._functions: list[bool] = []

    def read(self, token: re.Match[str]) -> None:
        kind = token.lastgroup
        if kind == "mark":
            self._mark(token[0])
        elif kind == "open":
            start = token.start()
            is_set = self._css[max(0, start - len(_SET)) : start].lower() == _SET
            if is_set or self._functions:
                self._functions.append(is_set)
        elif kind == "close":
            if self._functions:
                self._functions.pop()
        elif kind == "url":
            quoted = token["quoted"]
            self._found(plain(quoted[1:-1] if quoted else token["bare"]))
        elif kind == "string":
            if self._rule == "@import" or (self._functions and self._functions[-1]):
                self._found(plain(token[0].strip("\"'")))
        elif kind == "at":
            self._rule, self._depth = token[0].lower(), 0

    def _mark(self, text: str) -> None:
        self._functions.clear()
        if not self._rule:
            return
        for mark in text:
            if mark == "{":
                self._depth += 1
            elif mark == "}":
                self._depth -= 1
            if mark in "};" and self._depth <= 0:
                self._rule = ""
                return

    def _found(self, reference: str) -> None:
        reference = reference.strip()
        if self._rule == "@import":
            if reference:
                self.found.setdefault((reference, "style"))
            self._rule = "@import (done)"
            return
        if self._rule in ("@namespace", "@import (done)", "@charset"):
            return
        if not reference or reference[0] == "#" or reference[:5].lower() == "data:":
            return
        font = self._rule == "@font-face" or _END.split(reference, maxsplit=1)[0].lower().endswith(_FONTS)
        self.found.setdefault((reference, "font" if font else "image"))


def plain(text: str) -> str:
    """Return what a name, string or URL says: its escapes undone (CSS Syntax 3, 4.3.7)."""
    return _ESCAPE.sub(_unescape, text) if "\\" in text else text


def _unescape(match: re.Match[str]) -> str:
    if match[1] is None:
        return match[2] or ""
    code = int(match[1], 16)
    return "\ufffd" if code == 0 or code > 0x10FFFF or 0xD800 <= code <= 0xDFFF else chr(code)
