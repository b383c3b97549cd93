"""The images and stylesheets that CSS names."""

from __future__ import annotations

import re

#: Tokens that matter, by CSS Syntax 3: comments and strings are taken whole, so that nothing inside them counts.
_TOKEN = re.compile(
    r"""/\*(?:.*?\*/|.*)
    |(?P<string>"(?:[^"\\\n]++|\\.)*+"?|'(?:[^'\\\n]++|\\.)*+'?)
    |(?P<url>\burl\(\s*+(?:(?P<quoted>"(?:[^"\\\n]++|\\.)*+"|'(?:[^'\\\n]++|\\.)*+')|(?P<bare>(?:[^"'()\\\s]++|\\[0-9a-fA-F]{1,6}\s?|\\.)*+))\s*+\)?)
    |(?P<at>@[-\w]++)
    |(?P<function>[-\w]*+\()
    |(?P<mark>[){};])""",
    re.DOTALL | re.IGNORECASE | re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(?:([0-9a-fA-F]{1,6})\s?|\n|(.))", re.DOTALL)
_SETS = frozenset(("image-set(", "-webkit-image-set("))
_FONTS = (".woff", ".woff2", ".ttf", ".otf", ".eot")


def references(css: str) -> tuple[list[str], list[str]]:
    """Return ``(images, imports)`` as written, each once and in order. Never raises.

    Images are what ``url()`` and ``image-set()`` name, wherever it stands, except fonts, fragments of the document and
    ``data:``. Imports are the targets of ``@import``.
    """
    lower = css.lower()
    if "url(" not in lower and "image-set(" not in lower and "@import" not in lower:
        return [], []
    reader = _Reader()
    for token in _TOKEN.finditer(css):
        reader.read(token)
    return list(reader.images), list(reader.imports)


class _Reader:
    """Goes over the tokens; knows the at-rule and the functions it is in."""

    def __init__(self) -> None:
        self.images: dict[str, None] = {}
        self.imports: dict[str, None] = {}
        self._rule = ""
        self._depth = 0
        self._functions: list[bool] = []

    def read(self, token: re.Match[str]) -> None:
        kind = token.lastgroup
        if token["url"] is not None:
            quoted = token["quoted"]
            self._found(_plain(quoted[1:-1] if quoted else token["bare"]), quoted is not None)
        elif kind == "string":
            if self._rule == "@import" or (self._functions and self._functions[-1]):
                self._found(_plain(token[0].strip("\"'")), True)
        elif kind == "at":
            self._rule, self._depth = token[0].lower(), 0
        elif kind == "function":
            self._functions.append(token[0].lower() in _SETS)
        elif kind == "mark":
            self._mark(token[0])

    def _mark(self, mark: str) -> None:
        if mark == ")":
            if self._functions:
                self._functions.pop()
            return
        self._functions.clear()
        if mark == "{":
            self._depth += 1
        elif mark == "}":
            self._depth -= 1
        if self._depth <= 0 and mark != "{":
            self._rule = ""

    def _found(self, reference: str, quoted: bool) -> None:
        reference = reference.strip()
        if self._rule == "@import":
            if reference:
                self.imports.setdefault(reference)
            self._rule = "@import (done)"
            return
        if self._rule in ("@font-face", "@namespace", "@import (done)", "@charset"):
            return
        if not reference or reference[0] == "#" or reference[:5].lower() == "data:":
            return
        if re.split(r"[?#]", reference, maxsplit=1)[0].lower().endswith(_FONTS):
            return
        self.images.setdefault(reference)


def _plain(text: str) -> str:
    return _ESCAPE.sub(_unescape, text) if "\\" in text else text


def _unescape(match: re.Match[str]) -> str:
    if match[1] is None:
        return match[2] or ""
    code = int(match[1], 16)
    return "\ufffd" if code == 0 or code > 0x10FFFF or 0xD800 <= code <= 0xDFFF else chr(code)
